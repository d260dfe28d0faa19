"""The panel on screen, at work in the worker: made, fed, timed, and its lines checked.

A frame only holds lines of exact type `str`: unpickling a subclass of the plugin's would import the
plugin in the screen's process. The screen measures how many cells a line takes; the worker only
cuts a line to what could fit at all.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import islice
from typing import Any

from playground.api import Panel, PanelFacts, UnknownTextError
from playground.hooks import plain
from playground.hooks.errors import KnobError, PluginError, UnknownNameError
from playground.hooks.registry import Registry
from playground.lab.protocol.failures import Failure
from playground.lab.protocol.frames import PanelFrame, PanelView
from playground.lab.run.guard import Activity, Guard, failure_of, make
from playground.lab.run.speed import Ration

LOSSES = 1000
"""The most losses that a panel gets, those of the last steps."""
MAX_LINES, MAX_WIDTH = 500, 1000
_SPARE = 4
"""How many characters one cell may hold: combining marks take no cell of their own."""


class _PanelRation(Ration):
    """Gives a panel a quarter of the time that passes: at twelve frames a second, a panel of 20 ms
    is drawn for each frame, and a panel of 200 ms about once a second."""

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
        """What `_panel` was made from: (contribution, name, options)."""
        self._drawn: PanelFrame | None = None
        self._view: PanelView | None = None
        """The view that `_drawn` shows."""
        self._source: object = None
        """The contribution that made `_drawn`; saving the plugin's file replaces it."""
        self._epoch = -1
        self._ration = _PanelRation()
        self._seen: float | None = None

    def draw(
        self, view: PanelView, step: int, epoch: int, facts: Callable[[], PanelFacts]
    ) -> PanelFrame:
        """The panel's lines, or why there are none; raises no exception of a plugin's.

        A panel that has used up its share of the time shows its last lines again; a new view (a
        knob, a size) is drawn at once, because a person waits for it. facts: called only when the
        panel is drawn.
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
            try:
                lines = self._render(panel, guard, view, facts)
            except UnknownTextError as error:  # of a text that it wanted taken apart
                raise guard.broken("render", f"{error}") from error
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
            if plain.is_a(given, str) or not hasattr(type(given), "__iter__"):
                kind = "text" if plain.is_a(given, str) else plain.type_name(given)
                raise guard.broken("render", f"a list of lines is expected, not {kind}")
            lines = list(islice(given, height))
            for line in lines:
                if not plain.is_a(line, str):
                    raise guard.broken(
                        "render", f"each line must be text; there is a {plain.type_name(line)}"
                    )
            return tuple(plain.text(line)[: _SPARE * width] for line in lines)
