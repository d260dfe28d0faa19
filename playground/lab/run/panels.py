"""The panel on screen, at work in the worker: made, fed, timed, and its lines taken with care.

What a panel gives is only ever exact `str`: a class of the plugin's own would make the screen's
process import the plugin when it unpickles the frame. How many cells a line takes is for the
screen to say; here it is cut to what could fit at all.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import islice
from typing import Any

from playground.api import Panel, PanelFacts
from playground.hooks.errors import KnobError, PluginError, UnknownNameError
from playground.hooks.registry import Registry
from playground.lab.protocol.failures import Failure
from playground.lab.protocol.frames import PanelFrame, PanelView
from playground.lab.run.guard import Activity, Guard, failure_of, make
from playground.lab.run.speed import Ration

LOSSES = 1000
"""Of the last steps, the most that a panel is given."""
MAX_LINES, MAX_WIDTH = 500, 1000
_SPARE = 4
"""Characters that one cell may hold: combining marks take none of their own."""


class _PanelRation(Ration):
    """A quarter of the time that passes: at twelve frames a second, a panel that takes 20 ms is
    drawn in each; one that takes 200 ms, about once a second."""

    BEGINNING = 0.1
    SHARE = 0.25


class Panels:
    """Draws the one panel that is on screen. Not thread-safe."""

    def __init__(
        self,
        registry: Registry,
        activity: Activity,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._registry = registry
        self._activity = activity
        self._clock = clock
        self._panel: Panel | None = None
        self._guard: Guard | None = None
        self._made: tuple[object, str, dict[str, Any]] | None = None
        """What `_panel` was made of: a contribution, by its name, with these options."""
        self._drawn: PanelFrame | None = None
        self._view: PanelView | None = None
        """What `_drawn` shows."""
        self._source: object = None
        """The contribution that drew it: another one once its file was saved anew."""
        self._epoch = -1
        self._ration = _PanelRation()
        self._seen: float | None = None

    def draw(
        self, view: PanelView, step: int, epoch: int, facts: Callable[[], PanelFacts]
    ) -> PanelFrame:
        """The lines for this moment, or why there are none: never an exception of a plugin's.

        If the panel has had more than its share of the time, those of an earlier step come
        again; another view (a knob, a size) is drawn at once, for a person waits for it. facts:
        called only if it is to draw.
        """
        now = self._clock()
        if self._seen is not None:
            self._ration.earn(now - self._seen)
        self._seen = now
        drawn = self._drawn
        if drawn is not None and view == self._view and self._source is self._find(view.name):
            current = (drawn.step, self._epoch) == (step, epoch)
            if current or not self._ration.left:
                return drawn
        began = self._clock()
        self._drawn = self._frame(view, facts())
        self._view, self._epoch, self._source = view, epoch, self._find(view.name)
        self._ration.spend(self._clock() - began)
        return self._drawn

    def _find(self, name: str) -> object:
        try:
            return self._registry.contribution("panel", name)
        except UnknownNameError:
            return None

    def _frame(self, view: PanelView, facts: PanelFacts) -> PanelFrame:
        try:
            panel, guard = self._get(view)
            lines = self._render(panel, guard, view, facts)
        except (PluginError, UnknownNameError) as error:
            return PanelFrame(view.name, facts.step, trouble=failure_of(error))
        except KnobError as error:
            trouble = Failure("These knobs cannot be", f"{error}.")
            return PanelFrame(view.name, facts.step, trouble=trouble)
        return PanelFrame(view.name, facts.step, lines)

    def _get(self, view: PanelView) -> tuple[Panel, Guard]:
        wanted = (self._find(view.name), view.name, dict(view.options))
        if self._panel is None or self._guard is None or self._made != wanted:
            self._panel, self._guard = make(
                self._registry, "panel", view.name, view.options, self._activity
            )
            self._made = wanted
        return self._panel, self._guard

    def _render(
        self, panel: Panel, guard: Guard, view: PanelView, facts: PanelFacts
    ) -> tuple[str, ...]:
        width, height = min(view.width, MAX_WIDTH), min(view.height, MAX_LINES)
        if width < 1 or height < 1:
            return ()
        with guard.at("render"):
            given: Any = panel.render(facts, width, height)
            if isinstance(given, str) or not hasattr(type(given), "__iter__"):
                kind = "text" if isinstance(given, str) else type(given).__name__
                raise guard.broken("render", f"a list of lines is expected, not {kind}")
            lines = list(islice(given, height))
            for line in lines:
                if not isinstance(line, str):
                    raise guard.broken(
                        "render", f"each line must be text; there is a {type(line).__name__}"
                    )
            # Not line[:n]: that would be a method of the plugin's class, and give its kind.
            most = slice(_SPARE * width)
            return tuple(str.__getitem__(str.__str__(line), most) for line in lines)
