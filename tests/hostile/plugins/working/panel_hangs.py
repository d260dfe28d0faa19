"""A panel: hangs."""

from playground.api import Contribution, hookimpl


class Bad:
    def render(self, facts, width, height):
        while True:
            pass


@hookimpl
def microgpt_panels():
    yield Contribution(name="panel-hangs", summary="not well", factory=Bad)
