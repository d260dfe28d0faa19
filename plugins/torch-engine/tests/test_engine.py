"""What the contract of engines does not reach: long documents, many weights, a missing GPU."""

from __future__ import annotations

import os
import random
from array import array

import pytest

from microgpt import ModelConfig, OptimizerConfig, VectorEngine, initial_weights
from microgpt_play_torch import NoGpuError, make_engine
from microgpt_play_torch.threads import WAITING, wait_asleep

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from microgpt_play_torch import adam  # noqa: E402
from microgpt_play_torch.state import State  # noqa: E402


@pytest.mark.parametrize("lengths", [(600,), (33, 600, 130)])
def test_long_documents_give_the_losses_and_gradients_of_the_vector_engine(lengths):
    """Attention goes in blocks: PyTorch takes up to 512 keys at a time."""
    config = ModelConfig(9, n_embd=4, n_head=2, block_size=600)
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


@pytest.mark.parametrize(
    "optimizer", [OptimizerConfig(), OptimizerConfig(beta1=0.0, beta2=0.0, eps=1e-2)]
)
def test_the_update_of_many_weights_is_that_of_few(optimizer, monkeypatch):
    config = ModelConfig(28, n_embd=60, n_head=4, n_layer=2, block_size=4)
    few, many = (State(config, torch.float64, torch.device("cpu")) for _ in range(2))
    rng = random.Random(1)
    count = len(few.flat["weights"])
    assert count > adam._FEW
    for step, rate in ((0, 0.1), (1, 0.0), (2, 0.02), (41, 0.01)):
        gradients = array("d", [rng.gauss(0, 10 ** rng.uniform(-4, 0)) for _ in range(count)])
        for state, limit in ((few, count), (many, adam._FEW)):
            monkeypatch.setattr(adam, "_FEW", limit)
            state.write("gradients", gradients)
            adam.update(state, optimizer, rate, step)
    for kind in ("weights", "first_moment", "second_moment"):
        torch.testing.assert_close(few.flat[kind], many.flat[kind], rtol=1e-11, atol=1e-16)


def test_without_a_gpu_the_error_names_an_engine_for_the_processor(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    config = ModelConfig(5, n_embd=4, n_head=2)
    weights = initial_weights(config, random.Random(1))
    with pytest.raises(NoGpuError, match=r"finds no GPU on this machine.*torch-float32"):
        make_engine(config, OptimizerConfig(), weights, device="cuda")


def test_threads_wait_asleep_unless_a_person_has_said_how(monkeypatch):
    monkeypatch.setenv(WAITING, "ACTIVE")
    wait_asleep()
    assert os.environ[WAITING] == "ACTIVE"
    monkeypatch.delenv(WAITING)
    wait_asleep()
    assert os.environ[WAITING] == "PASSIVE"
