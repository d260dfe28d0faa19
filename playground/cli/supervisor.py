"""A watchdog for the commands that load plugins without a screen.

Such a command forks before it loads the first plugin. The child does the work; the parent, which
runs no plugin code, asks the child four times in two seconds what it does. A plugin that never
returns, that ends the process, or that crashes it is named, and the exit code is 1. Whatever the
plugins started ends with the command, because the child leads a process group of its own.

Where there is no `os.fork` a command runs unwatched. MICROGPT_PLAY_WATCHDOG=0 does the same
elsewhere: the child is not in the foreground of its terminal, and so cannot be debugged there.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

from playground import cli
from playground.cli.failures import fail_with, say
from playground.hooks import plain, streams
from playground.hooks.errors import describe
from playground.hooks.forks import end_own_group, note_forks
from playground.hooks.isolation import interrupts_by_keyboard
from playground.lab.client.endings import from_outside, hang, signal_name, silence
from playground.lab.client.events import Limits
from playground.lab.protocol import pipe
from playground.lab.protocol.commands import Ping, Pong
from playground.lab.protocol.failures import Failure
from playground.lab.run.guard import Activity
from playground.lab.run.trail import Trail
from playground.window import codes_of_leaving

if TYPE_CHECKING:
    from playground.hooks.sources import PluginSources

LIMITS = Limits(silence=10.0)
IMPORTING = 15.0
"""Seconds that the import of one plugin may take: a large library takes some."""
LEAVING = 3.0
"""Seconds from the child's last word to its end."""
PRESSES = 3
"""How often ctrl+c is pressed to end a child that does not listen."""

activity = Activity()
"""What this process does, for its parent."""
shown = mmap.mmap(-1, 1)
"""For playground.window.Window: 1 while the terminal's title or progress is ours. Child and parent
share it, because a child that is stopped or has crashed restores no window."""


_replies: int | None = None
"""In the child, the descriptor on which the parent is answered."""


def supervise(sources: PluginSources) -> None:
    """Go on in a child, if there are plugins to load; the parent ends with the child's exit code.
    Does nothing the second time."""
    global _replies
    if not cli.allowed:
        return
    interrupts_by_keyboard()
    wanted = os.environ.get("MICROGPT_PLAY_WATCHDOG") != "0"
    if not (wanted and hasattr(os, "fork") and _has_plugins(sources)):
        return
    cli.allowed = False
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    asking, answering = os.pipe(), os.pipe()
    activity.trail = Trail()
    child = os.fork()
    if child:
        for descriptor in (asking[0], answering[1]):
            os.close(descriptor)
        with contextlib.suppress(OSError):  # the child has done it
            os.setpgid(child, child)
        _end(_Supervisor(child, asking[1], answering[0], activity.trail).watch())
    os.setpgid(0, 0)
    for descriptor in (asking[1], answering[0]):
        os.close(descriptor)
    for number in (signal.SIGTTIN, signal.SIGTTOU):  # writing in the background is no fault
        signal.signal(number, signal.SIG_IGN)
    _replies = answering[1]
    streams.keep()
    note_forks(asking[0], answering[1], quiet=True)
    threading.excepthook = lambda hook: _mention("thread", hook.exc_value)
    sys.unraisablehook = lambda hook: _mention("clean-up", hook.exc_value)
    threading.Thread(
        target=_listen, args=(asking[0], threading.get_ident()), name="listener", daemon=True
    ).start()


def _mention(what: str, error: BaseException | None) -> None:
    """Print in a line what nobody catches: a traceback would look as if the command had failed."""
    if error is not None and not plain.is_a(error, SystemExit):
        with contextlib.suppress(BaseException):
            say(f"! a {what} failed, perhaps a plugin's: {describe(error)}")


def finished(code: int) -> None:
    """In the child, tell the parent the exit code, which no plugin changes any more."""
    if _replies is not None:
        with contextlib.suppress(OSError):
            _send(_replies, code)


def _has_plugins(sources: PluginSources) -> bool:
    from playground.hooks.discovery import Finder

    return not all(found.disabled for found in Finder(sources).find())


def _end(code: int) -> NoReturn:
    from click.exceptions import Exit

    if code < 0:  # as this process would have ended without a child
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    raise Exit(code)


def _listen(asked: int, main: int) -> None:
    """Answer the parent until it has gone; then end, and all that the plugins started."""
    with contextlib.suppress(BaseException):
        while True:
            _receive(asked)
            if _replies is not None:
                _send(_replies, activity.pong(main))
    end_own_group()
    os._exit(1)


# ---------------------------------------------------------------- the parent


class _Supervisor:
    def __init__(self, child: int, asking: int, answers: int, trail: Trail) -> None:
        self._child = child
        self._asking = asking
        self._answers = answers
        self._trail = trail
        self._code: int | None = None
        """The child's last word."""
        self._status: int | None = None
        """The exit code of the child's process, negative for a signal."""
        self._presses = 0
        self._signal = 0
        """The signal by which this process is asked to end."""
        self._count, self._same = -1, 0

    def watch(self) -> int:
        """Wait for the child; returns its exit code, or minus the signal that ended this process.
        Says why if the child ended otherwise."""
        with self._forwarding():
            failure = self._until_the_end()
            self._end_group()
        _restore_window()
        if self._signal:
            return -self._signal
        if failure is not None:
            return fail_with(failure)
        if self._code is not None:
            return self._code
        if self._presses >= PRESSES:
            return 130
        return fail_with(self._death())

    def _until_the_end(self) -> Failure | None:
        """Watch until the child has ended, or said its last word; returns why it was given up."""
        asked, silent = False, 0.0
        while not self._ended():
            if self._code is not None:
                self._wait_for_its_end()
                return None
            if asked and silent >= LIMITS.silence:
                return silence(silent, "", "")
            if not asked:
                asked, silent = True, 0.0
                with contextlib.suppress(OSError):
                    _send(self._asking, Ping())
            began = time.monotonic()
            for message in self._messages(LIMITS.ping):
                if isinstance(message, Pong):
                    asked = False
                    if (failure := self._judge(message)) is not None:
                        return failure
                else:
                    self._code = int(message)
            # A stopped and continued process must not take the other one for hung.
            silent += min(time.monotonic() - began, 2 * LIMITS.ping)
        for message in self._messages(0):
            if isinstance(message, int):
                self._code = message
        return None

    def _messages(self, seconds: float) -> Iterator[Any]:
        """What the child says in this time; less of it when the child says its last word, ends, or
        a signal comes."""
        until = time.monotonic() + seconds
        while True:
            left = until - time.monotonic()
            ready, _, _ = select.select([self._answers], [], [], max(0.0, left))
            if not ready:
                return
            try:
                message = _receive(self._answers)
            except (EOFError, OSError):
                time.sleep(0.01)  # it ends in a moment, and `_ended` tells
                return
            yield message
            if isinstance(message, int):
                return

    def _judge(self, pong: Pong) -> Failure | None:
        self._same = self._same + 1 if pong.count == self._count else 1
        self._count = pong.count
        patience = IMPORTING if pong.place == "its import" else LIMITS.patience(pong.kind)
        if self._same < 2 or pong.seconds <= patience:
            return None
        _, _, at_work = self._trail.last() or ("", "", "")
        return hang(pong, _cure(pong.contribution or at_work))

    def _wait_for_its_end(self) -> None:
        """Wait until the child has left, but not for ever: threads and exit handlers of plugins
        may take their time."""
        until = time.monotonic() + LEAVING
        while not self._ended() and time.monotonic() < until:
            time.sleep(0.005)

    def _ended(self) -> bool:
        """True if the child has ended. Its number stays taken, so that `_end_group` cannot mean
        another process."""
        if not hasattr(os, "waitid"):
            return self._reaped(os.WNOHANG)
        return os.waitid(os.P_PID, self._child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _reaped(self, options: int) -> bool:
        if self._status is None:
            child, status = os.waitpid(self._child, options)
            if child:
                self._status = os.waitstatus_to_exitcode(status)
        return self._status is not None

    def _end_group(self) -> None:
        with contextlib.suppress(OSError):
            os.killpg(self._child, signal.SIGKILL)
        self._reaped(0)

    def _death(self) -> Failure:
        """Why the child ended without a last word."""
        code, at = self._status or 0, self._trail.last()
        if code < 0:
            how = f"Signal {signal_name(-code)} ended it"
        else:
            how = f"It ended by itself, with exit code {code}"
        if at is not None:
            label, place, contribution = at
            who = f", while {label or 'a plugin'} was at work (in {place})"
            return Failure("The program was ended", f"{how}{who}. {_cure(contribution)}", "dead")
        if from_outside(code):
            cure = "The system does that too when memory runs out."
        else:
            cure = (
                "A plugin may have ended it: leave plugins out one by one with --without NAME, "
                "or all of them with --no-plugins."
            )
        return Failure("The program was ended", f"{how}. {cure}", "dead")

    # ------------------------------------------------------------ signals

    @contextlib.contextmanager
    def _forwarding(self) -> Iterator[None]:
        """Hand signals on to the child, which is in another process group than the terminal's."""
        handlers = {
            signal.SIGINT: self._press,
            signal.SIGTSTP: self._stop,
            signal.SIGCONT: self._go_on,
            **dict.fromkeys((signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT), self._asked_to_end),
        }
        before = {
            number: signal.signal(number, handler)
            for number, handler in handlers.items()
            if signal.getsignal(number) != signal.SIG_IGN
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _tell(self, number: int) -> None:
        with contextlib.suppress(OSError):
            os.killpg(self._child, number)

    def _press(self, number: int, _frame: FrameType | None) -> None:
        self._presses += 1
        self._tell(number if self._presses < PRESSES else signal.SIGKILL)

    def _asked_to_end(self, number: int, _frame: FrameType | None) -> None:
        if self._signal:
            number = signal.SIGKILL
        else:
            self._signal = number
        self._tell(number)

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        self._tell(signal.SIGSTOP)
        _restore_window()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)  # goes on here after SIGCONT
        signal.signal(number, self._stop)
        self._tell(signal.SIGCONT)

    def _go_on(self, number: int, _frame: FrameType | None) -> None:
        self._tell(number)


def _restore_window() -> None:
    """Give the terminal's title back, and take the progress away, if the child has set them."""
    if shown[0]:
        shown[0] = 0
        with contextlib.suppress(OSError):  # a signal handler cannot enter a stream a second time
            os.write(sys.stderr.fileno(), codes_of_leaving().encode())


def _cure(contribution: str) -> str:
    """What to do about a contribution ("strategy:cold:cold") that failed."""
    plugin = contribution.partition(":")[2].partition(":")[0]
    return f"Mend the plugin, or leave it out: --without {plugin or 'NAME'}"


# ---------------------------------------------------------------- the pipes


def _send(descriptor: int, message: object) -> None:
    data = pipe.pack(message)
    while data:
        data = data[os.write(descriptor, data) :]


def _receive(descriptor: int) -> Any:
    with os.fdopen(descriptor, "rb", buffering=0, closefd=False) as stream:
        return pipe.receive(_Whole(stream))  # type: ignore[arg-type]


class _Whole:
    """Reads as many bytes as are asked for from an unbuffered stream."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def read(self, size: int) -> bytes:
        data = b""
        while len(data) < size and (more := self._stream.read(size - len(data))):
            data += more
        return data
