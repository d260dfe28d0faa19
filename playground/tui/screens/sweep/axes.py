"""The axes of the parallel coordinates: where a value stands. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from playground.tui.widgets.parallel import Axis
from playground.tui.widgets.text import visible

LISTED = 12
"""The most values of an axis on which each has a tick of its own."""
LOSS = "loss"


def axis_of(
    name: str, texts: Sequence[str], on_log_scale: Callable[[str, float, float], bool]
) -> tuple[Axis, Mapping[str, float]]:
    """The axis of a setting, and where each value stands on it, 0 to 1.

    Few values stand at equal distances, numbers by size and words in their order. Many numbers
    stand on a scale, logarithmic where `on_log_scale` says so of (name, lowest, highest).
    """
    values = list(dict.fromkeys(text for text in texts if text))
    numbers = [_number(text) for text in values]
    numeric = bool(values) and all(number is not None for number in numbers)
    known = [number for number in numbers if number is not None]
    if numeric and len(values) > LISTED:
        return _scale(name, values, known, on_log_scale)
    if numeric:
        values = [text for _, text in sorted(zip(known, values, strict=True))]
    last = max(1, len(values) - 1)
    places = {text: number / last if len(values) > 1 else 0.5 for number, text in enumerate(values)}
    ticks = tuple((place, visible(text)) for text, place in places.items())
    return Axis(visible(name), ticks), places


def _scale(
    name: str,
    values: Sequence[str],
    numbers: Sequence[float],
    on_log_scale: Callable[[str, float, float], bool],
) -> tuple[Axis, Mapping[str, float]]:
    low, high = min(numbers), max(numbers)
    logarithmic = on_log_scale(name, low, high)
    to: Callable[[float], float] = math.log if logarithmic else float
    start, span = to(low), (to(high) - to(low)) or 1.0

    def text_at(place: float) -> str:
        value = start + place * span
        return f"{math.exp(value) if logarithmic else value:.3g}"

    places = {text: (to(one) - start) / span for text, one in zip(values, numbers, strict=True)}
    ticks = ((0.0, f"{low:.3g}"), (1.0, f"{high:.3g}"))
    return Axis(visible(name), ticks, text_at), places


def loss_axis(losses: Sequence[float | None]) -> tuple[Axis, list[float]]:
    """The axis of the losses, and where each run stands on it; NaN for one without a loss."""
    known = [loss for loss in losses if loss is not None]
    if not known:
        return Axis(LOSS, ()), [math.nan] * len(losses)
    low, high = min(known), max(known)
    span = (high - low) or 1.0

    def text_at(place: float) -> str:
        return f"{low + place * span:.4f}"

    ticks = ((0.0, f"{low:.3f}"), (1.0, f"{high:.3f}")) if high > low else ((0.5, f"{low:.3f}"),)
    middle = 0.5 if high == low else 0.0
    places = [math.nan if loss is None else middle + (loss - low) / span for loss in losses]
    return Axis(LOSS, ticks, text_at), places


def placed(places: Mapping[str, float], text: str) -> float:
    """Where a value stands; NaN if the run has none."""
    return places.get(text, math.nan)


def _number(text: str) -> float | None:
    try:
        value = float(text.replace(",", "").replace("_", ""))
    except ValueError:
        return None
    return value if math.isfinite(value) else None
