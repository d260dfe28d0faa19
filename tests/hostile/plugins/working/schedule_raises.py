"""A schedule: raises."""

from playground.api import Contribution, hookimpl


class Bad:
    def factor(self, step, steps):
        raise LookupError("out of it")


@hookimpl
def microgpt_schedules():
    yield Contribution(name="schedule-raises", summary="not well", factory=Bad)
