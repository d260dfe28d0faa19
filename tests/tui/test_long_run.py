"""The curves of a run of very many steps come in parts, and nothing false is said meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from playground.hooks.manager import load
from playground.hooks.sources import PluginSources
from playground.lab.session import Session
from playground.lab.smoothing import smoothed
from playground.tui import model as of_screen
from playground.tui.interpretation import interpret
from playground.tui.model import PlaygroundModel
from tests.lab.conftest import text_run


def test_the_curves_grow_part_by_part_until_they_reach_the_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_screen, "STEPS_AT_ONCE", 16)
    path = tmp_path / "text.txt"
    path.write_text("\n".join(f"line {n}" for n in range(50)), encoding="utf-8")
    registry = load(PluginSources(entry_points=False))
    session = Session.open(text_run(path, steps=40, eval_every=3), registry)
    while session.advance():
        pass
    model = PlaygroundModel()
    model.opened(session.info)
    for known, rest in ((16, 24), (32, 8), (40, 0)):
        assert model.take(session.frame(model.request()))
        assert (len(model.loss), model.rest) == (known, rest)
        assert model.step == 40
        assert bool(interpret(model, 200)) == (rest == 0)
    losses = session.training.series.losses
    assert model.loss.ys == losses and [*model.loss.xs] == [*range(1, 41)]
    assert model.ema.ys == smoothed(losses)
    assert dict(zip(model.evaluations.xs, model.evaluations.ys, strict=True)) == dict(
        session.training.series.evaluations
    )
    assert model.take(session.frame(model.request())) and len(model.loss) == 40
