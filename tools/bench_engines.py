"""Measure the engines: how many times as fast as the scalar engine is the vector engine?

    python tools/bench_engines.py [--rounds N] [--quick]

Both engines train the default model on the embedded names, the same steps in turns; a ratio
within one run means something on a busy machine, a number of milliseconds hardly does.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import statistics
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from microgpt import (
    CharTokenizer,
    EngineFactory,
    ModelConfig,
    OptimizerConfig,
    ScalarEngine,
    Trainer,
    VectorEngine,
    initial_weights,
    load_names,
    parameter_count,
)

SCALAR_STEPS = 3  # a round of the scalar engine; the vector engine does more, being faster
VECTOR_STEPS = 60
SIZES: list[dict[str, int]] = [
    {"batch_size": 1},
    {"batch_size": 8},
    {"n_layer": 4},
    {"n_embd": 32},
    {"n_embd": 64, "block_size": 32},
    {"n_embd": 128, "block_size": 64, "n_layer": 2},
]


def trainer(engine: EngineFactory, batch_size: int = 1, **shape: int) -> Trainer:
    """A trainer on the embedded names. With a longer block_size, names are joined to fill it."""
    names = load_names()
    random.Random(42).shuffle(names)
    if shape.get("block_size", 16) > 16:
        names = [" ".join(names[i : i + 12]) for i in range(0, len(names), 12)]
    tokenizer = CharTokenizer()
    tokenizer.train(names)
    config = ModelConfig(tokenizer.vocab_size, **shape)
    bos = tokenizer.bos_id
    documents = [[bos, *tokenizer.encode(name), bos] for name in names[:2000]]
    optimizer = OptimizerConfig()
    weights = initial_weights(config, random.Random(42))
    return Trainer(engine(config, optimizer, weights), documents, optimizer, 10**6, batch_size)


def seconds_per_step(run: Trainer, steps: int) -> float:
    """Mean over `steps` steps, wherever the trainer now is."""
    start = time.perf_counter()
    for _ in range(steps):
        run.advance()
    return (time.perf_counter() - start) / steps


def compare(rounds: int) -> dict[str, float]:
    """Default model: median seconds per step of both engines, interleaved, and their ratio.

    Each round puts both at the same step, so that both see names of the same lengths: the
    vector engine's own steps are a multiple of those.
    """
    scalar, vector = trainer(ScalarEngine), trainer(VectorEngine)
    pairs = []
    for number in range(rounds):
        scalar.step = vector.step = number * SCALAR_STEPS
        scalar_time = seconds_per_step(scalar, SCALAR_STEPS)
        vector_times = []
        for _ in range(VECTOR_STEPS // SCALAR_STEPS):
            vector.step = number * SCALAR_STEPS
            vector_times.append(seconds_per_step(vector, SCALAR_STEPS))
        pairs.append((scalar_time, statistics.median(vector_times)))
    return {
        "scalar_ms": 1e3 * statistics.median(s for s, _ in pairs),
        "vector_ms": 1e3 * statistics.median(v for _, v in pairs),
        "ratio": statistics.median(s / v for s, v in pairs),
    }


def by_size(seconds: float) -> list[dict[str, Any]]:
    """The vector engine on larger models and batches, about `seconds` for each."""
    rows = []
    for size in SIZES:
        run = trainer(VectorEngine, **size)
        seconds_per_step(run, 2)
        first = seconds_per_step(run, 2)
        steps = max(2, int(seconds / first))
        start, tokens = time.perf_counter(), 0
        for _ in range(steps):
            tokens += run.advance().tokens
        elapsed = time.perf_counter() - start
        rows.append(
            {
                "size": ", ".join(f"{k} {v}" for k, v in size.items()),
                "parameters": parameter_count(run.engine.config),
                "ms": 1e3 * elapsed / steps,
                "tokens_per_second": tokens / elapsed,
            }
        )
    return rows


def main(argv: list[str] | None = None) -> dict[str, Any]:
    """Print the table, return the figures."""
    parser = argparse.ArgumentParser(description="Measure the engines.")
    parser.add_argument("--rounds", type=int, default=15, help="interleaved rounds (default 15)")
    parser.add_argument("--quick", action="store_true", help="only the ratio")
    parser.add_argument("--json", action="store_true", help="the figures as JSON")
    arguments = parser.parse_args(argv)
    figures: dict[str, Any] = {"python": platform.python_version(), **compare(arguments.rounds)}
    if not arguments.quick:
        figures["sizes"] = by_size(1.0)
    if arguments.json:
        print(json.dumps(figures, indent=1))
        return figures
    print(f"Python {figures['python']}, default model, embedded names, batch 1")
    print(f"  scalar engine  {figures['scalar_ms']:8.2f} ms a step")
    print(f"  vector engine  {figures['vector_ms']:8.2f} ms a step")
    print(f"  ratio          {figures['ratio']:8.1f} times as fast")
    for row in figures.get("sizes", ()):
        print(
            f"  {row['size']:42s} {row['parameters']:8,d} parameters {row['ms']:9.2f} ms a step "
            f"{row['tokens_per_second']:9,.0f} tokens/s"
        )
    return figures


if __name__ == "__main__":
    main()
