"""The base of the messages that a widget posts about itself."""

from __future__ import annotations

from typing import Generic, TypeVar

from textual.message import Message
from textual.widget import Widget
from typing_extensions import override

W = TypeVar("W", bound=Widget)


class WidgetMessage(Message, Generic[W]):
    """Something that a person did with `widget`, which `@on` selects by as `control`."""

    def __init__(self, widget: W) -> None:
        super().__init__()
        self._widget = widget

    @property
    @override
    def control(self) -> W:
        return self._widget
