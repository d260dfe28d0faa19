"""What the journal of the tour knows after all that may happen to its file."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from playground.lab.protocol.lessons import LessonPlace
from playground.lab.store.journal import Answer, Journal

PLACE = LessonPlace("builtin:count", 3, 40, (("before", 2.5), ("which", "a"), ("on", True)))


def written(path: Path) -> Journal:
    """A journal in which a lesson was begun and half done."""
    journal = Journal.load(path)
    journal.begun("builtin:count", 12)
    journal.answered(LessonPlace("builtin:count", 2), Answer(2, True, 3))
    journal.at(PLACE, 7)
    journal.gave(PLACE, (1.0, 2.5, 3.0), 2)
    return journal


def test_the_next_start_knows_the_place_the_score_and_the_answer_that_waits(tmp_path: Path) -> None:
    path = tmp_path / "data" / "tour.jsonl"
    before, after = written(path), Journal.load(path)
    assert after.lessons == before.lessons and after.last == "builtin:count"
    record = after.of("builtin:count")
    assert (record.place, record.run, record.steps) == (PLACE, 7, 12)
    assert record.answers == {2: Answer(2, True, 3)} and not record.answers[2].first_try
    assert record.given is not None and record.given.answer == (1.0, 2.5, 3.0)


def test_a_question_counts_as_it_was_answered_the_first_time(tmp_path: Path) -> None:
    journal = written(tmp_path / "tour.jsonl")
    journal.finished("builtin:count", skipped=False)
    journal.begun("builtin:count", 12)
    journal.answered(LessonPlace("builtin:count", 2), Answer(1, True, 3))
    record = Journal.load(tmp_path / "tour.jsonl").of("builtin:count")
    assert record.finished and record.answers[2] == Answer(2, True, 3)
    assert record.place == LessonPlace("builtin:count", 0)


@given(cut=st.integers(0, 2000))
def test_a_kill_in_the_middle_of_a_line_loses_that_line_at_most(
    tmp_path_factory: object, cut: int
) -> None:
    path = tmp_path_factory.mktemp("cut") / "tour.jsonl"  # type: ignore[attr-defined]
    written(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:cut])
    journal = Journal.load(path)
    journal.begun("builtin:surprise", 9)
    again = Journal.load(path)
    assert again.last == "builtin:surprise" and not again.trouble
    kept = whole[:cut].count(b"\n")
    lines = path.read_text().splitlines()
    assert [json.loads(line) for line in lines[:kept]] == [
        json.loads(line) for line in whole.decode().splitlines()[:kept]
    ]


def test_lines_of_somebody_else_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "tour.jsonl"
    path.write_text(
        '{"event": "place", "lesson": "a", "index": -1}\n'
        '{"event": "answered", "lesson": "a", "index": 1, "tries": "x"}\nnull\n[[[\n'
        '{"event": "place", "lesson": "b", "index": 2, "remembered": [["x", {}]]}\n'
        '{"event": "begun", "lesson": "c", "steps": 4}\n'
        '{"event": "dreamt", "lesson": "d"}\n\n'
        '{"event": "begun", "lesson": "c", "steps": -1}\n',
        encoding="utf-8",
    )
    journal = Journal.load(path)
    assert journal.last == "c" and not journal.trouble
    assert list(journal.lessons) == ["c"] and journal.passed_over == 7
    assert journal.of("c").steps == 4


def test_a_folder_in_the_place_of_the_file_is_said_and_stops_nothing(tmp_path: Path) -> None:
    journal = Journal.load(tmp_path)
    assert "cannot be read" in journal.trouble
    journal.begun("builtin:count", 3)
    assert "the place is not kept" in journal.trouble
    assert journal.of("builtin:count").steps == 3
