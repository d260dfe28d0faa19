"""Where to save the model."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Button, Input

from playground.tui.screens.dialog import Dialog, Line
from playground.tui.screens.paths import PathInput, absolute, is_folder, say_target

SUFFIX = ".safetensors"


class SaveScreen(Dialog[str | None]):
    """Asks for a path; dismissed with it, absolute, or with None."""

    HEADING = "Save the model"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "save", "save", id="save.save", tooltip="Write the file"),
    ]
    DEFAULT_CSS = """
    SaveScreen {
        #dialog { max-width: 90; }
        #save-path { margin: 1 0; }
        #save-state { min-height: 2; }
    }
    """

    def __init__(self, suggested: str) -> None:
        super().__init__()
        self._suggested = suggested
        self._confirmed = ""
        """The existing file that the next enter replaces."""

    def body(self) -> Iterable[Widget]:
        yield Line(
            "One file with the weights, Adam's moments, the settings and the tokenizer. It opens "
            "here again, and with the safetensors library anywhere else."
        )
        yield PathInput(self._suggested, placeholder="path of the file", id="save-path")
        yield Line(id="save-state")

    def buttons(self) -> Iterable[Widget]:
        yield Button("Save", compact=True, id="save-button")

    def on_mount(self) -> None:
        field = self.query_one(PathInput)
        self.set_focus(field)
        field.cursor_position = len(self._suggested)
        self._say()

    def _path(self) -> Path | None:
        """The file to write; None if nothing was typed."""
        typed = self.query_one(PathInput).value.strip()
        if not typed:
            return None
        path = absolute(typed)
        if typed.endswith("/") or path.suffix or is_folder(path):
            return path
        return path.with_name(path.name + SUFFIX)

    def _say(self) -> bool:
        """Show what enter would do; True if it can be done."""
        state = self.query_one("#save-state", Line)
        return say_target(state, self._path(), self._confirmed, "saving")

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._confirmed = ""
        self._say()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_save()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.action_save()

    def action_save(self) -> None:
        path = self._path()
        if not self._say() or path is None:
            self.set_focus(self.query_one(PathInput))
            return
        if path.exists() and self._confirmed != str(path):
            self._confirmed = str(path)
            self._say()
            return
        self.dismiss(str(path))
