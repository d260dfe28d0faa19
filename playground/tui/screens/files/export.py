"""The dialog that exports the run: in which format, and to which file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button
from textual.widgets.option_list import Option

from playground.catalog import BUILTIN, SUFFIXES, Entry, Kind, KnobValue
from playground.tui.model import PlaygroundModel
from playground.tui.screens.dialog import MUTED, Line, error, warning
from playground.tui.screens.files.paths import here
from playground.tui.screens.files.target import Target
from playground.tui.screens.pick.engines import MISSING
from playground.tui.screens.pick.lists import entry_line, entry_name, name_column
from playground.tui.screens.pick.picker import ContributionPicker
from playground.tui.widgets.text import fit, visible


class ExportScreen(ContributionPicker):
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

    def __init__(self, model: PlaygroundModel) -> None:
        super().__init__(model)
        self.entries = model.catalog.listed("exporter") if model.catalog else ()

    @property
    def present(self) -> Mapping[str, Any]:
        return {}

    @property
    def remark(self) -> str:
        missing = any(entry.missing for entry in self.entries)
        return f"{MISSING} not installed" if missing else ""

    def buttons(self) -> Iterable[Widget]:
        yield Button("Export", compact=True, id="picker-open")

    def below(self) -> Iterable[Widget]:
        yield Target("export", "exporting")

    def more(self) -> Iterable[Widget]:
        return ()

    def describe(self, entry: Entry) -> None:
        """Suggest a file with the ending of this format, unless the person has typed a name; say of
        a format that is not installed how to get it."""
        self.query_one("#picker-details", Line).say(
            warning(f"{visible(entry.name)}: {visible(entry.missing)}") if entry.missing else ""
        )
        target = self.query_one(Target)
        target.display = not entry.missing
        target.suggest(str(here() / self._name_for(entry)))
        self.refresh_bindings()

    def _lines(self) -> list[Option]:
        names = [entry_name(entry, self.entries) for entry in self.entries]
        width = name_column(names)
        return [
            Option(
                entry_line(entry, name, width, " ")
                if not entry.missing
                else Content.styled(f"{MISSING} {fit(visible(name), width)}  not installed", MUTED)
            )
            for entry, name in zip(self.entries, names, strict=True)
        ]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What is not installed is not offered to be exported with."""
        if action == "accept" and self.is_mounted and self.entry is not None and self.entry.missing:
            return False
        return super().check_action(action, parameters)

    def _name_for(self, entry: Entry) -> str:
        info = self.model.info
        title = Path(info.dataset_title).stem if info is not None else ""
        return f"{title or 'run'}-step{self.model.step}{self.suffix_for(entry)}"

    @staticmethod
    def suffix_for(entry: Entry) -> str:
        """The ending for a file of this format; a plugin's may be a folder, and is named by it."""
        return SUFFIXES.get(entry.name, "") if entry.plugin == BUILTIN else f"-{entry.name}"

    def choose(self, entry: Entry, options: dict[str, KnobValue]) -> None:
        if entry.missing:
            words = f"{visible(entry.name)}: {visible(entry.missing)}"
            self.query_one("#picker-details", Line).say(error(words))
            self.app.bell()
            return
        path = self.query_one(Target).settled()
        if path is not None:
            name = entry_name(entry, self.entries)
            self.dismiss({"name": name, "options": options, "path": str(path)})
