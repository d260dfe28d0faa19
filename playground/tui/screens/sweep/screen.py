"""The screen of a sweep: its settings in a table, live, and beside it losses, parallel coordinates,
a grid of small curves, or how much each setting matters.

The screen reads the store alone; the process that trains the sweep is another one. The keys are
those of `keys.SWEEP_BINDINGS`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.timer import Timer
from textual.widget import Widget

from playground.lab.protocol.failures import Failure, LabError
from playground.lab.store.sweeps import glance
from playground.lab.sweep.export import export_table
from playground.lab.sweep.importance import importances
from playground.lab.sweep.reading import read_curves, read_plan, read_runs
from playground.tui.control.sweeps import Sweeps, processors
from playground.tui.key_order import Turn, hear_on
from playground.tui.model import PlaygroundModel
from playground.tui.panels.keybar import KeyBar
from playground.tui.panels.too_small import TooSmall, too_small
from playground.tui.resizing import Held, passed
from playground.tui.screens.answer import AnswersOnce
from playground.tui.screens.runs.ask import ExportRun, Wanted
from playground.tui.screens.runs.screen import RunChoice
from playground.tui.screens.sweep.ask import ExportRunAs, ExportTable, PickRun
from playground.tui.screens.sweep.keys import ABOUT, HINTS, RANKS, SWEEP_BINDINGS
from playground.tui.screens.sweep.view import (
    PAGES,
    SORT,
    TITLES,
    PageName,
    SettingTable,
    State,
    SweepView,
    importance_lines,
)
from playground.tui.styles import BAD, MUTED, POINTED
from playground.tui.widgets.curves import CurveFamily
from playground.tui.widgets.multiples import SmallMultiples
from playground.tui.widgets.parallel import Lines, ParallelCoordinates
from playground.tui.widgets.static_text import Words
from playground.tui.widgets.table import RowList
from playground.tui.widgets.text import visible

if TYPE_CHECKING:
    from playground.lab.client.async_store import AsyncStore
    from playground.lab.store.sweeps import SweptRun

TABLE = Binding.Group("The table")
RESTED = 0.12
"""Seconds after a brush has moved until the curves follow."""
EVERY = 0.5
"""Seconds between two looks at how far the sweep is."""
POINTS = 120
"""Points of a curve: more than it has columns on most screens, and enough for the rest."""
FRAME = 7
"""Cells of the frame of the table, with the space in it, and of a scroll bar."""
AT_ONCE = 40
"""Curves that are read together."""
NEED_RUNS = frozenset({"enter", "R", "comma", "full_stop", "x", "X", "e"})
"""Keys that wait until the runs are read for the first time."""


class Settings(RowList[int]):
    """The settings, by their numbers in the plan."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "mark", "mark", id="sweep.mark", group=TABLE, show=False,
                tooltip="Mark the setting: two marked ones are raced"),
    ]  # fmt: skip


class SweepScreen(AnswersOnce[RunChoice | None], Screen[RunChoice | None]):
    """Shows a sweep, whoever trains it; dismissed with what is to be done with its runs, or with
    None."""

    BINDINGS: ClassVar[list[BindingType]] = list(SWEEP_BINDINGS)
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (104, "-normal"), (160, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-low"), (32, "-medium"), (48, "-tall")]  # noqa: RUF012
    AUTO_FOCUS = "#sweep-table"
    DEFAULT_CSS = """
    SweepScreen {
        layout: vertical;
        #sweep-title, #sweep-verdict, #sweep-said { height: 1; padding: 0 1; }
        #sweep-verdict { height: auto; max-height: 2; }
        #sweep-said { display: none; }
        #sweep-said.-shown { display: block; height: auto; max-height: 3; }
        .sweep-frame {
            border: round $border-blurred;
            border-title-color: $foreground;
            border-title-style: bold;
            border-subtitle-color: $text-muted;
            padding: 0 1;
        }
        .sweep-frame:focus-within { border: round $primary; border-title-color: $text-primary; }
        .sweep-frame:nocolor:focus-within { border: heavy $primary; }
        #sweep-body { height: 1fr; layout: vertical; }
        #sweep-left { height: 9; width: 100%; }
        #sweep-views { height: 1fr; width: 100%; layout: vertical; }
        #sweep-table {
            overflow-y: scroll;  /* a bar that comes and goes would lay out all, at each brush */
            height: 1fr;
            scrollbar-size: 1 1;
            scrollbar-background: $background;
            scrollbar-background-hover: $background;
            scrollbar-background-active: $background;
            scrollbar-color: $foreground 25%;
            scrollbar-color-hover: $foreground 40%;
            scrollbar-color-active: $primary;
        }
        #sweep-view, #sweep-second { height: 1fr; }
        #sweep-second { display: none; }
        #sweep-view > *, #sweep-second > * { height: 1fr; }
        #sweep-importance { padding: 1 1; }
        &.-normal #sweep-body { layout: horizontal; }
        &.-normal #sweep-left { width: 46; max-width: 56%; height: 100%; }
        &.-normal #sweep-views { width: 1fr; height: 100%; }
        &.-wide #sweep-body { layout: horizontal; }
        &.-wide #sweep-left { width: 62; max-width: 56%; height: 100%; }
        &.-wide #sweep-views { width: 1fr; height: 100%; }
        &.-wide.-tall #sweep-second { display: block; }
        &.-narrow.-medium #sweep-left { height: 13; }
        &.-narrow.-tall #sweep-left { height: 20; }
        &.-wide.-tall #sweep-second.-idle { display: none; }
        &.-zoomed #sweep-left, &.-zoomed #sweep-second { display: none; }
        #sweep-keys { height: 1; dock: bottom; background: $panel; padding: 0 1; }
        #sweep-too-small { display: none; width: 100%; height: 100%; text-align: center;
                           content-align: center middle; }
        &.-too-small {
            #sweep-too-small { display: block; }
            #sweep-title, #sweep-verdict, #sweep-said, #sweep-body, #sweep-keys { display: none; }
        }
    }
    """

    def __init__(
        self, store: AsyncStore, sweeps: Sweeps, view: SweepView, model: PlaygroundModel
    ) -> None:
        """sweeps: the processes of this playground. view: what is shown, which outlives the
        screen. model: knows which exporters there are."""
        super().__init__()
        self._held = Held(self)
        self._store, self._sweeps, self.view, self._model = store, sweeps, view, model
        self._trouble: Failure | None = None
        """Why the sweep could not be read."""
        self._read = False
        """True once the runs were read for the first time."""
        self._table_width = 0
        """Cells that the table needs; 0 before the runs are read."""
        self._looking = self._drawing_curves = self._weighing = False
        self._lines = Lines((), ())
        """The lines of the axes, for the runs as last read."""
        self._was: State | None = None
        """How the sweep stood when it was drawn last."""
        self._told = ""
        """The trouble of the process that was told last."""
        self._curves_due: Timer | None = None
        """Draws the curves once a brush rests."""

    def compose(self) -> ComposeResult:
        yield TooSmall(id="sweep-too-small")
        yield Words(id="sweep-title")
        yield Words(id="sweep-verdict")
        yield Words(id="sweep-said")
        with Container(id="sweep-body"):
            with Vertical(id="sweep-left", classes="sweep-frame"):
                yield Settings(empty="reading ...", id="sweep-table")
            with Container(id="sweep-views"):
                with Container(id="sweep-view", classes="sweep-frame"):
                    yield CurveFamily(self.view.cursor, id="sweep-curves")
                    yield ParallelCoordinates(self.view.parallel, id="sweep-axes")
                    yield SmallMultiples(self.view.multiples, id="sweep-grid")
                    yield Words(id="sweep-importance")
                with Container(id="sweep-second", classes="sweep-frame"):
                    yield CurveFamily(self.view.cursor, id="sweep-beside")
        yield KeyBar(id="sweep-keys")

    def on_mount(self) -> None:
        self._held.begin()  # what comes first is the table, if that is soon
        self.query_one("#sweep-second").border_title = "Losses"
        self.query_one("#sweep-left").border_title = "Settings"
        self._show_page()
        self.draw()
        self._do(self._look, "sweep-look")
        self.set_interval(EVERY, self._look_again)

    def on_resize(self, event: events.Resize) -> None:
        if passed(self, event):
            return
        width, height = event.size
        self.set_class(too_small(width, height), "-too-small")
        self.query_one(TooSmall).show(width, height, what="sweep", out="q leaves")
        self._held.until(self.draw, event.size)

    # ------------------------------------------------------------ reading

    def _do(self, work: Callable[[], Coroutine[Any, Any, None]], group: str) -> None:
        """Carry out work in the background; a LabError is told to the person.

        work: a function, since nobody would await its coroutine if the screen goes at once.
        """
        self.run_worker(partial(self._guarded, work), group=group)  # type: ignore[arg-type]

    async def _guarded(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            await work()
        except LabError as error:
            self._refuse(f"{error.failure.title}. {error.failure.message}")

    def _look_again(self) -> None:
        if not self._looking and self.app.screen is self:
            self._do(self._look, "sweep-look")

    async def _look(self) -> None:
        """See how far the sweep is, and read what is new."""
        self._looking = True
        try:
            await self._read_on()
        except LabError as error:
            self._trouble = error.failure
            self.query_one(Settings).set_empty(f"{error.failure.title}. {error.failure.message}")
        else:
            self._trouble = None
        finally:
            self._looking = False
        self.draw()

    async def _read_on(self) -> None:
        view, sweep = self.view, self.view.sweep
        if view.plan is None:
            view.take_plan(await self._store.ask(lambda store: read_plan(store, sweep)))
        now = await self._store.ask(lambda store: glance(store, sweep))
        anew = not self._read or now.recorded != len(view.recorded.runs)
        runs = await self._store.ask(lambda store: read_runs(store, sweep)) if anew else None
        if view.plan is None or view.plan.grows:
            # After the runs, so that a search that goes on has all settings that a run is of.
            view.take_plan(await self._store.ask(lambda store: read_plan(store, sweep)))
        if runs is None:
            view.glance = now
        else:
            view.take(runs, now)
            self._taken()

    def _taken(self) -> None:
        """Show the runs that were read, and read their curves."""
        first, self._read = not self._read, True
        self._lines = self.view.lines
        self._fill_table()
        if first:
            hear_on(self)
        if not self._drawing_curves:
            self._drawing_curves = True
            self._do(self._read_curves, "sweep-curves")
        if not self._weighing:
            self._weighing = True
            self._do(self._weigh, "sweep-importance")

    async def _painted(self) -> None:
        """Wait until the screen was painted: the table is shown before more is read."""
        painted = asyncio.Event()
        self.call_after_refresh(painted.set)
        await painted.wait()

    async def _read_curves(self) -> None:
        """Read the curves that are missing, some at a time, and draw them now and then: whenever
        there are twice as many, since every drawing draws all of them."""
        view, due = self.view, 0
        try:
            await self._painted()
            while some := view.unread[:AT_ONCE]:
                curves = await self._store.ask(partial(read_curves, runs=some, points=POINTS))
                view.take_curves(curves)
                view.without_curve |= set(some) - {curve.run for curve in curves}
                if len(view.drawn) >= due or not view.unread:
                    self._draw_view()
                    due = 2 * len(view.drawn)
        finally:
            self._drawing_curves = False

    async def _weigh(self) -> None:
        """Compute how much each setting matters, anew while runs come."""
        view = self.view
        try:
            await self._painted()
            while view.plan is not None and view.weighed != len(view.recorded.runs):
                plan, runs = view.plan, view.recorded.runs
                view.importances = await asyncio.to_thread(importances, plan, runs)
                view.weighed = len(runs)
                self._draw_view()
        finally:
            self._weighing = False

    def turn_of(self, key: str) -> Turn:
        """A key that is about runs waits until they are read."""
        if key in ("escape", "q"):
            return "leaves"
        waits = not self._read and self._trouble is None and key in NEED_RUNS
        return "waits" if waits else "now"

    # ------------------------------------------------------------ drawing

    @property
    def _state(self) -> State:
        sweep = self.view.sweep
        return self.view.state(
            here=self._sweeps.works_on(sweep), stopping=self._sweeps.stopping(sweep)
        )

    @property
    def _selected(self) -> Sequence[bool]:
        """For each run whether it lies in all brushes."""
        return self.query_one(ParallelCoordinates).selected

    def draw(self) -> None:
        """Draw the sweep as it was read last."""
        if not self.query(KeyBar) or not self.is_attached:
            return  # the screen is not composed yet, or is being taken down
        width = max(1, self.app.size.width - 2)
        state = self._state
        self.query_one("#sweep-title", Words).say(self.view.title(state, width))
        if self._was == "stopping" and state == "stopped":
            self._say(Content("What is recorded is kept; s goes on with the rest."))
        self._was = state
        trouble = self._sweeps.trouble(self.view.sweep)
        if trouble and trouble != self._told and state == "stopped":
            self._refuse(f"The sweep has stopped: {trouble}")
        self._told = trouble
        self.query_one("#sweep-verdict", Words).say(self._verdict)
        self._widen()
        self._draw_view(curves=self._curves_due is None)
        self._draw_keys(state)
        self._held.drawn(more=not self._read and self._trouble is None)

    @property
    def _verdict(self) -> Content:
        if self._trouble is not None:
            words = f"{self._trouble.title}. {self._trouble.message}"
            return Content.assemble(("✗ ", f"bold {BAD}"), (visible(words), BAD))
        return Content(self.view.verdict if self._read else "")

    def _fill_table(self) -> None:
        view = self.view
        brushed = view.brushed(self._selected) if self._fits() else None
        table = SettingTable(view, brushed)
        rows = self.query_one(Settings)
        rows.set_empty("No setting lies in all brushes: c takes them off."
                       if brushed is not None else "no settings")  # fmt: skip
        rows.set_rows(table.keys, table.columns, table.cell, sort=SORT)
        if view.setting is not None and rows.cursor_key != view.setting:
            rows.move_to(view.setting)
        frame = self.query_one("#sweep-left")
        self._table_width = table.width
        self._widen()
        count = view.plan.count if view.plan is not None else 0
        frame.border_title = (
            f"Settings {len(table.keys):,} of {count:,}" if brushed is not None
            else f"Settings {count:,}"
        )  # fmt: skip
        frame.border_subtitle = "held-out loss" if "held-out" in view.measure else (
            "training loss" if view.measure else ""
        )  # fmt: skip

    def _widen(self) -> None:
        """Give the table, where it stands beside the view, the width that it needs."""
        if self._table_width:
            beside = not self.has_class("-narrow")
            width = self._table_width + FRAME if beside else "100%"
            self.query_one("#sweep-left").styles.width = width

    def _fits(self) -> bool:
        """True if the axes have the runs as last read."""
        self._feed_axes()
        return len(self._selected) == len(self.view.recorded.runs)

    def _feed_axes(self) -> None:
        view = self.view
        run = view.run
        at = next((place for place, one in enumerate(view.recorded.runs) if one is run), None)
        self.query_one(ParallelCoordinates).set_data(self._lines, at)

    def _draw_view(self, *, curves: bool = True) -> None:
        """Draw the view that is shown, and what stands beside it; the curves only if told to."""
        if not self.query(KeyBar) or not self._read:
            return
        view = self.view
        self._feed_axes()
        read = len(view.drawn)
        progress = f"{read:,} of {len(view.recorded.runs):,} curves" if view.unread else ""
        if view.page == "curves" and curves:
            self.query_one("#sweep-curves", CurveFamily).set_data(view.family(self._selected))
        elif view.page == "grid":
            grid = self.query_one(SmallMultiples)
            if not grid.has_focus:
                view.show_in_grid()
                grid.changed()
            grid.set_data(view.grid)
        elif view.page == "importance":
            words = self.query_one("#sweep-importance", Words)
            words.say(importance_lines(view, max(20, words.size.width - 2)))
        if curves and self.query_one("#sweep-second").display and view.page != "curves":
            self.query_one("#sweep-beside", CurveFamily).set_data(view.family(self._selected))
        self.query_one("#sweep-second").border_subtitle = progress
        self.query_one("#sweep-view").border_subtitle = self._under(progress)

    def _under(self, progress: str) -> Content | str:
        """The words in the lower edge of the view."""
        view = self.view
        if view.page == "grid":
            rows, columns = map(visible, view.pair)
            return Content(f"{rows} down, {columns} across  [ ] others").markup
        if view.page == "curves":
            return progress or "training loss, average of about 20 steps"
        return ""

    def _show_page(self) -> None:
        """Show the chosen view alone in its frame, and name all in its title."""
        for page, widget in self._widgets.items():
            widget.display = page == self.view.page
        second = self.query_one("#sweep-second")
        second.set_class(self.view.page == "curves", "-idle")
        parts: list[Content | tuple[str, str]] = []
        for number, page in enumerate(PAGES, 1):
            chosen = page == self.view.page
            parts += [(f"{number} ", MUTED), (TITLES[page], POINTED if chosen else MUTED)]
            parts += [("   ", "")] if number < len(PAGES) else []
        self.query_one("#sweep-view").border_title = Content.assemble(*parts).markup

    @property
    def _widgets(self) -> dict[PageName, Widget]:
        return {page: self.query_one(f"#sweep-{page}") for page in PAGES}

    def _draw_keys(self, state: State) -> None:
        work = {"here": "stop", "stopped": "go on"}.get(state)
        shown = list(HINTS) if self.view.page == "axes" else []
        for one in SWEEP_BINDINGS:
            if one.action == "work":
                if work is not None:
                    shown.append(replace(one, description=work))
            elif (
                one.show
                or (one.action == "pair(0)" and self.view.page == "grid")
                or (one.action == "clear" and self.view.parallel.brushes)
            ):
                shown.append(one)
        self.query_one(KeyBar).show_bindings(shown, False, RANKS)

    def _say(self, content: Content) -> None:
        line = self.query_one("#sweep-said", Words)
        line.set_class(bool(content.plain), "-shown")
        line.say(content)

    def _refuse(self, text: str) -> None:
        """Tell the person why something is not done."""
        self.app.bell()
        self._say(Content.assemble(("✗ ", f"bold {BAD}"), (visible(text), BAD)))

    # ------------------------------------------------------------ looking

    def action_page(self, page: PageName) -> None:
        held = self._widgets[self.view.page].has_focus
        self.view.page = page
        self.view.show_in_grid()
        self._show_page()
        self.call_after_refresh(self.draw)
        widget = self._widgets[page]
        if held or page in ("axes", "grid"):
            self.set_focus(widget if widget.can_focus else self.query_one(Settings))

    def action_turn_page(self) -> None:
        self.action_page(PAGES[(PAGES.index(self.view.page) + 1) % len(PAGES)])

    def action_other_side(self) -> None:
        widget = self._widgets[self.view.page]
        there = widget.can_focus and not widget.has_focus
        self.set_focus(widget if there else self.query_one(Settings))

    def action_zoom(self) -> None:
        self.toggle_class("-zoomed")
        widget = self._widgets[self.view.page]
        if self.has_class("-zoomed"):
            self.set_focus(widget if widget.can_focus else None)
        else:
            self.set_focus(self.query_one(Settings))
        self.call_after_refresh(self.draw)

    def action_clear(self) -> None:
        self.view.parallel.brushes.clear()
        self.view.parallel.anchor = None
        self.query_one(ParallelCoordinates).changed()
        self._brushed()

    def action_pair(self, place: int) -> None:
        if self.view.plan is not None and self.view.page == "grid":
            self.view.turn_pair(place)
            self.view.show_in_grid()
            self.query_one(SmallMultiples).changed()
            self._draw_view()

    def action_seed(self, by: int) -> None:
        self.view.seed += by
        if self.view.setting is not None:
            self.view.seed %= max(1, len(self.view.runs_of(self.view.setting)))
        self._draw_view()

    @on(RowList.Highlighted)
    def _highlighted(self, event: RowList.Highlighted) -> None:
        event.stop()
        if isinstance(event.key, int) and event.key != self.view.setting:
            self.view.setting, self.view.seed = event.key, 0
            self._draw_view()

    @on(ParallelCoordinates.Brushed)
    def _brushes_moved(self, event: ParallelCoordinates.Brushed) -> None:
        event.stop()
        self._brushed()

    def _brushed(self) -> None:
        """Show what lies in the brushes; the curves, which take longest, once the keys rest."""
        self._fill_table()
        self._draw_view(curves=False)
        self._draw_keys(self._state)
        if self._curves_due is not None:
            self._curves_due.stop()
        self._curves_due = self.set_timer(RESTED, self._draw_curves)

    def _draw_curves(self) -> None:
        self._curves_due = None
        self._draw_view()

    @on(SmallMultiples.Chosen)
    def _cell_chosen(self, event: SmallMultiples.Chosen) -> None:
        event.stop()
        setting = self.view.setting_at(event.row, event.column)
        if setting is not None:
            self.query_one(Settings).move_to(setting)

    @on(KeyBar.Pressed)
    async def _key_clicked(self, event: KeyBar.Pressed) -> None:
        await self.run_action(event.action)

    def action_help(self) -> None:
        from playground.tui.screens.help import HelpScreen

        widgets = (Settings, CurveFamily, ParallelCoordinates, SmallMultiples)
        keys = [one for kind in widgets for one in kind.BINDINGS if isinstance(one, Binding)]
        self.app.push_screen(HelpScreen([*SWEEP_BINDINGS, *keys], about=ABOUT))

    # ------------------------------------------------------------ its runs

    @on(RowList.Chosen)
    def _row_chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        self.action_open()

    def action_open(self) -> None:
        view = self.view
        runs = [] if view.setting is None else view.runs_of(view.setting)
        if not runs:
            self._refuse("No run of this setting is recorded yet.")
        elif len(runs) == 1:
            self._open(runs[0].run)
        else:
            assert view.setting is not None
            words = view.setting_of(view.setting).words
            losses = [view.losses[run.run] for run in runs]
            screen = PickRun(words, runs, losses, view.seed % len(runs))
            self.app.push_screen(screen, self._open)

    def _open(self, run: int | None) -> None:
        if run is not None:
            self.dismiss(RunChoice("open", run))

    def action_race(self) -> None:
        pair = self._pair_to_race()
        if pair is not None:
            self.dismiss(RunChoice("race", pair[0].run, other=pair[1].run))

    def _pair_to_race(self) -> tuple[SweptRun, SweptRun] | None:
        """The two runs to race: of one seed, if both settings have one in common."""
        view = self.view
        marked = self.query_one(Settings).marked
        settings = [line.setting for line in view.recorded.lines if line.setting in marked]
        if len(settings) != 2:
            if marked:
                count = len(marked)
                self._refuse(f"{count:,} settings are marked; mark two with a run, or none.")
                return None
            best = view.recorded.lines[0].setting if view.recorded.lines else None
            if best is None or view.setting is None or best == view.setting:
                self._refuse("Mark two settings with space to race them.")
                return None
            settings = [best, view.setting]
        left, right = (view.runs_of(setting) for setting in settings)
        if not left or not right:
            self._refuse("No run of this setting is recorded yet.")
            return None
        by_seed = {run.seed: run for run in right}
        found = next(((run, by_seed[run.seed]) for run in left if run.seed in by_seed), None)
        return found or (left[0], right[0])

    # ------------------------------------------------------------ the sweep

    def action_work(self) -> None:
        """Stop the sweep, or go on with it."""
        sweep, state = self.view.sweep, self._state
        if state == "here":
            self._sweeps.stop(sweep)
            self.draw()
        elif state == "stopped" and self._read:
            self._say(Content(""))
            self._do(self._go_on, "sweep-work")
        elif state == "elsewhere":
            self._refuse("Another process trains this sweep: stop it there.")

    async def _go_on(self) -> None:
        jobs = self._sweeps.jobs_of(self.view.sweep) or processors()
        await self._sweeps.go_on(self.view.sweep, jobs)
        self.draw()

    def action_export(self) -> None:
        if not self.view.recorded.runs:
            self._refuse("There is nothing to write yet: no run is recorded.")
        else:
            self.app.push_screen(ExportTable(self.view.sweep), self._export)

    def _export(self, wanted: Wanted | None) -> None:
        plan = self.view.plan
        if wanted is None or plan is None:
            return
        path, runs = wanted.path, self.view.recorded.runs

        async def write() -> None:
            await asyncio.to_thread(export_table, plan, runs, path)
            self._say(Content(visible(f"Wrote {len(runs):,} rows to {path}.")))

        self._do(write, "sweep-export")

    def action_export_run(self) -> None:
        run = self.view.run
        if run is None:
            self._refuse("No run of this setting is recorded yet.")
            return
        name = f"sweep-{self.view.sweep}-run-{run.run}"
        screen = ExportRun(f"Export run {run.run}, seed {run.seed}", name)
        self.app.push_screen(screen, partial(self._export_run, run.run))

    def _export_run(self, run: int, wanted: Wanted | None) -> None:
        if wanted is None:
            return
        store, path = self._store, wanted.path

        async def write() -> None:
            if wanted.kind == "run":
                await store.export_run(run, path)
            elif wanted.kind == "model":
                await store.export_model(run, path)
            else:
                await store.export_metrics(run, path, wanted.kind)
            self._say(Content(visible(f"Exported run {run} to {path}.")))

        self._do(write, "sweep-export")

    def action_export_as(self) -> None:
        run = self.view.run
        if run is None:
            self._refuse("No run of this setting is recorded yet.")
            return
        screen = ExportRunAs(self._model, run, f"sweep-{self.view.sweep}-run-{run.run}")
        self.app.push_screen(screen, partial(self._export_as, run.run))

    def _export_as(self, run: int, wanted: Mapping[str, Any] | None) -> None:
        if wanted is None:
            return
        path = Path(wanted["path"])

        async def write() -> None:
            await self._sweeps.export_as(run, wanted["name"], wanted["options"], path)
            self._say(Content(visible(f"Exported run {run} to {path}.")))

        self._say(Content(visible(f"Writing {path} ...")))
        self._do(write, "sweep-export")

    # ------------------------------------------------------------ leaving

    def action_escape(self) -> None:
        """Leave the innermost thing there is to leave: a remark, the zoom, the brushes, the
        sweep."""
        if self.has_class("-zoomed"):
            self.action_zoom()
        elif self.view.parallel.brushes:
            self.action_clear()
        else:
            self.action_leave()

    def action_leave(self) -> None:
        self.dismiss(None)
