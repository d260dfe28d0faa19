"""Playgrounds that are killed while they train, and checks of their runs afterwards.

test_crashes.py uses this module, and tools/soak_crashes.py uses it at length. Run as a program, the
module is the playground that will be killed: a real Lab with a worker process makes random moves
through a run, and prints how far the run is.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from microgpt.surgery import Component, Operation
from playground.hooks.registry import Registry
from playground.hooks.sources import PluginSources
from playground.lab.client.events import Limits
from playground.lab.client.lab import Lab
from playground.lab.edits import Edits
from playground.lab.protocol.commands import Open
from playground.lab.protocol.failures import LabError
from playground.lab.protocol.run import Recording
from playground.lab.run.guard import Activity
from playground.lab.session import open_session
from playground.lab.spec import RunSpec
from playground.lab.store.records import RunRecord
from playground.lab.store.store import Store
from tests.calibrated import PATIENCE
from tests.lab.conftest import text_run
from tests.lab.walks import RATE, History, Straight

STEPS = 300
SMALL = {"n_embd": 8, "n_head": 2, "n_layer": 1, "block_size": 8}
NONE = PluginSources(entry_points=False)
PATIENT = Limits(ping=0.1, deaths=1000, settle=0.0, checkpoint=0.3, close=30.0)
"""Limits under which a worker that dies again and again is always replaced."""


def spec_of(words: Path, engine: str = "vector") -> RunSpec:
    return text_run(words, model=SMALL, steps=STEPS, eval_every=50, engine=engine)


# ---------------------------------------------------------------- the playground


async def play(store: str, words: str, engine: str, run: int, seed: int) -> None:
    """Open a run, and make random moves through it until this process is killed."""
    dice = random.Random(seed)
    lab = Lab(NONE, store=Path(store), limits=PATIENT)
    if run:
        await lab.open_recorded(run)
    else:
        await lab.open(spec_of(Path(words), engine).to_json())
    teller = asyncio.create_task(_tell(lab))
    await do(lab, dice, 10_000)
    teller.cancel()


async def do(lab: Lab, dice: random.Random, moves: int) -> None:
    """Make random moves through the open run, whatever becomes of its worker."""
    for _ in range(moves):
        with contextlib.suppress(LabError):
            frame = await lab.frame()
            what = dice.choice(("run", "run", "run", "advance", "seek", "edit", "surgery"))
            if what == "run":
                await lab.run(dice.choice((100, 200, 400, None)))
                await asyncio.sleep(dice.uniform(0.05, 0.4))
            elif what == "advance":
                await lab.advance(dice.randint(1, 30))
            elif what == "seek":
                await lab.go_to(dice.randint(0, frame.head))
            elif what == "surgery":
                print("editing", time.monotonic(), flush=True)
                await operate(lab, dice)
            else:
                rate = round(dice.uniform(0.001, 0.05), 6)  # no two edits share a rate
                print("editing", time.monotonic(), flush=True)
                await lab.edit({RATE: rate})
                print("edited", time.monotonic(), rate, flush=True)
        await asyncio.sleep(0.002)  # else this loop spins while the worker is down


async def operate(lab: Lab, dice: random.Random) -> None:
    """Do something to the weights, hold or release some, or take back what was done last."""
    part = Component("head", 0, dice.randrange(2))
    match dice.choice(("operate", "hold", "release", "undo")):
        case "operate":
            await lab.operate([Operation(part, (round(dice.gauss(0, 0.1), 6),))])
        case "hold":
            await lab.hold([Operation(part)])
        case "release":
            await lab.hold([])
        case "undo":
            await lab.undo()


async def _tell(lab: Lab) -> None:
    while True:
        with contextlib.suppress(LabError):
            frame = await lab.frame()
            run = frame.record.run if frame.record else None
            trouble = frame.record.trouble if frame.record else None
            assert lab.open_run.link is not None
            pid = lab.open_run.link.process.pid
            print("at", time.monotonic(), frame.head, run or 0, pid, flush=True)
            if trouble is not None:
                print("trouble", trouble.title, trouble.message, flush=True)
        await asyncio.sleep(0.01)


# ---------------------------------------------------------------- who kills the playground


@dataclass
class Playground:
    """A playground in a process of its own, as seen by the test that kills it."""

    store: Path
    words: Path
    engine: str
    run: int
    seed: int
    seen: list[tuple[float, int, int]] = field(default_factory=list)
    """What the playground told: (when, the last step made, the run)."""
    edited: list[tuple[float, float]] = field(default_factory=list)
    """The edits that were made: (when, the learning rate)."""
    editing: float = 0.0
    """When the playground last began an edit."""
    worker: int = 0
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        words = map(str, (self.store, self.words, self.engine, self.run, self.seed))
        self._changed = threading.Condition()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.lab.crashing", *words],
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            kind, _, rest = line.strip().partition(" ")
            with self._changed:
                if kind == "at":
                    when, head, run, pid = rest.split()
                    self.seen.append((float(when), int(head), int(run)))
                    self.worker = int(pid)
                elif kind == "editing":
                    self.editing = float(rest)
                elif kind == "edited":
                    when, rate = rest.split()
                    self.edited.append((float(when), float(rate)))
                elif kind == "trouble":
                    self.complaints.append(rest)
                self._changed.notify_all()

    def kill(self, what: str, after: int) -> float:
        """Kill the screen ("screen"), or screen and worker ("both"); return the moment of the kill.

        Waits first until the playground has told `after` times how far the run is.
        """
        with self._changed:
            enough = self._changed.wait_for(lambda: len(self.seen) >= after, 30 * PATIENCE)
            assert enough, "it does not get going"
        moment = time.monotonic()
        self._process.kill()
        if what == "both" and self.worker:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.worker, signal.SIGKILL)
        self._process.wait(10 * PATIENCE)
        self._reader.join(10 * PATIENCE)
        return moment

    def lost(self, head: int, run: int, moment: float) -> float:
        """Seconds of training that the record lacks: the time from the first step beyond `head`
        until the kill."""
        made = [when for when, step, of in self.seen if of == run and step > head]
        return moment - min(made) if made else 0.0

    def found_again(self, run: int, moment: float) -> bool:
        """True if the run is offered as an interrupted one, or was just being left for its fork."""
        with Store.open(self.store) as store:
            offered = [row.id for row in store.interrupted()]
        return run in offered or self.editing > moment - PATIENCE

    def forgotten(self, moment: float, seconds: float) -> float | None:
        """The last learning rate that was set, if no record has it although it was set more than
        so many seconds before the kill; else None."""
        if not self.edited or self.edited[-1][0] > moment - seconds:
            return None
        rate = self.edited[-1][1]
        with Store.open(self.store) as store:
            edits = [edit for row in store.runs() for edit in store.record(row.id).edits]
        return None if rate in [edit.value for edit in edits] else rate


def wait_until_gone(pid: int, seconds: float = 5.0) -> float:
    """Wait until a process that is no child of this one has ended; return the seconds."""
    began = time.monotonic()
    with contextlib.suppress(ProcessLookupError):
        while _alive(pid):
            if time.monotonic() - began > PATIENCE * seconds:
                raise AssertionError(f"process {pid} is still there after {PATIENCE * seconds} s")
            os.sched_yield()
    return time.monotonic() - began


def _alive(pid: int) -> bool:
    os.kill(pid, 0)
    folder = Path(f"/proc/{pid}")
    with contextlib.suppress(OSError):  # a zombie has ended, though nobody has reaped it yet
        state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
        # A zombie counts as alive while a thread of it waits for the disk: files are still open.
        return state != "Z" or len(list((folder / "task").iterdir())) > 1
    return True


def check(store: Path, straight: dict[str, Straight]) -> dict[int, int]:
    """Assert that the store is sound, and that every run in it has the losses of a run that was
    never killed. Returns the last step of each run."""
    with Store.open(store) as opened:
        assert opened.check() == []
        runs = {}
        for row in opened.runs():
            record = opened.record(row.id)  # a run that trains may grow between the two reads
            assert len(record.losses) == record.row.step >= row.step
            assert record.losses == straight[row.engine].losses(made(record), record.row.step)
            runs[row.id] = record.row.step
        return runs


def history_of(store: Path, run: int) -> History:
    """The edits of a recorded run."""
    with Store.open(store) as opened:
        return made(opened.record(run))


def made(record: RunRecord) -> History:
    """The edits of a record; its engine is that of the run's start."""
    edits = Edits.of(record.edits)
    return History(
        dict(edits.rates), {}, dict(edits.of_field("surgery")), dict(edits.of_field("hold"))
    )


def go_on(store: Path, run: int, registry: Registry, straight: Straight) -> None:
    """Open the run again and train it to its end, and assert the losses of an unkilled run."""
    history = history_of(store, run)
    command = Open("", recording=Recording(str(store), run))
    session = open_session(command, registry, lambda _: None, Activity())
    while not session.finished:
        assert session.advance(STEPS), session.trouble
    assert session.training.series.losses == straight.losses(history, STEPS)
    assert session.recorder is not None and session.recorder.state.run == run
    session.close()
    with Store.open(store) as opened:
        assert opened.record(run).losses == straight.losses(history, STEPS)


if __name__ == "__main__":
    asyncio.run(play(*sys.argv[1:4], *map(int, sys.argv[4:])))  # type: ignore[call-arg, arg-type]
