"""Learning-rate schedules: microgpt.py's straight line, none at all, and the usual cosine."""

from __future__ import annotations

import math
from collections.abc import Iterator

from microgpt.trainer import linear_factor
from playground.api import Contribution, Knob, Knobs, Schedule, hookimpl


class Linear:
    """1 - step / steps, as microgpt.py has it."""

    def factor(self, step: int, steps: int) -> float:
        return linear_factor(step, steps)


class Constant:
    """The base learning rate throughout."""

    def factor(self, step: int, steps: int) -> float:  # noqa: ARG002
        return 1.0


class CosineKnobs(Knobs):
    warmup: int = Knob(
        0,
        ge=0,
        le=1000,
        step=10,
        neutral=0,
        label="warm-up steps",
        help="steps over which the learning rate first rises; 0 begins at its full size",
    )
    floor: float = Knob(
        0.0, ge=0, le=1, step=0.05, help="share of the learning rate that is left at the end"
    )


class Cosine:
    """Up in a straight line, then down along half a cosine.

    Source: Loshchilov and Hutter, SGDR (2017), equation 5, one period, without restarts.
    """

    def __init__(self, knobs: CosineKnobs) -> None:
        self.warmup = knobs.warmup
        self.floor = knobs.floor

    def factor(self, step: int, steps: int) -> float:
        warmup = min(self.warmup, steps)
        if step < warmup:
            return (step + 1) / warmup  # so that the first step has a rate above 0
        way = min(1.0, (step - warmup) / max(1, steps - warmup))
        return self.floor + (1 - self.floor) * 0.5 * (1 + math.cos(math.pi * way))


@hookimpl
def microgpt_schedules() -> Iterator[Contribution[Schedule]]:
    yield Contribution(
        name="linear", summary="straight down to 0, as in microgpt.py", factory=Linear
    )
    yield Contribution(
        name="constant", summary="the same learning rate at every step", factory=Constant
    )
    yield Contribution(
        name="cosine",
        summary="a warm-up, then gently down along half a cosine",
        factory=Cosine,
        knobs=CosineKnobs,
    )
