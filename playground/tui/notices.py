"""The toasts that are on the screen: of two about the same thing, only the later one stays."""

from __future__ import annotations

import time
from collections.abc import Callable

from playground.tui.control.context import Remark

SECONDS = {"error": 12.0, "warning": 9.0, "information": 5.0}
"""How long a toast stays, by its severity."""


class Notices:
    """What the person was told a moment ago."""

    def __init__(
        self,
        show: Callable[[Remark, float], None],
        clear: Callable[[], None],
        later: Callable[[Callable[[], None]], object],
    ) -> None:
        """show: puts up a toast for so many seconds. clear: takes all toasts away. later: calls a
        function once the toasts that were shown before are up."""
        self._show, self._clear, self._later = show, clear, later
        self._renewing = False
        """True if `_renew` is due."""
        self._up: dict[str, tuple[Remark, float]] = {}
        """The remarks that are on the screen, each with the time of its end, by their subjects."""

    def say(self, remark: Remark) -> None:
        """Show a toast, in place of an earlier one about the same thing."""
        now = time.monotonic()
        self._up = {about: one for about, one in self._up.items() if one[1] > now}
        again = self._up.pop(remark.subject, None) is not None
        seconds = SECONDS[remark.severity]
        self._up[remark.subject] = (remark, now + seconds)
        if self._renewing:
            return
        if again:
            self._renewing = True
            self._later(self._renew)
        else:
            self._show(remark, seconds)

    def _renew(self) -> None:
        """Show the toasts that stay, all of them: Textual takes no single toast away."""
        self._renewing, now = False, time.monotonic()
        self._clear()
        for remark, until in self._up.values():
            if until > now:
                self._show(remark, until - now)

    def forget(self) -> None:
        """Forget the toasts, because they were taken away."""
        self._up.clear()
