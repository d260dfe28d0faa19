"""A thousand knobs."""

from pydantic import create_model

from playground.api import Contribution, Knob, Knobs, hookimpl

Many = create_model(
    "Many",
    __base__=Knobs,
    **{f"knob_{number}": (float, Knob(0.5, ge=0, le=1)) for number in range(1000)},
)


class Same:
    def __init__(self, knobs):
        pass

    def transform(self, logits, context):
        return list(logits)


@hookimpl
def microgpt_sampling_strategies():
    yield Contribution(name="many-knobs", summary="a thousand", factory=Same, knobs=Many)
