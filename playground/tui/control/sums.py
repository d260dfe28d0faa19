"""A number that is typed as a sum: whoever is asked for e^-3.75 should not have to leave for a
calculator."""

from __future__ import annotations

import math
import re

from playground.words import read_number

FUNCTIONS = {"ln": math.log, "log": math.log, "exp": math.exp}
"""All logarithms are natural here."""
NAMES = (*FUNCTIONS, "e")
SIGNS = frozenset("+-*/^()")
_PIECE = re.compile(
    r"\s*(?:(?P<number>[0-9][0-9.,_]*(?:e[+-]?[0-9]+)?|\.[0-9]+(?:e[+-]?[0-9]+)?)"
    r"|(?P<name>ln|log|exp|e)|(?P<sign>[-+*/^()]))"
)
_ADVICE = "; a sum is written as 2/3, ln 5 or e^-2"
_OPEN = 50
"""Brackets and signs that may be open at once."""


def is_a_sum(text: str) -> bool:
    """True if the text is more than a number."""
    try:
        read_number(text)
    except ValueError:
        return any(sign in text for sign in SIGNS) or text[:1].isalpha()
    return False


def goes_on(text: str, character: str) -> bool:
    """True if the character can go on with the text: a name is typed letter by letter, as "l",
    "ln"; a blank stands behind a name alone, because it is a key of the run elsewhere."""
    tail = re.search(r"[a-z]*$", text)
    letters = tail.group() if tail else ""
    if character == " ":
        return letters in FUNCTIONS
    return any(name.startswith(letters + character) for name in NAMES)


def reckon(text: str) -> float:
    """The value of "0.5", "1,000", "6082/31065", "ln 27", "-ln(1/27)", "e^-3.75".

    Raises ValueError, whose text ends a sentence about it, as that of `read_number` does.
    """
    plain = text.strip()
    if not is_a_sum(plain):
        return float(read_number(plain))
    sum_ = _Sum(_pieces(plain))
    try:
        value = sum_.whole()
    except (ZeroDivisionError, OverflowError):
        raise ValueError from None
    if not math.isfinite(value):
        raise ValueError
    return value


def _pieces(text: str) -> list[str | float]:
    pieces: list[str | float] = []
    at = 0
    while at < len(text):
        found = _PIECE.match(text, at)
        if found is None:
            raise ValueError(_ADVICE)
        number = found["number"]
        pieces.append(float(read_number(number)) if number else found["name"] or found["sign"])
        at = found.end()
    return pieces


class _Sum:
    """Reads pieces from the left: first + and -, then * and /, then ^ from the right."""

    def __init__(self, pieces: list[str | float]) -> None:
        self._left = pieces[::-1]
        self._open = 0

    def whole(self) -> float:
        value = self._added()
        if self._left:
            raise ValueError(_ADVICE)
        return value

    def _next(self, *wanted: str) -> str:
        """Take the next piece if it is one of these; "" if it is not."""
        if self._left and self._left[-1] in wanted:
            return str(self._left.pop())
        return ""

    def _added(self) -> float:
        value = self._multiplied()
        while sign := self._next("+", "-"):
            value += self._multiplied() * (1 if sign == "+" else -1)
        return value

    def _multiplied(self) -> float:
        value = self._signed()
        while sign := self._next("*", "/"):
            other = self._signed()
            value = value * other if sign == "*" else value / other
        return value

    def _signed(self) -> float:
        self._open += 1
        if self._open > _OPEN:
            raise ValueError(_ADVICE)
        sign = self._next("+", "-")
        value = self._signed() * (-1 if sign == "-" else 1) if sign else self._power()
        self._open -= 1
        return value

    def _power(self) -> float:
        base = self._atom()
        if not self._next("^"):
            return base
        value = base ** self._signed()
        if isinstance(value, complex):
            raise ValueError("; there is no real root of a number below 0")
        return float(value)

    def _atom(self) -> float:
        if self._next("("):
            value = self._added()
            if not self._next(")"):
                raise ValueError(_ADVICE)
            return value
        if name := self._next(*FUNCTIONS):
            value = self._atom() if self._left[-1:] == ["("] else self._signed()
            if value <= 0 and FUNCTIONS[name] is math.log:
                raise ValueError("; only what is above 0 has a logarithm")
            return FUNCTIONS[name](value)
        if self._next("e"):
            return math.e
        if self._left and isinstance(self._left[-1], float):
            return float(self._left.pop())
        raise ValueError(_ADVICE)
