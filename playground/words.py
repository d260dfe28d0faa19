"""Numbers in words and numbers that are typed, for the screen and the command line alike."""

from __future__ import annotations

import re

_AGES = ((60, "s"), (3600, "min"), (86400, "h"), (7 * 86400, "d"), (365 * 86400, "wk"))
_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400, "wk": 7 * 86400}
_UNITS = ("", "k", "M", "G", "T", "P")
_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2}([,_][0-9]{3})+(\.[0-9]*)?")
_ONE_COMMA = re.compile(r"[+-]?[1-9][0-9]{0,2},[0-9]{3}")
_POINTS = re.compile(r"[+-]?[1-9][0-9]{0,2}(\.[0-9]{3})+")


def age(seconds: float) -> str:
    """Seconds as an age: "now", "40 s", "2 min", "3 d", "2 y"."""
    if seconds < 1:
        return "now"
    for end, unit in _AGES:
        if seconds < end:
            return f"{int(seconds // _SECONDS[unit])} {unit}"
    return f"{int(seconds // (365 * 86400))} y"


def short(count: int) -> str:
    """A count in three digits at most: 12,345 as "12.3k". The count is rounded down, so that
    999,999 of 1,000,000 steps do not look like all of them."""
    power = max(0, (len(str(count)) - 1) // 3)
    if power == 0 or power >= len(_UNITS):
        return f"{count:,}"
    whole = str(count // 1000**power)
    part = f"{count % 1000**power:0{3 * power}d}"[: 3 - len(whole)].rstrip("0")
    return f"{whole}.{part}{_UNITS[power]}" if part else f"{whole}{_UNITS[power]}"


def plus_minus(error: float | None, digits: int = 3) -> str:
    """A standard error behind its figure: " ± 0.012"; "" for None."""
    return "" if error is None else f" ± {error:.{digits}f}"


def number(value: float | None, digits: int = 3) -> str:
    """A loss with so many digits after the point; "" for None."""
    return "" if value is None else f"{value:.{digits}f}"


def size(count: int) -> str:
    """Bytes as people say them: "812 B", "1.4 MB"."""
    amount, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if amount < 1000 or unit == "TB":
            break
        amount /= 1000
    return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"


def many(count: int, word: str = "run") -> str:
    """A count with its noun: "1 run", "3 runs"."""
    return f"{count:,} {word}" + ("" if count == 1 else "s")


def about_seconds(seconds: float) -> str:
    """A time to come, roughly: "under 1 s", "about 12 s", "about 3 min"; "an unknown time" for
    nan."""
    if not seconds >= 0:
        return "an unknown time"
    if seconds < 1:
        return "under 1 s"
    if seconds < 100:
        return f"about {seconds:.0f} s"
    minutes = seconds / 60
    return f"about {minutes:.0f} min" if minutes < 100 else f"about {minutes / 60:.0f} h"


def replay_words(steps: int, seconds: float) -> str:
    """What a replay will take, before it is made."""
    return f"{many(steps, 'step')} to make again, {about_seconds(seconds)} at the present pace"


def read_number(text: str, *, whole: bool = False) -> int | float:
    """The number that a person typed: "0.03", "1e-3", "1_000", "1,000,000".

    whole: True where whole numbers are wanted; a whole number is then an int. A comma or an
    underscore is dropped only between groups of three digits, because 3 is not what "0,03" means. A
    number that half the world reads as another is refused: "1,500" as a rate, "1.500" as steps.
    Raises ValueError, whose text ends a sentence about it: "; write 0.03, with a point", or "" for
    what is no number at all.
    """
    plain = text.strip()
    if (_POINTS if whole else _ONE_COMMA).fullmatch(plain):
        raise ValueError(f"; write {_either(plain, whole)}")
    if _THOUSANDS.fullmatch(plain):
        plain = plain.replace(",", "").replace("_", "")
    elif "_" in plain:  # which Python drops wherever it stands
        raise ValueError
    if whole:
        try:
            return int(plain)
        except ValueError:
            pass  # it may be 1e3
    try:
        value = float(plain)
    except ValueError:
        raise ValueError(_with_a_point(plain, whole)) from None
    return int(value) if whole and value.is_integer() else value


def _either(text: str, whole: bool) -> str:
    """The ways in which a number with groups of three digits can be read."""
    joined = text.replace(",", "").replace(".", "")
    if text.count(".") > 1:
        return joined
    value = float(text.replace(",", "."))
    return joined if whole and not value.is_integer() else f"{joined} or {value:g}"


def _with_a_point(text: str, whole: bool) -> str:
    """The advice for a number with a decimal comma; "" for another text."""
    head, comma, tail = text.rpartition(",")
    written = f"{head.replace('.', '')}.{tail}"
    try:
        value = float(written) if comma else None
    except ValueError:
        value = None
    if value is None or (whole and not value.is_integer()):
        return ""
    return f"; write {value:.0f}" if whole else f"; write {written}, with a point"
