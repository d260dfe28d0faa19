"""Picks a token that there is not."""

from playground.api import Contribution, hookimpl


class Bad:
    def pick(self, probs, context):
        return len(probs) + 5


@hookimpl
def microgpt_sampling_strategies():
    yield Contribution(name="picks-outside", summary="not well", factory=Bad)
