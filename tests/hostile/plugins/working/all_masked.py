"""Masks every token."""

from playground.api import Contribution, hookimpl


class Bad:
    def transform(self, logits, context):
        return [float("-inf")] * len(logits)


@hookimpl
def microgpt_sampling_strategies():
    yield Contribution(name="all-masked", summary="not well", factory=Bad)
