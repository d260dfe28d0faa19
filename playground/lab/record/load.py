"""Loading a recorded run from the store: its spec, a checkpoint, and the step to stand at."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from microgpt.surgery import operate
from playground.hooks.sources import expanded
from playground.lab.checkpoint import config_of
from playground.lab.edits import Edits, operations_in
from playground.lab.floats import as_bytes
from playground.lab.protocol.failures import Failure, LabError
from playground.lab.protocol.film import FilmRow
from playground.lab.protocol.observation import recorded_parts
from playground.lab.protocol.probes import ProbeAnswers
from playground.lab.protocol.run import Checkpoint, Recording
from playground.lab.protocol.sampling import SampleBatch, sampling_of
from playground.lab.spec import RunSpec, SpecError
from playground.lab.store.errors import StoreError
from playground.lab.store.keyframes import keyframe_of
from playground.lab.store.locks import RunLock
from playground.lab.store.records import PluginUse, RunRecord, StoredKeyframe
from playground.lab.store.store import Store
from playground.lab.timeline import Keyframe

KEPT_BATCHES = 200


@dataclass(frozen=True, slots=True)
class Recalled:
    """A recorded run, ready to be opened."""

    spec: str
    checkpoint: Checkpoint | None
    """A state before `at`, with the whole record; None for a run without a step."""
    keyframes: tuple[Keyframe, ...]
    at: int
    """The step to stand at."""
    batches: tuple[SampleBatch, ...]
    probes: tuple[ProbeAnswers, ...]
    film: tuple[FilmRow, ...]
    settings: Mapping[str, Any]
    plugins: tuple[PluginUse, ...]
    record: RunRecord
    notice: str = ""
    """A sentence for the person about what was loaded; empty if there is none."""
    text: bytes | None = None
    """The text that the run learnt from; None if it is not known."""
    lock: RunLock | None = None
    """The lock of the run, held; None if the run is only looked at."""


def recall(recording: Recording) -> Recalled:
    """Load the run of `recording.run` and lock it, unless it is only looked at. Raises LabError if
    the run is open elsewhere or unreadable."""
    assert recording.run is not None
    with contextlib.closing(Store.open(Path(recording.store))) as store:
        if recording.looking:
            return look_up(store, recording.run, recording.at)
        return _recall(store, recording, recording.run)


def recall_of_worker(
    recording: Recording, spec: str, known: Checkpoint | None
) -> tuple[Recording, Recalled | None]:
    """(how to record from now on, the run that the process `recording.worker` had open when it
    died, locked). spec: the settings of that run. known: its newest state outside the store. The
    run is None if the store does not have it, or has less of it than `known`."""
    with (
        contextlib.suppress(StoreError, LabError),
        contextlib.closing(Store.open(Path(recording.store))) as store,
    ):
        owner = owner_of(recording.worker)
        rows = [row for row in store.interrupted() if row.owner == owner]
        if not rows:
            return recording, None
        recalled = _recall(store, replace(recording, at=None), rows[0].id)
        if same_settings(recalled.spec, spec):  # another process may have had the same number
            recording = replace(recording, run=rows[0].id, looking=False)
            if known is None or _knows(recalled.record, known):
                return recording, recalled
        if recalled.lock is not None:
            recalled.lock.release()
    return recording, None


def _knows(record: RunRecord, known: Checkpoint) -> bool:
    """True if the record goes as far as this state, through the same edits; the last edit may not
    have been written."""
    made = Edits.of(record.edits)
    return record.row.step >= known.step and all(
        edit in made for edit in known.edits.until(known.step)
    )


def owner_of(process: int | None) -> str:
    """The name of the process that has a run open."""
    return f"process {process} on {platform.node() or 'this machine'}"


def _recall(store: Store, recording: Recording, run: int) -> Recalled:
    row = store.row(run)
    lock = RunLock(store.lock_folder, row.uid)
    if not lock.acquire(2.0):
        raise LabError(
            Failure(
                f"Run {run} is open elsewhere",
                f"{row.owner or 'Another playground'} has it open. Close it there, or fork it "
                "here: a fork starts from the same state and leaves it alone.",
            )
        )
    try:
        return replace(look_up(store, run, recording.at), lock=lock)
    except BaseException:
        lock.release()
        raise


def look_up(store: Store, run: int, at: int | None = None) -> Recalled:
    """Load a run without a lock, whoever has it open. at: the step to stand at; None for the step
    that the run stood at last. Raises StoreError, LabError."""
    record = store.record(run)
    frames = tuple(_whole(one for one in store.keyframes(run) if one.step >= record.earliest))
    at = record.row.at if at is None else at
    at = min(max(at, record.earliest), record.row.step)
    text = _text(store, record)
    batches = tuple(kept.batch for kept in store.samples(run, most=KEPT_BATCHES))
    return Recalled(
        spec=text.spec,
        checkpoint=checkpoint_of(record, frames, at),
        keyframes=frames,
        at=at,
        batches=tuple(replace(one, number=place + 1) for place, one in enumerate(batches)),
        probes=tuple(store.probes(run)),
        film=tuple(store.film(run)),
        settings=recorded_parts(record.settings),
        plugins=record.plugins,
        record=record,
        notice=text.notice,
        text=text.data,
    )


def _whole(stored: Iterable[StoredKeyframe]) -> Iterator[Keyframe]:
    """The keyframes that can be read; a replay from an earlier one replaces a damaged one."""
    for one in stored:
        with contextlib.suppress(StoreError):
            yield keyframe_of(one)


def same_settings(spec: str, other: str) -> bool:
    """True if two RunSpecs, as JSON, are equal but for the path of a text file; the fingerprint of
    the documents tells whether the text is the same."""
    try:
        one, two = (RunSpec.parse(text).model_dump() for text in (spec, other))
    except SpecError:
        return spec == other
    for values in (one, two):
        values["dataset"]["options"].pop("path", None)
    return one == two


def checkpoint_of(record: RunRecord, frames: tuple[Keyframe, ...], at: int) -> Checkpoint | None:
    """The last state before step `at`, from which a replay leads there, with the whole record;
    None for a run without a step or an edit.

    Raises LabError if there is no state to begin from.
    """
    before = [frame for frame in frames if frame.step < at or frame.step == record.earliest == at]
    if not before and record.earliest > 0:  # the state itself has no gradients, but it opens
        before = [frame for frame in frames if frame.step == at]
    if not before and record.earliest == 0:
        if record.row.step == 0 and not record.edits:
            return None
        # The whole run is replayed from the first weights, which follow from the seed.
        return checkpoint_at(record, Keyframe(0, 0, array("d"), array("d"), array("d")))
    if not before:
        raise LabError(
            Failure(
                "The run cannot be gone on with",
                "Its record holds losses, but no weights to begin from.",
            )
        )
    return checkpoint_at(record, before[-1])


def checkpoint_at(record: RunRecord, frame: Keyframe) -> Checkpoint:
    """The checkpoint of this state with the whole record, the steps after it included."""
    try:
        began = RunSpec.recorded(record.spec)  # the row has the values in force at the record's end
    except SpecError as error:
        raise LabError(Failure("The recorded settings cannot be", f"{error}.")) from error
    edits = Edits.of(record.edits)
    settings = recorded_parts(record.settings)
    left, weights = as_bytes(frame.weights), as_bytes(_operated(began, edits, frame))
    return Checkpoint(
        spec=record.spec,
        step=frame.step,
        weights=weights,
        before=left if left != weights else b"",
        first_moment=as_bytes(frame.first_moment),
        second_moment=as_bytes(frame.second_moment),
        tokenizer=record.tokenizer_state,
        base_learning_rate=edits.rate_at(frame.step, began.optimizer.learning_rate),
        tokens_seen=frame.tokens_seen,
        losses=as_bytes(record.losses),
        learning_rates=as_bytes(record.learning_rates),
        evaluations=record.evaluations,
        edits=edits,
        data=record.data,
        since_step=record.first,
        measured=tuple((label, as_bytes(pairs)) for label, pairs in record.measured.items()),
        repeatable=record.earliest == 0,
        sampling=sampling_of(settings.get("sampling")),
        clock=as_bytes(record.clock),
    )


def _operated(spec: RunSpec, edits: Edits, frame: Keyframe) -> array[float]:
    """The weights of a state after what the edits do to them there. Raises LabError."""
    texts = edits.surgery_at(frame.step), edits.held_at(frame.step)
    if not any(texts) or not frame.weights:
        return frame.weights
    operations = [one for text in texts for one in operations_in(text)]
    try:
        return operate(config_of(spec, len(frame.weights)), frame.weights, operations)
    except ValueError as error:
        raise LabError(
            Failure(
                "The record does not fit its settings",
                f"What was done to the weights at step {frame.step:,} cannot be done to them: "
                f"{error}.",
            )
        ) from error


def film_before(recording: Recording, step: int) -> tuple[FilmRow, ...]:
    """The rows up to `step` of the run that a run with a state of its own goes on with, or is a
    fork of; none at step 0, which a fork with other settings may have another row for."""
    run = recording.parent if recording.run is None else recording.run
    if run is None or not step:
        return ()
    # Whoever records the run says what is wrong with the store.
    with (
        contextlib.suppress(StoreError),
        contextlib.closing(Store.open(Path(recording.store))) as store,
    ):
        return tuple(row for row in store.film(run) if row.step <= step)
    return ()


@dataclass(frozen=True, slots=True)
class KeptText:
    """The text file that a recorded run learnt from."""

    spec: str
    """The run's spec; with the path of a copy if the file is gone or changed."""
    data: bytes | None = None
    """The text; None if it is not known."""
    notice: str = ""
    """A sentence about the file that is gone or changed; "" if the file is as it was."""


def text_of_parent(recording: Recording, spec: str) -> KeptText:
    """The text for a run with a state of its own, which goes on with, or is a fork of, a run of the
    store: that of the recorded run, if `spec` names the same data set."""
    run = recording.parent if recording.run is None else recording.run
    if run is None:
        return KeptText(spec)
    # Whoever opens and records the run says what is wrong with the settings and the store.
    with (
        contextlib.suppress(SpecError, StoreError),
        contextlib.closing(Store.open(Path(recording.store))) as store,
    ):
        record = store.record(run)
        if RunSpec.parse(spec).dataset == RunSpec.parse(record.spec).dataset:
            return _text(store, replace(record, spec=spec))
    return KeptText(spec)


def _text(store: Store, record: RunRecord) -> KeptText:
    """The text that the run learnt from: as it is in its file, which is read once, or as a copy has
    it. Raises StoreError."""
    spec = json.loads(record.spec)
    options = spec.get("dataset", {}).get("options", {})
    path = options.get("path") if isinstance(options, dict) else None
    sha256 = record.text_sha256
    if not sha256 or not isinstance(path, str):
        return KeptText(record.spec)
    from playground.lab.paths import text_of
    from playground.lab.store.texts import kept_copy

    data = text_of(path)
    if data is not None and hashlib.sha256(data).hexdigest() == sha256:
        return KeptText(record.spec, data)
    what = "has changed" if os.path.exists(expanded(path)) else "is gone"  # noqa: PTH110
    data = store.text(sha256)
    if data is None:
        return KeptText(record.spec)
    copy = kept_copy(store, sha256, path)
    if copy is not None:
        options["path"] = str(copy)
    notice = f"{path} {what}: the run goes on with the copy of it that was kept"
    return KeptText(json.dumps(spec), data, notice)
