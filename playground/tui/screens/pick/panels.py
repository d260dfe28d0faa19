"""The dialog that chooses which contributed panel is on screen, with its knobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Button

from playground.catalog import Kind
from playground.tui.screens.dialog import Line
from playground.tui.screens.pick.picker import ContributionPicker


class PanelScreen(ContributionPicker):
    """Chooses a panel; dismissed with {"name": ..., "options": {...}}, or with None."""

    HEADING = "Panel"
    KIND: ClassVar[Kind] = "panel"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "accept", "show", id="panels.show", tooltip="Show this panel"),
    ]
    DEFAULT_CSS = """
    PanelScreen {
        #dialog { max-width: 100; height: auto; }
        &.-high #dialog { height: auto; }
        #dialog-body { height: auto; }
        #picker-columns { height: auto; }
        #picker-left { height: auto; width: 1fr; }
        #picker-right { height: auto; max-height: 60vh; width: 1fr; }
        #picker-list { max-height: 14; }
        #panels-note { color: $text-muted; margin: 1 0 0 0; }
    }
    """

    @property
    def present(self) -> Mapping[str, Any]:
        return {"name": self.model.panel.name, "options": self.model.panel.options}

    @property
    def remark(self) -> str:
        return "● chosen"

    def buttons(self) -> Iterable[Widget]:
        yield Button("Show", compact=True, id="picker-open")

    def more(self) -> Iterable[Widget]:
        yield Line(id="picker-more")
        yield Line(
            "It takes the place of the parameters; 3 brings them back. It only looks: the run "
            "goes the same way with it and without.",
            id="panels-note",
        )
