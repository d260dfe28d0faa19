"""The dialog that saves the model: to which file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Button

from playground.tui.screens.dialog import Dialog, Line
from playground.tui.screens.files.paths import is_folder
from playground.tui.screens.files.target import Target

SUFFIX = ".safetensors"


class SaveScreen(Dialog[str | None]):
    """Asks for a path; dismissed with the absolute path, or with None."""

    HEADING = "Save the model"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "accept", "save", id="save.save", tooltip="Write the file"),
    ]
    DEFAULT_CSS = """
    SaveScreen {
        #dialog { max-width: 90; }
    }
    """

    def __init__(self, suggested: str) -> None:
        super().__init__()
        self._suggested = suggested

    def body(self) -> Iterable[Widget]:
        yield Line(
            "One file with the weights, Adam's moments, the settings and the tokenizer. It opens "
            "here again, and with the safetensors library anywhere else."
        )
        yield Target("save", "saving", self._suggested, _complete)

    def buttons(self) -> Iterable[Widget]:
        yield Button("Save", compact=True, id="save-button")

    def on_mount(self) -> None:
        self.set_focus(self.query_one(Target).field)

    def accept(self) -> None:
        path = self.query_one(Target).settled()
        if path is not None:
            self.dismiss(str(path))


def _complete(path: Path, typed: str) -> Path:
    """The path with SUFFIX, if a file was typed without an ending."""
    if typed.endswith("/") or path.suffix or is_folder(path):
        return path
    return path.with_name(path.name + SUFFIX)
