"""Gives one logit too few."""

from playground.api import Contribution, hookimpl


class Bad:
    def transform(self, logits, context):
        return list(logits)[:-1]


@hookimpl
def microgpt_sampling_strategies():
    yield Contribution(name="short", summary="not well", factory=Bad)
