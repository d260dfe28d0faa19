"""What each part of the model is worth: held-out losses of models that lack it from the start.

Run as `.venv/bin/python tools/parts.py`; `--rates` tries learning rates of SGD instead, `--json`
prints the figures as JSON, and `--steps` and `--seeds` make the table smaller or larger. `main()`
returns the exit code.

Every model is microgpt's default on names, trained by the vector engine with the default settings,
but for what its row says. The same seed gives the same documents in the same order, the same
held-out texts, and the same first weights of the parts that remain; so each model is compared with
the whole model of its own seed. All held-out texts are looked at, 3,000 names and more.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import random
import statistics
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from microgpt.config import PARTS, ModelConfig, ModelPart, OptimizerConfig
from microgpt.documents import load_names
from microgpt.parameters import initial_weights, parameter_count
from microgpt.tokenizer import CharTokenizer
from microgpt.trainer import Trainer
from microgpt.vector_engine import VectorEngine
from playground.lab.run.distinct import Distinct
from playground.lab.run.evaluation import loss_of
from playground.lab.run.split import shuffled, split
from playground.lab.spec import SGD_RATE, RunSpec
from playground.packed import PackedTexts

STEPS = 1000
SEEDS = (42, 43, 44)
RATES = (0.01, 0.03, 0.1, 0.3, 0.5, 0.7, 1.0, 2.0, 3.0)


@dataclasses.dataclass(frozen=True, slots=True)
class Variant:
    """A model and how it is trained."""

    name: str
    left_out: tuple[ModelPart, ...] = ()
    optimizer: OptimizerConfig = dataclasses.field(default_factory=OptimizerConfig)

    @property
    def model(self) -> ModelConfig:
        """The model over the letters of the names."""
        parts = tuple(part for part in PARTS if part not in self.left_out)
        return ModelConfig(27, parts=parts)


def sgd(rate: float) -> OptimizerConfig:
    """SGD with a learning rate."""
    return OptimizerConfig(rate, name="sgd")


TABLE = (
    Variant("the whole model, Adam"),
    *(Variant(f"without {part}", (part,)) for part in PARTS),
    Variant("without any of the five", PARTS),
    Variant(f"SGD, learning rate {SGD_RATE:g}", (), sgd(SGD_RATE)),
    Variant("SGD, Adam's learning rate 0.01", (), sgd(0.01)),
)


@cache
def _documents(seed: int) -> tuple[list[list[int]], list[list[int]], Any]:
    """(training documents, held-out documents, state of the stream that draws the weights)."""
    texts = PackedTexts(load_names())
    order, rng = shuffled(len(texts), seed)
    defaults = RunSpec()
    both = split(texts, Distinct(texts), order, defaults.holdout, defaults.holdout_by)
    tokenizer = CharTokenizer()
    tokenizer.train(texts)
    bos = tokenizer.bos_id

    def tokens(of: Iterable[str]) -> list[list[int]]:
        return [[bos, *tokenizer.encode(text), bos] for text in of]

    return tokens(both.train), tokens(both.heldout), rng.getstate()


def held_out_loss(variant: Variant, seed: int, steps: int) -> float:
    """The loss on all held-out texts after training, in nats a token; nan if it diverged."""
    train, heldout, state = _documents(seed)
    rng = random.Random()
    rng.setstate(state)
    model = variant.model
    engine = VectorEngine(model, variant.optimizer, initial_weights(model, rng))
    done = Trainer(engine, train, variant.optimizer, steps).train(steps)
    return math.nan if done.diverged is not None else loss_of(engine.losses(heldout)).mean


def measure(variants: Sequence[Variant], seeds: Sequence[int], steps: int) -> list[dict[str, Any]]:
    """For each variant its parameters, its losses by seed, and their differences from the first
    variant's, seed by seed."""
    found: list[dict[str, Any]] = []
    for variant in variants:
        losses = [held_out_loss(variant, seed, steps) for seed in seeds]
        first = found[0]["losses"] if found else losses
        found.append({
            "name": variant.name,
            "parameters": parameter_count(variant.model),
            "losses": losses,
            "costs": [loss - whole for loss, whole in zip(losses, first, strict=True)],
        })  # fmt: skip
    return found


def spread(values: Sequence[float], sign: str = "") -> str:
    """Mean ± standard deviation between the seeds."""
    lost = sum(not math.isfinite(value) for value in values)
    if lost:
        return f"diverges with {lost} of {len(values)} seeds"
    mean, size = statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{mean:{sign}.3f} ± {size:.3f}"


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The figures as a table in Markdown."""
    lines = ["| | parameters | held out, nats a token | more than the whole model |",
             "|---|---|---|---|"]  # fmt: skip
    for number, row in enumerate(rows):
        more = spread(row["costs"], "+") if number else ""
        lines.append(
            f"| {row['name']} | {row['parameters']:,} | {spread(row['losses'])} | {more} |"
        )
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rates", action="store_true", help="learning rates of SGD instead")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(argv)
    variants = TABLE
    if given.rates:
        variants = (TABLE[0], *(Variant(f"SGD, learning rate {r:g}", (), sgd(r)) for r in RATES))
    rows = measure(variants, given.seeds, given.steps)
    print(json.dumps(rows) if given.json else table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
