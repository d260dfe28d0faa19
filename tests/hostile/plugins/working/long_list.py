"""Gives one logit too many."""

from playground.api import Contribution, hookimpl


class Bad:
    def transform(self, logits, context):
        return [*logits, 0.0]


@hookimpl
def microgpt_sampling_strategies():
    yield Contribution(name="long-list", summary="not well", factory=Bad)
