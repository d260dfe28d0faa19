"""Opens the sheets of surgery over a screen. Each is loaded when it is first opened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textual.app import App

from microgpt.surgery import Component
from playground.tui.control.controller import Controller


def open_cut(
    app: App[Any],
    controller: Controller,
    parts: Sequence[Component],
    text: str | None = None,
    value: float | None = None,
) -> None:
    """Open the sheet for one of these parts, as `CutSheet` takes them."""
    from playground.tui.screens.surgery.cut import CutSheet

    app.clear_notifications()  # toasts would lie over what the sheet says
    app.push_screen(CutSheet(controller, parts, text, value))


def open_rank(app: App[Any], controller: Controller, text: str | None = None) -> None:
    """Rank the parts, and open the sheet for the one that is chosen. text: as `CutSheet` has it."""
    from playground.tui.screens.surgery.rank import RankScreen

    def chosen(part: Component | None) -> None:
        if part is not None:
            open_cut(app, controller, [part], text)

    app.clear_notifications()
    app.push_screen(RankScreen(controller), chosen)


def open_patch(app: App[Any], controller: Controller, clean: str) -> None:
    """Ask for another text than this one, and show which activation carries the difference."""
    from playground.tui.screens.surgery.patch import PatchScreen

    app.clear_notifications()
    app.push_screen(PatchScreen(controller, clean))
