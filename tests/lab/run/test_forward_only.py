"""Previews and samples of a scalar run are computed forward only, without a graph."""

from __future__ import annotations

from pathlib import Path

import pytest

from microgpt.scalar_engine import ScalarEngine
from playground.hooks.manager import load
from playground.hooks.registry import Registry
from playground.hooks.sources import PluginSources
from playground.lab.protocol.sampling import Link, Sampling
from playground.lab.run.engines import forward_only
from playground.lab.session import Session
from tests.lab import plugins
from tests.lab.conftest import text_run


def test_the_scalar_engine_builds_no_graph_for_previews_and_samples(
    words: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = Session.open(text_run(words, engine="scalar"), registry)
    assert isinstance(session.training.engine, ScalarEngine)
    session.advance()
    there = session.training.engine.losses([[0, 1, 2]])
    with monkeypatch.context() as patched:
        patched.setattr(ScalarEngine, "gpt", None)  # building a graph would fail
        here = forward_only(session.training.engine).losses([[0, 1, 2]])
        assert session.preview().chances
        assert session.sample().texts
    assert here[0] == pytest.approx(there[0], rel=1e-9)
    session.advance()  # the forward-only view has the new weights
    after = forward_only(session.training.engine).losses([[0, 1, 2]])
    assert after[0] == pytest.approx(session.training.engine.losses([[0, 1, 2]])[0], rel=1e-9)
    assert after != here


def test_both_engines_show_the_same_held_out_loss_and_samples(
    words: Path, registry: Registry
) -> None:
    shown = []
    for engine in ("scalar", "vector"):
        session = Session.open(text_run(words, engine=engine, eval_every=2), registry)
        for _ in range(4):
            session.advance()
        shown.append((session.frame().metrics.evaluations, session.sample().texts))
    (scalar, texts), (vector, same) = shown
    assert texts == same
    assert [step for step, _ in scalar] == [0, 2, 4]
    assert [loss for _, loss in scalar] == pytest.approx([loss for _, loss in vector], rel=1e-9)


def test_a_run_that_failed_over_a_strategy_is_well_again_once_the_chain_lacks_it(
    words: Path, tmp_path: Path
) -> None:
    file = plugins.strategy(tmp_path, "frail", transform="raise RuntimeError('no more')")
    sources = PluginSources(files=(str(file),), entry_points=False)
    session = Session.open(text_run(words), load(sources))
    session.observe(Sampling(chain=(Link("frail"),), every=1))
    assert not session.advance()
    assert session.state == "failed"
    session.observe(Sampling(chain=(Link("temperature"),), every=1))
    assert session.state == "paused" and session.step == 1
    assert session.advance()
