"""A table of any number of rows, of which only those in sight are asked for and drawn."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from itertools import chain
from typing import Any, ClassVar, Generic, Literal, NamedTuple, TypeVar, Unpack

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from typing_extensions import override

from playground.tui.widgets.columns import GAP, Align, Column, share_out
from playground.tui.widgets.line_widget import LineWidget, Run, WidgetOptions, strip_of
from playground.tui.widgets.message import WidgetMessage
from playground.tui.widgets.text import fit, visible
from playground.widths import cell_len

Key = TypeVar("Key", bound=Hashable)

Tone = Literal["plain", "quiet", "strong", "good", "warn", "bad"]

HEADER = 1
"""Lines above the rows."""
POINTER, RESTING, MARKED = "›", "·", "✓"
_LEAD = 3
"""Cells before the first column: the pointer, the mark, a blank."""

ROWS = Binding.Group("rows", compact=True)


class Cell(NamedTuple):
    """One cell of a row: plain text, which is never taken for markup."""

    text: str
    tone: Tone = "plain"
    align: Align | None = None
    """None aligns the cell as its column."""


class Sort(NamedTuple):
    """The column that the rows are ordered by."""

    column: str
    descending: bool = False


class Heading(NamedTuple, Generic[Key]):
    """A line above rows that belong together."""

    text: str
    under: Collection[Key]
    """The keys of these rows, whether they are listed or folded away."""


class _OfRows(WidgetMessage["RowList[Any]"]):
    """Something that a person did in `rows`."""

    def __init__(self, rows: RowList[Any]) -> None:
        super().__init__(rows)
        self.rows = rows


class _OfRow(_OfRows):
    """Something that a person did with the row `key`."""

    def __init__(self, rows: RowList[Any], key: Any) -> None:
        super().__init__(rows)
        self.key = key


class RowList(LineWidget, ScrollView, Generic[Key], can_focus=True, inherit_bindings=False):
    """Rows under a line of titles, with a cursor and with marks.

    The owner orders and filters the rows. The list holds their keys and asks the owner for the
    cells in sight; after `refresh_rows` it asks again.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "table--title",
        "table--sorted",
        "table--cursor",
        "table--mark",
        "table--heading",
        "table--empty",
        "table--plain",
        "table--quiet",
        "table--strong",
        "table--good",
        "table--warn",
        "table--bad",
    }
    DEFAULT_CSS = """
    RowList {
        overflow-x: hidden;
        overflow-y: auto;
        & > .table--title { color: $foreground 70%; text-style: underline; }
        & > .table--sorted { color: $foreground; text-style: bold underline; }
        & > .table--cursor { background: $foreground 8%; }
        & > .table--mark { color: $text-accent; text-style: bold; }
        & > .table--heading { color: $text-primary; text-style: bold; }
        & > .table--empty { color: $foreground 60%; }
        & > .table--plain { color: $foreground; }
        & > .table--quiet { color: $foreground 60%; }
        & > .table--strong { color: $foreground; text-style: bold; }
        & > .table--good { color: $text-success; }
        & > .table--warn { color: $text-warning; }
        & > .table--bad { color: $text-error; }
        &:focus > .table--cursor {
            background: $primary 30%;
            color: $foreground;
            text-style: bold;
        }
        &:ansi > .table--quiet { text-style: dim; }
        &:ansi > .table--empty { text-style: dim; }
        &:ansi:focus > .table--cursor {
            background: ansi_default;
            color: ansi_default;
            text-style: bold reverse;
        }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "up", id="rows.up", group=ROWS, show=False,
                tooltip="One row up"),
        Binding("down", "move(1)", "down", id="rows.down", group=ROWS, show=False,
                tooltip="One row down"),
        Binding("pageup", "page(-1)", "page up", id="rows.page-up", group=ROWS, show=False,
                tooltip="As many rows up as are in sight"),
        Binding("pagedown", "page(1)", "page down", id="rows.page-down", group=ROWS, show=False,
                tooltip="As many rows down as are in sight"),
        Binding("home", "first", "first", id="rows.first", group=ROWS, show=False,
                tooltip="To the first row"),
        Binding("end", "last", "last", id="rows.last", group=ROWS, show=False,
                tooltip="To the last row"),
        Binding("enter", "choose", "choose", id="rows.choose", group=ROWS, show=False,
                tooltip="Choose the row under the cursor"),
        Binding("space", "mark", "mark", id="rows.mark", group=ROWS, show=False,
                tooltip="Mark the row under the cursor, or take its mark away"),
    ]  # fmt: skip

    class Highlighted(_OfRow):
        """The cursor is now on the row `key`, or on none (None)."""

    class Chosen(_OfRow):
        """The person chose the row `key`: enter, or a double click."""

    class MarksChanged(_OfRows):
        """The person marked a row, or took a mark away; see `RowList.marked`."""

    class SortWanted(_OfRows):
        """The person clicked the title of `column`, by its name."""

        def __init__(self, rows: RowList[Any], column: str) -> None:
            super().__init__(rows)
            self.column = column

    def __init__(
        self,
        *,
        empty: str = "nothing here",
        **widget_options: Unpack[WidgetOptions],
    ) -> None:
        """empty: the text shown while there are no rows."""
        super().__init__(**widget_options)
        self._empty = visible(empty)
        self._keys: Sequence[Key] = ()
        self._columns: tuple[Column, ...] = ()
        self._cell: Callable[[Key, Column], Cell] | None = None
        self._heading: Callable[[Key], Heading[Key] | None] = lambda _: None
        self._sort: Sort | None = None
        self._cursor = 0
        self._marked: set[Key] = set()
        self._titles: list[tuple[int, int, Column]] = []  # start, stop, as last painted
        self._inner = 0  # cells beside the scroll bar

    # -- data ------------------------------------------------------------------------------------

    @property
    def keys(self) -> Sequence[Key]:
        """The keys of the rows, in order."""
        return self._keys

    @property
    def cursor_key(self) -> Key | None:
        """The key of the row under the cursor; None without rows."""
        return self._keys[self._cursor] if self._keys else None

    @property
    def marked(self) -> frozenset[Key]:
        """The keys of the marked rows. A row that leaves the list loses its mark, so that nobody
        deletes a row that is not listed; one that is folded away under its heading keeps it."""
        return frozenset(self._marked)

    def set_rows(
        self,
        keys: Sequence[Key],
        columns: Sequence[Column],
        cell: Callable[[Key, Column], Cell],
        *,
        sort: Sort | None = None,
        heading: Callable[[Key], Heading[Key] | None] = lambda _: None,
    ) -> None:
        """Show the rows `keys`, a sequence that is kept, not copied, and must not change. `cell` is
        called for each cell in sight at each repaint. The cursor stays on its key, or else on its
        line. heading: the heading that a key stands for; None for a key that is a row."""
        held, in_sight = self.cursor_key, self._in_sight(self._cursor)
        self._keys, self._columns, self._cell, self._sort = keys, tuple(columns), cell, sort
        self._heading = heading
        if self._marked:
            under = (one.under for key in keys if (one := heading(key)) is not None)
            self._marked.intersection_update({*keys, *chain.from_iterable(under)})
        self._cursor = self._place_of(held)
        self.virtual_size = Size(0, HEADER + len(keys))
        self.changed()
        if in_sight or self.scroll_offset.y > len(keys) - self.page:
            self._show_cursor()
        if self.cursor_key != held:
            self.post_message(self.Highlighted(self, self.cursor_key))

    def set_empty(self, text: str) -> None:
        """Set the text shown while there are no rows."""
        text = visible(text)
        if text != self._empty:
            self._empty = text
            self.changed()

    def refresh_rows(self) -> None:
        """Ask the owner for the cells in sight again."""
        self.changed()

    def move_to(self, key: Key) -> bool:
        """Put the cursor on the row `key` and bring it into sight; False without such a row."""
        if key not in self._keys:
            return False
        self._put(self._keys.index(key))
        return True

    def clear_marks(self) -> None:
        """Take all marks away, without posting `MarksChanged`."""
        if self._marked:
            self._marked.clear()
            self.changed()

    def _place_of(self, key: Key | None) -> int:
        last = max(0, len(self._keys) - 1)
        near = min(self._cursor, last)
        # Most often no row before the cursor changed, which spares a search through all keys.
        if not self._keys or self._keys[near] == key:
            return near
        try:
            return self._keys.index(key)
        except ValueError:
            return near

    # -- cursor ----------------------------------------------------------------------------------

    @property
    def page(self) -> int:
        """Rows in sight."""
        return max(1, self.scrollable_content_region.height - HEADER)

    def _in_sight(self, row: int) -> bool:
        return 0 <= row - self.scroll_offset.y < self.page

    def _show_cursor(self) -> None:
        top, last = self.scroll_offset.y, max(0, len(self._keys) - self.page)
        to = min(max(top, self._cursor - self.page + 1), self._cursor, last)
        if to != top:
            # By force: the end that the scroll bar knows may be one layout old.
            self.scroll_to(y=to, animate=False, force=True)

    def _put(self, row: int) -> None:
        if not self._keys:
            return
        row = min(max(row, 0), len(self._keys) - 1)
        if row != self._cursor:
            self._cursor = row
            self.changed()
            self.post_message(self.Highlighted(self, self._keys[row]))
        self._show_cursor()

    def action_move(self, by: int) -> None:
        self._put(self._cursor + by)

    def action_page(self, by: int) -> None:
        self._put(self._cursor + by * self.page)

    def action_first(self) -> None:
        self._put(0)

    def action_last(self) -> None:
        self._put(len(self._keys) - 1)

    def action_choose(self) -> None:
        if self._keys:
            self.post_message(self.Chosen(self, self._keys[self._cursor]))

    def action_mark(self) -> None:
        if self._keys:
            key = self._keys[self._cursor]
            heading = self._heading(key)
            under = {key} if heading is None else {*heading.under}
            self._marked = self._marked - under if under <= self._marked else self._marked | under
            self.changed()
            self.post_message(self.MarksChanged(self))

    def on_resize(self) -> None:
        self._show_cursor()

    def on_click(self, event: events.Click) -> None:
        event.stop()
        at = event.get_content_offset(self)
        if at is None or self.is_disabled:
            return
        if at.y < HEADER:
            for start, stop, column in self._titles:
                if start <= at.x < stop and column.sortable:
                    self.post_message(self.SortWanted(self, column.name))
            return
        row = at.y - HEADER + self.scroll_offset.y
        if row < len(self._keys):
            # A double click chooses a row only if its first click was on that row too.
            again = event.chain == 2 and row == self._cursor
            self._put(row)
            if again:
                self.action_choose()

    @override
    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self.changed()

    # -- picture ---------------------------------------------------------------------------------

    @override
    def render_lines(self, crop: Region) -> list[Strip]:
        # The scroll bar comes and goes without a change of size, and covers cells of the rows.
        inner = self.scrollable_content_region.width
        if inner != self._inner:
            self._inner = inner
            self._lines = None
        return super().render_lines(crop)

    @override
    def paint(self, width: int, height: int) -> Sequence[Strip]:
        shared = share_out(self._columns, self._inner - _LEAD)
        strips = [self._header(shared, width)]
        if not self._keys:
            return [*strips, *self._nothing(width, height - HEADER)]
        top = self.scroll_offset.y
        rows = range(top, min(top + height - HEADER, len(self._keys)))
        return [*strips, *(self._row(row, shared, width) for row in rows)]

    def _header(self, shared: Sequence[tuple[Column, int]], width: int) -> Strip:
        plain = self.ink("table--title")
        runs: list[Run] = [(" " * _LEAD, plain)]
        self._titles = []
        at = _LEAD
        for column, cells in shared:
            text, style = visible(column.title), plain
            if self._sort is not None and column.name == self._sort.column:
                arrow = "▼" if self._sort.descending else "▲"
                if cells > 2:  # the title is cut, and never the arrow
                    text = fit(text, min(cell_len(text), cells - 2)) + " " + arrow
                else:
                    text = arrow
                style = self.ink("table--sorted")
            runs.append((fit(text, cells, column.align == "right"), style))
            runs.append((" " * GAP, plain))
            self._titles.append((at, at + cells, column))
            at += cells + GAP
        return strip_of(runs, width, plain)

    def _row(self, row: int, shared: Sequence[tuple[Column, int]], width: int) -> Strip:
        key, under = self._keys[row], row == self._cursor
        heading = self._heading(key)
        over = ("table--cursor",) if under else ()
        fill = self.ink(*over)
        pointer = (POINTER if self.has_focus else RESTING) if under else " "
        covered = {key} if heading is None else {*heading.under}
        mark = MARKED if covered and covered <= self._marked else " "
        runs: list[Run] = [(pointer, fill), (mark, self._tone("mark", under)), (" ", fill)]
        if heading is not None:
            text = fit(visible(heading.text), max(0, self._inner - _LEAD))
            return strip_of([*runs, (text, self._tone("heading", under))], width, fill)
        assert self._cell is not None  # where there are keys
        for column, cells in shared:
            cell = self._cell(key, column)
            right = (cell.align or column.align) == "right"
            runs.append((fit(visible(cell.text), cells, right), self._tone(cell.tone, under)))
            runs.append((" " * GAP, fill))
        return strip_of(runs, width, fill)

    def _tone(self, tone: str, under: bool) -> Style:
        """The style of a cell: by its tone; in the row of a focused cursor, the cursor's own."""
        if not under:
            return self.ink(f"table--{tone}")
        cursor = self.ink("table--cursor")
        if self.has_focus:
            return cursor
        return self.ink(f"table--{tone}") + Style.from_color(None, cursor.bgcolor)

    def _nothing(self, width: int, height: int) -> list[Strip]:
        """The empty text, broken between words, below a blank line."""
        style = self.ink("table--empty")
        lead = min(_LEAD, width // 4)
        lines: list[str] = [""]
        for word in self._empty.split():
            joined = f"{lines[-1]} {word}" if lines[-1] else word
            if lines[-1] and cell_len(joined) > width - 2 * lead:
                lines.append(word)
            else:
                lines[-1] = joined
        texts = ["", *(" " * lead + fit(line, width - lead) for line in lines)]
        return [strip_of([(text, style)], width, self.ink()) for text in texts[: max(0, height)]]
