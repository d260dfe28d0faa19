"""Leaves the program for a token."""

from playground.api import Contribution, hookimpl


class Bad:
    def transform(self, logits, context):
        raise SystemExit("out of transform")


@hookimpl
def microgpt_sampling_strategies():
    yield Contribution(name="leaves", summary="not well", factory=Bad)
