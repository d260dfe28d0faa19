"""The dialog that chooses the writer beside the run's own model, and the question that follows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Button

from playground.catalog import Kind
from playground.lab.protocol.writing import Leaving, WriterChoice
from playground.tui.model import PlaygroundModel
from playground.tui.screens.message import MessageScreen
from playground.tui.screens.pick.picker import OfferPicker

SEND = "send"


class WriterScreen(OfferPicker):
    """Chooses a writer; dismissed with {"name": ..., "options": {...}}, or with None."""

    HEADING = "Another model"
    KIND: ClassVar[Kind] = "writer"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "accept", "choose", id="writer.choose", tooltip="Ask this one"),
    ]
    DEFAULT_CSS = """
    WriterScreen { #picker-list { max-height: 6; } }
    """
    NOTES = False

    def __init__(self, model: PlaygroundModel, choice: WriterChoice | None) -> None:
        """choice: the one that is chosen now."""
        self._choice = choice
        super().__init__(model)

    @property
    def present(self) -> Mapping[str, Any]:
        if self._choice is None:
            return {}
        return {"name": self._choice.name, "options": dict(self._choice.options)}

    def buttons(self) -> Iterable[Widget]:
        yield Button("Choose", compact=True, id="picker-open")


def consent(leaving: Leaving, name: str) -> MessageScreen:
    """The question whether this may leave the machine; answered with SEND if so. name: the
    writer's. The answer that sends nothing has the focus."""
    lines = [
        f"{name} asks another machine. With each prompt that you ask it, this is sent:",
        *(f"  · {what}" for what in leaving.sends),
        f"to  {leaving.address}",
        f"The key comes from {leaving.key}, and is kept nowhere else."
        if leaving.key
        else "No key is sent.",
        "",
        "Answers may cost money. That no more than this is sent is what the plugin says: it is "
        "code, with your rights. You are asked again if any of this changes.",
    ]
    answers = (("keep", "Send nothing"), (SEND, "Send it"))
    return MessageScreen("This would leave your machine", "\n".join(lines), choices=answers)
