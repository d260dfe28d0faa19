"""kill -9 at random moments, at length: of a recording worker, of its screen, of both.

    python tools/soak_crashes.py [KILLS] [ENGINE ...]

By default there are 50 kills of each kind with each of the built-in engines. After each kill, the
tool checks the file, compares every run in it with a run that was never killed, and goes on with
the open run, or trains that run to its end. Prints how much of a record was lost at most.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

from playground.hooks.manager import load
from playground.hooks.sources import PluginSources
from playground.lab.client.lab import Lab
from playground.lab.store.store import Store

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.lab import crashing
from tests.lab.conftest import WORDS
from tests.lab.walks import Straight


class Soak:
    """One engine's runs, in a store of their own."""

    def __init__(self, folder: Path, engine: str) -> None:
        self.registry = load(PluginSources(entry_points=False))
        self.engine = engine
        self.store = folder / f"{engine}.sqlite"
        self.words = folder / "words.txt"
        self.words.write_text("\n".join(WORDS) + "\n")
        self.spec = crashing.spec_of(self.words, engine)
        self.straight = Straight(self.spec, self.registry)
        self.lost: list[float] = []
        self.outlived: list[float] = []
        self.reopened = 0

    def check(self) -> dict[int, int]:
        return crashing.check(self.store, {self.engine: self.straight})

    def kill(self, what: str, kills: int) -> None:
        """Kill the screen, or both processes, again and again."""
        dice = random.Random(f"{what} {self.engine}")
        run = 0
        for number in range(kills):
            playground = crashing.Playground(
                self.store, self.words, self.engine, run, dice.randrange(1 << 30)
            )
            moment = playground.kill(what, dice.randint(1, 100))
            self.outlived.append(crashing.wait_until_gone(playground.worker))
            assert playground.complaints == [], playground.complaints
            heads = self.check()
            run = playground.seen[-1][2]
            if not run:
                continue
            assert playground.forgotten(moment, 1.0) is None
            assert playground.found_again(run, moment), (run, heads, playground.seen[-3:], moment)
            self.lost.append(playground.lost(heads[run], run, moment))
            self.reopened += 1
            if number % 3 == 2:
                if number % 2:
                    crashing.go_on(self.store, run, self.registry, self.straight)
                else:
                    asyncio.run(self._go_on_in_a_lab(run))
                run = 0

    async def _go_on_in_a_lab(self, run: int) -> None:
        lab = Lab(crashing.NONE, store=self.store)
        try:
            await lab.open_recorded(run)
            await lab.advance(crashing.STEPS)
            frame = await lab.frame()
            assert frame.record is not None and frame.record.run == run
            history = crashing.history_of(self.store, run)
            assert frame.metrics.losses == self.straight.losses(history, crashing.STEPS)
        finally:
            await lab.close()

    async def kill_workers(self, kills: int) -> None:
        """Kill workers of one Lab, which lives on."""
        dice = random.Random(f"worker {self.engine}")
        lab = Lab(crashing.NONE, store=self.store, limits=crashing.PATIENT)
        await lab.open(self.spec.to_json())
        for _ in range(kills):
            doing = asyncio.create_task(crashing.do(lab, dice, 10_000))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(doing), dice.uniform(0.02, 1.2))
            link = lab.open_run.link
            assert link is not None
            os.kill(link.process.pid, signal.SIGKILL)
            async with asyncio.timeout(20):
                while lab.open_run.link in (None, link):
                    await asyncio.sleep(0.005)
            doing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await doing
            self.check()
        await lab.pause()
        await lab.advance(crashing.STEPS)
        frame = await lab.frame()
        await lab.close()
        assert frame.record is not None and frame.record.run is not None
        assert self.check()[frame.record.run] == frame.head


def main(kills: int, engines: list[str]) -> None:
    """Run all kills and print a line for each engine. Raises AssertionError if a check fails."""
    with tempfile.TemporaryDirectory() as name:
        for engine in engines:
            soak = Soak(Path(name), engine)
            began = time.monotonic()
            soak.kill("screen", kills)
            soak.kill("both", kills)
            asyncio.run(soak.kill_workers(kills))
            took = time.monotonic() - began
            with Store.open(soak.store) as store:
                runs, steps = len(store.runs()), sum(row.step for row in store.runs())
            print(
                f"{engine}: {3 * kills} kills in {took:.0f} s; {runs} runs, {steps:,} steps, are "
                f"what they would be without; {soak.reopened} gone on with; at most "
                f"{max(soak.lost, default=0):.2f} s of record lost, median "
                f"{sorted(soak.lost)[len(soak.lost) // 2]:.2f} s; the worker outlived its screen "
                f"by {max(soak.outlived):.2f} s at most",
                flush=True,
            )


if __name__ == "__main__":
    given = sys.argv[1:]
    count = int(given.pop(0)) if given and given[0].isdigit() else 50
    main(count, given or ["vector", "scalar"])
