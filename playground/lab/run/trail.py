"""Which plugin is at work, in memory that outlives the process.

A process that a plugin ends with `os._exit`, or by a crash, cannot say so any more. The process
that supervises it reads here which plugin's code was running.
"""

from __future__ import annotations

import mmap

_SIZE = 512
_MOST = 255


class Trail:
    """Shared memory: the number of the work under way, and a text for each number. Make the Trail
    before the process forks; the child writes, the parent reads."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _SIZE * (_MOST + 1))
        self._known = 0

    def name(self, label: str, place: str, contribution: str) -> int:
        """A number for this kind of work; 0, which means none, if there are too many kinds."""
        if self._known == _MOST:
            return 0
        self._known += 1
        at = _SIZE * self._known
        data = "\0".join((contribution, place, label)).encode("utf-8", "replace")[:_SIZE]
        self._memory[at : at + len(data)] = data
        return self._known

    def at(self, number: int) -> None:
        """Note that this work is under way."""
        self._memory[0] = number

    def last(self) -> tuple[str, str, str] | None:
        """(label, place, contribution) of the work under way; None for our own work."""
        number = self._memory[0]
        if not number:
            return None
        data = self._memory[_SIZE * number : _SIZE * (number + 1)].rstrip(b"\0")
        contribution, place, label = (*data.decode("utf-8", "replace").split("\0"), "", "")[:3]
        return label, place, contribution
