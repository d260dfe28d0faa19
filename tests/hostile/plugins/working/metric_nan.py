"""A metric: nan."""

from playground.api import Contribution, hookimpl


class Bad:
    def of_step(self, step):
        return float("nan")


@hookimpl
def microgpt_metrics():
    yield Contribution(name="metric-nan", summary="not well", factory=Bad)
