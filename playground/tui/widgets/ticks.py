"""Round numbers along an axis, and how numbers are written there. Pure functions."""

from __future__ import annotations

import math


def nice_step(span: float, most: int) -> float:
    """The smallest of 1, 2, 5 times a power of ten that cuts `span` into at most `most` parts."""
    if not (span > 0 and math.isfinite(span)) or most < 1:
        return 1.0
    rough = span / most
    power = 10.0 ** math.floor(math.log10(rough))
    for multiple in (1, 2, 5):
        if multiple * power >= rough * (1 - 1e-9):
            return multiple * power
    return 10 * power


def linear_ticks(low: float, high: float, most: int, whole: bool = False) -> list[float]:
    """At most `most` + 1 round numbers from `low` to `high`; only whole ones if `whole`."""
    if not (high > low) or most < 1 or not math.isfinite(high - low):
        return [low] if low == high else []
    step = nice_step(high - low, most)
    if whole:
        step = max(1.0, step)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)] if last - first <= 1000 else []


def log_ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers from `low` to `high` (both above 0) that are spread over a log axis."""
    if not 0 < low < high < math.inf:
        return []
    decades = math.log10(high / low)
    if decades < 1:
        return linear_ticks(low, high, most)
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for multiples in ((1, 2, 5), (1, 3), (1,)):
        ticks = [m * 10.0**e for e in range(first, last + 1) for m in multiples]
        ticks = [tick for tick in ticks if low * 0.999999 <= tick <= high * 1.000001]
        if len(ticks) <= most + 1:
            return ticks
    every = -(-len(ticks) // max(1, most))
    return ticks[::every]


def tick_texts(ticks: list[float]) -> list[str]:
    """The ticks written with as many digits as each of them has; large ticks as 10k and 2M if few
    decimals are enough for that, the largest and the smallest as 1.5e-5."""
    if not ticks:
        return []
    largest = max(abs(tick) for tick in ticks)
    for limit, divisor, suffix in ((1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if 1e15 > largest >= limit:
            parts = [tick / divisor for tick in ticks]
            places = _places(parts, 2)
            if places is not None:
                return [f"{part + 0.0:.{places}f}{suffix}" if part else "0" for part in parts]
    plain = largest == 0 or 1e-4 <= largest < 1e15
    places = _places(ticks, 9) if plain else None
    if places is None:
        return _scientific(ticks)
    return [f"{tick + 0.0:.{places}f}" for tick in ticks]


def _places(numbers: list[float], most: int) -> int | None:
    """The fewest decimals that write all `numbers` as they are; None if that takes over `most`."""
    for places in range(most + 1):
        if all(_same(n, round(n, places)) for n in numbers):
            return places
    return None


def _scientific(numbers: list[float]) -> list[str]:
    """The numbers as 1.5e-5, each with the digits that the longest of them needs."""
    texts: list[str] = []
    for places in range(17):
        texts = [f"{n:.{places}e}" if n else "0" for n in numbers]
        if all(_same(n, float(text)) for n, text in zip(numbers, texts, strict=True)):
            break
    return [text.replace("e-0", "e-").replace("e+0", "e+") for text in texts]


def _same(number: float, written: float) -> bool:
    """True if the two differ by no more than arithmetic makes a round number differ from itself."""
    return abs(number - written) <= 1e-9 * abs(number)


def value_text(value: float, digits: int = 4) -> str:
    """A number read off a chart, with about so many significant digits, at most 4, and at most 9
    characters."""
    if not math.isfinite(value):
        return "nan" if value != value else ("∞" if value > 0 else "-∞")
    size = abs(value)
    if size and (size < 1e-3 or size >= 1e6):
        return f"{value:.{min(2, digits - 1)}e}"
    places = max(0, digits - (1 if size < 10 else 2 if size < 100 else 3 if size < 1000 else 4))
    return f"{value:.{places}f}"


def place_text(x: float) -> str:
    """A place on the x axis in writing: whole numbers in full, others with 4 digits."""
    return f"{x:.0f}" if x == round(x) and abs(x) < 1e15 else f"{x:.4g}"
