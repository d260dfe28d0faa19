"""One run of a sweep, trained in a WORKER process that knows no store but one of its own."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from playground.hooks.errors import PluginError
from playground.hooks.manager import load
from playground.hooks.registry import Registry
from playground.hooks.sources import PluginSources
from playground.lab.paths import sha256_of
from playground.lab.protocol.commands import Open
from playground.lab.protocol.failures import Failure, LabError
from playground.lab.protocol.observation import Observation
from playground.lab.protocol.run import Recording
from playground.lab.run.guard import Activity, failure_of
from playground.lab.session import open_session
from playground.lab.spec import RunSpec, SpecError
from playground.lab.store.store import Store
from playground.lab.store.transfer import ENDING, export_run
from playground.lab.sweep.plan import Unit

AT_ONCE = 50
"""Steps that are asked for at once; no number depends on it."""

home: str | None = None
"""The folder in which this process makes its temporary ones; None for that of the system."""


def always() -> bool:
    """The run is waited for to its end."""
    return True


wanted: Callable[[], bool] = always
"""Asked now and then whether somebody still waits for the run; if nobody does, it is given up."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a unit."""

    setting: int
    seed: int
    file: bytes = b""
    """The run as an exported run file; empty if there is no run."""
    trouble: Failure | None = None
    """Why the run ended early, or why there is none."""


def train_unit(unit: Unit) -> Outcome:
    """Train the run to its end in a temporary folder, and hand it back as a run file. What goes
    wrong is in the outcome. The numbers depend on the unit alone."""
    try:
        with tempfile.TemporaryDirectory(prefix="microgpt-sweep-", dir=home) as folder:
            return _trained(unit, Path(folder))
    except LabError as error:
        return Outcome(unit.setting, unit.seed, trouble=error.failure)
    except PluginError as error:
        return Outcome(unit.setting, unit.seed, trouble=failure_of(error))
    except SpecError as error:
        trouble = Failure("The settings cannot be", f"{error}. Leave that value out.")
        return Outcome(unit.setting, unit.seed, trouble=trouble)


def _trained(unit: Unit, folder: Path) -> Outcome:
    check_text(RunSpec.parse(unit.spec), unit.sha256)
    path = folder / "runs.sqlite"
    session = open_session(
        Open(unit.spec, None, Observation(), Recording(str(path))),
        registry_of(unit.sources),
        lambda _: None,
        Activity(),
    )
    try:
        while session.advance(AT_ONCE):
            if not wanted():
                raise LabError(Failure("The run was given up", "Nobody waits for it any more."))
        trouble = session.trouble
    finally:
        session.close()
    recorder = session.recorder
    if recorder is not None and recorder.state.trouble is not None:
        raise LabError(recorder.state.trouble)
    with Store.open(path, create=False) as store:
        (row,) = store.runs()
        file = export_run(store, row.id, folder / f"run{ENDING}").read_bytes()
    return Outcome(unit.setting, unit.seed, file, trouble)


def text_sha256(spec: RunSpec) -> str:
    """The SHA-256 of the text file that the spec names; "" if it names none, or none that can be
    read."""
    path = spec.dataset.options.get("path")
    return sha256_of(path) if isinstance(path, str) else ""


def check_text(spec: RunSpec, sha256: str) -> None:
    """Raise LabError if the text is another one than when the sweep began."""
    if sha256 and text_sha256(spec) != sha256:
        raise LabError(
            Failure(
                "The text is not the one that the sweep began with",
                f"{spec.dataset.options.get('path')} was changed, moved or deleted since. Put it "
                "back and resume the sweep, or begin a new one.",
            )
        )


@functools.lru_cache(maxsize=1)
def registry_of(sources: PluginSources) -> Registry:
    """The plugins, loaded once until `cache_clear`."""
    return load(sources)
