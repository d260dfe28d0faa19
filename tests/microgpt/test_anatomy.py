"""What `dissect` says is what the scalar engine computes, and the parts of a logit add up to it."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microgpt import ModelConfig, OptimizerConfig, ScalarEngine, initial_weights, parameter_count
from microgpt.anatomy import (
    Anatomy,
    attribution,
    dissect,
    head_pushes,
    head_sizes,
    lens,
    linear,
    stages,
    unembedding,
)
from microgpt.graph import Graph

Model = tuple[ModelConfig, list[float], list[int]]


@st.composite
def models(draw: st.DrawFn, work: int = 10**9) -> Model:
    """A random model with weights large enough to matter, and a text of 1 token to block_size."""
    heads, head_dim = draw(st.integers(1, 8)), draw(st.integers(1, 4))
    layers, block = draw(st.integers(1, 3)), draw(st.integers(1, 8))
    config = ModelConfig(draw(st.integers(2, 9)), heads * head_dim, heads, layers, block)
    longest = max(1, min(block, work // (24 * layers * config.n_embd**2)))
    length = draw(st.integers(1, longest))
    rng = random.Random(draw(st.integers(0, 10**6)))
    size = draw(st.sampled_from([0.08, 0.5]))
    weights = [rng.gauss(0, size) for _ in range(parameter_count(config))]
    return config, weights, [rng.randrange(config.vocab_size) for _ in range(length + 1)]


def close(value: float | Sequence[float], tolerance: float = 1e-12) -> object:
    return pytest.approx(value, rel=tolerance, abs=tolerance)


# ---------------------------------------------------------------- against the scalar engine


@settings(max_examples=8)
@given(models(work=5_000))
def test_every_number_is_the_one_of_that_name_in_the_scalar_engine(model: Model) -> None:
    config, weights, tokens = model
    anatomy = dissect(config, weights, tokens)
    graph = Graph(config, weights, tokens, backward=False)

    def traced(base: str, count: int) -> list[float]:
        return [graph.value(graph.find(f"{base}[{i}]")) for i in range(count)]

    c, d = config.n_embd, config.head_dim
    for p in range(len(anatomy.tokens)):
        at = f"position {p} "
        assert anatomy.embeddings[p] == close(traced(f"x {at}", c))
        assert anatomy.x[p] == close(traced(f"x#2 {at}", c))
        assert [anatomy.scales[p] * e for e in anatomy.embeddings[p]] == close(anatomy.x[p])
        for number, layer in enumerate(anatomy.layers):
            here = f"layer {number} {at}"
            assert layer.x[p] == close(traced(f"x_residual {here}", c))
            assert layer.x_attn[p] == close(traced(f"x {here}", c))
            assert layer.q[p] == close(traced(f"q {here}", c))
            assert layer.k[p] == close(traced(f"cache.keys[layer] {here}[{p}]", c))
            assert layer.v[p] == close(traced(f"cache.values[layer] {here}[{p}]", c))
            found = traced(f"x_attn layer {number} h {config.n_head - 1} {at}", c)
            wo = anatomy.weights[f"layer{number}.attn_wo"]
            for h in range(config.n_head):
                head = f"layer {number} h {h} {at}"
                assert layer.attn_logits[h][p] == close(traced(f"attn_logits {head}", p + 1))
                assert layer.attn_weights[h][p] == close(traced(f"attn_weights {head}", p + 1))
                columns = range(h * d, (h + 1) * d)
                wrote = [sum(row[i] * found[i] for i in columns) for row in wo]
                assert layer.heads[h][p] == close(wrote)
            writes = [sum(column) for column in zip(*(w[p] for w in layer.heads), strict=True)]
            assert writes == close(traced(f"x#2 {here}", c))
            assert layer.x_mid[p] == close(traced(f"x#3 {here}", c))
            assert layer.x_mlp[p] == close(traced(f"x#4 {here}", c))
            assert layer.pre_activation[p] == close(traced(f"x#5 {here}", 4 * c))
            assert layer.activation[p] == close(traced(f"x#6 {here}", 4 * c))
            assert layer.mlp[p] == close(traced(f"x#7 {here}", c))
            assert layer.x_out[p] == close(traced(f"x#8 {here}", c))
        assert anatomy.logits[p] == close(traced(f"logits[{p}]", config.vocab_size))
        assert anatomy.probs[p] == close(traced(f"probs[{p}]", config.vocab_size))
    assert anatomy.losses == close(traced("losses", len(anatomy.tokens)))
    assert sum(anatomy.losses) / len(anatomy.losses) == close(graph.value(graph.loss))


@settings(max_examples=5)
@given(models(work=5_000))
def test_the_losses_are_those_of_the_engine(model: Model) -> None:
    config, weights, tokens = model
    engine = ScalarEngine(config, OptimizerConfig(), weights)  # type: ignore[arg-type]
    assert dissect(config, weights, tokens).losses == close(engine.losses([tokens])[0])


# ---------------------------------------------------------------- the parts of a logit


@settings(max_examples=12)
@given(models(), st.data())
def test_the_parts_add_up_to_the_logit_and_to_every_difference(
    model: Model, data: st.DataObject
) -> None:
    config, weights, tokens = model
    anatomy = dissect(config, weights, tokens)
    position = data.draw(st.integers(0, len(anatomy.tokens) - 1))
    token = data.draw(st.integers(0, config.vocab_size - 1))
    other = data.draw(st.integers(0, config.vocab_size - 1))
    logits, probs = anatomy.logits[position], anatomy.probs[position]
    mean = sum(p * logit for p, logit in zip(probs, logits, strict=True))
    for against, wanted in (
        (None, logits[token]),
        (other, logits[token] - logits[other]),
        (probs, logits[token] - mean),
    ):
        parts = attribution(anatomy, position, token, against)
        assert sum(part.value for part in parts) == close(wanted, 1e-9)
        sizes = [abs(part.value) for part in parts]
        assert sizes == sorted(sizes, reverse=True)
        heads = [part for part in parts if part.kind == "head"]
        assert len(heads) == config.n_layer * config.n_head * (position + 1)
        places = {(part.kind, part.layer, part.index, part.source) for part in parts}
        assert len(places) == len(parts), "each part is listed once"


@settings(max_examples=12)
@given(models(), st.data())
def test_what_a_head_writes_is_shared_out_among_the_positions_it_reads(
    model: Model, data: st.DataObject
) -> None:
    config, weights, tokens = model
    anatomy = dissect(config, weights, tokens)
    position = data.draw(st.integers(0, len(anatomy.tokens) - 1))
    head = data.draw(st.integers(0, config.n_head - 1))
    reads = unembedding(anatomy, tokens[0])
    for number, layer in enumerate(anatomy.layers):
        wrote = layer.heads[head][position]
        pushes = head_pushes(anatomy, number, head, position, reads)
        pushed = sum(r * w for r, w in zip(reads, wrote, strict=True))
        assert sum(pushes) == close(pushed, 1e-9)
        sizes = head_sizes(anatomy, number, head, position)
        assert len(sizes) == len(pushes) == position + 1
        assert math.hypot(*wrote) <= sum(sizes) + 1e-9, "the whole is no longer than its parts"
    assert head_sizes(anatomy, 0, head, 0) == close([math.hypot(*anatomy.layers[0].heads[head][0])])


@settings(max_examples=12)
@given(models())
def test_the_last_stage_of_the_lens_is_what_the_model_says(model: Model) -> None:
    config, weights, tokens = model
    anatomy = dissect(config, weights, tokens)
    through = stages(anatomy)
    assert [stage.name for stage in through][:: config.n_head + 2] == [
        "embedding",
        *(f"layer {layer} mlp" for layer in range(config.n_layer)),
    ]
    for said, wanted in zip(lens(anatomy, through[-1].x), anatomy.probs, strict=True):
        assert said == close(wanted)


# ---------------------------------------------------------------- numbers that are none, and errors

SMALL = ModelConfig(5, n_embd=4, n_head=2, n_layer=2, block_size=3)


@settings(max_examples=20)
@given(
    st.lists(
        st.tuples(
            st.integers(0, parameter_count(SMALL) - 1),
            st.sampled_from([math.nan, math.inf, -math.inf, 1e308, -1e308]),
        ),
        min_size=1,
        max_size=5,
    ),
    st.integers(0, 4),
)
def test_numbers_that_are_not_finite_flow_through(
    broken: list[tuple[int, float]], token: int
) -> None:
    weights = initial_weights(SMALL, random.Random(1))
    for index, value in broken:
        weights[index] = value
    anatomy = dissect(SMALL, weights, [token, 1, 2, 3])
    assert len(anatomy.losses) == 3
    for against in (None, 0, anatomy.probs[2]):
        assert attribution(anatomy, 2, token, against)
    assert [len(lens(anatomy, stage.x)) for stage in stages(anatomy)] == [3] * 9
    assert len(head_sizes(anatomy, 1, 1, 2)) == 3


def test_a_model_that_diverged_shows_that_it_has() -> None:
    anatomy = dissect(SMALL, [math.nan] * parameter_count(SMALL), [0, 1, 2])
    for name in ("losses", "logits", "probs", "x", "embeddings"):
        assert all(map(math.isnan, flat(getattr(anatomy, name)))), name
    for layer in anatomy.layers:
        for each in fields(layer):
            assert all(map(math.isnan, flat(getattr(layer, each.name)))), each.name
    parts = attribution(anatomy, 0, 0)
    assert all(math.isnan(part.value) for part in parts)
    assert len([part for part in parts if part.kind == "neuron"]) == 2 * 16


def flat(values: object) -> list[float]:
    if isinstance(values, float):
        return [values]
    return [number for each in values for number in flat(each)]  # type: ignore[attr-defined]


def test_a_text_is_cut_to_the_context_and_needs_two_tokens_of_the_vocabulary() -> None:
    weights = initial_weights(SMALL, random.Random(1))
    anatomy = dissect(SMALL, weights, [0, 1, 2, 3, 4])
    assert (list(anatomy.tokens), list(anatomy.targets)) == ([0, 1, 2], [1, 2, 3])
    for wrong in ([], [0], [0, 5], [-1, 0]):
        with pytest.raises(ValueError):
            dissect(SMALL, weights, wrong)
    with pytest.raises(ValueError, match="parameters"):
        dissect(SMALL, weights[1:], [0, 1])


@pytest.mark.parametrize(
    "asked",
    [
        lambda anatomy: attribution(anatomy, 2, 0),
        lambda anatomy: attribution(anatomy, -1, 0),
        lambda anatomy: attribution(anatomy, 0, 5),
        lambda anatomy: attribution(anatomy, 0, -1),
        lambda anatomy: attribution(anatomy, 0, 0, 5),
        lambda anatomy: attribution(anatomy, 0, 0, -1),
        lambda anatomy: head_sizes(anatomy, 0, 2, 0),
        lambda anatomy: head_sizes(anatomy, 0, 0, 2),
        lambda anatomy: head_pushes(anatomy, 0, -1, 0, [0.0] * 4),
    ],
)
def test_what_is_not_there_is_an_error_with_the_range(asked) -> None:
    anatomy: Anatomy = dissect(SMALL, initial_weights(SMALL, random.Random(1)), [0, 1, 2])
    with pytest.raises(IndexError, match=r"they are 0 \.\.\. "):
        asked(anatomy)


def test_linear_is_a_row_times_each_row_of_the_matrix() -> None:
    assert linear([[1.0, 2.0]], [[3.0, 4.0], [5.0, 6.0], [0.0, -1.0]]) == [[11.0, 17.0, -2.0]]
