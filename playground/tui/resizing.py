"""A terminal that has another size: a screen is laid out once, by the classes of the new size, and
is shown when its contents have been drawn for their new room.

Textual lays a screen out by the classes of the old size first, paints that, and changes the classes
then; the contents are drawn a third time when they hear of their room. On their own, these would be
three pictures, of which the first two mix the old layout with the new.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from textual import events
from textual.geometry import Size
from textual.messages import Update
from textual.screen import Screen

LONGEST = 0.8
"""Seconds after which the screen is shown in any case."""


def passed(screen: Screen[Any], event: events.Resize) -> bool:
    """True if a resize tells of a size that the terminal has no more; the event is stopped then.
    Otherwise the screen gets the classes of its new size, before Textual lays it out.

    A screen that lays itself out for a size sends itself that size. Two sizes under way at once, as
    when a window's edge is dragged, would answer each other without end. The app sends the
    terminal's last size in any case.
    """
    if event.size == screen.app.size:
        classify(screen, event.size)
        return False
    event.prevent_default()
    event.stop()
    return True


def classify(screen: Screen[Any], size: Size) -> None:
    """Give the screen the classes that its breakpoints name for the size.

    The app does so as soon as it hears of a size: what a screen had to lay out anyway, it lays out
    for the new size, before it hears of that itself.
    """
    classes = {
        **_classes(size.width, screen.HORIZONTAL_BREAKPOINTS or ()),
        **_classes(size.height, screen.VERTICAL_BREAKPOINTS or ()),
    }
    if classes:
        screen.update_classes(classes, animate=False)


def _classes(length: int, breakpoints: Sequence[tuple[int, str]]) -> dict[str, bool]:
    """Which of the classes a screen of that many cells has: that of the last breakpoint it
    reaches."""
    reached = max((one for one in breakpoints if length >= one[0]), default=None)
    return {name: (at, name) == reached for at, name in breakpoints}


class Held:
    """Holds back what a screen paints, from a resize on until its contents are drawn."""

    def __init__(self, screen: Screen[Any], *, starting: bool = False) -> None:
        """starting: hold nothing back before `start`. While an app starts, Textual holds back the
        pictures itself, and what is released meanwhile would never be painted."""
        self._screen = screen
        self._starting = starting
        self._stack: ExitStack | None = None
        self._laid_out = False
        self._size: Size | None = None
        """The size that is waited for; None before the screen hears of it."""

    @property
    def holding(self) -> bool:
        """True while nothing is painted."""
        return self._stack is not None

    def start(self) -> None:
        """Hold back what is painted after a resize from now on."""
        self._starting = False

    def begin(self) -> None:
        """Paint nothing, and lay nothing out for the old size, from now on: the terminal has
        another size, of which the screen hears in a moment."""
        if self._starting:
            return
        if self._stack is None:
            self._stack = ExitStack()
            self._stack.enter_context(self._screen.app.batch_update())
            self._screen.set_timer(LONGEST, self._release)
        self._laid_out, self._size = False, None

    def until(self, draw: Callable[[], None], size: Size) -> None:
        """Paint nothing until the screen is laid out for `size` and `draw` has drawn the contents;
        see `drawn`. The screen hears of one size more than once, and is drawn once all the same."""
        if self._starting:
            self._screen.call_after_refresh(draw)
            return
        if self._stack is not None and size == self._size:
            return
        self.begin()
        self._size = size

        def draw_in_new_room() -> None:
            self._laid_out = size == self._size  # not if there is another size by now
            draw()

        # Ahead of the paint that Textual makes of every layout, also of one that is held back: what
        # that paint makes of the contents is kept for the picture that is shown.
        self._screen.call_later(draw_in_new_room)

    def drawn(self, more: bool = False) -> None:
        """The contents were drawn. more: the rest was asked for, and is drawn in a moment."""
        if self._stack is not None and self._laid_out and not more:
            self._screen.call_later(self._release)

    def _release(self) -> None:
        """Paint all that was held back, in one picture: the whole screen counts as changed before
        the contents are laid out once more."""
        stack, self._stack = self._stack, None
        if stack is not None:
            self._screen.post_message(Update(self._screen))
            stack.close()
