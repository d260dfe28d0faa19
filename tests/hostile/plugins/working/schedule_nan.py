"""A schedule: nan."""

from playground.api import Contribution, hookimpl


class Bad:
    def factor(self, step, steps):
        return float("nan")


@hookimpl
def microgpt_schedules():
    yield Contribution(name="schedule-nan", summary="not well", factory=Bad)
