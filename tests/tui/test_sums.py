"""Sums that are typed as an answer."""

from __future__ import annotations

import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.tui.control.sums import goes_on, is_a_sum, reckon


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.25", 0.25),
        ("1e-3", 1e-3),
        ("6082/31065", 6082 / 31065),
        ("1,000,000/4", 250_000),
        ("ln 54", math.log(54)),
        ("-ln(1/27)", math.log(27)),
        ("e^-3.75", math.exp(-3.75)),
        ("exp(1)", math.e),
        ("2*3^2-1", 17),
        ("-2^2", -4),
        ("2^-1", 0.5),
        ("8/4/2", 1),
        ("(3.36-3.3)/0.01", 6),
    ],
)
def test_a_sum_has_the_value_that_it_has_on_paper(text: str, value: float) -> None:
    assert reckon(text) == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ""),
        ("2e", ""),
        ("1/0", ""),
        ("9^9^9", ""),
        ("(-8)^(1/3)", "no real root"),
        ("ln((0-8)^.5)", "no real root"),
        ("ln", "a sum is written as"),
        ("(1+2", "a sum is written as"),
        ("1//2", "a sum is written as"),
        ("(" * 40, "a sum is written as"),
        ("-" * 60 + "1", "a sum is written as"),
        ("ln(-1)", "above 0"),
        ("17,5/2", "write 17.5, with a point"),
    ],
)
def test_what_has_no_value_is_refused_with_a_word(text: str, said: str) -> None:
    with pytest.raises(ValueError) as refused:
        reckon(text)
    assert said in str(refused.value) if said else str(refused.value) == ""


@given(st.lists(st.sampled_from([*"0123456789.,_+-*/^() ", "e", "ln", "log", "exp"])).map("".join))
def test_whatever_is_typed_has_a_finite_value_or_is_refused(text: str) -> None:
    with suppress(ValueError):
        assert math.isfinite(reckon(text))


def test_a_name_is_typed_letter_by_letter_and_no_other_letter_is_taken() -> None:
    typed = ""
    for letter in "ln 5/exp(1":
        assert goes_on(typed, letter) or letter in "5/(1"
        typed += letter
    assert not goes_on("", "s") and not goes_on("", "x") and not goes_on("5", " ")
    assert is_a_sum("e") and is_a_sum("1/2") and not is_a_sum("1e-3") and not is_a_sum("-5")
