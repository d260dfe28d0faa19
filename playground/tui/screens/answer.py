"""A screen that answers whoever opened it, once."""

from __future__ import annotations

from typing import Generic, TypeVar

from textual.await_complete import AwaitComplete
from textual.screen import Screen
from typing_extensions import override

Result = TypeVar("Result")


class AnswersOnce(Screen[Result], Generic[Result]):
    """The base of every screen that is left with an answer."""

    answered = False
    """True once the screen has answered; what it still hears is too late."""

    @override
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
