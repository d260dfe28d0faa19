"""The loss zoomed: its curves over the tokens seen, or over the seconds of training."""

from __future__ import annotations

from array import array
from bisect import bisect_right

from playground.lab.timeline import Clock
from playground.tui.model import Axis
from playground.tui.widgets.curve import Curve

TITLES: dict[Axis, str] = {
    "steps": "steps",
    "tokens": "tokens seen",
    "seconds": "seconds of training",
}


class Rescaled:
    """A curve of the model over another axis than steps. Only new points are computed."""

    def __init__(self, source: Curve) -> None:
        self.curve = Curve()
        self.steps = array("d")
        """The step of each point of `curve`; steps of which nothing is known have no point."""
        self._source = source
        self._taken = 0
        self._key: object = None

    def follow(self, clock: Clock, axis: Axis) -> Curve:
        """The curve over `axis`, with all points that the source has now."""
        source, taken = self._source, self._taken
        last = (source.xs[taken - 1], source.ys[taken - 1]) if 0 < taken <= len(source) else None
        key = (id(clock), axis)
        if key != self._key or taken > len(source) or (taken and last != self._last):
            self._key, self._taken = key, 0
            self.curve.clear()
            del self.steps[:]
        steps, xs, ys = array("d"), array("d"), array("d")
        for step, y in zip(source.xs[self._taken :], source.ys[self._taken :], strict=True):
            known = clock.at(step)
            if known is not None:
                steps.append(step)
                xs.append(known[0] if axis == "tokens" else known[1])
                ys.append(y)
        self.curve.extend(xs, ys)
        self.steps += steps
        self._taken = len(source)
        self._last = (source.xs[-1], source.ys[-1]) if len(source) else None
        return self.curve

    _last: tuple[float, float] | None = None

    def step_at(self, x: float) -> int | None:
        """The step of the last point at or before `x`; None if there is none."""
        place = bisect_right(self.curve.xs, x) - 1
        return round(self.steps[place]) if place >= 0 else None
