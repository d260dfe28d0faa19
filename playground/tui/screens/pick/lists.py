"""A list to choose from, and the words of the catalog's entries in it."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.actions import SkipAction
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList
from typing_extensions import override

from playground.catalog import Catalog, Entry
from playground.tui.screens.dialog import MUTED
from playground.tui.widgets.message import WidgetMessage
from playground.tui.widgets.paging import turn_page
from playground.tui.widgets.text import fit, visible
from playground.widths import cell_len


class PickList(OptionList):
    """An OptionList in which a click moves the highlight; enter or a double click chooses."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "choose", id="list.choose", show=False,
                tooltip="Choose what is highlighted"),
    ]  # fmt: skip
    DEFAULT_CSS = """
    PickList {
        height: auto;
        background: transparent;
        text-wrap: nowrap;
        text-overflow: ellipsis;
        &:focus { background-tint: transparent; }
        & > .option-list--option-highlighted {
            background: $foreground 10%;
            color: $foreground;
            text-style: none;
        }
        &:focus > .option-list--option-highlighted {
            background: $primary 25%;
            color: $foreground;
            text-style: none;
        }
        &:nocolor > .option-list--option-highlighted { text-style: bold; }
        &:nocolor:focus > .option-list--option-highlighted { text-style: bold underline; }
        & > .option-list--option-disabled { color: $text-muted; }
        &:ansi > .option-list--option-highlighted {
            background: ansi_default;
            text-style: bold;
        }
        &:ansi:focus > .option-list--option-highlighted { text-style: bold underline; }
    }
    """

    class Chosen(WidgetMessage["PickList"]):
        """The person chose an option."""

        def __init__(self, pick_list: PickList, index: int) -> None:
            super().__init__(pick_list)
            self.pick_list, self.index = pick_list, index

    def action_choose(self) -> None:
        if self.highlighted is None:
            raise SkipAction  # there is nothing to choose: the dialog gets the key
        self.post_message(self.Chosen(self, self.highlighted))

    @override
    def action_page_up(self) -> None:
        turn_page(self, -1)

    @override
    def action_page_down(self) -> None:
        turn_page(self, 1)

    def on_click(self, event: events.Click) -> None:
        if event.style.meta.get("option", -1) >= self.option_count:
            event.stop()
            event.prevent_default()  # the option that was clicked has gone meanwhile
        elif event.chain == 2 and self.highlighted is not None:
            self.action_choose()


def entry_name(entry: Entry, entries: tuple[Entry, ...]) -> str:
    """The shortest name that means this entry among these."""
    return Catalog(entries).shortest(entry)


def name_column(names: list[str], limit: int = 20) -> int:
    """The width of a column of names, in cells; at most `limit`."""
    return min(limit, max((cell_len(visible(name)) for name in names), default=0))


def entry_line(entry: Entry, name: str, width: int, sign: str = " ") -> Content:
    """A sign, the name in a column of `width` cells, and the summary, on one line."""
    return Content.assemble(
        (f"{sign} ", "$text-primary"),
        (fit(visible(name), width), ""),
        ("  ! stale" if entry.stale else "", "$text-warning"),
        (f"  {visible(entry.summary)}", MUTED),
    )


def details(entry: Entry) -> Content:
    """The name and origin of a contribution, its summary, and why it is stale if it is."""
    return Content.assemble(
        (visible(entry.name), "bold"),
        (f"  {visible(entry.origin)}\n", MUTED),
        visible(entry.summary),
        (f"\n! stale, an earlier version is in use: {visible(entry.stale)}", "$text-warning")
        if entry.stale
        else "",
    )
