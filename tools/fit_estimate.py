"""Fits the weights of playground/lab/estimate.py to measured steps, and checks the estimate.

    python tools/fit_estimate.py measure OUT.json [--shapes 70]
    python tools/fit_estimate.py fit 3.11.json 3.12.json 3.13.json
    python tools/fit_estimate.py check

`measure` times steps of the vector and the scalar engine for shapes drawn at random, each between
two runs of the probe, in the time of the thread. Run it under each supported Python (tools/
pythons.sh) with PYTHONPATH set to the repository. `fit` prints the weights, to be copied, and how
near they come. `check` compares the estimate with ten unusual shapes on this machine: exit code 1
if one of them is off by more than a factor of 1.3.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import platform
import random
import sys
import time
from array import array
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

from microgpt.collector import collector_paused
from microgpt.config import PARTS, ModelConfig, OptimizerConfig
from microgpt.parameters import initial_weights, parameter_count
from microgpt.scalar_engine import ScalarEngine
from microgpt.vector_engine import VectorEngine
from playground.lab import estimate

BOUND = 1.3
PATIENCE = 0.4
"""Seconds of the thread for which a shape is measured; two steps at the least."""
MOST = {"vector": 3e7, "scalar": 5e5}
"""The products of a step of the largest shapes."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A model, its documents and its optimizer."""

    n_embd: int = 16
    n_layer: int = 1
    n_head: int = 4
    block_size: int = 16
    vocab_size: int = 27
    batch_size: int = 1
    tokens: int = 7
    left_out: str = ""
    optimizer: str = "adam"

    @property
    def config(self) -> ModelConfig:
        """The model."""
        parts = tuple(part for part in PARTS if part != self.left_out)
        return ModelConfig(
            self.vocab_size, self.n_embd, self.n_head, self.n_layer, self.block_size, parts
        )

    @property
    def estimated(self) -> estimate.Shape:
        """The shape as the estimate takes it."""
        return estimate.Shape(self.config, self.tokens, self.batch_size, self.optimizer)

    @property
    def products(self) -> float:
        """Multiplications of a forward pass, roughly."""
        per_token = self.n_layer * (12 * self.n_embd**2 + self.tokens * self.n_embd)
        return self.batch_size * self.tokens * (per_token + self.vocab_size * self.n_embd)

    def __str__(self) -> str:
        words = [
            f"{self.n_embd} wide", f"{self.n_layer} layers", f"{self.n_head} heads",
            f"{self.tokens} of {self.block_size}", f"V {self.vocab_size}",
        ]  # fmt: skip
        words += [f"batch {self.batch_size}"] if self.batch_size > 1 else []
        words += [f"no {self.left_out}"] if self.left_out else []
        words += [self.optimizer] if self.optimizer != "adam" else []
        return ", ".join(words)


UNUSUAL = (
    Shape(n_embd=4, n_head=1, block_size=512, tokens=300),
    Shape(n_embd=8, n_layer=8, n_head=8, block_size=24, tokens=20),
    Shape(n_embd=20, n_head=20, n_layer=2, block_size=8, tokens=5, vocab_size=60),
    Shape(n_embd=16, n_head=2, vocab_size=5000, tokens=6, block_size=8),
    Shape(n_embd=128, n_head=16, block_size=4, tokens=4, vocab_size=12),
    Shape(n_embd=12, n_head=3, n_layer=3, batch_size=32, tokens=5, vocab_size=40),
    Shape(n_embd=40, n_head=10, n_layer=1, block_size=64, tokens=30, left_out="mlp"),
    Shape(n_embd=16, n_layer=5, block_size=100, tokens=11, left_out="attention", vocab_size=300),
    Shape(n_embd=6, n_head=6, n_layer=4, block_size=64, tokens=60, vocab_size=5),
    Shape(n_embd=32, n_head=4, vocab_size=1500, tokens=4, optimizer="sgd", batch_size=2),
)


WIDE = tuple(
    Shape(n_embd=n_embd, n_head=n_embd // 8, block_size=tokens, tokens=tokens, left_out=left_out)
    for n_embd in (48, 64, 96, 128)
    for tokens in (4, 24)
    for left_out in ("", "attention", "mlp")
)
"""Wide models with few tokens, of which too few are drawn."""


def drawn(count: int, engine: str, seed: int) -> list[Shape]:
    """Shapes of all sizes, the same at each call."""
    rng = random.Random(seed)
    shapes: list[Shape] = []

    def between(least: float, most: float) -> int:
        return round(math.exp(rng.uniform(math.log(least), math.log(most))))

    while len(shapes) < count:
        n_embd = rng.choice([4, 8, 12, 16, 16, 20, 24, 32, 48, 64, 96, 128])
        tokens = between(2, 512)
        shape = Shape(
            n_embd=n_embd,
            n_layer=rng.choice([1, 1, 2, 3, 4, 6, 8]),
            n_head=rng.choice([h for h in range(1, n_embd + 1) if n_embd % h == 0]),
            block_size=min(512, max(4, between(tokens, 3 * tokens))),
            vocab_size=between(5, 5000),
            batch_size=rng.choice([1, 1, 1, 2, 4, 8, 16, 32]),
            tokens=min(tokens, 512),
            left_out=rng.choice(["", "", "", "", *PARTS]),
            optimizer=rng.choice(["adam", "adam", "adam", "sgd"]),
        )
        # As many small shapes as large ones: a bound at random below the largest.
        if shape.products < MOST[engine] * math.exp(-rng.uniform(0, 5)):
            shapes.append(shape)
    return shapes


def probe_steps(shape: Shape, engine: str, patience: float = PATIENCE) -> tuple[float, float]:
    """(milliseconds of this thread of a step, once every weight has moved; the same in steps of
    the probe): the fastest of three turns of each, in which the probe goes first."""
    rng = random.Random(1)
    config = shape.config
    make = {"vector": VectorEngine, "scalar": ScalarEngine}[engine]
    model = make(config, OptimizerConfig(name=shape.optimizer), initial_weights(config, rng))
    if shape.optimizer == "adam":  # as late in a run: only the positions beyond all documents rest
        size = parameter_count(config)
        resting = range(0)
        if "positions" in config.parts:
            start = (shape.vocab_size + shape.tokens) * shape.n_embd
            resting = range(start, start + (shape.block_size - shape.tokens) * shape.n_embd)
        for kind, value in (("first_moment", 1e-4), ("second_moment", 1e-6)):
            values = array("d", [value]) * size
            values[resting.start : resting.stop] = array("d", [0.0]) * len(resting)
            model.write(kind, values)
    batches = [
        [
            [rng.randrange(shape.vocab_size) for _ in range(shape.tokens + 1)]
            for _ in range(shape.batch_size)
        ]
        for _ in range(3)
    ]
    if engine == "vector":  # its kernels are compiled at their first call
        model.loss_and_gradients(batches[0])
        model.adam_step(1e-4, 99)
    gc.collect()
    gc.freeze()
    turns: list[tuple[float, float]] = []
    for _ in range(3):
        probe = estimate.probe_ms(engine)
        times: list[float] = []
        while sum(times) < patience / 3 and len(times) < 20:
            began = time.thread_time()
            model.loss_and_gradients(batches[len(times) % 3])
            model.adam_step(1e-4, 100)
            times.append(time.thread_time() - began)
        turns.append((1000 * min(times), probe))
    gc.unfreeze()
    took, probe = map(min, zip(*turns, strict=True))
    return took, took / probe


def measure(out: Path, count: int, seed: int) -> None:
    """Measure the drawn shapes, and write what they took in steps of the probe."""
    found: dict[str, list[tuple[dict[str, object], float]]] = {}
    for engine in estimate.BUILTIN_ENGINES:
        found[engine] = []
        wide = WIDE if engine == "vector" else ()
        for shape in [Shape(), *drawn(count, engine, seed), *wide]:
            took, steps = probe_steps(shape, engine)
            found[engine].append((asdict(shape), steps))
            print(f"{engine} {took:10.2f} ms {steps:9.2f}  {shape}", flush=True)
    text = {"python": platform.python_version(), "sumprod": estimate.SUMPROD, "steps": found}
    out.write_text(json.dumps(text))


Terms = dict[str, float]


def solve(rows: Sequence[Terms], times: Sequence[float]) -> Terms:
    """Weights, none below 0, whose sums come nearest to the times, by the squares of the relative
    errors. One weight after the other goes to its best place, over and over."""
    names = list(rows[0])
    table = [[row[name] / t for name in names] for row, t in zip(rows, times, strict=True)]
    squares = [sum(row[j] ** 2 for row in table) for j in range(len(names))]
    weights, errors = [0.0] * len(names), [-1.0] * len(table)
    for _ in range(4000):
        for j, square in enumerate(squares):
            if square == 0:
                continue
            slope = sum(row[j] * error for row, error in zip(table, errors, strict=True))
            change = max(-slope / square, -weights[j])
            weights[j] += change
            errors = [e + change * row[j] for row, e in zip(table, errors, strict=True)]
    return dict(zip(names, weights, strict=True))


def fit(files: Sequence[Path]) -> None:
    """Print the weights, and how near they come to the steps that they were fitted to."""
    runs = [json.loads(file.read_text()) for file in files]
    for engine, sumprod in product(estimate.BUILTIN_ENGINES, (False, True)):
        scalar = engine == "scalar"
        some = [run for run in runs if run["sumprod"] == sumprod]
        pairs = [(Shape(**shape), took) for run in some for shape, took in run["steps"][engine]]
        if not pairs:
            continue
        longest = estimate.written_out(sumprod)
        rows = [
            estimate.scalar_terms(shape.estimated)
            if scalar
            else estimate.vector_terms(shape.estimated, longest)
            for shape, _ in pairs
        ]
        weights = solve(
            rows, [estimate.scalar_total(took) if scalar else took for _, took in pairs]
        )
        sums = [sum(weights[name] * count for name, count in row.items()) for row in rows]
        guesses = map(estimate.scalar_growth, sums) if scalar else sums
        off = [guess / took for guess, (_, took) in zip(guesses, pairs, strict=True)]
        print(f"# {engine}, sumprod {sumprod}: {len(off)} steps, {min(off):.2f} to {max(off):.2f}")
        print(
            json.dumps({name: float(f"{value:.3g}") for name, value in weights.items()}, indent=4)
        )


def check() -> int:
    """Print the ten unusual shapes; returns 1 if an estimate is too far off, else 0."""
    worst = 1.0
    print(f"Python {platform.python_version()}")
    for engine in estimate.BUILTIN_ENGINES:
        first = time.thread_time()
        scale = estimate.probe_ms(engine)
        print(f"{engine}: the probe took {1000 * (time.thread_time() - first):.0f} ms")
        print("  measured ms  estimated ms  ratio")
        for shape in UNUSUAL:
            took, steps = probe_steps(shape, engine)
            guess = estimate.probes(shape.estimated, engine)
            worst = max(worst, guess / steps, steps / guess)
            print(f"{took:13.2f} {scale * guess:13.2f} {guess / steps:6.2f}  {shape}", flush=True)
    print(f"off by a factor of {worst:.2f} at most; {BOUND} is the bound")
    return int(worst > BOUND)


def main() -> int:
    """Do what the command line asks for; returns the exit code."""
    words = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parts = words.add_subparsers(dest="what", required=True)
    one = parts.add_parser("measure")
    one.add_argument("out", type=Path)
    one.add_argument("--shapes", type=int, default=70)
    one.add_argument("--seed", type=int, default=0)
    parts.add_parser("fit").add_argument("files", type=Path, nargs="+")
    parts.add_parser("check")
    asked = words.parse_args()
    if asked.what == "fit":
        fit(asked.files)
        return 0
    with collector_paused():  # as in a run
        if asked.what == "check":
            return check()
        measure(asked.out, asked.shapes, asked.seed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
