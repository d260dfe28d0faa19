"""A monkey at the keys: it presses several at once, before the first is heard, in a terminal whose
size changes, and leaves in the middle of that.

All that it does follows from its seed.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Iterable
from contextlib import chdir
from pathlib import Path
from typing import Literal
from unittest import mock

from textual import events
from textual.pilot import Pilot

from playground.lab.store.store import Store
from playground.tui.bindings import MAIN_BINDINGS
from playground.tui.screens.inside.screen import INSIDE_BINDINGS
from playground.tui.screens.race.screen import RACE_BINDINGS
from playground.tui.screens.runs.screen import RunsScreen
from tests.lab.store.conftest import new_run, steps
from tests.tui.screens.race.test_race import PARTED, ScriptedRace
from tests.tui.watched import WatchedApp, playing

Place = Literal["main", "dialogs", "runs", "race", "inside"]
PLACES: tuple[Place, ...] = ("main", "dialogs", "runs", "race", "inside")

SIZES = [(120, 40), (80, 24), (60, 16), (40, 10), (30, 6), (20, 5), (200, 60), (60, 3)]


def keys_of(bindings: Iterable[object]) -> list[str]:
    """All keys of these bindings, but for those that leave the playground."""
    return [
        key.strip()
        for binding in bindings
        if getattr(binding, "action", "app.leave") != "app.leave"
        for key in str(getattr(binding, "key", "")).split(",")
    ]


OPENING = [
    *keys_of(binding for binding in MAIN_BINDINGS if binding.action.startswith("dialog(")),
    "question_mark",
    "ctrl+p",
]
"""The keys of the main screen that open another one."""
ANYWHERE = ["escape", "enter", "enter", "tab", "shift+tab", "up", "down", "left", "right", "home",
            "end", "pageup", "pagedown", "space", "delete", "backspace", "slash", "1", "x", "0",
            "f2", "ctrl+n", "a", "z", "5", "5"]  # fmt: skip
HERE: dict[Place, list[str]] = {
    "main": keys_of(MAIN_BINDINGS),
    "dialogs": OPENING,
    "runs": keys_of(RunsScreen.BINDINGS),
    "race": keys_of(RACE_BINDINGS),
    "inside": keys_of(INSIDE_BINDINGS),
}
WAY: dict[Place, list[str]] = {
    "main": [], "dialogs": [], "runs": ["a"], "race": ["f", "ctrl+r"], "inside": ["i"]
}  # fmt: skip
"""The keys that lead to a place."""


def press(app: WatchedApp, *keys: str) -> None:
    """Press the keys at once, before the first of them is heard."""
    signs = {"slash": "/", "space": " "}
    for key in keys:
        sign = signs.get(key, key if len(key) == 1 else None)
        app.post_message(events.Key(key, sign))


async def left(app: WatchedApp, seconds: float = 60) -> None:
    """Wait until the app has ended."""
    async with asyncio.timeout(seconds):
        while app.is_running:
            await asyncio.sleep(0)


def new_store(path: Path) -> Path:
    """A store of three runs at this path."""
    with Store.open(path) as store:
        for name, count in (("kafka", 40), ("", 25), ("short", 3)):
            store.append(store.create(new_run(name), ""), steps(0, count, status="paused"))
    return path


async def torment(seed: int, keys: int, place: Place, folder: Path) -> list[str]:
    """Press so many keys at that place, then leave; returns all keys and sizes in order.

    Raises what ended the app. folder: an empty one for all that the keys write.
    """
    dice = random.Random(f"{place} {seed}")
    told: list[str] = []
    home = mock.patch.dict(os.environ, {"MICROGPT_PLAY_HOME": str(folder / "home")})
    race = mock.patch("playground.lab.race.Race", lambda *_, **__: ScriptedRace(PARTED))
    with home, race, chdir(folder):
        try:
            async with playing(dice.choice(SIZES[:3]), store=new_store(folder / "runs")) as (
                app,
                pilot,
            ):
                await _go(dice, app, pilot, keys, place, told)
                await left(app)
        except Exception as error:
            error.add_note(f"{place}, seed {seed}: {' '.join(told)}")
            raise
    return told


async def _go(
    dice: random.Random,
    app: WatchedApp,
    pilot: Pilot[int],
    keys: int,
    place: Place,
    told: list[str],
) -> None:
    async def wait() -> None:
        if dice.random() < 0.5:
            await pilot.pause()
        for _ in range(dice.choice([0, 0, 1, 3, 10, 40])):
            await asyncio.sleep(0)

    pressed = 0
    while pressed < keys and app.is_running:
        if app.screen is app.main:
            for key in WAY[place]:
                press(app, key)
                await pilot.pause()
        burst = [
            dice.choice(HERE[place] if dice.random() < 0.5 else ANYWHERE)
            for _ in range(dice.randint(1, 5))
        ]
        told.append("+".join(burst))
        press(app, *burst)
        pressed += len(burst)
        if dice.random() < 0.3 and app.is_running:
            size = dice.choice(SIZES)
            told.append(f"{size[0]}x{size[1]}")
            await pilot.resize_terminal(*size)
        await wait()
    last = [dice.choice(OPENING), dice.choice(ANYWHERE), "ctrl+c", dice.choice(OPENING)]
    told.append("+".join(last))
    if app.is_running:
        press(app, *last)
