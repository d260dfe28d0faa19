"""Opening a run in the worker: a new one, one from a checkpoint, or one of the store."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from playground.hooks.registry import Registry
from playground.lab.activity import Activity
from playground.lab.protocol import Open, ProbeError, ProbeSet, Progress
from playground.lab.protocol.sampling import measuring_of, sampling_of
from playground.lab.recall import recall, recall_of_worker
from playground.lab.session import Session
from playground.lab.spec import RunSpec


def open_session(
    command: Open,
    registry: Registry,
    progress: Callable[[Progress], None],
    activity: Activity,
    wake: Callable[[], None] = lambda: None,
) -> Session:
    """The run that the command asks for, recorded if it is to be. wake: called in another thread
    when there is room to record more. Raises LabError, SpecError."""
    recording, recalled = command.recording, None
    spec, checkpoint = command.spec, command.checkpoint
    sampling, measuring, probes = command.sampling, command.measuring, command.probes
    if recording is not None and recording.worker is not None:
        recording, recalled = recall_of_worker(recording, spec, checkpoint)
        if recalled is not None:
            spec, checkpoint = recalled.spec, recalled.checkpoint
    if recording is not None and recording.run is not None and not (checkpoint or recalled):
        progress(Progress("reading the record", 0, 0))
        recalled = recall(recording)
        spec, checkpoint = recalled.spec, recalled.checkpoint
        sampling = sampling_of(recalled.settings.get("sampling")) or sampling
        measuring = measuring_of(recalled.settings.get("measuring")) or measuring
        with suppress(ProbeError):
            probes = ProbeSet.from_dict(recalled.settings.get("probes"))
    try:
        session = Session.open(
            RunSpec.parse(spec),
            registry,
            checkpoint=checkpoint,
            sampling=sampling,
            measuring=measuring,
            probes=probes,
            progress=progress,
            activity=activity,
        )
        if recalled is not None:
            session.recall(recalled, progress)
        if recording is not None and recording.looking and recalled is not None:
            # What is looked at stays as it is; training it further makes a fork of it.
            end = min(recalled.record.row.step, session.training.series.head)
            fork = replace(recording, run=None, parent=recording.run, fork_step=end)
            session.record(fork, wake=wake)
        elif recording is not None:
            session.record(recording, recalled=recalled, wake=wake)
            if recalled is None:
                session.flush()  # the edits that a fork, or what a lost worker had, begins with
    except BaseException:
        if recalled is not None and recalled.lock is not None:
            recalled.lock.release()
        raise
    return session
