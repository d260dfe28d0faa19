"""Where a run is recorded, and how that goes."""

from __future__ import annotations

from dataclasses import dataclass

from playground.lab.protocol.outcomes import Failure

AGAIN = 10.0
"""Seconds after which a store that could not be written is tried again, while a run is open."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What the worker is to record a run as."""

    store: str
    """Path of the store's file."""
    run: int | None = None
    """Go on with this recorded run; None for a new one, which is made with its first step."""
    at: int | None = None
    """Where to stand in a recorded run; where it stood last, if None."""
    parent: int | None = None
    """The new run is a fork of this one, and is made at once."""
    fork_step: int | None = None
    """The step after which it differs from its parent."""
    name: str = ""
    worker: int | None = None
    """Go on with the run that this process had open when it died, in place of `run`, if that is
    in the store; from the checkpoint that is opened, if that knows more than the record."""
    looking: bool = False
    """Leave the recorded run as it is: it may be open elsewhere. Training it further makes a fork
    of it, and nothing else does."""


@dataclass(frozen=True, slots=True)
class RecordState:
    """How the recording of the open run stands."""

    run: int | None
    """Its number in the store; None as long as there is nothing to record."""
    uid: str = ""
    name: str = ""
    parent: int | None = None
    fork_step: int | None = None
    pending: bool = False
    """It is being made: its number is known in a moment."""
    trouble: Failure | None = None
    """Why it is not recorded just now; training goes on all the same."""
