"""A panel: endless."""

from playground.api import Contribution, hookimpl


class Bad:
    def render(self, facts, width, height):
        while True:
            yield "[b]line\x1b[2J"


@hookimpl
def microgpt_panels():
    yield Contribution(name="panel-endless", summary="not well", factory=Bad)
