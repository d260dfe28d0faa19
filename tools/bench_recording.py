"""The cost of recording for a run that trains flat out, and the time to open a recorded run.

    python tools/bench_recording.py [--quick] [ENGINE ...]

Figures are medians of turns with and without recording; the promises stand at the end. With the
gallery installed, its engines are measured too (.venv-gallery/bin/python).
"""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import resource
import statistics
import sys
import tempfile
import time
from array import array
from pathlib import Path
from typing import Any

from playground.hooks.errors import UnknownNameError
from playground.hooks.manager import load
from playground.hooks.registry import Registry
from playground.hooks.sources import PluginSources
from playground.lab.client.lab import Lab
from playground.lab.protocol.commands import Open
from playground.lab.protocol.frames import FrameRequest
from playground.lab.protocol.run import Recording
from playground.lab.protocol.sampling import SampleBatch, SampleText, Sampling
from playground.lab.record.recorder import NORM
from playground.lab.record.writer import Writer
from playground.lab.run.guard import Activity
from playground.lab.session import Session, open_session
from playground.lab.spec import RunSpec
from playground.lab.store.keyframes import frame_bytes
from playground.lab.store.records import Batch, NewRun, StoredSamples
from playground.lab.store.store import Store
from playground.lab.timeline import Keyframe

COST_BUDGET, SEEK_BUDGET, LOCK_BUDGET = 5.0, 300.0, 100.0
"""The promises: percent of the vector engine's throughput; ms; ms."""
TURN = 1.5
"""Seconds of a turn with recording, and of one without."""


def opened(registry: Registry, recording: Recording | None, **changes: Any) -> Session:
    """A run of the default model that only trains: no evaluation, no samples."""
    spec = RunSpec.parse({"steps": 10_000_000, "eval_every": 0, **changes}).to_json()
    command = Open(spec, sampling=Sampling(every=0), recording=recording)
    return open_session(command, registry, lambda _: None, Activity())


def rate(session: Session, seconds: float) -> tuple[float, float]:
    """Steps a second, and steps a second of the processor's time (of all threads), which other
    programs on this machine do not change."""
    first, began, worked = session.step, time.perf_counter(), time.process_time()
    while time.perf_counter() - began < seconds:
        session.advance(session.spec.steps)
    taken, work = time.perf_counter() - began, time.process_time() - worked
    return (session.step - first) / taken, (session.step - first) / work


def lost(pairs: list[tuple[float, float]]) -> float:
    """The loss of speed by recording in %: the median of pairs of rates (with, without)."""
    return statistics.median(100 * (1 - one / other) for one, other in pairs)


def cost(registry: Registry, engine: str, folder: Path, turns: int) -> dict[str, float]:
    """The cost of recording, in the process that trains."""
    with_it = opened(registry, Recording(str(folder / f"{engine}.sqlite")), engine=engine)
    without = opened(registry, None, engine=engine)
    taken: list[float] = []
    original = Writer._append

    def timed(*args: Any) -> None:
        began = time.perf_counter()
        original(*args)
        taken.append(1000 * (time.perf_counter() - began))

    Writer._append = timed  # type: ignore[method-assign]
    rate(with_it, 0.6), rate(without, 0.6)
    rates: list[tuple[float, float]] = []
    work: list[tuple[float, float]] = []
    for _ in range(turns):
        one = rate(with_it, TURN)
        with_it.recorder.writer.settle()  # type: ignore[union-attr]
        other = rate(without, TURN)
        rates.append((one[0], other[0]))
        work.append((one[1], other[1]))
    Writer._append = original  # type: ignore[method-assign]
    with_it.close()
    name = f"{engine}, one process"
    return {
        f"{name}: steps/s with": statistics.median(one for one, _ in rates),
        f"{name}: steps/s without": statistics.median(other for _, other in rates),
        f"{name}: cost in %": lost(rates),
        f"{name}: cost in % of processor time": lost(work),
        f"{name}: a batch written, ms, median": statistics.median(taken),
        f"{name}: the slowest of {len(taken)}": max(taken),
    }


async def cost_in_worker(engine: str, folder: Path, turns: int) -> dict[str, float]:
    """The cost of recording in worker processes, with a screen that asks for 12 frames a second."""
    spec = RunSpec.parse({"steps": 10_000_000, "engine": engine}).to_json()
    with_it, without = Lab(store=folder / f"{engine}-lab.sqlite"), Lab()
    for lab in (with_it, without):
        await lab.open(spec, sampling=Sampling(every=0))

    async def turn(lab: Lab) -> float:
        await lab.run()
        frame = await lab.frame()
        first, began = frame.step, time.perf_counter()
        while time.perf_counter() - began < TURN:
            await asyncio.sleep(1 / 12)
            frame = await lab.frame(FrameRequest(since_step=frame.step))
        taken = time.perf_counter() - began
        await lab.pause()
        await asyncio.sleep(0.1)  # the last records are written while nothing trains
        return (frame.step - first) / taken

    await turn(with_it), await turn(without)
    rates = [(await turn(with_it), await turn(without)) for _ in range(turns)]
    await asyncio.gather(with_it.close(), without.close())
    name = f"{engine}, in a worker"
    return {
        f"{name}: steps/s with": statistics.median(one for one, _ in rates),
        f"{name}: steps/s without": statistics.median(other for _, other in rates),
        f"{name}: cost in %": lost(rates),
    }


def seeks(registry: Registry, folder: Path, count: int) -> dict[str, float]:
    """The time to go to any step of a run of 1,000 steps that was closed and opened again."""
    store = str(folder / "seeks.sqlite")
    spec = RunSpec.parse({}).to_json()

    def at_hand(recording: Recording) -> Session:
        return open_session(Open(spec, recording=recording), registry, lambda _: None, Activity())

    session = at_hand(Recording(store))
    while session.advance(1000) and not session.finished:
        pass
    session.close()
    began = time.perf_counter()
    again = at_hand(Recording(store, 1))
    reopening = time.perf_counter() - began
    dice, taken = random.Random(1), []
    for _ in range(count):
        step = dice.randint(0, 1000)
        began = time.perf_counter()
        again.go_to(step)
        taken.append(1000 * (time.perf_counter() - began))
    again.close()
    taken.sort()
    return {
        "1,000 steps, vector: opened again, ms": 1000 * reopening,
        "going anywhere, ms: median": statistics.median(taken),
        "p95": taken[int(0.95 * count)],
        "worst": taken[-1],
    }


# ---------------------------------------------------------------- two playgrounds


def plays(store: str, seconds: float, longest: Any, steps: Any, wrong: Any) -> None:
    """One of two that train on one store: notes its longest wait, its steps, and what is wrong."""
    session = opened(load(PluginSources(entry_points=False)), Recording(store))
    append = Store.append

    def timed(self: Store, run: int, batch: Batch) -> None:
        began = time.perf_counter()
        append(self, run, batch)
        longest.value = max(longest.value, time.perf_counter() - began)

    Store.append = timed  # type: ignore[method-assign]
    rate(session, seconds)
    session.close()
    assert session.recorder is not None
    state = session.recorder.state
    with Store.open(Path(store)) as opened_store:
        record = opened_store.record(state.run or 0)
    wrong.value = state.trouble is not None or record.losses != session.training.series.losses
    steps.value = session.step


def two_at_once(folder: Path, seconds: float) -> dict[str, float]:
    """Two playgrounds, one store, both flat out."""
    context = multiprocessing.get_context("spawn")
    sides = [(context.Value("d"), context.Value("i"), context.Value("i")) for _ in range(2)]
    store = str(folder / "two.sqlite")
    both = [context.Process(target=plays, args=(store, seconds, *side)) for side in sides]
    for one in both:
        one.start()
    for one in both:
        one.join()
    return {
        "two playgrounds: the longest write, ms": 1000 * max(side[0].value for side in sides),
        "steps recorded by both": sum(side[1].value for side in sides),
        "records with something missing": sum(side[2].value for side in sides),
    }


# ---------------------------------------------------------------- a long run


def long_run(store: Path, count: int) -> int:
    """A run of `count` steps as it would have been recorded, with made-up states."""
    spec = RunSpec.parse({"steps": count + 1000})
    plain = Session.open(spec, load(PluginSources(entry_points=False)))
    from playground.lab.record.provenance import new_run

    new: NewRun = new_run(
        plain._prepared, plain.training, plain._registry, plain.observation.to_json()
    )
    values = plain.training.engine.read("weights")
    squares = array("d", (value * value for value in values))
    states = sorted({count - int(count * (part / 160) ** 2) for part in range(160)} - {0})
    texts = tuple(SampleText(f"name{number}", False, True) for number in range(5))
    every = 400
    with Store.open(store) as opened_store:
        run = opened_store.create(new, "")
        with opened_store.database.writing():
            for first in range(0, count, every):
                end = min(count, first + every)
                losses = array("d", (2.5 + step / count for step in range(first, end)))
                frames = [at for at in states if first < at <= end]
                samples = [
                    StoredSamples("automatic", SampleBatch(1, at, "", texts))
                    for at in range(first + 100, end + 1, 100)
                ]
                opened_store.append(
                    run,
                    Batch(
                        end,
                        "paused",
                        first,
                        losses,
                        losses,
                        7 * end,
                        end / 1000,
                        2.5,
                        evaluations=((end, 2.5),),
                        measured={NORM: array("d", [first + 1, 1.0, end, 1.0])},
                        samples=tuple(samples),
                        keyframes=tuple(
                            frame_bytes(Keyframe(at, 7 * at, values, values, squares))
                            for at in frames
                        ),
                    ),
                )
    return run


async def first_frame(store: Path, run: int) -> dict[str, float]:
    """The time until a stored run is on the screen, in a worker that stands by."""
    lab = Lab(PluginSources(entry_points=False), store=store)
    try:
        await lab.get_catalog()
        began = time.perf_counter()
        await lab.open_recorded(run)
        opened_at = time.perf_counter()
        frame = await lab.frame()
        shown = time.perf_counter()
        assert lab.open_run.link is not None
        status = Path(f"/proc/{lab.open_run.link.process.pid}/status")
        memory = 0.0
        if status.exists():
            peak = next(line for line in status.read_text().splitlines() if "VmHWM" in line)
            memory = int(peak.split()[1]) / 1000
        name = f"{frame.head:,} steps"
        return {
            f"{name}: opened, ms": 1000 * (opened_at - began),
            f"{name}: its first frame, ms": 1000 * (shown - opened_at),
            f"{name}: peak of the worker, MB": memory,
            f"{name}: of the screen's process, MB": resource.getrusage(
                resource.RUSAGE_SELF
            ).ru_maxrss
            / 1000,
        }
    finally:
        await lab.close()


def main(quick: bool = False, wanted: list[str] | None = None) -> dict[str, float]:
    """Figures by name."""
    registry = load()
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = long_run(folder / "long.sqlite", 100_000 if quick else 1_000_000)
        found |= asyncio.run(first_frame(folder / "long.sqlite", run))
        for engine in wanted or ["vector", "numpy", "numba"]:
            try:
                registry.entry("engine", engine)
            except UnknownNameError:
                continue
            found |= cost(registry, engine, folder, 4 if quick else 20)
            found |= asyncio.run(cost_in_worker(engine, folder, 4 if quick else 12))
        found |= seeks(registry, folder, 200)
        found |= two_at_once(folder, 3 if quick else 15)
    return found


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word != "--quick"]
    for what, figure in main("--quick" in sys.argv[1:], words).items():
        print(f"{figure:12.2f}  {what}", flush=True)
    print(
        f"Promised: at most {COST_BUDGET:g} % of the vector engine's throughput; anywhere within "
        f"{SEEK_BUDGET:g} ms; no wait for the store beyond {LOCK_BUDGET:g} ms."
    )
