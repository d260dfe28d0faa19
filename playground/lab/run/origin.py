"""What an exported run comes from: its data, and all that changed while it trained."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from microgpt.anatomy import dissect
from microgpt.documents import default_names_path
from playground.api import ExportError, RunData, SourceText, TextAnatomy
from playground.catalog import BUILTIN
from playground.hooks.errors import PluginError, UnknownNameError
from playground.hooks.registry import Registry
from playground.hooks.sources import expanded
from playground.lab.checkpoint import as_array
from playground.lab.edits import Edits, operations_in
from playground.lab.protocol.failures import LabError, Progress
from playground.lab.protocol.run import FALLBACK_ENGINE, FALLBACK_SCHEDULE, Checkpoint
from playground.lab.run.data import ReadOnlyTexts
from playground.lab.run.guard import Activity, failure_of
from playground.lab.run.setup import PreparedRun, prepare_run
from playground.lab.spec import RunSpec

GetData = Callable[[], RunData]

_AT_FIRST = ("optimizer.learning_rate", "engine")
"""Settings of which a RunSpec keeps the values of the run's start; edits have the later ones."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What is known of a run beside its state."""

    run_name: str = ""
    how: str = ""
    """The command that trains the run again; "" if no one command does."""
    earlier: tuple[tuple[int, RunSpec], ...] = ()
    """For a run that goes on from steps with other settings: (the step up to which they held, the
    settings), the first steps first; empty if that is not known."""
    precision: str = "float64"
    """As RunExport has it."""
    data: GetData | None = field(default=None, compare=False)


# ---------------------------------------------------------------- what changed


def history(checkpoint: Checkpoint, origin: Origin) -> tuple[Mapping[str, Any], ...]:
    """As RunExport has it. Raises SpecError."""
    found = [*_settings_changed(checkpoint, origin), *_edited(checkpoint)]
    return tuple(sorted(found, key=lambda change: change["step"]))  # stable: settings come first


def _settings_changed(checkpoint: Checkpoint, origin: Origin) -> Iterator[dict[str, Any]]:
    if checkpoint.repeatable:
        return
    if not origin.earlier:
        why = (
            "it goes on from a state whose steps had other settings or other data, and of these "
            "no record is left"
        )
        yield _change(checkpoint.step, "unknown", why)
        return
    now = RunSpec.parse(checkpoint.spec)
    stages = [*origin.earlier, (checkpoint.step, now)]
    yield from _differing(0, now, stages[0][1])
    for (step, before), (_, after) in pairwise(stages):
        yield from _differing(step, before, after)


def _differing(step: int, before: RunSpec, after: RunSpec) -> Iterator[dict[str, Any]]:
    was = _by_name(before)
    for name, value in _by_name(after).items():
        if value != was[name] and name not in _AT_FIRST:
            yield _change(step, name, value)


def _by_name(spec: RunSpec) -> dict[str, Any]:
    """The settings by dotted name; a choice with its options is one value."""
    found: dict[str, Any] = {}
    for name, value in spec.model_dump(mode="json").items():
        if name in ("model", "optimizer"):
            found |= {f"{name}.{key}": one for key, one in value.items()}
        else:
            found[name] = value
    return found


def _edited(checkpoint: Checkpoint) -> Iterator[dict[str, Any]]:
    edits: Edits = checkpoint.edits.until(checkpoint.step)
    for edit in edits:
        match edit.field:
            case "learning_rate":
                yield _change(edit.step, "optimizer.learning_rate", float(edit.value))
            case "engine":
                yield _change(edit.step, "engine", edit.value)
            case _:
                if edits.words(edit):  # "" for what was taken back
                    yield _change(edit.step, edit.field, _operations(str(edit.value)))


def _operations(text: str) -> list[dict[str, Any]]:
    return [
        {"component": str(one.component), "values": list(one.values)} for one in operations_in(text)
    ]


def _change(step: int, name: str, value: Any) -> dict[str, Any]:
    return {"step": step, "field": name, "value": value}


def precision(checkpoint: Checkpoint, registry: Registry) -> str:
    """As RunExport has it, of the engines that made the steps up to this state."""
    began = RunSpec.parse(checkpoint.spec).engine
    engines = {began, *(name for _, name in checkpoint.edits.until(checkpoint.step).engines)}
    try:
        found = {registry.entry("engine", name).precision for name in engines}
    except UnknownNameError:
        return ""
    return "float64" if found == {"float64"} else next(iter(sorted(found - {"float64"})))


# ---------------------------------------------------------------- the data


def data_of(prepared: PreparedRun, checkpoint: Checkpoint) -> GetData:
    """Gives the data of a run that is set up, read by the model of `checkpoint`."""

    @cache
    def data() -> RunData:
        encoder = prepared.encoder
        try:
            vocabulary = tuple(map(encoder.display, range(encoder.vocab_size)))
        except PluginError as error:
            failure = failure_of(error)
            raise ExportError(failure.title, failure.message) from error
        return RunData(
            vocabulary=vocabulary,
            bos_id=encoder.bos_id,
            documents=prepared.texts,
            held_out=ReadOnlyTexts(prepared.heldout_texts),
            text=_source(prepared),
            anatomy=_anatomy(prepared, checkpoint),
            encode=encoder.as_read,
        )

    return data


def data_again(
    checkpoint: Checkpoint,
    registry: Registry,
    activity: Activity,
    text: bytes | None = None,
    report: Callable[[Progress], None] = lambda _: None,
) -> GetData:
    """Gives the data of a saved run, which are read again at the first call. text: what the run
    learnt from, which stands for the text in its file."""

    @cache
    def data() -> RunData:
        try:
            # The engine and the schedule have no part in it, and those of plugins may be missing.
            spec = RunSpec.parse(checkpoint.spec).replace(
                {"engine": FALLBACK_ENGINE, "schedule": {"name": FALLBACK_SCHEDULE}}
            )
            as_begun = replace(checkpoint, edits=Edits())
            prepared = prepare_run(spec, registry, as_begun, report, activity, text)
        except LabError as error:
            raise ExportError(error.title, error.message) from error
        if not prepared.same_data:
            raise ExportError(
                "The data have changed",
                f"{prepared.info.source} does not hold the text any more that the run learnt from. "
                "Put the text back as it was, or export the run from its record, which keeps a "
                "copy.",
            )
        return data_of(prepared, checkpoint)()

    return data


def _source(prepared: PreparedRun) -> SourceText:
    choice = prepared.spec.dataset
    given = choice.options.get("path")
    path = given if isinstance(given, str) and given else None
    plugin = prepared.dataset_plugin
    if plugin == BUILTIN and path is None:
        names = default_names_path()
        data = names.read_bytes()
        return SourceText(
            names.name, None, hashlib.sha256(data).hexdigest(), len(data), read=names.read_bytes
        )
    text, name = prepared.text, Path(path).name if path else choice.name
    sha256 = hashlib.sha256(text).hexdigest() if text is not None else prepared.sha256
    size = len(text) if text is not None else _size(path)
    owner = "" if plugin == BUILTIN else plugin

    def read() -> bytes:
        if text is not None:
            return text
        try:
            found = expanded(path).read_bytes() if path else b""
        except OSError as error:
            raise ExportError(
                "The text cannot be read", f"{path}: {error.strerror or error}."
            ) from error
        if not found or hashlib.sha256(found).hexdigest() != sha256:
            raise ExportError(
                "The text is not known any more",
                f"{path or name} does not hold the text that the run learnt from, and no copy of "
                "it was kept.",
            )
        return found

    return SourceText(name, path, sha256, size, owner, read)


def _size(path: str | None) -> int:
    try:
        return expanded(path).stat().st_size if path else 0
    except OSError:
        return 0


def _anatomy(prepared: PreparedRun, checkpoint: Checkpoint) -> Callable[[str | None], TextAnatomy]:
    encoder, size = prepared.encoder, prepared.spec.batch_size

    def anatomy(text: str | None) -> TextAnatomy:
        if not checkpoint.weights:
            raise LookupError("this run was exported without its weights")
        if text is None:
            place = max(0, checkpoint.step - 1) * size % len(prepared.train)
            ids = prepared.documents.shown(place)
        else:
            ids = [encoder.bos_id, *(encoder.prompt(text) if text else ()), encoder.bos_id]
        made = dissect(prepared.config, as_array(checkpoint.weights), ids)
        return TextAnatomy(
            made,
            tuple(map(encoder.display, made.tokens)),
            tuple(map(encoder.display, made.targets)),
        )

    return anatomy


def sampling_values(checkpoint: Checkpoint) -> dict[str, Any]:
    """The sampling of a checkpoint as JSON values; empty if it is not known."""
    sampling = checkpoint.sampling
    if sampling is None:
        return {}
    return {**asdict(sampling), "chain": list(map(asdict, sampling.chain))}


def tokenizer_values(checkpoint: Checkpoint) -> dict[str, Any]:
    """The state of a checkpoint's tokenizer as JSON values; empty if that is none."""
    state = json.loads(checkpoint.tokenizer) if checkpoint.tokenizer else {}
    return state if isinstance(state, dict) else {}
