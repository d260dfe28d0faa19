"""A run's whole state as a checkpoint; resume.py is the way back."""

from __future__ import annotations

from array import array
from itertools import chain

from playground.lab.checkpoint import as_bytes
from playground.lab.protocol import Checkpoint, Sampling
from playground.lab.training import Training


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
