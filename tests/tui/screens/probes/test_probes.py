"""The probes: prompts are typed one a line, and answers are compared between two steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from textual.pilot import Pilot
from textual.widgets import TextArea

from playground.lab.probe_answers import compare
from playground.lab.protocol.probes import ProbeAnswers, ProbeSet, SkippedPrompt
from playground.tui.screens.dialog import Line
from playground.tui.screens.probes.answers import ChangeList, change_lines
from playground.tui.screens.probes.screen import ProbesScreen
from playground.tui.widgets.control import Choice, Toggle
from playground.tui.widgets.slider import Slider
from tests.tui.screens.conftest import Host

Open = Callable[..., Host]
PROBES = ProbeSet(("an", "[b]ma[/b]", ""), seed=7, every=50)


def answers(step: int, *texts: str) -> ProbeAnswers:
    return ProbeAnswers(step, tuple((text,) for text in texts))


ANSWERS = (
    answers(0, "anxq", "[b]ma[/b]x", "k"),
    answers(50, "anna", "[b]ma[/b]x", "kai"),
    answers(1000, "anna", "[b]ma[/b]ra", "kai"),
)


def said(host: Host, selector: str) -> str:
    return host.screen.query_one(selector, Line).words


def listed(pilot: Pilot[None]) -> list[str]:
    changes = pilot.app.screen.query_one(ChangeList)
    return [line.plain.rstrip() for line in changes.lines(changes.content_size.width)]


async def settled(pilot: Pilot[None], *keys: str) -> None:
    await pilot.press(*keys)
    await pilot.pause()


async def typed(pilot: Pilot[None], text: str) -> None:
    pilot.app.screen.query_one(TextArea).text = text
    await pilot.pause()


# ---------------------------------------------------------------- prompts


async def test_prompts_are_typed_one_a_line_and_applied(host: Open) -> None:
    app = host(ProbesScreen(ProbeSet()))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        assert "nothing is asked" in said(app, "#probes-state")
        await settled(pilot, "a", "n", "enter", "enter", "m", "a", "enter", '"', '"')
        assert "3 prompts." in said(app, "#probes-state")
        await settled(pilot, "ctrl+s")
        assert app.answer == ProbeSet(("an", "ma", ""))


async def test_how_often_how_many_and_the_dice_are_set_too(host: Open) -> None:
    app = host(ProbesScreen(PROBES))
    async with app.run_test(size=(120, 40)) as pilot:
        every, texts, seed = pilot.app.screen.query(Slider)
        for slider, keys in ((every, ["home"]), (texts, ["right", "right"]), (seed, ["left"])):
            slider.focus()
            await settled(pilot, *keys)
        await pilot.click("#probes-apply")
        await pilot.pause()
        assert app.answer == ProbeSet(PROBES.prompts, seed=6, every=1, count=3)


async def test_a_number_that_cannot_be_is_said(host: Open) -> None:
    app = host(ProbesScreen(PROBES))
    async with app.run_test(size=(120, 40)) as pilot:
        every = pilot.app.screen.query(Slider).first()
        every.focus()
        await settled(pilot, "enter", *"1.000", "enter")
        assert every.value == PROBES.every
        said = [toast.message for toast in app._notifications]
        assert said == ["every: '1.000' is not a number; write 1000 or 1"]


async def test_what_was_set_elsewhere_beyond_the_sliders_stays(host: Open) -> None:
    far = ProbeSet(("an\nma", "  "), seed=123_456, every=70_000, count=50)
    app = host(ProbesScreen(far))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, "ctrl+s")
        assert app.answer == far


async def test_escape_changes_nothing(host: Open) -> None:
    app = host(ProbesScreen(PROBES))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await settled(pilot, "x", "escape")
        assert app.answer is None


async def test_a_set_that_cannot_be_is_said_and_not_applied(host: Open) -> None:
    app = host(ProbesScreen(PROBES))
    async with app.run_test(size=(80, 24)) as pilot:
        await typed(pilot, "a\n" * 101)
        assert "Prompts are 101; at most 100" in said(app, "#probes-state")
        await settled(pilot, "ctrl+s")
        assert not app.answers, "still open"
        await typed(pilot, "a\n" * 100)
        assert "100 prompts." in said(app, "#probes-state")
        await settled(pilot, "ctrl+s")
        assert len(app.answer.prompts) == 100


async def test_prompts_that_are_not_asked_are_named_with_the_reason(host: Open) -> None:
    skipped = [SkippedPrompt(2, "[b]ma[/b]", "the model does not know '['")]
    app = host(ProbesScreen(PROBES, skipped=skipped))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        state = said(app, "#probes-state")
        assert "prompt 2, '[b]ma[/b]': the model does not know '['" in state
        await typed(pilot, "an\n")
        assert "1 prompt." in said(app, "#probes-state")


async def test_other_questions_are_said_to_begin_anew_but_asking_oftener_is_not(
    host: Open,
) -> None:
    app = host(ProbesScreen(PROBES, ANSWERS))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, "f2")
        every = pilot.app.screen.query(Slider).first()
        every.focus()
        await settled(pilot, "home")
        assert "begin anew" not in said(app, "#probes-state")
        await typed(pilot, "an\nmo\n")
        assert "the answers begin anew" in said(app, "#probes-state")


# ---------------------------------------------------------------- answers


async def test_the_first_and_the_last_answers_are_compared(host: Open) -> None:
    app = host(ProbesScreen(PROBES, ANSWERS))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        assert "All" not in said(app, "#answers-summary")
        assert said(app, "#answers-summary") == "3 of 3 answers changed from step 0 to step 1,000"
        an, ma, nothing = listed(pilot)
        assert an.startswith("≠ 1 an ") and an.endswith("an[-xq-]{+na+}")
        assert ma.startswith("≠ 2 [b]ma[/b] ") and ma.endswith("[b]ma[/b][-x-]{+ra+}")
        assert nothing.startswith("≠ 3 · ") and nothing.endswith("k{+ai+}")


async def test_other_steps_are_chosen_with_the_arrows(host: Open) -> None:
    app = host(ProbesScreen(PROBES, ANSWERS))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await settled(pilot, "right")
        assert said(app, "#answers-summary") == "1 of 3 answers changed from step 50 to step 1,000"
        assert [line[0] for line in listed(pilot)] == ["=", "≠", "="]
        await settled(pilot, "tab", "left")
        assert "Choose another step" in said(app, "#answers-summary")


async def test_only_what_changed_is_listed_if_wanted(host: Open) -> None:
    app = host(ProbesScreen(PROBES, ANSWERS))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await settled(pilot, "right", "tab", "tab", "space")
        assert isinstance(pilot.app.screen.focused, Toggle)
        assert [line[:3] for line in listed(pilot)] == ["≠ 2"]


async def test_f2_goes_to_the_answers_and_back_with_the_focus(host: Open) -> None:
    app = host(ProbesScreen(PROBES, ANSWERS))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        assert isinstance(app.screen.focused, Choice)
        await settled(pilot, "f2")
        assert isinstance(app.screen.focused, TextArea)
        await settled(pilot, "f2")
        assert isinstance(app.screen.focused, Choice)


async def test_without_answers_it_is_said_when_they_come_and_why_not(host: Open) -> None:
    app = host(ProbesScreen(PROBES, trouble="The chain [b]broke."))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot, "f2")
        assert "They come with the training" in said(app, "#answers-none")
        assert "The chain [b]broke." in said(app, "#probes-trouble")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_all_of_it_fits_on_both_pages(host: Open, size: tuple[int, int]) -> None:
    prompts = tuple(f"prompt {number} " + "x" * 30 for number in range(100))
    probes = ProbeSet(prompts)
    many = tuple(answers(step, *(f"{p}{step}" for p in prompts)) for step in (0, 10))
    app = host(ProbesScreen(probes, many, trouble="It failed."))
    async with app.run_test(size=size) as pilot:
        for page in (["#answers-scroll", "#answers-after"], ["#probes-prompts", "Slider"]):
            await settled(pilot)
            for selector in (*page, "#probes-apply", "KeyLine"):
                for widget in app.screen.query(selector):
                    assert app.screen.region.contains_region(widget.region), selector
                    assert widget.region.area, selector
            await settled(pilot, "f2")


# ---------------------------------------------------------------- the lines


def plain(changes: Sequence[object], width: int = 60, **reasons: str) -> list[str]:
    numbered = {int(name[1:]): reason for name, reason in reasons.items()}
    return [line.plain for line in change_lines(changes, width, numbered)]  # type: ignore[arg-type]


def test_texts_of_the_same_dice_stand_below_each_other_and_long_ones_go_on_below() -> None:
    before = ProbeAnswers(0, (("one two three four", "x"), (), ("",)))
    after = ProbeAnswers(1, (("one two three five", "x"), (), ("",)))
    lines = plain(compare(before, after, ["on", "Zoë", ""]), 30, _2="no 'Z'")
    assert lines[0].startswith("≠ 1 on   one two three")
    assert lines[1].startswith("         ") and "{+five+}" in "".join(lines[:3])
    assert "– 2 Zoë  not asked: no 'Z'" in lines
    assert "= 3 ·    (nothing: the text" in lines
    assert all(len(line.rstrip()) <= 30 for line in lines)


def test_what_only_one_of_two_runs_was_asked_is_no_change() -> None:
    before, after = ProbeAnswers(0, (("ab",),)), ProbeAnswers(0, ((),))
    assert plain(compare(before, after, ["a"])) == ["– 1 a  ab  (asked only before)"]


def test_nothing_has_no_lines() -> None:
    assert plain(()) == []
