"""Held weights in runs that the engines of the gallery train, many steps in one call."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

import pytest

from microgpt.surgery import Component, Operation
from playground.hooks.manager import load
from playground.lab.session import Session
from playground.lab.spec import RunSpec
from tests.lab.walks import state_of

HERE = {"numpy", "numba"} <= {point.name for point in entry_points(group="microgpt_play")}
pytestmark = pytest.mark.skipif(not HERE, reason="the gallery is not installed: make gallery")
MODEL = {"n_embd": 8, "n_head": 2, "n_layer": 2, "block_size": 6}


@pytest.mark.parametrize("engine", ["numpy", "numba"])
def test_a_held_run_is_the_run_whose_weights_are_put_back_after_each_step_by_hand(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MICROGPT_PLAY_HOME", str(tmp_path / "home"))
    spec = RunSpec.parse({"model": MODEL, "steps": 300, "engine": engine, "eval_every": 50})
    held, by_hand = (Session.open(spec, load()) for _ in range(2))
    for session in (held, by_hand):
        session.go_to(20)
    hold = [Operation(Component("head", 1, 0)), Operation(Component("position", index=2), (0.3,))]
    held.surgeon.hold(hold)
    by_hand.surgeon.operate(hold)
    while held.step < 150:
        assert held.advance(150 - held.step), held.trouble
    for _ in range(130):
        assert by_hand.advance(1)
        by_hand.surgeon.operate(hold)
    assert state_of(held) == state_of(by_hand)
    assert held.training.series.losses == by_hand.training.series.losses
