"""It deletes its own file."""

from pathlib import Path

from playground.api import Contribution, hookimpl

Path(__file__).unlink()


class Same:
    def transform(self, logits, context):
        return list(logits)


@hookimpl
def microgpt_sampling_strategies():
    yield Contribution(name="gone", summary="it works", factory=Same)
