"""The compiled engines beside PyTorch, on models from tiny to large: ratios within rounds.

Run as `.venv-gallery/bin/python tools/ladder.py [--rounds 7] [--model NAME...] [--json]`, in the
environment that `make gallery` makes. PyTorch is left out, and the table says so, unless it is
installed there (`.venv-gallery/bin/python -m pip install torch`).

Everything runs on one thread and takes turns on the same documents: in each round each trains for
about the same time, measured as time of the processor, and a ratio compares two within one round.
The table gives the median, and the range over the rounds. PyTorch runs the same model in its usual
form (torch.nn.functional, fused Adam), with whichever form of attention is faster. C float32 is
the plain loop of tools/loop.c, compiled by cc for the one model, and "C in tiles" the same with
products written for the registers; without cc both are left out, and the table says so.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import math
import platform
import shutil
import statistics
import sys
import time
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from microgpt import ModelConfig, OptimizerConfig
from microgpt.documents import load_names
from microgpt.engine import Engine
from microgpt.parameters import parameter_layout
from microgpt.tokenizer import CharTokenizer
from microgpt.trainer import shuffle_and_init

ROUNDS = 7
SECONDS = 0.4
"""Seconds of the processor for which each one trains in a round; one step at the least."""
RESTING_RATE = 1e-9
"""The learning rate while the clock runs: an update has all its work, and the weights stay."""
WARM_UP = 20
"""Steps of training before the clock runs."""


@dataclass(frozen=True, slots=True)
class Size:
    """A model to train on names; a context longer than a name is filled with names, joined."""

    n_embd: int
    n_layer: int
    block_size: int
    batch_size: int = 1

    @property
    def name(self) -> str:
        batch = f"x{self.batch_size}" if self.batch_size > 1 else ""
        return f"{self.n_embd},{self.n_layer},{self.block_size}{batch}"


SIZES = (
    Size(16, 1, 16),
    Size(64, 2, 32),
    Size(128, 2, 64),
    Size(128, 4, 256, 4),
    Size(256, 4, 256, 2),
    Size(512, 8, 256),
)
Train = Callable[[Sequence[Sequence[int]]], float]
"""Trains a step for each document, or for so many as a batch has; returns the last mean loss."""


class Course:
    """The weights of a model and its documents."""

    def __init__(self, size: Size) -> None:
        names = load_names()
        tokenizer = CharTokenizer()
        long = size.block_size > 16
        tokenizer.train([*names, " "] if long else names)
        self.size = size
        self.config = ModelConfig(
            tokenizer.vocab_size, size.n_embd, 4, size.n_layer, size.block_size
        )
        self.weights, _ = shuffle_and_init(names, self.config, 42)
        if long:
            text = " ".join(names)
            starts = range(0, 400 * size.block_size, size.block_size)
            names = [text[start : start + size.block_size - 1] for start in starts]
        bos = tokenizer.bos_id
        self.documents = [[bos, *tokenizer.encode(name), bos] for name in names[:400]]


def of_engine(course: Course, engine: Engine) -> Train:
    """Train an engine of the playground, many steps in one call where it can."""
    batch = course.size.batch_size

    def train(documents: Sequence[Sequence[int]]) -> float:
        steps = len(documents) // batch
        if hasattr(engine, "train"):
            losses = engine.train(documents, array("d", [RESTING_RATE]) * steps, WARM_UP).losses
            return float(losses[-1])
        losses = []
        for step in range(steps):
            losses = engine.loss_and_gradients(documents[step * batch : (step + 1) * batch])
            engine.adam_step(RESTING_RATE, WARM_UP)
        every = [loss for one in losses for loss in one]
        return math.fsum(every) / len(every)

    return train


def of_c(course: Course, *, tiles: bool) -> Train:
    """Train tools/loop.c, compiled for this model, in one of its two forms. Raises ImportError."""
    loop = importlib.import_module("c_loop").CLoop(course.config, course.weights, tiles=tiles)
    batch = course.size.batch_size
    return lambda documents: loop.train(documents, batch, RESTING_RATE, WARM_UP)


def of_pytorch(course: Course, double: bool, whole: bool) -> Train:
    """Train the same model in PyTorch. whole: attention as one call, or as products and softmax.
    Raises ImportError."""
    import torch
    import torch.nn.functional as f

    torch.set_num_threads(1)
    config, batch = course.config, course.size.batch_size
    dtype = torch.float64 if double else torch.float32
    t, c, heads = config.block_size, config.n_embd, config.n_head
    w: dict[str, Any] = {}
    for spec in parameter_layout(config):
        values = torch.tensor(course.weights[spec.slice], dtype=dtype)
        w[spec.name] = values.reshape(spec.rows, spec.columns)
    for layer in range(config.n_layer):
        parts = [w.pop(f"layer{layer}.attn_w{part}") for part in "qkv"]
        w[f"layer{layer}.attn_qkv"] = torch.cat(parts)
    for one in w.values():
        one.requires_grad_()
    betas = (OptimizerConfig().beta1, OptimizerConfig().beta2)
    adam = torch.optim.Adam(w.values(), RESTING_RATE, betas, 1e-8, fused=True)
    mask = torch.full((t, t), -math.inf, dtype=dtype).triu(1)

    def norm(x: Any) -> Any:
        return f.rms_norm(x, (c,), eps=1e-5)

    def attend(x: Any, layer: int) -> Any:
        b, n, _ = x.shape
        qkv = f.linear(x, w[f"layer{layer}.attn_qkv"]).view(b, n, 3, heads, c // heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        if whole:
            y = f.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            scores = q @ k.transpose(2, 3) / math.sqrt(c // heads) + mask[:n, :n]
            y = scores.softmax(3) @ v
        return f.linear(y.transpose(1, 2).reshape(b, n, c), w[f"layer{layer}.attn_wo"])

    def step(documents: Sequence[Sequence[int]]) -> Any:
        longest = max(map(len, documents)) - 1
        tokens = torch.zeros(len(documents), longest, dtype=torch.long)
        targets = torch.full((len(documents), longest), -100)
        for i, document in enumerate(documents):
            tokens[i, : len(document) - 1] = torch.tensor(document[:-1])
            targets[i, : len(document) - 1] = torch.tensor(document[1:])
        x = norm(f.embedding(tokens, w["wte"]) + w["wpe"][:longest])
        for layer in range(config.n_layer):
            x = x + attend(norm(x), layer)
            hidden = f.relu(f.linear(norm(x), w[f"layer{layer}.mlp_fc1"]))
            x = x + f.linear(hidden, w[f"layer{layer}.mlp_fc2"])
        logits = f.linear(x, w["lm_head"])
        loss = f.cross_entropy(logits.flatten(0, 1), targets.flatten())
        adam.zero_grad()
        loss.backward()
        adam.step()
        return loss

    def train(documents: Sequence[Sequence[int]]) -> float:
        loss = None
        for start in range(0, len(documents), batch):
            loss = step([d[: t + 1] for d in documents[start : start + batch]])
        return float(loss.detach())

    return train


def runners(course: Course, only: Sequence[str]) -> dict[str, list[Train]]:
    """Whoever can train this model here, each in one form or in several."""
    found: dict[str, list[Train]] = {}
    optimizer = OptimizerConfig()
    for name, module, how in (
        ("numba", "microgpt_play_numba", {}),
        ("numba float32", "microgpt_play_numba", {"precision": "float32"}),
        ("numpy", "microgpt_play_numpy", {}),
    ):
        with contextlib.suppress(ImportError):
            plugin = importlib.import_module(module)
            engine = plugin.make_engine(course.config, optimizer, course.weights, **how)
            found[name] = [of_engine(course, engine)]
    with contextlib.suppress(ImportError):  # no compiler: left out
        for name, tiles in (("C float32", False), ("C in tiles", True)):
            found[name] = [of_c(course, tiles=tiles)]
    for name, double in (("torch", True), ("torch float32", False)):
        with contextlib.suppress(ImportError):
            found[name] = [of_pytorch(course, double, whole) for whole in (True, False)]
    return {name: forms for name, forms in found.items() if not only or name in only}


def seconds_of(train: Train, course: Course, steps: int) -> float:
    """Processor seconds of one of so many steps."""
    documents = course.documents[: steps * course.size.batch_size]
    began = time.process_time()
    train(documents)
    return (time.process_time() - began) / steps


def measure(size: Size, rounds: int, only: Sequence[str]) -> tuple[dict[str, list[float]], float]:
    """(microseconds a step of each, in each round; the largest relative difference of a loss before
    any update)."""
    course = Course(size)
    forms = runners(course, only)
    first = course.documents[: size.batch_size]
    losses = [train(first) for some in forms.values() for train in some]
    apart = max((abs(loss / losses[0] - 1) for loss in losses), default=0.0)
    trains = {
        name: min(some, key=lambda train: seconds_of(train, course, 1))
        for name, some in forms.items()
    }
    counts = {
        name: max(1, round(SECONDS / max(seconds_of(train, course, 3), 1e-7)))
        for name, train in trains.items()
    }
    took: dict[str, list[float]] = {name: [] for name in trains}
    most = len(course.documents) // size.batch_size
    # All of them train the same documents: a fast one repeats them a whole number of times.
    lap = min([most, *counts.values()])
    for number in range(rounds):
        start = number * lap % most * size.batch_size
        turned = course.documents[start:] + course.documents[:start]
        some = turned[: lap * size.batch_size]
        for name, train in trains.items():
            laps = max(1, counts[name] // lap)
            began = time.process_time()
            train(some * laps)
            took[name].append((time.process_time() - began) / (lap * laps) * 1e6)
    return took, apart


def processor() -> str:
    """The processor's name, as the system gives it."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def main() -> int:
    """Print the table; returns 0."""
    words = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    words.add_argument("--rounds", type=int, default=ROUNDS)
    words.add_argument("--model", action="append", help="n_embd,n_layer,block_size[xbatch]")
    words.add_argument("--only", action="append", default=[], help="this one alone")
    words.add_argument("--json", action="store_true")
    asked = words.parse_args()
    sizes = [size for size in SIZES if not asked.model or size.name in asked.model]
    table = {}
    if not asked.json:
        print(f"{processor()}, Python {platform.python_version()}, one thread, "
              f"medians and ranges of {asked.rounds} rounds\n")  # fmt: skip
        if shutil.which("cc") is None:
            print("C is left out: there is no C compiler cc here.\n")
    for size in sizes:
        took, apart = measure(size, asked.rounds, asked.only)
        table[size.name] = {"microseconds": took, "first_losses_apart": apart}
        if asked.json:
            continue
        base = took.get("torch") or next(iter(took.values()))
        print(f"{size.name:<14} losses before an update apart by {apart:.0e}")
        for name, times in took.items():
            ratios = [b / one for b, one in zip(base, times, strict=True)]
            print(
                f"    {name:<14} {statistics.median(times):12,.1f} us a step"
                f"   {statistics.median(ratios):7.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
                flush=True,
            )
    if asked.json:
        print(json.dumps({"processor": processor(), "models": table}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
