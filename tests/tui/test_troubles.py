"""A worker that fails or takes its time: what a person sees, and that nothing is lost."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input

from playground.hooks.manager import load
from playground.hooks.sources import PluginSources
from playground.lab.checkpoint import read_checkpoint
from playground.lab.client.events import WorkerBack, WorkerGone, WorkerLost
from playground.lab.protocol.failures import Failure, LabError
from playground.lab.protocol.observation import Observation
from playground.lab.protocol.run import Checkpoint, RecordState, RunInfo
from playground.lab.protocol.sampling import Link, Sampling
from playground.lab.session import Session
from playground.lab.spec import RunSpec
from playground.tui.control.context import Remark
from playground.tui.quit import keep_run
from playground.tui.screens.settings.form import written
from tests.tui.scripted import ScriptedLab
from tests.tui.watched import WatchedApp, playing, seen

DIED = Failure("The training process crashed", "It died of signal SIGSEGV.", kind="dead")
HANGS = Failure("A plugin hangs: strategy 'slow'", "It has not returned for 4 s.", kind="hung")


async def test_a_run_that_was_given_up_is_shown_as_failed_and_opened_again_by_a_key() -> None:
    async with playing() as (app, pilot):
        await pilot.press("s", "s")
        await seen(pilot, lambda: "step 2/" in app.text("#status"))
        app.lab.listener(WorkerGone(DIED))
        await seen(pilot, lambda: "failed" in app.text("#status"))
        assert "crashed" in app.text("#status")
        assert "Press s or space" in app.said
        await pilot.press("s")
        await seen(pilot, lambda: "paused" in app.text("#status"))
        assert [call[0] for call in app.lab.calls].count("open") == 2
        assert "step 1/" in app.text("#status")


async def test_as_long_as_the_run_is_not_recorded_the_title_says_so() -> None:
    async with playing() as (app, pilot):
        full = Failure("The disk is full", "There is no room left to write.")
        app.lab.record = RecordState(1, "0" * 32, trouble=full)
        await pilot.press("s")
        await seen(pilot, lambda: "✗ not recorded" in app.text("#title"))
        assert "The disk is full" in app.said
        app.lab.record = RecordState(1, "0" * 32)
        await pilot.press("s")
        await seen(pilot, lambda: "not recorded" not in app.text("#title"))
        assert "The run is recorded again" in app.said


async def test_a_plugin_that_hangs_is_said_once() -> None:
    async with playing() as (app, pilot):

        async def hang(_: int = 1) -> None:
            app.lab.listener(WorkerLost(HANGS))
            raise LabError(HANGS)

        app.lab.advance = hang  # type: ignore[method-assign]
        await pilot.press("s")
        await seen(pilot, lambda: "A plugin hangs" in app.said)
        assert app.lab.open_run.info is not None
        app.lab.listener(WorkerBack(app.lab.open_run.info, 0, False))
        await seen(pilot, lambda: "fresh worker" in app.said)
        assert app.said.count("A plugin hangs") == 1


async def test_a_strategy_that_hung_is_off_on_the_screen_too() -> None:
    async with playing() as (app, pilot):
        chain = (Link("top-k"), Link("greedy"))
        app.controller.previews.set_sampling(Sampling(chain=chain))
        await seen(pilot, lambda: app.lab.sampling.chain == chain)
        info = app.lab.open_run.info
        assert info is not None
        off = replace(app.lab.sampling, chain=(chain[0], replace(chain[1], enabled=False)))
        taken = replace(info, observation=info.observation.having(off))
        app.lab.sampling = off
        app.lab.listener(WorkerBack(taken, 0, False, "'greedy' is off.", off))
        await seen(pilot, lambda: app.model.sampling == off)
        await pilot.press("g")
        await seen(pilot, lambda: app.model.batches)
        assert app.lab.sampling == off  # the screen has not sent the strategy that hung


async def test_a_prompt_that_new_data_do_not_know_leaves_the_field() -> None:
    async with playing() as (app, pilot):
        await pilot.press("slash", "e", "m")
        await seen(pilot, lambda: app.model.preview and app.model.preview.prompt == "em")
        field = app.main.query_one("#sampling-prompt", Input)
        assert field.value == "em"
        open_run = app.lab.open

        async def open_without_prompt(
            spec: str, *, observation: Observation, **rest: Any
        ) -> RunInfo:
            plain = replace(observation.sampling, prompt="")
            return await open_run(spec, observation=observation.having(plain), **rest)

        app.lab.open = open_without_prompt  # type: ignore[method-assign]
        await app.controller.opening.open("{}")
        await seen(pilot, lambda: field.value == "")
        assert app.model.sampling.prompt == ""


async def test_a_step_that_takes_long_is_seen_to_be_waited_for() -> None:
    async with playing() as (app, pilot):
        go = asyncio.Event()

        async def slow(_: int = 1) -> None:
            await go.wait()
            app.lab.step, app.lab.state = 1, "paused"

        app.lab.advance = slow  # type: ignore[method-assign]
        await pilot.press("s")
        await seen(pilot, lambda: "waiting for its answer" in app.text("#status"))
        go.set()
        await seen(pilot, lambda: "step 1/" in app.text("#status"))
        await seen(pilot, lambda: "waiting" not in app.text("#status"))


async def test_a_long_way_back_is_seen_and_esc_stops_on_it() -> None:
    async with playing() as (app, pilot):
        await pilot.press("s", "s", "s")
        await seen(pilot, lambda: "step 3/" in app.text("#status"))
        app.lab.slow = asyncio.Event()
        pause = app.lab.pause

        async def stop() -> None:
            assert app.lab.slow is not None
            app.lab.slow.set()
            await pause()

        app.lab.pause = stop  # type: ignore[method-assign]
        await pilot.press("b")
        await seen(pilot, lambda: "going to step 2" in app.text("#status"))
        assert "esc stops" in app.text("#status")
        await pilot.press("escape")
        await seen(pilot, lambda: "Stopped on the way to step 2" in app.said)
        await seen(pilot, lambda: "going to" not in app.text("#status"))


async def test_opening_a_second_run_meanwhile_is_answered_and_leaves_the_first_in_sight() -> None:
    async with playing() as (app, pilot):
        go = asyncio.Event()
        open_run = app.lab.open

        async def slow(spec: str, **words: object) -> RunInfo:
            await go.wait()
            return await open_run(spec, **words)

        app.lab.open = slow  # type: ignore[method-assign]
        first = asyncio.create_task(app.controller.opening.open("{}"))
        await seen(pilot, lambda: "esc cancels" in app.text("#status"))
        assert not await app.controller.opening.open("{}")
        assert "Another run is being opened" in app.said
        await pilot.pause()
        assert "esc cancels" in app.text("#status")
        go.set()
        assert await first
        await seen(pilot, lambda: "ready" in app.text("#status"))


async def test_leaving_a_worker_that_does_not_answer_keeps_the_run_as_it_was_last_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MICROGPT_PLAY_HOME", str(tmp_path))
    session = Session.open(RunSpec(), load(PluginSources(entry_points=False)))
    for _ in range(3):
        session.advance()
    known = session.checkpoint()

    class Stopped(ScriptedLab):
        async def save(self, _: str) -> None:
            await asyncio.Event().wait()

        @property
        def last_checkpoint(self) -> Checkpoint | None:
            return known

    waited = []
    await keep_run(Stopped(print), lambda: waited.append(1))  # type: ignore[arg-type]
    assert waited
    kept = read_checkpoint(tmp_path / "data" / "last-run.safetensors")
    assert kept.step == 3


async def test_toasts_do_not_lie_over_a_dialog_that_is_opened_after_them() -> None:
    app = WatchedApp(lambda listener: ScriptedLab(listener), "{}")  # type: ignore[arg-type]
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await asyncio.wait_for(app.controller.frames.ready.wait(), 60)
        app.say(Remark("A toast", "of many words", "error"))
        await pilot.pause()
        assert app.screen.query("Toast")
        await seen(pilot, lambda: app.model.catalog is not None)
        await pilot.press("ctrl+s")
        await pilot.pause()
        assert app.screen is not app.main
        assert not app.screen.query("Toast")


async def test_saving_is_offered_even_where_the_working_folder_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    async with playing() as (app, pilot):
        await pilot.press("ctrl+s")
        await pilot.pause()
        assert app.screen.query_one(Input).value.startswith(str(Path.home()))


def test_a_large_number_is_written_so_that_its_field_shows_all_of_it() -> None:
    assert written(1e9) == "1e9"
    assert written(1234567.0) == "1234567"
    assert written(0.01) == "0.01"
