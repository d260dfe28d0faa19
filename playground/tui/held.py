"""A driver of Textual whose columns stand on every terminal."""

from __future__ import annotations

from textual.driver import Driver

from playground.widths import held


def holding_columns(kind: type[Driver]) -> type[Driver]:
    """The driver, which keeps a column where it is though terminals differ about the text before.

    All that the screen draws passes here as its last place, whichever widget drew it.
    """

    class HoldingDriver(kind):  # type: ignore[misc, valid-type]
        def write(self, data: str) -> None:
            super().write(held(data))

    return HoldingDriver
