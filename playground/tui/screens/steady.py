"""A guard against sizes that chase each other."""

from __future__ import annotations

from typing import Any

from textual import events
from textual.screen import Screen


def passed(screen: Screen[Any], event: events.Resize) -> bool:
    """Is this the size of a moment ago, and not the terminal's? Then it is laid aside.

    Laying out for a size makes a screen tell itself of that size. Two sizes under way at once,
    as when a window's edge is dragged, would answer each other without end. The app tells the
    last one in any case.
    """
    if event.size == screen.app.size:
        return False
    event.prevent_default()
    event.stop()
    return True
