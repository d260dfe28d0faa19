"""A metric: hangs."""

from playground.api import Contribution, hookimpl


class Bad:
    def of_step(self, step):
        while True:
            pass


@hookimpl
def microgpt_metrics():
    yield Contribution(name="metric-hangs", summary="not well", factory=Bad)
