"""Long work that is done piece by piece, between the commands and the steps of the loop."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from playground.lab.protocol.failures import Progress

TURN = 0.02
"""Seconds of work in one turn, one piece at least."""


@dataclass(slots=True)
class Job:
    """The work that a request asked for."""

    request: int
    kind: str
    """Of each kind there is one job at most."""
    stage: str
    """What is being done, in words."""
    work: Generator[tuple[int, int], None, Any]
    """Yields (done, total) after each piece, and returns the reply."""
    progress: Callable[[str, int, int], Progress] = Progress
    """Makes what is told of the work, of (stage, done, total)."""
    told: float = -1.0
    """When progress was told last."""


class Jobs:
    """The jobs under way, which take turns."""

    def __init__(self) -> None:
        self._waiting: deque[Job] = deque()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def put(self, job: Job) -> None:
        """Add a job. The caller drops the one of the same kind first."""
        self._waiting.append(job)

    def drop(self, kind: str) -> Job | None:
        """Remove the job of this kind, and return it; None if there is none."""
        for job in self._waiting:
            if job.kind == kind:
                self._waiting.remove(job)
                job.work.close()
                return job
        return None

    def next(self) -> Job:
        """The job whose turn it is; it goes to the end, until `drop`."""
        job = self._waiting[0]
        self._waiting.rotate(-1)
        return job


def turn(job: Job) -> Progress | None:
    """Do some pieces of the job, and say how far it is; None if that was told a moment ago.

    Raises StopIteration, with the reply, when the work is done, and what the work raises.
    """
    began = time.perf_counter()
    while True:
        done, total = next(job.work)
        now = time.perf_counter()
        if now - began >= TURN:
            break
    if now - job.told < 0.04:
        return None
    job.told = now
    return job.progress(job.stage, done, total)
