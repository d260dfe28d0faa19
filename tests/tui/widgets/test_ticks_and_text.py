"""Numbers on axes and texts in cells."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgpt.terminal import sign_of
from microgpt.tokenizer import CharTokenizer
from playground.cli.listing import in_columns
from playground.hooks.builtins.tokenizers import Byte, Word
from playground.tui.widgets.text import fit, visible
from playground.tui.widgets.ticks import (
    linear_ticks,
    log_ticks,
    nice_step,
    place_text,
    tick_texts,
    value_text,
)
from playground.widths import cell_len

numbers = st.floats(-1e9, 1e9)


@given(numbers, st.floats(1e-6, 1e9), st.integers(1, 20))
def test_ticks_lie_within_and_are_few(low: float, span: float, most: int) -> None:
    if span < abs(low) * 1e-6:  # below what the numbers themselves can tell apart
        return
    high = low + span
    ticks = linear_ticks(low, high, most)
    slack = span * 1e-6
    assert len(ticks) <= most + 2
    assert all(low - slack <= tick <= high + slack for tick in ticks)
    assert ticks == sorted(ticks)


@given(st.floats(1e-9, 1e6), st.floats(1.001, 1e9), st.integers(1, 12))
def test_log_ticks_lie_within_and_are_few(low: float, ratio: float, most: int) -> None:
    ticks = log_ticks(low, low * ratio, most)
    assert len(ticks) <= most + 3
    assert all(low * 0.99999 <= tick <= low * ratio * 1.00001 for tick in ticks)


@given(numbers, st.floats(1e-3, 1e9), st.integers(2, 12))
def test_no_two_ticks_read_the_same(low: float, span: float, most: int) -> None:
    if span < abs(low) * 1e-6:
        return
    texts = tick_texts(linear_ticks(low, low + span, most))
    assert len(set(texts)) == len(texts)


def read(text: str) -> float:
    """The number that the text of a tick stands for."""
    return float(text.rstrip("kM")) * {"k": 1e3, "M": 1e6}.get(text[-1], 1.0)


@given(numbers, st.floats(-9, 15), st.integers(2, 12), st.booleans())
def test_each_tick_is_written_as_it_is(low: float, power: float, most: int, log: bool) -> None:
    span = 10**power
    if span < abs(low) * 1e-6:
        return
    low = abs(low) / 1e12 + 1e-12 if log else low
    ticks = (log_ticks if log else linear_ticks)(low, low + span, most)
    for tick, text in zip(ticks, tick_texts(ticks), strict=True):
        assert read(text) == pytest.approx(tick, rel=1e-8, abs=1e-300)


def test_steps_between_ticks_are_round() -> None:
    assert [nice_step(span, 5) for span in (1, 2, 4, 10, 0.03)] == [0.2, 0.5, 1, 2, 0.01]


def test_ticks_have_the_decimals_that_tell_them_apart() -> None:
    assert tick_texts([2.0, 2.5, 3.0]) == ["2.0", "2.5", "3.0"]
    assert tick_texts([0.0, 5000.0, 10_000.0]) == ["0", "5k", "10k"]
    assert tick_texts([0.0, 500_000.0, 1e6]) == ["0", "0.5M", "1.0M"]
    assert tick_texts([20_000, 20_001]) == ["20000", "20001"]
    assert tick_texts([0.0, 1e-5, 1.5e-5]) == ["0", "1.0e-5", "1.5e-5"]
    assert tick_texts([1e-11, 1e-3, 10.0]) == ["1e-11", "1e-3", "1e+1"]
    assert tick_texts([0.0, 2e15]) == ["0", "2e+15"]
    assert linear_ticks(0, 3, 10, whole=True) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("value", "text"),
    [(3.2958, "3.296"), (31.4159, "31.42"), (0.0, "0.000"), (1e-5, "1.00e-05"), (math.nan, "nan")],
)
def test_values_are_read_off_with_four_digits(value: float, text: str) -> None:
    assert value_text(value) == text
    assert place_text(312.0) == "312"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (" the", "␠the"),
        ("a\nb\tc", "a⏎b⇥c"),
        ("\x07\x1b[31m", "\\x07\\x1b[31m"),
        ("[bold]", "[bold]"),
        ("\u0301", "◌\u0301"),
        ("e\u0301", "e\u0301"),
        ("\u200b\u202e", "\\u200b\\u202e"),
        ("\ud800", "\\ud800"),
        ("日本", "日本"),
        ("\xa0", "⍽"),
    ],
)
def test_invisible_characters_have_stand_ins(text: str, shown: str) -> None:
    assert visible(text, spaces=True) == shown


@given(st.text(st.characters(exclude_categories=())))
def test_no_text_reaches_the_terminal_that_it_would_obey(text: str) -> None:
    shown = visible(text)
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in shown)
    shown.encode()  # no lone surrogates either


@given(st.text(), st.integers(0, 30), st.booleans())
def test_fitted_text_has_exactly_its_cells(text: str, width: int, right: bool) -> None:
    assert cell_len(fit(visible(text), width, right)) == width


@pytest.mark.parametrize("white", ["\n", "\t", "\r", "\N{NO-BREAK SPACE}", " "])
def test_white_space_has_one_sign_in_rows_tiles_vocabulary_and_listings(white: str) -> None:
    characters, words = CharTokenizer([white]), Word()
    words.train([white])
    signs = {visible(white, spaces=True), characters.display(0), words.display(0)}
    if white.isascii():
        signs.add(Byte().display(ord(white)))
    if white != " ":  # between words, a space is seen
        signs |= {visible(white), in_columns(white)}
    assert signs == {sign_of(white)}
