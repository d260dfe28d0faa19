"""Raises what cannot be shown."""

from playground.api import Contribution, hookimpl


class Odd(Exception):
    def __str__(self):
        raise SystemExit("out of __str__")


class Bad:
    def transform(self, logits, context):
        raise Odd()


@hookimpl
def microgpt_sampling_strategies():
    yield Contribution(name="broken-words", summary="not well", factory=Bad)
