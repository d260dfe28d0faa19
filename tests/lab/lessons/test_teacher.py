"""What a lesson says at each moment of its run, and how answers are judged."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from microgpt.surgery import component_of, operation_of
from playground.api import Cell, Choose, Curve, Do, Lesson, Number, Tell
from playground.lab.inside.surgery import finished
from playground.lab.lessons.teacher import card as card_of
from playground.lab.protocol.failures import LabError
from playground.lab.protocol.inside import Look
from playground.lab.protocol.lessons import Judged, LessonPlace
from playground.lab.run.guard import Activity
from playground.lab.session import Session
from tests.lab.lessons.conftest import Teach

START = LessonPlace("school:it", 0)


def at(session: Session, index: int) -> LessonPlace:
    """The place of a step that begins now."""
    return session.teacher.step(replace(START, index=index)).place


def on(session: Session, steps: int) -> None:
    """Make training steps."""
    to = session.step + steps
    while session.step < to:
        assert session.advance(to - session.step)


def test_a_task_is_done_once_the_run_says_so(teach: Teach) -> None:
    session = teach(
        [
            Do(
                lambda facts: f"{facts.step} of 3", done=lambda facts: facts.step - facts.began >= 3
            ),
            Tell("well done"),
        ]
    )
    on(session, 1)
    step = session.teacher.step(START)
    assert (step.text, step.done, step.place.began) == ("1 of 3", False, 1)
    on(session, 3)
    session.teacher._not_before = 0.0
    step = session.teacher.step(step.place)
    assert (step.text, step.done) == ("4 of 3", True)


def test_a_number_is_told_too_high_or_too_low_and_the_answer_stays_hidden(teach: Teach) -> None:
    session = teach([
        Number("How large?", answer=lambda facts: math.log(len(facts.vocabulary)), within=0.05,
               unit="nats", hint="think of dice", why="by chance"),
        Tell("so it is"),
    ])  # fmt: skip
    truth = math.log(session.info.vocab_size)
    place = at(session, 0)
    for given, off in ((2 * truth, "high"), (0.1, "low")):
        judged = session.teacher.judge(place, given)
        assert judged == Judged(False, place, off=off, hint="think of dice")  # type: ignore[arg-type]
    right = session.teacher.judge(place, 1.04 * truth)
    assert right.right and right.truth == f"{truth:.4g} nats" and right.why == "by chance"
    shown = session.teacher.judge(place, None)
    assert (shown.right, shown.number) == (False, truth)


def test_a_wrong_choice_brings_its_hint_and_an_answer_is_remembered(teach: Teach) -> None:
    session = teach([
        Choose("Which?", choices=["a", "b", "c"], answer=lambda facts: facts.step + 1,
               hints=["not a", "", "not c"], why="so", name="which"),
        Tell(lambda facts: f"you said {facts.remembered['which']}"),
    ])  # fmt: skip
    place = at(session, 0)
    assert session.teacher.judge(place, 2) == Judged(False, place, hint="not c")
    right = session.teacher.judge(place, 1)
    assert right.right and right.choice == 1 and right.truth == "b"
    told = session.teacher.step(replace(right.place, index=1, began=None))
    assert told.text == "you said 1"


def test_a_prediction_of_what_comes_is_judged_when_it_has_come(teach: Teach) -> None:
    session = teach([
        Curve("Draw it.", xs=lambda _: [1.0, 2.0, 3.0], low=lambda _: 0.0,
              high=lambda _: 4.0, answer=lambda facts: facts.losses[:3], within=0.2,
              when=lambda facts: facts.step >= 3, task="Train 3 steps.", why="there"),
        Tell("so it is"),
    ])  # fmt: skip
    place = at(session, 0)
    with pytest.raises(LabError, match="Train 3 steps"):
        session.teacher.judge(place, (1.0, 1.0, 1.0))
    on(session, 3)
    losses = tuple(session.training.series.losses)
    near = tuple(loss + 0.1 for loss in losses)
    judged = session.teacher.judge(place, near)
    assert judged.right and judged.distance == pytest.approx(0.1) and judged.curve == losses
    far = session.teacher.judge(place, (0.0, 0.0, 0.0))
    assert not far.right and far.curve == losses and far.why == "there"


def test_a_cell_is_right_if_it_is_one_of_those_that_are(teach: Teach) -> None:
    session = teach([
        Cell("Which?", rows=lambda _: "abc", columns=lambda _: "xyz", row_name="reads",  # type: ignore[arg-type,return-value]
             answer=lambda _: {(0, 0), (1, 2)}, why="so"),
        Tell("so it is"),
    ])  # fmt: skip
    with pytest.raises(LabError, match="a list is expected, not str"):
        at(session, 0)
    session = teach([
        Cell("Which?", rows=lambda _: [*"abc"], columns=lambda _: [*"xyz"], row_name="reads",
             answer=lambda _: {(0, 0), (1, 2)}, why="so"),
        Tell("so it is"),
    ])  # fmt: skip
    place = at(session, 0)
    assert session.teacher.judge(place, (1, 2)).right
    assert not session.teacher.judge(place, (2, 1)).right
    assert session.teacher.judge(place, None).truth == "reads a, column x (and 1 more)"


def test_what_the_learner_did_counts_from_the_beginning_of_the_step(teach: Teach) -> None:
    looked = Do("Look.", done=lambda facts: any(one.view == "depth" for one in facts.looks))
    session = teach([looked, looked, Tell("so it is")])
    place = at(session, 0)
    session.look_inside(Look(view="depth"))
    session.teacher._not_before = 0.0
    assert session.teacher.step(place).done
    assert not session.teacher.step(replace(place, index=1, began=None)).done


def test_what_a_part_costs_is_known_as_long_as_the_weights_are_the_same(teach: Teach) -> None:
    cut = "matrix:wpe"
    ranked = Do("Rank.", done=lambda facts: bool(facts.ranked))
    known = Do("Know.", done=lambda facts: cut in facts.known)
    session = teach([ranked, known, known, Tell("so it is")], holdout=0.3)
    on(session, 1)
    place = at(session, 0)
    finished(session.ranking([component_of(cut, session._prepared.config)], lambda *_: None))
    session.teacher._not_before = 0.0
    assert session.teacher.step(place).done
    assert session.teacher.step(replace(place, index=1, began=None)).done, "it is not ranked again"
    on(session, 1)
    place = at(session, 1)
    assert not session.teacher.step(place).done
    finished(session.trying([operation_of(cut, session._prepared.config)], None))
    assert session.teacher.step(replace(place, index=2, began=None)).done


def test_what_a_step_keeps_is_there_for_later_ones(teach: Teach) -> None:
    session = teach(
        [
            Tell("now", keep={"before": lambda facts: facts.heldout[-1][1]}),
            Tell(lambda facts: f"{facts.remembered['before']:.3f}"),
        ]
    )
    place = at(session, 0)
    first = session.training.series.between(0, 0)[3]
    on(session, 5)
    told = session.teacher.step(replace(place, index=1, began=None))
    assert told.text == f"{first[0][1]:.3f}"


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ([Tell("one")], "2 to 60 steps are expected, and it has 1"),
        ([Tell("many")] * 10_000, "and it has more"),
        ([Tell("one"), "two"], "step 1 is a str"),
        ([Tell(lambda _: 1 / 0), Tell("")], "ZeroDivisionError"),  # type: ignore[arg-type,return-value]
        ([Tell(lambda _: 7), Tell("")], "a text is expected, not int"),  # type: ignore[arg-type,return-value]
        ([Do("x", done=lambda _: 1), Tell("")], "True or False is expected"),  # type: ignore[arg-type,return-value]
        ([Number("x", answer=lambda _: math.nan, why=""), Tell("")], ""),
        ([Choose("x", choices=["a"], answer=lambda _: 0, why=""), Tell("")], "2 to 9 texts"),
        ([Choose("x", choices=["a", "b"], answer=lambda _: 5, why=""), Tell("")], ""),
    ],
)
def test_a_lesson_with_a_mistake_is_named(teach: Teach, steps: Any, told: str) -> None:
    session = teach(steps)
    with pytest.raises(LabError) as caught:
        session.teacher.judge(at(session, 0), None)
    failure = caught.value.failure
    assert "school" in failure.title and failure.kind == "plugin" and told in failure.message
    assert session.advance(1), "the run is as it was"


def test_what_is_told_is_one_line_and_not_too_long(teach: Teach) -> None:
    session = teach([Tell("line\n" * 10_000), Tell("[bold]x[/]")])
    told = session.teacher.step(START).text
    assert len(told) == 600 and "\n" not in told and told.startswith("line line")
    assert session.teacher.step(replace(START, index=1)).text == "[bold]x[/]"


def test_the_card_says_what_the_run_needs(teach: Teach) -> None:
    asks = Choose("Which?", choices=["a", "b"], answer=lambda _: 0, why="so")
    lesson = Lesson(
        "  A  title ", [Tell("x"), asks], minutes=3, run={"model.n_layer": 2}, hardest=1
    )
    session = teach([], lambda: lesson)
    card = card_of(session._registry, Activity(), "it")
    assert (card.name, card.title, card.minutes) == ("school:it", "A title", 3)
    assert (card.steps, card.run, card.hardest) == (("tell", "choose"), {"model.n_layer": 2}, 1)
    with pytest.raises(LabError, match="no question that is judged at once"):
        teach([], lambda: replace(lesson, hardest=0)).teacher.step(START)
