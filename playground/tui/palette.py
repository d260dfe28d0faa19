"""The command palette: every key of the table, and everything there is to choose from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from textual.app import SystemCommand

from playground.catalog import Entry
from playground.tui.bindings import MAIN_BINDINGS
from playground.tui.model import KIND_NAMES, SPEEDS
from playground.tui.panels.status import speed_text
from playground.tui.widgets.text import visible

if TYPE_CHECKING:
    from playground.tui.app import PlaygroundApp


def commands(app: PlaygroundApp) -> Iterable[SystemCommand]:
    """What the palette offers on the main screen."""
    for binding in MAIN_BINDINGS:
        if binding.action != "escape":
            key = binding.key_display or binding.key
            yield SystemCommand(
                f"{binding.description.capitalize()} ({key})",
                binding.tooltip,
                _later(app, partial(app.main.run_action, binding.action)),
            )
    yield from _speeds(app)
    yield from _views(app)
    yield from _entries(app)
    yield SystemCommand("Theme", "Change the colours", app.search_themes)


def _later(app: PlaygroundApp, work: Callable[[], Awaitable[Any] | None]) -> Callable[[], None]:
    """Once the palette has closed."""

    def run() -> None:
        app.call_later(work)

    return run


def _speeds(app: PlaygroundApp) -> Iterable[SystemCommand]:
    for place, speed in enumerate(SPEEDS):
        yield SystemCommand(
            f"Speed: {speed_text(speed)}",
            "How many steps a second training takes",
            _later(app, partial(_set_speed, app, place)),
        )


def _set_speed(app: PlaygroundApp, place: int) -> None:
    app.controller.do(app.controller.set_speed(place))


def _views(app: PlaygroundApp) -> Iterable[SystemCommand]:
    for kind, name in KIND_NAMES.items():
        yield SystemCommand(
            f"Parameters: show {name}",
            "Another view of the matrix on screen",
            _later(app, partial(app.main.show_matrix, kind=kind)),
        )
    for place, matrix in enumerate(app.model.info.matrices if app.model.info else ()):
        yield SystemCommand(
            f"Matrix: {matrix.name}",
            f"{matrix.rows} rows of {matrix.columns}",
            _later(app, partial(app.main.show_matrix, place=place)),
        )


def _entries(app: PlaygroundApp) -> Iterable[SystemCommand]:
    """Data sets and tokenizers: choosing one starts the run anew; `u` undoes it. Engines: the
    run goes on with it."""
    catalog = app.model.catalog
    if catalog is None:
        return

    def choose(field: str, value: Any) -> Callable[[], None]:
        return _later(app, partial(app.dialogs.start, {field: value}))

    def name_of(entry: Entry) -> str:
        return entry.name if catalog.find(entry.kind, entry.name) == entry else entry.qualified

    for entry in catalog.of("dataset"):
        if all(control.kind != "text" for control in entry.controls):  # a path needs its dialog
            yield SystemCommand(
                f"Data set: {visible(entry.name)}",
                visible(entry.summary),
                choose("dataset", {"name": name_of(entry), "options": {}}),
            )
    for entry in catalog.of("tokenizer"):
        yield SystemCommand(
            f"Tokenizer: {visible(entry.name)}",
            visible(entry.summary),
            choose("tokenizer", {"name": name_of(entry), "options": {}}),
        )
    for entry in catalog.of("panel"):
        yield SystemCommand(
            f"Panel: {visible(entry.name)}",
            visible(entry.summary),
            _later(app, partial(app.main.show_panel, name_of(entry))),
        )
    for entry in (entry for entry in catalog.of("engine") if not entry.missing):
        yield SystemCommand(
            f"Engine: {visible(entry.name)}",
            visible(entry.summary),
            _later(app, partial(app.dialogs.use_engine, name_of(entry))),
        )
