"""Takes values that somebody else may have written: each is what it must be, or is refused.

Checkpoints, run files, the store and configuration files hold JSON and numbers, and anybody may
have written these. What is wrong with a value is said by one error, `Refusal`, in a clause that
names the value. The limits hold before a text is parsed: a small file cannot take much memory.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

LONGEST = 16 << 20
"""Characters of the longest JSON text; the largest vocabularies of real tokenizers need less."""
MOST_VALUES = 1_000_000
"""Values and keys in one JSON text: about a hundred megabytes of memory."""
DEEPEST = 100
"""Brackets within brackets; Python itself gives up at about a thousand."""
LARGEST = 2**53
"""The largest whole number, which a float still holds exactly."""
_DIGITS = 40
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_NO_BRACKET = re.compile(r"[^][{}]+")


class Refusal(ValueError):
    """A value that this program never writes; the text names it and says what is wrong with it."""


def parsed(
    text: object,
    name: str,
    *,
    most: int = LONGEST,
    values: int = MOST_VALUES,
    nan: bool = False,
) -> Any:
    """The value of a JSON text of at most so many characters and values. nan: take NaN and Infinity
    too, as losses may be. Raises Refusal for other text, and for text that is too deep or has a key
    twice in an object."""
    if not isinstance(text, str):
        raise Refusal(f"{name} is {shown(text)}, not a text")
    if len(text) > most:
        raise Refusal(f"{name} has {len(text):,} characters; {most:,} are the most")
    keys = _keys_in(text, name, values)

    def constant(word: str) -> float:
        if not nan:
            raise Refusal(f"{name} holds {word}, which is no number")
        return float(word)

    def decimal(digits: str) -> float:
        value = float(digits)
        if math.isinf(value):
            raise Refusal(f"{name} holds {_cut(digits)}, which is too large")
        return value

    def integer(digits: str) -> int:
        if len(digits) > _DIGITS:
            raise Refusal(f"{name} holds a number of {len(digits):,} digits")
        return int(digits)

    try:
        value = json.loads(text, parse_constant=constant, parse_float=decimal, parse_int=integer)
    except Refusal:
        raise
    except (ValueError, RecursionError) as error:
        raise Refusal(f"{name} is not JSON ({error})") from None
    if keys and keys != _keys_of(value):
        raise Refusal(f"{name} holds a key twice")
    return value


def _keys_in(text: str, name: str, values: int) -> int:
    """How many keys the objects of a JSON text have, equal keys counted too. Raises Refusal for a
    text of too many values or of too great a depth; little memory is taken until then."""
    marks = text.count('"') - text.count('\\"')  # at least one begins each string
    outside = _STRING.sub("", text) if marks <= 4 * values else ""
    opened, keys = outside.count("[") + outside.count("{"), outside.count(":")
    if marks > 4 * values or opened + keys + outside.count(",") > values:
        raise Refusal(f"{name} holds more than {values:,} values")
    if opened > DEEPEST:
        depth = 0
        for bracket in _NO_BRACKET.sub("", outside):
            depth += 1 if bracket in "[{" else -1
            if depth > DEEPEST:
                raise Refusal(f"{name} is nested more than {DEEPEST} deep")
    return keys


def _keys_of(value: Any) -> int:
    """How many keys the objects in a value have."""
    count, left = 0, [value]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            count += len(one)
            one = one.values()
        elif not isinstance(one, list):
            continue
        left += [inner for inner in one if type(inner) is list or type(inner) is dict]
    return count


# ---------------------------------------------------------------- single values


def whole(value: object, name: str, least: int = 0, most: int = LARGEST) -> int:
    """The value, a whole number within these limits; True is none. Raises Refusal."""
    if type(value) is not int or not least <= value <= most:
        wanted = f"a whole number from {least:,} to {most:,}"
        raise Refusal(f"{name} is {shown(value)}, not {wanted}")
    return value


def number(
    value: object, name: str, least: float = -math.inf, most: float = math.inf, *, nan: bool = False
) -> float:
    """The value as a float within these limits. nan: take NaN and infinities too. Raises
    Refusal."""
    if type(value) not in (int, float):
        raise Refusal(f"{name} is {shown(value)}, not a number")
    try:
        found = float(value)  # type: ignore[arg-type]
    except OverflowError:
        found = math.inf
    if nan and not math.isfinite(found):
        return found
    if not math.isfinite(found) or not least <= found <= most:
        raise Refusal(f"{name} is {shown(value)}, which cannot be")
    return found


def written_whole(text: object, name: str, least: int = 0, most: int = LARGEST) -> int:
    """The whole number that a text of decimal digits writes. Raises Refusal."""
    if isinstance(text, str) and text.isascii() and text.isdecimal() and len(text) <= _DIGITS:
        return whole(int(text), name, least, most)
    raise Refusal(f"{name} is {shown(text)}, not a whole number from {least:,} to {most:,}")


def text_of(value: object, name: str, most: int = LONGEST) -> str:
    """The value, a text of at most so many characters. Raises Refusal."""
    if not isinstance(value, str):
        raise Refusal(f"{name} is {shown(value)}, not a text")
    if len(value) > most:
        raise Refusal(f"{name} has {len(value):,} characters; {most:,} are the most")
    return value


def name_of(value: object, name: str, most: int = 10_000) -> str:
    """The value, a text of at least one character that UTF-8 can hold. Raises Refusal."""
    found = text_of(value, name, most)
    if not found:
        raise Refusal(f"{name} is empty")
    try:
        found.encode()
    except UnicodeEncodeError:
        raise Refusal(f"{name} is {shown(value)}, which is no Unicode text") from None
    return found


def flag(value: object, name: str) -> bool:
    """The value, True or False. Raises Refusal."""
    if not isinstance(value, bool):
        raise Refusal(f"{name} is {shown(value)}, not true or false")
    return value


def items(value: object, name: str, most: int = MOST_VALUES) -> list[Any]:
    """The value, a list of at most so many items. Raises Refusal."""
    if not isinstance(value, list):
        raise Refusal(f"{name} is {shown(value)}, not a list")
    if len(value) > most:
        raise Refusal(f"{name} has {len(value):,} items; {most:,} are the most")
    return value


def fields(value: object, name: str, *needed: str) -> dict[str, Any]:
    """The value, an object with at least these fields. Raises Refusal."""
    if not isinstance(value, dict):
        raise Refusal(f"{name} is {shown(value)}, not an object")
    for field in needed:
        if field not in value:
            raise Refusal(f"{name} has no {field!r}")
    return value


def shown(value: object) -> str:
    """A value in few words, however large it is."""
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int) and abs(value) > 10**_DIGITS:
        return "a number without end"
    return _cut(repr(value[:60] if isinstance(value, str) else value))


def _cut(text: str, most: int = 40) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
