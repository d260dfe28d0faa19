"""Raises what is no Exception, as compiled code does that panics."""

from playground.api import Contribution, hookimpl


class Panic(BaseException):
    pass


class Bad:
    def transform(self, logits, context):
        raise Panic("out of transform")


@hookimpl
def microgpt_sampling_strategies():
    yield Contribution(name="panics", summary="not well", factory=Bad)
