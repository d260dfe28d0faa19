"""A metric: raises."""

from playground.api import Contribution, hookimpl


class Bad:
    def of_step(self, step):
        raise LookupError("out of it")


@hookimpl
def microgpt_metrics():
    yield Contribution(name="metric-raises", summary="not well", factory=Bad)
