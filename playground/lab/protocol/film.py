"""The film strip: the same texts of a run again and again, with the same dice, from gibberish on.

A row stands after the steps that `has_row` names, whatever the run, its pace and its engine, so
that two runs have rows at the same steps.
"""

from __future__ import annotations

from dataclasses import dataclass

from playground.lab.protocol.failures import Failure

TEXTS = 3
"""Texts of a row: as many as stand side by side, whole, in 200 columns."""
MOST_TOKENS = 48
"""Tokens of a text at most, the one that ends it included."""
END, CUT = "·", "…"
_SPACING = ((100, 5), (1_000, 50), (10_000, 500))
"""(step, steps between two rows before that step)."""
_LAST_SPACING = 5_000


@dataclass(frozen=True, slots=True)
class FilmText:
    """One text of a row, without a prompt."""

    text: str
    ended: bool
    """True if the model ended the text; False if the text was cut at MOST_TOKENS, or at the end of
    the context."""

    @property
    def sign(self) -> str:
        """What stands behind the text: the sign of the token that ends a text, or that of a cut."""
        return END if self.ended else CUT


@dataclass(frozen=True, slots=True)
class FilmRow:
    """What the model wrote after `step` steps."""

    step: int
    texts: tuple[FilmText, ...]
    note: str = ""
    """Why there are no texts, in words; "" if there are."""


@dataclass(frozen=True, slots=True)
class FilmFrame:
    """What is new of a film strip, for the screen."""

    since: int
    """`FrameRequest.film_since` of the request."""
    rows: tuple[FilmRow, ...]
    """In the order in which they were written."""
    count: int
    """How many rows were written so far: `FrameRequest.film_since` of the next request."""
    waiting: int = 0
    """Rows whose weights are kept, and whose texts are still to be written."""
    trouble: Failure | None = None
    """Why no more rows are written; None if they are."""


def next_row(step: int) -> int:
    """The first step after `step` that has a row."""
    spacing = next((every for end, every in _SPACING if step < end), _LAST_SPACING)
    return step - step % spacing + spacing


def has_row(step: int) -> bool:
    """True if a row stands after this step: after 0, then every 5 steps up to 100, every 50 up to
    1,000, every 500 up to 10,000, and every 5,000 from there on."""
    return step == 0 or (step > 0 and next_row(step - 1) == step)
