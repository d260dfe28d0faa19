"""A stage for one widget: an app of a given size that notes what the widget posts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.message import Message
from textual.pilot import Pilot
from textual.widget import Widget


class Stage(App[None]):
    """One widget on a screen of its own; `posted` holds the messages of the wanted kinds."""

    CSS = "Screen { overflow: hidden; }"
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, widget: Widget, kinds: tuple[type[Message], ...]) -> None:
        super().__init__()
        self.widget = widget
        self.kinds = kinds
        self.posted: list[Any] = []
        self.pilot: Pilot[None]

    def compose(self) -> ComposeResult:
        yield self.widget

    def note(self, message: Message) -> None:
        # The hook hears a message again at every parent it bubbles to.
        if isinstance(message, self.kinds) and not any(message is seen for seen in self.posted):
            self.posted.append(message)

    @property
    def lines(self) -> list[str]:
        """The widget's lines as text, as they would be drawn now."""
        return [self.widget.render_line(y).text for y in range(self.widget.size.height)]

    def check_widths(self) -> None:
        for y in range(self.widget.size.height):
            strip = self.widget.render_line(y)
            assert strip.cell_length == self.widget.size.width
            assert sum(segment.cell_length for segment in strip) == self.widget.size.width


Open = Callable[..., AbstractAsyncContextManager[Stage]]


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Open:
    """Gives `async with stage(widget, size, Message, ...) as app`, in true colour by default."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.delenv("NO_COLOR", raising=False)

    @asynccontextmanager
    async def open_stage(
        widget: Widget, size: tuple[int, int] = (40, 12), *kinds: type[Message]
    ) -> AsyncIterator[Stage]:
        app = Stage(widget, kinds)
        async with app.run_test(size=size, message_hook=app.note) as pilot:
            app.pilot = pilot
            widget.styles.height = size[1]
            widget.styles.width = size[0]
            await pilot.pause()
            yield app

    return open_stage
