"""A panel: raises."""

from playground.api import Contribution, hookimpl


class Bad:
    def render(self, facts, width, height):
        raise LookupError("out of it")


@hookimpl
def microgpt_panels():
    yield Contribution(name="panel-raises", summary="not well", factory=Bad)
