"""Two runs side by side, each in a process of its own: in lock-step, or each flat out.

The files here run in the SCREEN's process, and know nothing of widgets: race.py holds two sides,
each with a Lab of its own, and state.py holds what the screen draws.
"""

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
