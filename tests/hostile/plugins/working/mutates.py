"""Changes its input."""

from playground.api import Contribution, hookimpl


class Bad:
    def transform(self, logits, context):
        logits[0] = 1e9
        logits.append(0.0)
        return logits


@hookimpl
def microgpt_sampling_strategies():
    yield Contribution(name="mutates", summary="not well", factory=Bad)
