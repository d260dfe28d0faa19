"""Numbers in words, for the screen and the command line alike."""

from __future__ import annotations

_AGES = ((60, "s"), (3600, "min"), (86400, "h"), (7 * 86400, "d"), (365 * 86400, "wk"))
_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400, "wk": 7 * 86400}
_UNITS = ("", "k", "M", "G", "T", "P")


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
