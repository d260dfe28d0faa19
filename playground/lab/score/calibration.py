"""Whether a model is as often right as it says: reliability, and the expected calibration error.

The bins are those of M. P. Naeini and others, Obtaining well calibrated probabilities using
Bayesian binning (2015), in the form of C. Guo and others, On calibration of modern neural networks
(2017): equally wide, of the probability of the likeliest token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from playground.lab.score.interval import Bootstrap, Figure, wilson
from playground.lab.score.predictions import Prediction

BINS = 10


@dataclass(frozen=True, slots=True)
class Bin:
    """The predictions whose confidence lies between two bounds."""

    low: float
    high: float
    count: int
    confidence: float
    """The mean probability of the likeliest token."""
    right: Figure
    """How often it came, with Wilson's interval."""


def bin_of(confidence: float) -> int:
    """The bin of a confidence of 0..1; 1 itself lies in the last one."""
    return min(BINS - 1, int(confidence * BINS))


def reliability(predictions: Sequence[Prediction]) -> list[Bin]:
    """The bins that are not empty, from the least sure on."""
    sorted_in: list[list[Prediction]] = [[] for _ in range(BINS)]
    for one in predictions:
        sorted_in[bin_of(one.confidence)].append(one)
    return [
        Bin(
            place / BINS,
            (place + 1) / BINS,
            len(some),
            sum(one.confidence for one in some) / len(some),
            wilson(sum(one.right for one in some), len(some)),
        )
        for place, some in enumerate(sorted_in)
        if some
    ]


def calibration_error(documents: Sequence[Sequence[Prediction]], bootstrap: Bootstrap) -> Figure:
    """The mean over all predictions of |confidence - share that is right| of their bins, 0..1.

    Chance alone makes it larger than 0, and the resamples larger than the value, so that the lower
    end of its interval is the value itself or little below.
    """
    return bootstrap.figure(_columns(documents), _error)


def calibration_change(
    baseline: Sequence[Sequence[Prediction]],
    run: Sequence[Sequence[Prediction]],
    bootstrap: Bootstrap,
) -> Figure:
    """The error of the run less that of the baseline. Both: predictions of the same documents."""
    one, other = _columns(baseline), _columns(run)
    return bootstrap.figure(
        [*one, *other], lambda sums: _error(sums[len(one) :]) - _error(sums[: len(one)])
    )


def _columns(documents: Sequence[Sequence[Prediction]]) -> list[list[float]]:
    """One number a document in each: its tokens, then its summed gaps in each bin that is used."""
    gaps: list[list[float]] = [[0.0] * len(documents) for _ in range(BINS)]
    for place, document in enumerate(documents):
        for one in document:
            gaps[bin_of(one.confidence)][place] += one.confidence - one.right
    return [[float(len(document)) for document in documents], *(gap for gap in gaps if any(gap))]


def _error(sums: Sequence[float]) -> float:
    """The error that follows from the sums of `_columns`."""
    return sum(map(abs, sums[1:])) / sums[0] if sums[0] else 0.0
