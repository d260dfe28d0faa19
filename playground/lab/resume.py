"""From a checkpoint back to where a run has been."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

from playground.lab.checkpoint import CheckpointError, as_array, pairs_of
from playground.lab.events import LabError
from playground.lab.opening import Opened, check_fits
from playground.lab.protocol import FALLBACK_ENGINE, Checkpoint, Failure
from playground.lab.timeline import Keyframe, Measured, Series, Timeline


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
