"""Metrics: how strongly a step pulls, how uncertain the model is, how new and valid its texts."""

from __future__ import annotations

import math
from collections.abc import Iterator

from pydantic import field_validator

from playground.api import Contribution, Knob, Knobs, Metric, SampleFacts, StepFacts, hookimpl
from playground.hooks.builtins.rules import Rule

_LARGEST = 700.0
"""Nats whose exponential is still finite."""


class GradientNorm:
    """Euclidean length of the gradient over all parameters; None if the length is not finite."""

    def of_step(self, step: StepFacts) -> float | None:
        length = math.hypot(*step.read("gradients"))
        return length if math.isfinite(length) else None


class Perplexity:
    """exp(loss): among how many equally likely tokens the model hesitates."""

    def of_step(self, step: StepFacts) -> float | None:
        return math.exp(step.loss) if step.loss < _LARGEST else None


class NewShare:
    """Share of a batch's texts that are neither documents of the data set nor recited, 0 to 1."""

    def of_samples(self, samples: SampleFacts) -> float | None:
        if not samples.in_data:
            return None
        recited = samples.recited or (False,) * len(samples.in_data)
        known = [any(both) for both in zip(samples.in_data, recited, strict=True)]
        return known.count(False) / len(known)


class ValidShareKnobs(Knobs):
    rule: str = Knob(
        "[a-z]+",
        help="regular expression that a whole text must match to be valid, prompt included",
    )

    @field_validator("rule")
    @classmethod
    def _is_rule(cls, rule: str) -> str:
        Rule(rule)
        return rule


class ValidShare:
    """Share of a batch's texts that a rule of the user's own allows, 0 to 1.

    A rule that takes more than a quarter of a second for a batch fails, and the metric with it. A
    text of more than 10,000 characters is not matched, and counts as not valid.
    """

    def __init__(self, knobs: ValidShareKnobs) -> None:
        self._rule = Rule(knobs.rule)

    def of_samples(self, samples: SampleFacts) -> float | None:
        return self._rule.share(samples.texts)


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
        summary="share of the sampled texts that are not in the data, whole or in part, 0 to 1",
        factory=NewShare,
    )
    yield Contribution(
        name="valid-share",
        summary="share of the sampled texts that a rule of yours allows, 0 to 1",
        factory=ValidShare,
        knobs=ValidShareKnobs,
    )
