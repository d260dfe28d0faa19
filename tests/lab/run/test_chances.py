"""What a zoomed panel is told: the chances of drawn letters, and the last documents."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from playground.hooks.registry import Registry
from playground.lab.protocol.frames import FrameRequest, MatrixView, SmallViews
from playground.lab.protocol.sampling import Sampling
from playground.lab.session import Session
from playground.lab.store.records import StoredSamples
from playground.lab.store.rows import samples_of, samples_text
from playground.strict import Refusal
from tests.lab.conftest import text_run


def test_each_drawn_letter_has_the_chance_that_the_preview_foresaw(
    words: Path, registry: Registry
) -> None:
    session = Session.open(text_run(words), registry)
    session.advance()
    session.observe(Sampling(count=3, prompt="a"))
    foreseen = {one.display: one.after for one in session.preview().chances}
    for text in session.sample().texts:
        assert text.text == "a" + "".join(text.letters[: len(text.letters) - text.complete])
        assert text.chances[0] == pytest.approx(foreseen[text.letters[0]], rel=1e-12)
        assert len(text.chances) == len(text.letters)


def test_the_record_keeps_the_chances_and_refuses_others_than_letters(
    words: Path, registry: Registry
) -> None:
    session = Session.open(text_run(words), registry)
    stored = StoredSamples("automatic", session.sample())
    known = samples_of(samples_text(stored))
    assert [text.chances for text in known.batch.texts] == [
        text.chances for text in stored.batch.texts
    ]
    first = replace(stored.batch.texts[0], chances=(0.5,) * 99)
    with pytest.raises(Refusal):
        samples_of(samples_text(StoredSamples("", replace(stored.batch, texts=(first,)))))


def test_the_last_documents_are_those_of_the_steps_before_also_after_going_back(
    words: Path, registry: Registry
) -> None:
    session = Session.open(text_run(words), registry)
    before = []
    for _ in range(40):
        session.advance()
        document = session.frame().document
        assert document is not None
        before.append((session.step, document.tokens, document.losses))
    request = FrameRequest(seen_since=0)
    assert [(one.step, one.tokens, one.losses) for one in session.frame(request).seen] == before[
        10:
    ]
    session.go_to(35)
    told = [(one.step, one.tokens, one.losses) for one in session.frame(request).seen]
    assert told[-1] == before[34]
    assert told == before[35 - len(told) : 35], "the same losses again, without a gap"
    assert [one.step for one in session.frame(FrameRequest(seen_since=34)).seen] == [35]


def test_the_clock_knows_the_tokens_of_a_step_and_a_checkpoint_takes_it_along(
    words: Path, registry: Registry
) -> None:
    session = Session.open(text_run(words), registry)
    tokens = [0]
    while session.advance() and session.step < 30:
        tokens.append(session.frame().tokens_seen)
    points = session.frame().metrics.clock
    assert points[0] == (0, 0, 0.0) and points[-1][0] == session.step
    assert all(tokens[int(step)] == seen for step, seen, _ in points[:-1])
    took = [seconds for _, _, seconds in points]
    assert took == sorted(took) and took[-1] > 0
    session.go_to(10)
    again = Session.open(text_run(words), registry, checkpoint=session.checkpoint())
    (start, *_, end) = again.frame().metrics.clock
    assert start == (0, 0, 0.0) and end[0] == 10, "how long it took is known from the start on"


def test_a_matrix_in_small_shows_of_each_block_the_number_farthest_from_0(
    words: Path, registry: Registry
) -> None:
    session = Session.open(text_run(words), registry)
    session.advance()
    request = FrameRequest(
        matrices=(MatrixView("wpe", "update"),), small=SmallViews("update", 4, 3)
    )
    frame = session.frame(request)
    (whole,) = frame.matrices
    (small,) = (one for one in frame.small if one.name == "wpe")
    assert small.rows <= 4 and small.columns <= 3
    assert small.largest == max(map(abs, whole.values)) > 0
    down, across = -(-whole.rows // small.rows), -(-whole.columns // small.columns)
    block = [whole.values[row * whole.columns + column]
             for row in range(down) for column in range(across)]  # fmt: skip
    assert small.values[0] == max(block, key=abs)
    assert {one.name for one in frame.small} == {one.name for one in session.info.matrices}
