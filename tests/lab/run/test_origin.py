"""What an exported run tells of where it comes from: its data, and all that changed in it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from microgpt.surgery import component_of, operation_of
from playground.api import ExportError, RunExport, UnknownTextError
from playground.hooks.manager import load
from playground.hooks.registry import Registry
from playground.hooks.sources import PluginSources
from playground.lab.fork import forked
from playground.lab.protocol.commands import Open
from playground.lab.protocol.failures import Progress
from playground.lab.protocol.run import Recording
from playground.lab.record.origin import origin_of_recorded
from playground.lab.run.export import run_export
from playground.lab.run.guard import Activity
from playground.lab.run.origin import data_again
from playground.lab.session import Session, open_session, with_changes
from playground.lab.spec import RunSpec
from playground.lab.store.housekeeping import purge
from playground.lab.store.store import Store
from tests.lab import plugins
from tests.lab.conftest import WORDS, text_run

SEEN = "path.write_text('seen'); type(self).seen = run"


def exported(session: Session, registry: Registry, folder: Path) -> RunExport:
    """What an exporter is given of this session."""
    session.export(str(folder / "run.out"), "mine", {})
    found: RunExport = registry.contribution("exporter", "mine").factory.seen  # type: ignore[attr-defined]
    return found


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    path = plugins.exporter(tmp_path, "mine", SEEN)
    return load(PluginSources(files=(str(path),), entry_points=False))


def walked(session: Session, steps: int) -> Session:
    while session.step < steps:
        assert session.advance()
    return session


def test_the_data_are_those_that_the_run_learns_from(
    session: Session, registry: Registry, words: Path, tmp_path: Path
) -> None:
    run = exported(walked(session, 3), registry, tmp_path)
    data = run.data()
    assert data is run.data(), "made once"
    assert sorted([*data.documents, *data.held_out]) == sorted(WORDS)
    assert data.vocabulary[data.bos_id] == "·" and set(data.vocabulary) > set("antbe")
    text = data.text
    assert (text.name, text.path, text.plugin) == ("words.txt", str(words), "")
    assert text.sha256 == hashlib.sha256(words.read_bytes()).hexdigest()
    words.write_text("another text")
    assert text.read().decode().split() == WORDS, "as the run learnt from it"
    assert text.size == len(text.read())
    shown = session.frames.text_anatomy(None)
    seen = data.anatomy(None)
    assert (seen.tokens, seen.anatomy.logits) == (shown.tokens, shown.anatomy.logits)
    assert data.anatomy("ant").tokens == ("·", "a", "n", "t")
    with pytest.raises(UnknownTextError):
        data.anatomy("ÄÖ")


def test_a_saved_run_reads_its_data_again_when_they_are_asked_for(
    session: Session, registry: Registry, words: Path
) -> None:
    checkpoint = walked(session, 3).checkpoint()
    told: list[Progress] = []
    data = data_again(checkpoint, registry, Activity(), report=told.append)
    assert not told, "nothing is read before"
    assert list(data().documents) == list(session._prepared.texts)
    assert told
    words.write_text(words.read_text() + "tree\n")
    with pytest.raises(ExportError, match="data have changed"):
        data_again(checkpoint, registry, Activity())()
    words.unlink()
    with pytest.raises(ExportError, match="does not exist"):
        data_again(checkpoint, registry, Activity())()


def test_the_history_says_what_was_done_by_hand_and_not_what_was_taken_back(
    session: Session, registry: Registry, tmp_path: Path
) -> None:
    config = session._prepared.config
    cut, held = operation_of("head:0.1", config), operation_of("weight:wte[1,2]=0.5", config)
    walked(session, 2).training.operate([cut])
    walked(session, 4).training.hold([held])
    session.training.set_rate(0.02)
    walked(session, 6).training.operate([operation_of("position:1", config)])
    session.training.undo()
    session.training.hold([])
    run = exported(session, registry, tmp_path)
    assert list(run.history) == [
        {"step": 2, "field": "surgery", "value": [{"component": "head:0.1", "values": [0.0]}]},
        {"step": 4, "field": "hold", "value": [
            {"component": str(component_of("weight:wte[1,2]")), "values": [0.5]}]},
        {"step": 4, "field": "optimizer.learning_rate", "value": 0.02},
        {"step": 6, "field": "hold", "value": []},
    ]  # fmt: skip
    assert run.how == "", "no one command does this"


def recorded(store: Path, spec: RunSpec, registry: Registry, steps: int) -> None:
    command = Open(spec.to_json(), recording=Recording(str(store)))
    session = open_session(command, registry, lambda _: None, Activity())
    walked(session, steps).close()


def fork_of(store: Path, run: int, at: int, changes: dict[str, Any], registry: Registry) -> Session:
    command = Open("", recording=Recording(str(store), run=run))
    command = with_changes(command, changes, registry, lambda _: None, Activity(), at=at)
    return open_session(command, registry, lambda _: None, Activity())


def test_a_fork_tells_the_settings_of_the_runs_that_it_came_from(
    words: Path, registry: Registry, tmp_path: Path
) -> None:
    store = tmp_path / "runs.sqlite"
    recorded(store, text_run(words, steps=30), registry, 12)
    first = fork_of(store, 1, 5, {"steps": 60, "optimizer.learning_rate": 0.03}, registry)
    walked(first, 10).close()
    warm = {"name": "cosine", "options": {"warmup": 2}}
    second = fork_of(store, 2, 8, {"schedule": warm, "batch_size": 2}, registry)
    run = exported(walked(second, 12), registry, tmp_path)
    linear = {"name": "linear", "options": {}}
    assert [(one["step"], one["field"], one["value"]) for one in run.history] == [
        (0, "schedule", linear), (0, "steps", 30), (0, "batch_size", 1),
        (5, "steps", 60), (5, "optimizer.learning_rate", 0.03),
        (8, "schedule", warm), (8, "batch_size", 2),
    ]  # fmt: skip
    second.close()
    with Store.open(store) as opened:
        there = run_export(second.checkpoint(), (), origin_of_recorded(opened, 3))
        assert there.history == run.history
        opened.delete([1])
        purge(opened)
        gone = origin_of_recorded(opened, 3)
    history = run_export(second.checkpoint(), (), gone).history
    assert ("unknown", 12) in {(one["field"], one["step"]) for one in history}


def test_a_run_without_changes_tells_its_command(
    session: Session, registry: Registry, words: Path, tmp_path: Path
) -> None:
    run = exported(walked(session, 2), registry, tmp_path)
    assert run.how.startswith(f"microgpt-play train {words} --n-embd 8")
    assert run.history == () and run.run_name == ""
    assert run.sampling["chain"][0]["name"] == "temperature" and run.sampling["count"] == 5
    assert run.tokenizer["type"] == "char" and run.precision == "float64"
    checkpoint = session.checkpoint()
    spec, start = forked(checkpoint, {"steps": 999})
    assert start is not None
    alone = run_export(replace(start, spec=spec))
    assert [one["field"] for one in alone.history] == ["unknown"]
    with pytest.raises(ExportError, match="not there"):
        alone.data()
