"""Gives logits without end."""

from playground.api import Contribution, hookimpl


class Bad:
    def transform(self, logits, context):
        while True:
            yield 0.0


@hookimpl
def microgpt_sampling_strategies():
    yield Contribution(name="endless-list", summary="not well", factory=Bad)
