"""It closes the standard descriptors."""

import os

from playground.api import Contribution, hookimpl

for descriptor in range(3):
    os.close(descriptor)


class Same:
    def transform(self, logits, context):
        return list(logits)


@hookimpl
def microgpt_sampling_strategies():
    yield Contribution(name="closes", summary="it works", factory=Same)
