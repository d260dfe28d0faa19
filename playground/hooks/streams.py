"""The standard streams of a command, kept from plugins that close or replace them at work.

A command prints by `sys.stdout`, which a plugin may set to None: the command would then print
nothing, and end as if all were well.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TextIO

_NAMES = ("stdout", "stderr")
_kept: dict[str, TextIO] = {}
"""The streams to put back; empty where none are kept."""
_copies: dict[str, tuple[int, tuple[int, int]]] = {}
"""By stream: (a copy of its descriptor, what the descriptor leads to)."""


def keep() -> None:
    """Keep the streams as they are now. Only for a process that is a command and nothing else."""
    for number, name in enumerate(_NAMES, 1):
        _kept[name] = getattr(sys, name)
        with contextlib.suppress(OSError):
            _copies[name] = os.dup(number), _identity(number)


@contextlib.contextmanager
def kept_otherwise() -> Iterator[None]:
    """Keep the streams as they are now until the block ends, in which a command has exchanged
    them itself."""
    before = dict(_kept)
    if before:
        _kept.update({name: getattr(sys, name) for name in _NAMES})
    try:
        yield
    finally:
        _kept.update(before)


def put_back() -> None:
    """Put the streams back if a plugin has replaced or closed one."""
    if not _kept or (sys.stdout is _kept["stdout"] and not sys.stdout.closed):
        return
    for number, name in enumerate(_NAMES, 1):
        stream = _kept[name]
        if stream.closed and name in _copies:  # which has closed the descriptor as well
            os.dup2(_copies[name][0], number)
            stream = open(  # noqa: SIM115
                number, "w", encoding=stream.encoding, errors="backslashreplace", closefd=False
            )
            _kept[name] = stream
        setattr(sys, name, stream)


def tampered() -> str:
    """What a plugin did to the descriptor of a stream, in words; "" if nothing. The descriptor is
    put back."""
    put_back()
    told = ""
    for number, name in enumerate(_NAMES, 1):
        copy, identity = _copies.get(name, (-1, (0, 0)))
        if copy < 0:
            continue
        with contextlib.suppress(OSError):
            if _identity(number) == identity:
                continue
        os.dup2(copy, number)
        which = "output" if name == "stdout" else "error"
        told = told or f"a plugin closed or replaced standard {which}, and what was printed is lost"
    return told


def _identity(number: int) -> tuple[int, int]:
    status = os.fstat(number)
    return status.st_dev, status.st_ino
