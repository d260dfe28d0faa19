"""Knobs whose defaults are out of range, and a validator that raises."""

from pydantic import field_validator

from playground.api import Contribution, Knob, Knobs, hookimpl


class Outside(Knobs):
    amount: float = Knob(7.0, ge=0, le=1)


class Raises(Knobs):
    amount: float = Knob(0.5, ge=0, le=1)

    @field_validator("amount")
    @classmethod
    def never(cls, value):
        raise RuntimeError("out of the validator")


class Leaves(Knobs):
    amount: float = Knob(0.5, ge=0, le=1)

    @field_validator("amount")
    @classmethod
    def never(cls, value):
        raise SystemExit("out of the validator")


class Same:
    def __init__(self, knobs):
        pass

    def transform(self, logits, context):
        return list(logits)


@hookimpl
def microgpt_sampling_strategies():
    yield Contribution(name="outside", summary="", factory=Same, knobs=Outside)
    yield Contribution(name="raises", summary="", factory=Same, knobs=Raises)
    yield Contribution(name="leaves", summary="", factory=Same, knobs=Leaves)
    yield Contribution(name="none", summary="", factory=Same, knobs=int)
