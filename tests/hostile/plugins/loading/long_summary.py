"""A summary and a help text of 10 MB each."""

from playground.api import Contribution, Knob, Knobs, hookimpl


class Long(Knobs):
    amount: float = Knob(1.0, ge=0, le=2, help="help " * 2_000_000)


class Same:
    def __init__(self, knobs):
        pass

    def transform(self, logits, context):
        return list(logits)


@hookimpl
def microgpt_sampling_strategies():
    yield Contribution(name="long", summary="words " * 2_000_000, factory=Same, knobs=Long)
