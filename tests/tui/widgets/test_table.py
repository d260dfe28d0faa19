"""A table of many rows as a person at the keyboard or the mouse meets it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import events

from playground.tui.widgets.columns import GAP, Column, share_out
from playground.tui.widgets.table import Cell, RowList, Sort

NAME = Column("name", "name", 10, weight=1, priority=3)
LOSS = Column("loss", "loss", 6, priority=2, align="right")
NOTE = Column("note", "note", 8, weight=2, priority=1, sortable=False)
COLUMNS = (NAME, LOSS, NOTE)

MESSAGES = (RowList.Highlighted, RowList.Chosen, RowList.MarksChanged, RowList.SortWanted)


def cell(key: object, column: Column) -> Cell:
    return Cell(f"{key}" if column is NAME else f"{column.name} of {key}")


def table(keys: Sequence[object] = range(100), **more: Any) -> RowList[Any]:
    rows: RowList[Any] = RowList()
    rows.set_rows(keys, COLUMNS, cell, **more)
    return rows


def names(app: Any) -> list[str]:
    """The texts of the first column, row by row."""
    return [line.split()[-1] for line in (line[:13] for line in app.lines[1:]) if line.strip()]


def pointed(app: Any) -> str:
    """The name of the row with the pointer."""
    (line,) = [line for line in app.lines if line[0] in "›·"]
    return str(line[:13].split()[-1])


def highlighted(app: Any) -> list[Any]:
    return [m.key for m in app.posted if isinstance(m, RowList.Highlighted)]


async def test_a_table_shows_titles_the_rows_in_sight_and_the_cursor(stage: Any) -> None:
    async with stage(table(), (40, 6), *MESSAGES) as app:
        assert app.lines[0].split() == ["name", "loss", "note"]
        assert names(app) == ["0", "1", "2", "3", "4"]
        assert pointed(app) == "0" and highlighted(app) == [0]
        app.check_widths()


async def test_only_what_is_in_sight_is_asked_for(stage: Any) -> None:
    asked: set[object] = set()

    def note(key: object, _: Column) -> Cell:
        asked.add(key)
        return Cell("x")

    rows: RowList[Any] = RowList()
    rows.set_rows(range(1_000_000), COLUMNS, note)
    async with stage(rows, (40, 6)) as app:
        await app.pilot.press("end")
        await app.pilot.pause()
        assert asked <= {*range(12), *range(999_995, 1_000_000)} and 999_999 in asked


async def test_ten_thousand_rows_are_there_at_once(stage: Any) -> None:
    async with stage(table(()), (120, 41)) as app:
        keys, best = list(range(10_000)), 1.0
        for turn in range(5):
            started = time.process_time()
            app.widget.set_rows(keys[turn:], COLUMNS, cell)
            assert names(app)[0] == f"{turn}"
            best = min(best, time.process_time() - started)
        assert best < 0.02


async def test_keys_move_the_cursor_and_the_rows_follow(stage: Any) -> None:
    async with stage(table(), (40, 6), *MESSAGES) as app:
        for key, row, top in (
            ("up", 0, 0), ("down", 1, 0), ("pagedown", 6, 2), ("pageup", 1, 1), ("end", 99, 95),
            ("down", 99, 95), ("pageup", 94, 94), ("home", 0, 0),
        ):  # fmt: skip
            await app.pilot.press(key)
            await app.pilot.pause()
            assert (pointed(app), names(app)[0]) == (f"{row}", f"{top}"), key
        assert highlighted(app) == [0, 1, 6, 1, 99, 94, 0]


async def test_enter_and_a_double_click_choose(stage: Any) -> None:
    async with stage(table(), (40, 6), RowList.Chosen, RowList.Highlighted) as app:
        await app.pilot.press("down", "enter")
        await app.pilot.click(app.widget, offset=(8, 4))
        assert [m.key for m in app.posted if isinstance(m, RowList.Chosen)] == [1]
        await app.pilot.double_click(app.widget, offset=(8, 5))
        assert [m.key for m in app.posted if isinstance(m, RowList.Chosen)] == [1, 4]
        assert highlighted(app) == [0, 1, 3, 4] and pointed(app) == "4"


async def test_the_wheel_scrolls_and_leaves_the_cursor(stage: Any) -> None:
    async with stage(table(), (40, 6), *MESSAGES) as app:
        wheel = events.MouseScrollDown(app.widget, 5, 3, 0, 1, 0, False, False, False)
        for _ in range(6):
            app.widget.post_message(wheel)
        await app.pilot.pause()
        assert int(names(app)[0]) > 0 and app.widget.cursor_key == 0
        await app.pilot.press("down")
        await app.pilot.pause()
        assert pointed(app) == "1"  # back in sight


async def test_a_click_on_a_title_asks_for_its_order(stage: Any) -> None:
    async with stage(table(sort=Sort("loss", descending=True)), (60, 6), *MESSAGES) as app:
        assert "loss ▼" in app.lines[0] and app.lines[0].count("▼") == 1
        for title in ("name", "loss", "note"):  # one cannot order by notes
            await app.pilot.click(app.widget, offset=(app.lines[0].index(title), 0))
        wanted = [m.column for m in app.posted if isinstance(m, RowList.SortWanted)]
        assert wanted == ["name", "loss"]
        app.widget.set_rows(range(5), COLUMNS, cell, sort=Sort("name"))
        assert "name ▲" in app.lines[0] and "▼" not in app.lines[0]


async def test_the_cursor_stays_on_its_row_when_others_come_and_go(stage: Any) -> None:
    async with stage(table(list("abcdefghij")), (40, 6), RowList.Highlighted) as app:
        await app.pilot.press("down", "down")
        app.posted.clear()
        app.widget.set_rows(list("zyxwvutsrqabcdefghij"), COLUMNS, cell)
        await app.pilot.pause()
        assert pointed(app) == "c" and app.posted == []
        app.widget.set_rows(list("ab"), COLUMNS, cell)  # c is gone: its neighbour
        await app.pilot.pause()
        assert pointed(app) == "b" and highlighted(app) == ["b"]
        app.widget.set_rows([], COLUMNS, cell)
        await app.pilot.pause()
        assert app.widget.cursor_key is None and highlighted(app) == ["b", None]


async def test_space_marks_rows_and_a_row_that_leaves_loses_its_mark(stage: Any) -> None:
    async with stage(table(), (40, 6), RowList.MarksChanged) as app:
        await app.pilot.press("space", "down", "down", "space", "down", "space", "space")
        assert app.widget.marked == {0, 2} and len(app.posted) == 4
        assert [line[1] for line in app.lines[1:]] == ["✓", " ", "✓", " ", " "]
        app.widget.set_rows(range(1, 100), COLUMNS, cell)
        app.widget.set_rows(range(100), COLUMNS, cell)
        assert app.widget.marked == {2}
        app.widget.clear_marks()
        assert not any("✓" in line for line in app.lines)


async def test_move_to_puts_the_cursor_on_a_row(stage: Any) -> None:
    async with stage(table(), (40, 6)) as app:
        assert app.widget.move_to(50) and not app.widget.move_to("nobody")
        await app.pilot.pause()
        assert pointed(app) == "50"


async def test_a_table_without_rows_says_so(stage: Any) -> None:
    async with stage(table(()), (24, 6), *MESSAGES) as app:
        app.widget.set_empty("No run matches lr>=0.01 [bold]; backspace widens")
        await app.pilot.press("down", "enter", "space", "end", "pageup")
        await app.pilot.click(app.widget, offset=(5, 3))
        words = " ".join(line.strip() for line in app.lines[1:]).split()
        assert words == ["No", "run", "matches", "lr>=0.01", "[bold];", "backspace", "widens"]
        assert app.posted == []
        app.check_widths()


async def test_a_changed_cell_is_seen_when_the_owner_says_so(stage: Any) -> None:
    said = {"text": "before"}
    rows: RowList[Any] = RowList()
    rows.set_rows(["a"], (NAME,), lambda *_: Cell(said["text"]))
    async with stage(rows, (40, 6)) as app:
        assert names(app) == ["before"]
        said["text"] = "after"
        rows.refresh_rows()
        assert names(app) == ["after"]


async def test_cells_are_text_whatever_they_hold(stage: Any) -> None:
    rows: RowList[Any] = RowList()
    keys = ["[b]x[/]", "\x1b[31mred", "日本語の長い名前です", "a\nb"]
    rows.set_rows(keys, (NAME, LOSS), lambda key, _: Cell(key))
    async with stage(rows, (28, 6)) as app:
        app.check_widths()
        drawn = "\n".join(app.lines)
        assert "[b]x[/]" in drawn and "\\x1b[31mred" in drawn and "a⏎b" in drawn
        assert "\x1b" not in drawn and "…" in app.lines[3]


async def test_focus_shows_without_colour(stage: Any) -> None:
    async with stage(table(), (40, 6)) as app:
        assert app.lines[1][0] == "›"
        app.set_focus(None)
        await app.pilot.pause()
        assert app.lines[1][0] == "·"


async def test_a_cell_keeps_its_colour_under_a_cursor_without_focus(stage: Any) -> None:
    rows: RowList[Any] = RowList()
    rows.set_rows(["a", "b"], (NAME,), lambda key, _: Cell(key, "bad"))
    async with stage(rows, (40, 6)) as app:
        app.set_focus(None)
        await app.pilot.pause()
        cursor, other = (
            next(s for s in rows.render_line(y) if "a" in s.text or "b" in s.text).style
            for y in (1, 2)
        )
        assert cursor is not None and other is not None
        assert cursor.color == other.color and cursor.bgcolor != other.bgcolor


async def test_in_a_narrow_terminal_the_less_important_columns_go(stage: Any) -> None:
    for width, titles in ((44, "name loss note"), (26, "name loss"), (18, "name")):
        async with stage(table(), (width, 6)) as app:
            assert app.lines[0].split() == titles.split()
            app.check_widths()


@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 8, 13, 20])
async def test_every_width_is_filled_exactly(stage: Any, width: int) -> None:
    async with stage(table(sort=Sort("name")), (width, 4)) as app:
        await app.pilot.press("space", "end")
        app.check_widths()
        app.widget.set_rows((), COLUMNS, cell)
        app.check_widths()


async def test_a_list_made_smaller_still_shows_its_cursor(stage: Any) -> None:
    async with stage(table(), (40, 12)) as app:
        await app.pilot.press(*["down"] * 9)
        app.widget.styles.height = 5
        await app.pilot.pause()
        assert pointed(app) == "9"


async def test_a_search_that_leaves_few_rows_shows_them_all(stage: Any) -> None:
    async with stage(table(), (40, 6)) as app:
        await app.pilot.press("end")
        await app.pilot.pause()
        app.widget.set_rows(range(97, 100), COLUMNS, cell)
        assert names(app) == ["97", "98", "99"] and pointed(app) == "99"
        app.widget.set_rows(range(100), COLUMNS, cell)
        app.widget.move_to(50)
        await app.pilot.pause()
        for _ in range(20):  # the cursor out of sight
            app.widget.scroll_relative(y=1, animate=False)
        await app.pilot.pause()
        assert "›" not in "".join(app.lines)
        app.widget.set_rows(range(48, 53), COLUMNS, cell)
        await app.pilot.pause()
        assert names(app) == ["48", "49", "50", "51", "52"] and pointed(app) == "50"


columns_of_all_sorts = st.lists(
    st.builds(
        lambda width, weight, priority: Column("c", "c", width, weight, priority),
        st.integers(1, 30), st.sampled_from([0.0, 1.0, 2.5]), st.integers(0, 5),
    ),
    max_size=8,
)  # fmt: skip


@given(columns_of_all_sorts, st.integers(0, 120))
def test_columns_take_no_more_than_there_is_and_none_below_its_least(
    columns: list[Column], width: int
) -> None:
    shared = share_out(columns, width)
    used = sum(cells for _, cells in shared) + GAP * max(0, len(shared) - 1)
    assert used <= width
    assert bool(shared) == bool(columns and width)
    if len(shared) > 1:
        assert all(cells >= column.width for column, cells in shared)
        left_out = [c.priority for c in columns if all(c is not kept for kept, _ in shared)]
        assert min(c.priority for c, _ in shared) >= max(left_out, default=0)
    if any(column.weight for column, _ in shared):
        assert used == width


def test_a_name_is_whole_before_a_column_of_less_use_is_shown() -> None:
    name = Column("name", "name", 10, 1, priority=9, wish=25)
    columns = [
        name,
        Column("loss", "loss", 6, priority=8),
        Column("engine", "engine", 6, extra=True),
    ]
    assert [(one.name, cells) for one, cells in share_out(columns, 30)] == [
        ("name", 22), ("loss", 6),
    ]  # fmt: skip
    assert [one.name for one, _ in share_out(columns, 41)] == ["name", "loss", "engine"]


def test_the_most_important_column_is_cut_rather_than_left_out() -> None:
    assert share_out([LOSS, NAME], 4) == [(NAME, 4)]
