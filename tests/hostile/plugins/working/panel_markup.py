"""A panel: markup."""

from playground.api import Contribution, hookimpl


class Bad:
    def render(self, facts, width, height):
        return ["[b]bold[/b]\x1b[2J\u202e" * 1000] * 1000


@hookimpl
def microgpt_panels():
    yield Contribution(name="panel-markup", summary="not well", factory=Bad)
