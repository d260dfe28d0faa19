"""The command palette: every key of the main screen, and everything there is to choose from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any, ClassVar

from textual import events, on
from textual.app import ComposeResult, SystemCommand
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.command import CommandList, CommandPalette
from textual.widgets import Button, Input, OptionList
from typing_extensions import override

from playground.tui.bindings import MAIN_BINDINGS
from playground.tui.model import KIND_NAMES, SPEEDS
from playground.tui.panels.status import speed_text
from playground.tui.screens.main import MainScreen
from playground.tui.widgets.gate import markup
from playground.tui.widgets.paging import turn_page


class SteadyCommands(CommandList):
    """The commands found, which change under the mouse while a person types."""

    def on_click(self, event: events.Click) -> None:
        if event.style.meta.get("option", -1) >= self.option_count:
            event.stop()
            event.prevent_default()  # the command that was clicked has gone meanwhile


class Palette(CommandPalette):
    """Textual's palette, which chooses one command, however fast enter is pressed again."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("pageup", "page(-1)", "Page up", show=False, id="palette.page-up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="palette.page-down"),
    ]

    _chosen = False

    @override
    def compose(self) -> ComposeResult:
        for widget in super().compose():
            yield SteadyCommands() if type(widget) is CommandList else widget

    @override
    def dismiss(self, result: None = None) -> AwaitComplete:
        """Close once: a second time would close the screen below."""
        if self._chosen:
            return AwaitComplete()
        self._chosen = True
        return super().dismiss(result)

    @on(Input.Submitted)
    @on(Button.Pressed)
    @on(OptionList.OptionSelected)
    def _late(self, event: Input.Submitted | Button.Pressed | OptionList.OptionSelected) -> None:
        """Choose nothing more once a command is chosen. Textual calls this before its own
        handlers."""
        if self._chosen:
            event.stop()
            event.prevent_default()

    def action_page(self, by: int) -> None:
        turn_page(self.query_one(CommandList), by)


def commands(main: MainScreen) -> Iterable[SystemCommand]:
    """What the palette offers on the main screen, in the markup that Textual's palette reads."""
    for command in _all(main):
        yield command._replace(title=markup(command.title), help=markup(command.help))


def _all(main: MainScreen) -> Iterable[SystemCommand]:
    for binding in MAIN_BINDINGS:
        if binding.action not in ("escape", "app.command_palette"):
            key = binding.key_display or binding.key
            yield SystemCommand(
                f"{binding.description.capitalize()} ({key})",
                binding.tooltip,
                _later(main, partial(main.run_action, binding.action)),
            )
    yield from _speeds(main)
    yield from _views(main)
    yield from _entries(main)
    yield SystemCommand("Theme", "Change the colours", main.app.search_themes)


def _later(main: MainScreen, work: Callable[[], Awaitable[Any] | None]) -> Callable[[], None]:
    """A command that does the work once the palette has closed."""

    def run() -> None:
        main.app.call_later(work)

    return run


def _speeds(main: MainScreen) -> Iterable[SystemCommand]:
    for place, speed in enumerate(SPEEDS):
        yield SystemCommand(
            f"Speed: {speed_text(speed)}",
            "How many steps a second training takes",
            _later(main, partial(main.set_speed, place)),
        )


def _views(main: MainScreen) -> Iterable[SystemCommand]:
    for kind, name in KIND_NAMES.items():
        yield SystemCommand(
            f"Parameters: show {name}",
            "Another view of the matrix on screen",
            _later(main, partial(main.show_matrix, kind=kind)),
        )
    info = main.model.info
    for place, matrix in enumerate(info.matrices if info else ()):
        yield SystemCommand(
            f"Matrix: {matrix.name}",
            f"{matrix.rows} rows of {matrix.columns}",
            _later(main, partial(main.show_matrix, place=place)),
        )


def _entries(main: MainScreen) -> Iterable[SystemCommand]:
    """What the catalog offers. A data set or a tokenizer begins a new run, which `u` undoes; an
    engine goes on with the run."""
    catalog = main.model.catalog
    if catalog is None:
        return

    def start(field: str, name: str) -> Callable[[], None]:
        return _later(main, partial(main.start, {field: {"name": name, "options": {}}}))

    for entry in catalog.of("dataset"):
        if all(control.kind != "text" for control in entry.controls):  # a path needs its dialog
            yield SystemCommand(
                f"Data set: {entry.name}",
                entry.summary,
                start("dataset", catalog.shortest(entry)),
            )
    for entry in catalog.of("tokenizer"):
        yield SystemCommand(
            f"Tokenizer: {entry.name}",
            entry.summary,
            start("tokenizer", catalog.shortest(entry)),
        )
    for entry in catalog.of("panel"):
        yield SystemCommand(
            f"Panel: {entry.name}",
            entry.summary,
            _later(main, partial(main.show_panel, catalog.shortest(entry))),
        )
    for entry in (entry for entry in catalog.of("engine") if not entry.missing):
        yield SystemCommand(
            f"Engine: {entry.name}",
            entry.summary,
            _later(main, partial(main.use_engine, catalog.shortest(entry))),
        )
