"""Lesson slope: to be written."""

from __future__ import annotations

from playground.api import Lesson, Tell


def lesson() -> Lesson:
    """The lesson."""
    return Lesson("Slope", [Tell("One."), Tell("Two.")])
