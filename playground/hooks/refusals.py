"""What pydantic refuses, in words: shared by the settings of a run and the knobs of plugins.

playground.api is not imported here: the screen's process reads settings without loading pluggy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

NUMBERS = {
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_type": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
}
"""Type of a pydantic error -> what the value must be."""
LIMITS = {
    "greater_than_equal": ("ge", "{} or more"),
    "less_than_equal": ("le", "{} or less"),
    "greater_than": ("gt", "above {}"),
    "less_than": ("lt", "below {}"),
}
"""Type of a pydantic error -> the name of the limit in its context, and the words around it."""


def limit(details: ErrorDetails, figure: Callable[[float], str] = str) -> str:
    """The limit that a value missed, as in "3 or more".

    details: of an error whose type is in LIMITS. figure: how the number is written.
    """
    key, words = LIMITS[details["type"]]
    context = details.get("ctx", {})
    return words.format(figure(context[key]) if key in context else "?")
