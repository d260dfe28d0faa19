"""Prints for every token."""

import sys

from playground.api import Contribution, hookimpl


class Bad:
    def transform(self, logits, context):
        print("SCRIBBLE \x1b[2J" * 100)
        print("SCRIBBLE" * 100, file=sys.stderr, flush=True)
        return list(logits)


@hookimpl
def microgpt_sampling_strategies():
    yield Contribution(name="prints", summary="not well", factory=Bad)
