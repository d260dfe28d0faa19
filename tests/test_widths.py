"""Columns of a terminal: counted in one way, and held on terminals that count in another."""

from __future__ import annotations

import ctypes
import locale
import re
import sys
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len as count_of_rich
from rich.segment import Segment

from playground.cli.listing import in_columns, print_rows
from playground.tui.widgets.text import visible
from playground.widths import agree, cell_len, fit, held, wrap
from tests.docs_helpers import ROOT
from tests.texts_of_the_world import SCRIPTS

WORDS = st.sampled_from([*(text for text, _ in SCRIPTS.values()), "plain", "e\u0301a", "☰☱", "①"])
JOINED = ["👩‍💻", "❤️", "1️⃣"]
LINES = st.lists(WORDS | st.sampled_from(JOINED), max_size=6)


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_text_takes_the_columns_that_terminals_give_it(script: str) -> None:
    text, columns = SCRIPTS[script]
    assert cell_len(text) == columns
    assert visible(text) == text
    assert fit(text, columns) == text
    assert in_columns(text) == text


def test_rich_and_so_textual_count_in_the_same_way() -> None:
    agree()
    for text, columns in SCRIPTS.values():
        assert count_of_rich(text) == columns
        left, right = Segment(text * 3).split_cells(columns)
        assert (left.text, right.text) == (text, text * 2)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks the C library of Linux")
def test_letters_and_marks_are_as_wide_as_the_c_library_has_them() -> None:
    """The C library's is the count of tmux, and of most that line up columns."""
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
        wcwidth = ctypes.CDLL(None).wcwidth
        if wcwidth(ord("名")) != 2:
            pytest.skip("this C library knows no widths")
        wrong = [
            f"U+{code:04X}"
            for code in (*range(0x300, 0x2000), *range(0xA000, 0xAC00), *range(0x10000, 0x12000))
            if unicodedata.category(chr(code))[0] in "LM"
            and wcwidth(code) >= 0
            and wcwidth(code) != cell_len(chr(code))
        ]
    except locale.Error:
        pytest.skip("this system has no C.UTF-8")
    finally:
        locale.setlocale(locale.LC_CTYPE, before)
    assert len(wrong) < 10, wrong  # a C library may be older than the tables


# ---------------------------------------------------------------- terminals that differ


def drawn(output: str, width_of: Callable[[str], int]) -> dict[int, str]:
    """What stands in which column, on a terminal that counts like `width_of`."""
    cells: dict[int, str] = {}
    column = saved = 0
    for token in re.findall(r"\x1b7|\x1b8|\x1b\[\d*C|\x1b\[[0-9;]*m|[^\x1b]", output):
        if token == "\x1b7":
            saved = column
        elif token == "\x1b8":
            column = saved
        elif token.endswith("C") and len(token) > 1:
            column += int(token[2:-1])
        elif len(token) == 1:
            width = width_of(token)
            if width:
                cells[column] = token
            column += width
    return cells


def of_marks(of_a_mark: int, of_an_emoji: int) -> Callable[[str], int]:
    """A terminal's count: what it gives to each mark or joiner, and to each emoji."""

    def width(char: str) -> int:
        if unicodedata.category(char)[0] == "M" or char == "\u200d":
            return of_a_mark
        return of_an_emoji if char > "\U00010000" or char in "☰☱❤" else cell_len(char)

    return width


TERMINALS = {
    "joins all": of_marks(0, 2),
    "joins nothing": of_marks(1, 1),
    "wide": of_marks(2, 2),
    "old": of_marks(0, 1),
}


@pytest.mark.parametrize("terminal", TERMINALS)
@settings(max_examples=40)
@given(LINES, st.booleans())
def test_a_frame_stands_on_terminals_that_count_otherwise(
    terminal: str, words: list[str], coloured: bool
) -> None:
    colour, plain = ("\x1b[1;38;2;1;2;3m", "\x1b[0m") if coloured else ("", "")
    line = "│".join(["", *(f"{colour}{word}{plain} " for word in words), ""])
    cells = drawn(held(line), TERMINALS[terminal])
    column = 0
    for word in words:
        assert cells[column] == "│"
        column += 1 + cell_len(word) + 1
        assert cells.get(column - 1, " ") == " "  # nothing is left of a word behind it
    assert cells[column] == "│"


@given(st.text(st.characters(codec="latin-1") | st.sampled_from("│╭━▀⣿●名한")))
def test_what_terminals_agree_on_is_written_as_it_is(text: str) -> None:
    assert held(text.replace("\xad", "")) == text.replace("\xad", "")


def test_the_strings_of_escape_sequences_stay_as_they_are() -> None:
    for sequence in ("\x1b]0;हिन्दी\x07", "\x1b]52;c;aGk=\x1b\\", "\x1b[38;2;1;2;3m", "\x1b[?7l"):
        assert held(sequence) == sequence
        assert held(f"{sequence}का{sequence}").startswith(f"{sequence}\x1b7  \x1b8\x1b7का\x1b8")
    assert held("\x1b]0;" + "हि " * 20_000) == "\x1b]0;" + "हि " * 20_000  # and at once


# ---------------------------------------------------------------- tables


@given(st.text(), st.integers(2, 30))
def test_lines_are_never_wider_than_asked_and_lose_nothing(text: str, width: int) -> None:
    text = in_columns(text)
    lines = wrap(text, width)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


@given(st.text(), st.integers(1, 30), st.booleans())
def test_a_cell_of_a_table_has_exactly_its_columns(text: str, width: int, right: bool) -> None:
    assert cell_len(fit(in_columns(text), width, right)) == width


def test_the_columns_of_a_listing_stand_in_every_script(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([(text, "about it") for text, _ in SCRIPTS.values()] + [("❤️ \u0301", "about it")])
    lines = capsys.readouterr().out.splitlines()
    assert {cell_len(line.partition("about it")[0]) for line in lines} == {8 + 2}
    assert lines[-1].startswith(r"❤\ufe0f")


def test_a_listing_holds_its_columns_on_a_terminal_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    print_rows([("हिन्दी", "about it")])
    assert "\x1b" not in capsys.readouterr().out
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    for term, held_there in (("xterm", True), ("dumb", False)):
        monkeypatch.setenv("TERM", term)
        print_rows([("हिन्दी", "about it"), ("plain", "it")])
        assert ("\x1b8\x1b[5C  about it" in capsys.readouterr().out) == held_there


def test_only_one_module_counts_columns() -> None:
    modules = [*(ROOT / "playground").rglob("*.py"), *(ROOT / "microgpt").rglob("*.py")]
    counting = re.compile(r"rich\.cells|east_asian_width|unicodedata\.combining\(")
    found = {p.name for p in modules if counting.search(p.read_text(encoding="utf-8"))}
    assert found == {"widths.py", "encodings.py"}  # the second judges letters, and draws nothing
