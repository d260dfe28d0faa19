"""Steps are made without garbage collection, and all else with it."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from microgpt.scalar_engine import ScalarEngine
from playground.hooks.registry import Registry
from playground.lab.session import Session
from tests.lab.conftest import text_run


def test_no_step_is_searched_for_garbage(
    words: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []
    known = ScalarEngine.loss_and_gradients

    def watched(self: ScalarEngine, documents: list[list[int]]) -> list[list[float]]:
        seen.append(gc.isenabled())
        return known(self, documents)

    monkeypatch.setattr(ScalarEngine, "loss_and_gradients", watched)
    session = Session.open(text_run(words, steps=3, engine="scalar"), registry)
    while session.advance(10):
        assert gc.isenabled()
    assert seen
    assert not any(seen)
    assert gc.isenabled()
