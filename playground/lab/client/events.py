"""What a Lab tells its listener, and how long it waits for a worker."""

from __future__ import annotations

from dataclasses import dataclass

from playground.lab.protocol.commands import ActivityKind
from playground.lab.protocol.failures import Failure, Progress
from playground.lab.protocol.run import Reloaded, RunInfo, SavedPlugin
from playground.lab.protocol.sampling import Sampling

RESTARTING = Failure(
    "The training process is being restarted", "It will be back in a moment.", kind="dead"
)
"""The answer to every request between WorkerLost and WorkerBack."""
CLOSED_RUN = Failure("The run was closed", "Another one is open now.", kind="cancelled")


@dataclass(frozen=True, slots=True)
class Limits:
    """How long the screen waits for a worker, in seconds where no other unit is given."""

    plugin: float = 4.0
    """A plugin's code, without a sign of progress."""
    prepare: float = 60.0
    """A data set's `prepare`, which may wait for a network, without a call of progress."""
    engine: float = 600.0
    """One step of a plugin's engine."""
    writer: float = 900.0
    """A writer that waits for another machine; a person can give it up at any time."""
    silence: float = 4.0
    """No answer to a ping: even the thread that answers pings is stuck."""
    start: float = 30.0
    """Time to the first answer of a new process."""
    ping: float = 0.5
    """Time between two pings."""
    close: float = 0.8
    """Time in which a worker that is asked to end must begin to; after that it is killed."""
    write: float = 5.0
    """Further time to write what is left to be recorded, for a slow disk."""
    checkpoint: float = 0.5
    """Time between two checkpoints kept for recovery; more if they are costly."""
    share: float = 0.01
    """The largest share of a worker's time that checkpoints for recovery may cost."""
    largest: int = 64 << 20
    """Bytes of the largest state that the screen's process keeps for recovery. A run with a larger
    one is taken up again from its record, if it has one."""
    settle: float = 10.0
    """A recovered worker that dies sooner is not replaced again."""
    steady: float = 60.0
    """Time without trouble after which earlier deaths are forgotten."""
    deaths: int = 3
    """The number of deaths in a row after which the run stays down."""

    def patience(self, kind: ActivityKind) -> float:
        """How long one piece of work may go without a sign of progress."""
        if kind == "plugin":
            return self.plugin
        if kind == "prepare":
            return self.prepare
        if kind == "writer":
            return self.writer
        return self.engine if kind == "engine" else float("inf")


@dataclass(frozen=True, slots=True)
class OpenProgress:
    """How far the opening of a run is."""

    progress: Progress


@dataclass(frozen=True, slots=True)
class WorkerLost:
    """The worker of the open run died or hung; a fresh one is being started."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class WorkerBack:
    """The run is open again, in a fresh worker."""

    info: RunInfo
    step: int
    running: bool
    """True if the run trains on; False if it is paused."""
    note: str = ""
    """What is different from before, in a sentence; "" if nothing is."""
    sampling: Sampling | None = None
    """How the worker samples; None if as the worker before."""


@dataclass(frozen=True, slots=True)
class WorkerGone:
    """The worker was given up: the run stays down until it is opened again."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class PluginSaved:
    """A plugin's file was saved or removed, and the worker has taken the change over or refused
    it."""

    saved: SavedPlugin
    reloaded: Reloaded
    sampling: Sampling | None = None
    """How the worker samples; None if as before the change."""


@dataclass(frozen=True, slots=True)
class PluginsUnwatched:
    """Plugin files are no longer watched: a change takes effect at the next start."""

    reason: str


LabEvent = OpenProgress | WorkerLost | WorkerBack | WorkerGone | PluginSaved | PluginsUnwatched
