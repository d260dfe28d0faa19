"""Raises for every token."""

from playground.api import Contribution, hookimpl


class Bad:
    def transform(self, logits, context):
        raise LookupError("out of transform")


@hookimpl
def microgpt_sampling_strategies():
    yield Contribution(name="raises", summary="not well", factory=Bad)
