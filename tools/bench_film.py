"""What the film strip costs: 1,000 steps with it and without, in turns.

.venv/bin/python tools/bench_film.py [ENGINE] [ROUNDS] [WIDTH]
"""

from __future__ import annotations

import json
import statistics
import sys
import time

from playground.hooks.manager import load
from playground.hooks.registry import Registry
from playground.hooks.sources import PluginSources
from playground.lab.run.film import Camera
from playground.lab.session import Session
from playground.lab.spec import RunSpec

STEPS = 1_000
_PASS_BY = Camera.pass_by
spent = 0.0


def _timed(camera: Camera, step: int) -> None:
    global spent
    began = time.process_time()
    _PASS_BY(camera, step)
    spent += time.process_time() - began


def trained(spec: RunSpec, registry: Registry, film: bool) -> tuple[float, float, float]:
    """Processor seconds: of all steps, of the film's own work between them, and of the rows that
    are written after the last step."""
    global spent
    Camera.pass_by = _timed if film else lambda *_: None  # type: ignore[method-assign]
    session = Session.open(spec, registry)
    session.camera.pass_by(0)  # before the first step, while nobody waits
    if not film:
        session.camera.until = lambda _, most: most  # type: ignore[method-assign]
    spent = 0.0
    began = time.process_time()
    while not session.finished:
        session.advance(STEPS)
    steps = time.process_time() - began
    began = time.process_time()
    session.camera.finish()
    return steps, spent, time.process_time() - began


def main(engine: str = "vector", rounds: int = 7, width: int = 16) -> None:
    registry = load(PluginSources())
    model = {"n_embd": width}
    spec = RunSpec.parse(json.dumps({"engine": engine, "steps": STEPS, "model": model}))
    found: dict[bool, list[tuple[float, float, float]]] = {True: [], False: []}
    trained(spec, registry, film=True)  # compiles
    for number in range(2 * rounds):
        film = number % 4 in (0, 3)  # neither is always the first
        found[film].append(trained(spec, registry, film))
    plain, filmed = (statistics.median(one[0] for one in found[film]) for film in (False, True))
    best = [min(one[0] for one in found[film]) for film in (False, True)]
    own, after = (statistics.median(one[place] for one in found[True]) for place in (1, 2))
    print(f"{engine}, {width} wide: {STEPS:,} steps without {plain:.3f} s, with {filmed:.3f} s")
    print(f"  in the median {filmed / plain - 1:+.1%}, best of each {best[1] / best[0] - 1:+.1%}")
    print(f"  the film's own work between the steps: {own / plain:.1%}")
    print(f"  rows written after the last step: {after * 1000:.0f} ms")


if __name__ == "__main__":
    main(*sys.argv[1:2], *map(int, sys.argv[2:]))
