"""Its name is a built-in's, and another plugin's."""

from playground.api import Contribution, hookimpl


class Same:
    def transform(self, logits, context):
        return list(logits)


@hookimpl
def microgpt_sampling_strategies():
    yield Contribution(name="min-p", summary="it works", factory=Same)
    yield Contribution(name="twin", summary="", factory=Same)
