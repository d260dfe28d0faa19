"""Two runs side by side, in a process each: in lock-step, or each as fast as it goes."""

from __future__ import annotations

from playground.lab.race.race import Race
from playground.lab.race.state import (
    Entrant,
    Gap,
    Place,
    RaceState,
    SamplePair,
    SideState,
    SideStatus,
)

__all__ = [
    "Entrant",
    "Gap",
    "Place",
    "Race",
    "RaceState",
    "SamplePair",
    "SideState",
    "SideStatus",
]
