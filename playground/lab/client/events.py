"""What a Lab tells its listener, what it raises, and how patient it is."""

from __future__ import annotations

from dataclasses import dataclass

from playground.lab.protocol.commands import ActivityKind
from playground.lab.protocol.failures import Failure, Progress
from playground.lab.protocol.run import Reloaded, RunInfo, SavedPlugin

RESTARTING = Failure(
    "The training process is being restarted", "It will be back in a moment.", kind="dead"
)
"""What is answered between WorkerLost and WorkerBack."""
CLOSED_RUN = Failure("The run was closed", "Another one is open now.", kind="cancelled")


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a worker may take, in seconds, before it is given up."""

    plugin: float = 4.0
    """A plugin's code, without a sign of progress."""
    prepare: float = 60.0
    """A data set's `prepare`, which may wait for a network, without calling progress."""
    engine: float = 600.0
    """One step of a plugin's engine."""
    silence: float = 4.0
    """No answer to a ping: not even the thread that answers them can run."""
    start: float = 30.0
    """Until the first answer of a new process."""
    ping: float = 0.5
    """Between two pings."""
    close: float = 0.8
    """Until a worker that is asked to end begins to; then it is ended."""
    write: float = 5.0
    """To write what is left to be recorded, at the end; a slow disk may need that."""
    checkpoint: float = 2.0
    """Between two checkpoints kept for recovery; more if they are costly."""
    share: float = 0.01
    """Of a worker's time, the most that those checkpoints may cost."""
    settle: float = 10.0
    """A recovered worker that dies sooner is not recovered again."""
    steady: float = 60.0
    """After so long without trouble, earlier deaths are forgotten."""
    deaths: int = 3
    """So many deaths in a row, and the run stays down."""

    def patience(self, kind: ActivityKind) -> float:
        """How long one piece of work may go without a sign of progress."""
        if kind == "plugin":
            return self.plugin
        if kind == "prepare":
            return self.prepare
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
    """It trains on; otherwise it is paused."""
    note: str = ""
    """What is different now, if anything, in a sentence."""


@dataclass(frozen=True, slots=True)
class WorkerGone:
    """It was given up: the run stays down until it is opened again."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class PluginSaved:
    """A plugin's file was saved, or is gone, and the worker has done what it could with it."""

    saved: SavedPlugin
    reloaded: Reloaded


@dataclass(frozen=True, slots=True)
class PluginsUnwatched:
    """Plugin files are not followed any more: a change is seen at the next start."""

    reason: str


LabEvent = OpenProgress | WorkerLost | WorkerBack | WorkerGone | PluginSaved | PluginsUnwatched
