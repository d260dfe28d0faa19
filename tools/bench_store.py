"""The cost of the store of runs: lists of 10,000 runs, one run of 1,000,000 steps, a batch.

    python tools/bench_store.py [--quick]

Figures are medians in ms of wall clock, with the promises beside them. "longest lock" is the
longest wait of a second process that writes all the time.
"""

from __future__ import annotations

import json
import math
import multiprocessing
import statistics
import sys
import tempfile
import time
from array import array
from collections.abc import Callable
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from playground.lab.spec import RunSpec
from playground.lab.store.housekeeping import purge
from playground.lab.store.keyframes import frame_bytes
from playground.lab.store.query import Query
from playground.lab.store.records import Batch, NewRun
from playground.lab.store.store import Store
from playground.lab.timeline import Keyframe

LOCK_BUDGET, LIST_BUDGET, CURVE_BUDGET = 100.0, 500.0, 300.0
"""The promises, in ms; those of the list and the curve include the drawing."""


def ms(work: Callable[[], Any], rounds: int = 5) -> float:
    """The median ms of one call."""
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        taken.append(1000 * (time.perf_counter() - began))
    return statistics.median(taken)


def new_run(number: int = 0, **changes: Any) -> NewRun:
    """A run of the default model."""
    spec = RunSpec.parse({"seed": number, **changes}).to_json()
    return NewRun(spec, "names", 4192, json.dumps({"chars": "abc" * 9}), "0" * 64)


def steps(first: int, count: int, **more: Any) -> Batch:
    """A batch of `count` training steps, as the recorder writes it."""
    losses = array("d", (3 + math.sin(step) for step in range(first, first + count)))
    end = first + count
    return Batch(end, "running", first, losses, array("d", losses), 7 * end, end / 1000, **more)


def state(step: int) -> Any:
    """A keyframe of 100 KB, the size of the default model's."""
    values = array("d", (math.cos(step * place) for place in range(4192)))
    return frame_bytes(Keyframe(step, 7 * step, values, values, values))


def many(folder: Path, count: int) -> dict[str, float]:
    """Lists of many runs."""
    found = {}
    with Store.open(folder / "many.sqlite") as store:
        with store.database.writing():  # one transaction, since filling the store is not measured
            for number in range(count):
                run = store.create(
                    new_run(number, optimizer={"learning_rate": 0.001 * (1 + number % 20)}), ""
                )
                store.append(run, steps(0, 20, loss=2.5))
                if number % 7 == 0:
                    store.rename(run, f"the {number}th")
        found[f"list {count:,} runs"] = ms(store.runs)
        asked = "lr>=0.01 dataset=names touched<2d the"
        found["list, of a query"] = ms(lambda: store.runs(Query.parse(asked, sort="loss")))
        found["list, the newest 50"] = ms(lambda: store.runs(Query(limit=50)))
        found["find by uid"] = ms(lambda: store.find(store.row(count // 2).uid[:12]))
        found["interrupted"] = ms(store.interrupted)
        found["MB of that store"] = store.totals()[1] / 1e6
    found["open that store"] = ms(lambda: Store.open(folder / "many.sqlite").close())
    return found


def writes(path: str, ready: Event, stop: Event, longest: Any) -> None:
    """A second playground: writes a small batch again and again, and notes its longest wait."""
    with Store.open(Path(path)) as store:
        run = store.create(new_run(), "the other")
        step = 0
        while not stop.is_set():
            batch = steps(step, 10)
            began = time.perf_counter()
            store.append(run, batch)
            longest.value = max(longest.value, time.perf_counter() - began)
            step += 10
            ready.set()
            time.sleep(0.002)


def while_another_writes(path: Path, work: Callable[[], Any]) -> tuple[float, float]:
    """(ms of the work, ms of the longest wait of another process that writes meanwhile)."""
    context = multiprocessing.get_context("spawn")
    ready, stop, longest = context.Event(), context.Event(), context.Value("d", 0.0)
    other = context.Process(target=writes, args=(str(path), ready, stop, longest))
    other.start()
    ready.wait(30)
    longest.value = 0.0
    took = ms(work, 1)
    stop.set()
    other.join()
    return took, 1000 * longest.value


def long(folder: Path, count: int, batch: int) -> dict[str, float]:
    """One run of many steps."""
    name = f"{count:,} steps in batches of {batch:,}"
    path = folder / f"long{batch}.sqlite"
    found = {}
    with Store.open(path) as store:
        run = store.create(new_run(), "")
        frames = [state(count * part // 160) for part in range(1, 161)]  # 16 MB
        with store.database.writing():
            for first in range(0, count, batch):
                done = min(batch, count - first)
                end = first + done
                kept = tuple(frame for frame in frames if first < frame.step <= end)
                store.append(run, steps(first, done, keyframes=kept, evaluations=((end, 2.0),)))
        found[f"{name}: curve"] = ms(lambda: store.curve(run))
        found[f"{name}: record"] = ms(lambda: store.record(run))
        found[f"{name}: MB"] = store.totals()[1] / 1e6
        found[f"{name}: fork at its end, alone"] = ms(
            lambda: store.fork(run, count, new_run(), ""), 1
        )
        took, lock = while_another_writes(path, lambda: store.fork(run, count - 1, new_run(), ""))
        found[f"{name}: fork, another writes"] = took
        found[f"{name}: fork, longest lock"] = lock
        store.delete([run])
        took, lock = while_another_writes(path, lambda: purge(store, 0))
        found[f"{name}: purge, another writes"] = took
        found[f"{name}: purge, longest lock"] = lock
        found[f"{name}: MB after it"] = store.totals()[1] / 1e6
    return found


def recording(folder: Path) -> dict[str, float]:
    """The work that the recorder does twice a second."""
    with Store.open(folder / "recording.sqlite") as store:
        run = store.create(new_run(), "")
        taken = []
        for number in range(100):
            first = 300 * number
            frames = tuple(state(first + 100 * part) for part in (1, 2, 3))
            old = tuple(frame.step - 30000 // 10 for frame in frames)
            batch = steps(first, 300, keyframes=frames, dropped=old, tip=frames[-1], loss=2.5)
            began = time.perf_counter()
            store.append(run, batch)
            taken.append(1000 * (time.perf_counter() - began))
        taken.sort()
        whole = state(1)
        values = array("d", bytes(8 * 4192))
        keyframe = Keyframe(1, 1, values, values, values)
        return {
            "append 300 steps, 3 keyframes and a tip": statistics.median(taken),
            "the slowest of 100": taken[-1],
            "the same, in % of the 400 ms between them": statistics.mean(taken) / 4,
            "frame_bytes": ms(lambda: frame_bytes(keyframe)),
            "KB of a keyframe": len(whole.state) / 1000,
        }


def main(quick: bool = False) -> dict[str, float]:
    """Figures by name."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = recording(folder)
        found |= many(folder, 1000 if quick else 10_000)
        for batch in (400, 30_000):
            found |= long(folder, 60_000 if quick else 1_000_000, batch)
        return found


if __name__ == "__main__":
    for what, figure in main("--quick" in sys.argv[1:]).items():
        print(f"{figure:10.2f}  {what}")
    print(
        f"Promised: no lock longer than {LOCK_BUDGET:g} ms; the list of runs on the screen in "
        f"{LIST_BUDGET:g} ms, the chart in {CURVE_BUDGET:g} ms."
    )
