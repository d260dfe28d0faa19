"""Every number of one text in its family: by name, with what it is made from and who uses it."""

from __future__ import annotations

import gc
import math
import random
from array import array
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microgpt import (
    ModelConfig,
    OptimizerConfig,
    ScalarEngine,
    parameter_layout,
)
from microgpt.autograd import Value
from microgpt.graph import Graph, estimated_size
from microgpt.scalar_engine import sum_values
from microgpt.trace import LARGEST, TooLargeError, run_lines
from tests.microgpt.small import ANATOMY, SMALL, TEXT, WEIGHTS, weights_of


def test_graphs_of_several_threads_are_not_mixed_up(graph: Graph) -> None:
    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(lambda _: Graph(SMALL, WEIGHTS, TEXT), range(3)))
    for other in made:
        assert operations(other) == operations(graph)
        assert other.value(other.loss) == graph.value(graph.loss)


def operations(graph: Graph) -> list[str]:
    return [graph.operation(node) for node in range(len(graph))]


def test_a_graph_that_is_dropped_leaves_nothing_to_the_collector(graph: Graph) -> None:
    gc.collect()
    other, runs = Graph(SMALL, WEIGHTS, TEXT), run_lines(ANATOMY, 1)
    assert len(other) == len(graph) and runs
    del other, runs
    assert gc.collect() < 100, "not its thousands of numbers"


def test_the_nodes_are_the_same_whatever_the_weights(graph: Graph) -> None:
    for weights in ([math.nan] * len(WEIGHTS), [0.0] * len(WEIGHTS)):
        other = Graph(SMALL, weights, TEXT)
        assert len(other) == len(graph) and other.loss == graph.loss
        for node in range(len(graph)):
            assert other.name(node) == graph.name(node)
            assert other.operation(node) == graph.operation(node)
            children = [sorted(child for child, _ in g.children(node)) for g in (other, graph)]
            assert children[0] == children[1]


def test_weights_come_first_in_parameter_order_and_are_named_by_row_and_column(
    graph: Graph,
) -> None:
    for spec in parameter_layout(SMALL):
        for i in range(spec.size):
            name = f"{spec.name}[{i // spec.columns}][{i % spec.columns}]"
            assert graph.name(spec.offset + i) == name
            assert graph.value(spec.offset + i) == WEIGHTS[spec.offset + i]
            assert graph.operation(spec.offset + i) == "weight"


def test_a_name_finds_the_number_that_bears_it(graph: Graph) -> None:
    named = [node for node in range(len(graph)) if graph.name(node)]
    assert len(named) > 800
    assert [graph.find(graph.name(node)) for node in named] == named
    assert graph.name(graph.loss) == "loss"
    assert graph.find(" losses[2] ") == graph.find("losses[2]")
    residual = graph.find("x_residual layer 0 position 1 [2]")
    assert graph.name(residual) == "x#2 position 1 [2]", "two names for one number"


@pytest.mark.parametrize(
    "name",
    ["", "losses", "losses[4]", "losses[99999999999]", "loss[0]", "layer0.attn_wq[4][0]",
     "layer0.attn_wq[0]", "layer0.attn_wq[-1][0]", "q layer 0 position 9 [0]", "[0]", "\n",
     "weights", "[1]" * 10**5, "loss" + " " * 999 + "x"],
)  # fmt: skip
def test_a_name_that_nothing_bears_is_said(graph: Graph, name: str) -> None:
    with pytest.raises(LookupError, match="there is no number called"):
        graph.find(name)


@pytest.mark.parametrize("node", [-1, 10**6])
def test_a_node_that_is_not_there_is_said(graph: Graph, node: int) -> None:
    for ask in (graph.value, graph.gradient, graph.operation, graph.children, graph.users,
                graph.users_count, graph.children_count, graph.name):  # fmt: skip
        with pytest.raises(IndexError, match="there is no number"):
            ask(node)


def test_every_number_is_what_its_operation_makes_of_its_children(graph: Graph) -> None:
    values = [graph.value(node) for node in range(len(graph))]
    made_again = [
        formula(values) if formula else value
        for formula, value in zip(formulas(graph), values, strict=True)
    ]
    assert values == pytest.approx(made_again, abs=1e-12)
    found = {graph.operation(node) for node in range(len(graph))}
    assert found == {"Σ", "+", "×", "exp", "relu", "log", "power", "weight", "constant"}


Formula = Callable[[list[float]], float]


def formulas(graph: Graph) -> list[Formula | None]:
    """For each node what makes it from all the values before it; None for what is given."""

    def formula(node: int) -> Formula | None:
        children = graph.children(node)
        at = [child for child, _ in children]
        match graph.operation(node):
            case "Σ" | "+":
                return lambda now: math.fsum(now[child] for child in at)
            case "×":
                return lambda now: now[at[0]] * now[at[-1]]  # one child: it is squared
            case "exp":
                return lambda now: math.exp(now[at[0]])
            case "log":
                return lambda now: math.log(now[at[0]])
            case "relu":
                return lambda now: max(0.0, now[at[0]])
            case "power":
                slope, base = children[0][1], graph.value(at[0])
                exponent = round(slope * base / graph.value(node), 6)
                return lambda now: now[at[0]] ** exponent
        return None

    return [formula(node) for node in range(len(graph))]


def test_the_terms_of_a_sum_add_up_to_it_the_largest_first(graph: Graph) -> None:
    sums = [node for node in range(len(graph)) if graph.operation(node) == "Σ"]
    assert len(sums) > 100
    for node in sums:
        terms = [graph.value(child) for child, _ in graph.children(node)]
        assert len(terms) == graph.children_count(node) >= 3
        assert sum(terms) == pytest.approx(graph.value(node), abs=1e-12)
        assert [abs(term) for term in terms] == sorted(map(abs, terms), reverse=True)
        assert {local for _, local in graph.children(node)} == {1.0}
    [mean, _] = graph.children(graph.loss)
    assert {graph.name(child) for child, _ in graph.children(mean[0])} == {
        f"losses[{position}]" for position in range(4)
    }


def test_users_are_those_that_use_it(graph: Graph) -> None:
    used: dict[int, list[int]] = {node: [] for node in range(len(graph))}
    for node in range(len(graph)):
        children = {child for child, _ in graph.children(node)}
        assert all(child < node for child in children), "made before"
        for child in children:
            used[child].append(node)
    for node, users in used.items():
        assert graph.users_count(node) == len(users)
    most = max(used, key=lambda node: len(used[node]))
    for node in [most, *random.Random(2).sample(range(len(graph)), 60)]:
        assert graph.users(node) == used[node]
    assert graph.users(graph.loss) == []
    assert graph.users_count(graph.find("wte[0][0]")) == 1, "the letter stands once in the text"


def test_a_gradient_is_what_a_nudge_does_to_the_loss(graph: Graph) -> None:
    """For a weight the whole model is computed anew, for another number all that follows."""
    step = 1e-5
    rng = random.Random(3)
    made_by = formulas(graph)
    values = [graph.value(node) for node in range(len(graph))]
    named = [node for node in range(len(graph)) if graph.name(node)]
    inner = [node for node in named if graph.operation(node) != "weight"]
    for node in [graph.loss, *rng.sample(inner, 12), *rng.sample(range(len(graph)), 6)]:
        losses = []
        for h in (step, -step):
            now = list(values)
            now[node] += h
            for after in range(node + 1, len(graph)):
                if formula := made_by[after]:
                    now[after] = formula(now)
            losses.append(now[graph.loss])
        slope = (losses[0] - losses[1]) / (2 * step)
        assert graph.gradient(node) == pytest.approx(slope, abs=1e-6)
    for node in rng.sample(range(len(WEIGHTS)), 5):
        losses = []
        for h in (step, -step):
            weights = list(WEIGHTS)
            weights[node] += h
            nudged = Graph(SMALL, weights, TEXT, backward=False)
            losses.append(nudged.value(nudged.loss))
        slope = (losses[0] - losses[1]) / (2 * step)
        assert graph.gradient(node) == pytest.approx(slope, abs=1e-6)


def test_losses_and_gradients_are_those_of_a_step_of_the_engine(graph: Graph) -> None:
    engine = ScalarEngine(SMALL, OptimizerConfig(), array("d", WEIGHTS))
    [losses] = engine.loss_and_gradients([TEXT])
    assert [graph.value(graph.find(f"losses[{p}]")) for p in range(4)] == losses
    gradients = [graph.gradient(node) for node in range(len(WEIGHTS))]
    assert gradients == pytest.approx(list(engine.read("gradients")), rel=1e-12, abs=1e-15)


def test_a_gradient_is_the_sum_over_those_who_use_it(graph: Graph) -> None:
    for node in range(0, len(graph), 31):
        total = sum(
            local * (graph.gradient(user) or 0.0)
            for user in graph.users(node)
            for child, local in graph.children(user)
            if child == node
        )
        if node != graph.loss:
            assert graph.gradient(node) == pytest.approx(total, abs=1e-12)


def test_there_is_no_gradient_before_backward() -> None:
    graph = Graph(SMALL, WEIGHTS, TEXT, backward=False)
    assert not graph.walked and graph.gradient(graph.loss) is None and graph.gradient(0) is None
    graph.backward()
    once = [graph.gradient(node) for node in range(len(WEIGHTS))]
    graph.backward()
    assert graph.gradient(graph.loss) == 1.0
    assert [graph.gradient(node) for node in range(len(WEIGHTS))] == once, "only once"


# ---------------------------------------------------------------- another text on the same tape


@given(
    texts=st.lists(st.lists(st.integers(0, 4), min_size=2, max_size=5), min_size=2, max_size=5),
    seed=st.integers(1, 99),
    config=st.sampled_from([SMALL, ModelConfig(5, n_embd=2, n_head=1, n_layer=1, block_size=4)]),
)
@settings(max_examples=15, deadline=None)
def test_a_text_is_the_same_on_the_tape_of_others_and_on_its_own(
    texts: list[list[int]], seed: int, config: ModelConfig
) -> None:
    """Longer and shorter ones, with other weights."""
    tape = None
    for count, text in enumerate(texts):
        weights = weights_of(config, seed + count)
        again = Graph(config, weights, text, tape=tape)
        tape, alone = again.tape, Graph(config, weights, text)
        engine = ScalarEngine(config, OptimizerConfig(), array("d", weights))
        [losses] = engine.loss_and_gradients([text])
        assert [again.value(again.find(f"losses[{p}]")) for p in range(len(losses))] == losses
        gradients = [again.gradient(node) for node in range(len(weights))]
        assert gradients == pytest.approx(list(engine.read("gradients")), rel=1e-9, abs=1e-13)
        assert family(again) == family(alone)


def family(graph: Graph) -> list[object]:
    """All that a graph says of each number."""
    return [
        (graph.name(node), graph.operation(node), graph.value(node), graph.gradient(node),
         graph.children(node), graph.users(node), graph.users_count(node))
        for node in range(len(graph))
    ]  # fmt: skip


def test_the_tape_has_the_floats_of_the_scalar_engine_for_large_numbers_too() -> None:
    """Numbers that overflow, and nan, are made as the engine makes them."""
    tape = Graph(SMALL, WEIGHTS, TEXT).tape
    for scale in (300.0, 1e160, math.nan):
        weights = [weight * scale for weight in WEIGHTS]
        again, alone = Graph(SMALL, weights, TEXT, tape=tape), Graph(SMALL, weights, TEXT)
        engine = ScalarEngine(SMALL, OptimizerConfig(), array("d", weights))
        found = [again.value(again.find(f"losses[{p}]")) for p in range(4)]
        assert repr(found) == repr(engine.losses([TEXT])[0])
        assert repr(family(again)) == repr(family(alone))


def test_a_term_of_a_sum_that_is_used_elsewhere_has_both_gradients() -> None:
    def twice(self: ScalarEngine, token: int, *_: Any) -> list[Value]:
        row = self._state_dict["wte"][token]
        squares = [x * x for x in [each + 0.0 for each in row]]
        total = sum_values(squares)
        return [*(total * square for square in squares), total]

    graph = Graph(SMALL, WEIGHTS, [1, 4, 1], twice)
    step = 1e-6
    for node in range(20):
        nudged = []
        for h in (step, -step):
            weights = list(WEIGHTS)
            weights[node] += h
            other = Graph(SMALL, weights, [1, 4, 1], twice, tape=graph.tape)
            nudged.append(other.value(other.loss))
        slope = (nudged[0] - nudged[1]) / (2 * step)
        assert graph.gradient(node) == pytest.approx(slope, rel=1e-5, abs=1e-6)


# ---------------------------------------------------------------- size


@pytest.mark.parametrize(
    ("config", "length"),
    [(SMALL, 4), (SMALL, 1), (ModelConfig(27), 2), (ModelConfig(60, n_embd=8, n_layer=3), 2)],
)
def test_the_size_is_known_before(config: ModelConfig, length: int) -> None:
    graph = Graph(config, weights_of(config), [*range(1, length + 1), 0], backward=False)
    assert estimated_size(config, length) == pytest.approx(len(graph), rel=0.1)


def test_a_graph_that_would_be_too_large_is_not_begun() -> None:
    config = ModelConfig(27, n_embd=256, n_layer=8, block_size=64)

    class Unread(list[float]):
        def __iter__(self) -> Any:
            raise AssertionError("the weights were read")

    with pytest.raises(TooLargeError, match="are the most") as caught:
        Graph(config, Unread(), [0] * 65)
    assert caught.value.estimate == estimated_size(config, 64) > LARGEST
