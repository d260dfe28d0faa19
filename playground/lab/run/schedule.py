"""The learning-rate schedule at work: a factor for every step, a plugin's under guard."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from playground.api import Schedule
from playground.hooks import plain
from playground.hooks.errors import PluginError, excerpt
from playground.lab.protocol.failures import Failure
from playground.lab.run.guard import Guard, failure_of


class ScheduleFactors:
    """The factors of the base learning rate. A plugin's factors are fetched before their step
    begins, so that a schedule that fails leaves the run at the last good step."""

    def __init__(self, schedule: Schedule, guard: Guard, steps: int) -> None:
        self._schedule = schedule
        self._guard = guard
        self._steps = steps
        self._known: dict[int, float] = {}

    def factor(self, step: int, steps: int) -> float:
        """The factor of the base learning rate at 0-based `step`: finite, 0 or more.

        Raises PluginError for a plugin that fails, or breaks its contract.
        """
        if self._guard.trusted:
            return self._schedule.factor(step, steps)
        known = self._known.get(step)
        return self._asked(step) if known is None else known

    def ready(self, first: int, count: int) -> int:
        """How many of the `count` steps from 0-based `first` on have a factor, without a gap.

        Raises PluginError if the step `first` has no factor, and so cannot be made.
        """
        if self._guard.trusted:
            return count
        known = self._known
        self._known = {}
        for step in range(first, first + count):
            try:
                self._known[step] = known[step] if step in known else self._asked(step)
            except PluginError:
                if step == first:
                    raise
                return step - first
        return count

    def shown(self, step: int) -> float:
        """The factor at 0-based `step`, for the screen; NaN if the plugin fails."""
        if self._guard.trusted:
            return self._schedule.factor(step, self._steps)
        step = min(step, self._steps - 1)  # the contract has no factor after the last step
        try:
            if step not in self._known:
                self._known[step] = self._asked(step)
            return self._known[step]
        except PluginError:
            return math.nan

    def _asked(self, step: int) -> float:
        with self._guard.at("factor", (step, self._steps)):
            given: Any = self._schedule.factor(step, self._steps)
            if plain.is_a(given, (bool, str, bytes)):
                raise TypeError(f"a factor is a number, not {excerpt(given)}")
            factor = float(given)
        if not 0 <= factor < math.inf:
            wrong = f"it gave {factor} for step {step}; a factor is finite, and 0 or more"
            raise self._guard.broken("factor", wrong)
        return factor


def schedule_failed(error: PluginError) -> Failure:
    """Why a step has no learning rate, and what to do."""
    failure = failure_of(error)
    return dataclasses.replace(
        failure,
        message=f"{failure.message}. The run stands before the step that has no learning rate. "
        "Mend the plugin, or start with another schedule (linear is microgpt's own).",
    )
