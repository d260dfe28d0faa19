"""Leaving the playground: the run is kept for next time, and the process ends in any case."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from microgpt.shell import program, shell_word
from playground.lab.paths import last_run
from playground.window import codes_of_leaving

if TYPE_CHECKING:
    from playground.lab.client.lab import Lab

PATIENCE = 1.5
"""Seconds to wait for a worker that is in the middle of a step, or hangs."""
NOTICED = 0.4
"""Seconds after which a person notices the wait."""


async def keep_run(lab: Lab, waiting: Callable[[], None] = lambda: None) -> bool:
    """Write the open run into the file from which the key `o` resumes it; False if that failed.

    The worker writes the run as it stands. If the worker does not answer within PATIENCE, the last
    checkpoint it sent is written instead. waiting: called once the wait is noticed.
    """
    path = last_run()
    task = asyncio.ensure_future(lab.save(str(path)))
    # A full disk does not keep anyone from leaving.
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        if not (await asyncio.wait({task}, timeout=NOTICED))[0]:
            waiting()
            await asyncio.wait({task}, timeout=PATIENCE - NOTICED)
    if task.done() and task.exception() is None:
        return True
    task.cancel()
    latest = lab.last_checkpoint
    if latest is not None and latest.step:
        from playground.lab.checkpoint import CheckpointError, write_checkpoint

        with contextlib.suppress(OSError, CheckpointError):
            await asyncio.to_thread(write_checkpoint, path, latest)
            return True
    return False


def farewell(
    step: int, steps: int, *, run: int | None, name: str, saved: bool, options: str
) -> tuple[str, ...]:
    """What is said on the terminal when the playground has been left: what was kept of the run, and
    the command that goes on with it.

    run: its number in the store; None if it was not recorded. saved: it was kept in a file instead.
    options: those that the command needs beside the run, each after a space.
    """
    if run is None and not step:
        return ("Nothing was trained, and nothing is kept.",)
    done = step >= steps
    where = f"all {steps:,} steps" if done else f"step {step:,} of {steps:,}"
    then = "To open it again:" if done else "To go on with it:"
    if run is not None:
        called = f" ({name})" if name else ""
        return (
            f"Run {run}{called} is kept, {where}. {then}",
            f"{program()} --run {run}{options}",
        )
    if saved:
        return (
            f"The run is not recorded. Until another one is left, it is kept, {where}. {then}",
            f"{program()} {shell_word(last_run())}{options}",
        )
    return (f"The run is gone, {where}: it could be neither recorded nor saved.",)


def tour_command(base: Mapping[str, Any], *, teaching: bool, options: str) -> str:
    """What to type to go on with the tour. base, teaching: as Lessons has them. options: what the
    command needs beside them, each after a space."""
    words = f"{program()} tour"
    path = base.get("dataset", {}).get("options", {}).get("path")
    if path is not None:
        words += f" --data {shell_word(path)}"
    if "seed" in base:
        words += f" --seed {base['seed']}"
    return words + (" --teach" if teaching else "") + options


STAYS = ("SIGCHLD", "SIGCLD", "SIGCONT", "SIGURG", "SIGWINCH", "SIGINFO", "SIGTSTP", "SIGTTIN",
         "SIGTTOU", "SIGSTOP", "SIGKILL")  # fmt: skip
"""The signals that by default do not end a process, and the one that nobody hears."""
FAULTS = ("SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL")
"""What the processor says of a fault in a library. The same instruction would fault again before
Python came to hear of the first."""


def ending_signals() -> list[int]:
    """The signals that end the process as it stands, and that can be heard. SIGTERM and SIGHUP are
    among them even if whoever started the process had it ignore them."""
    names = (*STAYS, *FAULTS)
    left_alone = {int(getattr(signal, name)) for name in names if hasattr(signal, name)}
    always = {int(getattr(signal, name, 0)) for name in ("SIGTERM", "SIGHUP")}
    return [
        int(number)
        for number in sorted(signal.valid_signals())
        if int(number) not in left_alone
        and (int(number) in always or signal.getsignal(number) is signal.SIG_DFL)
    ]


def on_signals(leave: Callable[[int], None]) -> None:
    """Leave in order, with the exit code 128 + n, on every signal n that would end the process. By
    default these signals would lose the run and leave the terminal in disorder.

    leave: called with the exit code.
    """
    loop = asyncio.get_running_loop()
    for number in ending_signals():
        # Handlers can be set in the main thread only, and not on every system.
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, leave, 128 + number)


SURELY = 3.0
"""Seconds after which the process ends, if leaving in order has not ended it."""
_LEAVING = "".join(f"\x1b[{code}" for code in (
    "?2004l", "?1000l", "?1003l", "?1015l", "?1006l", "<u", "?1049l", "?25h", "?1004l", "0m"
))  # fmt: skip
"""Pastes, mouse, keys, the other screen, the cursor, the focus, the colours: as before."""


def sure_leaving(titled: Callable[[], bool], seconds: float = SURELY) -> Callable[[int], None]:
    """leave_surely(code), which ends the process in `seconds` seconds with that exit code, whatever
    happens meanwhile, and gives the terminal back as it is now. titled: tells whether the terminal
    has a title or progress of ours by then.

    A terminal that is gone, or goes while the screen is taken down, keeps its driver waiting
    without end. Textual then never returns, and nothing else would end the process. On a machine
    that is very busy, taking the screen down in order may last too long as well.
    """
    before = _modes()

    def end(code: int) -> None:
        with contextlib.suppress(OSError):
            _give_back(before, _LEAVING + (codes_of_leaving() if titled() else ""))
        os._exit(code)

    def leave_surely(code: int) -> None:
        timer = threading.Timer(seconds, end, [code])
        timer.daemon = True
        timer.start()

    return leave_surely


def _modes() -> list[Any] | None:
    """How the terminal reads and echoes; None if there is no such terminal."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import termios

        with contextlib.suppress(termios.error):
            return termios.tcgetattr(sys.__stdin__.fileno()) if sys.__stdin__ else None
    return None


def _give_back(before: list[Any] | None, codes: str) -> None:
    """Write the codes that end the screen, and let the terminal read and echo as `before`. Nothing
    here waits for the terminal, which may be gone."""
    if before is None or sys.__stdin__ is None:
        return
    import termios

    place = sys.__stdin__.fileno()
    with contextlib.suppress(termios.error):
        termios.tcsetattr(place, termios.TCSANOW, before)
    os.set_blocking(place, False)
    with contextlib.suppress(OSError):
        os.write(place, codes.encode())
    os.set_blocking(place, True)
