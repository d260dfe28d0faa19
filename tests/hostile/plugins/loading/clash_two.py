"""Its name is another plugin's."""

from playground.api import Contribution, hookimpl


class Same:
    def transform(self, logits, context):
        return list(logits)


@hookimpl
def microgpt_sampling_strategies():
    yield Contribution(name="twin", summary="it works", factory=Same)
