"""The Textual application: it wires controller and screens, opens the first run, and leaves."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar

from rich.console import Console
from textual import events
from textual.app import SystemCommand
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.driver import Driver
from textual.filter import LineFilter, Monochrome, NoColor
from textual.screen import ModalScreen, Screen
from textual.timer import Timer
from textual.widget import AwaitMount
from typing_extensions import override

from playground.catalog import KnobValue
from playground.lab.client.events import LabEvent
from playground.lab.paths import tour_store
from playground.lab.protocol.choices import NamedChoices
from playground.lab.protocol.probes import ProbeSet
from playground.lab.protocol.run import Checkpoint
from playground.lab.protocol.sampling import Sampling
from playground.lab.store.journal import Journal
from playground.lab.store.preferences import Preferences
from playground.tui import warming
from playground.tui.caption import Caption, in_window
from playground.tui.control.context import Remark
from playground.tui.control.controller import Controller
from playground.tui.control.frames import BEHIND_PER_SECOND, FRAMES_PER_SECOND
from playground.tui.control.tour import Lessons
from playground.tui.copying import Copying
from playground.tui.desk import Desk, LabFactory
from playground.tui.held import holding_columns
from playground.tui.key_order import OrderedApp, composed
from playground.tui.model import SPEEDS, PlaygroundModel
from playground.tui.notices import Notices
from playground.tui.panels.focus_keys import is_typed_into
from playground.tui.panels.guide import Guide
from playground.tui.quit import farewell, keep_run, on_signals, tour_command
from playground.tui.resizing import classify
from playground.tui.screens.answer import AnswersOnce
from playground.tui.screens.dialog import Dialog
from playground.tui.screens.main import LIT_PANELS, MainScreen
from playground.tui.themes import DARK, LIGHT, choose_theme
from playground.tui.widgets.gate import Gate, plain
from playground.window import Notify, way_of

if TYPE_CHECKING:
    from textual.command import Provider

    from playground.lab.client.lab import Lab
    from playground.tui.screens.inside.screen import InsideScreen


OWN, TOUR = "own", "tour"
"""The modes of the app, each with screens of its own: that of the person's runs, and that in which
lessons are taken."""
AT_ONCE = 0.02
"""Seconds; a timer of Textual's cannot be set to none."""
QUIET, HELD = 0.3, 3.0
"""What lies behind a dialog is not drawn within QUIET seconds of a key, for HELD seconds at most: a
key that is typed while it is drawn waits for that."""


@dataclass(frozen=True, slots=True)
class TourWanted:
    """The tour as it is asked for."""

    lesson: str = ""
    """The lesson to go on with, by its name; "" to choose one from the list."""
    base: Mapping[str, Any] = field(default_factory=dict)
    """As Lessons has it; `teaching` likewise."""
    teaching: bool = False


def _commands() -> type[Provider]:
    """The palette's commands; the palette is loaded when somebody opens it."""
    from playground.tui.palette import Commands

    return Commands


class PlaygroundApp(OrderedApp[int]):
    """The playground: opens a run, shows it, and returns the exit code."""

    CSS_PATH = Path(__file__).with_name("app.tcss")
    TITLE = "microgpt-play"
    DEFAULT_MODE = OWN
    ENABLE_COMMAND_PALETTE = True
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {_commands}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "leave", "quit", show=False, system=True, priority=True),
        Binding("ctrl+z", "suspend_process", "suspend", show=False, system=True),
        Binding("0", "guide", "the lesson", show=False),
    ]

    def __init__(
        self,
        lab_factory: Callable[[Callable[[LabEvent], None]], Lab],
        spec: Mapping[str, Any] | str,
        *,
        checkpoint: Checkpoint | None = None,
        sampling: Sampling | None = None,
        said: NamedChoices | None = None,
        store: Path | None = None,
        run: int | None = None,
        changes: Mapping[str, KnobValue] | None = None,
        probes: ProbeSet | None = None,
        theme: str | None = None,
        notify: Notify | None = None,
        plugins: str = "",
        welcome: bool = False,
        leave_surely: Callable[[int], None] = lambda _: None,
        tour_lab: LabFactory | None = None,
        tour: TourWanted | None = None,
    ) -> None:
        """spec: the settings of the run to open. checkpoint: the state it begins in. said: what the
        command line names in texts, which the worker looks up.

        store: the file that the lab records runs in; None if it records none. run: the number of
        a recorded run, opened instead of `spec`. changes: settings with which that run goes on from
        the end of its record, as a fork. theme: a name; the one of last time, if not given.
        notify: how the end of a run is told; as last time, if not given. plugins: the options that
        choose the plugins, for commands that a person may paste. welcome: tell somebody who has
        never been here what to press.
        leave_surely: called with the exit code before the screen is taken down, which may hang;
        see quit.sure_leaving.
        tour_lab: makes the lab of the tour; None if there is no tour. tour: begin with the tour,
        and end with it.
        """
        self.preferences = Preferences.load()
        self.caption = Caption(notify or way_of(self.preferences.get("notify", "off")))
        self._plugins, self._recorded = plugins, store is not None
        self.farewell: tuple[str, ...] = ()
        """What is to be said on the terminal once the screen is gone, a line each."""
        super().__init__()
        self._gate = Gate()
        # A traceback of ours goes through the gate of standard error, which shows no colours.
        self.error_console = Console(markup=False, highlight=False, stderr=True, color_system=None)
        self._own = self._desk_of(lab_factory, store)
        self.add_mode(OWN, self._own.make_screen)
        self._tour: Desk | None = None
        """The desk of the tour, while it is taken."""
        self._lit: tuple[str, int] = ("", 0)
        """The lesson and the step that lit up a panel last."""
        self._guided: object = None
        """Where the lesson stood when the guide took the keys last."""
        self._tour_lab, self._tour_wanted = tour_lab, tour
        self._goes_on = False
        """True if the person's own run trains on when the tour is left."""
        self.copying = Copying(
            self.controller, self.caption, self.preferences, self.copy_to_clipboard, plugins
        )
        self._run, self._changes, self._probes = run, changes or {}, probes
        self._spec = spec
        self._checkpoint = checkpoint
        self._sampling, self._said = sampling, said
        here_before = self.preferences.get("welcomed", False)
        self._new_here = welcome and not here_before and run is None and checkpoint is None
        self._greeting = False
        """True while a person is told what to press."""
        self._acted = False
        """True once a key or a click has done something."""
        self._notices = Notices(self._toast, super().clear_notifications, self.call_later)
        self._redraw_due = False
        self._drawn = 0.0
        """When the open run's screen was drawn last."""
        self._behind_due: Timer | None = None
        """Draws that screen once more while a dialog lies over it."""
        self._heard = 0.0
        """When the last key or click came."""
        self._leaving = False
        self._leave_surely = leave_surely
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        self.theme = choose_theme(theme, self.preferences.get("theme", ""), self.available_themes)

    def _desk_of(
        self, lab_factory: LabFactory, store: Path | None, lessons: Lessons | None = None
    ) -> Desk:
        model = PlaygroundModel(interpreting=self.preferences.get("sentence", True))
        return Desk(
            self,
            lab_factory,
            model,
            changed=self.redraw,
            say=self.say,
            failed=self.fail,
            store=store,
            lessons=lessons,
            preferences=self.preferences,
        )

    @property
    def desk(self) -> Desk:
        """What is on screen: the person's own run, or that of a lesson."""
        return self._tour or self._own

    @property
    def model(self) -> PlaygroundModel:
        return self.desk.model

    @property
    def controller(self) -> Controller:
        return self.desk.controller

    @property
    def main(self) -> MainScreen:
        return self.desk.main

    @override
    def get_driver_class(self) -> type[Driver]:
        kind = super().get_driver_class()
        if sys.platform != "win32" and kind.__name__ == "LinuxDriver":
            from playground.tui.terminal import SteadyDriver

            kind = SteadyDriver
        return holding_columns(in_window(kind, self.caption.window))

    @override
    def get_line_filters(self) -> Sequence[LineFilter]:
        filters = super().get_line_filters()
        if self.native_ansi_color:  # Textual chose the filter of NO_COLOR by the theme before
            filters = [NoColor() if isinstance(one, Monochrome) else one for one in filters]
        return [*filters, self._gate]

    @override
    def notify(self, message: str, *, title: str = "", **options: Any) -> None:
        """Show a toast of plain text, whoever wrote it."""
        options["markup"] = False
        super().notify(plain(message).plain, title=plain(title).plain, **options)

    @override
    def copy_to_clipboard(self, text: str) -> None:
        """Copy a text; what of it UTF-8 cannot say is copied as it is shown."""
        super().copy_to_clipboard(text.encode("utf-8", "backslashreplace").decode("utf-8"))

    def on_load(self) -> None:
        # On Python 3.12 and newer Textual lets tasks begin within `create_task`. A task here begins
        # in the next turn of the loop, whatever the Python: keys are heard in order by that.
        asyncio.get_running_loop().set_task_factory(None)
        on_signals(self._leave_soon)  # before the driver takes the terminal

    def on_mount(self) -> None:
        self.controller.start()
        self.controller.tasks.do(self._begin())
        if self.preferences.trouble:
            self.say(Remark("Preferences are the usual ones", self.preferences.trouble, "warning"))
        # After ctrl+z the shell has drawn over the screen, and Textual draws only what changed.
        self.app_resume_signal.subscribe(self, lambda _: self._draw_anew())
        self.theme_changed_signal.subscribe(
            self, lambda theme: self.preferences.set("theme", theme.name)
        )

    def on_ready(self) -> None:
        """From now on a new size is shown in one picture."""
        self._own.main.held.start()

    async def _begin(self) -> None:
        """Open the first run, and tell of one that was interrupted."""
        if self._tour_wanted is not None:
            await self.take_tour(self._tour_wanted)
            return
        opening = self.controller.opening
        if self._run is not None and self._changes:
            from playground.tui.screens.fork.fields import fork_name

            name = fork_name(self._changes)
            opened = await self.controller.runs.go_on_changed(self._run, self._changes, name)
        elif self._run is not None:
            opened = await opening.open_recorded(self._run)
        else:
            opened = await opening.open(
                self._spec,
                checkpoint=self._checkpoint,
                sampling=self._sampling,
                said=self._said,
            )
        if not opened and self.model.info is None:
            await opening.open("{}")  # in place of the wanted run, whose failure was told
        if self._probes is not None and self.model.info is not None:
            await self.controller.training.set_probes(self._probes)
        await self.controller.runs.offer(new=self._run is None and self._checkpoint is None)
        if self._acted:  # a key was quicker than the store
            self.model.offer = ()
        self._greeting = self.model.welcome = self._new_here and not self.model.offer
        self.redraw()
        self.controller.tasks.spawn(warming.load())

    # ------------------------------------------------------------ what the controller reports

    def redraw(self) -> None:
        """Draw the model soon; many calls in a row make one drawing."""
        if not self._redraw_due:
            self._redraw_due = True
            self.call_later(self._draw_now)

    def on_resize(self, event: events.Resize) -> None:
        if self.screen is self.main and event.size != self.main.size:
            self.main.held.begin()
        for screen in self.screen_stack:
            classify(screen, event.size)

    def _draw_anew(self) -> None:
        self.refresh(layout=True)
        self.redraw()

    @override
    async def run_action(self, *args: Any, **options: Any) -> bool:
        """Do what a key is for. The offer to go on with another run has had its time then."""
        done = await super().run_action(*args, **options)
        self._acted = self._acted or done
        if done and self.model.offer:
            self.model.offer = ()
            self.redraw()
        return done

    def _greet(self) -> None:
        """Greet nobody any more who trains, or has had enough of it, now and at later starts."""
        if self.model.step or self.model.running:
            self.model.welcome = False
        if self._greeting and not self.model.welcome:
            self._greeting = False
            self.preferences.set("welcomed", True)

    def _draw_now(self) -> None:
        self._redraw_due = False
        if self.main.is_mounted and not self._leaving:
            self._greet()
            top = self.screen_stack[-1]
            if not self._covered:
                self._draw_front()
            elif self._behind_due is None:
                wait = self._drawn + 1 / BEHIND_PER_SECOND - monotonic()
                self._behind_due = self.set_timer(max(AT_ONCE, wait), self._draw_behind)
            if isinstance(top, Dialog) and top.is_mounted:
                top.draw()
            self.caption.show(self.model)

    def _draw_front(self) -> None:
        self._drawn = monotonic()
        self._front.draw()

    def _draw_behind(self) -> None:
        """Draw what lies behind a dialog, between keys."""
        self._behind_due, now = None, monotonic()
        if not self.screen_stack or not self.main.is_mounted or self._leaving:
            return
        quiet = self._heard + QUIET - now
        if self._covered and quiet > 0 and now < self._drawn + HELD:
            self._behind_due = self.set_timer(max(AT_ONCE, quiet), self._draw_behind)
        else:
            self._draw_front()

    @property
    def _covered(self) -> bool:
        """True while a dialog lies over what shows the open run."""
        top = self.screen_stack[-1]
        return top is not self._front and isinstance(top, ModalScreen)

    def _set_pace(self) -> None:
        """Follow the run as fast as what shows it is drawn."""
        frames = self.controller.frames
        frames.per_second = BEHIND_PER_SECOND if self._covered else FRAMES_PER_SECOND

    @override
    def pop_screen(self) -> AwaitComplete:
        popped = super().pop_screen()
        self._set_pace()
        self.controller.frames.touch()
        self.redraw()  # what was covered shows how far the run has got meanwhile
        return popped

    @property
    def _front(self) -> MainScreen | InsideScreen:
        """The screen that shows the open run: the microscope, where it lies over the panels."""
        if len(self.screen_stack) > 1:
            from playground.tui.screens.inside.screen import InsideScreen

            for screen in self.screen_stack[1:]:
                if isinstance(screen, InsideScreen):
                    return screen
        return self.main

    def say(self, remark: Remark) -> None:
        """Show a toast of plain text, in place of an earlier one about the same thing."""
        self._notices.say(remark)

    def _toast(self, remark: Remark, seconds: float) -> None:
        self.notify(
            remark.message or " ",
            title=remark.title,
            severity=remark.severity,
            timeout=seconds,
            markup=False,
        )

    @override
    def clear_notifications(self) -> None:
        self._notices.forget()
        super().clear_notifications()

    def fail(self, error: BaseException) -> None:
        """Keep the run, then end with the traceback of a defect of the playground."""

        async def raise_here() -> None:
            await self._keep_run()
            raise error

        self.call_later(raise_here)

    # ------------------------------------------------------------ the tour

    def action_tour(self, lesson: str = "") -> None:
        """Take the tour, or in it choose another lesson."""
        tour = self._tour.controller.tour if self._tour is not None else None
        if self._tour is not None and tour is not None:
            if lesson:
                self._tour.controller.tasks.do(tour.go_on(lesson))
            else:
                self._tour.dialogs.open("lessons")
        else:
            self._own.controller.tasks.do(self.take_tour(TourWanted(lesson)))

    async def take_tour(self, wanted: TourWanted) -> None:
        """Show the tour on a desk of its own; the person's own run waits meanwhile."""
        if self._tour is not None or self._tour_lab is None:
            return
        own = self._own
        self._goes_on = own.model.running
        if self._goes_on:
            await own.controller.lab.pause()
        journal = Journal.load()
        lessons = Lessons(journal, wanted.base, wanted.teaching)
        store = tour_store() if self._recorded else None
        desk = self._tour = self._desk_of(self._tour_lab, store, lessons)
        assert desk.controller.tour is not None
        desk.controller.tour.moved = self._lesson_moved
        self._guided = None
        self.clear_notifications()
        self.add_mode(TOUR, desk.make_screen)
        await self.switch_mode(TOUR)
        desk.main.held.start()
        desk.controller.start()
        if journal.trouble:
            self.say(Remark("Your place is not kept", journal.trouble, "warning"))
        if wanted.lesson:
            desk.controller.tasks.do(desk.controller.tour.go_on(wanted.lesson))
        else:
            desk.dialogs.open("lessons")

    async def _leave_tour(self) -> None:
        """Return to the person's own run, as it was."""
        desk = self._tour
        if desk is None:
            return
        self.key_order.forget()
        self.clear_notifications()
        await self.switch_mode(OWN)
        self._tour = None
        await desk.controller.close()
        await self.remove_mode(TOUR)
        if self._goes_on:
            await self._own.controller.lab.run(SPEEDS[self._own.model.speed])
        self._own.controller.frames.touch()
        self.redraw()

    def _lesson_moved(self) -> None:
        """Another step of the lesson begins, or a task is done: the guide takes the keys."""
        if self._tour is None or not self._tour.main.is_mounted:
            return
        self._light()
        tour = self._tour.controller.tour
        now = tour and (tour.card, tour.index, tour.phase, tour.step is not None and tour.step.done)
        if now != self._guided:  # told again of the same, it takes the keys from nobody
            self._guided = now
            self.action_guide(only_to=True)
        self.redraw()

    def _light(self) -> None:
        """Light up what the lesson speaks of. A step that begins in the microscope, and speaks of a
        panel, leads out of it."""
        desk = self._tour
        if desk is None or (tour := desk.controller.tour) is None:
            return
        at = tour.step.at if tour.step is not None else ""
        desk.main.light(at)
        place = (tour.card.name if tour.card else "", tour.index)
        if place != self._lit:
            self._lit = place
            if at in LIT_PANELS and self.screen is not desk.main and self.screen.query(Guide):
                self.pop_screen()

    def action_guide(self, only_to: bool = False) -> None:
        """Give the keys to the guide; if it has them, to what it speaks of."""
        top = self.screen_stack[-1]
        guides = top.query(Guide)
        if not guides:
            return
        tour = self._tour.controller.tour if self._tour is not None else None
        if not guides.first().has_focus:
            if not (only_to and is_typed_into(top.focused)):
                top.set_focus(guides.first())
            if not only_to:
                self._light()
        elif not only_to and tour is not None and not tour.goes_on:
            top.set_focus(self.main.lit_target() if top is self.main else None)

    def on_guide_left(self) -> None:
        """Choose another lesson, on the main screen."""
        if self._tour is not None:
            if self.screen is not self._tour.main:
                self.pop_screen()
            self.call_later(self._tour.dialogs.open, "lessons")

    # ------------------------------------------------------------ leaving

    @property
    def _options(self) -> str:
        """The options with which a command finds the same plugins, and records as this one did."""
        return ("" if self._recorded else " --no-record") + self._plugins

    def _leave_soon(self, code: int) -> None:
        self.call_later(self.leave, code)

    def action_leave(self) -> None:
        if self._tour is not None and self._tour_wanted is None:
            self.call_later(self._leave_tour)
        else:
            self._leave_soon(0)

    async def leave(self, code: int = 0) -> None:
        """Keep the run for next time, and quit."""
        if self._leaving:
            return
        self._leaving = True
        self.key_order.forget()
        tour, self._tour = self._tour, None
        if tour is not None:
            await tour.controller.close()
            if self._tour_wanted is not None:
                command = tour_command(
                    self._tour_wanted.base,
                    teaching=self._tour_wanted.teaching,
                    options=self._options,
                )
                taken = tour.controller.tour
                lost = taken is not None and taken.journal.trouble
                words = (
                    "The tour could not keep your place. To begin it again:"
                    if lost
                    else "The tour keeps your place. To go on with it:"
                )
                self.farewell = (words, command)
        saved = await self._keep_run()
        if code == 0 and self.model.frame is not None:
            self.farewell = farewell(
                self.model.step,
                self.model.frame.steps,
                run=None if self.model.unrecorded else self.model.run,
                name=self.model.name,
                saved=saved,
                options=self._options,
            )
        await self.controller.close()
        self.farewell += self.controller.sweeps.farewell
        self._leave_surely(code)
        await composed(self.screen_stack)
        # What a screen does in the background, as the palette looks for commands, would go on while
        # its widgets are taken away.
        self.workers.cancel_all()
        for screen in self.screen_stack:
            if isinstance(screen, AnswersOnce):
                screen.rest()
        self.exit(code)

    # From `exit` on Textual mounts no widget. A screen that is composed meanwhile lacks its parts,
    # and its first handler that asks for one of them would end the playground with a traceback.

    @override
    async def on_event(self, event: events.Event) -> None:
        """Hear no key and no click before the screen has its parts, and none any more while the
        playground is being left."""
        if isinstance(event, events.InputEvent):
            self._heard = monotonic()
            if not self._leaving and self.screen_stack and not self.screen.is_mounted:
                await composed(self.screen_stack)
            if self._leaving:
                return
        await super().on_event(event)

    @override
    def push_screen(self, *args: Any, **options: Any) -> Any:
        """Open a screen, but none any more while the playground is being left."""
        if self._leaving:
            return AwaitMount(self.screen, [])
        pushed = super().push_screen(*args, **options)
        self._set_pace()
        return pushed

    async def _keep_run(self) -> bool:
        """Keep the run for next time; False if it is not kept."""
        record = await self.controller.record()
        if record is not None and record.run is not None and record.trouble is None:
            return True  # the worker records the rest of the run when the lab closes it
        if self.model.info is not None and self.model.step > 0:
            wait = Remark("Keeping the run for next time", "Then the playground closes.")
            return await keep_run(self.controller.lab, lambda: self.say(wait))
        return False

    def action_sentence(self) -> None:
        """Show or hide the sentence that says what the losses mean, and remember which."""
        self.model.interpreting = not self.model.interpreting
        self.preferences.set("sentence", self.model.interpreting)
        self.redraw()

    # ------------------------------------------------------------ palette

    @override
    def action_command_palette(self) -> None:
        from playground.tui.palette import Palette

        if not isinstance(self.screen, Palette):
            # Without Textual's id, which one that is still going would have too.
            self.push_screen(Palette())

    @override
    def search_themes(self) -> None:
        from textual.theme import ThemeProvider

        from playground.tui.palette import Palette

        self.push_screen(Palette([ThemeProvider], placeholder="Search for themes…"))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The palette of the main screen; on other screens only what works on each of them."""
        if screen is self.main:
            from playground.tui.palette import commands

            yield from commands(self.main)
            yield from self.copying.commands(self.call_later)
        else:
            yield SystemCommand("Theme", "Change the colours", self.search_themes)
