"""What there is, where it comes from, and what could not be loaded."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static
from textual.widgets.option_list import Option

from playground.catalog import KINDS, Catalog, Entry, Kind, Problem
from playground.tui.screens.dialog import MUTED, Dialog
from playground.tui.screens.lists import PickList, name_column
from playground.tui.screens.message import MessageScreen
from playground.tui.widgets.text import fit, visible

TITLES: dict[Kind, str] = {
    "dataset": "Data sets",
    "tokenizer": "Tokenizers",
    "strategy": "Sampling strategies",
    "engine": "Engines",
    "schedule": "Learning-rate schedules",
    "metric": "Metrics",
    "panel": "Panels",
    "exporter": "Exporters",
}
STAGES = {
    "import": "could not be imported",
    "hook": "a hook of it failed",
    "contribution": "offers something that cannot be used",
    "clash": "clashes with another",
}


class PluginsScreen(Dialog[None]):
    """The catalog by kind; problems first, each with its traceback on enter."""

    HEADING = "Plugins"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "look", "look closer", id="plugins.look",
                tooltip="The whole of it: knobs, origin, or the traceback of a problem"),
        Binding("escape", "cancel", "close", key_display="esc", id="plugins.close"),
        Binding("q,p", "cancel", "close", show=False, id="plugins.close-too"),
    ]  # fmt: skip
    DEFAULT_CSS = """
    PluginsScreen {
        &.-low #dialog-foot { margin: 0; }
        #dialog { max-width: 120; }
        &.-low #dialog { height: 100%; }
        &.-low #dialog-body { height: 1fr; }
        #plugins-list { height: auto; max-height: 68vh; }
        &.-low #plugins-list { height: 1fr; max-height: 100%; }
        #plugins-how { height: auto; color: $text-muted; margin: 1 0 0 0; }
    }
    """

    def __init__(self, catalog: Catalog, folder: str = "") -> None:
        super().__init__()
        self._catalog, self._folder = catalog, folder
        self._things: list[Entry | Problem | None] = []

    def body(self) -> Iterable[Widget]:
        yield PickList(*self._lines(), id="plugins-list", compact=True)
        folder = visible(self._folder)
        yield Static(
            Content.assemble(
                "A plugin is one Python file with a hook in it. Put it into\n",
                (folder, "$foreground"),
                "\nand start again. Plugins are code, and run with your rights.",
            )
            if folder
            else "",
            id="plugins-how",
            markup=False,
        )

    @property
    def remark(self) -> str:
        count, bad = len(self._catalog.entries), len(self._catalog.problems)
        found = f"{count} contributions"
        return found + (f", {bad} problem{'s' if bad > 1 else ''}" if bad else "")

    def on_mount(self) -> None:
        picks = self.query_one(PickList)
        self.set_focus(picks)
        first = next((at for at, thing in enumerate(self._things) if thing is not None), None)
        picks.highlighted = first
        picks.scroll_home(animate=False)

    def _lines(self) -> Iterable[Option]:
        options: list[Option] = []

        def heading(text: str) -> None:
            if options:
                options.append(Option("", disabled=True))
                self._things.append(None)
            options.append(Option(Content.styled(text, "bold $foreground"), disabled=True))
            self._things.append(None)

        problems = self._catalog.problems
        if problems:
            heading("Problems")
        for problem in problems:
            options.append(Option(_problem_line(problem)))
            self._things.append(problem)
        width = name_column([entry.name for entry in self._catalog.entries], 22)
        origins = name_column([_source(entry) for entry in self._catalog.entries], 24)
        for kind in KINDS:
            entries = self._catalog.of(kind)
            if entries:
                heading(TITLES[kind])
            for entry in entries:
                options.append(Option(_entry_line(entry, width, origins)))
                self._things.append(entry)
        return options

    def on_pick_list_chosen(self, event: PickList.Chosen) -> None:
        event.stop()
        self.action_look()

    def action_look(self) -> None:
        at = self.query_one(PickList).highlighted
        thing = self._things[at] if at is not None else None
        if isinstance(thing, Problem):
            self.app.push_screen(
                MessageScreen(
                    f"{thing.plugin} {STAGES[thing.stage]}",
                    f"{thing.message}\n{thing.origin}",
                    thing.detail,
                    [("ok", "Close")],
                )
            )
        elif isinstance(thing, Entry):
            self.app.push_screen(
                MessageScreen(
                    thing.name,
                    f"{thing.summary}\n{thing.qualified}, {thing.origin}",
                    "\n".join(_knob_line(thing)),
                    [("ok", "Close")],
                )
            )


def _problem_line(problem: Problem) -> Content:
    return Content.assemble(
        ("✗ ", "bold $text-error"),
        (visible(problem.plugin), "bold"),
        (f" {STAGES[problem.stage]}: ", MUTED),
        visible(problem.message),
    )


def _entry_line(entry: Entry, width: int, origins: int) -> Content:
    return Content.assemble(
        f"  {fit(visible(entry.name), width)}  ",
        (f"{fit(_source(entry), origins)}  ", MUTED),
        visible(entry.summary),
    )


def _source(entry: Entry) -> str:
    """The origin in short: of a file only its name, which tells more than its first folders."""
    kind, _, path = entry.origin.partition(" ")
    return visible(f"file {Path(path).name}" if kind == "file" else entry.origin)


def _knob_line(entry: Entry) -> Iterable[str]:
    for control in entry.controls:
        ends = (
            f"{control.minimum:g} to {control.maximum:g}, "
            if control.minimum is not None and control.maximum is not None
            else f"{', '.join(control.choices)}; "
            if control.choices
            else ""
        )
        about = f"  {control.help}" if control.help else ""
        yield f"{control.label}: {ends}{control.default!r} at first.{about}"
