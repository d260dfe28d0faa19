"""The built-in panels and exporters keep the contract that a plugin's are held to."""

from __future__ import annotations

import random
from array import array

import pytest

from playground.api import PanelFacts
from playground.hooks.builtins import chart, exporters, inside, panels
from playground.hooks.builtins.panels import GradientFlow, Histogram, HistogramKnobs
from playground.testing import Check, checks_of

CHECKS = [*checks_of(panels), *checks_of(inside), *checks_of(exporters)]
CHECKS += [check for check in checks_of(chart) if check.subject == "chart"]


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.name)
def test_the_contract(check: Check) -> None:
    check()


def facts(*parts: list[float], gradients: list[float] | None = None) -> PanelFacts:
    """A run of one matrix a part."""
    weights = [value for part in parts for value in part]
    state = {"weights": weights, "gradients": gradients or weights}
    return PanelFacts(
        step=1,
        steps=10,
        losses=[3.0],
        vocabulary=("a",),
        document=("a",),
        token_losses=(3.0,),
        shapes={f"m{place}": (1, len(part)) for place, part in enumerate(parts)},
        read=lambda kind: array("d", state[kind]),
    )


def histogram(values: list[float], width: int = 40, height: int = 12) -> list[str]:
    return Histogram(HistogramKnobs()).render(facts(values), width, height)


def test_the_bars_of_a_histogram_are_as_high_as_its_counts() -> None:
    lines = histogram([-1.0] * 4 + [1.0] * 2, 10, 10)
    assert [line[0] for line in lines[1:-1]] == ["█"] * 8
    assert [line[-1] for line in lines[1:-1]] == [" "] * 4 + ["█"] * 4
    assert lines[-1] == "-1   0  +1"


def test_a_single_number_far_out_still_shows() -> None:
    line = histogram([0.0] * 10_000 + [1.0])[-2]
    assert line[-1] == "▁" and line[-2] == " "


def test_what_is_no_number_is_left_out_or_said() -> None:
    assert histogram([float("nan")] * 3) == ["None of the 3 weights is a number any more."]
    assert "spread 1" in histogram([float("inf"), -1.0, 1.0])[0]


def test_the_heading_never_cuts_a_number() -> None:
    values = [random.Random(4).gauss(0, 0.123) for _ in range(4192)]
    whole = histogram(values, 80)[0].split("  ")
    for width in range(1, 80):
        head = histogram(values, width)[0]
        assert len(head) <= width
        assert not head or set(head.split("  ")) <= set(whole)


def test_a_million_weights_are_looked_at_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    shares = panels._shares
    monkeypatch.setattr(
        panels, "_shares", lambda values, *rest: looked.append(len(values)) or shares(values, *rest)
    )
    assert histogram([0.5, -0.5] * 500_000)[0].startswith("1,000,000 weights")
    assert 25_000 < looked[0] <= 50_000


def test_the_longest_bar_fills_its_column_and_the_others_are_in_proportion() -> None:
    run = facts([3.0, 4.0], [0.0, 2.5], [0.0, 0.0], gradients=[0, 1e-9, 1, 0, 0, 0])
    lines = GradientFlow().render(run, 60, 10)
    m0, m1, m2 = (line.split() for line in lines[1:])
    assert (m0[0], m0[1], m0[3]) == ("m0", "1e-09", "5")
    assert m0[2] == "▏", "tiny, and not nothing"
    assert len(m0[4]) == 2 * len(m1[4]) or len(m0[4]) + 1 == 2 * len(m1[4])
    assert (m1[1], m1[3]) == ("1", "2.5")
    assert m2 == ["m2", "0", "0"]
