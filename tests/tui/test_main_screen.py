"""The main screen as a person uses it: what keys do, and what the screen shows."""

from __future__ import annotations

import asyncio
import itertools
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import events
from textual.geometry import Size
from textual.widgets import Input

from playground.lab.client.events import WorkerBack, WorkerLost
from playground.lab.protocol.failures import Failure
from playground.lab.protocol.run import Notice, RunInfo
from playground.lab.protocol.sampling import Link, Sampling
from playground.tui.explain.words import word_of
from playground.tui.panels.dataset import abridged
from playground.tui.panels.keybar import KeyBar
from playground.tui.panels.sampling import SamplingPanel
from playground.tui.widgets.bars import Bars
from playground.tui.widgets.slider import Slider
from playground.widths import cell_len
from tests.tui.scripted import ScriptedLab
from tests.tui.watched import WatchedApp, playing, seen


async def test_opening_shows_what_is_trained_and_that_nothing_ran_yet() -> None:
    async with playing() as (app, _):
        assert "names · char, 27 tokens · 4,192 parameters" in app.text("#title")
        assert "seed 42" in app.text("#title")
        assert "ready" in app.text("#status")
        assert "step 0/1,000" in app.text("#status")
        assert "32,469 documents" in app.text("#dataset-counts")
        assert "27 tokens" in app.text("#dataset-vocabulary")


async def test_key_s_does_one_step_and_shows_its_loss() -> None:
    async with playing() as (app, pilot):
        for _ in range(3):
            await pilot.press("s")
        await seen(pilot, lambda: "step 3/1,000" in app.text("#status"))
        assert "loss" in app.text("#status")
        assert list(app.model.loss.xs) == [1, 2, 3]


async def test_space_runs_and_pauses() -> None:
    async with playing() as (app, pilot):
        await pilot.press("space")
        await seen(pilot, lambda: "steps/s" in app.text("#status"))
        await seen(pilot, lambda: app.model.step > 20)
        await pilot.press("space")
        await seen(pilot, lambda: "paused" in app.text("#status"))
        assert app.lab.calls[-1] == ("pause",)


async def test_key_b_goes_back_one_step_and_the_curve_follows() -> None:
    async with playing() as (app, pilot):
        for _ in range(4):
            await pilot.press("s")
        await seen(pilot, lambda: app.model.step == 4)
        await pilot.press("b")
        await seen(pilot, lambda: app.model.step == 3)
        assert list(app.model.loss.xs) == [1, 2, 3]


async def test_key_b_at_the_beginning_says_so() -> None:
    async with playing() as (app, pilot):
        await pilot.press("b")
        await pilot.pause()
        assert "beginning" in app.said


async def test_a_finished_run_says_what_can_be_done() -> None:
    async with playing() as (app, pilot):
        app.lab.stride = 600
        await pilot.press("space")
        await seen(pilot, lambda: "finished" in app.text("#status"))
        await pilot.press("s")
        await pilot.pause()
        assert "All 1,000 steps are done" in app.said
        assert app.model.step == 1000


async def test_plus_and_minus_change_the_speed_within_its_ends() -> None:
    async with playing() as (app, pilot):
        for _ in range(3):
            await pilot.press("plus")
        await seen(pilot, lambda: "flat out" in app.text("#status"))
        for _ in range(9):
            await pilot.press("minus")
        await seen(pilot, lambda: "speed 1 a second" in app.text("#status"))


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
async def test_numbers_choose_panels_and_z_gives_one_the_screen(number: int) -> None:
    async with playing() as (app, pilot):
        await pilot.press(str(number))
        panel = app.main.focused_panel
        assert panel is not None
        assert number == panel.NUMBER
        await pilot.press("z")
        await pilot.pause()
        assert [p.NUMBER for p in app.main.query("Panel") if p.display] == [number]
        assert panel.size.width > 110
        await pilot.press("z")
        await pilot.pause()
        third = 5 if number == 5 else 3  # panels 3 and 5 share a place
        assert {p.NUMBER for p in app.main.query("Panel") if p.display} == {1, 2, third, 4}


async def test_numbers_choose_panels_even_from_a_slider() -> None:
    async with playing() as (app, pilot):
        await pilot.press("4")
        assert isinstance(app.focused, Slider)
        await pilot.press("2")
        assert app.main.focused_panel is app.main.panel(2)


async def test_moving_the_temperature_moves_the_bars() -> None:
    async with playing() as (app, pilot):
        await seen(pilot, lambda: app.model.preview is not None)
        before = app.main.query_one(Bars).rows
        await pilot.press("4")
        assert isinstance(app.focused, Slider)
        for _ in range(6):
            await pilot.press("right")
        await seen(pilot, lambda: app.main.query_one(Bars).rows != before)
        assert app.model.sampling.chain[0].options["temperature"] == pytest.approx(0.8)
        assert app.main.query_one(Bars).rows[0].value < before[0].value


async def test_the_line_in_a_bar_is_named_where_there_is_room_and_in_the_help() -> None:
    async with playing() as (app, pilot):
        await seen(pilot, lambda: app.text("#sampling-next") == "next token at the start │ raw")
        await pilot.press("slash", *"samantha")
        await seen(pilot, lambda: app.text("#sampling-next") == "next token after “samantha”")
    assert "The line │ in a bar is the raw chance" in word_of("raw").brief


async def test_a_shorter_chain_is_drawn_while_the_controls_of_the_one_before_still_go() -> None:
    async with playing() as (app, pilot):
        panel = app.main.query_one(SamplingPanel)
        before = list(app.main.query("#sampling-chain Slider").results(Slider))
        shorter = Sampling(chain=(Link("greedy"),))
        app.model.sampling = shorter
        for _ in range(2):
            panel.show(app.model)
        assert len(before) > 1 and all(slider.is_attached for slider in before)
        before[-1].post_message(Slider.Changed(before[-1], 0.8))
        async with asyncio.timeout(60):
            while app.main.query("#sampling-chain Slider"):
                await pilot.pause()
        assert app.model.sampling == shorter


async def test_a_prompt_is_typed_without_keys_being_commands() -> None:
    async with playing() as (app, pilot):
        await pilot.press("slash", *"sam")
        await seen(pilot, lambda: app.model.preview and app.model.preview.prompt == "sam")
        assert app.model.step == 0
        await pilot.press("enter")
        await seen(pilot, lambda: "samkamon" in app.text("#sampling-texts"))
        await pilot.press("escape", "s")
        await seen(pilot, lambda: app.model.step == 1)
        assert app.main.query_one("#sampling-prompt", Input).value == "sam"


async def test_a_prompt_outside_the_vocabulary_is_explained_in_place() -> None:
    async with playing() as (app, pilot):
        await pilot.press("slash", "é")
        await seen(pilot, lambda: "not in the vocabulary" in app.text("#sampling-next"))
        await pilot.press("backspace")
        await seen(pilot, lambda: "next token" in app.text("#sampling-next"))


async def test_samples_are_marked_new_or_in_the_data() -> None:
    async with playing() as (app, pilot):
        await pilot.press("g")
        await seen(pilot, lambda: "kamon" in app.text("#sampling-texts"))
        lines = app.text("#sampling-texts").splitlines()
        assert next(line for line in lines if "kamon" in line).rstrip().endswith("new")
        assert next(line for line in lines if "mia" in line).rstrip().endswith("in data")


async def test_brackets_and_v_choose_matrix_and_view() -> None:
    async with playing() as (app, pilot):
        await pilot.press("right_square_bracket")
        await seen(pilot, lambda: "wpe 16×16" in app.text("#parameters-line"))
        await pilot.press("v")
        await seen(pilot, lambda: "‹grads›" in app.text("#parameters-line"))
        assert "position 0" in app.text("#parameters-readout")


async def test_a_lost_worker_is_said_and_the_screen_goes_on() -> None:
    async with playing() as (app, pilot):
        await pilot.press("s")
        await seen(pilot, lambda: app.model.step == 1)
        failure = Failure("The training process died", "It was killed (signal 9).", kind="dead")
        app.lab.listener(WorkerLost(failure))
        await seen(pilot, lambda: "training process died" in app.text("#status"))
        assert app.lab.open_run.info is not None
        app.lab.listener(WorkerBack(app.lab.open_run.info, 1, False))
        await seen(pilot, lambda: "died" not in app.text("#status"))
        assert "fresh worker" in app.said


async def test_a_data_set_that_cannot_be_opened_leaves_the_run() -> None:
    async with playing() as (app, pilot):
        await pilot.press("s", "s")
        await seen(pilot, lambda: app.model.step == 2)
        app.lab.fail_open = Failure("novel.txt is empty", "There is no text in it.")
        opened = await app.controller.opening.open('{"dataset": {"name": "text-file"}}')
        assert not opened
        assert "novel.txt is empty" in app.said
        assert app.model.step == 2
        assert "names" in app.text("#title")


async def test_key_u_brings_the_run_before_back() -> None:
    async with playing() as (app, pilot):
        await pilot.press("s", "s")
        await seen(pilot, lambda: app.model.step == 2)
        await app.controller.opening.open('{"seed": 7}')
        await seen(pilot, lambda: "seed 7" in app.text("#title"))
        await pilot.press("u")
        await seen(pilot, lambda: "seed 42" in app.text("#title"))
        await seen(pilot, lambda: app.model.step == 2)


async def test_before_the_first_step_u_brings_the_run_before_back_too() -> None:
    spec = '{"dataset": {"name": "text-file", "options": {"path": "a.txt"}}}'
    async with playing(spec=spec) as (app, pilot):

        def split() -> str:
            return str(app.model.spec["dataset"]["options"].get("split", "lines"))

        await pilot.press("w")
        await seen(pilot, lambda: split() == "windows")
        await pilot.press("u")
        await seen(pilot, lambda: split() == "lines")
        assert "Nothing to go back to" not in app.said
        await pilot.press("s", "s")
        await seen(pilot, lambda: app.model.step == 2)
        await pilot.press("w")
        await seen(pilot, lambda: split() == "windows" and app.model.step == 0)
        await pilot.press("w")  # back to the lines, at the step where they stood
        await seen(pilot, lambda: split() == "lines" and app.model.step == 2)


async def test_leaving_keeps_the_run(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGPT_PLAY_HOME", str(tmp_path))
    async with playing() as (app, pilot):
        await pilot.press("s")
        await seen(pilot, lambda: app.model.step == 1)
        await pilot.press("q")
        await pilot.pause()
        assert app.lab.saved == [str(tmp_path / "data" / "last-run.safetensors")]
        assert ("close",) in app.lab.calls


async def test_markup_in_a_file_name_is_shown_as_it_is() -> None:
    spec = '{"dataset": {"name": "text-file", "options": {"path": "/tmp/[red]a.txt"}}}'
    async with playing(spec=spec) as (app, _):
        assert "[red]a.txt" in app.text("#title")
        assert "[red]a" in app.text("#dataset-counts")


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60), (60, 16), (100, 30)])
async def test_every_panel_is_there_at_every_size(size: tuple[int, int]) -> None:
    async with playing(size=size) as (app, pilot):
        await pilot.press("s")
        await seen(pilot, lambda: app.model.step == 1)
        for panel in map(app.main.panel, (1, 2, 3, 4)):
            assert panel.display
            assert panel.region.right <= size[0]
            assert panel.region.bottom <= size[1] - 1
            assert panel.size.height >= 3


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_the_prompt_begins_where_the_sliders_do(size: tuple[int, int]) -> None:
    async with playing(size=size) as (app, pilot):

        def lined_up() -> bool:
            slider = app.main.query("#sampling-chain Slider").first(Slider)
            field = app.main.query_one("#sampling-prompt", Input)
            track = slider.region.x + slider.label_cells(slider.size.width)
            return field.content_region.x == track

        await seen(pilot, lined_up)
        await pilot.resize_terminal(140, 30)
        await seen(pilot, lined_up)


async def test_the_footer_shows_the_keys_and_drops_the_least_important() -> None:
    async with playing(size=(80, 24)) as (app, _):
        assert "? help" in app.text("#keys")
        assert "s/b step" in app.text("#keys")
        assert len(app.text("#keys")) <= 80


async def test_a_terminal_too_small_is_told_and_growing_it_brings_the_panels_back() -> None:
    async with playing(size=(100, 30)) as (app, pilot):
        await pilot.resize_terminal(20, 5)
        await pilot.pause()
        assert "20x5" in app.text("#too-small")
        assert not app.main.query_one("#panels").display
        await pilot.resize_terminal(100, 30)
        await pilot.pause()
        assert app.main.query_one("#panels").display
        await pilot.press("s")
        await seen(pilot, lambda: app.model.step == 1)


async def test_an_app_started_in_a_terminal_too_small_still_opens_a_run() -> None:
    async with playing(size=(20, 5)) as (app, pilot):
        assert "60x16" in app.text("#too-small")
        await pilot.resize_terminal(100, 30)
        await seen(pilot, lambda: "step 0/1,000" in app.text("#status"))


async def test_the_cursor_of_the_heat_map_reads_out_the_number_and_what_it_means() -> None:
    async with playing() as (app, pilot):
        await seen(pilot, lambda: "[0, 0]" in app.text("#parameters-readout"))
        await pilot.press("3", "down", "right", "right")
        await seen(pilot, lambda: "[1, 2]" in app.text("#parameters-readout"))
        assert "token b" in app.text("#parameters-readout")
        assert "channel 2" in app.text("#parameters-readout")


async def test_the_palette_finds_keys_speeds_matrices_and_everything_in_the_catalog() -> None:
    async with playing() as (app, pilot):
        titles = [command.title for command in app.get_system_commands(app.main)]
        for title in (
            "Step (s)",
            "Speed: flat out",
            "Matrix: layer0.mlp_fc1",
            "Parameters: show gradient",
            "Data set: names",
            "Tokenizer: byte",
            "Engine: scalar",
            "Theme",
        ):
            assert title in titles
        await pilot.press("ctrl+p", *"scalar", "enter")
        await seen(pilot, lambda: "scalar engine" in app.text("#title"))


class GatedLab(ScriptedLab):
    """A Lab that opens a run once `gate` is set."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.gate = asyncio.Event()

    async def open(self, spec, **kwargs):
        await self.gate.wait()
        return await super().open(spec, **kwargs)


async def test_keys_pressed_before_the_run_is_open_are_not_lost() -> None:
    app = WatchedApp(lambda listener: GatedLab(listener), "{}")  # type: ignore[arg-type]
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("s", "s", "s")
        assert app.model.info is None
        app.lab.gate.set()
        await seen(pilot, lambda: "step 3/1,000" in app.text("#status"))


async def test_an_outdated_resize_event_is_laid_aside() -> None:
    async with playing(size=(100, 30)) as (app, pilot):
        stale = Size(70, 20)
        app.main.post_message(events.Resize(stale, stale))
        await pilot.pause()
        assert app.main.size == Size(100, 30)
        await pilot.press("question_mark")
        app.screen.post_message(events.Resize(stale, stale))
        await pilot.pause()
        assert app.screen.size == Size(100, 30)


async def test_keys_typed_faster_than_the_screen_follows_each_do_their_own() -> None:
    async with playing() as (app, pilot):
        await pilot.press("space")
        await seen(pilot, lambda: app.model.running)
        for character in " /ni":  # all keys arrive before the first is handled
            key = {" ": "space", "/": "slash"}.get(character, character)
            app.post_message(events.Key(key, character))
        field = app.main.query_one("#sampling-prompt", Input)
        await seen(pilot, lambda: field.value == "ni")
        await seen(pilot, lambda: "paused" in app.text("#status"))


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (120, 40)])
async def test_the_line_of_keys_names_help_and_the_way_out_in_every_terminal(
    size: tuple[int, int],
) -> None:
    async with playing(size=size) as (app, _):
        keys = app.main.query_one(KeyBar).words
        assert "? help" in keys and "q quit" in keys


@pytest.mark.parametrize("heads", [4, 64])
async def test_all_views_of_each_matrix_are_named_in_a_small_terminal(heads: int) -> None:
    width = {"model": {"n_embd": 16 * heads // 4, "n_head": heads}}
    async with playing((80, 24), json.dumps(width)) as (app, pilot):
        assert app.model.info is not None
        for matrix in app.model.info.matrices:
            await seen(pilot, lambda name=matrix.name: name in app.text("#parameters-line"))
            line = app.text("#parameters-line")
            assert line.split()[-5:] == ["‹weights›", "grads", "Δ", "m", "v"], line
            assert cell_len(line) <= app.main.query_one("#parameters-line").size.width
            await pilot.press("right_square_bracket")


LONG = "from step 174 on the losses are not those of microgpt.py, which holds nothing out and so "
LONG += "meets other texts there; --holdout 0 gives the same losses"
WITHOUT = "from step 174 on the losses are not those of microgpt.py"


async def test_a_notice_without_room_says_less_and_names_the_key_that_shows_it_whole() -> None:
    async with playing((80, 24)) as (app, pilot):
        opened_as = app.lab.open
        notices: tuple[Notice, ...] = (Notice(LONG),)

        async def told(*args: Any, **options: Any) -> RunInfo:
            return replace(await opened_as(*args, **options), notices=notices)

        def said() -> str:
            return app.text("#dataset-notices").replace("\n", " ")

        app.lab.open = told  # type: ignore[method-assign]
        assert await app.controller.opening.open("{}")
        await seen(pilot, lambda: said() == f"! {WITHOUT} · 1 z: more")
        assert app.main.query_one("#dataset-notices").virtual_size.height == 2, "nothing hidden"
        await pilot.press("1", "z")
        await seen(pilot, lambda: LONG in app.text("#dataset-notices"))
        await pilot.press("z")
        await seen(pilot, lambda: said() == f"! {WITHOUT} · 1 z: more")
        notices = (Notice("kept"), Notice(LONG))
        assert await app.controller.opening.open("{}")
        await seen(pilot, lambda: said() == "! kept · 1 z: all 2")


NOTE = "Texts come in the order of the file."


async def test_what_is_only_worth_knowing_is_told_below_in_brief_and_without_alarm() -> None:
    async with playing((80, 24)) as (app, pilot):
        opened_as = app.lab.open
        note = Notice(NOTE, brief="in order", note=True)
        notices: tuple[Notice, ...] = (note, Notice("kept"))

        async def told(*args: Any, **options: Any) -> RunInfo:
            return replace(await opened_as(*args, **options), notices=notices)

        app.lab.open = told  # type: ignore[method-assign]
        assert await app.controller.opening.open("{}")
        await seen(pilot, lambda: app.text("#dataset-notices") == "! kept\nin order  1 z: why")
        await pilot.press("1", "z")
        await seen(pilot, lambda: app.text("#dataset-notices") == f"! kept\n{NOTE}")
        await pilot.press("z")
        notices = (Notice(LONG), note)
        assert await app.controller.opening.open("{}")
        await seen(pilot, lambda: app.text("#dataset-notices").endswith("z: more"))


async def test_a_small_panel_of_sampling_says_how_many_controls_there_are() -> None:
    async with playing((80, 24)) as (app, pilot):
        edge = "5 controls, ↑↓ for the others"
        panel = app.main.query_one(SamplingPanel)
        await seen(pilot, lambda: panel.border_subtitle == edge)
        await pilot.resize_terminal(120, 40)
        await seen(pilot, lambda: not panel.border_subtitle)


words = st.text("ab漢", min_size=1, max_size=12)
sentences = st.lists(words, min_size=1, max_size=25).map(" ".join)


@given(
    st.lists(st.tuples(sentences, st.none() | sentences), min_size=1, max_size=4),
    st.integers(12, 80),
    st.integers(1, 6),
)
def test_a_notice_in_the_panel_is_a_whole_sentence(
    texts: list[tuple[str, str | None]], width: int, room: int
) -> None:
    notices = [Notice(f"{text}; {brief}, and more", brief=brief or "") for text, brief in texts]
    lines, rest = abridged(notices, width, room)
    assert len(lines) <= room and max(map(cell_len, [*lines, rest])) <= width
    assert not lines or cell_len(lines[-1] + rest) <= width
    forms = [{one.text, one.text.split("; ")[0], one.brief or one.text} for one in notices]
    told = "".join(lines).replace(" ", "")
    known = [
        "".join(f"!{form}" for form in some).replace(" ", "")
        for count in range(len(forms) + 1)
        for some in itertools.product(*forms[:count])
    ]
    assert told in known, "whole sentences, in order"
    assert "z" in rest, "a key shows what is left out"
