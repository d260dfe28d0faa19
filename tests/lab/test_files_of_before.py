"""Files that version 0.1.0 wrote before the lab was laid out anew still open, bit for bit.

`files_of_before` holds a store with a run and its fork, the checkpoint of the run at step 45, the
run as an exported file, and the facts that version 0.1.0 gave of these. The run learns from a text
file that is gone, and changes its learning rate at step 20 and its engine at steps 25 and 30. The
fork leaves the run at step 35. Never make these files anew.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import sys
from array import array
from pathlib import Path
from typing import Any

import pytest

from playground.hooks.registry import Registry
from playground.lab.checkpoint import from_bytes, read_checkpoint, to_bytes
from playground.lab.protocol.commands import Open
from playground.lab.protocol.run import Recording
from playground.lab.run.guard import Activity
from playground.lab.session import Session, open_session
from playground.lab.spec import RunSpec
from playground.lab.store.store import Store
from playground.lab.store.transfer import import_run

FOLDER = Path(__file__).with_name("files_of_before")
SAID: dict[str, Any] = json.loads((FOLDER / "facts.json").read_text(encoding="utf-8"))
THEN = "{}.{}".format(*sys.version_info[:2]) == SAID["python"]
"""True if this Python rounds as the Python that wrote the files; from 3.12 on `sum` is another."""


def unpacked(name: str, folder: Path) -> Path:
    """A copy of one of the files, which may be written to."""
    path = folder / name
    path.write_bytes(gzip.decompress((FOLDER / f"{name}.gz").read_bytes()))
    return path


def sha256(values: array[float]) -> str:
    return hashlib.sha256(values.tobytes()).hexdigest()


def opened(store: Path, registry: Registry, run: int, at: int | None = None) -> Session:
    recording = Recording(str(store), run, at, looking=at is not None)
    return open_session(Open("", recording=recording), registry, lambda _: None, Activity())


def is_as_recorded(store: Store, run: int, said: dict[str, Any]) -> None:
    record = store.record(run)
    assert record.row.step == said["step"]
    assert sha256(record.losses) == said["losses"]
    assert [[edit.step, edit.field, edit.value] for edit in record.edits] == said["edits"]
    assert [list(pair) for pair in record.evaluations] == said["evaluations"]
    assert record.settings == said["settings"]
    assert {label: list(values) for label, values in record.measured.items()} == said["measured"]
    samples = [
        [stored.batch.step, [sample.text for sample in stored.batch.texts]]
        for stored in store.samples(run)
    ]
    assert samples == said["samples"]
    probes = [[one.step, [list(texts) for texts in one.answers]] for one in store.probes(run)]
    assert probes == said["probes"]


@pytest.mark.parametrize("run", [1, 2])
def test_a_store_tells_of_its_runs_what_it_told(run: int, tmp_path: Path) -> None:
    with Store.open(unpacked("runs.sqlite", tmp_path)) as store:
        is_as_recorded(store, run, SAID["runs"][str(run)])
        assert store.check() == []


@pytest.mark.parametrize("run", [1, 2])
def test_a_run_stands_where_it_stood_and_goes_on_to_the_same_weights(
    run: int, tmp_path: Path, registry: Registry
) -> None:
    session = opened(unpacked("runs.sqlite", tmp_path), registry, run)
    assert f"{run}:{session.step}" in SAID["weights"]
    if THEN:  # the last step is done again, which brings its gradients
        weights = session.training.engine.read("weights")
        assert sha256(weights) == SAID["weights"][f"{run}:{session.step}"]
    to = {1: 80, 2: 70}[run]
    while session.training.step < to:
        assert session.advance(to - session.training.step), session.training.trouble
    if THEN:
        assert sha256(session.training.engine.read("weights")) == SAID["runs"][str(run)]["goes on"]
    session.close()


@pytest.mark.skipif(not THEN, reason="this Python rounds in another way than that of the files")
@pytest.mark.parametrize("step", [20, 35])
def test_an_earlier_step_has_the_weights_that_it_had(
    step: int, tmp_path: Path, registry: Registry
) -> None:
    session = opened(unpacked("runs.sqlite", tmp_path), registry, 1, step)
    assert sha256(session.training.engine.read("weights")) == SAID["weights"][f"1:{step}"]
    session.close()


def test_an_exported_run_is_imported_as_it_was_exported(tmp_path: Path) -> None:
    file = unpacked("run.microgpt-run", tmp_path)
    with Store.open(tmp_path / "another.sqlite") as store:
        is_as_recorded(store, import_run(store, file), SAID["runs"]["1"])


def test_a_checkpoint_is_read_used_and_written_as_it_was(
    tmp_path: Path, registry: Registry
) -> None:
    path = unpacked("run.safetensors", tmp_path)
    checkpoint = read_checkpoint(path)
    weights = array("d", checkpoint.weights)
    assert checkpoint.step == 45
    assert sha256(weights) == SAID["weights"]["1:45"]
    assert from_bytes(to_bytes(checkpoint)) == checkpoint
    text = tmp_path / "words.txt"
    with Store.open(unpacked("runs.sqlite", tmp_path)) as store:
        text.write_bytes(store.text(store.record(1).text_sha256) or b"")
    dataset = json.loads(checkpoint.spec)["dataset"]
    options = {**dataset["options"], "path": str(text)}
    spec = RunSpec.parse(checkpoint.spec).replace({"dataset": {**dataset, "options": options}})
    session = Session.open(spec, registry, checkpoint=checkpoint)
    assert session.training.engine.read("weights") == weights
    assert session.training.timeline.engine_at(27) == "scalar"
    if THEN:
        session.training.go_to(20)
        assert sha256(session.training.engine.read("weights")) == SAID["weights"]["1:20"]
