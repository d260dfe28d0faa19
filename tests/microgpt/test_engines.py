"""The promises of both engines, and their agreement."""

from __future__ import annotations

import math
import random
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microgpt import (
    STATE_KINDS,
    Engine,
    ModelConfig,
    OptimizerConfig,
    ScalarEngine,
    VectorEngine,
    parameter_count,
    parameter_layout,
)
from microgpt.kernels import RMS_EPS
from tests.microgpt.conftest import ENGINES, make_engine

SMALL = ModelConfig(vocab_size=5, n_embd=4, n_head=2, n_layer=2, block_size=6)
BATCH = [[4, 0, 1, 2, 4], [4, 3, 4], [4, 1]]


def random_document(rng: random.Random, vocab_size: int, length: int) -> list[int]:
    return [rng.randrange(vocab_size) for _ in range(length)]


@st.composite
def models_and_batches(draw):
    n_head = draw(st.sampled_from([1, 2, 3, 4, 8]))
    config = ModelConfig(
        vocab_size=draw(st.integers(1, 7)),
        n_embd=n_head * draw(st.sampled_from([1, 2] if n_head > 3 else [1, 4, 7])),
        n_head=n_head,
        n_layer=draw(st.integers(1, 3)),
        block_size=draw(st.integers(1, 6)),
    )
    rng = random.Random(draw(st.integers(0, 2**32)))
    lengths = draw(st.lists(st.integers(2, config.block_size + 3), min_size=1, max_size=3))
    return config, [random_document(rng, config.vocab_size, length) for length in lengths]


def assert_same_gradients(a: Engine, b: Engine, rel: float = 1e-9) -> None:
    """Assert that each matrix of gradients agrees within `rel` of its largest gradient."""
    mine, other = a.read("gradients"), b.read("gradients")
    for spec in parameter_layout(a.config):
        x, y = mine[spec.slice], other[spec.slice]
        largest = max(map(abs, y), default=0.0)
        worst = max(abs(p - q) for p, q in zip(x, y, strict=True))
        # Where all terms cancel (attention to a single token), only rounding is left in both.
        assert worst <= rel * largest + 1e-15, spec.name


@settings(max_examples=25, deadline=None)
@given(models_and_batches(), st.integers(0, 1000))
def test_engines_agree_on_losses_gradients_and_the_update(case, seed):
    config, batch = case
    scalar, vector = (make_engine(factory, config, seed) for factory in ENGINES.values())
    for step in range(2):
        expected = scalar.loss_and_gradients(batch)
        losses = vector.loss_and_gradients(batch)
        assert [len(row) for row in losses] == [
            min(config.block_size, len(document) - 1) for document in batch
        ]
        for row, expected_row in zip(losses, expected, strict=True):
            assert row == pytest.approx(expected_row, rel=1e-9)
        assert_same_gradients(vector, scalar)
        vector.write("gradients", scalar.read("gradients"))  # Adam magnifies rounding near 0
        scalar.adam_step(0.01, step)
        vector.adam_step(0.01, step)
        assert vector.read("weights") == pytest.approx(scalar.read("weights"), rel=1e-9)
        vector.write("weights", scalar.read("weights"))


@pytest.mark.parametrize("n_embd", [16, 32, 72])
def test_engines_agree_on_wide_models(n_embd):
    config = ModelConfig(vocab_size=40, n_embd=n_embd, n_head=2, block_size=4)
    batch = [[39, 3, 5, 39]]
    scalar, vector = (make_engine(factory, config) for factory in ENGINES.values())
    expected = scalar.loss_and_gradients(batch)
    assert vector.loss_and_gradients(batch)[0] == pytest.approx(expected[0], rel=1e-9)
    assert_same_gradients(vector, scalar)


def test_the_gradient_of_a_model_hundreds_wide_is_the_slope_of_its_loss():
    config = ModelConfig(vocab_size=3, n_embd=256, n_head=64, block_size=2)
    engine = VectorEngine(config, OptimizerConfig(), array("d", [0.0]) * parameter_count(config))
    layout = {spec.name: spec for spec in parameter_layout(config)}
    weights = engine.read("weights")
    rng = random.Random(4)
    for name in ("wte", "lm_head", "layer0.attn_wv", "layer0.attn_wo"):
        for i in range(layout[name].offset, layout[name].slice.stop):
            weights[i] = rng.gauss(0, 0.05)
    engine.write("weights", weights)
    (before,) = engine.loss_and_gradients([[2, 0, 1]])
    slope = sum(g * g for g in engine.read("gradients"))
    moved = zip(weights, engine.read("gradients"), strict=True)
    engine.write("weights", array("d", [w - 1e-6 * g for w, g in moved]))
    (after,) = engine.losses([[2, 0, 1]])
    assert (sum(before) - sum(after)) / 2 == pytest.approx(1e-6 * slope, rel=1e-3)


def test_a_large_batch_is_the_mean_of_its_documents():
    config = ModelConfig(vocab_size=9, n_embd=8, n_head=2, block_size=12)
    rng = random.Random(3)
    batch = [random_document(rng, 9, 13) for _ in range(9)]  # 108 tokens, each document 12
    engine = make_engine(VectorEngine, config)
    together = engine.loss_and_gradients(batch)
    gradients = engine.read("gradients")
    alone = [engine.loss_and_gradients([document])[0] for document in batch]
    sums = [0.0] * len(gradients)
    for document in batch:
        engine.loss_and_gradients([document])
        sums = [s + g / 9 for s, g in zip(sums, engine.read("gradients"), strict=True)]
    for row, expected in zip(together, alone, strict=True):
        assert row == pytest.approx(expected, rel=1e-12)
    assert gradients == pytest.approx(sums, rel=1e-9, abs=1e-16)


def test_gradients_are_the_slope_of_the_loss(factory):
    engine = make_engine(factory, SMALL, seed=5)
    # Larger weights than at the start, so that every path carries something.
    weights = array("d", [10 * w for w in engine.read("weights")])
    engine.write("weights", weights)
    engine.loss_and_gradients(BATCH)
    gradients = engine.read("gradients")

    def mean_loss(i: int, change: float) -> float:
        moved = array("d", weights)
        moved[i] += change
        engine.write("weights", moved)
        losses = [loss for row in engine.losses(BATCH) for loss in row]
        return sum(losses) / len(losses)

    h = 1e-6
    for spec in parameter_layout(SMALL):
        for i in range(spec.offset, spec.offset + spec.size, max(1, spec.size // 6)):
            slope = (mean_loss(i, h) - mean_loss(i, -h)) / (2 * h)
            assert gradients[i] == pytest.approx(slope, rel=1e-4, abs=1e-7), (spec.name, i)


def test_the_gradient_goes_past_hidden_units_that_are_exactly_0(factory):
    engine = make_engine(factory, SMALL)
    weights, n_embd = engine.read("weights"), SMALL.n_embd
    layout = {spec.name: spec for spec in parameter_layout(SMALL)}
    wte, wpe, lm_head = (layout[name].offset for name in ("wte", "wpe", "lm_head"))
    for j in range(n_embd):  # token 4 at position 0 is the zero vector, and every hidden unit 0
        weights[wpe + j] = -weights[wte + 4 * n_embd + j]
    for layer in range(SMALL.n_layer):  # and attention adds nothing to it
        place = layout[f"layer{layer}.attn_wo"]
        weights[place.slice] = array("d", bytes(8 * place.size))
    engine.write("weights", weights)
    engine.loss_and_gradients(BATCH)
    gradients = engine.read("gradients")[wpe : wpe + n_embd]
    # All logits are 0 there. The batch predicts 7 tokens, of which 0, 3 and 1 from there.
    shares = [(3 / 5 - (token in (0, 3, 1))) / 7 for token in range(5)]
    straight = [
        sum(share * weights[lm_head + token * n_embd + j] for token, share in enumerate(shares))
        for j in range(n_embd)
    ]
    assert gradients == pytest.approx([RMS_EPS**-0.5 * change for change in straight], rel=1e-9)


def test_losses_are_those_of_training_and_touch_nothing(factory):
    engine = make_engine(factory, SMALL)
    expected = engine.loss_and_gradients(BATCH)
    before = {kind: engine.read(kind) for kind in STATE_KINDS}
    many = BATCH * 14
    assert engine.losses(many) == expected * 14
    assert engine.losses([]) == []
    assert {kind: engine.read(kind) for kind in STATE_KINDS} == before


def test_the_decoder_gives_the_distribution_that_the_loss_is_made_of(factory):
    engine = make_engine(factory, SMALL)
    document = [4, 0, 3, 1, 1, 2, 4]
    (losses,) = engine.losses([document])
    decoder = engine.decoder()
    assert isinstance(engine, Engine)
    for token, target, loss in zip(document, document[1:], losses, strict=False):
        logits = decoder.push(token)
        assert len(logits) == SMALL.vocab_size
        total = math.log(sum(map(math.exp, logits)))
        assert total - logits[target] == pytest.approx(loss, rel=1e-9)
    with pytest.raises(IndexError, match=r"6 tokens \(block_size\)"):
        decoder.push(0)


def test_two_decoders_do_not_disturb_each_other(factory):
    engine = make_engine(factory, SMALL)
    first, second = engine.decoder(), engine.decoder()
    first.push(4)
    after_other_text = second.push(4)
    first.push(2)
    fresh = engine.decoder()
    assert fresh.push(4) == after_other_text
    assert fresh.push(1) == second.push(1)


def test_decoders_agree():
    config = ModelConfig(vocab_size=11, n_embd=24, n_head=3, n_layer=2, block_size=8)
    scalar, vector = (make_engine(factory, config).decoder() for factory in ENGINES.values())
    for token in [10, 3, 3, 7, 0, 1]:
        assert vector.push(token) == pytest.approx(scalar.push(token), rel=1e-9)


def test_a_run_moved_between_engines_goes_on_as_if_nothing_happened():
    def train(engine: Engine, first: int, last: int) -> list[float]:
        losses = []
        for step in range(first, last):
            losses += engine.loss_and_gradients([BATCH[step % 3]])[0]
            engine.adam_step(0.01, step)
        return losses

    whole = train(make_engine(ScalarEngine, SMALL), 0, 12)
    engine: Engine = make_engine(VectorEngine, SMALL)
    losses = []
    for start, factory in enumerate([ScalarEngine, VectorEngine, ScalarEngine, VectorEngine]):
        moved = make_engine(factory, SMALL, seed=99)
        for kind in STATE_KINDS:
            moved.write(kind, engine.read(kind))
        engine = moved
        losses += train(engine, 3 * start, 3 * start + 3)
    assert losses == pytest.approx(whole, rel=1e-9)


def test_a_state_read_and_written_continues_bit_for_bit(factory):
    def two_steps(engine: Engine, first: int) -> list[list[list[float]]]:
        losses = []
        for step in (first, first + 1):
            losses.append(engine.loss_and_gradients(BATCH))
            engine.adam_step(0.02, step)
        return losses

    engine = make_engine(factory, SMALL)
    two_steps(engine, 0)
    copy = make_engine(factory, SMALL, seed=7)
    for kind in STATE_KINDS:
        copy.write(kind, engine.read(kind))
        assert copy.read(kind) == engine.read(kind)
    assert two_steps(copy, 2) == two_steps(engine, 2)
    assert copy.read("weights") == engine.read("weights")


def test_state_is_copied_in_and_out(factory):
    count = parameter_count(SMALL)
    mine = array("d", range(count))
    engine = factory(SMALL, OptimizerConfig(), mine)
    mine[0] = -1.0
    assert engine.read("weights")[0] == 0.0
    for kind in STATE_KINDS:
        mine = array("d", range(count))
        engine.write(kind, mine)
        mine[3] = -5.0
        out = engine.read(kind)
        assert out == array("d", range(count))
        out[4] = -5.0
        assert engine.read(kind)[4] == 4.0


def test_new_weights_are_used_at_once(factory):
    engine, other = make_engine(factory, SMALL, seed=1), make_engine(factory, SMALL, seed=2)
    engine.loss_and_gradients(BATCH)
    engine.write("weights", other.read("weights"))
    assert engine.loss_and_gradients(BATCH) == other.loss_and_gradients(BATCH)
    assert engine.decoder().push(4) == other.decoder().push(4)
    assert engine.read("gradients") == other.read("gradients")


def test_adam_does_what_the_paper_says(factory):
    optimizer = OptimizerConfig(beta1=0.8, beta2=0.9, eps=1e-3)
    count = parameter_count(SMALL)
    engine = factory(SMALL, optimizer, array("d", [1.0] * count))
    m = v = 0.0
    weight = 1.0
    for step, gradient in enumerate([0.5, -2.0, 0.0]):
        engine.write("gradients", array("d", [gradient] * count))
        engine.adam_step(0.1, step)
        m = 0.8 * m + 0.2 * gradient
        v = 0.9 * v + 0.1 * gradient**2
        m_hat, v_hat = m / (1 - 0.8 ** (step + 1)), v / (1 - 0.9 ** (step + 1))
        weight -= 0.1 * m_hat / (math.sqrt(v_hat) + 1e-3)
        assert engine.read("weights") == pytest.approx([weight] * count, rel=1e-12)
        assert engine.read("first_moment") == pytest.approx([m] * count, rel=1e-12)
        assert engine.read("second_moment") == pytest.approx([v] * count, rel=1e-12)


@pytest.mark.parametrize(("m", "v"), [(0.0, 0.25), (0.5, 0.0), (0.5, 0.25), (0.0, 0.0)])
def test_without_a_gradient_each_moment_fades_whether_or_not_the_other_is_0(factory, m, v):
    optimizer = OptimizerConfig(beta1=0.8, beta2=0.9, eps=1e-3)
    count = parameter_count(SMALL)
    engine = factory(SMALL, optimizer, array("d", [1.0] * count))
    engine.write("first_moment", array("d", [m] * count))
    engine.write("second_moment", array("d", [v] * count))
    weight = 1.0
    for step in (6, 7):
        engine.adam_step(0.1, step)
        m, v = 0.8 * m, 0.9 * v
        m_hat, v_hat = m / (1 - 0.8 ** (step + 1)), v / (1 - 0.9 ** (step + 1))
        weight -= 0.1 * m_hat / (math.sqrt(v_hat) + 1e-3)
        assert engine.read("first_moment") == pytest.approx([m] * count, rel=1e-12)
        assert engine.read("second_moment") == pytest.approx([v] * count, rel=1e-12)
        assert engine.read("weights") == pytest.approx([weight] * count, rel=1e-12)


def test_a_token_no_longer_seen_moves_on_as_adam_says_and_one_never_seen_stays():
    scalar, vector = (make_engine(factory, SMALL) for factory in ENGINES.values())
    place = parameter_layout(SMALL)[0].slice  # wte, a row for each token

    def row(engine: Engine, token: int) -> array:
        n_embd = SMALL.n_embd
        return engine.read("weights")[place][token * n_embd : (token + 1) * n_embd]

    first = {token: row(vector, token) for token in (0, 3)}
    for engine in (scalar, vector):
        engine.loss_and_gradients([[4, 0, 4]])
        engine.adam_step(0.01, 0)
    seen_once = row(vector, 0)
    copy = make_engine(VectorEngine, SMALL, seed=9)
    for kind in STATE_KINDS:
        copy.write(kind, vector.read(kind))
    for step in (1, 2):
        for engine in (scalar, vector, copy):
            engine.loss_and_gradients([[4, 1, 2]])
            engine.adam_step(0.01, step)
    assert row(vector, 0) != seen_once
    assert row(vector, 0) == pytest.approx(row(scalar, 0), rel=1e-9)
    assert seen_once != first[0]
    assert row(vector, 3) == first[3]
    for kind in STATE_KINDS:
        assert copy.read(kind) == vector.read(kind)
    for kind in ("first_moment", "second_moment"):
        assert vector.read(kind) == pytest.approx(scalar.read(kind), rel=1e-6, abs=1e-15)


HUGE = [1e9, 1e150, 1e154, 1e200, 1e300, 1.7e308, math.inf, -math.inf, math.nan]


@pytest.mark.parametrize(("name", "n_embd"), [("scalar", 4), ("vector", 4), ("vector", 20)])
@pytest.mark.parametrize("weight", HUGE)
@pytest.mark.parametrize("place", ["everywhere", "here and there", "alternating"])
def test_numbers_that_are_not_finite_are_reported_not_raised(name, n_embd, weight, place):
    config = ModelConfig(vocab_size=5, n_embd=n_embd, n_head=2, n_layer=2, block_size=4)
    engine = make_engine(ENGINES[name], config)
    weights = engine.read("weights")
    for i in range(len(weights)):
        if place == "everywhere":
            weights[i] = weight
        elif place == "alternating":
            weights[i] *= weight
        elif i % 7 == 3:
            weights[i] = weight
    engine.write("weights", weights)
    for step in range(2):
        losses = engine.loss_and_gradients(BATCH)
        assert [len(row) for row in losses] == [4, 2, 1]
        assert all(loss >= 0 or math.isnan(loss) for row in losses for loss in row)
        assert len(engine.losses(BATCH)) == 3
        decoder = engine.decoder()
        assert len(decoder.push(4)) == len(decoder.push(0)) == 5
        engine.adam_step(0.01, step)
    if not math.isfinite(weight) and place == "everywhere":
        assert all(math.isnan(loss) for row in losses for loss in row)


def test_huge_gradients_and_moments_do_not_stop_adam(factory):
    engine = make_engine(factory, SMALL)
    for value in (1e200, math.inf, math.nan):
        engine.write("gradients", array("d", [value] * parameter_count(SMALL)))
        engine.adam_step(0.01, 5)
    assert all(map(math.isnan, engine.read("weights")))


def test_a_token_held_impossible_costs_an_infinite_loss(factory):
    config = ModelConfig(vocab_size=3, n_embd=1, n_head=1, block_size=2)
    engine = make_engine(factory, config)
    weights = engine.read("weights")
    layout = {spec.name: spec for spec in parameter_layout(config)}
    weights[layout["lm_head"].slice] = array("d", [2000.0, -2000.0, 0.0])
    engine.write("weights", weights)
    losses = [engine.losses([[2, target]])[0][0] for target in range(3)]
    assert sorted(losses)[0] == 0.0
    assert sorted(losses)[1:] == [math.inf, math.inf]
    assert engine.loss_and_gradients([[2, 0], [2, 1]])


@pytest.mark.parametrize(
    ("documents", "message"),
    [
        ([], "at least one document"),
        ([[]], "at least two tokens"),
        ([[4]], "at least two tokens"),
        ([[4, 0, 4], [4, 5, 4]], r"token id 5 is outside the vocabulary, 0 \.\.\. 4"),
        ([[4, -1, 4]], "token id -1 is outside"),
    ],
)
def test_impossible_batches_are_refused_and_change_nothing(factory, documents, message):
    engine = make_engine(factory, SMALL)
    engine.loss_and_gradients(BATCH)
    gradients = engine.read("gradients")
    with pytest.raises(ValueError, match=message):
        engine.loss_and_gradients(documents)
    assert engine.read("gradients") == gradients


def test_impossible_states_are_refused(factory):
    engine = make_engine(factory, SMALL)
    with pytest.raises(ValueError, match="parameters, but 3 numbers"):
        engine.write("weights", array("d", [1.0, 2.0, 3.0]))
    with pytest.raises(ValueError, match="parameters, but 3 numbers"):
        factory(SMALL, OptimizerConfig(), array("d", [1.0, 2.0, 3.0]))
    with pytest.raises(ValueError, match="cannot be negative"):
        engine.write("second_moment", array("d", [-1.0] * parameter_count(SMALL)))
    with pytest.raises(ValueError, match="token id 5"):
        engine.decoder().push(5)


def test_the_same_run_twice_gives_the_same_bits(factory):
    def run() -> tuple[list[list[list[float]]], array]:
        engine = make_engine(factory, SMALL)
        losses = []
        for step in range(4):
            losses.append(engine.loss_and_gradients(BATCH))
            engine.adam_step(0.01, step)
        return losses, engine.read("weights")

    assert run() == run()


def test_a_long_document_needs_no_deep_recursion(factory):
    config = ModelConfig(vocab_size=3, n_embd=2, n_head=1, n_layer=3, block_size=48)
    engine = make_engine(factory, config)
    (losses,) = engine.loss_and_gradients([[2, 0, 1] * 20])
    assert len(losses) == 48
