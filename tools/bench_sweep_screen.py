"""The screen of a sweep of 1,000 runs: how soon it opens, and how soon a brush answers.

`python tools/bench_sweep_screen.py [--runs 1000] [--steps 300]`. The runs are written by the
store's own functions and not trained. Times are those of an app without a terminal, from the key to
the paint after it; the terminal's own time is not among them. The CPU seconds of all threads stand
beside them, for a machine that others use meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from textual.app import App

from playground.lab.client.async_store import AsyncStore
from playground.tui.control.sweeps import Sweeps
from playground.tui.model import PlaygroundModel
from playground.tui.screens.sweep.screen import Settings, SweepScreen
from playground.tui.screens.sweep.view import SweepView
from playground.tui.widgets.parallel import ParallelCoordinates
from tests.lab.sweep.recorded import plan_of, record_sweep

SIZES = ((80, 24), (120, 40), (200, 60))
SEEDS = 3
ROUNDS = 5


def vary(settings: int) -> dict[str, list[str]]:
    """Values whose combinations are at least so many."""
    rates = -(-settings // 24)
    return {
        "learning_rate": [f"{0.001 * 1.2**number:.4g}" for number in range(rates)],
        "n_embd": ["8", "16", "24", "32"],
        "n_layer": ["1", "2", "3"],
        "batch_size": ["1", "2"],
    }


class Watched(SweepScreen):
    """Tells when it has filled its table, and when it has drawn a brush."""

    filled = 0

    def _fill_table(self) -> None:
        super()._fill_table()
        self.filled += 1


@dataclass(frozen=True, slots=True)
class Clock:
    """A moment, by the wall's clock and by the CPU time of this process, in seconds."""

    wall: float
    cpu: float

    @classmethod
    def now(cls) -> Clock:
        return cls(time.perf_counter(), time.process_time())

    def since(self, before: Clock) -> Clock:
        return Clock(self.wall - before.wall, self.cpu - before.cpu)


async def painted(screen: SweepScreen, true: Callable[[], bool]) -> Clock:
    """The moment at which the screen was painted after something has become true."""
    while not true():
        await asyncio.sleep(0.0005)
    done = asyncio.Event()
    screen.call_after_refresh(done.set)
    await done.wait()
    return Clock.now()


async def opened(path: Path, size: tuple[int, int]) -> tuple[Clock, Clock, list[Clock]]:
    """(the time to the table, to all curves, of each step of a brush)"""
    store = AsyncStore(path)
    await store.runs()  # open, as it is in the playground
    app: App[None] = App()
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        screen = Watched(store, Sweeps(store), SweepView(1), PlaygroundModel())
        began = Clock.now()
        app.push_screen(screen)
        table = (await painted(screen, lambda: screen.is_mounted and screen.filled > 0)).since(
            began
        )
        rows = len(screen.query_one(Settings).keys)
        curves = (await painted(screen, lambda: not screen.view.unread)).since(began)
        await pilot.press("2")
        await pilot.pause()
        axes, brushes = screen.query_one(ParallelCoordinates), screen.view.parallel.brushes
        up, down = (partial(axes.action_along, by) for by in (1, -1))
        steps = []
        for press in (
            *(axes.action_brush, up, up, up, up, axes.action_finish),
            *(partial(axes.action_axis, 1), axes.action_brush, down, down, down),
        ):
            before, filled, ranges = Clock.now(), screen.filled, dict(brushes.ranges)
            press()
            if brushes.ranges != ranges:
                end = await painted(screen, lambda filled=filled: screen.filled > filled)  # type: ignore[misc]
                steps.append(end.since(before))
        assert 0 < len(screen.query_one(Settings).keys) < rows
    store.close()
    return table, curves, steps


def told(clocks: Sequence[Clock]) -> str:
    """The medians, and the worst by the wall's clock."""
    wall, cpu = (
        statistics.median(getattr(one, name) for one in clocks) for name in ("wall", "cpu")
    )
    worst = max(one.wall for one in clocks)
    worst_of = f"worst of {len(clocks)} {1000 * worst:6,.0f}"
    return f"{1000 * wall:6,.0f} ms, {worst_of}, CPU {1000 * cpu:6,.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=300)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "runs.sqlite"
        plan = plan_of(vary(-(-given.runs // SEEDS)), SEEDS, given.steps)
        record_sweep(path, plan, itertools.islice(plan.units(), given.runs))
        print(f"{given.runs:,} runs of {given.steps:,} steps, {len(plan.settings):,} settings; "
              f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")  # fmt: skip
        for size in SIZES:
            found = [asyncio.run(opened(path, size)) for _ in range(ROUNDS)]
            print(f"{size[0]}x{size[1]}")
            print(f"  table on screen   {told([one[0] for one in found])}")
            print(f"  all curves drawn  {told([one[1] for one in found])}")
            print(f"  a brush answers   {told([step for one in found for step in one[2]])}")


if __name__ == "__main__":
    main()
