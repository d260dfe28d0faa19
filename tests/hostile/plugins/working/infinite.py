"""Gives plus infinity."""

from playground.api import Contribution, hookimpl


class Bad:
    def transform(self, logits, context):
        return [float("inf"), *list(logits)[1:]]


@hookimpl
def microgpt_sampling_strategies():
    yield Contribution(name="infinite", summary="not well", factory=Bad)
