"""The model that a person names: a recorded run, the file of a run, or a saved model."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playground.cli.listing import in_columns
from playground.cli.runs.list import named_or_newest, opened
from playground.cli.runs.state import state_after
from playground.cli.supervisor import activity
from playground.hooks.registry import Registry
from playground.lab.checkpoint import read_checkpoint
from playground.lab.protocol.failures import Failure, LabError, Progress
from playground.lab.protocol.observation import Observation, recorded_parts
from playground.lab.protocol.probes import ProbeSet
from playground.lab.protocol.run import Checkpoint
from playground.lab.record.load import look_up
from playground.lab.spec import RunSpec, SpecError
from playground.lab.store.errors import StoreError
from playground.lab.store.store import Store
from playground.lab.store.transfer import ENDING, import_run

_SAVED = ".safetensors"


@dataclass(frozen=True, slots=True)
class NamedModel:
    """A model, and what it learnt from."""

    source: dict[str, Any]
    """Where the model is from, as JSON has it."""
    checkpoint: Checkpoint
    spec: RunSpec
    text: bytes | None = None
    """What the run learnt from, if that is kept."""
    rule: str | None = None
    """The rule of the metric valid-share, if the run measures it."""
    probes: ProbeSet = field(default_factory=ProbeSet)

    @property
    def words(self) -> str:
        """What a person calls the model, for a terminal."""
        return source_words(self.source)


def source_words(source: dict[str, Any]) -> str:
    """What a person calls a model. source: as NamedModel has it."""
    if "run" in source:
        name = in_columns(source["name"] or "")
        return f"run {source['run']}{f' “{name}”' if name else ''}"
    return in_columns(source.get("file") or source["checkpoint"])


def named_model(words: str | None, registry: Registry) -> NamedModel | None:
    """The model that the words mean: the path of a file, or else a number, a name or the beginning
    of a uid of a recorded run, where it stands. Without words the run that was trained last; None
    if there is none. Raises LabError."""
    if words is not None and (words.endswith((_SAVED, ENDING)) or Path(words).is_file()):
        return _in_file(Path(words), registry)
    try:
        with opened() as store:
            return _recorded(store, words, registry)
    except StoreError as error:
        if error.kind == "missing" and words is None:
            return None
        raise


def _in_file(path: Path, registry: Registry) -> NamedModel:
    if path.suffix == ENDING or (path.suffix != _SAVED and _is_database(path)):
        with (
            tempfile.TemporaryDirectory(prefix="microgpt-play-") as folder,
            Store.open(Path(folder) / "runs.sqlite", create=True) as store,
        ):
            import_run(store, path)
            found = _recorded(store, None, registry)
        assert found is not None
        source = {"file": str(path), "step": found.source["step"], "steps": found.source["steps"]}
        return NamedModel(
            source, found.checkpoint, found.spec, found.text, found.rule, found.probes
        )
    checkpoint = read_checkpoint(path)
    spec = _spec(checkpoint.spec)
    return NamedModel(
        {"checkpoint": str(path), "step": checkpoint.step, "steps": spec.steps}, checkpoint, spec
    )


def _is_database(path: Path) -> bool:
    with contextlib.suppress(OSError), path.open("rb") as file:
        return file.read(16) == b"SQLite format 3\0"
    return False


def _recorded(store: Store, words: str | None, registry: Registry) -> NamedModel | None:
    row = named_or_newest(store, words)
    if row is None:
        return None
    recalled = look_up(store, row.id)
    parts = recorded_parts(recalled.record.settings)
    observed = Observation().having_recorded(parts)
    return NamedModel(
        {"run": row.id, "name": row.name, "step": row.at, "steps": row.steps},
        state_after(store, row, row.at, registry),
        _spec(recalled.spec),
        recalled.text,
        observed.measuring.rule,
        observed.probes,
    )


def _spec(text: str) -> RunSpec:
    try:
        return RunSpec.parse(text)
    except SpecError as error:
        raise LabError(Failure("The recorded settings cannot be", f"{error}.")) from error


def alive(shown: Callable[[Progress], None]) -> Callable[[Progress], None]:
    """Show progress, and tell the watchdog that the process is at work."""

    def tell(progress: Progress) -> None:
        activity.alive()
        shown(progress)

    return tell
