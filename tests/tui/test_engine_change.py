"""Changing the engine of the open run by keys: the picker, and what the screen says."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from playground.catalog import Catalog, Entry
from playground.lab.protocol.failures import Failure
from playground.tui.model import EngineSpeed, PlaygroundModel
from playground.tui.panels.status import times
from playground.tui.screens.dialog import Line
from playground.tui.screens.pick.engines import EngineScreen
from tests.tui.screens.conftest import Host, build_model
from tests.tui.watched import WatchedApp, playing, seen

HOW = ".venv/bin/python -m pip install plugins/numba-engine"
NUMPY = Entry("engine", "numpy", "quick-engines", "package quick-engines 1.0", "by matrix")
HEAVY = Entry("engine", "heavy", "[b]x", "/x.py", "[b]heavy", missing="needs [i]torch, which …")
OFFER = Entry(
    "engine", "numba", "microgpt-play-numba", "gallery", "compiled",
    missing=f"not installed; to add it: {HOW}",
)  # fmt: skip


@pytest.fixture
def model() -> PlaygroundModel:
    """A model with four engines in its catalog, and one that could be added."""
    model = build_model()
    assert model.catalog is not None
    kept = tuple(entry for entry in model.catalog.entries if entry.kind != "engine")
    ours = (
        Entry("engine", "vector", "builtin", "built in", "row by row"),
        Entry("engine", "scalar", "builtin", "built in", "one Value a number"),
    )
    model.catalog = Catalog((*kept, *ours, NUMPY, HEAVY), offers=(OFFER,))
    return model


def lines(app: Host) -> list[str]:
    widget = app.screen.query_one("#picker-list")
    return [widget.render_line(y).text.rstrip() for y in range(widget.size.height)]


def said(app: Host) -> str:
    return app.screen.query_one("#picker-more", Line).words


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (60, 16)])
async def test_each_engine_has_one_line_with_what_keeps_it_from_work(
    model: PlaygroundModel, size: tuple[int, int]
) -> None:
    model.engine_troubles[NUMPY.qualified] = "In prepare: RuntimeError: [b]no such CPU"
    app = Host(EngineScreen(model))
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        shown = lines(app)
        assert [line[0] for line in shown] == ["●", " ", "✗", "○", "○"]
        assert "vector" in shown[0] and "row by row" in shown[0]
        assert "In prepare: RuntimeError: [b]no" in shown[2]
        assert "needs [i]torch" in shown[3]
        assert "numba" in shown[4] and "not installed; to add it" in shown[4]


async def test_how_to_add_an_engine_is_said_in_full_and_enter_does_not_choose_it(
    model: PlaygroundModel,
) -> None:
    app = Host(EngineScreen(model))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("end")
        await pilot.pause()
        assert HOW in said(app)
        assert "o goes on with this run" in said(app)
        await pilot.press("enter")
        await pilot.pause()
        assert not app.answers
        await pilot.press("escape")
    assert app.answer is None


async def test_an_engine_that_failed_may_be_tried_again(model: PlaygroundModel) -> None:
    model.engine_troubles[NUMPY.qualified] = "no such CPU"
    app = Host(EngineScreen(model))
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("down", "down")
        await pilot.pause()
        assert "It failed: no such CPU" in said(app)
        await pilot.press("enter")
    assert app.answer == {"name": "numpy", "options": {}}


async def test_the_speed_that_was_seen_on_this_model_is_said(model: PlaygroundModel) -> None:
    model.engine_speeds["builtin:vector"] = EngineSpeed(1.4321, 49.6)
    app = Host(EngineScreen(model))
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        assert said(app) == "On this model 1.4 ms a step, about 50 times as fast as scalar"
        await pilot.press("down")
        await pilot.pause()
        assert "Not yet measured" in said(app)


def test_a_ratio_is_said_as_roughly_as_it_is_known() -> None:
    assert [times(x) for x in (0.52, 3.14, 49.7, 993.0, 4583.2)] == [
        "0.5", "3.1", "50", "990", "4,600",
    ]  # fmt: skip


# ---------------------------------------------------------------- in the app


async def chosen(app: WatchedApp, pilot: Any, name: str) -> None:
    await pilot.press("e")
    await seen(pilot, lambda: isinstance(app.screen, EngineScreen))
    screen = app.screen
    assert isinstance(screen, EngineScreen)
    place = [entry.name for entry in screen.entries].index(name)
    await pilot.press("home", *["down"] * place, "enter")
    await seen(pilot, lambda: not isinstance(app.screen, EngineScreen))


async def test_e_lets_another_engine_go_on_with_the_run() -> None:
    async with playing(size=(160, 40)) as (app, pilot):
        await pilot.press("s", "s")
        await seen(pilot, lambda: app.model.step == 2)
        app.lab.engine_gate = asyncio.Event()
        await chosen(app, pilot, "scalar")
        await seen(pilot, lambda: "scalar: compiling, once 1/3" in app.text("#status"))
        assert "vector engine" in app.text("#title")
        await pilot.press("s")  # the run goes on meanwhile
        await seen(pilot, lambda: app.model.step == 3)
        app.lab.engine_gate.set()
        await seen(pilot, lambda: "scalar engine" in app.text("#title"))
        assert "compiling" not in app.text("#status")
        assert "The scalar engine goes on" in app.said
        assert app.model.step == 3
        assert not [call for call in app.lab.calls[1:] if call[0] == "open"], "the same run"


async def test_an_engine_that_fails_is_said_once_and_marked_and_the_run_keeps_its_own() -> None:
    async with playing(size=(120, 40)) as (app, pilot):
        await pilot.press("s")
        await seen(pilot, lambda: app.model.step == 1)
        app.lab.engine_trouble = Failure("The plugin 'x' failed", "no [b]compiler", kind="plugin")
        await chosen(app, pilot, "scalar")
        await seen(pilot, lambda: "no [b]compiler" in app.said)
        assert "goes on with the vector engine" in app.said
        assert "vector engine" in app.text("#title")
        await pilot.press("e")
        await seen(pilot, lambda: isinstance(app.screen, EngineScreen))
        await pilot.pause()
        widget = app.screen.query_one("#picker-list")
        assert "✗ scalar  no [b]compiler" in widget.render_line(1).text
        await pilot.press("escape")
        app.lab.engine_trouble = None
        await chosen(app, pilot, "scalar")
        await seen(pilot, lambda: "scalar engine" in app.text("#title"))
        assert not app.model.engine_troubles


async def test_a_run_begun_anew_keeps_the_engine_that_was_chosen() -> None:
    async with playing() as (app, pilot):
        await chosen(app, pilot, "scalar")
        await seen(pilot, lambda: app.model.engine == "scalar")
        await pilot.press("t")
        await pilot.pause()
        await pilot.press("down", "enter")
        await seen(pilot, lambda: app.model.spec["tokenizer"]["name"] == "byte")
        assert app.model.spec["engine"] == "scalar"


async def test_the_engine_alone_changed_in_the_settings_goes_on_with_the_run() -> None:
    async with playing(size=(120, 50)) as (app, pilot):
        await pilot.press("s")
        await seen(pilot, lambda: app.model.step == 1)
        app.desk.dialogs._change({"engine": "scalar"})
        await seen(pilot, lambda: app.model.engine == "scalar")
        assert app.model.step == 1


async def test_speed_and_ratio_to_the_scalar_engine_are_on_screen() -> None:
    async with playing(size=(200, 50)) as (app, pilot):
        plain = app.lab.frame

        async def frame(request: Any) -> Any:
            return replace(await plain(request), scalar_ratio=4712.0, step_ms=0.015)

        app.lab.frame = frame  # type: ignore[method-assign]
        await pilot.press("space")
        await seen(pilot, lambda: "vector engine, 4,700× scalar" in app.text("#title"))
        assert "steps/s" in app.text("#status") and "tok/s" in app.text("#status")
        assert app.model.engine_speeds["builtin:vector"].step_ms == 0.015


async def test_of_several_answers_of_the_picker_at_once_the_first_counts() -> None:
    async with playing(size=(120, 40)) as (app, pilot):
        await pilot.press("e")
        await seen(pilot, lambda: isinstance(app.screen, EngineScreen))
        await pilot.pause()
        screen = app.screen
        for number in range(3):
            screen.dismiss({"name": "scalar" if number == 0 else "vector", "options": {}})
        await seen(pilot, lambda: app.model.engine == "scalar")
        assert app.screen is app.main
