"""Gives words."""

from playground.api import Contribution, hookimpl


class Bad:
    def transform(self, logits, context):
        return ["much"] * len(logits)


@hookimpl
def microgpt_sampling_strategies():
    yield Contribution(name="gives-text", summary="not well", factory=Bad)
