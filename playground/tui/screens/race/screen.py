"""The screen of a race: the losses of two runs in one chart, what they write, where they differ.

The keys are those of `keys.RACE_BINDINGS`.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Input

from playground.lab.protocol.failures import LabError
from playground.lab.race.state import Place, RaceState
from playground.tui.control.runs import Kept
from playground.tui.model import PlaygroundModel
from playground.tui.panels.keybar import KeyBar
from playground.tui.panels.too_small import TooSmall, too_small
from playground.tui.resizing import Held, passed
from playground.tui.screens.answer import AnswersOnce
from playground.tui.screens.race import probes, view
from playground.tui.screens.race.keys import ABOUT, RACE_BINDINGS, RANKS
from playground.tui.styles import BAD, MUTED
from playground.tui.widgets.chart import Chart
from playground.tui.widgets.literal_input import LiteralInput
from playground.tui.widgets.series import Upright
from playground.tui.widgets.static_text import Words
from playground.tui.widgets.text import visible

if TYPE_CHECKING:
    from playground.lab.race import Race


PACE = 1 / 12
"""Seconds between two drawings, at least."""
WINDOWS: tuple[int | None, ...] = (None, 1000, 200, 50)
"""How many of the last steps the chart shows; None for all."""
SPEEDS: tuple[float | None, ...] = (1, 2, 5, 10, 50, None, math.inf)
"""Steps a second in lock-step, None for as many as the slower side can; and at last each side flat
out, without waiting for the other."""
FRAMES = {2: "#race-loss", 3: "#race-settings", 4: "#race-samples"}
"""The frames that a key goes to, by its number, as on the main screen."""
STILL_OPENING = 0.5
"""Seconds between two drawings while a side is being opened."""


class RaceScreen(AnswersOnce[Kept | None], Screen[Kept | None]):
    """Opens a race, shows it, and closes it before the screen is dismissed.

    Dismissed with the side that the person goes on with, or None.
    """

    BINDINGS: ClassVar[list[BindingType]] = list(RACE_BINDINGS)
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (104, "-normal"), (160, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [  # noqa: RUF012 - Textual declares it so
        (0, "-tiny"),
        (22, "-low"),
        (32, "-medium"),
        (48, "-tall"),
    ]
    AUTO_FOCUS = ""
    DEFAULT_CSS = """
    RaceScreen {
        layout: vertical;
        #race-title, #race-0, #race-1, #race-verdict { height: 1; padding: 0 1; }
        #race-warnings { height: auto; max-height: 3; padding: 0 1; display: none; }
        &.-tall #race-warnings { max-height: 6; }
        .race-frame {
            border: round $border-blurred;
            border-title-color: $foreground;
            border-title-style: bold;
            border-subtitle-color: $text-muted;
            padding: 0 1;
        }
        .race-frame:focus-within { border: round $primary; border-title-color: $text-primary; }
        #race-loss { height: 1fr; }
        #race-chart { height: 1fr; }
        #race-below { height: 8; }
        &.-tiny #race-below { height: 5; }
        &.-medium #race-below { height: 13; }
        &.-tall #race-below { height: 20; }
        #race-samples { width: 1fr; height: 100%; }
        #race-settings { width: 32; height: 100%; }
        &.-normal #race-settings { width: 48; }
        &.-wide #race-settings { width: 72; }
        #race-samples-scroll, #race-settings-scroll { height: 1fr; scrollbar-size-vertical: 1; }
        #race-texts, #race-table { height: auto; }
        #race-prompt { display: none; height: 1; background: $foreground 8%; }
        #race-prompt:ansi { text-style: underline; }
        #race-prompt.-shown { display: block; }
        #race-too-small { display: none; width: 100%; height: 100%; text-align: center;
                          content-align: center middle; }
        &.-too-small {
            #race-too-small { display: block; }
            #race-title, #race-0, #race-1, #race-verdict, #race-warnings, #race-loss,
            #race-below, #race-keys { display: none; }
        }
        &.-zoomed #race-loss, &.-zoomed #race-below { display: none; }
        &.-zoomed-2 #race-loss { display: block; }
        &.-zoomed-3 #race-below, &.-zoomed-4 #race-below { display: block; height: 1fr; }
        &.-zoomed-3 #race-samples { display: none; }
        &.-zoomed-3 #race-settings { width: 1fr; }
        &.-zoomed-4 #race-settings { display: none; }
        #race-keys { height: 1; dock: bottom; background: $panel; padding: 0 1; }
    }
    """

    def __init__(self, race: Race, model: PlaygroundModel) -> None:
        """race: a race that is not open yet. model: knows the strategies of sampling that there
        are."""
        super().__init__()
        self._held = Held(self)
        self._race, self._model = race, model
        self._traces = view.Traces()
        self._page: probes.Page = "samples"
        self._pages = probes.Pages()
        self._raw = False
        self._speed = SPEEDS.index(None)
        """The chosen speed, by its place in SPEEDS."""
        self._chosen = 2
        """The frame that was chosen last, by its number in FRAMES."""
        self._zoomed: int | None = None
        self._began = time.monotonic()
        """The clock's time when the sides began to be opened, in seconds."""
        self._opened = False
        self._turn = asyncio.Lock()
        self._leaving = False
        self._answer: tuple[Kept | None, ...] = ()
        """What the screen is dismissed with; empty until the race is closed."""
        self._failed: Content | None = None
        """Why the race could not be opened."""
        self._due = False
        """True if a drawing is due."""
        self._drawn = 0.0
        """The clock's time of the last drawing, in seconds."""

    def compose(self) -> ComposeResult:
        yield TooSmall(id="race-too-small")
        yield Words(id="race-title")
        yield Words(id="race-0")
        yield Words(id="race-1")
        yield Words(id="race-verdict")
        yield Words(id="race-warnings")
        with Vertical(id="race-loss", classes="race-frame"):
            yield Chart(id="race-chart")
        with Horizontal(id="race-below"):
            with Vertical(id="race-samples", classes="race-frame"):
                yield LiteralInput(
                    id="race-prompt", compact=True, placeholder="what both begin with"
                )
                with VerticalScroll(id="race-samples-scroll"):
                    yield Words(id="race-texts")
            with (
                Vertical(id="race-settings", classes="race-frame"),
                VerticalScroll(id="race-settings-scroll"),
            ):
                yield Words(id="race-table")
        yield KeyBar(id="race-keys")

    def on_mount(self) -> None:
        self._entitle(2, "Loss")
        self._entitle(3, "Settings that differ")
        self._began = time.monotonic()
        self.set_interval(STILL_OPENING, self._tell_of_opening)
        self._race.changed = self._soon
        self._do(self._open)
        self.draw()

    def _entitle(self, number: int, words: str) -> None:
        title = Content.assemble((f"{number} ", MUTED), words)
        self.query_one(FRAMES[number]).border_title = title.markup

    def _tell_of_opening(self) -> None:
        if not self._opened and self._failed is None:
            self.draw()

    async def on_unmount(self) -> None:
        self._race.changed = lambda: None
        await self._race.close()

    def on_resize(self, event: events.Resize) -> None:
        if passed(self, event):
            return
        width, height = event.size
        self.set_class(too_small(width, height), "-too-small")
        self.query_one(TooSmall).show(width, height, what="race", out="esc leaves it")
        self._held.until(self.draw, event.size)

    # ------------------------------------------------------------ work

    async def _open(self) -> None:
        try:
            await self._race.open()
        except LabError as error:
            failure = error.failure
            words = f"{failure.title}. {failure.message}"
            self._failed = Content.assemble(("✗ ", f"bold {BAD}"), (visible(words), BAD))
        else:
            self._opened = True
        self.draw()

    def _do(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Carry out work in the background; a LabError is told to the person.

        work: a function, since nobody would await its coroutine if the screen goes at once.
        """
        self.run_worker(partial(self._guarded, work))  # type: ignore[arg-type]  # two kinds fit

    async def _guarded(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            await work()
        except LabError as error:
            self.notify(
                error.failure.message, title=error.failure.title, severity="error",
                timeout=12, markup=False,
            )  # fmt: skip

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Until both sides are open, only the keys to leave and for help work. In the prompt, a
        slash is text."""
        if action == "prompt" and isinstance(self.focused, Input):
            return False
        if action in {binding.action.partition("(")[0] for binding in RACE_BINDINGS}:
            return self._works(action)
        return super().check_action(action, parameters)

    def _works(self, action: str) -> bool:
        return self._opened or action in ("escape", "leave", "help")

    def _in_turn(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Carry out commands one after the other, each from where the one before led to: two quick
        presses of space are a run and a pause, also while both sides are being sampled."""

        async def done() -> None:
            async with self._turn:
                await work()

        self._do(done)

    def action_run(self) -> None:
        self._in_turn(self._toggle)

    async def _toggle(self) -> None:
        if self._race.state.running:
            await self._race.pause()
        elif not self._at_end():
            await self._race.run(self._race.state.lockstep)

    def action_step(self) -> None:
        self._in_turn(self._step)

    async def _step(self) -> None:
        if not self._at_end():
            await self._race.step()

    def _at_end(self) -> bool:
        """True, and a toast says so, if both sides have done all their steps."""
        if any(side.status != "finished" for side in self._race.state.sides):
            return False
        words = "r puts both back to where the race began; A and B go on with one of them."
        self.notify(words, title="Both have done all their steps", markup=False)
        return True

    def action_back(self) -> None:
        self._in_turn(self._back)

    async def _back(self) -> None:
        one, other = self._race.state.sides
        to = min(one.step, other.step) - (one.step == other.step)
        if to < max(one.earliest, other.earliest):
            words = "r puts both back to where the race began."
            self.notify(words, title="Both go no farther back", markup=False)
        else:
            await self._race.go_to(to)

    def action_end(self) -> None:
        self._in_turn(lambda: self._race.go_to(self._race.state.recorded))

    def action_speed(self, by: int) -> None:
        self._in_turn(partial(self._change_speed, by))

    async def _change_speed(self, by: int) -> None:
        self._speed = min(max(self._speed + by, 0), len(SPEEDS) - 1)
        pace, state = SPEEDS[self._speed], self._race.state
        lockstep = pace != math.inf
        self._race.set_pace(pace if lockstep else None)
        if lockstep != state.lockstep:
            self._race.set_lockstep(lockstep)
            if state.running:
                await self._race.run(lockstep)

    def action_sample(self) -> None:
        self._in_turn(self._race.sample)

    def action_chain(self) -> None:
        self._do(self._edit_chain)

    async def _edit_chain(self) -> None:
        from playground.tui.screens.race.chain import edit_chain

        chain = await edit_chain(self.app, self._race, self._model)
        if chain is not None:  # an empty chain is an answer too
            self._in_turn(lambda: self._race.set_chain(chain))

    def action_start(self) -> None:
        self._in_turn(self._race.go_to_start)

    def action_keep(self, place: int) -> None:
        self._do(partial(self._keep, 1 if place else 0))

    async def _keep(self, place: Place) -> None:
        checkpoint = await self._race.checkpoint(place)
        side = self._race.state.sides[place]
        kept = Kept(place, side.name, checkpoint, self._race.sampling, side.run, side.parent)
        await self._close(kept)

    def action_escape(self) -> None:
        """Leave the innermost thing there is to leave: the prompt, the zoom, the race."""
        if self.query_one("#race-prompt").has_class("-shown"):
            self._hide_prompt()
        elif self._zoomed is not None:
            self.action_zoom()
        else:
            self.action_leave()

    def action_leave(self) -> None:
        self._do(partial(self._close, None))

    async def _close(self, kept: Kept | None) -> None:
        if not self._leaving:
            self._leaving = True
            await self._race.close()
            self._answer = (kept,)
            self._go()

    def _go(self) -> None:
        """Dismiss the screen once the race is closed and no other screen, as the help, lies over
        this one."""
        if self._answer and self.app.screen is self:
            (kept,), self._answer = self._answer, ()
            self.dismiss(kept)

    def on_screen_resume(self) -> None:
        self._go()

    def action_help(self) -> None:
        from playground.tui.screens.help import HelpScreen

        self.app.push_screen(HelpScreen(RACE_BINDINGS, about=ABOUT))

    # ------------------------------------------------------------ looking

    def action_frame(self, number: int) -> None:
        self._chosen = number
        if self._zoomed is not None:
            self._zoom(number)
        targets = {2: "#race-chart", 3: "#race-settings-scroll", 4: "#race-samples-scroll"}
        self.set_focus(self.query_one(targets[number]))

    def action_zoom(self) -> None:
        self._zoom(self._chosen if self._zoomed is None else None)

    def _zoom(self, number: int | None) -> None:
        self._zoomed = number
        self.set_class(number is not None, "-zoomed")
        for one in FRAMES:
            self.set_class(one == number, f"-zoomed-{one}")
        self.call_after_refresh(self.draw)

    def on_descendant_focus(self) -> None:
        for number, frame in FRAMES.items():
            if self.query_one(frame).has_pseudo_class("focus-within"):
                self._chosen = number

    def action_log_axis(self) -> None:
        chart = self.query_one(Chart)
        chart.log_y = not chart.log_y

    def action_raw(self) -> None:
        self._raw = not self._raw
        self.draw()

    def action_window(self) -> None:
        chart = self.query_one(Chart)
        at = WINDOWS.index(chart.last_n) if chart.last_n in WINDOWS else 0
        chart.last_n = WINDOWS[(at + 1) % len(WINDOWS)]
        self.draw()

    def action_probes(self) -> None:
        if self._race.state.probes is None:
            self.notify(probes.HOW_TO_GET_SOME, title=probes.NO_PROBES, timeout=12, markup=False)
            return
        at = probes.PAGES.index(self._page)
        self._page = probes.PAGES[(at + 1) % len(probes.PAGES)]
        self.query_one("#race-samples-scroll").scroll_home(animate=False)
        self.draw()

    def action_prompt(self) -> None:
        field = self.query_one("#race-prompt", Input)
        field.value = self._race.state.prompt
        field.add_class("-shown")
        self.set_focus(field)

    def _hide_prompt(self) -> None:
        self.query_one("#race-prompt").remove_class("-shown")
        self.set_focus(None)

    @on(Input.Submitted, "#race-prompt")
    def _prompt_typed(self, event: Input.Submitted) -> None:
        event.stop()
        self._hide_prompt()
        self._in_turn(lambda: self._ask(event.value))

    async def _ask(self, prompt: str) -> None:
        await self._race.set_prompt(prompt)
        await self._race.sample()

    @on(Chart.Picked)
    def _step_picked(self, event: Chart.Picked) -> None:
        event.stop()
        self._in_turn(lambda: self._race.go_to(round(event.x)))

    @on(KeyBar.Pressed)
    async def _key_clicked(self, event: KeyBar.Pressed) -> None:
        await self.run_action(event.action)

    # ------------------------------------------------------------ drawing

    def _soon(self) -> None:
        """Draw soon; many changes in a row make one drawing."""
        if not self._due and self.is_attached:
            self._due = True
            wait = self._drawn + PACE - time.monotonic()
            self.set_timer(max(wait, 0.001), self.draw)

    def draw(self) -> None:
        """Draw the state of the race."""
        self._due, self._drawn = False, time.monotonic()
        if not self.query(KeyBar) or self._leaving:
            return  # the screen is not composed yet, or is being taken down
        state = self._race.state
        width = max(1, self.app.size.width - 2)
        self._words("title").say(view.title_line(state, width, opened=self._opened))
        for place in (0, 1):
            self._words(str(place)).say(view.side_line(state, 1 if place else 0, width))
        self._words("verdict").say(self._verdict(state, width))
        warnings = view.warnings(state)
        self._words("warnings").display = bool(warnings.plain)
        self._words("warnings").say(warnings)
        self._traces.take(state)
        chart = self.query_one(Chart)
        fork = [Upright(f"fork, step {state.start:,}", state.start)] if state.start > 0 else []
        chart.set_data(self._traces.series(self._raw), (), self._traces.lanes, fork)
        self._draw_texts(state)
        known = self._opened or self._failed is not None
        room = self._room("#race-settings-scroll")
        table = view.settings_table(state, room) if known else view.NOT_YET_KNOWN
        self._words("table").say(table)
        window = f", last {chart.last_n:,} steps" if chart.last_n else ""
        drawn = "loss of each step" if self._raw else "average of about 20 steps"
        self.query_one("#race-loss").border_subtitle = f"{drawn}, nats a token{window}"
        self._draw_keys(state)
        self._held.drawn()

    def _verdict(self, state: RaceState, width: int) -> Content:
        if self._failed is not None:
            return self._failed
        if not self._opened:
            return view.opening(state, time.monotonic() - self._began, width)
        return view.verdict(state, width)

    def _draw_texts(self, state: RaceState) -> None:
        """Draw the samples, or a page of the answers to the probes."""
        frame, room = self.query_one("#race-samples"), self._room("#race-samples-scroll")
        page = self._page if state.probes is not None else "samples"
        self._entitle(4, probes.TITLES[page])
        if state.probes is None or page == "samples":
            frame.border_subtitle = view.LEGEND
            self._words("texts").say(view.samples_table(state.samples, room))
        else:
            frame.border_subtitle = Content(f"every {state.probes.asked.every:,} steps")
            self._words("texts").say(self._pages.page(page, state.probes, room))

    def _draw_keys(self, state: RaceState) -> None:
        words = {"probes": probes.TURNS[self._page]}
        shown = [
            replace(one, description=words.get(one.action, one.description))
            for one in RACE_BINDINGS
            if one.show and self._works(one.action)
        ]
        self.query_one(KeyBar).show_bindings(shown, state.running, RANKS)

    def _words(self, name: str) -> Words:
        return self.query_one(f"#race-{name}", Words)

    def _room(self, selector: str) -> int:
        return max(8, self.query_one(selector).size.width - 1)
