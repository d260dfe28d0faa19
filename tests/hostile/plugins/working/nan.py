"""Gives NaN."""

from playground.api import Contribution, hookimpl


class Bad:
    def transform(self, logits, context):
        return [float("nan")] * len(logits)


@hookimpl
def microgpt_sampling_strategies():
    yield Contribution(name="nan", summary="not well", factory=Bad)
