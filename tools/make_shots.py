"""The pictures of the README and the docs, made by the app itself from real runs.

python tools/make_shots.py            writes docs/screen.svg, docs/race.svg, docs/runs.svg
                                      and docs/attention.svg, docs/depth.svg, docs/number.svg
"""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

# Before Textual is imported: the same colours on every machine, and no run of a person.
os.environ.update(TEXTUAL_COLOR_SYSTEM="truecolor", COLORTERM="truecolor")
os.environ.pop("NO_COLOR", None)
os.environ["MICROGPT_PLAY_HOME"] = tempfile.mkdtemp()

from textual.pilot import Pilot

from playground.lab.client.lab import Lab
from playground.lab.paths import store_file
from playground.lab.protocol.probes import ProbeSet
from playground.lab.store.query import Query
from playground.lab.store.store import Store
from playground.tui.app import PlaygroundApp
from playground.tui.screens.race.screen import RaceScreen
from playground.tui.screens.runs.screen import RunsScreen
from playground.tui.screens.runs.table import RunList

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
STEPS = 440
SIZE = (120, 40)
RATE = 0.03
"""The learning rate of the race's other side."""
PROBES = ProbeSet(("an", "ma", "jo"), seed=0, every=100)
AGES = {1: 40, 2: 12, 3: 12, 4: 1500, 5: 4400}
"""By run, how many minutes ago it was touched last."""
WAIT = 240.0
"""Seconds of waiting after which something is wrong."""


class ShotApp(PlaygroundApp):
    """The app, with an event that is set when it has drawn."""

    drawn: asyncio.Event

    def on_mount(self) -> None:
        self.drawn = asyncio.Event()
        super().on_mount()

    def _draw_now(self) -> None:
        super()._draw_now()
        self.drawn.set()


@asynccontextmanager
async def playground(store: Path) -> AsyncIterator[tuple[ShotApp, Pilot[None]]]:
    """The app with the default run open, recorded in `store`."""
    app = ShotApp(lambda listener: Lab(listener=listener, store=store), "{}", store=store)
    async with app.run_test(size=SIZE) as pilot:
        await app.controller.frames.ready.wait()
        yield app, pilot
        await app.controller.close()


async def shoot_main(app: ShotApp, pilot: Pilot[None]) -> str:
    """The main screen, STEPS steps into the default run."""
    await app.controller.training.set_probes(PROBES)
    await app.controller.training.step(STEPS)
    await app.controller.making.sample()
    app.controller.frames.touch()
    for _ in range(3):  # the frame, the preview and the samples come one by one
        app.drawn.clear()
        app.redraw()
        await app.drawn.wait()
        await pilot.pause()
    while app.model.preview is None or app.model.preview.step != STEPS or app.model.run is None:
        app.drawn.clear()
        app.controller.frames.touch()
        await app.drawn.wait()
    return await picture(app, pilot)


async def shoot_inside(app: ShotApp, pilot: Pilot[None]) -> dict[str, str]:
    """Views of the microscope, for a text that is typed."""
    pictures = {}
    await pilot.press("i", "slash", *"annabella", "enter")
    for key, view in (("2", "attention"), ("3", "depth"), ("7", "number")):
        await pilot.press(key)

        def came(view: str = view) -> bool:
            inside = app.controller.looking.inside
            return inside is not None and inside.look.view == view and inside.text == "annabella"

        await until(pilot, came)
        if view == "number":
            for _ in range(3):
                await pilot.press("enter", "down")
                await pilot.pause(0.5)
        pictures[view] = await picture(app, pilot)
    await pilot.press("q")
    await until(pilot, lambda: app.screen is app.main)
    return pictures


async def shoot_race(app: ShotApp, pilot: Pilot[None]) -> str:
    """The default run against the same with another learning rate, both at their end."""
    race = await app.controller.runs.race(
        0, {"optimizer.learning_rate": RATE}, f"learning rate {RATE}"
    )
    app.push_screen(RaceScreen(race, app.model))
    await until(pilot, lambda: race.state.sides[1].info is not None)
    await race.run()
    await until(pilot, lambda: not race.state.running and race.state.step == 1000)
    for _ in range(2):
        await race.sample()
    svg = await picture(app, pilot)
    await pilot.press("escape")
    await until(pilot, lambda: app.screen is app.main)
    return svg


async def shoot_runs(app: ShotApp, pilot: Pilot[None], run: int) -> str:
    """The screen of runs, with the cursor on a fork."""
    store = app.controller.runs.store
    assert store is not None
    screen = RunsScreen(store, app.model.run)
    app.push_screen(screen)
    await until(pilot, lambda: screen.is_mounted and bool(screen.query_one(RunList).keys))
    screen.query_one(RunList).move_to(run)
    await until(pilot, lambda: f"Run {run}" in shown(app))
    await until(pilot, lambda: "forked" in shown(app))
    return await picture(app, pilot)


def others(store: Path) -> int:
    """Train runs without a screen, name them, and date them back; returns the number of the run
    with another learning rate."""
    for words in (
        ["--n-embd", "24", "--steps", "600"],
        [str(DOCS / "plugins.md"), "--split", "windows", "--steps", "150"],
    ):
        command = [str(Path(sys.executable).parent / "microgpt-play"), "train", *words]
        subprocess.run([*command, "--samples", "3"], check=True, capture_output=True)
    with Store.open(store) as opened:
        (hot,) = opened.runs(Query.parse(f"lr={RATE}"))
        as_it_is = 5 - hot.id  # the two sides begin at the same time
        for run, name in ((1, "first look"), (as_it_is, "as it is"), (hot.id, "hotter")):
            opened.rename(run, name)
        opened.rename(4, "wider")
    now = time.time()
    with closing(sqlite3.connect(store)) as db, db:
        db.executemany(
            "UPDATE runs SET touched = ? WHERE id = ?",
            [(now - 60 * minutes, run) for run, minutes in AGES.items()],
        )
    return hot.id


async def until(pilot: Pilot[None], done: Callable[[], bool]) -> None:
    """Let the app work until `done`."""
    end = time.monotonic() + WAIT
    while not done():
        if time.monotonic() > end:
            raise TimeoutError(f"it did not come to this in {WAIT:.0f} s")
        await pilot.pause(0.05)


def shown(app: ShotApp) -> str:
    """The screen as an SVG."""
    return app.export_screenshot(title="microgpt-play").replace("&#160;", " ")


async def picture(app: ShotApp, pilot: Pilot[None]) -> str:
    """The screen as an SVG once it rests, with no toast over it."""
    app.clear_notifications()
    await pilot.pause(0.5)  # screens draw at their own pace
    return without_network(app.export_screenshot(title="microgpt-play"))


def without_network(svg: str) -> str:
    """The SVG without fonts of other sites; the reader's own monospaced font takes their place."""
    svg = re.sub(r"@font-face\s*\{[^}]*\}", "", svg)
    svg = svg.replace("Fira Code, monospace", "Fira Code, Menlo, DejaVu Sans Mono, monospace")
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


async def shoot_all(store: Path) -> dict[str, str]:
    """Each picture by its name."""
    pictures: dict[str, str] = {}
    async with playground(store) as (app, pilot):
        pictures["screen"] = await shoot_main(app, pilot)
        pictures |= await shoot_inside(app, pilot)
        pictures["race"] = await shoot_race(app, pilot)
    hot = others(store)
    async with playground(store) as (app, pilot):
        pictures["runs"] = await shoot_runs(app, pilot, hot)
    return pictures


def main() -> None:
    for name, svg in asyncio.run(shoot_all(store_file())).items():
        target = DOCS / f"{name}.svg"
        target.write_text(svg, encoding="utf-8")
        print(f"wrote {target} ({target.stat().st_size // 1024} KB)")


if __name__ == "__main__":
    main()
