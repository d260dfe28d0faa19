"""A screen that answers whoever opened it, once."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from weakref import WeakSet

from textual.await_complete import AwaitComplete
from textual.timer import Timer
from textual.widget import Widget

Result = TypeVar("Result")

# Textual takes the styles of a class from the first of its bases that is a widget. This one is none
# when the playground runs, so that a modal screen keeps those of modal screens.
if TYPE_CHECKING:
    from textual.screen import Screen as _Base
else:
    _Base = Generic


class AnswersOnce(_Base[Result]):
    """Comes before the base of every screen that is left with an answer."""

    answered = False
    """True once the screen has answered; what it still hears is too late."""
    resting = False
    """True once nothing is to begin any more, because the screen is being taken away."""

    def dismiss(self, result: Result | None = None) -> AwaitComplete:
        """Answer once. A second key or click may be under way before the first is heard; a second
        answer would close the screen below."""
        if self.answered:
            return AwaitComplete()
        self.answered = True
        self.rest()
        self._widgets_drawn = tuple(self.walk_children(Widget))
        return super().dismiss(result)

    _widgets_drawn: Collection[Widget] = ()
    """The widgets at the time of the answer."""

    def on_unmount(self) -> Any:
        """Have each widget drop the lines that it drew; Textual calls this beside `on_unmount` of
        other classes. A cache of Textual's, over all widgets, keeps what draws them long after the
        screen has gone: a megabyte for each opening of the help, for a hundred openings or more."""
        for widget in self._widgets_drawn:
            widget.refresh()
        self._widgets_drawn = ()

    def rest(self) -> None:
        """End what the screen does in the background, workers and timers. Textual would end them
        only after it has taken away the widgets that the result is to be shown in."""
        self.resting = True
        self.workers.cancel_node(self)
        for timer in self._timers_set:
            timer.pause()  # one of them may have called this, so that none is stopped

    def set_timer(self, *args: Any, **options: Any) -> Timer:
        """As Textual has it."""
        return self._remembered(super().set_timer(*args, **options))

    def set_interval(self, *args: Any, **options: Any) -> Timer:
        """As Textual has it."""
        return self._remembered(super().set_interval(*args, **options))

    _timers_set: Collection[Timer] = ()

    def _remembered(self, timer: Timer) -> Timer:
        if not isinstance(self._timers_set, WeakSet):
            self._timers_set = WeakSet()
        self._timers_set.add(timer)
        return timer
