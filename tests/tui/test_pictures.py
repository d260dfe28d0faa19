"""Pictures of few chosen screens. Look at what changed before `pytest --snapshot-update`."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot

from tests.tui.scripted import ScriptedLab
from tests.tui.watched import WatchedApp, seen


@pytest.fixture(autouse=True)
def same_everywhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """The same colours and settings on every machine."""
    monkeypatch.setenv("TEXTUAL_COLOR_SYSTEM", "truecolor")
    monkeypatch.setattr("textual.constants.COLOR_SYSTEM", "truecolor")
    monkeypatch.setenv("MICROGPT_PLAY_HOME", str(tmp_path))
    monkeypatch.delenv("NO_COLOR", raising=False)


def app(theme: str = "microgpt-dark") -> WatchedApp:
    return WatchedApp(lambda listener: ScriptedLab(listener), "{}", theme=theme)  # type: ignore[arg-type]


async def some_steps(pilot: Pilot[int]) -> None:
    """300 steps and a batch of samples, all drawn."""
    playing = pilot.app
    assert isinstance(playing, WatchedApp)
    await seen(pilot, lambda: "ready" in playing.text("#status"))
    await playing.controller.step(300)
    await playing.controller.sample()
    playing.controller.touch()
    await seen(pilot, lambda: "kamon" in playing.text("#sampling-texts"))
    await seen(pilot, lambda: playing.model.preview and playing.model.preview.step == 300)
    await pilot.pause()


@pytest.mark.parametrize(
    "size", [(80, 24), (120, 40), (200, 60)], ids=["80x24", "120x40", "200x60"]
)
def test_the_main_screen(snap_compare: Any, size: tuple[int, int]) -> None:
    assert snap_compare(app(), terminal_size=size, run_before=some_steps)


def test_the_main_screen_in_light(snap_compare: Any) -> None:
    assert snap_compare(app("microgpt-light"), terminal_size=(120, 40), run_before=some_steps)


def test_a_zoomed_panel(snap_compare: Any) -> None:
    async def zoomed(pilot: Pilot[int]) -> None:
        await some_steps(pilot)
        await pilot.press("3", "z")
        await pilot.pause()

    assert snap_compare(app(), terminal_size=(100, 30), run_before=zoomed)
