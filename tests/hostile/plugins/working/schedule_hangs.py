"""A schedule: hangs."""

from playground.api import Contribution, hookimpl


class Bad:
    def factor(self, step, steps):
        while True:
            pass


@hookimpl
def microgpt_schedules():
    yield Contribution(name="schedule-hangs", summary="not well", factory=Bad)
