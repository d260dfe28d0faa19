"""Cells as SVG: well-formed whatever they say, each word in its column, and nothing is fetched."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from rich.terminal_theme import DEFAULT_TERMINAL_THEME as THEME
from textual.geometry import Region
from textual.strip import Strip

from playground.tui.picture.cells import Look, Run, Shot, look_of
from playground.tui.picture.shapes import ARCS, HEIGHT, WIDTH, merged, rects
from playground.tui.picture.svg import fit_for_xml, svg_of
from playground.widths import cell_len

SVG = "{http://www.w3.org/2000/svg}"
PLAIN = Look("#dddddd", "#111111")
LOOKS = (PLAIN, Look("#ee8800", "#111111", bold=True), Look("#111111", "#dddddd", underline=True))
RUNS = st.tuples(st.text(max_size=12), st.sampled_from(LOOKS))


def as_letters(line: list[Run]) -> str:
    """What of a line is letters: shapes are blanks."""
    text = fit_for_xml("".join(text for text, _ in line))
    return "".join(" " if sign in ARCS or rects(sign) is not None else sign for sign in text)


@given(st.lists(st.lists(RUNS, max_size=4), max_size=3), st.text(max_size=20))
def test_any_lines_are_well_formed_and_their_texts_are_those_texts(
    lines: list[list[Run]], title: str
) -> None:
    root = ElementTree.fromstring(svg_of(lines, title, f"About {title}"))
    drawn = ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]
    letters = [as_letters(line) for line in lines]
    # A line of blanks has no letters.
    assert drawn == [one.rstrip(" ") for one in letters if one.strip(" ")]
    assert (root.findtext(f"{SVG}title") or "") == fit_for_xml(title)


def words_of(svg: str) -> dict[str, tuple[float, str]]:
    """By each word: the column at which it begins, or whose middle it has, and its ink."""
    found = {}
    for word in ElementTree.fromstring(svg).iter(f"{SVG}tspan"):
        column = float(word.attrib["x"]) / WIDTH
        found[word.text or ""] = (column, word.attrib.get("fill", ""))
    return found


@given(st.text("ab 日本😀é█─⠿ᄀ", max_size=30))
def test_each_word_stands_in_the_column_that_it_has_in_the_terminal(text: str) -> None:
    line = f"{text} end"
    column, _ = words_of(svg_of([[(line, PLAIN)]], "", ""))["end"]
    assert column == cell_len(text) + 1


def test_marks_stay_with_their_letters_and_wide_signs_are_centred() -> None:
    svg = svg_of([[("e\u0301te\u0301 日 x", PLAIN)]], "", "")
    words = words_of(svg)
    assert words["e\u0301te\u0301"][0] == 0 and words["日"][0] == 5 and words["x"][0] == 7
    # Blanks without a place of their own would be centred together with the sign before them.
    assert words[" "][0] == 6 and svg.count("<tspan") == 4


def test_what_a_terminal_would_obey_is_shown_by_a_stand_in() -> None:
    svg = svg_of([[("a\x1b[2J\u202eb\ud800\ufffe<script>&", PLAIN)]], "", "")
    (text,) = ElementTree.fromstring(svg).iter(f"{SVG}text")
    assert "".join(text.itertext()) == "a�[2J�b��<script>&"


def test_the_picture_names_nothing_outside_itself() -> None:
    svg = svg_of([[("words ▀ ╭", look) for look in LOOKS]], "Loss", "At step 3.")
    assert re.findall(r"https?://[^\s\"']*", svg) == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"url\(|@import|@font-face|href|<image|<script", svg)


def test_colours_and_strokes_are_those_of_the_cells() -> None:
    svg = svg_of([[("usual usual ", LOOKS[0]), ("bold", LOOKS[1]), ("under", LOOKS[2])]], "", "")
    assert words_of(svg)["bold"] == (12, "#ee8800")
    assert 'font-weight="bold">bold<' in svg
    paths = [path.attrib for path in ElementTree.fromstring(svg).iter(f"{SVG}path")]
    assert {"fill": "#dddddd", "d": "M128 0h40v16h-40z"} in paths, "the paper of the last word"
    assert {"fill": "#111111", "d": "M128 14h40v1h-40z"} in paths, "and the stroke under it"


@pytest.mark.parametrize(
    ("style", "ink", "paper"),
    [
        (None, "#000000", "#ffffff"),
        (Style(color="#ff0000", bgcolor="#0000ff"), "#ff0000", "#0000ff"),
        (Style(color="#ff0000", bgcolor="#0000ff", reverse=True), "#0000ff", "#ff0000"),
        (Style(color=Color.from_ansi(1)), "#800000", "#ffffff"),
        (Style(color="default", dim=True), "#575757", "#ffffff"),
    ],
)
def test_every_kind_of_colour_has_a_colour_of_its_own(
    style: Style | None, ink: str, paper: str
) -> None:
    assert look_of(style, THEME)[:2] == (ink, paper)


def cropped(text: str, left: int, width: int) -> str:
    shot = Shot((Strip([Segment(text)]),), THEME)
    (line,) = shot.lines(Region(left, 0, width, 1))
    return "".join(text for text, _ in line)


def test_of_a_wide_sign_at_the_edge_a_blank_is_left() -> None:
    assert cropped("a日b😀c", 0, 7) == "a日b😀c"
    assert cropped("a日b😀c", 1, 3) == "日b"
    assert cropped("a日b😀c", 2, 3) == " b "
    assert cropped("a日b", 3, 9) == "b", "nothing beyond the screen"


SMALL = st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(1, 3), st.integers(1, 3))


def points(found: list[tuple[int, int, int, int]]) -> set[tuple[int, int]]:
    return {
        (x, y)
        for left, top, wide, high in found
        for x in range(left, left + wide)
        for y in range(top, top + high)
    }


@given(st.lists(SMALL, max_size=12))
def test_merged_rectangles_cover_the_same(found: list[tuple[int, int, int, int]]) -> None:
    assert points(merged(found)) == points(found)


def test_a_heat_map_of_one_colour_is_one_rectangle_without_seams() -> None:
    cells = [
        (column * WIDTH, row * HEIGHT, WIDTH, HEIGHT) for column in range(5) for row in range(4)
    ]
    assert merged(cells) == [(0, 0, 5 * WIDTH, 4 * HEIGHT)]


def test_the_lines_of_a_frame_meet_at_the_edges_of_their_cells() -> None:
    across = {y for x, y in points(list(rects("─") or ())) if x in (0, WIDTH - 1)}
    for sign in "┌┬┼┴└├":
        assert {y for x, y in points(list(rects(sign) or ())) if x == WIDTH - 1} == across
    down = {x for x, y in points(list(rects("│") or ())) if y == HEIGHT - 1}
    for sign in "┌┐├┤┼":
        assert {x for x, y in points(list(rects(sign) or ())) if y == HEIGHT - 1} == down
