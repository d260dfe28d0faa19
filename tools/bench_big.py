"""What a large model costs in the lab: memory, disk, and how long everything around a step takes.

    python tools/bench_big.py [--engine NAME] [--n-embd N] [--n-layer N] [--n-head N]
                              [--block-size N] [--batch-size N] [--steps N]

Trains on a made-up text in a worker process, as the playground does, and asks for what its screen
asks for, without drawing it. Without options: nanoGPT's baby GPT (384 wide, 6 layers, 6 heads,
block_size 256), 5 steps of one document each. Peaks of memory are read from /proc, where there is
one. The last column is the budget, where there is one.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import pickle
import random
import re
import tempfile
import time
from collections.abc import Awaitable
from pathlib import Path

from playground.lab.checkpoint import read_checkpoint
from playground.lab.client.lab import Lab
from playground.lab.protocol.failures import LabError
from playground.lab.protocol.frames import Frame, FrameRequest, MatrixView, SmallViews
from playground.lab.protocol.inside import Look
from playground.lab.spec import RunSpec

DOCUMENTS, LENGTH = 400, 300
"""How many documents the text has, and how many characters each of them has."""


def made_up(path: Path) -> None:
    """Write a text of made-up words."""
    rng = random.Random(1)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(rng.choices(letters, k=rng.randint(2, 9))) for _ in range(2000)]
    lines = (" ".join(rng.choices(words, k=LENGTH // 3))[:LENGTH] for _ in range(DOCUMENTS))
    path.write_text("\n".join(lines) + "\n")


def memory(process: int) -> str:
    """(now, at most) of a process's memory, in words."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return "not known"
    now, most = (
        int(found[1]) / 1024
        for name in ("VmRSS", "VmHWM")
        if (found := re.search(rf"{name}:\s+(\d+)", status))
    )
    return f"{now:,.0f} MB, {most:,.0f} MB at most"


def disk(folder: Path) -> str:
    """The bytes of all files in a folder, in words."""
    return f"{sum(one.stat().st_size for one in folder.rglob('*') if one.is_file()) / 1e6:,.0f} MB"


def told(what: str, value: str, budget: str = "") -> None:
    print(f"{what:52s} {value:>26s}  {budget}".rstrip(), flush=True)


class Bench:
    """One run in a lab, and what is asked of it."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab = lab
        self.folder = folder

    async def timed(self, what: str, work: Awaitable[object], budget: str = "") -> object:
        """Await the work, and tell how long it took, or why it was refused."""
        began = time.perf_counter()
        try:
            done = await work
        except LabError as error:
            told(what, f"refused after {time.perf_counter() - began:.2f} s")
            print(f"    {error}")
            return None
        told(what, f"{time.perf_counter() - began:.2f} s", budget)
        return done

    def tell_memory(self) -> None:
        link = self.lab.open_run.link
        if link is not None:
            told("  memory of the worker", memory(link.process.pid))
        told("  memory of the screen's side", memory(os.getpid()))
        told("  on disk", disk(self.folder))

    async def framed(self, what: str, request: FrameRequest) -> None:
        """Time a frame, and the same one again, and tell how large its message is."""
        frame = await self.timed(f"a frame: {what}", self.lab.frame(request))
        await self.timed("  the same again", self.lab.frame(request))
        if isinstance(frame, Frame):
            told("  its message", f"{len(pickle.dumps(frame, protocol=5)) / 1e6:.2f} MB")


async def measure(options: argparse.Namespace, folder: Path) -> None:
    text = folder / "text.txt"
    made_up(text)
    model = {name: getattr(options, name) for name in ("n_embd", "n_layer", "n_head", "block_size")}
    spec = RunSpec.parse(
        {
            "dataset": {"name": "text-file", "options": {"path": str(text)}},
            "engine": options.engine,
            "model": model,
            "steps": 10_000,
            "batch_size": options.batch_size,
            "optimizer": {"learning_rate": 1e-5},  # at which nothing diverges
        }
    )
    store = folder / "record" / "runs.sqlite"
    store.parent.mkdir()
    lab = Lab(store=store)
    bench = Bench(lab, store.parent)
    info = await lab.open(RunSpec().to_json())  # compiles nothing, loads everything
    began = time.perf_counter()
    info = await lab.open(spec.to_json())
    told("parameters", f"{info.parameter_count:,}")
    told("to open the run", f"{time.perf_counter() - began:.2f} s")
    bench.tell_memory()

    every = lab.frame(FrameRequest())
    await bench.timed("a frame: nothing of the weights", every)
    for step in range(options.steps):
        await bench.timed(f"step {step + 1}, alone, until it stands", lab.advance())
    frame = await lab.frame()
    told("  of that the engine, on average", f"{frame.step_ms / 1000:.2f} s")
    bench.tell_memory()

    began, first = time.perf_counter(), frame.step
    await lab.run()
    while frame.trouble is None and (
        time.perf_counter() - began < options.seconds or frame.step < first + 3
    ):
        frame = await lab.frame(screen(info.matrices[-1].name, frame.step))
        await asyncio.sleep(1 / 12)
    await lab.pause()
    frame = await lab.frame()
    taken = (time.perf_counter() - began) / max(1, frame.step - first)
    told(f"a step of {frame.step - first}, running, with frames", f"{taken:.2f} s")
    told("  of that the engine, on average", f"{frame.step_ms / 1000:.2f} s")
    bench.tell_memory()

    last = info.matrices[-1].name
    await bench.framed(f"weights and gradients of {last}", screen(last, frame.step))
    await bench.framed("pulls of all matrices", FrameRequest(pulls=True))
    small = FrameRequest(small=SmallViews("weights", 6, 12))
    await bench.framed("all matrices, small", small)
    update = FrameRequest(matrices=(MatrixView(last, "update"),))
    await bench.framed(f"last update of {last}", update)
    bench.tell_memory()

    at = frame.step
    for step in (at - 1, at - 2):
        await bench.timed(f"back to step {step:,}", lab.go_to(step))
    bench.tell_memory()
    await bench.timed("forward again to the end", lab.go_to(at))
    await bench.timed("the microscope: flow", lab.look_inside(Look("flow", None)))
    bench.tell_memory()

    saved = folder / "saved.safetensors"
    await bench.timed("to save a checkpoint", lab.save(str(saved)))
    told("  its file", f"{saved.stat().st_size / 1e6:,.0f} MB")
    bench.tell_memory()
    run = frame.record.run if frame.record else None
    other = Lab()
    checkpoint = await asyncio.to_thread(read_checkpoint, saved)
    await bench.timed("to open the checkpoint", other.open(spec.to_json(), checkpoint=checkpoint))
    await other.close()
    del checkpoint
    await bench.timed("to close the run", lab.close())
    told("  on disk", disk(store.parent))
    if run is not None:
        lab = bench.lab = Lab(store=store)
        await bench.timed("to open the run again, where it stood", lab.open_recorded(run))
        bench.tell_memory()
        await lab.close()


def screen(name: str, since: int) -> FrameRequest:
    """What the main screen asks for."""
    kinds = (MatrixView(name, "weights"), MatrixView(name, "gradients"))
    return FrameRequest(since_step=since, matrices=kinds, seen_since=since)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--engine", default="numba")
    for name, value in (
        ("n-embd", 384), ("n-layer", 6), ("n-head", 6), ("block-size", 256), ("batch-size", 1),
        ("steps", 5),
    ):  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--seconds", type=float, default=10.0, help="how long it runs flat out")
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(parser.parse_args(), Path(folder)))


if __name__ == "__main__":
    multiprocessing.freeze_support()
    main()
