"""Never returns."""

from playground.api import Contribution, hookimpl


class Bad:
    def transform(self, logits, context):
        while True:
            pass


@hookimpl
def microgpt_sampling_strategies():
    yield Contribution(name="hangs", summary="not well", factory=Bad)
