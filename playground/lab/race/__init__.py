"""Two runs side by side, in a process each: in lock-step, or each as fast as it goes."""

from __future__ import annotations

from playground.lab.race.race import Race
from playground.lab.race.state import (
    AnswerPair,
    Entrant,
    Gap,
    Place,
    RaceProbes,
    RaceState,
    SamplePair,
    SideState,
    SideStatus,
)

__all__ = [
    "AnswerPair",
    "Entrant",
    "Gap",
    "Place",
    "Race",
    "RaceProbes",
    "RaceState",
    "SamplePair",
    "SideState",
    "SideStatus",
]
