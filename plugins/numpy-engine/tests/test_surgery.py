"""What a cut costs on held-out texts, computed once more with NumPy alone."""

from __future__ import annotations

import random

import numpy as np
import pytest

from microgpt import ModelConfig, parameter_layout
from microgpt.surgery import Component, Operation
from playground.hooks.manager import load
from playground.lab.inside.surgery import Trials
from playground.lab.session import Session
from playground.lab.spec import RunSpec

MODEL = {"n_embd": 8, "n_head": 2, "n_layer": 2, "block_size": 6}


def losses(weights: np.ndarray, config: ModelConfig, tokens: list[int]) -> np.ndarray:
    """The loss of each predicted token of one text: a whole text at once, with plain NumPy."""
    w = {m.name: weights[m.slice].reshape(m.rows, m.columns) for m in parameter_layout(config)}
    read, wanted = np.array(tokens[:-1]), np.array(tokens[1:])
    read, wanted = read[: config.block_size], wanted[: config.block_size]

    def norm(x):
        return x / np.sqrt((x * x).mean(axis=1, keepdims=True) + 1e-5)

    x = norm(w["wte"][read] + w["wpe"][: len(read)])
    later = np.triu(np.full((len(read), len(read)), -np.inf), 1)
    d = config.head_dim
    for layer in range(config.n_layer):
        name, normed = f"layer{layer}", norm(x)
        q, k, v = (normed @ w[f"{name}.attn_w{which}"].T for which in "qkv")
        mixed = []
        for h in range(config.n_head):
            part = slice(h * d, (h + 1) * d)
            scores = q[:, part] @ k[:, part].T / np.sqrt(d) + later
            shares = np.exp(scores - scores.max(axis=1, keepdims=True))
            mixed.append(shares / shares.sum(axis=1, keepdims=True) @ v[:, part])
        x = x + np.hstack(mixed) @ w[f"{name}.attn_wo"].T
        x = x + np.maximum(norm(x) @ w[f"{name}.mlp_fc1"].T, 0) @ w[f"{name}.mlp_fc2"].T
    logits = x @ w["lm_head"].T
    logits = logits - logits.max(axis=1, keepdims=True)
    logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return -logs[np.arange(len(wanted)), wanted]


def columns_of_a_head(weights: np.ndarray, config: ModelConfig, layer: int, head: int) -> None:
    """Set the head's columns of attn_wo to 0, in place."""
    (spec,) = [one for one in parameter_layout(config) if one.name == f"layer{layer}.attn_wo"]
    matrix = weights[spec.slice].reshape(spec.rows, spec.columns)
    matrix[:, head * config.head_dim : (head + 1) * config.head_dim] = 0


@pytest.mark.parametrize("engine", ["vector", "numpy"])
def test_the_paired_difference_of_a_cut_is_that_of_plain_numpy(engine):
    session = Session.open(RunSpec.parse({"model": MODEL, "steps": 60, "engine": engine}), load())
    while session.step < 60:
        assert session.advance(60)
    config = session.training.engine.config
    texts = session.training.measured_on[:40]
    trials = Trials(session.training.current, config, texts)
    noise = []
    for layer, head in ((0, 0), (0, 1), (1, 0), (1, 1)):
        before = np.array(session.training.engine.read("weights"))
        after = before.copy()
        columns_of_a_head(after, config, layer, head)
        added = [losses(after, config, one) - losses(before, config, one) for one in texts]
        lengths = np.array([len(one) for one in added])
        sums = np.array([one.sum() for one in added])
        delta = sums.sum() / lengths.sum()
        # The standard error of a ratio of two sums over texts (Cochran 1977, 6.4).
        rest = sums - delta * lengths
        error = np.sqrt(rest.var(ddof=1) / len(texts)) / lengths.mean()
        found = trials.difference([Operation(Component("head", layer, head))])
        assert found.delta == pytest.approx(delta, abs=1e-9)
        assert found.error == pytest.approx(error, abs=1e-9)
        assert found.within_noise == (abs(delta) < 2 * error)
        noise.append(found.within_noise)
    assert not all(noise), "some head matters after 60 steps"


def test_a_difference_that_is_less_than_two_standard_errors_is_called_noise():
    session = Session.open(RunSpec.parse({"model": MODEL, "steps": 60, "engine": "numpy"}), load())
    config = session.training.engine.config
    trials = Trials(session.training.current, config, session.training.measured_on[:40])
    dice = random.Random(5)
    # Before the first step nothing is learnt: a weight that is changed a little is mere chance.
    found = [
        trials.difference(
            [Operation(Component("weight", index=dice.randrange(8), matrix="layer0.mlp_fc1",
                                 column=dice.randrange(8)), (0.08,))]
        )
        for _ in range(12)
    ]  # fmt: skip
    for one in found:
        assert one.within_noise == (abs(one.delta) < 2 * one.error)
    assert any(one.within_noise for one in found)
