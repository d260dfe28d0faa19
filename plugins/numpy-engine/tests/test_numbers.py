"""The numbers are those of microgpt.py, and of the vector engine if the formulas differ."""

from __future__ import annotations

import json
import os
import random
from array import array
from collections.abc import Sequence
from pathlib import Path

import pytest

from microgpt import (
    CharTokenizer,
    ModelConfig,
    OptimizerConfig,
    VectorEngine,
    initial_weights,
    parameter_layout,
    read_text,
    shuffle_and_init,
    split_lines,
)
from microgpt.config import linear_decay
from microgpt_play_numpy import layers, make_engine
from microgpt_play_numpy import memory as memory_module
from microgpt_play_numpy.engine import NumpyEngine

REPOSITORY = Path(__file__).parents[3]
DATA = REPOSITORY / "tests" / "microgpt" / "data"
RUNS = {run["name"]: run for run in json.loads((DATA / "trajectories.json").read_text())}


def train_as_microgpt(path: Path, steps: int, seed: int, **shape: int) -> tuple[NumpyEngine, array]:
    """Train all steps in one call on the lines of a file; returns the engine and the losses."""
    documents = split_lines(read_text(path))
    tokenizer = CharTokenizer(set("".join(documents)))
    config = ModelConfig(tokenizer.vocab_size, **shape)
    weights, _ = shuffle_and_init(documents, config, seed)
    bos = tokenizer.bos_id
    tokens = [
        [bos, *tokenizer.encode(documents[step % len(documents)]), bos] for step in range(steps)
    ]
    engine = make_engine(config, OptimizerConfig(), weights)
    rates = [linear_decay(0.01, step, steps) for step in range(steps)]
    return engine, engine.train(tokens, rates, 0).losses


@pytest.mark.parametrize("name", RUNS)
def test_a_whole_run_gives_microgpt_losses_and_weights(name):
    run = RUNS[name]
    shape = {key: run[key] for key in ("n_embd", "n_head", "n_layer", "block_size")}
    engine, losses = train_as_microgpt(DATA / "corpus.txt", run["steps"], run["seed"], **shape)
    assert list(losses) == pytest.approx(run["losses"], rel=1e-9)
    weights = engine.read("weights")
    sums = {spec.name: sum(weights[spec.slice]) for spec in parameter_layout(engine.config)}
    assert sums == pytest.approx(run["final_weight_sums"], rel=1e-9)


def test_a_thousand_steps_on_names_txt_give_microgpt_losses():
    beside = REPOSITORY.parent / "shared" / "reference"
    reference = Path(os.environ.get("MICROGPT_REFERENCE", beside))
    if not (reference / "names.txt").is_file():
        pytest.skip("microgpt.py's names.txt run is not here; set MICROGPT_REFERENCE to its folder")
    expected = [
        float(line.split()[-1])
        for line in (reference / "microgpt_losses.txt").read_text().splitlines()
    ]
    _, losses = train_as_microgpt(reference / "names.txt", 1000, 42)
    assert list(losses) == pytest.approx(expected, rel=1e-9)


def assert_as_the_vector_engine(
    config: ModelConfig, batch: Sequence[Sequence[int]], times: float = 1.0
) -> None:
    """Losses, and the gradients of each matrix within 1e-9 of the largest in it; weights are
    `times` as large as at the start of a run."""
    weights = initial_weights(config, random.Random(3))
    weights = array("d", [times * weight for weight in weights])
    mine = make_engine(config, OptimizerConfig(), weights)
    other = VectorEngine(config, OptimizerConfig(), weights)
    rows = mine.loss_and_gradients(batch)
    for row, expected in zip(rows, other.loss_and_gradients(batch), strict=True):
        assert row == pytest.approx(expected, rel=1e-9, abs=1e-14)
    for row, expected in zip(mine.losses(batch), rows, strict=True):
        assert row == pytest.approx(expected, rel=1e-12, abs=1e-14)
    gradients, expected_gradients = mine.read("gradients"), other.read("gradients")
    for spec in parameter_layout(config):
        x, y = gradients[spec.slice], expected_gradients[spec.slice]
        worst = max(abs(p - q) for p, q in zip(x, y, strict=True))
        assert worst <= 1e-9 * max(map(abs, y)) + 1e-15, spec.name


def random_batch(config: ModelConfig, documents: int) -> list[list[int]]:
    rng = random.Random(documents)
    return [
        [rng.randrange(config.vocab_size) for _ in range(rng.randint(2, config.block_size + 4))]
        for _ in range(documents)
    ]


@pytest.mark.parametrize("documents", [1, 7])
def test_a_vocabulary_too_large_for_one_hot_rows_gives_the_same_gradients(documents):
    config = ModelConfig(9000, n_embd=8, n_head=2, block_size=5)
    batch = [[7, 8999, 7, 7, 0], [8999, 8999], [0, 1, 2, 3, 4, 5, 6], *random_batch(config, 4)]
    assert min(len(document) - 1 for document in batch[:1]) * 9000 > layers._ONE_HOT
    assert_as_the_vector_engine(config, batch[:documents])


@pytest.mark.parametrize("documents", [1, 2, 40])
@pytest.mark.parametrize("n_embd", [6, 48])
def test_few_numbers_and_many_give_the_same(n_embd, documents):
    config = ModelConfig(30, n_embd=n_embd, n_head=3, n_layer=2, block_size=12)
    batch = random_batch(config, documents)
    assert_as_the_vector_engine(config, batch)


@pytest.mark.parametrize("times", [1, 30, 300])
def test_scores_too_large_for_a_bare_exp_give_the_same(times, monkeypatch):
    config = ModelConfig(12, n_embd=8, n_head=2, block_size=9)
    taken = []
    exp = layers.np.exp

    def watched(scores, out):
        taken.append(float(abs(scores[scores > -layers.np.inf]).max()))
        return exp(scores, out)

    monkeypatch.setattr(layers.np, "exp", watched)
    assert_as_the_vector_engine(config, random_batch(config, 3), times)
    assert max(taken) > 0
    if times == 300:
        assert max(taken) > 700, "no score was large enough to test what is claimed"


def test_losses_come_in_the_order_of_the_documents():
    config = ModelConfig(12, n_embd=8, n_head=2, block_size=9)
    engine = make_engine(config, OptimizerConfig(), initial_weights(config, random.Random(1)))
    batch = random_batch(config, 75)
    together = engine.losses(batch)
    assert [len(row) for row in together] == [min(9, len(document) - 1) for document in batch]
    for document, row in zip(batch, together, strict=True):
        assert row == pytest.approx(engine.losses([document])[0], rel=1e-12)


def test_more_shapes_than_are_kept_change_nothing(monkeypatch):
    config = ModelConfig(12, n_embd=8, n_head=2, block_size=9)
    batches = [random_batch(config, documents) for documents in (1, 5, 2, 9, 1, 3, 5)]

    def train() -> tuple[list[list[list[float]]], array]:
        engine = make_engine(config, OptimizerConfig(), initial_weights(config, random.Random(1)))
        losses = []
        for step, batch in enumerate(batches):
            losses.append(engine.loss_and_gradients(batch))
            engine.adam_step(0.01, step)
        return losses, engine.read("weights")

    expected = train()
    monkeypatch.setattr("microgpt_play_numpy.engine._WORKSPACES", 2)
    assert train() == expected


def test_many_steps_prepared_a_few_at_a_time_are_the_same_steps(monkeypatch):
    config = ModelConfig(12, n_embd=8, n_head=2, block_size=9)
    documents = random_batch(config, 60)

    def train() -> tuple[array, list[list[float]], int, array]:
        engine = make_engine(config, OptimizerConfig(), initial_weights(config, random.Random(1)))
        steps = engine.train(documents, [0.01] * 20, 0)
        return steps.losses, steps.token_losses, steps.tokens, engine.read("weights")

    expected = train()
    monkeypatch.setattr("microgpt_play_numpy.batches._TOKENS_AT_ONCE", 100)
    assert train() == expected


def test_every_array_begins_at_a_multiple_of_64_bytes():
    arena = memory_module.Arena()
    for shape in [(3,), (5, 7), (1, 1), (200, 3), (2, 3, 5)]:
        assert memory_module.aligned(*shape).ctypes.data % 64 == 0
        assert arena.take(*shape).ctypes.data % 64 == 0
    state = memory_module.State(ModelConfig(7, n_embd=3, n_head=1, block_size=5))
    for kind in ("weights", "gradients", "first_moment", "second_moment"):
        assert state.flat(kind).ctypes.data % 64 == 0


def test_a_moment_that_has_died_away_is_dropped_now_and_then():
    config = ModelConfig(7, n_embd=4, n_head=1, block_size=5)
    engine = make_engine(config, OptimizerConfig(), initial_weights(config, random.Random(1)))
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


@pytest.mark.parametrize("lengths", [(151,), (64, 150, 65), (130, 129)])
def test_long_documents_give_the_losses_and_gradients_of_the_reference(lengths):
    """Attention goes in strips: one, several, and one that is not full."""
    config = ModelConfig(9, n_embd=12, n_head=3, n_layer=2, block_size=150)
    rng = random.Random(4)
    batch = [[rng.randrange(9) for _ in range(length + 1)] for length in lengths]
    weights = initial_weights(config, rng)
    mine, reference = (
        factory(config, OptimizerConfig(), weights) for factory in (make_engine, VectorEngine)
    )
    given, expected = (engine.loss_and_gradients(batch) for engine in (mine, reference))
    for row, other in zip(given, expected, strict=True):
        assert row == pytest.approx(other, rel=1e-11)
    gradients = reference.read("gradients")
    tolerance = 1e-10 * max(map(abs, gradients))
    assert mine.read("gradients") == pytest.approx(gradients, rel=0, abs=tolerance)
