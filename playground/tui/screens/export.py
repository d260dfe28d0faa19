"""Taking the run elsewhere: which format, and where to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Button, Input

from playground.catalog import BUILTIN, Entry, Kind, KnobValue
from playground.tui.model import PlaygroundModel
from playground.tui.screens.dialog import Line, warning
from playground.tui.screens.lists import entry_name
from playground.tui.screens.paths import PathInput, absolute, here, say_target
from playground.tui.screens.picker import ContributionPicker
from playground.tui.widgets.text import visible

_SUFFIXES = {"csv": ".csv", "json-lines": ".jsonl"}
"""What the files of the built-in exporters are called; a plugin's may be folders."""


class ExportScreen(ContributionPicker):
    """Dismissed with {"name": ..., "options": {...}, "path": ...}, or None."""

    HEADING = "Export the run as ..."
    KIND: ClassVar[Kind] = "exporter"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "accept", "export", id="export.export", tooltip="Write the run"),
    ]
    DEFAULT_CSS = """
    ExportScreen {
        #dialog { max-width: 100; height: auto; }
        &.-high #dialog { height: auto; }
        #dialog-body { height: auto; }
        #picker-columns { height: auto; layout: vertical; }
        #picker-left { height: auto; width: 100%; margin: 0; }
        #picker-right { height: auto; max-height: 40vh; width: 100%; }
        #picker-list { max-height: 8; }
        #export-path { margin: 1 0 0 0; }
        #export-state { min-height: 2; margin: 1 0 0 0; }
    }
    """

    def __init__(self, model: PlaygroundModel) -> None:
        super().__init__(model)
        self.entries = model.catalog.listed("exporter") if model.catalog else ()
        self._suggested = ""
        self._confirmed = ""
        """The existing file that the next enter replaces."""

    @property
    def present(self) -> Mapping[str, Any]:
        return {}

    @property
    def remark(self) -> str:
        return ""

    def buttons(self) -> Iterable[Widget]:
        yield Button("Export", compact=True, id="picker-open")

    def below(self) -> Iterable[Widget]:
        yield PathInput(placeholder="path of the file", id="export-path")
        yield Line(id="export-state")

    def more(self) -> Iterable[Widget]:
        return ()

    def describe(self, entry: Entry) -> None:
        """Another format has another suffix, unless the person has typed a name."""
        # The list says it all, but for how one gets what is not there.
        self.query_one("#picker-details", Line).say(
            warning(visible(entry.missing)) if entry.missing else ""
        )
        field = self.query_one("#export-path", PathInput)
        if field.value == self._suggested:
            self._suggested = field.value = str(here() / self._name_for(entry))
            field.cursor_position = len(field.value)
        self._say()

    def _name_for(self, entry: Entry) -> str:
        info = self.model.info
        title = Path(info.dataset_title).stem if info is not None else ""
        suffix = _SUFFIXES.get(entry.name, "") if entry.plugin == BUILTIN else f"-{entry.name}"
        return f"{title or 'run'}-step{self.model.step}{suffix}"

    # ------------------------------------------------------------ where to

    def _path(self) -> Path | None:
        """Where to write; None if nothing was typed."""
        typed = self.query_one("#export-path", PathInput).value.strip()
        return absolute(typed) if typed else None

    def _say(self) -> bool:
        """Show what enter would do; True if it can be done."""
        state = self.query_one("#export-state", Line)
        return say_target(state, self._path(), self._confirmed, "exporting")

    @on(Input.Changed, "#export-path")
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._confirmed = ""
        self._say()

    def accept(self, entry: Entry, options: dict[str, KnobValue]) -> None:
        if entry.missing:
            self.app.bell()  # the line below says why
            return
        path = self._path()
        if not self._say() or path is None:
            self.set_focus(self.query_one("#export-path", PathInput))
            return
        if path.exists() and self._confirmed != str(path):
            self._confirmed = str(path)
            self._say()
            return
        name = entry_name(entry, self.entries)
        self.dismiss({"name": name, "options": options, "path": str(path)})
