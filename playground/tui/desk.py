"""A main screen and all that works for it: the person's own, or that of the tour."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.app import App

from playground.lab.client.events import LabEvent
from playground.tui.control.context import Remark
from playground.tui.control.controller import Controller
from playground.tui.control.tour import Lessons
from playground.tui.dialogs import Dialogs
from playground.tui.model import PlaygroundModel
from playground.tui.screens.main import MainScreen

if TYPE_CHECKING:
    from playground.lab.client.lab import Lab
    from playground.lab.store.preferences import Preferences

LabFactory = Callable[[Callable[[LabEvent], None]], "Lab"]


class Desk:
    """One run on screen. The tour has a desk of its own, so that nothing on the other changes."""

    def __init__(
        self,
        app: App[Any],
        lab_factory: LabFactory,
        model: PlaygroundModel,
        *,
        changed: Callable[[], None],
        say: Callable[[Remark], None],
        failed: Callable[[BaseException], None],
        store: Path | None,
        lessons: Lessons | None = None,
        preferences: Preferences | None = None,
    ) -> None:
        """As Controller has them."""
        self.model = model
        self.controller = Controller(
            lab_factory,
            model,
            changed=changed,
            say=say,
            failed=failed,
            store=store,
            lessons=lessons,
            preferences=preferences,
        )
        self.dialogs = Dialogs(app, self.controller)

    main: MainScreen
    """The screen; there from `make_screen` on."""

    def make_screen(self) -> MainScreen:
        """The main screen, made for the app that shows it."""
        self.main = MainScreen(self.controller, self.dialogs)
        return self.main
