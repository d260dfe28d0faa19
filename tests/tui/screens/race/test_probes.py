"""What both sides of a race answered to their probes, on screen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from playground.lab.protocol.failures import Failure
from playground.lab.protocol.probes import ProbeAnswers, ProbeSet, SkippedPrompt
from playground.lab.race import AnswerPair, RaceProbes
from playground.tui.panels.keybar import KeyBar
from playground.tui.screens.race import probes as view
from tests.tui.screens.race.test_race import PARTED, SIZES, ScriptedRace, opened, says, screen_of

ASKED = ProbeSet(("ka", "[b]m", ""), every=100)


def answers(step: int, *texts: str | None) -> ProbeAnswers:
    """One text a prompt; None: it was not asked."""
    given = tuple((text,) if text is not None else () for text in texts)
    return ProbeAnswers(step, given, ASKED.questions)


A_FIRST, A_LAST = answers(0, "kzzzz", "[b]mq", "x"), answers(300, "karon", "[b]mia", "x")
B_FIRST, B_LAST = answers(0, "kzzzz", "[b]mq", "x"), answers(300, "kason", "[b]mia", "y")
PROBES = RaceProbes(
    ASKED,
    newest=AnswerPair(A_LAST, B_LAST),
    before=AnswerPair(A_FIRST, B_FIRST),
    own=((A_FIRST, A_LAST), (B_FIRST, B_LAST)),
)


def rows(words: str) -> list[str]:
    return [" ".join(row.split()) for row in words.splitlines()]


async def test_the_key_turns_from_texts_to_answers_to_what_each_learnt_and_back(
    host: Callable[..., Any],
) -> None:
    screen = screen_of(ScriptedRace(replace(PARTED, probes=PROBES)))
    async with host(screen).run_test(size=(120, 40)) as pilot:
        await opened(pilot, screen)
        frame = screen.query_one("#race-samples")
        assert "None yet" in says(screen, "texts") and "Samples" in frame.border_title
        assert "y probes" in screen.query_one(KeyBar).words
        await pilot.press("y")
        assert rows(says(screen, "texts")) == [
            "2 of 3 prompts are answered differently at step 300, 0 at step 0.",
            "A B",
            "1 ka ka[-r-]on ≠ ka{+s+}on",
            "2 [b]m [b]mia │ [b]mia",
            "3 · [-x-] ≠ {+y+}",
        ]
        assert "Probes: A and B" in frame.border_title
        assert frame.border_subtitle == "every 100 steps"
        await pilot.press("y")
        assert rows(says(screen, "texts")) == [
            "A ━ 2 of 3 answers changed from step 0 to step 300",
            "≠ 1 ka [-kzzzz-]{+karon+}",
            "≠ 2 [b]m [b][-mq-]{+mia+}",
            "= 3 · x",
            "",
            "B ╍ 3 of 3 answers changed from step 0 to step 300",
            "≠ 1 ka [-kzzzz-]{+kason+}",
            "≠ 2 [b]m [b][-mq-]{+mia+}",
            "≠ 3 · [-x-]{+y+}",
        ]
        await pilot.press("y")
        assert "None yet" in says(screen, "texts") and "Samples" in frame.border_title


async def test_new_answers_are_drawn_as_they_come(host: Callable[..., Any]) -> None:
    race = ScriptedRace(replace(PARTED, probes=replace(PROBES, newest=None, before=None)))
    screen = screen_of(race)
    async with host(screen).run_test(size=(120, 40)) as pilot:
        await opened(pilot, screen)
        await pilot.press("y")
        said = " ".join(says(screen, "texts").split())
        assert "not asked at the same step yet" in said and "every 100 steps" in said
        race.state = replace(PARTED, probes=PROBES)
        screen.draw()
        assert "at step 300" in says(screen, "texts")


async def test_without_probes_it_is_said_how_to_get_some(host: Callable[..., Any]) -> None:
    screen = screen_of(ScriptedRace(PARTED))
    app = host(screen)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, screen)
        await pilot.press("y")
        await pilot.pause()
        toast = next(iter(app._notifications))
        assert toast.title == "There are no probes"
        assert "--probes FILE" in toast.message and "with y" in toast.message
        assert "None yet" in says(screen, "texts"), "the texts stay in sight"


@pytest.mark.parametrize("size", SIZES)
async def test_answers_fit_and_their_key_is_named(
    host: Callable[..., Any], size: tuple[int, int]
) -> None:
    screen = screen_of(ScriptedRace(replace(PARTED, probes=PROBES)))
    async with host(screen).run_test(size=size) as pilot:
        await opened(pilot, screen)
        for word in ("probes", "learnt", "texts"):
            if size[0] >= 80:
                assert f"y {word}" in screen.query_one(KeyBar).words
            if word != "probes":
                room = screen.query_one("#race-samples-scroll").size.width
                assert all(len(line) <= room for line in says(screen, "texts").splitlines())
            await pilot.press("y")


# ---------------------------------------------------------------- words


def test_how_far_they_agree_is_one_sentence() -> None:
    at = "2 of 3 prompts are answered differently at step 300"
    assert view.verdict(PROBES, 80) == f"{at}, 0 at step 0."
    assert view.verdict(PROBES, 60) == f"{at}."
    assert view.verdict(PROBES, 43) == "2 of 3 answered differently at step 300", "in one line"
    same = replace(PROBES, newest=AnswerPair(A_LAST, A_LAST), before=None)
    assert view.verdict(same) == "All 3 prompts are answered alike at step 300."
    one = replace(
        PROBES, asked=replace(ASKED, prompts=("ka",)), before=None,
        newest=AnswerPair(answers(300, "karon"), answers(300, "kason")),
    )  # fmt: skip
    assert view.verdict(one) == "The prompt is answered differently at step 300."
    none = replace(one, newest=AnswerPair(answers(300, "karon"), answers(300, None)))
    assert view.verdict(none) == "There is no prompt that both could be asked at step 300."


def test_a_prompt_that_one_side_cannot_be_asked_says_why_and_is_no_difference() -> None:
    pair = AnswerPair(answers(9, "kal", "[b]mo", "x"), answers(9, "kal", None, "x"))
    skipped = ((), (SkippedPrompt(2, "[b]m", "the model does not know '['"),))
    probes = replace(PROBES, newest=pair, before=None, skipped=skipped)
    said = view.both_page(probes, 100).plain
    assert "All 2 prompts are answered alike at step 9." in said
    assert "2 [b]m [b]mo │ not asked: the model does not know '['" in rows(said)


def test_why_a_side_answered_nothing_comes_first() -> None:
    failure = Failure("The probes are not asked any more", "My plugin raised [b]ValueError.")
    probes = replace(PROBES, own=(None, (B_FIRST, B_FIRST)), troubles=(failure, None))
    for page in (view.both_page, view.own_page):
        said = " ".join(page(probes, 50).plain.split())
        assert said.startswith("! A: The probes are not asked any more. My plugin raised [b]Value")
    said = view.own_page(probes, 50).plain
    assert "A ━ was not asked yet" in " ".join(said.split())
    assert "B ╍ was asked once, at step 0" in " ".join(said.split())


def test_hundreds_of_answers_end_in_how_many_more_there_are() -> None:
    prompts = tuple(f"p{number}" for number in range(100))
    texts = ProbeAnswers(5, tuple((prompt,) * 5 for prompt in prompts))
    asked = ProbeSet(prompts, count=5)
    probes = RaceProbes(asked, AnswerPair(texts, texts), None, ((texts, texts),) * 2)
    lines = view.both_page(probes, 80).plain.splitlines()
    assert len(lines) <= view.MOST_LINES + 6
    assert lines[-1] == "and 40 more prompts"
