"""The score of a session that trains on is that of the moment at which it was asked."""

from __future__ import annotations

from pathlib import Path

from playground.hooks.registry import Registry
from playground.lab.score.work import finished
from playground.lab.session import Session
from tests.lab.conftest import text_run


def test_steps_between_two_pieces_change_nothing_of_a_score(
    words: Path, registry: Registry
) -> None:
    session = Session.open(text_run(words, holdout=0.3), registry)
    session.advance()
    at = session.step
    expected = finished(session.scoring(10, 1))
    work = session.scoring(10, 1)
    found = None
    while found is None:
        try:
            next(work)
        except StopIteration as end:
            found = end.value
        else:
            session.advance(1)
    assert session.step > at
    assert found == expected and found.step == at
    assert finished(session.scoring(10, 1)) != expected
