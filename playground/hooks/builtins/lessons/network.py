"""Lesson network: to be written."""

from __future__ import annotations

from playground.api import Lesson, Tell


def lesson() -> Lesson:
    """The lesson."""
    return Lesson("Network", [Tell("One."), Tell("Two.")])
