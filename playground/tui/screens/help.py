"""The help: a paragraph on the panel that the person looks at, and every key by group."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget
from typing_extensions import override

from playground.tui.explain.words import LOOKING_AT, PART_NAMES, TOP, table
from playground.tui.screens.dialog import MUTED, Dialog, Line, key_name
from playground.tui.widgets.text import fit, visible
from playground.widths import cell_len


class Scroller(VerticalScroll):
    """Scrolls, and names the key for that in the line of keys."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "scroll_down", "scroll", key_display="↑↓", id="help.scroll"),
    ]


class HelpScreen(Dialog[None]):
    """Explains a panel and the keys of a screen; the keys are made from the screen's bindings."""

    HEADING = "Help"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark,q,f1,enter", "cancel", "close", show=False, id="help.close"),
        Binding("escape", "cancel", "close", key_display="esc", id="help.escape"),
    ]
    DEFAULT_CSS = """
    HelpScreen {
        &.-low #dialog-foot { margin: 0; }
        #dialog { max-width: 124; }
        &.-low #dialog { height: 100%; }
        &.-low #dialog-body { height: 1fr; }
        #help-scroll { height: auto; max-height: 80vh; }
        &.-low #help-scroll { height: 1fr; max-height: 100%; }
        #help-about { max-width: 92; margin: 0 0 1 0; }
        #help-words { margin: 1 0 0 0; }
    }
    """

    def __init__(
        self, bindings: Sequence[Binding], panel_number: int = 0, about: tuple[str, str] = ("", "")
    ) -> None:
        """panel_number: the panel of the main screen that is explained; 0 for none. about: the
        title and the text of something else that is explained."""
        super().__init__()
        self._groups = grouped(bindings)
        self._words = tuple(
            (PART_NAMES[part], rows)
            for part in ((panel_number, TOP) if panel_number else ())
            if (rows := tuple(table(part)))
        )
        title, text = LOOKING_AT.get(panel_number, ("", ""))
        self._about = (f"{panel_number} {title}", text) if text else about

    def body(self) -> Iterable[Widget]:
        title, text = self._about
        about = Content.assemble(
            (title, "bold $text-primary"), ("   what you are looking at\n",
             MUTED), text,
        ) if text else Content("")  # fmt: skip
        yield Scroller(
            Line(about, id="help-about"),
            KeyTable(self._groups),
            KeyTable(self._words, id="help-words"),
            id="help-scroll",
            can_focus=True,
        )

    def on_mount(self) -> None:
        for scroller in self.query("#help-scroll"):  # none if the app is left meanwhile
            self.set_focus(scroller)


Group = tuple[str, tuple[tuple[str, str], ...]]
"""A heading, and (key, words) pairs."""


class KeyTable(Widget):
    """Groups of keys, what each key does beside it; long words wrap in their column. Where there is
    room, the groups stand in two columns."""

    DEFAULT_CSS = "KeyTable { height: auto; }"
    ROOMY = 88
    """Cells from which on there is room for two columns."""
    GAP = 3

    def __init__(self, groups: Sequence[Group], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._groups = tuple(groups)
        self._keys = max((cell_len(key) for _, rows in groups for key, _ in rows), default=0)
        self._drawn: tuple[int, Content, int] | None = None
        """The width that was drawn last, what was drawn, and how many lines that is."""

    def _column(self, groups: Sequence[Group], width: int) -> list[Content]:
        lines: list[Content] = []
        room = max(12, width - self._keys - 2)
        for title, rows in groups:
            if lines:
                lines.append(Content(""))
            lines.append(Content.styled(visible(title), "bold"))
            for key, words in rows:
                first, *rest = textwrap.wrap(words, room) or [""]
                shown = fit(key, self._keys, right=True)
                lines.append(Content.assemble((shown, "$text-primary"), f"  {first}"))
                lines += [Content(" " * (self._keys + 2) + more) for more in rest]
        return lines

    def _draw(self, width: int) -> tuple[int, Content, int]:
        """Textual asks for the height of a width many times before it draws once."""
        if self._drawn is None or self._drawn[0] != width:
            if width < self.ROOMY:
                lines = self._column(self._groups, width)
            else:
                each = (width - self.GAP) // 2
                first, second = (self._column(part, each) for part in halves(self._groups))
                pairs = zip_longest(first, second, fillvalue=Content(""))
                lines = [
                    left.pad_right(max(0, each + self.GAP - left.cell_length)) + right
                    for left, right in pairs
                ]
            self._drawn = (width, Content("\n").join(lines), len(lines))
        return self._drawn

    @override
    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return self._draw(width)[2]

    @override
    def render(self) -> Content:
        return self._draw(self.content_size.width)[1]


def grouped(bindings: Sequence[Binding]) -> tuple[Group, ...]:
    """The keys by group, in the order in which the groups first appear. A binding without a group,
    as those of a widget, is in the group "Here"."""
    groups: dict[str, dict[str, str]] = {}
    for binding in bindings:
        words = visible(binding.tooltip or binding.description)
        if not words:
            continue
        name = binding.group.description if binding.group is not None else ""
        title = name[:1].upper() + name[1:] if name else "Here"
        groups.setdefault(title, {}).setdefault(key_name(binding), words)
    return tuple((title, tuple(rows.items())) for title, rows in groups.items())


def halves(groups: Sequence[Group]) -> tuple[tuple[Group, ...], tuple[Group, ...]]:
    """The groups in two columns, in their order, as equal in height as possible; the rows of a
    single group in two."""
    if len(groups) == 1:
        ((title, rows),) = groups
        half = -(-len(rows) // 2)
        return ((title, rows[:half]),), (("", rows[half:]),)

    def height(part: Sequence[Group]) -> int:
        return sum(len(rows) + 2 for _, rows in part)

    cut = min(
        range(len(groups) + 1),
        key=lambda at: max(height(groups[:at]), height(groups[at:])),
    )
    return tuple(groups[:cut]), tuple(groups[cut:])
