"""A list to choose from: enter or a double click chooses, a click only moves the highlight."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from textual import events
from textual.actions import SkipAction
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList

from playground.catalog import Entry
from playground.tui.screens.dialog import MUTED
from playground.tui.widgets.message import WidgetMessage
from playground.tui.widgets.text import fit, visible


class PickList(OptionList):
    """An OptionList in which looking is not yet choosing."""

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
        & > .option-list--option-disabled { color: $text-muted; }
        &:ansi > .option-list--option-highlighted {
            background: ansi_default;
            text-style: bold;
        }
        &:ansi:focus > .option-list--option-highlighted { text-style: bold underline; }
    }
    """

    class Chosen(WidgetMessage["PickList"]):
        """The person decided on an option."""

        def __init__(self, pick_list: PickList, index: int) -> None:
            super().__init__(pick_list)
            self.pick_list, self.index = pick_list, index

    def action_choose(self) -> None:
        if self.highlighted is None:
            raise SkipAction  # nothing to choose: enter is the dialog's
        self.post_message(self.Chosen(self, self.highlighted))

    def on_click(self, event: events.Click) -> None:
        if event.chain == 2 and self.highlighted is not None:
            self.action_choose()


def entry_name(entry: Entry, entries: tuple[Entry, ...]) -> str:
    """The name that means this entry: bare where that is enough, "plugin:name" otherwise."""
    same = [other for other in entries if other.name == entry.name]
    if len(same) == 1 or entry.plugin == "builtin":
        return entry.name
    return entry.qualified


def name_column(names: list[str], limit: int = 20) -> int:
    """Cells for a column of names."""
    return min(limit, max((cell_len(visible(name)) for name in names), default=0))


def entry_line(entry: Entry, name: str, width: int, sign: str = " ") -> Content:
    """`name  summary`, the names padded to one column, on one line."""
    return Content.assemble(
        (f"{sign} ", "$text-primary"),
        (fit(visible(name), width), ""),
        ("  ! stale" if entry.stale else "", "$text-warning"),
        (f"  {visible(entry.summary)}", MUTED),
    )


def details(entry: Entry) -> Content:
    """What a contribution is and where it comes from, in two paragraphs."""
    return Content.assemble(
        (visible(entry.name), "bold"),
        (f"  {visible(entry.origin)}\n", MUTED),
        visible(entry.summary),
        (f"\n! stale, an earlier version is in use: {visible(entry.stale)}", "$text-warning")
        if entry.stale
        else "",
    )
