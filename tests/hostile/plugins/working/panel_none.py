"""A panel: none."""

from playground.api import Contribution, hookimpl


class Bad:
    def render(self, facts, width, height):
        return None


@hookimpl
def microgpt_panels():
    yield Contribution(name="panel-none", summary="not well", factory=Bad)
