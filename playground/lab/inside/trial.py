"""Tries operations on one text and on the held-out texts."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from microgpt.anatomy import Anatomy, dissect
from microgpt.config import ModelConfig
from microgpt.surgery import HeadWrite, Operation
from playground.lab.inside.surgery import Trials, Work, averaged
from playground.lab.protocol.surgery import (
    MOST_TOKENS,
    Difference,
    MeanWrite,
    NextToken,
    Trial,
    Tried,
)
from playground.lab.run.data import Encoder


def trial(
    config: ModelConfig,
    encoder: Encoder,
    weights: array[float],
    ids: Sequence[int],
    operations: Sequence[Trial],
    trials: Trials | None,
    step: int,
    epoch: int,
    texts: Sequence[Sequence[int]],
) -> Work[Tried]:
    """What the operations would do to the text and to the held-out loss.

    weights: flat, those of `step`. ids: the text, BOS at both ends. trials: None if nothing is held
    out. texts: over which the mean of what a head writes is taken. Raises ValueError for what
    cannot be done to this model, IndexError for a head that it has not, PluginError.
    """
    before = dissect(config, weights, ids)
    heads = [(one.layer, one.head) for one in operations if isinstance(one, MeanWrite)]
    done: list[Operation | HeadWrite] = [one for one in operations if isinstance(one, Operation)]
    if heads:
        done += yield from averaged(config, weights, texts, heads)
    after = dissect(config, weights, ids, done)
    heldout: Difference | None = None
    if trials is not None:
        heldout = yield from trials.trying(done)
    return Tried(
        step,
        epoch,
        heldout,
        tuple(map(encoder.display, before.tokens)),
        tuple(map(encoder.display, before.targets)),
        tuple(before.losses),
        tuple(after.losses),
        _next(before, after, encoder),
    )


def _next(before: Anatomy, after: Anatomy, encoder: Encoder) -> tuple[NextToken, ...]:
    """The tokens after the last position, those that change most first."""
    then, now = before.probs[-1], after.probs[-1]
    order = sorted(range(len(now)), key=lambda token: -abs(now[token] - then[token]))
    return tuple(
        NextToken(token, encoder.display(token), then[token], now[token])
        for token in order[:MOST_TOKENS]
    )
