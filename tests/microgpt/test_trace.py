"""The lines of `gpt` as they are run, and the graph of its numbers, whatever its source says."""

from __future__ import annotations

import gc
import inspect
import itertools
import math
import random
import re
import sys
import textwrap
from array import array
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from microgpt import (
    ModelConfig,
    OptimizerConfig,
    ScalarEngine,
    initial_weights,
    parameter_layout,
    scalar_engine,
)
from microgpt.anatomy import dissect
from microgpt.autograd import Value
from microgpt.graph import Graph, estimated_size
from microgpt.trace import LARGEST, Run, TooLargeError, run_lines, source_of

SMALL = ModelConfig(5, n_embd=4, n_head=2, n_layer=2, block_size=4)
TEXT = [0, 1, 2, 2, 3]


def weights_of(config: ModelConfig, seed: int = 1) -> list[float]:
    rng = random.Random(seed)
    return [weight * 4 for weight in initial_weights(config, rng)]


WEIGHTS = weights_of(SMALL)
ANATOMY = dissect(SMALL, WEIGHTS, TEXT)


@pytest.fixture(scope="module")
def graph() -> Graph:
    return Graph(SMALL, WEIGHTS, TEXT)


@pytest.fixture
def edited(tmp_path: Path) -> Callable[..., Any]:
    """A copy of `gpt` whose source was edited, from a file as any other source."""
    count = itertools.count()

    def edit(change: Callable[[str], str]) -> Any:
        path = tmp_path / f"copy{next(count)}.py"
        path.write_text(change(textwrap.dedent(inspect.getsource(ScalarEngine.gpt))))
        names = dict(vars(scalar_engine))
        exec(compile(path.read_text(), str(path), "exec"), names)
        return names["gpt"]

    return edit


def made(runs: list[Run], name: str, words: str = "") -> list[Any]:
    """What each run of a line in that context made under a name."""
    return [each for run in runs for each in run.made if each.name == name and run.words == words]


# ---------------------------------------------------------------- the lines


def test_the_source_is_that_of_the_installed_function() -> None:
    own = textwrap.dedent(inspect.getsource(ScalarEngine.gpt)).splitlines()
    assert list(source_of(ScalarEngine.gpt).lines) == own


def test_every_statement_is_shown_where_it_stands_and_with_its_loops(graph: Graph) -> None:
    lines = graph.source.lines
    assert [len(runs) > 20 for runs in graph.runs] == [True] * 4, "one run for each position"
    for run in graph.runs[2]:
        assert lines[run.first].strip() and not lines[run.first].strip().startswith(("#", '"""'))
        for each in run.made:
            own = "\n".join(lines[run.first : run.last + 1])
            assert each.name in own, "a name stands in the lines that made it"
    contexts = {run.words for run in graph.runs[0]}
    layers = {f"layer {layer}" for layer in range(2)}
    assert contexts == {"", *layers, *(f"{layer}, h {h}" for layer in layers for h in range(2))}
    assert [each.value for each in made(graph.runs[0], "h", "layer 1")] == [0, 1]


def test_a_name_has_the_value_that_it_had_then(graph: Graph) -> None:
    """Lists that grow later are shown as they were."""
    sizes = [made(runs, "cache.keys[layer]", "layer 0")[0].shape for runs in graph.runs]
    assert sizes == [(1, 4), (2, 4), (3, 4), (4, 4)]
    found = [each.shape for each in made(graph.runs[0], "x_attn", "layer 0")]
    assert found == [(0,)], "empty, before the first head"
    assert made(graph.runs[0], "x_attn", "layer 0, h 1")[0].shape == (4,)
    assert made(graph.runs[0], "head", "layer 0, h 1")[0].value == slice(2, 4)
    assert made(graph.runs[0], "head", "layer 0, h 1")[0].shape is None
    assert made(graph.runs[0], "return")[0].shape == (5,)


def test_one_position_alone_makes_what_it_makes_in_the_whole_text(graph: Graph) -> None:
    for position, whole in enumerate(graph.runs):
        alone = run_lines(ANATOMY, position)
        assert [(r.first, r.last, r.context) for r in alone] == [
            (r.first, r.last, r.context) for r in whole
        ]
        for run, other in zip(alone, whole, strict=True):
            for one, two in zip(run.made, other.made, strict=True):
                assert (one.name, one.shape) == (two.name, two.shape)
                assert plain(one.numbers()) == pytest.approx(plain(two.numbers()), abs=1e-12)
    with pytest.raises(IndexError, match=r"0 \.\.\. 3"):
        run_lines(ANATOMY, 4)


def plain(numbers: list[Any]) -> list[float]:
    return [each.data if isinstance(each, Value) else each for each in numbers]


def test_an_edited_copy_is_followed(edited: Callable[..., Any], graph: Graph) -> None:
    renamed = edited(lambda source: re.sub(r"\bx\b", "stream", source).replace("range(self", "(\n"
                     "            range)(self"))  # fmt: skip
    other = Graph(SMALL, WEIGHTS, TEXT, renamed)
    assert made(other.runs[0], "stream") and not made(other.runs[0], "x")
    assert other.value(other.find("stream#3 layer 1 position 2 [3]")) == graph.value(
        graph.find("x#3 layer 1 position 2 [3]")
    )
    with pytest.raises(LookupError):
        other.find("x#3 layer 1 position 2 [3]")

    longer = edited(
        lambda source: source.replace(
            "    return ",
            "    for turn in range(3):\n        doubled = [\n            a + a\n"
            "            for a in x\n        ]\n    return ",
        )
    )
    runs = run_lines(ANATOMY, 1, longer)
    doubled = [made(runs, "doubled", f"turn {turn}") for turn in range(3)]
    assert [len(each) for each in doubled] == [1, 1, 1]
    lines = [(run.first, run.last) for run in runs if run.words == "turn 1"]
    shown = source_of(longer).lines[lines[0][0] : lines[0][1] + 1]
    assert [line.strip() for line in shown] == ["doubled = [", "a + a", "for a in x", "]"]

    moved = edited(lambda source: source.replace("        head_dim = ", "        dim = ").replace(
        "    weights = self._state_dict\n    head_dim = self.config.head_dim\n",
        "    head_dim = self.config.head_dim\n    # a remark\n\n    weights = self._state_dict\n",
    ))  # fmt: skip
    first, second = run_lines(ANATOMY, 0, moved)[:2]
    assert ([m.name for m in first.made], [m.name for m in second.made]) == (
        ["head_dim"],
        ["weights"],
    )
    assert second.first - first.first == 3


def test_only_the_outermost_call_is_followed(edited: Callable[..., Any]) -> None:
    again = "    if not position: gpt(self, token, 1, KVCache(2))\n    return "
    calls_itself = edited(lambda source: source.replace("    return ", again))
    runs = run_lines(ANATOMY, 0, calls_itself)
    assert len(made(runs, "head_dim")) == 1
    assert len(Graph(SMALL, WEIGHTS, TEXT, calls_itself).runs) == 4


STRANGE = '''
def gpt(self, token, position, cache):
    """A function with every kind
of statement."""
    x = self._state_dict["wte"][token]; y = x[0]
    (a, *rest), cache.extra = (1, 2, 3), {"k": [y]}
    cache.extra["k"].append(y + y); cache.extra["k"][0] = y * y
    for i, each in enumerate(x):
        if i > 1: break
        a += i
    else:
        a = -1
    for each in x:
        while (a := a - 1) > 0: pass
        last = each
    while a < 2:
        a += 1
    try:
        with open(
            __file__
        ) as file, memoryview(b""):
            raise KeyError
    except KeyError:
        def inner(z=a): return z
    total = sum(
        n
        for n in range(3)
        if n
    ); lists = [
        [m for m in range(2)]
        for _ in range(2)
    ]
    try:
        while True:
            rest.pop()
    except IndexError:
        pass
    match lists:
        case [[0, 1], _]:
            lists[0] += [2]
    if a: return x
'''


def test_every_kind_of_statement_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "strange.py"
    path.write_text(STRANGE)
    names: dict[str, Any] = {"__file__": str(path)}
    exec(compile(STRANGE, str(path), "exec"), names)
    runs = run_lines(ANATOMY, 0, names["gpt"])
    told = [(run.words, each.name, each.value) for run in runs for each in run.made]

    def values(name: str) -> list[Any]:
        return [(words, value) for words, own, value in told if own == name]

    popped: list[list[int]] = [[2, 3], [2], [], []]
    assert values("rest") == [("", rest) for rest in popped] and values("y")
    assert [len(v) for _, v in values("cache.extra['k']")] == [2]
    assert values("i") == [("", 0), ("", 1), ("", 2)]
    assert values("a") == [
        ("", 1), ("i 0", 1), ("i 1", 2), ("each 0", 0), ("each 1", -1), ("each 2", -2),
        ("each 3", -3), *(("", a) for a in range(-2, 3)),
    ]  # fmt: skip
    assert [words for words, _ in values("last")] == [f"each {turn}" for turn in range(4)]
    assert values("total") == [("", 3)]
    assert values("lists") == [("", [[0, 1], [0, 1]])]
    assert values("lists[0]") == [("", [0, 1, 2])]
    assert len(values("inner")) == 1 and len(values("file")) == 1
    assert [words for words, _ in values("return")] == [""]


def test_a_debugger_goes_on_as_if_nothing_had_been() -> None:
    """Its hook stays, and it sees the end of each call whose beginning it saw, and true lines."""
    earlier = sys.gettrace()
    calls: list[str] = []
    lines: list[int] = []

    def debugger(frame: Any, event: str, _: Any) -> Any:
        if event == "call":
            calls.append(frame.f_code.co_name)
        elif event == "return":
            assert calls.pop() == frame.f_code.co_name
        elif frame.f_code.co_name == "gpt":
            lines.append(frame.f_lineno)
        return debugger

    def fails(*_: Any) -> Any:
        raise ZeroDivisionError

    text, start = inspect.getsourcelines(ScalarEngine.gpt)
    sys.settrace(debugger)
    try:
        Graph(SMALL, WEIGHTS, TEXT[:2])
        assert sys.gettrace() is debugger and calls == []
        with pytest.raises(ZeroDivisionError):
            Graph(SMALL, WEIGHTS, TEXT, fails)
        lines.clear()
        runs = run_lines(ANATOMY, 0)
        assert sys.gettrace() is debugger and calls == []
    finally:
        sys.settrace(earlier)
    assert {start + run.first for run in runs} <= set(lines) <= {*range(start, start + len(text))}


def test_an_error_in_the_function_tells_its_line_and_leaves_nothing_changed(
    edited: Callable[..., Any],
) -> None:
    before = [dict(vars(each)) for each in (Value, scalar_engine)]
    collecting = gc.isenabled()
    fails = edited(lambda source: source.replace("    x = rmsnorm(x)\n\n", "    x = x.nothing\n\n"))
    for follow in (
        lambda: Graph(SMALL, WEIGHTS, TEXT, fails),
        lambda: run_lines(ANATOMY, 1, fails),
    ):
        with pytest.raises(AttributeError) as caught:
            follow()
        last = caught.traceback[-1]
        assert str(last.statement).strip() == "x = x.nothing" and last.name == "gpt"
        assert [dict(vars(each)) for each in (Value, scalar_engine)] == before
        assert gc.isenabled() == collecting
    assert Graph(SMALL, WEIGHTS, TEXT).operation(0) == "weight"


def test_graphs_of_several_threads_are_not_mixed_up(graph: Graph) -> None:
    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(lambda _: Graph(SMALL, WEIGHTS, TEXT), range(3)))
    for other in made:
        assert other._operations == graph._operations
        assert other.value(other.loss) == graph.value(graph.loss)


def test_a_graph_that_is_dropped_leaves_nothing_to_the_collector(graph: Graph) -> None:
    gc.collect()
    other, runs = Graph(SMALL, WEIGHTS, TEXT), run_lines(ANATOMY, 1)
    assert len(other) == len(graph) and runs
    del other, runs
    assert gc.collect() < 100, "not its thousands of numbers"


# ---------------------------------------------------------------- the graph


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
    assert gradients == list(engine.read("gradients"))


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


# ---------------------------------------------------------------- size


@pytest.mark.parametrize(
    ("config", "length"),
    [(SMALL, 4), (SMALL, 1), (ModelConfig(27), 2), (ModelConfig(60, n_embd=8, n_layer=3), 2)],
)
def test_the_size_is_known_before(config: ModelConfig, length: int) -> None:
    graph = Graph(config, weights_of(config), [*range(1, length + 1), 0], backward=False)
    assert estimated_size(config, length) == pytest.approx(len(graph), rel=0.1)
    values: set[Value] = set()
    waiting = [graph._nodes[graph.loss], *graph._nodes]
    while waiting:
        value = waiting.pop()
        if value not in values:
            values.add(value)
            waiting += value._children
    assert len(graph) == len(values), "nothing is kept that has no number"


def test_a_graph_that_would_be_too_large_is_not_begun() -> None:
    config = ModelConfig(27, n_embd=256, n_layer=8, block_size=64)

    class Unread(list[float]):
        def __iter__(self) -> Any:
            raise AssertionError("the weights were read")

    with pytest.raises(TooLargeError, match="are the most") as caught:
        Graph(config, Unread(), [0] * 65)
    assert caught.value.estimate == estimated_size(config, 64) > LARGEST
