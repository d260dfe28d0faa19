"""What a person does with a file of somebody else's, in this process: it works, or is refused."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from playground.cli.runs.show import show_run
from playground.hooks.registry import Registry
from playground.lab.checkpoint import from_bytes, read_checkpoint, to_bytes
from playground.lab.protocol.commands import Open
from playground.lab.protocol.failures import LabError
from playground.lab.protocol.run import Checkpoint, Recording
from playground.lab.record.export import export_metrics
from playground.lab.run.export import run_export
from playground.lab.run.guard import Activity
from playground.lab.run.saved_model import SavedModel
from playground.lab.session import Session, open_session
from playground.lab.spec import RunSpec, SpecError
from playground.lab.store import summaries
from playground.lab.store.housekeeping import remove_run
from playground.lab.store.query import Query
from playground.lab.store.store import Store
from playground.lab.store.transfer import export_run, import_run


def refusal(error: LabError | SpecError, *, by_reader: bool = False) -> str:
    """What a person reads. Raises AssertionError unless it is one line in words. by_reader: what
    was read stands in it only as text that can be shown; of other errors the screen and the
    terminal escape what cannot."""
    if isinstance(error, SpecError):
        return str(error)
    said = f"{error.title}: {error.message}"
    assert said.isprintable() or not by_reader, ascii(said)
    assert len(said) < 2_000, said[:200]
    assert "'builtin' failed" not in error.title, said
    return said


def use_checkpoint(path: Path, registry: Registry) -> str:
    """Sample from the file, export it, go on with it and save it again; returns why it is refused,
    or ""."""
    try:
        checkpoint = read_checkpoint(path)
    except LabError as error:
        assert str(path) in error.message, error.message
        return refusal(error, by_reader=True)
    return _use(checkpoint, registry)


def use_bytes(data: bytes, registry: Registry) -> str:
    """As `use_checkpoint`, for the contents of a file."""
    try:
        checkpoint = from_bytes(data)
    except LabError as error:
        return refusal(error, by_reader=True)
    return _use(checkpoint, registry)


def _use(checkpoint: Checkpoint, registry: Registry) -> str:
    refused = []
    measured = tuple(one for one in checkpoint.measured if one[1])
    again = from_bytes(to_bytes(checkpoint))
    assert repr(again) == repr(replace(checkpoint, measured=measured))  # NaN is like NaN
    run_export(checkpoint)
    try:
        SavedModel.of(checkpoint, registry).sample()
    except LabError as error:
        refused.append(refusal(error))
    try:
        session = Session.open(RunSpec.parse(checkpoint.spec), registry, checkpoint=checkpoint)
        _train(session)
    except (LabError, SpecError) as error:
        refused.append(refusal(error))
    return " / ".join(refused)


def _train(session: Session) -> None:
    session.frame()
    session.advance()
    session.advance()
    session.go_to(max(session.frame().earliest, session.step - 1))
    session.sample()
    session.close()


def use_run_file(path: Path, store: Store, registry: Registry) -> str:
    """Import the file, and do with the run all that can be done; returns why it is refused, or
    ""."""
    before = len(store.runs())
    try:
        run = import_run(store, path)
    except LabError as error:
        assert str(path) in error.message, error.message
        assert str(store.path) not in error.message, error.message
        assert len(store.runs()) == before, "nothing of it is kept"
        return refusal(error, by_reader=True)
    try:
        return use_run(store, run, registry)
    finally:
        remove_run(store, run)


def use_run(store: Store, run: int, registry: Registry) -> str:
    """List the run, show it, export it and go on with it; returns why any of this is refused, or
    ""."""
    refused = []

    def tried(what: object) -> None:
        assert callable(what)
        try:
            what()
        except (LabError, SpecError) as error:
            refused.append(refusal(error))

    def go_on() -> None:
        recording = Recording(str(store.path), run)
        _train(open_session(Open("", recording=recording), registry, lambda _: None, Activity()))

    def exported() -> None:
        with tempfile.TemporaryDirectory() as folder:
            export_run(store, run, Path(folder) / "again")
            export_metrics(store, run, Path(folder) / "figures.csv", "csv", lambda _: None)

    tried(lambda: summaries.overview(store, Query(), tree=True))
    tried(lambda: summaries.about(store, run))
    tried(lambda: summaries.pair(store, run, run))
    for as_json in (False, True):
        tried(lambda as_json=as_json: _shown(store, run, as_json))
    tried(exported)
    tried(go_on)
    return " / ".join(refused)


def _shown(store: Store, run: int, as_json: bool) -> None:
    home = os.environ.get("MICROGPT_PLAY_HOME", "")
    os.environ["MICROGPT_PLAY_HOME"] = str(store.path.parent.parent)
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            assert show_run(str(run), as_json=as_json) == 0, said.getvalue()
            if not as_json and store.film(run):
                assert show_run(str(run), as_json=False, film=True) == 0, said.getvalue()
    finally:
        os.environ["MICROGPT_PLAY_HOME"] = home


@contextlib.contextmanager
def a_store(folder: Path) -> Iterator[Store]:
    """A store in the place where the commands look for it, if `folder` is the home."""
    with Store.open(folder / "data" / "runs.sqlite") as store:
        store.database.execute("PRAGMA synchronous = OFF")
        yield store
