"""The verdict on a change: more than allowed, and more than luck."""

from __future__ import annotations

import math

import pytest

from playground.lab.score.check import judged, summary
from playground.lab.score.interval import Figure


@pytest.mark.parametrize(
    ("change", "allowed", "verdict"),
    [
        (Figure(0.0, 0.0, 0.0), 0.0, "equal"),
        (Figure(0.0, -math.inf, math.inf), 0.0, "equal"),
        (Figure(0.01, 0.005, 0.015), 0.02, "within"),
        (Figure(0.3, 0.1, 0.5), 0.02, "worse"),
        (Figure(0.3, -0.1, 0.7), 0.02, "not told apart"),
        (Figure(-0.3, -0.5, -0.1), 0.02, "better"),
        (Figure(-0.3, -0.7, 0.1), 0.02, "within"),
        (Figure(0.3, 0.1, 0.5), None, "not judged"),
        (Figure(0.3, -math.inf, math.inf), 0.02, "not compared"),
    ],
)
def test_a_change_is_worse_if_it_is_more_than_allowed_and_more_than_luck(
    change: Figure, allowed: float | None, verdict: str
) -> None:
    found = judged("bits a character", "bits", allowed, 2.0, 2.0 + change.value, change)
    assert found.verdict == verdict
    assert found.fails == (verdict in ("worse", "not compared"))
    said = summary([found.as_dict()], "run 1", "run 2")
    assert ("not within" in said) == found.fails
    assert ("not told apart from luck: bits a character +0.300" in said) == (
        verdict == "not told apart"
    )


def test_fewer_valid_samples_are_worse() -> None:
    fewer = Figure(-0.3, -0.4, -0.2)
    assert judged("valid samples", "valid", 0.05, 0.9, 0.6, fewer, True).verdict == "worse"
    assert (
        judged("valid samples", "valid", 0.05, 0.6, 0.9, Figure(0.3, 0.2, 0.4), True).verdict
        == "better"
    )
