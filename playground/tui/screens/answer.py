"""A screen that answers whoever opened it, once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from textual.await_complete import AwaitComplete

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

    def dismiss(self, result: Result | None = None) -> AwaitComplete:
        """Answer once. A second key or click may be under way before the first is heard; a second
        answer would close the screen below.

        What the screen does in the background ends here: Textual would end it only after it has
        taken away the widgets that the result is to be shown in.
        """
        if self.answered:
            return AwaitComplete()
        self.answered = True
        self.workers.cancel_node(self)
        return super().dismiss(result)
