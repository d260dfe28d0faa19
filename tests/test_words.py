"""Numbers as people type them: read rightly, or refused with a word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.words import read_number

DIGITS = st.text("0123456789", min_size=1, max_size=6)


@pytest.mark.parametrize(
    ("text", "whole", "value"),
    [
        ("0.03", False, 0.03),
        (" 1e-3 ", False, 0.001),
        ("-2", False, -2.0),
        ("1.000", False, 1.0),
        ("1_000", False, 1000.0),
        ("1,000,000", False, 1_000_000.0),
        ("1,234.5", False, 1234.5),
        ("1,000", True, 1000),
        ("10,000,000", True, 10_000_000),
        ("1_000", True, 1000),
        ("1e3", True, 1000),
        ("1.0", True, 1),
        ("1.5", True, 1.5),
        ("9" * 30, True, int("9" * 30)),
    ],
)
def test_a_number_is_read_as_people_write_it(text: str, whole: bool, value: float) -> None:
    read = read_number(text, whole=whole)
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "whole", "advice"),
    [
        ("0,03", False, "; write 0.03, with a point"),
        ("0,500", False, "; write 0.500, with a point"),
        ("1,5e3", False, "; write 1.5e3, with a point"),
        ("1.000,5", False, "; write 1000.5, with a point"),
        ("1,500", False, "; write 1500 or 1.5"),
        ("1,0", True, "; write 1"),
        ("1,5", True, ""),
        ("1.000", True, "; write 1000 or 1"),
        ("1.500", True, "; write 1500"),
        ("10.000.000", True, "; write 10000000"),
        ("0_03", False, ""),
        ("1__0", True, ""),
        ("1 000", True, ""),
        ("x", False, ""),
        (",", False, ""),
        ("", True, ""),
    ],
)
def test_a_number_that_may_be_another_is_refused_with_what_to_write(
    text: str, whole: bool, advice: str
) -> None:
    with pytest.raises(ValueError) as caught:
        read_number(text, whole=whole)
    assert str(caught.value) == advice


@given(DIGITS, DIGITS, st.booleans(), st.sampled_from(",._"))
def test_digits_around_a_sign_are_never_run_together(
    head: str, tail: str, whole: bool, sign: str
) -> None:
    """But for groups of three digits, and there only with the sign that groups them."""
    try:
        value = read_number(f"{head}{sign}{tail}", whole=whole)
    except ValueError:
        return
    grouped = len(tail) == 3 and len(head) <= 3 and head[0] != "0" and sign != "."
    if grouped:
        assert value == int(head + tail) and (whole or sign == "_")
    else:
        assert sign == "." and value == float(f"{head}.{tail}")
