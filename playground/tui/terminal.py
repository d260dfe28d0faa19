"""The driver of a terminal of Unix: Textual's, which also goes on after any SIGCONT."""

from __future__ import annotations

import asyncio
import signal
from types import FrameType
from typing import Any

from textual.app import App
from textual.drivers.linux_driver import LinuxDriver
from typing_extensions import override


class SteadyDriver(LinuxDriver):
    """Takes the terminal anew on a SIGCONT that comes while the screen is up.

    That is one from `kill -CONT`, or one after a SIGSTOP. Textual's driver would start a second
    time then: two threads would read the keys, and the terminal as it is drawn on, raw, would pass
    for the terminal as it was before, which is what leaving restores.
    """

    def __init__(
        self,
        app: App[Any],
        *,
        debug: bool = False,
        mouse: bool = True,
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._up = False
        resume, loop = signal.getsignal(signal.SIGCONT), asyncio.get_running_loop()

        def go_on(number: int, frame: FrameType | None) -> None:
            if self._up:
                loop.call_soon_threadsafe(self._take_anew)
            elif callable(resume):  # the end of what a SIGTSTP began
                resume(number, frame)

        signal.signal(signal.SIGCONT, go_on)

    @override
    def start_application_mode(self) -> None:
        super().start_application_mode()  # type: ignore[no-untyped-call]
        self._up = True

    @override
    def stop_application_mode(self) -> None:
        self._up = False
        super().stop_application_mode()

    def _take_anew(self) -> None:
        if self._up:
            self.suspend_application_mode()
            self.resume_application_mode()
            self.send_message(self.SignalResume())
