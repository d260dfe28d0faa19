"""Models that lack parts from the start, and SGD: both engines compute the same, and it is true."""

from __future__ import annotations

import math
import random
from array import array
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microgpt import (
    ModelConfig,
    OptimizerConfig,
    ScalarEngine,
    VectorEngine,
    initial_weights,
    parameter_count,
    parameter_layout,
)
from microgpt.anatomy import attribution, dissect, lens, stages
from microgpt.autopsy import take_apart, token_gradients
from microgpt.config import PARTS, ConfigError, ModelPart, needs, without
from microgpt.gradient_check import check_gradient
from microgpt.graph import Graph, estimated_size
from microgpt.surgery import Component, Operation, component_of, components, operate, weights_of
from microgpt.trace import run_lines
from microgpt.trainer import Trainer

WHOLE = ModelConfig(vocab_size=5, n_embd=4, n_head=2, n_layer=2, block_size=6)
BATCH = [[4, 0, 1, 2, 4], [4, 3, 4], [4, 1]]
SUBSETS = [left_out for count in range(6) for left_out in combinations(PARTS, count)]
EACH = [(part,) for part in PARTS]


def lacking(left_out: tuple[ModelPart, ...], config: ModelConfig = WHOLE) -> ModelConfig:
    return replace(config, parts=tuple(part for part in PARTS if part not in left_out))


def weights_of_all(config: ModelConfig, size: float = 4.0) -> array[float]:
    """First weights, large enough for all paths to carry."""
    return array("d", [size * w for w in initial_weights(config, random.Random(1))])


# ---------------------------------------------------------------- the model


def test_a_left_out_part_has_no_weights() -> None:
    names = ModelConfig(27)
    assert parameter_count(names) == 4192
    for left_out, count in (("attention", 1024), ("mlp", 2048), ("positions", 256), ("norm", 0)):
        assert parameter_count(lacking((left_out,), names)) == 4192 - count
    layout = [spec.name for spec in parameter_layout(lacking(("attention", "positions")))]
    assert layout == ["wte", "lm_head"] + [
        f"layer{layer}.mlp_{name}" for layer in (0, 1) for name in ("fc1", "fc2")
    ]


@pytest.mark.parametrize("left_out", SUBSETS, ids=without)
def test_what_remains_begins_as_in_the_whole_model(left_out: tuple[ModelPart, ...]) -> None:
    rng, other = random.Random(3), random.Random(3)
    config = lacking(left_out)
    drawn, whole = initial_weights(config, rng), initial_weights(WHOLE, other)
    by_name = {spec.name: whole[spec.slice] for spec in parameter_layout(WHOLE)}
    assert all(drawn[spec.slice] == by_name[spec.name] for spec in parameter_layout(config))
    assert len(drawn) == parameter_count(config)
    assert rng.random() == other.random(), "the stream goes on elsewhere"


def test_parts_are_in_one_order_and_of_these_names() -> None:
    mixed = ModelConfig(5, parts=("residual", "mlp"))
    assert mixed == ModelConfig(5, parts=("mlp", "residual"))
    assert mixed.left_out == ("attention", "positions", "norm")
    with pytest.raises(ConfigError, match="'heads' is none of attention, mlp"):
        ModelConfig(5, parts=("heads",))  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="'adagrad' is none of adam, sgd"):
        OptimizerConfig(name="adagrad")  # type: ignore[arg-type]


def test_what_an_engine_must_know() -> None:
    assert needs(WHOLE, OptimizerConfig()) == ()
    config = lacking(("norm", "attention"))
    assert needs(config, OptimizerConfig(name="sgd")) == ("attention", "norm", "sgd")


# ---------------------------------------------------------------- the engines


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("left_out", SUBSETS, ids=without)
def test_both_engines_train_alike(left_out: tuple[ModelPart, ...], optimizer: str) -> None:
    config, settings = lacking(left_out), OptimizerConfig(name=optimizer)  # type: ignore[arg-type]
    weights = initial_weights(config, random.Random(2))
    scalar, vector = (kind(config, settings, weights) for kind in (ScalarEngine, VectorEngine))
    for step in range(6):
        mine, other = (engine.loss_and_gradients(BATCH) for engine in (scalar, vector))
        for one, two in zip(mine, other, strict=True):
            assert one == pytest.approx(two, rel=1e-9)
        gradients = scalar.read("gradients")
        assert vector.read("gradients") == pytest.approx(gradients, rel=1e-9, abs=1e-14)
        for engine in (scalar, vector):
            engine.adam_step(0.1, step)


@pytest.mark.parametrize("optimizer", [OptimizerConfig(0.02), OptimizerConfig(0.3, name="sgd")])
@pytest.mark.parametrize("left_out", EACH, ids=without)
def test_a_model_that_lacks_a_part_learns(
    left_out: tuple[ModelPart, ...], optimizer: OptimizerConfig
) -> None:
    config = lacking(left_out)
    engine = VectorEngine(config, optimizer, initial_weights(config, random.Random(2)))
    trained = Trainer(engine, BATCH, optimizer, 150).train(150)
    assert sum(trained.losses[-6:]) < 0.9 * sum(trained.losses[:6])


@pytest.mark.parametrize("factory", [ScalarEngine, VectorEngine])
@pytest.mark.parametrize("left_out", EACH, ids=without)
def test_gradients_foretell_the_slope(left_out: tuple[ModelPart, ...], factory: type) -> None:
    config = lacking(left_out)
    found = check_gradient(factory(config, OptimizerConfig(), weights_of_all(config)), BATCH)
    assert found.right, found


@pytest.mark.parametrize("left_out", SUBSETS, ids=without)
def test_the_vector_engine_s_gradients_foretell_the_slope(left_out: tuple[ModelPart, ...]) -> None:
    config = lacking(left_out)
    found = check_gradient(VectorEngine(config, OptimizerConfig(), weights_of_all(config)), BATCH)
    assert found.right, found


@pytest.mark.parametrize("left_out", SUBSETS, ids=without)
def test_decoders_say_what_the_forward_pass_says(left_out: tuple[ModelPart, ...]) -> None:
    config = lacking(left_out)
    weights = weights_of_all(config)
    scalar, vector = (
        kind(config, OptimizerConfig(), weights).decoder() for kind in (ScalarEngine, VectorEngine)
    )
    anatomy = dissect(config, weights, BATCH[0])
    for token, logits in zip(BATCH[0], anatomy.logits, strict=False):
        assert vector.push(token) == pytest.approx(list(logits), abs=1e-12)
        assert scalar.push(token) == pytest.approx(list(logits), abs=1e-12)


@pytest.mark.parametrize("factory", [ScalarEngine, VectorEngine])
def test_sgd_moves_against_the_gradient_and_remembers_nothing(factory: type) -> None:
    engine = factory(WHOLE, OptimizerConfig(name="sgd"), weights_of_all(WHOLE))
    for step in range(3):
        before = engine.read("weights")
        engine.loss_and_gradients(BATCH)
        gradients = engine.read("gradients")
        engine.adam_step(0.5, step)
        expected = [w - 0.5 * g for w, g in zip(before, gradients, strict=True)]
        assert list(engine.read("weights")) == expected
    assert not any(engine.read("first_moment")) and not any(engine.read("second_moment"))


def test_the_trainer_trains_by_sgd_with_the_same_schedule() -> None:
    optimizer = OptimizerConfig(0.4, name="sgd")
    engine = VectorEngine(WHOLE, optimizer, weights_of_all(WHOLE, 1.0))
    trained = Trainer(engine, BATCH, optimizer, 40).train(40)
    assert list(trained.learning_rates[:3]) == pytest.approx([0.4, 0.39, 0.38])
    assert sum(trained.losses[-6:]) < sum(trained.losses[:6])


# ---------------------------------------------------------------- what a part is for


def logits_after(config: ModelConfig, tokens: list[int]) -> list[float]:
    return list(dissect(config, weights_of_all(config), [*tokens, 0]).logits[-1])


def test_without_attention_each_letter_is_predicted_from_itself_and_its_place() -> None:
    config = lacking(("attention",))
    assert logits_after(config, [4, 0, 1]) == logits_after(config, [2, 3, 1])
    assert logits_after(config, [4, 0, 1]) != logits_after(config, [4, 1])
    assert logits_after(WHOLE, [4, 0, 1]) != logits_after(WHOLE, [2, 3, 1])


def test_without_positions_the_order_of_what_came_before_is_unknown() -> None:
    config = lacking(("positions",), replace(WHOLE, n_layer=1))
    there = logits_after(config, [4, 0, 1, 2])
    assert logits_after(config, [0, 4, 1, 2]) == pytest.approx(there, abs=1e-12)
    whole = replace(WHOLE, n_layer=1)
    assert logits_after(whole, [0, 4, 1, 2]) != pytest.approx(
        logits_after(whole, [4, 0, 1, 2]), abs=1e-6
    )


def test_without_norm_the_logits_of_a_model_without_blocks_scale_with_its_weights() -> None:
    bare = lacking(("attention", "mlp", "norm"))
    weights = weights_of_all(bare)
    doubled = array("d", [2 * w for w in weights])
    one, two = (dissect(bare, each, [4, 0]).logits[0] for each in (weights, doubled))
    assert list(two) == pytest.approx([4 * logit for logit in one])


def test_without_residual_a_stream_is_what_the_last_block_wrote() -> None:
    config = lacking(("residual",))
    anatomy = dissect(config, weights_of_all(config), BATCH[0])
    assert [list(row) for row in anatomy.layers[-1].x_out] == [
        list(row) for row in anatomy.layers[-1].mlp
    ]
    kinds = {(part.kind, part.layer) for part in attribution(anatomy, 2, 1)}
    assert kinds <= {("neuron", 1)}


# ---------------------------------------------------------------- looking inside


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(SUBSETS),
    st.integers(1, 3),
    st.integers(0, 99),
    st.lists(st.integers(0, 4), min_size=2, max_size=7),
    st.integers(0, 4),
)
def test_the_parts_of_a_logit_add_up_whatever_is_left_out(
    left_out: tuple[ModelPart, ...], n_layer: int, seed: int, tokens: list[int], token: int
) -> None:
    config = lacking(left_out, replace(WHOLE, n_layer=n_layer))
    weights = array("d", [5 * w for w in initial_weights(config, random.Random(seed))])
    anatomy = dissect(config, weights, tokens)
    losses = VectorEngine(config, OptimizerConfig(), weights).losses([tokens])[0]
    assert list(anatomy.losses) == pytest.approx(losses, abs=1e-9)
    for position in range(len(anatomy.tokens)):
        for against in (None, 0, anatomy.probs[position]):
            logits = anatomy.logits[position]
            expected = logits[token]
            if isinstance(against, int):
                expected -= logits[against]
            elif against is not None:
                expected -= sum(p * logit for p, logit in zip(against, logits, strict=True))
            found = attribution(anatomy, position, token, against)
            assert math.fsum(part.value for part in found) == pytest.approx(expected, abs=1e-9)
    last = stages(anatomy)[-1]
    for row, probs in zip(lens(anatomy, last.x), anatomy.probs, strict=True):
        assert row == pytest.approx(list(probs), abs=1e-12)


@pytest.mark.parametrize("left_out", SUBSETS, ids=without)
def test_gpt_can_be_followed_line_by_line_and_number_by_number(
    left_out: tuple[ModelPart, ...],
) -> None:
    config = lacking(left_out)
    weights = weights_of_all(config)
    anatomy = dissect(config, weights, BATCH[0])
    graph = Graph(config, weights, BATCH[0])
    losses = [graph.value(graph.find(f"losses[{p}]")) for p in range(len(anatomy.tokens))]
    assert losses == pytest.approx(list(anatomy.losses), abs=1e-12)
    assert len(graph) == pytest.approx(estimated_size(config, len(anatomy.tokens)), rel=0.2)
    (made,) = [run.made for run in run_lines(anatomy, 2) if run.made[:1] and
               run.made[0].name == "return"]  # fmt: skip
    logits = [number.data for number in made[0].value]
    assert logits == pytest.approx(list(anatomy.logits[2]), abs=1e-12)


def test_surgery_finds_what_is_there_and_says_what_is_not() -> None:
    for left_out in SUBSETS:
        config = lacking(left_out)
        weights = weights_of_all(config)
        found = list(components(config))
        assert len({str(one) for one in found}) == len(found)
        for one in found:
            operate(config, weights, [Operation(one)])
    blind = lacking(("attention", "positions"))
    for words, said in (
        ("head:0.1", "there is no head:0.1: attention was left out of this model"),
        ("position:2", "there is no position:2: positions were left out of this model"),
        ("matrix:wpe", "there is no matrix 'wpe': positions were left out of this model"),
        ("matrix:layer1.attn_wq", "attention was left out of this model"),
    ):
        with pytest.raises(ValueError, match=said):
            component_of(words, blind)
    assert weights_of(Component("neuron", 0, 3), blind)
    with pytest.raises(IndexError, match="attention was left out"):
        from microgpt.anatomy import HeadWrite

        dissect(blind, weights_of_all(blind), BATCH[0], [HeadWrite(0, 1, [[0.0] * 4])])


@pytest.mark.parametrize("factory", [ScalarEngine, VectorEngine])
def test_a_step_of_sgd_is_taken_apart_into_its_own_tokens(factory: type) -> None:
    optimizer = OptimizerConfig(name="sgd")
    engine = factory(WHOLE, optimizer, weights_of_all(WHOLE))
    before, pulls = engine.read("weights"), token_gradients(engine, BATCH[0])
    moments = engine.read("first_moment"), engine.read("second_moment")
    update = take_apart(optimizer, 0.3, 0, *moments, pulls)
    engine.loss_and_gradients([BATCH[0]])
    engine.adam_step(0.3, 0)
    moved = [b - a for a, b in zip(before, engine.read("weights"), strict=True)]
    assert list(update.delta) == pytest.approx(moved, abs=1e-12)
    shares = update.shares(slice(0, len(before)))
    assert shares.memory == 0.0 and sum(shares.tokens) == pytest.approx(1.0)
    assert set(update.denominators) == {1.0}
