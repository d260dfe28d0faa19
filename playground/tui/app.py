"""The Textual application: it wires model, controller and screens, and keeps no state itself."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen

from playground.lab.events import LabError, LabEvent
from playground.lab.places import last_run
from playground.lab.protocol import Checkpoint
from playground.tui.bindings import MAIN_BINDINGS
from playground.tui.controller import Controller, Remark
from playground.tui.dialogs import Dialogs
from playground.tui.model import PlaygroundModel
from playground.tui.screens.main import MainScreen
from playground.tui.themes import DARK, LIGHT, choose_theme, remember_theme

if TYPE_CHECKING:
    from playground.lab.client import Lab


class PlaygroundApp(App[int]):
    """The playground. Give it the run to open; it returns the exit code."""

    CSS_PATH = Path(__file__).with_name("app.tcss")
    TITLE = "microgpt-play"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "leave", "quit", show=False, system=True, priority=True),
    ]

    def __init__(
        self,
        lab_factory: Callable[[Callable[[LabEvent], None]], Lab],
        spec: Mapping[str, Any] | str,
        *,
        checkpoint: Checkpoint | None = None,
        theme: str | None = None,
    ) -> None:
        super().__init__()
        self.model = PlaygroundModel()
        self.controller = Controller(
            lab_factory, self.model, changed=self.redraw, say=self.say, failed=self.fail
        )
        self.dialogs = Dialogs(self)
        self._spec = spec
        self._checkpoint = checkpoint
        self._redraw_due = False
        self._leaving = False
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        self.theme = choose_theme(theme, self.available_themes)

    def get_default_screen(self) -> Screen[None]:
        self.main = MainScreen(self.model)
        return self.main

    def on_mount(self) -> None:
        self.controller.start()
        self.controller.do(self._begin())
        self.theme_changed_signal.subscribe(self, lambda theme: remember_theme(theme.name))

    async def _begin(self) -> None:
        opened = await self.controller.open(self._spec, checkpoint=self._checkpoint)
        if not opened and self.model.info is None:
            # A file that cannot be read: say so, and show what can be.
            await self.controller.open("{}")

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
            timeout=12 if remark.severity == "error" else 5,
            markup=False,
        )

    def fail(self, error: BaseException) -> None:
        """A defect of the playground itself: end with the traceback, after keeping the run."""

        async def raise_here() -> None:
            await self._keep_run()
            raise error

        self.call_later(raise_here)

    # ------------------------------------------------------------ leaving

    async def action_leave(self) -> None:
        await self.leave()

    async def leave(self) -> None:
        """Quit; the run is kept for next time."""
        if self._leaving:
            return
        self._leaving = True
        await self._keep_run()
        await self.controller.close()
        self.exit(0)

    async def _keep_run(self) -> None:
        if self.model.info is None or self.model.step == 0:
            return
        # A full disk must not keep anyone from leaving.
        with contextlib.suppress(LabError, OSError):
            path = last_run()
            path.parent.mkdir(parents=True, exist_ok=True)
            await self.controller.lab.save(str(path))

    # ------------------------------------------------------------ palette

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Everything there is, from the same table as the footer and the help."""
        if screen is self.main:
            for binding in MAIN_BINDINGS:
                if binding.action != "escape":
                    key = binding.key_display or binding.key
                    yield SystemCommand(
                        f"{binding.description.capitalize()} ({key})",
                        binding.tooltip,
                        self._runner(binding.action),
                    )
        yield SystemCommand("Theme", "Change the colours", self.search_themes)

    def _runner(self, action: str) -> Callable[[], None]:
        def run() -> None:
            self.call_later(self.main.run_action, action)

        return run
