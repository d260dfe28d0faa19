"""A metric: words."""

from playground.api import Contribution, hookimpl


class Bad:
    def of_step(self, step):
        return "much"


@hookimpl
def microgpt_metrics():
    yield Contribution(name="metric-words", summary="not well", factory=Bad)
