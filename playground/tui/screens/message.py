"""A message that needs an answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Button, Static

from playground.tui.screens.dialog import Dialog, Line
from playground.tui.widgets.text import visible


class MessageScreen(Dialog[str | None]):
    """Says what happened; dismissed with the id of the choice, None for escape."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,up", "app.focus_previous", "previous choice", show=False),
        Binding("right,down", "app.focus_next", "next choice", show=False),
        Binding("escape", "cancel", "close", key_display="esc", id="message.close"),
    ]
    DEFAULT_CSS = """
    MessageScreen {
        #dialog { max-width: 80; }
        #message-detail {
            height: auto;
            max-height: 14;
            margin: 1 0 0 0;
            padding: 0 1;
            color: $text-muted;
            border-left: outer $foreground 20%;
        }
        &.-high #message-detail { max-height: 28; }
        &.-low #message-detail { max-height: 12; }
        #message-detail Static { height: auto; }
    }
    """

    def __init__(
        self,
        title: str,
        message: str,
        detail: str = "",
        choices: Sequence[tuple[str, str]] = (("ok", "OK"),),
    ) -> None:
        """choices: (id, words) pairs; the first has the focus."""
        super().__init__()
        self._title, self._message, self._detail = title, message, detail
        self._choices = tuple(choices)

    def body(self) -> Iterable[Widget]:
        yield Line(_lines(self._message), id="message-text")
        if self._detail:
            yield VerticalScroll(
                Static(_lines(self._detail), markup=False), id="message-detail", can_focus=True
            )

    def buttons(self) -> Iterable[Widget]:
        for place, (_, words) in enumerate(self._choices):
            yield Button(
                visible(words),
                variant="default" if place else "primary",
                name=str(place),
                compact=True,
            )

    def on_mount(self) -> None:
        self.set_heading(self._title)
        self.query(Button).first().focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(self._choices[int(event.button.name or 0)][0])


def _lines(text: str) -> str:
    """Untrusted text, its line breaks kept."""
    return "\n".join(visible(line.expandtabs(4)) for line in text.splitlines())
