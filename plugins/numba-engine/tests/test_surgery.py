"""Held weights in a run that this engine trains, many steps in one call where nothing is held."""

from __future__ import annotations

from microgpt.surgery import Component, Operation
from playground.hooks.manager import load
from playground.lab.session import Session
from playground.lab.spec import RunSpec

MODEL = {"n_embd": 8, "n_head": 2, "n_layer": 2, "block_size": 6}


def test_a_held_run_is_the_run_whose_weights_are_put_back_after_each_step_by_hand():
    spec = RunSpec.parse({"model": MODEL, "steps": 300, "engine": "numba", "eval_every": 50})
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
    for kind in ("weights", "first_moment", "second_moment"):
        ours, theirs = (one.training.engine.read(kind) for one in (held, by_hand))
        assert ours.tobytes() == theirs.tobytes()
    assert held.training.series.losses == by_hand.training.series.losses
