"""The small dialogs of the runs screen: a name or a note, what to group by, a file to write, a file
to read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from textual import on
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Input

from playground.lab.store import grouping
from playground.tui.screens.dialog import MUTED, Dialog, Line, error
from playground.tui.screens.files.paths import PathInput, absolute, here
from playground.tui.screens.files.target import Target
from playground.tui.screens.pick.lists import PickList, name_column
from playground.tui.widgets.control import Choice
from playground.tui.widgets.literal_input import LiteralInput
from playground.tui.widgets.text import fit, visible
from playground.words import many

Kind = Literal["run", "csv", "jsonl", "model"]

_KINDS: Mapping[str, tuple[Kind, str]] = {
    "the whole run, for another machine": ("run", ".microgpt-run"),
    "its figures, a table": ("csv", ".csv"),
    "its figures, one JSON object a line": ("jsonl", ".jsonl"),
    "the model, as it stands": ("model", ".safetensors"),
}


class AskLine(Dialog[str | None]):
    """Asks for a line of text; dismissed with that text, or with None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "accept", "keep", id="runs.keep", tooltip="Keep what was typed"),
    ]
    DEFAULT_CSS = """
    AskLine { #dialog { max-width: 80; } }
    """

    def __init__(
        self, heading: str, present: str, placeholder: str, *, exactly: bool = False
    ) -> None:
        """exactly: keep blanks at both ends."""
        super().__init__()
        self._heading, self._present, self._placeholder = heading, present, placeholder
        self._exactly = exactly

    @property
    def heading(self) -> str:
        return self._heading

    def body(self) -> Iterable[Widget]:
        yield LiteralInput(
            self._present, self._placeholder, compact=True, select_on_focus=False, id="ask-line"
        )

    def accept(self) -> None:
        typed = self.query_one(Input).value
        self.dismiss(typed if self._exactly else typed.strip())


class GroupBy(Dialog[str | None]):
    """Asks for the setting that runs are grouped by; dismissed with its field, with "" for no
    groups, or with None."""

    HEADING = "Group the runs"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "accept", "group", id="runs.group-by", tooltip="Group by this setting"),
    ]
    DEFAULT_CSS = """
    GroupBy { #dialog { max-width: 60; } }
    """

    def __init__(self, fields: Mapping[str, int], present: str | None) -> None:
        """fields: the settings in which the listed runs differ, with the number of values.
        present: the one that they are grouped by now."""
        super().__init__()
        self._fields, self._present = fields, present
        self._offered = ["", *fields]

    def body(self) -> Iterable[Widget]:
        column = name_column([grouping.name_of(field) for field in self._fields])
        lines = [Content("no groups")] + [
            Content.assemble(
                fit(grouping.name_of(field), column), (f"  {many(count, 'value')}", MUTED)
            )
            for field, count in self._fields.items()
        ]
        yield PickList(*lines, id="group-by", compact=True)
        if not self._fields:
            yield Line("The listed runs do not differ in a setting.")

    def on_mount(self) -> None:
        picks = self.query_one(PickList)
        present = self._present or ""
        picks.highlighted = self._offered.index(present) if present in self._offered else 0
        self.set_focus(picks)

    def on_pick_list_chosen(self, event: PickList.Chosen) -> None:
        event.stop()
        self.accept()

    def accept(self) -> None:
        self.dismiss(self._offered[self.query_one(PickList).highlighted or 0])


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to write of a run, and to which file."""

    kind: Kind
    path: Path


class ExportRun(Dialog[Wanted | None]):
    """Asks what to write of a run, and to which file; dismissed with the answer, or with None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "accept", "export", id="runs.export-file", tooltip="Write the file"),
    ]
    DEFAULT_CSS = """
    ExportRun {
        #dialog { max-width: 90; }
    }
    """

    def __init__(self, heading: str, name: str) -> None:
        """name: the suggested name of the file, without an ending."""
        super().__init__()
        self._heading, self._name = heading, name

    @property
    def heading(self) -> str:
        return self._heading

    def body(self) -> Iterable[Widget]:
        names = list(_KINDS)
        yield Choice("write", names, names[0], label_width=6, id="export-run-kind")
        yield Target("export-run", "exporting", complete=self._complete)

    def buttons(self) -> Iterable[Widget]:
        yield Button("Export", compact=True, id="export-run-button")

    def on_mount(self) -> None:
        self._suggest()
        self.set_focus(self.query_one(Target).field)

    @property
    def _kind(self) -> tuple[Kind, str]:
        return _KINDS[self.query_one(Choice).value or next(iter(_KINDS))]

    def _suggest(self) -> None:
        """Suggest a file with the ending of the chosen kind, unless the person has typed a name."""
        self.query_one(Target).suggest(str(here() / f"{self._name}{self._kind[1]}"))

    def _complete(self, path: Path, typed: str) -> Path:
        """The path with the ending of the chosen kind, if a file was typed without one."""
        ending = self._kind[1]
        whole = ending == ".microgpt-run" and path.suffix != ending
        if typed.endswith("/") or (path.suffix and not whole):
            return path
        return path.with_name(path.name + ending)

    @on(Choice.Changed)
    def _chosen(self, event: Choice.Changed) -> None:
        event.stop()
        self._suggest()

    def accept(self) -> None:
        path = self.query_one(Target).settled()
        if path is not None:
            self.dismiss(Wanted(self._kind[0], path))


class ImportRun(Dialog[Path | None]):
    """Asks for a file that holds a run; dismissed with the file's path, or with None."""

    HEADING = "Import a run"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "accept", "import", id="runs.import-file", tooltip="Read the file"),
    ]
    DEFAULT_CSS = """
    ImportRun {
        #dialog { max-width: 90; }
        #import-run-path { margin: 1 0; }
    }
    """

    def body(self) -> Iterable[Widget]:
        yield Line(
            "A .microgpt-run file, exported here or on another machine. The run goes on from "
            "where it stood, bit for bit; the text it learns from comes with it."
        )
        yield PathInput(f"{here()}/", placeholder="path of the file", id="import-run-path")
        yield Line(id="import-run-state")

    def buttons(self) -> Iterable[Widget]:
        yield Button("Import", compact=True, id="import-run-button")

    def on_mount(self) -> None:
        field = self.query_one(PathInput)
        self.set_focus(field)
        field.cursor_position = len(field.value)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.query_one("#import-run-state", Line).say("")

    def accept(self) -> None:
        typed = self.query_one(PathInput).value.strip()
        try:
            there = bool(typed) and absolute(typed).is_file()
        except (OSError, ValueError):
            there = False
        if not there:
            shown = f"There is no file {visible(typed)}." if typed else "Type the path of a file."
            self.query_one("#import-run-state", Line).say(error(f"{shown} Tab completes a path."))
            return
        self.dismiss(absolute(typed))
