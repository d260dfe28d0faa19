"""What is said once the screen is gone, what the window says meanwhile, and what is copied."""

import asyncio
import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from playground.lab.edits import Edit, Edits
from playground.lab.protocol.failures import LabError
from playground.lab.store.preferences import Preferences
from playground.tui.caption import Caption
from playground.tui.model import PlaygroundModel
from playground.tui.quit import farewell, tour_command
from tests.tui.scripted import ScriptedLab
from tests.tui.test_troubles import DIED
from tests.tui.watched import playing, seen


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGPT_PLAY_HOME", str(tmp_path))


# ---------------------------------------------------------------- leaving


def test_the_tour_is_gone_on_with_on_the_same_text_and_with_the_same_plugins() -> None:
    text = {"name": "text-file", "options": {"path": "/it's mine.txt"}}
    said = tour_command({"dataset": text, "seed": 7}, teaching=True, options=" --plugin a.py")
    assert shlex.split(said)[1:] == [
        "tour", "--data", "/it's mine.txt", "--seed", "7", "--teach", "--plugin", "a.py"
    ]  # fmt: skip
    assert shlex.split(tour_command({}, teaching=False, options=""))[1:] == ["tour"]


@pytest.mark.parametrize(
    ("kept", "words", "command"),
    [
        ({"run": 7, "step": 412}, "Run 7 is kept, step 412 of 1,000. To go on with it:",
         "microgpt-play --run 7"),
        ({"run": 7, "step": 1000, "name": "wide"},
         "Run 7 (wide) is kept, all 1,000 steps. To open it again:", "microgpt-play --run 7"),
        ({"run": 7, "step": 0}, "Run 7 is kept, step 0 of 1,000. To go on with it:",
         "microgpt-play --run 7"),
        ({"step": 412, "saved": True},
         "The run is not recorded. Until another one is left, it is kept, step 412 of 1,000. "
         "To go on with it:", "microgpt-play HOME"),
        ({"step": 412},
         "The run is gone, step 412 of 1,000: it could be neither recorded nor saved.", None),
        ({"step": 0}, "Nothing was trained, and nothing is kept.", None),
    ],
)  # fmt: skip
def test_leaving_says_what_is_kept_and_how_to_come_back(
    kept: dict, words: str, command: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MICROGPT_PLAY_HOME", "/it's mine")
    known = {"steps": 1000, "run": None, "name": "", "saved": False, "options": " --plugin a.py"}
    said = farewell(**{**known, **kept})
    assert said[0] == words
    if command is None:
        assert len(said) == 1
    else:
        file = "/it's mine/data/last-run.safetensors"
        expected = [*command.replace("HOME", "").split(), *([file] if "HOME" in command else [])]
        assert shlex.split(said[1]) == [*expected, "--plugin", "a.py"]


async def test_an_unrecorded_run_that_could_not_be_saved_is_not_said_to_be_kept() -> None:
    async with playing(plugins=" --no-plugins") as (app, pilot):
        await pilot.press("s")
        await seen(pilot, lambda: "step 1/" in app.text("#status"))
        await pilot.press("q")
        assert "is kept, step 1 of" in app.farewell[0]
        assert app.farewell[1].endswith("last-run.safetensors --no-record --no-plugins")
    async with playing() as (app, pilot):

        async def refuses(_: str) -> None:
            raise LabError(DIED)

        app.lab.save = refuses  # type: ignore[method-assign]
        await pilot.press("s")
        await seen(pilot, lambda: "step 1/" in app.text("#status"))
        await pilot.press("q")
        assert app.farewell[0].startswith("The run is gone, step 1 of")


async def test_a_signal_is_no_leaving_that_is_talked_about() -> None:
    async with playing() as (app, pilot):
        await pilot.press("s")
        await seen(pilot, lambda: "step 1/" in app.text("#status"))
        await app.leave(143)
        assert app.farewell == ()


# ---------------------------------------------------------------- the window


async def test_the_window_follows_the_run_and_tells_of_its_end_once() -> None:
    async with playing() as (app, pilot):
        await pilot.press("s")
        await seen(pilot, lambda: "step 1/" in app.text("#status"))
        model = app.model
    said: list[str] = []
    caption = Caption("bell")
    caption.window._environment = {"TERM": "xterm", "MICROGPT_PLAY_PROGRESS": "1"}
    caption.window.attach(said.append)
    assert model.frame is not None
    for state, step in [("ready", 0), ("running", 412), ("paused", 412), ("running", 999),
                        ("finished", 1000), ("finished", 1000), ("failed", 1000)]:  # fmt: skip
        model.frame = replace(model.frame, state=state, step=step, steps=1000)  # type: ignore[arg-type]
        caption.show(model)
    titles = re.findall(r"\x1b]2;([^\x1b]*?) · names · microgpt-play\x1b", "".join(said))
    assert titles == ["41%", "paused 41%", "99%", "done", "failed at 100%"]
    progress = re.findall(r"\x1b]9;4;(\d;\d+)\x1b", "".join(said))
    assert progress == ["0;0", "1;41", "4;41", "1;99", "0;0", "2;100"]
    assert said.count("\a") == 1  # it was not running when it failed


def test_before_a_run_is_open_the_window_names_the_program() -> None:
    said: list[str] = []
    caption = Caption("off")
    caption.window._environment = {"TERM": "xterm"}
    caption.window.attach(said.append)
    caption.show(PlaygroundModel())
    assert said == ["\x1b[22;0t\x1b]2;microgpt-play\x1b\\"]


# ---------------------------------------------------------------- copying


async def until(condition) -> None:
    """Wait until the condition holds; nothing may be drawn meanwhile."""
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


def command(app, title: str):
    """The command of the palette whose title begins so."""
    there = {one.title: one.callback for one in app.get_system_commands(app.main)}
    return next(callback for name, callback in there.items() if name.startswith(title))


async def test_the_command_and_the_sample_are_copied() -> None:
    async with playing(spec='{"seed": 7, "steps": 50}', plugins=" --plugin 'a b.py'") as (
        app,
        pilot,
    ):
        command(app, "Copy the newest sample")()
        await until(lambda: "no sample yet" in app.said)
        command(app, "Copy the command")()
        await until(lambda: app.clipboard)
        assert app.clipboard == "microgpt-play train --steps 50 --seed 7 --plugin 'a b.py'"
        assert app.clipboard in app.said
        await pilot.press("g")
        await until(lambda: app.model.texts)
        command(app, "Copy the newest sample")()
        text = app.model.texts[0].texts[0].text
        await until(lambda: app.clipboard == text)
        batch = app.model.texts[0]
        hostile = replace(batch.texts[0], text="a\tb\nc\x1b]52;c;RVZJTA==\x07")
        app.model.batches[app.model.batches.index(batch)] = replace(batch, texts=(hostile,))
        command(app, "Copy the newest sample")()
        await until(lambda: app.clipboard == "a\tb\nc\\x1b]52;c;RVZJTA==\\x07")


async def test_what_was_set_by_hand_is_in_no_command_and_that_is_said() -> None:
    async with playing() as (app, _):
        lab = app.lab

        async def edited():
            made = await ScriptedLab.checkpoint(lab)
            return replace(made, edits=Edits.of([Edit(3, "learning_rate", 0.5)]))

        lab.checkpoint = edited  # type: ignore[method-assign]
        command(app, "Copy the command")()
        await until(lambda: "No one command makes this run again" in app.said)
        assert "learning rate was set to 0.5 by hand after step 3" in app.said
        assert app.clipboard == ""


async def test_how_the_end_is_told_is_remembered() -> None:
    async with playing() as (app, _):
        assert app.caption.way == "off"
        command(app, "When a run ends: notify")()
        await until(lambda: "When a run ends: notify on the desktop" in app.said)
    assert Preferences.load().get("notify", "off") == "desktop"
    async with playing() as (app, _):
        assert app.caption.way == "desktop"
        assert command(app, "When a run ends: notify on the desktop (as now)")
    async with playing(notify="off") as (app, _):
        assert app.caption.way == "off"
