"""The numbers of the status line are short, and right to their last place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.tui.panels.status import duration, short_number, times


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0"),
        (8.04, "8.0"),
        (9.96, "10"),
        (999.4, "999"),
        (999.6, "1k"),
        (1234.5, "1.23k"),
        (999_499.0, "999k"),
        (999_999.0, "1M"),
        (2.5e6, "2.5M"),
        (3e9, "3G"),
    ],
)
def test_a_speed_has_three_places_at_the_most(value: float, text: str) -> None:
    assert short_number(value) == text


@given(st.floats(0, 9.9e11))
def test_a_short_number_is_right_to_the_last_of_its_places(value: float) -> None:
    text = short_number(value)
    unit = {"k": 1e3, "M": 1e6, "G": 1e9}.get(text[-1], 1.0)
    assert len(text) <= 5 and "e" not in text
    assert float(text.rstrip("kMG")) * unit == pytest.approx(value, rel=0.051, abs=0.0501)


def test_times_and_ratios_read_as_people_write_them() -> None:
    assert (duration(74.2), duration(3600)) == ("1:15", "1:00:00")
    assert (times(3.14159), times(47.2), times(4583.2)) == ("3.1", "47", "4,600")
