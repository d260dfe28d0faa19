"""The real app over a scripted lab, and `seen`, which waits for what the app draws."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from playground.tui.app import PlaygroundApp
from playground.tui.widgets.static_text import Words
from tests.tui.scripted import ScriptedLab


class WatchedApp(PlaygroundApp):
    """The app, with an event that is set each time the app has drawn."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.drawn = asyncio.Event()
        self.said = ""
        """The texts of all toasts so far."""

    def notify(self, message: str, *, title: str = "", **kwargs: Any) -> None:
        self.said += f"{title} {message}\n"
        super().notify(message, title=title, **kwargs)

    def _draw_now(self) -> None:
        super()._draw_now()
        self.drawn.set()

    def _draw_front(self) -> None:
        super()._draw_front()
        self.drawn.set()

    @property
    def lab(self) -> ScriptedLab:
        lab = self.controller.lab
        assert isinstance(lab, ScriptedLab)
        return lab

    def text(self, selector: str) -> str:
        """The words of a text widget of the main screen."""
        return self.main.query_one(selector, Words).words


@asynccontextmanager
async def playing(
    size: tuple[int, int] = (120, 40),
    spec: str = "{}",
    store: Path | None = None,
    toasts: bool = False,
    **options: Any,
) -> AsyncIterator[tuple[WatchedApp, Pilot[int]]]:
    """The app with a run open and its first frame drawn; `store` is the store of runs, if any.
    toasts: draw them. options: as PlaygroundApp has them."""

    def lab(listener: Any) -> Any:
        scripted = ScriptedLab(listener)
        scripted.store = str(store or "")
        return scripted

    app = WatchedApp(lab, spec, store=store, **options)
    async with app.run_test(size=size, notifications=toasts) as pilot:
        await asyncio.wait_for(app.controller.frames.ready.wait(), 60)
        await seen(pilot, lambda: any(one in app.text("#status") for one in ("ready", "paused")))
        yield app, pilot


async def seen(pilot: Pilot[int], condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait until the condition holds. It is checked after each drawing, and now and then, since a
    dialog that is opened draws nothing of the run."""
    app = pilot.app
    assert isinstance(app, WatchedApp)
    async with asyncio.timeout(seconds):
        while not condition():
            app.drawn.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(app.drawn.wait(), 0.1)
            await pilot.pause()
