"""How fast the difference between two runs grows that differ in the last bit: python tools/chaos.py

Run as `.venv-gallery/bin/python tools/chaos.py`, in the environment that `make gallery` makes: the
Numba engine trains the default model twice on the embedded names, the second time with one weight
moved by one unit in the last place. For each variant the script prints after how many steps the
distance between the two vectors of weights doubles, and the largest it becomes, both relative to
the length of the vector. `--steps` sets the length of the runs (20,000); the wider model trains a
tenth of it.
"""

from __future__ import annotations

import argparse
import math
import sys
from array import array
from collections.abc import Sequence

from microgpt_play_numba import make_engine

from microgpt import ModelConfig, OptimizerConfig
from microgpt.documents import load_names
from microgpt.tokenizer import CharTokenizer
from microgpt.trainer import shuffle_and_init

SMALL, LARGE = 1e-14, 1e-6
"""The relative distances between which the doubling is measured: above rounding, below a limit."""


def distances(
    config: ModelConfig, optimizer: OptimizerConfig, steps: int, every: int, falling: bool
) -> list[tuple[int, float]]:
    """(step, relative distance of the weights) every so many steps of the two runs. falling: the
    learning rate falls to 0, as in microgpt.py."""
    names = load_names()
    tokenizer = CharTokenizer()
    tokenizer.train(names)
    weights, _ = shuffle_and_init(names, config, 42)
    nudged = array("d", weights)
    nudged[-1] = math.nextafter(nudged[-1], math.inf)
    engines = [make_engine(config, optimizer, start) for start in (weights, nudged)]
    bos = tokenizer.bos_id
    documents = [[bos, *tokenizer.encode(name), bos] for name in names]
    found = []
    for step in range(0, steps, every):
        rates = array("d", [
            optimizer.learning_rate * (1 - at / steps if falling else 1)
            for at in range(step, step + every)
        ])  # fmt: skip
        some = [documents[at % len(documents)] for at in range(step, step + every)]
        for engine in engines:
            engine.train(some, rates, step)
        one, other = (engine.read("weights") for engine in engines)
        found.append((step + every, math.dist(one, other) / math.hypot(*one)))
    return found


def doubling(found: Sequence[tuple[int, float]]) -> float:
    """Steps in which the distance doubles between SMALL and LARGE: the slope of its logarithm, by
    least squares; inf if it does not grow, nan if it never gets there."""
    first = next((at for at, (_, d) in enumerate(found) if d > SMALL), len(found))
    last = next((at for at, (_, d) in enumerate(found) if d > LARGE), len(found))
    some = [(step, math.log2(d)) for step, d in found[first:last]]
    if len(some) < 3:
        return math.nan
    middle = [sum(column) / len(some) for column in zip(*some, strict=True)]
    above = sum((step - middle[0]) * (size - middle[1]) for step, size in some)
    slope = above / sum((step - middle[0]) ** 2 for step, _ in some)
    return 1 / slope if slope > 0 else math.inf


def main() -> int:
    """Print the table; returns 0."""
    words = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    words.add_argument("--steps", type=int, default=20_000)
    words.add_argument("--only", default="", help="the variants whose names hold this")
    asked = words.parse_args()
    steps = asked.steps
    plain, adam = ModelConfig(27), OptimizerConfig
    wide = ModelConfig(27, n_embd=64, n_layer=2)
    variants = [
        ("the default model", plain, adam(), True),
        ("learning rate 0.01 throughout", plain, adam(), False),
        ("learning rate 0.02 throughout", plain, adam(learning_rate=0.02), False),
        ("learning rate 0.005 throughout", plain, adam(learning_rate=0.005), False),
        ("learning rate 0.001 throughout", plain, adam(learning_rate=0.001), False),
        ("Adam's epsilon 1e-4", plain, adam(eps=1e-4), True),
        ("Adam's epsilon 1e-2", plain, adam(eps=1e-2), True),
        ("n_embd 64, 2 layers", wide, adam(), True),
        ("n_embd 64, 2 layers, learning rate 0.001", wide, adam(learning_rate=0.001), True),
    ]
    print(f"{steps:,} steps                                doubles every   distance at most")
    for name, config, optimizer, falling in variants:
        if asked.only not in name:
            continue
        long, every = (steps // 10, 4) if config is wide else (steps, 20)
        found = distances(config, optimizer, long, every, falling)
        grows = doubling(found)
        often = f"{grows:8.1f} steps" if math.isfinite(grows) else "       never  "
        print(f"{name:42} {often}   {max(d for _, d in found):12.1e}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
