"""Lesson surprise: to be written."""

from __future__ import annotations

from playground.api import Lesson, Tell


def lesson() -> Lesson:
    """The lesson."""
    return Lesson("Surprise", [Tell("One."), Tell("Two.")])
