"""Picks no token."""

from playground.api import Contribution, hookimpl


class Bad:
    def pick(self, probs, context):
        return None


@hookimpl
def microgpt_sampling_strategies():
    yield Contribution(name="picks-nothing", summary="not well", factory=Bad)
