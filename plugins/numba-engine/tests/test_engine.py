"""Tests beyond the contract of all engines: layouts, the real run, and speed."""

from __future__ import annotations

import json
import math
import platform
import random
from array import array
from functools import partial
from pathlib import Path

import pytest

from microgpt import (
    STATE_KINDS,
    CharTokenizer,
    ModelConfig,
    OptimizerConfig,
    ScalarEngine,
    Trainer,
    VectorEngine,
    initial_weights,
    linear_decay,
    parameter_layout,
    read_text,
    shuffle_and_init,
    split_lines,
)
from microgpt_play_numba import make_engine
from microgpt_play_numba.engine import NumbaEngine

DATA = Path(__file__).parents[3] / "tests" / "microgpt" / "data"
SMALL = ModelConfig(vocab_size=5, n_embd=4, n_head=2, n_layer=2, block_size=6)
BATCH = [[4, 0, 1, 2, 4], [4, 3, 4], [4, 1]]


def of(factory, config: ModelConfig, seed: int = 1):
    return factory(config, OptimizerConfig(), initial_weights(config, random.Random(seed)))


def document(rng: random.Random, config: ModelConfig, length: int) -> list[int]:
    return [rng.randrange(config.vocab_size) for _ in range(length)]


@pytest.mark.parametrize("name", ["one-layer", "two-layers"])
def test_a_whole_run_in_one_call_gives_microgpt_losses_and_weights(name):
    run = next(r for r in json.loads((DATA / "trajectories.json").read_text()) if r["name"] == name)
    documents = split_lines(read_text(DATA / "corpus.txt"))
    tokenizer = CharTokenizer(set("".join(documents)))
    config = ModelConfig(
        tokenizer.vocab_size, run["n_embd"], run["n_head"], run["n_layer"], run["block_size"]
    )
    weights, _ = shuffle_and_init(documents, config, run["seed"])
    bos = tokenizer.bos_id
    tokens = [[bos, *tokenizer.encode(text), bos] for text in documents]
    count = run["steps"]

    single = Trainer(
        make_engine(config, OptimizerConfig(), weights), tokens, OptimizerConfig(), count
    )
    losses = [single.advance().loss for _ in range(count)]
    assert losses == pytest.approx(run["losses"], rel=1e-9)

    bulk = make_engine(config, OptimizerConfig(), weights)
    rates = [linear_decay(0.01, step, count) for step in range(count)]
    done = bulk.train([tokens[step % len(tokens)] for step in range(count)], rates, 0)
    assert list(done.losses) == losses  # to the last bit, on each Python
    for kind in STATE_KINDS:
        assert bulk.read(kind) == single.engine.read(kind)
    flat = bulk.read("weights")
    sums = {spec.name: sum(flat[spec.slice]) for spec in parameter_layout(config)}
    assert sums == pytest.approx(run["final_weight_sums"], rel=1e-9)


# Widths below, at and beside a multiple of eight; blocks and batches that need several of
# the copies that large products make, with rows left over.
SHAPES = [
    (ModelConfig(3, 1, 1, 1, 2), 1, 3),
    (ModelConfig(9, 12, 4, 2, 9), 3, 12),
    (ModelConfig(27, 40, 5, 1, 33), 3, 34),
    (ModelConfig(40, 136, 2, 1, 17), 2, 20),
    (ModelConfig(7, 24, 1, 3, 70), 1, 71),
]


@pytest.mark.parametrize(("config", "documents", "length"), SHAPES)
@pytest.mark.parametrize(("precision", "unit"), [("float64", 2.0**-52), ("float32", 2.0**-23)])
def test_every_layout_gives_the_losses_gradients_and_logits_of_the_reference(
    config, documents, length, precision, unit
):
    rng = random.Random(5)
    batch = [document(rng, config, length - i) for i in range(documents)]
    mine = of(partial(make_engine, precision=precision), config)
    reference = of(VectorEngine, config)
    for row, expected in zip(
        mine.loss_and_gradients(batch), reference.loss_and_gradients(batch), strict=True
    ):
        assert row == pytest.approx(expected, rel=40 * unit)
    gradients, expected_gradients = mine.read("gradients"), reference.read("gradients")
    for spec in parameter_layout(config):
        expected = expected_gradients[spec.slice]
        tolerance = 400 * unit * max(map(abs, expected)) + unit / 2
        assert gradients[spec.slice] == pytest.approx(expected, rel=0, abs=tolerance), spec.name
    decoder, expected_decoder = mine.decoder(), reference.decoder()
    for token in batch[0][: config.block_size]:
        logits = expected_decoder.push(token)
        tolerance = 100 * unit * max(map(abs, logits))
        assert decoder.push(token) == pytest.approx(logits, rel=0, abs=tolerance)


def test_in_float32_a_loss_is_finite_where_it_is_in_float64():
    config = ModelConfig(vocab_size=3, n_embd=1, n_head=1, block_size=2)
    for spread in (40.0, 43.0, 60.0, 360.0):  # p = e ** -(2 spread): float32 ends at e ** -103
        engines = [of(partial(make_engine, precision=p), config) for p in ("float64", "float32")]
        for engine in engines:
            weights = engine.read("weights")
            place = {spec.name: spec for spec in parameter_layout(config)}["lm_head"].slice
            weights[place] = array("d", [spread, -spread, 0.0])
            engine.write("weights", weights)
        double, single = ([e.losses([[2, i]])[0][0] for i in range(3)] for e in engines)
        assert single == pytest.approx(double, rel=1e-5)


@pytest.mark.skipif(
    platform.machine().lower() not in ("x86_64", "amd64"),
    reason="other processors take small numbers as they come",
)
def test_in_float32_a_moment_that_dies_away_ends_at_zero_and_costs_no_time():
    """A number below 1.2e-38 is dropped: on many processors each would take a hundred cycles."""
    engine = of(partial(make_engine, precision="float32"), SMALL)
    count = len(engine.read("weights"))
    engine.write("first_moment", array("d", [2e-38] * count))
    engine.write("gradients", array("d", bytes(8 * count)))
    for step in range(8):
        engine.adam_step(0.0, step)
    assert set(engine.read("first_moment")) == {0.0}


def test_a_moment_that_has_died_away_is_dropped_now_and_then():
    engine = of(make_engine, SMALL)
    count = len(engine.read("weights"))
    for kind in ("first_moment", "second_moment"):
        engine.write(kind, array("d", [1e-290, 1e-270] * (count // 2)))
    engine.write("gradients", array("d", bytes(8 * count)))
    engine.adam_step(0.01, 511)
    assert engine.read("first_moment")[0] == pytest.approx(0.85e-290)
    engine.adam_step(0.01, 512)
    for kind in ("first_moment", "second_moment"):
        small, larger = engine.read(kind)[:2]
        assert small == 0.0 < larger


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_several_threads_train_to_the_bits_of_one(precision):
    config = ModelConfig(27, 64, 4, 2, 40)
    rng = random.Random(8)
    documents = [document(rng, config, rng.randint(20, 50)) for _ in range(60)]
    one, three = (of(partial(make_engine, precision=precision), config) for _ in range(2))
    three.use_threads(3)
    three.prepare(lambda *_: None)
    rates = [0.01, 0.02, 0.01]
    assert three.train(documents, rates, 4) == one.train(documents, rates, 4)
    assert three.losses(documents) == one.losses(documents)
    for kind in STATE_KINDS:
        assert three.read(kind) == one.read(kind)


def test_threads_take_documents_in_order_and_only_batches_that_pay():
    engine = of(make_engine, ModelConfig(27, 64, 4, 2, 40))
    engine.use_threads(4)
    engine.prepare(lambda *_: None)
    parts = engine._parts
    assert parts.edges([40] * 16).tolist() == [0, 4, 8, 12, 16]
    assert parts.edges([400] * 3).tolist() == [0, 1, 2, 3]  # no more parts than documents
    assert parts.edges([4000]) is None
    assert parts.edges([7] * 8) is None  # so little is quicker on one
    assert parts.edges([4000, 1, 1, 1, 1, 1, 1, 1]) is None


def test_a_token_has_the_same_loss_to_the_bit_in_whatever_batch_it_comes():
    config = ModelConfig(27, 32, 4, 1, 40)
    rng = random.Random(2)
    batch = [document(rng, config, length) for length in (41, 2, 9, 30, 17)]
    engine = of(make_engine, config)
    alone = [engine.losses([each])[0] for each in batch]
    assert engine.losses(batch) == alone
    assert engine.loss_and_gradients(batch) == alone


def test_room_grown_for_a_large_batch_changes_nothing_in_a_small_one():
    engine, fresh = of(make_engine, SMALL), of(make_engine, SMALL)
    engine.loss_and_gradients(BATCH * 9)
    assert engine.loss_and_gradients(BATCH) == fresh.loss_and_gradients(BATCH)
    assert engine.read("gradients") == fresh.read("gradients")


@pytest.mark.parametrize("config", [SMALL, ModelConfig(9, 12, 4, 2, 9)])
def test_good_weights_after_a_diverged_run_leave_no_trace_of_it(config):
    engine = of(make_engine, config)
    good = {kind: engine.read(kind) for kind in STATE_KINDS}
    engine.write("weights", array("d", [math.nan] * len(good["weights"])))
    for step in range(2):
        engine.loss_and_gradients(BATCH)
        engine.adam_step(0.01, step)
    for kind in STATE_KINDS:
        engine.write(kind, good[kind])
    fresh = of(make_engine, config)
    for step in range(3):
        assert engine.loss_and_gradients(BATCH) == fresh.loss_and_gradients(BATCH)
        engine.adam_step(0.01, step)
        fresh.adam_step(0.01, step)
    assert engine.read("weights") == fresh.read("weights")


def test_probabilities_far_below_one_keep_their_loss_until_they_underflow():
    config = ModelConfig(vocab_size=3, n_embd=1, n_head=1, block_size=2)
    for spread in (100.0, 300.0, 354.0, 360.0, 372.0):  # p = e ** -(2 spread): down to 1e-323
        engines = [of(make_engine, config), of(ScalarEngine, config)]
        for engine in engines:
            weights = engine.read("weights")
            place = {spec.name: spec for spec in parameter_layout(config)}["lm_head"].slice
            weights[place] = array("d", [spread, -spread, 0.0])
            engine.write("weights", weights)
        mine, expected = ([e.losses([[2, i]])[0][0] for i in range(3)] for e in engines)
        assert mine == pytest.approx(expected, rel=0.002)
        assert all(map(math.isfinite, mine))


def test_bulk_training_stops_before_the_update_that_has_no_finite_loss():
    engine, other = of(make_engine, SMALL), of(make_engine, SMALL)
    done = engine.train(BATCH[:2] * 30, [1e300] * 60, 0)
    assert 1 < len(done.losses) < 60
    assert all(map(math.isfinite, done.losses[:-1]))
    assert not math.isfinite(done.losses[-1])
    assert done.tokens == sum(len(BATCH[i % 2]) - 1 for i in range(len(done.losses)))
    other.train((BATCH[:2] * 30)[: len(done.losses) - 1], [1e300] * (len(done.losses) - 1), 0)
    assert engine.read("weights").tobytes() == other.read("weights").tobytes()


def test_sequences_of_any_kind_are_read():
    engine = of(make_engine, SMALL)
    expected = engine.losses(BATCH)
    assert engine.losses([tuple(each) for each in BATCH]) == expected
    assert engine.losses(tuple(array("i", each) for each in BATCH)) == expected


def test_an_id_too_large_for_the_machine_is_out_of_range_too():
    with pytest.raises(ValueError, match="token id 36893488147419103232 is outside"):
        of(make_engine, SMALL).loss_and_gradients([[4, 2**65, 4]])


def test_what_lies_beyond_the_block_is_not_looked_at():
    engine = of(make_engine, SMALL)
    assert len(engine.losses([[4, 0, 1, 2, 3, 1, 4, 99]])[0]) == 6


def test_the_engine_can_be_used_unprepared():
    assert NumbaEngine(SMALL, OptimizerConfig(), initial_weights(SMALL, random.Random(1))).losses(
        BATCH
    ) == of(make_engine, SMALL).losses(BATCH)
