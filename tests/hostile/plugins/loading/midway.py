"""Its generator raises after the first contribution, which stays."""

from playground.api import Contribution, hookimpl


class Same:
    def transform(self, logits, context):
        return list(logits)


@hookimpl
def microgpt_sampling_strategies():
    yield Contribution(name="before-the-fall", summary="it works", factory=Same)
    raise ValueError("midway")
