"""Exports: an exporter plugin writes the run, and its work is put in place whole or not at all.

The exporter writes into a hidden folder beside the target, under the target's name. When the
exporter is done, its file or folder is moved to the target; until then the target stays as it was.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from microgpt.parameters import parameter_layout
from playground.api import ExportError, RunExport
from playground.catalog import SUFFIXES
from playground.files import draft_folder
from playground.hooks import plain
from playground.hooks.errors import KnobError, PluginError, plugin_call
from playground.hooks.registry import Registry
from playground.hooks.sources import expanded
from playground.lab.checkpoint import as_array, config_of, pairs_of
from playground.lab.paths import hindrance, target_of
from playground.lab.protocol.failures import Failure, LabError, Progress
from playground.lab.protocol.run import Checkpoint
from playground.lab.protocol.sampling import SampleBatch
from playground.lab.run.guard import Activity, Guard, failure_of, make, plugin_failures
from playground.lab.run.origin import Origin, history, sampling_values, tokenizer_values
from playground.lab.spec import RunSpec, SpecError

BY_SUFFIX = {suffix: name for name, suffix in SUFFIXES.items()}
"""The exporter for a file's suffix."""


def run_export(
    checkpoint: Checkpoint, batches: Iterable[SampleBatch] = (), origin: Origin | None = None
) -> RunExport:
    """The run as exporters see it. origin: what is known of the run beside the checkpoint. Raises
    LabError for a damaged checkpoint."""
    origin = origin or Origin()
    try:
        spec = RunSpec.parse(checkpoint.spec)
    except SpecError as error:
        raise LabError(
            Failure("The saved settings cannot be", f"{error}.", problems=error.problems)
        ) from error
    weights, batches = as_array(checkpoint.weights), tuple(batches)
    more: dict[str, Any] = {} if origin.data is None else {"data": origin.data}
    return RunExport(
        spec=json.loads(checkpoint.spec),
        step=checkpoint.step,
        losses=as_array(checkpoint.losses),
        learning_rates=as_array(checkpoint.learning_rates),
        first_step=checkpoint.since_step + 1,
        evaluations=tuple(checkpoint.evaluations),
        series={label: tuple(pairs_of(data)) for label, data in checkpoint.measured},
        samples=tuple((batch.step, text.text) for batch in batches for text in batch.texts),
        matrices={
            matrix.name: (matrix.rows, matrix.columns)
            for matrix in (parameter_layout(config_of(spec, len(weights))) if weights else ())
        },
        weights=weights,
        edits=checkpoint.edits.until(checkpoint.step).told(),
        history=history(checkpoint, origin),
        batches=tuple((batch.step, len(batch.texts)) for batch in batches),
        sampling=sampling_values(checkpoint),
        tokenizer=tokenizer_values(checkpoint),
        precision=origin.precision,
        run_name=origin.run_name,
        how=origin.how,
        **more,
    )


def export(
    registry: Registry,
    name: str,
    options: Mapping[str, object],
    run: RunExport,
    path: str | os.PathLike[str],
    report: Callable[[Progress], None],
    activity: Activity | None = None,
) -> Path:
    """Write the run to a file or folder; an existing file is replaced. Returns the path.

    report: called as the exporter reports progress; what `report` raises goes through. Raises
    LabError.
    """
    activity = activity or Activity()
    target = check_place(path)
    try:
        with plugin_failures():
            exporter, guard = make(registry, "exporter", name, options, activity)
    except KnobError as error:
        raise LabError(Failure("These settings cannot be", f"{error}.")) from error
    stopped: list[BaseException] = []

    def progress(what: str, done: int, total: int) -> None:
        activity.alive()
        told = Progress(f"{guard.entry.name}: {plain.shown(what)[:80]}", int(done), int(total))
        try:
            report(told)
        except BaseException as error:  # a cancellation, which is no failure of the plugin
            stopped.append(error)
            raise

    passing = (ExportError, OSError)
    try:
        with draft_folder(target) as folder:
            draft = folder / target.name
            with (
                guard.doing("export", "prepare"),
                plugin_call(guard.entry, "in export", passing=passing),
            ):
                exporter.export(run, draft, progress)
            _put(draft, target, guard)
    except PluginError as error:
        if stopped:
            raise stopped[0] from None
        raise LabError(failure_of(error)) from error
    except ExportError as error:
        raise LabError(Failure(str(error.title), str(error.message))) from error
    except OSError as error:
        if stopped:
            raise
        raise _refused(target, error) from error
    return target


# ---------------------------------------------------------------- where it goes


def check_place(path: str | os.PathLike[str]) -> Path:
    """The path that an export of this name is written to. Raises LabError if it cannot be written
    there, as far as that shows without writing."""
    target = expanded(path)
    try:
        target = target_of(path).absolute()
        if not target.name:
            raise _failed("This is a folder", f"{target} has no name to write to. Name a file.")
        if target.is_dir() and any(target.iterdir()):
            raise _failed(
                "There is something there already",
                f"{target} is a folder with files in it, and they stay. Choose another name: "
                f"{target / 'run'}",
            )
        why = hindrance(target)
        if why is not None:
            raise _failed(*why)
        writable = [target.parent, *([target] if target.exists() else [])]
        if not all(os.access(place, os.W_OK) for place in writable):
            raise PermissionError
    except (OSError, ValueError) as error:
        raise _refused(target, error) from error
    return target


def _put(draft: Path, target: Path, guard: Guard) -> None:
    """Move the draft to the target. Raises OSError, PluginError, LabError."""
    if draft.is_dir():
        if target.is_file():
            raise _failed(
                "There is a file already",
                f"{guard.label} makes a folder, and {target} is a file. Choose another name.",
            )
        if target.is_dir():
            target.rmdir()  # check_place refuses a folder that is not empty
    elif draft.is_file():
        if target.is_dir():
            raise _failed("This is a folder", f"{target} is a folder. Name a file in it.")
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        if os.name == "posix" and target.exists():
            draft.chmod(target.stat().st_mode & 0o777)
    else:
        raise guard.broken("export", f"it wrote nothing to {draft.name}")
    draft.replace(target)


def _failed(title: str, message: str) -> LabError:
    return LabError(Failure(title, message))


def _refused(target: Path, error: Exception) -> LabError:
    """The LabError for an error of the system."""
    if isinstance(error, PermissionError):
        return _failed(
            "The run may not be written there",
            f"You have no permission to write {target}. Choose another place.",
        )
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return _failed("The run could not be written", f"{target}: {reason}.")
