"""Numbers on a slider's track: where a value lies, what its neighbours are, how it is written.

Pure functions over a frozen `Track`, so that they are tested without a screen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Scale = Literal["linear", "log"]


@dataclass(frozen=True)
class Track:
    """The values a slider runs through, `minimum` to `maximum` inclusive."""

    minimum: float
    maximum: float
    step: float
    """Linear: the distance of two stops. Log: decades from one stop to the next (0.1 = ten)."""
    scale: Scale = "linear"
    integer: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.minimum) and math.isfinite(self.maximum)):
            raise ValueError("minimum and maximum must be finite numbers")
        if self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum:g} is above maximum {self.maximum:g}")
        if not self.step > 0:
            raise ValueError(f"step must be above 0, not {self.step:g}")
        if self.scale == "log" and self.minimum <= 0:
            raise ValueError(f"a log scale starts above 0, not at {self.minimum:g}")

    def clamp(self, value: float) -> float:
        """The value nearest to `value` that lies on the track."""
        return min(max(value, self.minimum), self.maximum)

    def fraction(self, value: float) -> float:
        """Where `value` lies along the track, 0..1 (0 for a track of one value)."""
        low, high, at = self.minimum, self.maximum, self.clamp(value)
        if self.scale == "log":
            low, high, at = math.log10(low), math.log10(high), math.log10(at)
        return (at - low) / (high - low) if high > low else 0.0

    def at(self, fraction: float) -> float:
        """The stop nearest to `fraction` (0..1) of the way along."""
        fraction = min(max(fraction, 0.0), 1.0)
        if fraction in (0.0, 1.0):
            return self.maximum if fraction else self.minimum
        if self.scale == "log":
            low, high = math.log10(self.minimum), math.log10(self.maximum)
            return self._stop(round((low + (high - low) * fraction) / self.step))
        span = self.maximum - self.minimum
        return self._stop(round(span * fraction / self.step))

    def move(self, value: float, steps: int) -> float:
        """The stop `steps` stops beyond `value`, which may lie between two stops."""
        if self.scale == "log":
            position = math.log10(self.clamp(value)) / self.step
        else:
            position = (self.clamp(value) - self.minimum) / self.step
        # Written values are rounded, so a stop may sit a hair beside its place on the grid.
        slack = 0.06 if self.scale == "log" else 1e-6
        nearest = round(position)
        if abs(position - nearest) > slack:
            nearest = math.floor(position) if steps > 0 else math.ceil(position)
        moved, one = self._stop(nearest + steps), 1 if steps > 0 else -1
        # Stops may be so near each other that they round to one number, and a rounded stop may
        # lie on the wrong side of a value that is no stop.
        for further in range(1, 20):
            if (moved - value) * one > 0 or self.integer:
                break
            moved = self._stop(nearest + steps + one * further)
        if self.integer and moved == value:
            moved = self.clamp(value + one)
        return moved

    def press(self, value: float, steps: int, neutral: float | None) -> float:
        """The value after an arrow key: as `move`, but a neutral value beyond an end is one stop
        more at that end."""
        if self.clamp(value) != value:  # it is that neutral value
            upward = value < self.minimum
            end = self.minimum if upward else self.maximum
            return end if upward == (steps > 0) else value
        if neutral is not None and self.clamp(neutral) != neutral:
            end = self.minimum if neutral < self.minimum else self.maximum
            if value == end and (neutral < end) == (steps < 0):
                return neutral
        return self.move(value, steps)

    def _stop(self, index: int) -> float:
        if self.scale == "log":
            # Two significant digits: 0.01, 0.013, 0.016, 0.02 ... can be said aloud.
            exponent = min(max(index * self.step, -300.0), 300.0)
            value = float(f"{10**exponent:.1e}")
        else:
            value = round(self.minimum + index * self.step, decimals_of(self.step) + 6)
        return self.clamp(float(round(value)) if self.integer else value)

    def text(self, value: float) -> str:
        """`value` as it is written beside the track: with the decimals of the step, or with more if
        a typed value needs more."""
        if self.integer:
            return f"{value:.0f}"
        if self.scale == "log":
            return tidy(f"{value:.3g}")
        places = max(decimals_of(self.step), decimals_of(self.minimum))
        fixed = f"{value:.{places}f}"
        return fixed if abs(float(fixed) - value) < 1e-9 else tidy(f"{value:.5g}")


def decimals_of(number: float) -> int:
    """How many decimals it takes to write `number` (at most 9)."""
    text = f"{number:.9f}".rstrip("0")
    return len(text) - text.index(".") - 1


def tidy(text: str) -> str:
    """An exponent without its padding: `1e-05` becomes `1e-5`."""
    mantissa, e, exponent = text.partition("e")
    return f"{mantissa}e{int(exponent)}" if e else text
