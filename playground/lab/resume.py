"""A run's whole state as a checkpoint, and from a checkpoint back to where a run has been."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from playground.lab.checkpoint import CheckpointError, as_array, as_bytes, pairs_of
from playground.lab.events import LabError
from playground.lab.opening import Opened, check_fits
from playground.lab.protocol import FALLBACK_ENGINE, Checkpoint, Failure, Sampling
from playground.lab.timeline import Keyframe, Measured, Series, Timeline

if TYPE_CHECKING:
    from playground.lab.training import Training


@dataclass(slots=True)
class Past:
    """What a session knows of its own past."""

    timeline: Timeline
    series: Series
    keyframe: Keyframe
    """Where it stands."""
    gradients: array[float] | None = None


def start_of(opened: Opened) -> Past:
    """A run before its first step."""
    zeros = array("d", bytes(8 * len(opened.initial)))
    start = Keyframe(0, 0, opened.initial, zeros, zeros)
    timeline = Timeline(opened.spec.optimizer.learning_rate, opened.spec.engine)
    timeline.keep(start)
    return Past(timeline, Series(), start)


def past_of(checkpoint: Checkpoint, opened: Opened) -> Past:
    """What the checkpoint tells. Raises LabError if it does not fit the run.

    The start is only kept, to go back to before the checkpoint, if what led from there to here
    is known, and can be done again: the same documents, every edit, the same engines.
    """
    try:
        check_fits(checkpoint, opened.config)
        keyframe = Keyframe(
            checkpoint.step,
            checkpoint.tokens_seen,
            as_array(checkpoint.weights),
            as_array(checkpoint.first_moment),
            as_array(checkpoint.second_moment),
        )
        if checkpoint.at_start:
            keyframe = start_of(opened).keyframe
        losses, rates = as_array(checkpoint.losses), as_array(checkpoint.learning_rates)
        gradients = as_array(checkpoint.gradients)
        measured = {label: Measured(pairs_of(data)) for label, data in checkpoint.measured}
    except CheckpointError as error:
        raise LabError(Failure(error.title, error.message)) from error
    timeline = Timeline(opened.spec.optimizer.learning_rate, opened.spec.engine)
    timeline.edits = dict(checkpoint.edits)
    timeline.engines = dict(checkpoint.engines)
    explained = timeline.rate_at(checkpoint.step) == checkpoint.base_learning_rate
    if not explained:
        timeline.edits[checkpoint.step] = checkpoint.base_learning_rate
    if opened.fell_back:
        timeline.switch(checkpoint.step, FALLBACK_ENGINE)
    same = opened.same_data and checkpoint.repeatable and not opened.fell_back
    if explained and same:
        timeline.keep(start_of(opened).keyframe)
    timeline.keep(keyframe)
    series = Series(checkpoint.step)
    if checkpoint.since_step + len(losses) >= checkpoint.step and len(losses) == len(rates):
        series = Series(checkpoint.since_step)
        series.losses, series.learning_rates = losses, rates
    series.evaluations = dict(checkpoint.evaluations)
    series.measured = measured
    return Past(timeline, series, keyframe, gradients or None)


def state_of(
    training: Training, tokenizer: str, data: str, sampling: Sampling, since: int | None
) -> Checkpoint:
    """The state where it stands. tokenizer: its state_dict as JSON; data: the documents'
    fingerprint; since: with the series after this step, or without any, if None."""
    step, timeline, read = training.step, training.timeline, training.engine.read
    first, losses, rates, evaluations = training.series.between(since or 0, step)
    measured = training.series.measured_between(since or 0, step)
    if since is None:
        losses, rates, evaluations, measured = array("d"), array("d"), (), {}
    return Checkpoint(
        spec=training.spec.to_json(),
        step=step,
        weights=as_bytes(read("weights")),
        first_moment=as_bytes(read("first_moment")),
        second_moment=as_bytes(read("second_moment")),
        gradients=as_bytes(read("gradients")),
        tokenizer=tokenizer,
        base_learning_rate=timeline.rate_at(step),
        tokens_seen=training.tokens_seen,
        losses=as_bytes(losses),
        learning_rates=as_bytes(rates),
        evaluations=evaluations,
        edits=tuple(sorted(timeline.edits.items())),
        engines=tuple(sorted(timeline.engines.items())),
        data=data,
        repeatable=timeline.earliest == 0,
        sampling=sampling,
        since_step=first - 1,
        epoch=training.epoch,
        measured=tuple(
            (label, as_bytes(array("d", chain.from_iterable(pairs))))
            for label, pairs in sorted(measured.items())
        ),
    )
