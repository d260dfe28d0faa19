"""A schedule: words."""

from playground.api import Contribution, hookimpl


class Bad:
    def factor(self, step, steps):
        return "much"


@hookimpl
def microgpt_schedules():
    yield Contribution(name="schedule-words", summary="not well", factory=Bad)
