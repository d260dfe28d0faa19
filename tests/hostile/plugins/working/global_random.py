"""Draws from the global random, and sets it."""

import random

from playground.api import Contribution, hookimpl


class Bad:
    def transform(self, logits, context):
        random.seed(1)
        return [value + random.random() for value in logits]


@hookimpl
def microgpt_sampling_strategies():
    yield Contribution(name="global-random", summary="not well", factory=Bad)
