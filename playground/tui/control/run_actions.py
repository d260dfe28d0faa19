"""What the keys that move the run do, for each screen that shows the open run."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from playground.tui.control.controller import Controller


class RunActions:
    """The actions of `bindings.run_keys`. The screen that takes them sets `_controller`."""

    _controller: Controller

    def _do(self, work: Coroutine[Any, Any, Any]) -> None:
        """Carry out a command of the controller in the background."""
        self._controller.tasks.do(work)

    def action_step(self) -> None:
        self._do(self._controller.training.step())

    def action_back(self) -> None:
        self._do(self._controller.training.back())

    def action_run(self) -> None:
        self._do(self._controller.training.toggle())

    def action_speed(self, by: int) -> None:
        self.set_speed(self._controller.model.speed + by)

    def set_speed(self, speed: int) -> None:
        """Train at another speed. speed: an index into SPEEDS; one beyond an end means that end."""
        self._do(self._controller.training.set_speed(speed))
