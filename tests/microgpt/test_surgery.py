"""Operations on a model: each part by name, and what the model computes without it."""

from __future__ import annotations

import random
import re
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microgpt import (
    ModelConfig,
    OptimizerConfig,
    ScalarEngine,
    VectorEngine,
    parameter_count,
    parameter_layout,
)
from microgpt.anatomy import attribution, dissect, split
from microgpt.surgery import (
    Component,
    HeadWrite,
    Operation,
    component_of,
    components,
    operate,
    operation_of,
    transplant,
    weights_of,
)

CONFIG = ModelConfig(vocab_size=5, n_embd=6, n_head=3, n_layer=2, block_size=4)
OPTIMIZER = OptimizerConfig()
TEXT = [4, 0, 3, 1, 4]


def random_weights(seed: int) -> array[float]:
    dice = random.Random(seed)
    return array("d", [dice.gauss(0, 0.5) for _ in range(parameter_count(CONFIG))])


WEIGHTS = random_weights(1)
EVERY = [*components(CONFIG), *(Component("token", index=token) for token in range(5)),
         Component("weight", index=3, matrix="lm_head", column=2)]  # fmt: skip


@settings(max_examples=30)
@given(st.lists(st.sampled_from(EVERY), min_size=1, max_size=3))
def test_a_cut_is_the_engine_on_weights_that_were_cut_by_hand(cut: list[Component]) -> None:
    operations = [Operation(one) for one in cut]
    anatomy = dissect(CONFIG, WEIGHTS, TEXT, operations)
    for make in (ScalarEngine, VectorEngine):
        engine = make(CONFIG, OPTIMIZER, WEIGHTS)
        by_hand = engine.read("weights")
        for one in cut:
            _zero(by_hand, one)
        engine.write("weights", by_hand)
        (losses,) = engine.losses([TEXT])
        assert list(anatomy.losses) == pytest.approx(losses, abs=1e-12)


def _zero(weights: array[float], component: Component) -> None:
    """The component's weights set to 0 by another reading of the model than `weights_of`: through
    the matrices by name."""
    name, rows, columns = {
        "head": (f"layer{component.layer}.attn_wo", slice(None), slice(2 * component.index,
                                                                       2 * component.index + 2)),
        "neuron": (f"layer{component.layer}.mlp_fc2", slice(None), slice(component.index,
                                                                         component.index + 1)),
        "position": ("wpe", slice(component.index, component.index + 1), slice(None)),
        "token": ("wte", slice(component.index, component.index + 1), slice(None)),
        "matrix": (component.matrix, slice(None), slice(None)),
        "weight": (component.matrix, slice(component.index, component.index + 1),
                   slice(component.column, component.column + 1)),
    }[component.kind]  # fmt: skip
    (spec,) = [spec for spec in parameter_layout(CONFIG) if spec.name == name]
    for row in range(spec.rows)[rows]:
        for column in range(spec.columns)[columns]:
            weights[spec.offset + row * spec.columns + column] = 0.0


def test_a_head_that_is_cut_writes_nothing_and_the_others_write_what_they_wrote() -> None:
    before = dissect(CONFIG, WEIGHTS, TEXT)
    after = dissect(CONFIG, WEIGHTS, TEXT, [operation_of("head:0.2", CONFIG)])
    assert all(set(row) == {0.0} for row in after.layers[0].heads[2])
    assert after.layers[0].heads[1] == before.layers[0].heads[1]
    assert after.layers[0].attn_weights == before.layers[0].attn_weights
    assert after.losses != before.losses
    silent = dissect(CONFIG, WEIGHTS, TEXT, [operation_of("neuron:1.7", CONFIG)])
    column = [row[7] for row in split(CONFIG, operate(
        CONFIG, WEIGHTS, [operation_of("neuron:1.7", CONFIG)]))["layer1.mlp_fc2"]]  # fmt: skip
    assert set(column) == {0.0}
    assert silent.layers[1].activation == before.layers[1].activation


@pytest.mark.parametrize(
    "text",
    ["head:0.2", "neuron:1.23", "position:3", "token:4", "matrix:wpe", "matrix:layer1.mlp_fc2",
     "weight:layer0.attn_wq[5,0]=-0.25", "head:1.0=0.5"],
)  # fmt: skip
def test_an_operation_is_written_as_it_is_read(text: str) -> None:
    operation = operation_of(text, CONFIG)
    assert str(operation) == text
    assert operation_of(str(operation), CONFIG) == operation


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "names no part"),
        ("head", "names no part"),
        ("head:2", "names no part"),
        ("head:0.٣", "names no part"),
        ("head:0.3", "there is no head 3: they are 0 ... 2"),
        ("head:2.0", "there is no layer 2: they are 0 ... 1"),
        ("neuron:0.24", "there is no neuron 24: they are 0 ... 23"),
        ("position:4", "there is no position 4: they are 0 ... 3"),
        ("token:5", "there is no token 5: they are 0 ... 4"),
        ("matrix:wqe", "there is no matrix 'wqe': wte, wpe, lm_head"),
        ("weight:wte[5,0]=1", "there is no row of wte 5"),
        ("weight:wte[0,6]=1", "there is no column of wte 6"),
        ("weight:wte[0,0]", "needs a value"),
        ("head:0.1=", "no number"),
        ("head:0.1=nan", "no number"),
        ("head:0.1=0,5", "head:0.1 has 12 weights, and not 2"),
    ],
)
def test_what_cannot_be_done_is_said(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        operation_of(text, CONFIG)


def test_operations_leave_the_weights_they_were_given_as_they_are_and_are_undone_by_them() -> None:
    before = bytes(WEIGHTS)
    engine = VectorEngine(CONFIG, OPTIMIZER, WEIGHTS)
    engine.write("weights", operate(CONFIG, WEIGHTS, [Operation(one) for one in EVERY]))
    engine.write("weights", WEIGHTS)
    assert bytes(WEIGHTS) == before == bytes(engine.read("weights"))
    with pytest.raises(ValueError, match="12 weights, and not 3"):
        operate(CONFIG, WEIGHTS, [Operation(component_of("head:0.0", CONFIG), (1.0, 2.0, 3.0))])


def test_a_transplant_puts_in_the_part_of_other_weights_and_nothing_else() -> None:
    donor = random_weights(2)
    for component in EVERY:
        found = operate(CONFIG, WEIGHTS, [transplant(component, CONFIG, donor)])
        places = set(weights_of(component, CONFIG))
        assert all(
            now == (donor if place in places else WEIGHTS)[place] for place, now in enumerate(found)
        )


def test_what_can_be_ranked_is_every_head_neuron_matrix_and_position_once() -> None:
    found = [str(one) for one in components(CONFIG)]
    assert len(set(found)) == len(found) == 2 * 3 + 2 * 24 + 15 + 4
    assert [component_of(one, CONFIG) for one in found] == list(components(CONFIG))


@settings(max_examples=20)
@given(st.integers(0, 1), st.integers(0, 2), st.integers(0, 3), st.integers(0, 4),
       st.integers(1, 5))  # fmt: skip
def test_the_parts_of_a_logit_add_up_where_the_write_of_a_head_is_replaced(
    layer: int, head: int, position: int, token: int, rows: int
) -> None:
    other = dissect(CONFIG, random_weights(3), [4, 2, 2, 0, 4]).layers[layer].heads[head]
    write = HeadWrite(layer, head, other[:rows])
    anatomy = dissect(CONFIG, WEIGHTS, TEXT, [write, operation_of("neuron:0.3", CONFIG)])
    wrote = anatomy.layers[layer].heads[head]
    assert wrote == [other[min(t, rows - 1, 3)] for t in range(4)]
    parts = attribution(anatomy, position, token)
    assert sum(part.value for part in parts) == pytest.approx(
        anatomy.logits[position][token], abs=1e-9
    )
    (whole,) = [p for p in parts if p.kind == "head" and (p.layer, p.index) == (layer, head)]
    assert whole.source == -1


def test_a_write_of_a_head_that_is_not_there_is_refused() -> None:
    with pytest.raises(IndexError, match="no head 3"):
        dissect(CONFIG, WEIGHTS, TEXT, [HeadWrite(0, 3, [[0.0] * 6])])
