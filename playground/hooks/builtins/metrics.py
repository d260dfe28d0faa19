"""Metrics: how strongly a step pulls, how uncertain the model is, and how new its texts are."""

from __future__ import annotations

import math
from collections.abc import Iterator

from playground.api import Contribution, Metric, SampleFacts, StepFacts, hookimpl

_LARGEST = 700.0
"""Nats whose exponential is still a number."""


class GradientNorm:
    """Euclidean length of the gradient over all parameters; None once it is no number."""

    def of_step(self, step: StepFacts) -> float | None:
        length = math.hypot(*step.read("gradients"))
        return length if math.isfinite(length) else None


class Perplexity:
    """exp(loss): among how many equally likely tokens the model hesitates."""

    def of_step(self, step: StepFacts) -> float | None:
        return math.exp(step.loss) if step.loss < _LARGEST else None


class NewShare:
    """Share of a batch that are no documents of the data set, 0 to 1."""

    def of_samples(self, samples: SampleFacts) -> float | None:
        return samples.in_data.count(False) / len(samples.in_data) if samples.in_data else None


@hookimpl
def microgpt_metrics() -> Iterator[Contribution[Metric]]:
    yield Contribution(
        name="gradient-norm",
        summary="length of the gradient over all parameters: how strongly a step pulls",
        factory=GradientNorm,
    )
    yield Contribution(
        name="perplexity",
        summary="exp of the loss: among how many tokens the model hesitates",
        factory=Perplexity,
    )
    yield Contribution(
        name="new-share",
        summary="share of the sampled texts that are not in the data, 0 to 1",
        factory=NewShare,
    )
