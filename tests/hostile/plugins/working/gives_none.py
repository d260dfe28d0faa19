"""Gives nothing."""

from playground.api import Contribution, hookimpl


class Bad:
    def transform(self, logits, context):
        return None


@hookimpl
def microgpt_sampling_strategies():
    yield Contribution(name="gives-none", summary="not well", factory=Bad)
