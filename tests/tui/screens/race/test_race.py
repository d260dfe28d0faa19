"""The race on screen: what is seen of two runs, and what the keys do."""

from __future__ import annotations

import asyncio
import multiprocessing.resource_tracker
import re
from array import array
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.binding import Binding
from textual.pilot import Pilot
from textual.widgets import Input

from playground.hooks.sources import PluginSources
from playground.lab.fork import Setting
from playground.lab.protocol.failures import Failure, LabError
from playground.lab.protocol.run import Checkpoint, Scored
from playground.lab.protocol.sampling import Links, Preview, SampleBatch, SampleText, Sampling
from playground.lab.race import Entrant, Gap, Race, RaceState, SamplePair, SideState
from playground.tui.bindings import MAIN_BINDINGS
from playground.tui.control.runs import Kept
from playground.tui.panels.keybar import KeyBar
from playground.tui.screens.dialog import Line
from playground.tui.screens.help import HelpScreen, KeyTable
from playground.tui.screens.pick.chain import ChainScreen
from playground.tui.screens.race import view as view
from playground.tui.screens.race.screen import RACE_BINDINGS, RaceScreen
from playground.tui.screens.race.view import verdict
from playground.tui.widgets.chart import Chart
from playground.tui.widgets.static_text import Words
from tests.tui.screens.conftest import build_model

SIZES = [(60, 16), (80, 24), (120, 40), (200, 60)]


def batch(step: int, *texts: str) -> SampleBatch:
    known = tuple(SampleText(text, text == "anna", True) for text in texts)
    return SampleBatch(1, step, "", known)


def side(name: str, losses: list[float], **more: Any) -> SideState:
    values = array("d", losses)
    return SideState(
        name, "paused", len(losses), 1000, losses=values, smoothed=values,
        evaluations=((0, 3.3),), engine="vector", **more,
    )  # fmt: skip


def state_of(left: list[float], right: list[float], **more: Any) -> RaceState:
    """Two runs that part at the first number that differs."""
    common = min(len(left), len(right))
    gaps = [Gap(k + 1, left[k], right[k]) for k in range(common) if left[k] != right[k]]
    plain: dict[str, Any] = {
        "sides": (side("as it is", left), side("learning rate 0.02", right)),
        "running": False,
        "lockstep": True,
        "start": 0,
        "step": common,
        "recorded": common,
        "epoch": 0,
        "difference_first": 0,
        "difference": array("d", [right[k] - left[k] for k in range(common)]),
        "parted": gaps[0] if gaps else None,
        "largest": max(gaps, key=lambda gap: abs(gap.difference)) if gaps else None,
        "average": Gap(common, left[common - 1], right[common - 1]) if common else None,
        "settings": (Setting("optimizer.learning_rate", 0.01, 0.02),),
        "samples": (),
        "prompt": "",
        "remarks": (),
    }
    return RaceState(**{**plain, **more})


SAME = [3.0, 2.5, 2.25]
PARTED = state_of([*SAME, 2.0, 1.9], [*SAME, 1.9969, 1.7])


class ScriptedRace:
    """Shows what it is given, and notes what it is asked."""

    def __init__(self, state: RaceState, fails: Failure | None = None) -> None:
        self.state = state
        self.calls: list[tuple[Any, ...]] = []
        self.fails = fails
        self.refuses: Failure | None = None
        self.sampling = Sampling()
        self.changed: Callable[[], None] = lambda: None

    async def open(self) -> None:
        if self.fails is not None:
            raise LabError(self.fails)

    def set_lockstep(self, lockstep: bool) -> None:
        self.state = replace(self.state, lockstep=lockstep)
        self.changed()

    def set_pace(self, pace: float | None) -> None:
        self.state = replace(self.state, pace=pace)
        self.changed()

    async def checkpoint(self, place: int) -> Checkpoint:
        return Checkpoint("{}", 5, b"", b"", b"", "{}", 0.01, data=f"side {place}")

    async def run(self, lockstep: bool = True) -> None:
        self.calls.append(("run", lockstep))
        self.state = replace(self.state, running=True, lockstep=lockstep)
        self.changed()

    async def pause(self) -> None:
        self.calls.append(("pause",))
        self.state = replace(self.state, running=False)
        self.changed()

    async def set_prompt(self, prompt: str) -> None:
        if self.refuses is not None:
            raise LabError(self.refuses)
        self.calls.append(("prompt", prompt))

    tried_on = 0

    async def preview(self, chain: Links) -> Preview:
        self.calls.append(("tried", *chain))
        if self.refuses is not None:
            raise LabError(self.refuses)
        return Preview(3, "", (), chain=chain, spreads=(None,) * len(chain))

    async def set_chain(self, chain: Links) -> None:
        self.calls.append(("chain", *chain))

    async def step(self) -> None:
        self.calls.append(("step",))

    async def sample(self) -> None:
        self.calls.append(("sample",))

    async def go_to(self, step: int) -> None:
        self.calls.append(("go to", step))

    async def go_to_start(self) -> None:
        self.calls.append(("start",))

    async def close(self) -> None:
        self.calls.append(("close",))


def screen_of(race: ScriptedRace) -> RaceScreen:
    return RaceScreen(race, build_model())  # type: ignore[arg-type]


def says(screen: RaceScreen, name: str) -> str:
    return screen.query_one(f"#race-{name}", Words).words


async def opened(pilot: Pilot[None], screen: RaceScreen) -> None:
    """Until both are open, and drawn."""
    while "still opening" in says(screen, "verdict") or not says(screen, "verdict"):
        await pilot.pause()
    await pilot.pause()


def test_a_race_of_engines_says_when_their_rounding_has_grown() -> None:
    rounded = state_of(SAME, [3.0, 2.5 + 2**-51, 2.25])
    assert "the same to 1e-9 so far" in verdict(rounded, 120).plain
    apart = replace(rounded, beyond={1e-9: 3_219, 0.01: 6_937})
    assert "apart by 1e-9 at step 3,219, by 1% at 6,937" in verdict(apart, 120).plain
    assert "apart by" not in verdict(replace(PARTED, beyond={1e-9: 4, 0.01: 4}), 120).plain


async def test_two_curves_are_told_apart_and_the_first_difference_is_said(
    host: Callable[..., Any],
) -> None:
    screen = screen_of(ScriptedRace(PARTED))
    async with host(screen).run_test(size=(120, 40)) as pilot:
        await opened(pilot, screen)
        assert "A ━ as it is" in says(screen, "0")
        assert "B ╍ learning rate 0.02" in says(screen, "1")
        assert "The same until step 4; there B − A = −0.0031" in says(screen, "verdict")
        assert "B is ahead by 0.2000" in says(screen, "verdict")
        assert "farthest at 5: −0.2000" in says(screen, "verdict")
        assert "◂" in says(screen, "1") and "◂" not in says(screen, "0")
        assert "learning rate 0.01" in " ".join(says(screen, "table").split())
        chart = screen.query_one(Chart)
        legend = chart.render_line(0).text
        for words in ("━ A average", "╍ B average", "◆ A held out", "◇ B held out"):
            assert words in legend
        lines = "\n".join(chart.render_line(y).text for y in range(chart.size.height))
        assert "B − A, each step -0.200" in lines, "the difference has a lane of its own"
        curves = [line.partition("│")[2].rstrip(" │") for line in lines.split("\n") if "│" in line]
        assert {"A", "B"} <= {line[-1] for line in curves if line}, "each ends with its letter"


async def test_what_is_the_same_so_far_is_said_bit_for_bit(host: Callable[..., Any]) -> None:
    race = ScriptedRace(state_of([], []))
    screen = screen_of(race)
    async with host(screen).run_test(size=(80, 24)) as pilot:
        await opened(pilot, screen)
        assert "space lets both train" in says(screen, "verdict")
        race.state = state_of(SAME, SAME)
        screen.draw()
        assert says(screen, "verdict") == "The same so far, bit for bit."


async def test_a_difference_of_one_bit_is_not_written_as_nothing() -> None:
    assert view.signed(2.0**-52) == "+2.2e-16"
    assert view.signed(-0.0031) == "−0.0031"
    assert view.signed(-0.0001234) == "−1.2e-04"


async def test_every_key_does_what_it_says(host: Callable[..., Any]) -> None:
    race = ScriptedRace(PARTED)
    screen = screen_of(race)
    async with host(screen).run_test(size=(120, 40)) as pilot:
        await opened(pilot, screen)
        assert "space run" in screen.query_one(KeyBar).words
        await pilot.press("space")
        await pilot.pause()
        screen.draw()
        assert "space pause" in screen.query_one(KeyBar).words
        assert "running" in says(screen, "title")
        await pilot.press("space", "s", "g", "b", "r", "home", "end")
        await pilot.pause()
        assert race.calls == [
            ("run", True), ("pause",), ("step",), ("sample",), ("go to", 4), ("start",), ("start",),
            ("go to", 5),
        ]  # fmt: skip


async def test_a_key_of_the_main_screen_means_the_same_in_a_race() -> None:
    main = keys_of(MAIN_BINDINGS)
    race = keys_of(RACE_BINDINGS)
    other = {key for key in main.keys() & race.keys() if race[key] != main[key]}
    # What a name says differs: a frame is a panel here, and leaving leaves the race.
    assert other == {"2", "3", "4", "v", "y", "c", "q", "r", "home", "end"}
    assert not race.keys() & {"d", "t", "e", "h", "w", "x", "o", "p", "f", "a", "i"}


async def test_c_tries_a_chain_on_one_side_and_keeps_it_for_both(host: Callable[..., Any]) -> None:
    race = ScriptedRace(PARTED)
    screen = screen_of(race)
    app = host(screen)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, screen)
        await pilot.press("c")
        while not isinstance(app.screen, ChainScreen) or not race.calls:
            await pilot.pause()
        assert "tried on A" in app.screen.heading
        before, after = race.sampling.chain, race.sampling.chain[1:]
        await pilot.press("delete")
        while race.calls != [("tried", *before), ("tried", *after)]:
            await pilot.pause()
        await pilot.press("enter")
        while race.calls[-1] != ("chain", *after):
            await pilot.pause()


def keys_of(bindings: list[Binding]) -> dict[str, str]:
    """The action of each key."""
    return {key: one.action for one in bindings for key in one.key.split(",")}


async def test_b_takes_the_side_that_is_ahead_back_to_the_other(host: Callable[..., Any]) -> None:
    ahead = replace(PARTED.sides[0], step=9)
    race = ScriptedRace(replace(PARTED, sides=(ahead, PARTED.sides[1])))
    screen = screen_of(race)
    app = host(screen)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, screen)
        await pilot.press("b")
        await pilot.pause()
        assert race.calls == [("go to", 5)]
        sides = tuple(replace(one, step=5, earliest=5) for one in PARTED.sides)
        race.state = replace(PARTED, sides=sides)
        await pilot.press("b")
        await pilot.pause()
        assert race.calls == [("go to", 5)]
        assert any("go no farther back" in str(toast.title) for toast in app._notifications)


async def test_space_pauses_also_while_both_are_being_sampled(host: Callable[..., Any]) -> None:
    race = ScriptedRace(replace(PARTED, running=True))
    screen, sampled = screen_of(race), asyncio.Event()

    async def sample() -> None:
        race.state = replace(race.state, running=False)
        await sampled.wait()
        race.state = replace(race.state, running=True)

    race.sample = sample  # type: ignore[method-assign]
    async with host(screen).run_test(size=(120, 40)) as pilot:
        await opened(pilot, screen)
        await pilot.press("g", "space")
        sampled.set()
        await pilot.pause()
        await pilot.pause()
        assert race.calls == [("pause",)] and not race.state.running


async def test_space_and_s_at_the_end_say_so_and_what_can_be_done(host: Callable[..., Any]) -> None:
    over = [replace(side, status="finished") for side in PARTED.sides]
    race = ScriptedRace(replace(PARTED, sides=(over[0], over[1])))
    screen = screen_of(race)
    said: list[str] = []
    screen.notify = lambda *_, title="", **__: said.append(title)  # type: ignore[method-assign]
    async with host(screen).run_test(size=(120, 40)) as pilot:
        await opened(pilot, screen)
        await pilot.press("space", "s")
        async with asyncio.timeout(10):
            while len(said) < 2:
                await pilot.pause()
        assert race.calls == [] and set(said) == {"Both have done all their steps"}


async def test_flat_out_is_one_key_away_standing_and_running(host: Callable[..., Any]) -> None:
    race = ScriptedRace(PARTED)
    screen = screen_of(race)
    async with host(screen).run_test(size=(120, 40)) as pilot:
        await opened(pilot, screen)
        assert "in lock-step" in says(screen, "title")
        await pilot.press("minus", "minus")
        await pilot.pause()
        assert "in lock-step, 10 a second" in says(screen, "title") and race.calls == []
        await pilot.press("plus", "plus", "plus", "plus")
        await pilot.pause()
        assert "each flat out" in says(screen, "title") and race.calls == []
        await pilot.press("space", "minus")
        await pilot.pause()
        assert race.calls == [("run", False), ("run", True)]
        screen.draw()
        assert "in lock-step " in says(screen, "title")


async def test_z_gives_one_frame_the_room_of_all_and_escape_takes_it_back(
    host: Callable[..., Any],
) -> None:
    screen = screen_of(ScriptedRace(PARTED))
    app = host(screen)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, screen)
        heights = {}
        for number, name in ((2, "loss"), (3, "settings"), (4, "samples")):
            await pilot.press(str(number), "z")
            await pilot.pause()
            frames = ("loss", "settings", "samples")
            seen = [one for one in frames if screen.query_one(f"#race-{one}").region.area]
            assert seen == [name]
            assert screen.query_one(f"#race-{name}").region.width == 80
            heights[name] = screen.query_one(f"#race-{name}").region.height
            await pilot.press("escape")
            await pilot.pause()
        assert {*heights.values()} == {24 - 5} and not app.answers


async def test_the_side_that_is_not_ready_yet_is_named_with_the_seconds(
    host: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ready, late = PARTED.sides
    waiting = SideState(late.name, "opening", stage="tokenizing")
    race, may = ScriptedRace(replace(PARTED, sides=(ready, waiting))), asyncio.Event()
    race.open = may.wait  # type: ignore[assignment,method-assign]
    screen = screen_of(race)
    async with host(screen).run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        monkeypatch.setattr(screen, "_began", screen._began - 7)
        screen.draw()
        words = says(screen, "verdict")
        assert re.search(r"B is still opening, for ([7-9]|1\d) s", words) and "tokenizing" in words
        assert "A is ready" in words and "space" not in screen.query_one(KeyBar).words
        race.state = PARTED
        may.set()
        await opened(pilot, screen)
        assert "opening" not in says(screen, "verdict")


async def test_the_fork_is_marked_and_both_held_out_losses_of_one_place_are_seen(
    host: Callable[..., Any],
) -> None:
    losses = [3.0 - at / 100 for at in range(60)]
    sides = tuple(
        replace(one, losses=array("d", losses), smoothed=array("d", losses), step=60,
                evaluations=((0, 3.3), (30, 2.9), (60, 2.7)))
        for one in PARTED.sides
    )  # fmt: skip
    screen = screen_of(ScriptedRace(replace(PARTED, sides=sides, start=20, step=60)))
    async with host(screen).run_test(size=(120, 40)) as pilot:
        await opened(pilot, screen)
        chart = screen.query_one(Chart)
        lines = [chart.render_line(y).text for y in range(1, chart.size.height)]
        plot = "\n".join(lines)
        assert plot.count("◆") == plot.count("◇") == 3, "each beside the other"
        assert "┊ fork, step 20" in plot
        ruler = chart.ruler
        assert ruler is not None
        column = ruler.left + (ruler.frame.cell(20) or 0)
        assert sum(line[column] == "┊" for line in lines) > 3


@pytest.mark.parametrize(("key", "place", "name"), [("A", 0, "as it is"),
                                                    ("B", 1, "learning rate 0.02")])  # fmt: skip
async def test_one_side_is_gone_on_with_and_the_race_is_closed(
    host: Callable[..., Any], key: str, place: int, name: str
) -> None:
    race = ScriptedRace(PARTED)
    screen = screen_of(race)
    app = host(screen)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, screen)
        await pilot.press(key)
        await pilot.pause()
        await pilot.pause()
    kept = app.answer
    assert isinstance(kept, Kept) and (kept.place, kept.name) == (place, name)
    assert kept.checkpoint.data == f"side {place}" and ("close",) in race.calls


async def test_escape_leaves_and_closes_both(host: Callable[..., Any]) -> None:
    race = ScriptedRace(PARTED)
    screen = screen_of(race)
    app = host(screen)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, screen)
        await pilot.press("escape")
        await pilot.pause()
        await pilot.pause()
        assert app.answer is None and ("close",) in race.calls


async def test_help_opened_while_the_race_is_being_closed_does_not_keep_one_in_it(
    host: Callable[..., Any],
) -> None:
    race = ScriptedRace(PARTED)
    closed, screen = asyncio.Event(), screen_of(race)
    race.close = closed.wait  # type: ignore[assignment]
    app = host(screen)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, screen)
        below = app.screen_stack[0]
        await pilot.press("escape", "question_mark")
        closed.set()
        await pilot.pause()
        assert isinstance(app.screen, HelpScreen), "it is still read"
        await pilot.press("escape")
        await pilot.pause()
        await pilot.pause()
        assert app.screen is below


async def test_what_cannot_be_opened_is_said_and_nothing_but_leaving_works(
    host: Callable[..., Any],
) -> None:
    race = ScriptedRace(state_of([], []), Failure("changed: no such engine", "Choose another."))
    screen = screen_of(race)
    app = host(screen)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, screen)
        assert "✗ changed: no such engine. Choose another." in says(screen, "verdict")
        assert screen.query_one(KeyBar).words.split() == ["?", "help", "esc", "leave"]
        await pilot.press("space", "s", "A")
        await pilot.pause()
        assert race.calls == []
        await pilot.press("escape")
        await pilot.pause()
        await pilot.pause()
    assert app.answer is None


async def test_texts_of_both_stand_beside_each_other(host: Callable[..., Any]) -> None:
    pairs = (
        SamplePair(5, "ka", batch(5, "anna", "[red]b"), batch(5, "anna", "bob")),
        SamplePair(4, "", batch(4, "old"), None),
    )
    screen = screen_of(ScriptedRace(replace(PARTED, samples=pairs)))
    async with host(screen).run_test(size=(120, 40)) as pilot:
        await opened(pilot, screen)
        rows = [" ".join(row.split()) for row in says(screen, "texts").splitlines()]
        assert rows == [
            "A step 5 “ka” B",
            "• anna │ • anna",
            "[red]b ≠ bob",
            "A step 4 B",
            "old ≠ –",
        ]


async def test_a_prompt_is_typed_for_both_and_asked_at_once(host: Callable[..., Any]) -> None:
    race = ScriptedRace(PARTED)
    screen = screen_of(race)
    app = host(screen)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, screen)
        await pilot.press("slash", *"sgl", "enter")
        await pilot.pause()
        assert race.calls == [("prompt", "sgl"), ("sample",)], "letters are no keys in a field"
        await pilot.press("slash", "x", "escape")
        await pilot.pause()
        assert not screen.query_one("#race-prompt", Input).has_class("-shown")
        assert not app.answers, "escape left the field, not the race"
        race.refuses = Failure("as it is: The prompt cannot be read", "the model does not know 'é'")
        await pilot.press("slash", "é", "enter")
        await pilot.pause()
        await pilot.pause()
        assert any("cannot be read" in str(toast.title) for toast in app._notifications)


async def test_troubles_of_one_side_and_what_must_be_minded_are_words(
    host: Callable[..., Any],
) -> None:
    one, other = PARTED.sides
    broken = replace(other, status="down", trouble=Failure("The run went down", "A plugin hung."))
    noted = replace(one, notes=("The worker ended. It goes on from step 3.",))
    state = replace(PARTED, sides=(noted, broken), remarks=("Compare averages.",))
    screen = screen_of(ScriptedRace(state))
    async with host(screen).run_test(size=(80, 24)) as pilot:
        await opened(pilot, screen)
        assert says(screen, "warnings").splitlines() == [
            "! A: The worker ended. It goes on from step 3.",
            "✗ B: The run went down. A plugin hung.",
            "! Compare averages.",
        ]
        assert "✗ down" in says(screen, "1")


def test_new_recited_and_known_texts_have_a_sign_each() -> None:
    texts = (
        SampleText("anna", True, True),
        SampleText("the quic", False, False, recited=True),
        SampleText("kamon", False, True),
    )
    both = SampleBatch(1, 5, "", texts)
    lines = view.samples_table([SamplePair(5, "", both, both)], 60).plain.splitlines()
    assert [line[:10].rstrip() for line in lines[1:]] == ["• anna", "◦ the quic", "  kamon"]
    assert view.LEGEND == "• in the data, ◦ recited"


@pytest.mark.parametrize(
    ("right", "said"),
    [
        (Scored(80, 100, "same"), "B is ahead by 0.692 bits a character, held out, step 0"),
        (Scored(80, 100, "other"), "Bits a character: A 4.501, B 3.809"),
        (None, "hold something out"),
    ],
)
async def test_runs_with_other_tokens_are_compared_by_the_character(
    right: Scored | None, said: str, host: Callable[..., Any]
) -> None:
    infos = build_model().info, replace(build_model().info, vocab_size=99, vocabulary=("x",))
    found = Scored(100, 100, "same"), right
    sides = tuple(
        replace(one, info=info, scored=scored, evaluations=((0, nats),))
        for one, info, scored, nats in zip(PARTED.sides, infos, found, (3.12, 3.3), strict=True)
    )
    screen = screen_of(ScriptedRace(replace(PARTED, sides=sides)))
    async with host(screen).run_test(size=(120, 40)) as pilot:
        await opened(pilot, screen)
        assert said in says(screen, "verdict")
        assert "B − A" not in says(screen, "verdict")
        assert "4.501 bits/char" in says(screen, "0")


async def test_where_both_stand_counts_and_what_is_recorded_stays_in_sight(
    host: Callable[..., Any],
) -> None:
    back = tuple(replace(one, step=2) for one in PARTED.sides)
    state = replace(PARTED, sides=back, step=2, average=Gap(2, 2.5, 2.5))
    race = ScriptedRace(state)
    screen = screen_of(race)
    async with host(screen).run_test(size=(120, 40)) as pilot:
        await opened(pilot, screen)
        assert "step 2 " in says(screen, "title") and "recorded to 5" in says(screen, "title")
        assert "average 2.5000" in says(screen, "0") and "2/1,000" in says(screen, "0")
        assert "The same until step 4" in says(screen, "verdict")
        assert "ahead" not in says(screen, "verdict")
        await pilot.press("tab")
        screen.query_one(Chart).cursor = 4
        await pilot.press("enter")
        await pilot.pause()
        assert race.calls == [("go to", 4)]


async def test_help_names_every_key_of_the_race(host: Callable[..., Any]) -> None:
    screen = screen_of(ScriptedRace(PARTED))
    app = host(screen)
    async with app.run_test(size=(120, 60)) as pilot:
        await opened(pilot, screen)
        await pilot.press("question_mark")
        await pilot.pause()
        words = "\n".join(str(one.render()) for one in app.screen.query(KeyTable))
        assert all(str(binding.tooltip)[:20] in words for binding in RACE_BINDINGS)
        assert "Two runs that are the same up to" in app.screen.query_one("#help-about", Line).words
        await pilot.press("escape")
        await pilot.pause()
        assert app.screen is screen


async def test_going_back_takes_the_curves_back(host: Callable[..., Any]) -> None:
    race = ScriptedRace(PARTED)
    screen = screen_of(race)
    async with host(screen).run_test(size=(120, 40)) as pilot:
        await opened(pilot, screen)
        chart = screen.query_one(Chart)
        assert chart.values_at(5)["A average"] == 1.9
        race.state = replace(state_of([3.0, 2.0], [3.0, 2.0]), epoch=1)
        screen.draw()
        there = chart.values_at(5)
        assert there["A average"] == 2.0 and there["B − A, each step"] == 0.0


@pytest.mark.parametrize("size", SIZES)
async def test_everything_fits(host: Callable[..., Any], size: tuple[int, int]) -> None:
    pairs = (SamplePair(5, "", batch(5, *"abcde"), batch(5, *"abcde")),)
    screen = screen_of(ScriptedRace(replace(PARTED, samples=pairs)))
    async with host(screen).run_test(size=size) as pilot:
        await opened(pilot, screen)
        for name in ("title", "0", "1", "verdict", "loss", "samples", "settings", "keys"):
            region = screen.query_one(f"#race-{name}").region
            assert screen.region.contains_region(region) and region.height > 0, name
        assert screen.query_one(Chart).size.height >= 3
        assert "leave" in screen.query_one(KeyBar).words
        assert "−0.0031" in says(screen, "verdict")
        for name in ("title", "0", "1", "verdict"):
            assert len(says(screen, name)) <= size[0] - 2


def test_every_key_has_an_id_and_says_what_it_does() -> None:
    ids = [binding.id for binding in RACE_BINDINGS]
    assert all(ids) and len({*ids}) == len(ids)
    assert all(binding.tooltip for binding in RACE_BINDINGS)


async def test_two_real_runs_race_to_the_end_and_one_is_kept(
    host: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MICROGPT_PLAY_HOME", str(tmp_path))
    multiprocessing.resource_tracker.ensure_running()
    words = tmp_path / "words.txt"
    words.write_text("\n".join(["ant", "bee", "cat", "dog", "elk", "fox"]) + "\n")
    from playground.lab.spec import RunSpec

    spec = RunSpec.parse(
        {
            "dataset": {"name": "text-file", "options": {"path": str(words)}},
            "model": {"n_embd": 8, "n_head": 2, "block_size": 8},
            "steps": 60,
        }
    )
    faster = spec.replace({"optimizer.learning_rate": 0.05})
    how = Sampling(count=2, every=20)
    race = Race(
        Entrant("as it is", spec.to_json(), sampling=how),
        Entrant("learning rate 0.05", faster.to_json()),
        PluginSources(entry_points=False),
    )
    screen = RaceScreen(race, build_model())
    app = host(screen)
    async with asyncio.timeout(90), app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, screen)
        assert "✗" not in says(screen, "verdict")
        await pilot.press("space")
        while race.state.step < 60 or race.state.running:
            await pilot.pause()
        screen.draw()
        assert "The same until step 2; there B − A" in says(screen, "verdict")
        assert "finished" in says(screen, "title") and "step 60" in says(screen, "texts")
        await pilot.press("B")
        while not app.answers:
            await pilot.pause()
    assert (app.answer.place, app.answer.checkpoint.step) == (1, 60)
