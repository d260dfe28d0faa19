"""Exports: what the built-in exporters write, and that each export is whole or not there."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from playground.hooks.manager import load
from playground.hooks.registry import Registry
from playground.hooks.sources import PluginSources
from playground.lab.checkpoint import read_checkpoint
from playground.lab.client.events import WorkerBack
from playground.lab.protocol.failures import LabError, Progress
from playground.lab.run.export import export, run_export
from playground.lab.session import Session
from playground.lab.spec import RunSpec
from tests.lab import plugins
from tests.lab.client.test_lab import opened
from tests.lab.conftest import MakeLab, within


def trained(session: Session, steps: int = 45) -> Session:
    while session.step < steps:
        assert session.advance()
    return session


def with_exporter(folder: Path, spec: RunSpec, body: str) -> Session:
    """A session at step 5, and an exporter "mine" whose `export` has this body."""
    path = plugins.exporter(folder, "mine", body)
    registry = load(PluginSources(files=(str(path),), entry_points=False))
    return trained(Session.open(spec, registry), 5)


def left_in(folder: Path) -> set[str]:
    """The files in the folder, without those that the test put there."""
    return {path.name for path in folder.iterdir()} - {"words.txt", "mine.py", "home"}


# ---------------------------------------------------------------- the built-ins


def test_csv_has_a_row_for_every_step_with_its_numbers_in_full(
    session: Session, tmp_path: Path
) -> None:
    path = tmp_path / "run.csv"
    trained(session).export(str(path), "csv", {})
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[:4] == ["step", "loss", "learning_rate", "held_out"]
    assert [row["step"] for row in rows] == [str(step) for step in range(46)]
    metrics = session.frame().metrics
    assert [float(row["loss"]) for row in rows[1:]] == list(metrics.losses)
    assert [float(row["learning_rate"]) for row in rows[1:]] == list(metrics.learning_rates)
    held_out = [(int(row["step"]), float(row["held_out"])) for row in rows if row["held_out"]]
    assert held_out == list(metrics.evaluations) and [step for step, _ in held_out] == [0, 20, 40]


def test_json_lines_are_those_of_train_and_then_the_samples(
    session: Session, tmp_path: Path
) -> None:
    path = tmp_path / "run.jsonl"
    batch = trained(session).sample()
    session.export(str(path), "json-lines", {})
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    steps = [line for line in lines if "loss" in line]
    assert [line["loss"] for line in steps] == list(session.frame().metrics.losses)
    assert lines[-1] == {"step": 45, "samples": [text.text for text in batch.texts]}


def test_a_saved_run_is_exported_as_the_open_one_is(
    session: Session, registry: Registry, tmp_path: Path
) -> None:
    here, there = tmp_path / "here.csv", tmp_path / "there.csv"
    trained(session).export(str(here), "csv", {})
    session.save(str(tmp_path / "model.safetensors"))
    run = run_export(read_checkpoint(tmp_path / "model.safetensors"))
    export(registry, "csv", {}, run, there, lambda _: None)
    assert there.read_bytes() == here.read_bytes()
    assert list(run.weights) == list(session.training.engine.read("weights"))
    assert sum(rows * columns for rows, columns in run.matrices.values()) == len(run.weights)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ({"measured": (("weight norm", b"\0" * 24),)}, "has no steps"),
        ({"weights": b"\0" * 8}, "cannot be those of a model of its settings"),
    ],
)
def test_a_damaged_run_is_refused_as_opening_it_would(
    session: Session, damage: dict[str, Any], said: str
) -> None:
    with pytest.raises(LabError, match=said):
        run_export(dataclasses.replace(session.checkpoint(), **damage))


# ---------------------------------------------------------------- whole or not at all


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("path.write_text('half'); raise ValueError('no more ink')", "no more ink"),
        ("path.write_text('half'); raise ExportError('No room', 'Buy a disk.')", "Buy a disk"),
        ("path.write_text('half'); raise OSError(28, 'No space left on device')", "No space left"),
        ("path.mkdir(); (path / 'a').write_text('half'); 1 / 0", "ZeroDivisionError"),
        ("pass", "wrote nothing"),
    ],
)
def test_an_export_that_fails_leaves_what_was_there(
    tmp_path: Path, spec: RunSpec, body: str, said: str
) -> None:
    session = with_exporter(tmp_path, spec, body)
    target = tmp_path / "run.out"
    target.write_text("from before")
    with pytest.raises(LabError, match=said):
        session.export(str(target), "mine", {})
    assert target.read_text() == "from before"
    assert left_in(tmp_path) == {"run.out"}
    assert session.advance(), "and the run goes on"


def test_an_exception_that_cancels_an_export_comes_out_as_it_is(
    tmp_path: Path, spec: RunSpec
) -> None:
    session = with_exporter(tmp_path, spec, "path.write_text('half'); progress('on it', 1, 2)")

    def stop(progress: Progress) -> None:
        assert progress == Progress("mine: on it", 1, 2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        session.export(str(tmp_path / "run.out"), "mine", {}, stop)
    assert left_in(tmp_path) == set()


def test_an_export_may_be_a_folder_but_never_clears_one(tmp_path: Path, spec: RunSpec) -> None:
    session = with_exporter(tmp_path, spec, "path.mkdir(); (path / 'a').write_text('all')")
    target = tmp_path / "runs"
    session.export(str(target), "mine", {})
    assert (target / "a").read_text() == "all"
    (target / "dear").write_text("mine")
    with pytest.raises(LabError, match="folder with files in it, and they stay"):
        session.export(str(target), "mine", {})
    assert (target / "dear").read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "said"),
    [("nowhere/run.csv", "does not exist"), ("words.txt/run.csv", "not"), ("/dev/null", "device")],
)
def test_places_where_no_export_can_be_written_are_explained(
    session: Session, tmp_path: Path, name: str, said: str
) -> None:
    with pytest.raises(LabError, match=said):
        session.export(str(tmp_path / name), "csv", {})


def test_an_unknown_exporter_is_named(session: Session, tmp_path: Path) -> None:
    with pytest.raises(LabError, match="no such exporter"):
        session.export(str(tmp_path / "run.csv"), "cvs", {})


# ---------------------------------------------------------------- in the worker


async def test_the_worker_exports_and_tells_how_far_it_is(
    labs: MakeLab, spec: RunSpec, tmp_path: Path
) -> None:
    body = "progress('on it', 1, 2); path.write_text(str(len(run.losses)))"
    lab = (await opened(labs, spec, plugins.exporter(tmp_path, "mine", body))).lab
    await lab.advance(7)
    told: list[Progress] = []
    await within(10, lab.export(str(tmp_path / "count"), "mine", {}, told.append))
    assert (tmp_path / "count").read_text() == "7"
    assert told == [Progress("mine: on it", 1, 2)]


async def test_an_exporter_that_crashes_costs_no_run(
    labs: MakeLab, spec: RunSpec, tmp_path: Path
) -> None:
    body = "import os; os._exit(9)"
    watched = await opened(labs, spec, plugins.exporter(tmp_path, "mine", body))
    await watched.lab.advance(7)
    with pytest.raises(LabError, match="ended by itself"):
        await within(10, watched.lab.export(str(tmp_path / "x"), "mine", {}, lambda _: None))
    await watched.event(WorkerBack)
    await watched.lab.advance(1)
    assert not (tmp_path / "x").exists()
