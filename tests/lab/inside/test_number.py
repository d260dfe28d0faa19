"""Views 6 and 7: the lines of the scalar engine with what they made, and the family of a number."""

from __future__ import annotations

import math
import random
import time
from array import array
from collections.abc import Sequence

import pytest

from microgpt import ModelConfig, initial_weights
from microgpt.anatomy import dissect
from microgpt.graph import Graph, estimated_size
from microgpt.trace import LARGEST, TooLargeError
from playground.lab.inside.lines import lines
from playground.lab.inside.number import SHOWN, Numbers
from playground.lab.protocol.inside import Look, NumberReading

CONFIG = ModelConfig(5, n_embd=4, n_head=2, n_layer=2, block_size=4)
TEXT = [4, 1, 2, 2, 3]
WEIGHTS = array("d", [4 * w for w in initial_weights(CONFIG, random.Random(1))])
DISPLAYS = ["a", "it's", "'][3", "·", "\n"]


def numbers(displays: Sequence[str] = DISPLAYS) -> Numbers:
    return Numbers(CONFIG, displays.__getitem__)


def read(own: Numbers, **look: object) -> NumberReading:
    return own.reading(Look("number", **look), WEIGHTS, TEXT)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def own() -> Numbers:
    return numbers()


@pytest.fixture(scope="module")
def graph() -> Graph:
    return Graph(CONFIG, WEIGHTS, TEXT)


# ---------------------------------------------------------------- a number and its family


def test_the_loss_is_opened_first_with_what_it_is_made_from(own: Numbers, graph: Graph) -> None:
    first, *below = read(own).nodes
    assert (first.name, first.gradient, first.depth, first.open) == ("loss", 1.0, 0, True)
    assert first.value == pytest.approx(sum(dissect(CONFIG, WEIGHTS, TEXT).losses) / 4)
    assert [node.node for node in below] == [child for child, _ in graph.children(first.node)]
    assert read(own).users == () and read(own).size == len(graph)


def test_from_the_loss_to_a_weight_and_back_up(own: Numbers) -> None:
    """Each step opens the first child that has a gradient, then the first user that leads back."""
    node, way = read(own).nodes[0].node, list[int]()
    while read(own, node=node).nodes[0].operation != "weight":
        way.append(node)
        below = [child for child in read(own, node=node).nodes[1:] if child.operation != "constant"]
        node = below[-1].node
    weight = read(own, node=node).nodes[0]
    assert weight.name and weight.matrix and weight.children == 0
    for above in reversed(way):
        assert above in [user.node for user in read(own, node=node).users]
        node = above
    assert read(own, node=node).nodes[0].name == "loss"


def test_what_is_unfolded_lies_below_its_number_and_nothing_else_does(own: Numbers) -> None:
    mean = read(own).nodes[1]
    assert mean.operation == "Σ" and mean.children == 4 and not mean.open
    opened = read(own, unfolded=(mean.node, 10**9, -1)).nodes
    assert [node.depth for node in opened[:7]] == [0, 1, 2, 2, 2, 2, 1]
    terms = opened[2:6]
    assert {node.name for node in terms} == {f"losses[{p}]" for p in range(4)}
    shares = [node.share for node in terms]
    assert sum(shares) == pytest.approx(mean.value)  # type: ignore[arg-type]
    assert shares == sorted(shares, key=lambda share: -abs(share or 0))
    assert opened[1].open and not opened[2].open and opened[1].share is None


def test_gradients_of_users_add_up_to_the_gradient(own: Numbers) -> None:
    for name in (
        "q layer 1 position 1 [2]", "cache.keys[layer] layer 0 position 0 [0][1]",
        "x_attn layer 0 h 1 position 2 [3]", "losses[2]", "layer1.mlp_fc2[3][5]",
    ):  # fmt: skip
        reading = read(own, name=name)
        parts = [(user.local or 0.0) * (user.gradient or 0.0) for user in reading.users]
        assert len(parts) == reading.nodes[0].users
        assert sum(parts) == pytest.approx(reading.nodes[0].gradient, abs=1e-12)


def test_a_weight_says_where_it_stands(own: Numbers) -> None:
    [weight] = read(own, name="layer1.attn_wo[3][2]").nodes
    assert (weight.matrix, weight.row, weight.column) == ("layer1.attn_wo", 3, 2)
    [embedding] = read(own, name="wte['it's'][2]").nodes
    assert (embedding.matrix, embedding.row, embedding.column) == ("wte", 1, 2)


@pytest.mark.parametrize("displays", [DISPLAYS, ["a", "a", "b", "", "]"], ["x"] * 5])
def test_every_name_that_is_shown_can_be_asked_for(displays: list[str], graph: Graph) -> None:
    own = numbers(displays)
    named = [node for node in range(len(graph)) if graph.name(node)]
    for node in random.Random(1).sample(named, 40) + list(range(10)) + named[-30:]:
        shown = read(own, node=node).nodes[0]
        assert shown.node == node
        assert read(own, name=shown.name).nodes[0].node == node
        assert read(own, name=graph.name(node)).nodes[0].node == node


def test_tokens_stand_in_names_by_letter_if_no_other_looks_the_same(graph: Graph) -> None:
    def names(displays: list[str]) -> set[str]:
        own = numbers(displays)
        asked = ("wte[1][3]", "lm_head[2][0]", "wpe[1][3]", "logits[3][0]", "probs[2][2]")
        return {read(own, node=graph.find(name)).nodes[0].name for name in asked}

    letters = {"wte['it's'][3]", "lm_head['z'][0]", "wpe[1][3]", "logits[3]['a']", "probs[2]['z']"}
    assert names(["a", "it's", "z", "·", "e"]) == letters
    assert names(["a", "x", "x", "·", "e"]) == {
        "wte[1][3]", "lm_head[2][0]", "wpe[1][3]", "logits[3]['a']", "probs[2][2]",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["losses[4]", "wte['q'][0]", "wte['a'][4]", "[", "wte[''][0]"])
def test_a_name_that_nothing_bears_is_said(own: Numbers, name: str) -> None:
    with pytest.raises(LookupError, match="there is no number called"):
        read(own, name=name)


def test_a_node_that_is_not_there_opens_the_loss(own: Numbers, graph: Graph) -> None:
    for node in (-1, len(graph), 10**12):
        assert read(own, node=node).nodes[0].name == "loss"


def test_no_more_lines_are_sent_than_a_screen_can_use(own: Numbers, graph: Graph) -> None:
    """Everything unfolded is many more lines than numbers, for numbers are used again."""
    reading = read(own, unfolded=tuple(range(len(graph))))
    assert len(reading.nodes) == SHOWN
    assert reading.left_out > 10**6
    first = graph.find("losses[0]")
    few = read(own, node=first, unfolded=tuple(range(first - 30, first)))
    assert few.left_out == 0 and len(few.nodes) == lines_below(graph, first, 30)


def lines_below(graph: Graph, node: int, reach: int) -> int:
    """Counted as the lines stand: one for the node, and those of each child if it is unfolded."""

    def count(at: int) -> int:
        opened = node - reach <= at
        return 1 + sum(count(child) for child, _ in graph.children(at) if opened)

    return count(node)


def test_other_weights_and_another_text_are_read_anew() -> None:
    own = numbers()
    before = read(own).nodes[0].value
    moved = array("d", [w * 0.5 for w in WEIGHTS])
    assert own.reading(Look("number"), moved, TEXT).nodes[0].value != before
    assert own.reading(Look("number"), WEIGHTS, TEXT[:3]).size < read(own).size
    assert read(own).nodes[0].value == before


def test_a_key_costs_little_once_the_graph_is_there() -> None:
    """The same text and weights are read from the graph that is kept."""
    config = ModelConfig(27, n_embd=8)
    weights = initial_weights(config, random.Random(1))
    own = Numbers(config, lambda token: chr(97 + token))
    tokens = [26, 4, 12, 12, 0, 26]

    def cost(**look: object) -> float:
        began = time.process_time()
        own.reading(Look("number", **look), weights, tokens)  # type: ignore[arg-type]
        return time.process_time() - began

    built = cost()
    nodes = [child.node for child in own.reading(Look(), weights, tokens).nodes]
    again = min(cost(unfolded=tuple(nodes[:count])) for count in range(5))
    assert again < built / 10


def test_a_model_that_diverged_has_a_graph_as_well() -> None:
    reading = numbers().reading(Look(), array("d", [math.nan] * len(WEIGHTS)), TEXT)
    assert math.isnan(reading.nodes[0].value) and reading.nodes[1].operation == "Σ"


def test_a_graph_that_would_be_too_large_is_refused_with_its_size() -> None:
    config = ModelConfig(27, n_embd=64, n_layer=2, block_size=64)
    weights = initial_weights(config, random.Random(1))
    with pytest.raises(TooLargeError, match=r"about [\d,]+ numbers"):
        Numbers(config, str).reading(Look(), weights, [0] * 65)


# ---------------------------------------------------------------- the lines


def test_the_lines_are_run_in_order_with_what_they_made() -> None:
    anatomy = dissect(CONFIG, WEIGHTS, TEXT)
    reading = lines(anatomy, 2)
    assert reading.source[0].startswith("def gpt(")
    assert all(0 <= run.first <= run.last < len(reading.source) for run in reading.runs)
    by_name = {(run.context, made.name): made for run in reading.runs for made in run.made}
    q = by_name["layer 1", "q"]
    assert (q.shape, q.values) == ("(4)", pytest.approx(tuple(anatomy.layers[1].q[2])))
    weights = by_name["layer 0, h 1", "attn_weights"]
    assert weights.shape == "(3)"
    assert weights.values == pytest.approx(tuple(anatomy.layers[0].attn_weights[1][2]))
    keys = by_name["layer 0", "cache.keys[layer]"]
    flat = tuple(number for row in anatomy.layers[0].k[:3] for number in row)
    assert (keys.shape, keys.values) == ("(3, 4)", pytest.approx(flat))
    assert by_name["", "return"].values == pytest.approx(tuple(anatomy.logits[2]))
    assert (by_name["layer 0", "h"].words, by_name["layer 0", "h"].values) == ("1", ())  # no 1.000
    assert by_name["layer 0, h 1", "head"].words == "slice(2, 4)"
    assert by_name["", "embeddings"].words == "zip"
    assert by_name["", "weights"].words.startswith("15 by name: wte, wpe, lm_head")


def test_a_number_that_a_line_made_opens_in_view_7(own: Numbers) -> None:
    for position in (0, 3):
        opened = 0
        for run in lines(dissect(CONFIG, WEIGHTS, TEXT), position).runs:
            for made in run.made:
                assert not (made.opens and made.words)
                if made.opens:
                    node = read(own, name=made.opens).nodes[0]
                    assert node.value == pytest.approx(made.values[0], abs=1e-12)
                    opened += 1
        assert opened > 40


def test_a_long_name_is_cut_and_its_shape_says_how_long_it_is() -> None:
    config = ModelConfig(300, n_embd=2, n_head=1, block_size=2)
    weights = initial_weights(config, random.Random(1))
    made = lines(dissect(config, weights, [0, 1, 2]), 1).runs[-1].made[0]
    assert (made.name, made.shape, len(made.values)) == ("return", "(300)", 256)


def test_a_larger_model_shows_its_lines_though_its_graph_is_too_large() -> None:
    config = ModelConfig(9, n_layer=3, block_size=64)
    weights = initial_weights(config, random.Random(1))
    assert estimated_size(config, 64) > LARGEST
    reading = lines(dissect(config, weights, [0] * 65), 63)
    assert any(made.shape == "(64)" for run in reading.runs for made in run.made)
