"""A text field whose value is only shown, and never read as markup."""

from __future__ import annotations

from typing import Any

from textual.widgets import Input

from playground.tui.widgets.gate import Literal


class LiteralInput(Input):
    """An Input whose value may be of others, as the name of a run from a file: see Literal."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.highlighter = Literal(self)
