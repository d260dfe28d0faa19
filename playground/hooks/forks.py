"""What becomes of a process that a plugin forks with `os.fork`.

Such a process is a copy of ours, in the middle of our work: it has our pipes, our unwritten output
and our open record. Its plugin may use it, as multiprocessing does; it must not come back into our
code, where it would train and print a second time. The guards call `leave_if_forked` on their way
out of a plugin.
"""

from __future__ import annotations

import contextlib
import os
import signal

_forked = False


def note_forks(*descriptors: int, quiet: bool = False) -> None:
    """From now on, close these descriptors in each process that is forked off this one, so that
    the other end of a pipe hears of this process's end. quiet: what a forked process prints goes
    nowhere, and neither does what this process had printed and not yet written."""
    if not hasattr(os, "register_at_fork"):
        return

    def begin() -> None:
        global _forked
        if _forked:
            return
        _forked = True
        for descriptor in descriptors:
            with contextlib.suppress(OSError):
                os.close(descriptor)
        if quiet:
            with contextlib.suppress(OSError):
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, 1)
                os.close(null)

    os.register_at_fork(after_in_child=begin)


def leave_if_forked() -> None:
    """End this process if a plugin forked it."""
    if _forked:
        os._exit(0)


def end_own_group() -> None:
    """End all processes of this process's group, this one included, if this process leads it."""
    if os.name == "posix" and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
