"""The path of a file to write, and in words what enter would do with that path."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input

from playground.tui.screens.dialog import MUTED, Line, error, warning
from playground.tui.screens.files.paths import PathInput, absolute, obstacle
from playground.tui.widgets.text import visible


def _as_typed(path: Path, _typed: str) -> Path:
    return path


class Target(Vertical):
    """Asks for the path of a file. Enter asks once more if that file exists."""

    DEFAULT_CSS = """
    Target { height: auto; }
    Target PathInput { margin: 1 0; }
    Target Line { min-height: 2; }
    """

    def __init__(
        self,
        name: str,
        doing: str,
        suggested: str = "",
        complete: Callable[[Path, str], Path] = _as_typed,
    ) -> None:
        """name: the beginning of the widgets' ids. doing: "saving", "exporting". complete: the file
        that is meant, given the path and the typed text; it may add an ending."""
        super().__init__(id=f"{name}-target")
        self._part, self._doing, self._suggested = name, doing, suggested
        self._complete = complete
        self._confirmed = ""
        """The path of the existing file that the next enter replaces; "" for none."""

    def compose(self) -> ComposeResult:
        yield PathInput(self._suggested, placeholder="path of the file", id=f"{self._part}-path")
        yield Line(id=f"{self._part}-state")

    @property
    def field(self) -> PathInput:
        return self.query_one(PathInput)

    def on_mount(self) -> None:
        self.field.cursor_position = len(self._suggested)
        self.show()

    def suggest(self, path: str) -> None:
        """Suggest a path, unless the person has changed the one that was suggested before."""
        if self.field.value == self._suggested:
            self._suggested = self.field.value = path
            self.field.cursor_position = len(path)
        self._confirmed = ""
        self.show()

    @property
    def path(self) -> Path | None:
        """The file to write; None if nothing was typed."""
        typed = self.field.value.strip()
        return self._complete(absolute(typed), typed) if typed else None

    def show(self) -> bool:
        """Say what enter would do. True if the file can be written."""
        path, line = self.path, self.query_one(Line)
        trouble = "Type the path of a file." if path is None else obstacle(path)
        if path is None or trouble:
            line.say(error(trouble))
        elif self._confirmed == str(path):
            again = "exists already. Press enter again to replace it."
            line.say(warning(f"{visible(path.name)} {again}"))
        elif path.exists():
            line.say(warning(f"{visible(path.name)} exists already; {self._doing} replaces it."))
        else:
            line.say(Content.styled(f"Will write {visible(str(path))}", MUTED))
        return not trouble

    def settled(self) -> Path | None:
        """The file to write; None, with the reason in the line, if it cannot be written or the
        person must press enter once more."""
        path = self.path
        if not self.show() or path is None:
            self.screen.set_focus(self.field)
            return None
        if path.exists() and self._confirmed != str(path):
            self._confirmed = str(path)
            self.show()
            return None
        return path

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._confirmed = ""
        self.show()
