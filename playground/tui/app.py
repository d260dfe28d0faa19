"""The Textual application: it wires model, controller and screens, and keeps no state itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen

from playground.lab.client.events import LabEvent
from playground.lab.protocol.probes import ProbeSet
from playground.lab.protocol.run import Checkpoint
from playground.lab.protocol.sampling import Sampling
from playground.tui.control.controller import Controller, Remark
from playground.tui.dialogs import Dialogs
from playground.tui.model import PlaygroundModel
from playground.tui.quit import keep_run, on_signals
from playground.tui.screens.main import MainScreen
from playground.tui.themes import DARK, LIGHT, choose_theme, remember_theme

if TYPE_CHECKING:
    from playground.lab.client.lab import Lab


class PlaygroundApp(App[int]):
    """The playground. Give it the run to open; it returns the exit code."""

    CSS_PATH = Path(__file__).with_name("app.tcss")
    TITLE = "microgpt-play"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "leave", "quit", show=False, system=True, priority=True),
        Binding("ctrl+z", "suspend_process", "suspend", show=False, system=True),
    ]

    def __init__(
        self,
        lab_factory: Callable[[Callable[[LabEvent], None]], Lab],
        spec: Mapping[str, Any] | str,
        *,
        checkpoint: Checkpoint | None = None,
        sampling: Sampling | None = None,
        store: Path | None = None,
        run: int | None = None,
        probes: ProbeSet | None = None,
        theme: str | None = None,
        leave_surely: Callable[[int], None] = lambda _: None,
    ) -> None:
        """store: where the lab records runs, if it does. run: one of its runs to begin with.
        leave_surely: called with the exit code before the screen is taken down, which may
        hang; see leaving.py."""
        super().__init__()
        self.model = PlaygroundModel()
        self.controller = Controller(
            lab_factory,
            self.model,
            changed=self.redraw,
            say=self.say,
            failed=self.fail,
            store=store,
        )
        self._run, self._probes = run, probes
        self.dialogs = Dialogs(self)
        self._spec = spec
        self._checkpoint = checkpoint
        self._sampling = sampling
        self._redraw_due = False
        self._leaving = False
        self._leave_surely = leave_surely
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        self.theme = choose_theme(theme, self.available_themes)

    def get_default_screen(self) -> Screen[None]:
        self.main = MainScreen(self.model)
        return self.main

    def on_mount(self) -> None:
        self.controller.start()
        self.controller.do(self._begin())
        on_signals(self._leave_soon)
        # Textual draws only what changed, and the shell has drawn over all of it.
        self.app_resume_signal.subscribe(self, lambda _: self.refresh(layout=True))
        self.theme_changed_signal.subscribe(self, lambda theme: remember_theme(theme.name))

    async def _begin(self) -> None:
        if self._run is not None:
            opened = await self.controller.open_recorded(self._run)
        else:
            opened = await self.controller.open(
                self._spec, checkpoint=self._checkpoint, sampling=self._sampling
            )
        if not opened and self.model.info is None:
            # A file that cannot be read: say so, and show what can be.
            await self.controller.open("{}")
        if self._probes is not None and self.model.info is not None:
            await self.controller.set_probes(self._probes)
        await self.controller.runs.offer()

    # ------------------------------------------------------------ what the controller reports

    def redraw(self) -> None:
        """Draw the model soon; many calls make one drawing."""
        if not self._redraw_due:
            self._redraw_due = True
            self.call_later(self._draw_now)

    def _draw_now(self) -> None:
        self._redraw_due = False
        if self.main.is_mounted and not self._leaving:
            self.main.draw()

    def say(self, remark: Remark) -> None:
        """A toast, of plain text."""
        self.notify(
            remark.message or " ",
            title=remark.title,
            severity=remark.severity,
            timeout={"error": 12, "warning": 9}.get(remark.severity, 5),
            markup=False,
        )

    def fail(self, error: BaseException) -> None:
        """A defect of the playground itself: end with the traceback, after keeping the run."""

        async def raise_here() -> None:
            await self._keep_run()
            raise error

        self.call_later(raise_here)

    # ------------------------------------------------------------ leaving

    def _leave_soon(self, code: int) -> None:
        self.call_later(self.leave, code)

    async def action_leave(self) -> None:
        await self.leave()

    async def leave(self, code: int = 0) -> None:
        """Quit; the run is kept for next time."""
        if self._leaving:
            return
        self._leaving = True
        await self._keep_run()
        await self.controller.close()
        self._leave_surely(code)
        self.exit(code)

    async def _keep_run(self) -> None:
        record = await self.controller.record()
        if record is not None and record.run is not None and record.trouble is None:
            return  # its worker writes what is left when it is closed
        if self.model.info is not None and self.model.step > 0:
            wait = Remark("Keeping the run for next time", "Then the playground closes.")
            await keep_run(self.controller.lab, lambda: self.say(wait))

    # ------------------------------------------------------------ palette

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Everything there is; in a dialog only what belongs everywhere."""
        if screen is self.main:
            from playground.tui.palette import commands

            yield from commands(self)
        else:
            yield SystemCommand("Theme", "Change the colours", self.search_themes)
