"""The driver of a terminal of Unix: Textual's, which also goes on after any SIGCONT, and ends with
its terminal."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
from types import FrameType
from typing import Any

from textual.app import App
from textual.drivers.linux_driver import LinuxDriver
from typing_extensions import override

LISTENING = 1.0
"""Seconds between two looks whether the terminal is still there."""
_GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL


class SteadyDriver(LinuxDriver):
    """Takes the terminal anew on a SIGCONT that comes while the screen is up, leaves it on a
    SIGTSTP between two turns of the loop, and ends the process as SIGHUP does when the terminal is
    gone.

    A SIGCONT while the screen is up is one from `kill -CONT`, or one after a SIGSTOP. Textual's
    driver would start a second time then: two threads would read the keys, and the terminal as it
    is drawn on, raw, would pass for the terminal as it was before, which is what leaving restores.

    A SIGTSTP may interrupt the very write of a picture. Textual's driver would leave the terminal
    within its signal handler, wait for the queue of writes that the interrupted code holds, and
    hang without end.
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
        self._busy = False
        """True while the terminal is being taken: another SIGCONT asks for nothing more then."""
        self._listening: asyncio.TimerHandle | None = None
        resume, loop = signal.getsignal(signal.SIGCONT), asyncio.get_running_loop()
        suspend = signal.getsignal(signal.SIGTSTP)

        def go_on(number: int, frame: FrameType | None) -> None:
            if self._up:
                loop.call_soon_threadsafe(self._take_anew)
            elif not self._busy and callable(resume):  # the end of what a SIGTSTP began
                resume(number, frame)

        def stop(number: int, frame: FrameType | None) -> None:
            if callable(suspend):
                loop.call_soon_threadsafe(suspend, number, frame)

        signal.signal(signal.SIGCONT, go_on)
        signal.signal(signal.SIGTSTP, stop)

    @property
    @override
    def can_suspend(self) -> bool:
        """False where this process is the first of its session, as in a terminal that was opened
        for it: no shell would ever continue it."""
        return os.getsid(0) != os.getpid()

    @override
    def start_application_mode(self) -> None:
        self._busy = True
        super().start_application_mode()  # type: ignore[no-untyped-call]
        self._up, self._busy = True, False
        self._stop_listening()
        self._listen()

    @override
    def stop_application_mode(self) -> None:
        self._up = False
        self._stop_listening()
        super().stop_application_mode()

    def _stop_listening(self) -> None:
        if self._listening is not None:
            self._listening.cancel()

    def _listen(self) -> None:
        """Look, now and then, whether the terminal is still there. A process that has no terminal
        of its own gets no signal when the one it draws on goes, and Textual's driver would read
        its end again and again, as fast as a core allows."""
        with contextlib.suppress(OSError, ValueError):
            poll = select.poll()
            poll.register(self.fileno, 0)
            if any(happened & _GONE for _, happened in poll.poll(0)):
                os.kill(os.getpid(), signal.SIGHUP)
                return
        self._listening = asyncio.get_running_loop().call_later(LISTENING, self._listen)

    def _take_anew(self) -> None:
        if self._up:
            self._busy = True
            self.suspend_application_mode()
            self.resume_application_mode()
            self.send_message(self.SignalResume())
