"""The difference of two texts, as a person reads it."""

from __future__ import annotations

import time
from itertools import pairwise
from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.tui.widgets.difference import (
    MOST_PARTS,
    difference_content,
    side_by_side,
    word_difference,
)
from playground.widths import cell_len

odd = st.sampled_from("ab \n[-]{+}日é\u0301\u200d\x07_")
texts = st.text(odd, max_size=30) | st.text(max_size=12)


@pytest.mark.parametrize(
    ("before", "after", "read"),
    [
        ("kamon", "karon", "ka[-m-]{+r+}on"),
        ("kamon", "kamona", "kamon{+a+}"),
        ("abcde", "abxdy", "ab[-cde-]{+xdy+}"),  # one letter alone is no island
        ("words here", "swords", "[-words here-]{+swords+}"),
        ("emma", "olivia", "[-emma-]{+olivia+}"),
        ("the cat sat on the mat", "the dog sat on a mat.",
         "the [-cat-]{+dog+} sat on [-the-]{+a+} mat{+.+}"),
        ("日本語", "日本话", "日本[-語-]{+话+}"),
        ("", "new", "{+new+}"),
        ("gone", "", "[-gone-]"),
        ("same", "same", "same"),
        ("", "", ""),
    ],
)  # fmt: skip
def test_removed_and_added_text_stands_in_brackets(before: str, after: str, read: str) -> None:
    assert difference_content(before, after).plain == read


def test_without_brackets_removed_text_is_struck_and_added_text_is_bold() -> None:
    content = difference_content("a cat", "a dog", signs=False)
    assert content.plain == "a catdog"
    styles = {content.plain[span.start : span.end]: str(span.style) for span in content.spans}
    assert "strike" in styles["cat"] and "bold" in styles["dog"]


def test_what_looks_like_markup_or_a_control_code_is_only_text() -> None:
    plain = difference_content("[bold]a[/]", "[bold]\x1b[31mb[/]").plain
    assert plain.startswith("[bold]") and plain.endswith("[/]")
    assert "\x1b" not in plain and "\\x1b" in plain


def test_a_letter_is_never_parted_from_its_accent() -> None:
    assert difference_content("jose\u0301", "jose").plain == "jos[-e\u0301-]{+e+}"


@given(texts, texts)
def test_both_texts_can_be_read_back_from_the_difference(before: str, after: str) -> None:
    pieces = word_difference(before, after)
    assert "".join(text for kind, text in pieces if kind != "new") == before
    assert "".join(text for kind, text in pieces if kind != "gone") == after
    assert all(text for _, text in pieces)
    assert all(one[0] != other[0] for one, other in pairwise(pieces))


@given(texts)
def test_a_text_does_not_differ_from_itself(text: str) -> None:
    assert word_difference(text, text) == ([("same", text)] if text else [])


def test_long_texts_cost_little_and_still_tell_where_they_differ() -> None:
    words = "x y z " * 20 * MOST_PARTS
    started = time.process_time()
    pieces = word_difference(f"begin {words} end", f"begin {words[::-1]} end")
    assert [kind for kind, _ in pieces] == ["same", "gone", "new", "same"]
    assert pieces[0][1].startswith("begin ") and pieces[-1][1].endswith(" end")
    assert time.process_time() - started < 1.0


def test_two_columns_show_what_only_one_has_and_which_pairs_differ() -> None:
    lines = [line.plain for line in side_by_side(["kamon", "anna"], ["karon", "anna", "eli"], 27)]
    assert lines == [
        "ka[-m-]on    ≠ ka{+r+}on   ",
        "anna         │ anna        ",
        "             ≠ {+eli+}     ",
    ]


def test_a_long_text_goes_on_in_the_next_line_with_nothing_lost() -> None:
    text = "the quick brown fox jumps over the lazy dog"
    lines = [line.plain for line in side_by_side([text], [text], 33)]
    left = "".join(line[:15] for line in lines)
    assert left.split() == text.split() and len(lines) == 4
    assert all(word in text.split() for line in lines for word in line[:15].split())


@given(st.lists(texts, max_size=3), st.lists(texts, max_size=3), st.integers(7, 60))
def test_every_line_is_as_wide_as_asked(left: list[str], right: list[str], width: int) -> None:
    for line in side_by_side(left, right, width):
        assert cell_len(line.plain) == width
        assert not any(category(character) == "Cc" for character in line.plain)


def test_a_width_too_small_for_two_columns_is_laid_out_as_the_smallest() -> None:
    assert [cell_len(line.plain) for line in side_by_side(["日"], ["日"], 0)] == [7]
