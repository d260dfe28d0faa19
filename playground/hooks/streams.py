"""The standard streams of a command, kept from plugins that close or replace them at work.

A command prints by `sys.stdout`, which a plugin may set to None: the command would then print
nothing, and end as if all were well.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TextIO

_NAMES = ("stdout", "stderr")
_kept: dict[str, TextIO] = {}
_copies: dict[str, tuple[int, tuple[int, int]]] = {}
"""By stream: (a copy of its descriptor, what the descriptor leads to)."""
_output: TextIO | None = None


def keep() -> None:
    """Keep the streams as they are now."""
    global _output
    for number, name in enumerate(_NAMES, 1):
        _kept[name] = getattr(sys, name)
        with contextlib.suppress(OSError):
            _copies[name] = os.dup(number), _identity(number)
    _output = sys.stdout


def put_back() -> None:
    """Put the streams back if a plugin has replaced or closed one."""
    if _output is None or (sys.stdout is _output and not _output.closed):
        return
    for number, name in enumerate(_NAMES, 1):
        stream = _kept[name]
        if stream.closed and name in _copies:
            descriptor = _copies[name][0]
            os.dup2(descriptor, number)  # closing the stream has closed it
            stream = open(number, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
            _kept[name] = stream
        setattr(sys, name, stream)
    _note()


def _note() -> None:
    global _output
    _output = sys.stdout


def tampered() -> str:
    """What a plugin did to the descriptor of a stream, in words; "" if nothing. The descriptor is
    put back."""
    put_back()
    for number, name in enumerate(_NAMES, 1):
        copy, identity = _copies.get(name, (-1, (0, 0)))
        if copy < 0:
            continue
        with contextlib.suppress(OSError):
            if _identity(number) == identity:
                continue
        os.dup2(copy, number)
        which = "output" if name == "stdout" else "error"
        return f"a plugin closed or replaced standard {which}, and what was printed then is lost"
    return ""


def _identity(number: int) -> tuple[int, int]:
    status = os.fstat(number)
    return status.st_dev, status.st_ino
