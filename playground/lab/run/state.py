"""The whole state of a training as a checkpoint; setup.py has the way back."""

from __future__ import annotations

from array import array
from itertools import chain

from microgpt.engine import STATE_KINDS, StateKind
from playground.lab.floats import as_bytes
from playground.lab.protocol.run import Checkpoint
from playground.lab.protocol.sampling import Sampling
from playground.lab.run.training import Training


def state_size(parameters: int) -> int:
    """Bytes of the weights, gradients and moments in a checkpoint."""
    return 8 * len(STATE_KINDS) * parameters


def state_of(
    training: Training,
    tokenizer: str,
    data: str,
    sampling: Sampling,
    since: int | None,
    whole: bool = True,
) -> Checkpoint:
    """The present state as a checkpoint. tokenizer: its state_dict as JSON. data: the documents'
    fingerprint. since: the step after which the series begin; without series if it is None. whole:
    with weights, gradients and moments."""
    step, timeline = training.step, training.timeline

    def read(kind: StateKind) -> array[float]:
        return training.engine.read(kind) if whole else array("d")

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
        before=as_bytes((whole and training.surgery.left) or array("d")),
        tokenizer=tokenizer,
        base_learning_rate=timeline.rate_at(step),
        tokens_seen=training.tokens_seen,
        losses=as_bytes(losses),
        learning_rates=as_bytes(rates),
        evaluations=evaluations,
        edits=timeline.edits,
        data=data,
        repeatable=timeline.earliest == 0,
        sampling=sampling,
        since_step=first - 1,
        epoch=training.epoch,
        measured=tuple(
            (label, as_bytes(array("d", chain.from_iterable(pairs))))
            for label, pairs in sorted(measured.items())
        ),
        clock=as_bytes(training.series.clock.flat(since or -1, step)) if since is not None else b"",
    )
