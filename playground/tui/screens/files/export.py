"""The dialog that exports the run: in which format, and to which file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Button
from typing_extensions import override

from playground.catalog import BUILTIN, SUFFIXES, Entry, Kind, KnobValue
from playground.tui.screens.dialog import Line
from playground.tui.screens.files.paths import here
from playground.tui.screens.files.target import Target
from playground.tui.screens.pick.lists import entry_name
from playground.tui.screens.pick.picker import OfferPicker


class ExportScreen(OfferPicker):
    """Chooses an exporter and a file.

    The dialog is dismissed with {"name": ..., "options": {...}, "path": ...}, or with None.
    """

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
        #export-target PathInput { margin: 1 0; }
    }
    """

    @property
    def present(self) -> Mapping[str, Any]:
        return {}

    def buttons(self) -> Iterable[Widget]:
        yield Button("Export", compact=True, id="picker-open")

    def below(self) -> Iterable[Widget]:
        yield Target("export", "exporting")

    def more(self) -> Iterable[Widget]:
        return ()

    def describe(self, entry: Entry) -> None:
        """Suggest a file with the ending of this format, unless the person has typed a name; say of
        a format that is not installed how to get it."""
        self.query_one("#picker-details", Line).say("")
        super().describe(entry)
        target = self.query_one(Target)
        target.display = not entry.missing
        target.suggest(str(here() / self._name_for(entry)))

    def _name_for(self, entry: Entry) -> str:
        info = self.model.info
        title = Path(info.dataset_title).stem if info is not None else ""
        return f"{title or 'run'}-step{self.model.step}{self.suffix_for(entry)}"

    @staticmethod
    def suffix_for(entry: Entry) -> str:
        """The ending for a file of this format; a plugin's may be a folder, and is named by it."""
        return SUFFIXES.get(entry.name, "") if entry.plugin == BUILTIN else f"-{entry.name}"

    @override
    def settle(self, entry: Entry, options: dict[str, KnobValue]) -> None:
        path = self.query_one(Target).settled()
        if path is not None:
            name = entry_name(entry, self.entries)
            self.dismiss({"name": name, "options": options, "path": str(path)})
