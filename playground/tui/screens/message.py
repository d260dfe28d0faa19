"""The dialog that tells a person something, and offers answers as buttons."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Button, Static

from playground.tui.screens.dialog import Dialog, Line
from playground.tui.widgets.gate import plain
from playground.tui.widgets.text import visible


class MessageScreen(Dialog[str | None]):
    """Tells what happened; dismissed with the id of the chosen answer, or with None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "app.focus_previous", "previous choice", show=False),
        Binding("right", "app.focus_next", "next choice", show=False),
        Binding("up", "scroll_by(-1)", "up", show=False),
        Binding("down", "scroll_by(1)", "down", show=False),
        Binding("pageup", "scroll_by(-10)", "page up", show=False),
        Binding("pagedown", "scroll_by(10)", "page down", show=False),
        Binding("escape", "cancel", "close", key_display="esc", id="message.close"),
    ]
    DEFAULT_CSS = """
    MessageScreen {
        #dialog { max-width: 80; }
        #message-scroll { height: auto; max-height: 68vh; }
        #message-detail {
            height: auto;
            margin: 1 0 0 0;
            padding: 0 1;
            color: $text-muted;
            border-left: outer $foreground 20%;
        }
    }
    """

    def __init__(
        self,
        title: str,
        message: str,
        detail: str = "",
        choices: Sequence[tuple[str, str]] = (("ok", "OK"),),
    ) -> None:
        """detail: text that is shown apart from the message, as a traceback. choices: (id, words)
        of each button; the first has the focus."""
        super().__init__()
        self._heading, self.message, self._detail = title, message, detail
        self._choices = tuple(choices)

    def body(self) -> Iterable[Widget]:
        parts: list[Widget] = [Line(_lines(self.message), id="message-text")]
        if self._detail:
            parts.append(Static(_lines(self._detail), id="message-detail", markup=False))
        yield VerticalScroll(*parts, id="message-scroll", can_focus=False)

    def buttons(self) -> Iterable[Widget]:
        for place, (_, words) in enumerate(self._choices):
            yield Button(plain(words), name=str(place), compact=True)

    @property
    def heading(self) -> str:
        return self._heading

    def on_mount(self) -> None:
        for button in self.query(Button)[:1]:  # none if the playground is being left
            self.set_focus(button)

    def action_scroll_by(self, lines: int) -> None:
        self.query_one("#message-scroll").scroll_relative(y=lines)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        event.prevent_default()  # Dialog's own handler takes every button for the one that accepts
        self.dismiss(self._choices[int(event.button.name or 0)][0])


def _lines(text: str) -> str:
    """Untrusted text in visible characters, its line breaks kept."""
    return "\n".join(visible(line.expandtabs(4)) for line in text.splitlines())
