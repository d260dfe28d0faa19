"""What was set by hand: each field keeps what was set last after each step."""

from __future__ import annotations

import pytest

from playground.lab.edits import Edit, Edits
from playground.lab.session import Session
from playground.lab.timeline import Timeline

RATE = "optimizer.learning_rate"


def rate(step: int, value: float) -> Edit:
    return Edit(step, "learning_rate", value)


def engine(step: int, name: str) -> Edit:
    return Edit(step, "engine", name)


def test_a_rate_and_an_engine_that_are_set_after_the_same_step_both_hold() -> None:
    for edits in (
        Edits.of((rate(5, 0.02), engine(5, "scalar"))),
        Edits((rate(5, 0.02),)).having(engine(5, "scalar")),
        Edits((engine(5, "scalar"),)).having(rate(5, 0.02)),
        Edits.pairs([(5, 0.02)], [(5, "scalar")]),
    ):
        assert edits.rates == ((5, 0.02),) and edits.engines == ((5, "scalar"),)
        assert edits.rate_at(5, 0.01) == 0.02 and edits.engine_at(5, "vector") == "scalar"
        assert edits.rate_at(4, 0.01) == 0.01 and edits.engine_at(4, "vector") == "vector"


def test_of_two_edits_of_a_field_after_the_same_step_the_later_one_counts() -> None:
    edits = Edits.of((rate(5, 0.02), rate(2, 0.03), rate(5, 0.04)))
    assert edits.rates == ((2, 0.03), (5, 0.04)), "in the order of the steps"
    assert edits.having(rate(5, 0.05)).rates == ((2, 0.03), (5, 0.05))


def test_edits_until_a_step_include_those_made_there() -> None:
    edits = Edits.of((rate(2, 0.03), engine(5, "scalar"), rate(5, 0.02), rate(6, 0.01)))
    assert edits.until(5) == Edits.of((rate(2, 0.03), engine(5, "scalar"), rate(5, 0.02)))
    assert [edits.next_after(step) for step in (0, 2, 5, 6)] == [2, 5, 6, float("inf")]


def test_an_edit_of_a_timeline_keeps_those_before_it_and_drops_those_after() -> None:
    timeline = Timeline(0.01, "vector")
    for edit in (rate(2, 0.03), rate(5, 0.02), rate(9, 0.5), engine(5, "scalar")):
        timeline.edit(edit)
    assert timeline.edits == Edits.of((rate(2, 0.03), rate(5, 0.02), engine(5, "scalar")))


@pytest.mark.parametrize(
    "changes",
    [
        ({RATE: 0.02}, {"engine": "scalar"}),
        ({"engine": "scalar"}, {RATE: 0.02}),
        ({RATE: 0.02, "engine": "scalar"},),
    ],
    ids=["rate first", "engine first", "at once"],
)
def test_a_run_trains_with_both_the_rate_and_the_engine_set_at_a_step(
    session: Session, changes: tuple[dict[str, float | str], ...]
) -> None:
    session.go_to(5)
    for each in changes:
        session.edit(each)
    session.go_to(8)
    for _ in range(2):
        frame = session.frame()
        assert (frame.base_learning_rate, frame.engine) == (0.02, "scalar")
        assert list(frame.metrics.learning_rates)[5:] == pytest.approx(
            [0.02 * (1 - step / 400) for step in (5, 6, 7)]
        )
        session.go_to(4)  # and once more, from the edits that are kept
        session.go_to(8)
