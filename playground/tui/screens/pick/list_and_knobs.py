"""The dialog with a list on the left and the knobs of the highlighted thing on the right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Generic

from textual import on
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import OptionList

from playground.catalog import Control, KnobValue
from playground.tui.screens.dialog import Dialog, Line, Result
from playground.tui.screens.pick.knobform import KnobForm
from playground.tui.screens.pick.lists import PickList


class ListAndKnobs(Dialog[Result], Generic[Result]):
    """A list, and beside it the highlighted thing in words and with its knobs.

    A subclass yields `columns` in its body; one widget of the left column is a PickList with the id
    picker-list. Enter on that list accepts.
    """

    DEFAULT_CSS = """
    ListAndKnobs {
        #picker-columns { height: 1fr; }
        #picker-left { width: 1fr; height: 100%; margin: 0 2 0 0; }
        #picker-right { width: 1fr; height: 100%; }
        #picker-knobs { margin: 1 0 0 0; }
    }
    """

    def columns(
        self,
        left: Iterable[Widget],
        above_knobs: Iterable[Widget] = (),
        below_knobs: Iterable[Widget] = (),
        *,
        notes: bool = True,
    ) -> Horizontal:
        """The two columns. notes: as in KnobForm."""
        right = VerticalScroll(
            Line(id="picker-details"),
            *above_knobs,
            KnobForm(notes=notes, id="picker-knobs"),
            *below_knobs,
            id="picker-right",
            can_focus=False,
        )
        return Horizontal(Vertical(*left, id="picker-left"), right, id="picker-columns")

    @property
    def picks(self) -> PickList:
        """The list on the left."""
        return self.query_one("#picker-list", PickList)

    @property
    def in_list(self) -> bool:
        """True if the list has the focus."""
        return self.focused is not None and self.focused.id == "picker-list"

    def redraw(self, lines: Sequence[Content], highlight: int) -> None:
        """Put other lines into the list; highlight: a place, moved to the last line if beyond."""
        picks = self.picks
        with self.prevent(OptionList.OptionHighlighted):
            picks.set_options(lines)
            if lines:
                picks.highlighted = min(max(highlight, 0), len(lines) - 1)

    async def show(
        self,
        words: str | Content,
        controls: tuple[Control, ...],
        options: Mapping[str, KnobValue],
    ) -> None:
        """Fill the right column."""
        self.query_one("#picker-details", Line).say(words)
        await self.query_one(KnobForm).show(controls, options)

    async def look(self) -> None:
        """Show the highlighted thing, unless it is on the right already."""
        raise NotImplementedError

    def turned(self, form: KnobForm) -> None:
        """Keep the values of the knobs after the person turned one."""
        raise NotImplementedError

    @on(OptionList.OptionHighlighted, "#picker-list")
    async def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        await self.look()

    @on(KnobForm.Changed)
    def _turned(self, event: KnobForm.Changed) -> None:
        event.stop()
        self.turned(event.form)

    @on(PickList.Chosen, "#picker-list")
    def _chosen(self, event: PickList.Chosen) -> None:
        event.stop()
        self.accept()
