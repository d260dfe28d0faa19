"""Models and batches to try an engine on, and the results of the reference."""

from __future__ import annotations

import random
from array import array
from dataclasses import dataclass
from functools import lru_cache

from microgpt.config import ModelConfig, OptimizerConfig, linear_decay
from microgpt.documents import load_names
from microgpt.engine import Engine
from microgpt.parameters import parameter_count
from microgpt.scalar_engine import ScalarEngine
from microgpt.tokenizer import CharTokenizer
from microgpt.trainer import shuffle_and_init
from microgpt.vector_engine import VectorEngine

Batch = tuple[tuple[int, ...], ...]

SCALAR_WORK = 50_000
"""The most `Case.work` for the scalar engine at once: about 0.1 s."""
VECTOR_WORK = 1_500_000


@dataclass(frozen=True, slots=True)
class Case:
    """A model with random weights, and a batch for it."""

    config: ModelConfig
    batch: Batch
    seed: int
    spread: float
    """Standard deviation of the weights: 0.08 as at the start, or more so that all paths carry."""

    @property
    def work(self) -> int:
        """Weights times tokens: about the number of multiplications."""
        tokens = sum(min(self.config.block_size, len(document) - 1) for document in self.batch)
        return parameter_count(self.config) * tokens

    def weights(self) -> array[float]:
        """The weights, flat float64, the same for every engine."""
        gauss = random.Random(self.seed).gauss
        count = parameter_count(self.config)
        return array("d", [gauss(0, self.spread) for _ in range(count)])

    def __str__(self) -> str:
        c = self.config
        lengths = ", ".join(str(len(document)) for document in self.batch)
        return (
            f"vocab_size {c.vocab_size}, n_embd {c.n_embd}, n_head {c.n_head}, n_layer {c.n_layer}"
            f", block_size {c.block_size}, documents of {lengths} tokens, weights of {self.spread}"
        )


EDGES = (
    Case(ModelConfig(1, n_embd=1, n_head=1, block_size=1), ((0, 0), (0, 0, 0)), 1, 0.3),
    Case(ModelConfig(2, n_embd=7, n_head=7, block_size=16), ((1, 0, 1, 1, 0) * 4,), 2, 0.3),
    Case(
        ModelConfig(40, n_embd=16, n_head=8, n_layer=3, block_size=2),
        ((39, 0, 39), (7, 39)),
        3,
        0.3,
    ),
)
"""The ends of every range, at a size for the scalar engine."""

WIDE = Case(ModelConfig(27, n_embd=32, block_size=8), ((26, 4, 12, 12, 0, 26),), 4, 0.3)
WIDEST = Case(
    ModelConfig(40, n_embd=64, n_head=8, n_layer=3),
    (tuple(range(20, 40)), (39, 0), tuple(range(12))),
    5,
    0.08,
)
"""WIDE and WIDEST are too wide for the scalar engine; even a slow engine is tried on WIDE."""


@lru_cache(maxsize=8)
def cases(seed: int, count: int, limit: int) -> tuple[Case, ...]:
    """`count` cases of at most `limit` work; the same for the same arguments.

    n_layer 1 to 3, n_head 1 to 8, head_dim 1 to 8, block_size 1 to 16, vocab_size 1 to 40, one
    to four documents, of two tokens up to a few more than the model looks at.
    """
    rng = random.Random(seed)
    drawn: list[Case] = []
    while len(drawn) < count:
        case = _draw(rng)
        if case.work <= limit:
            drawn.append(case)
    return tuple(drawn)


def _draw(rng: random.Random) -> Case:
    n_head = rng.randint(1, 8)
    config = ModelConfig(
        vocab_size=rng.randint(1, 40),
        n_embd=n_head * rng.randint(1, 8),
        n_head=n_head,
        n_layer=rng.randint(1, 3),
        block_size=rng.randint(1, 16),
    )
    lengths = [rng.randint(2, config.block_size + 4) for _ in range(rng.randint(1, 4))]
    batch = tuple(
        tuple(rng.randrange(config.vocab_size) for _ in range(length)) for length in lengths
    )
    return Case(config, batch, rng.randrange(2**32), rng.choice((0.08, 0.3, 0.8)))


@lru_cache(maxsize=256)
def expected(case: Case) -> tuple[list[list[float]], array[float]]:
    """Losses and gradients of the reference. They are cached: do not change them."""
    factory = ScalarEngine if case.work <= SCALAR_WORK else VectorEngine
    engine: Engine = factory(case.config, OptimizerConfig(), case.weights())
    losses = engine.loss_and_gradients(case.batch)
    return losses, engine.read("gradients")


# ---------------------------------------------------------------- a run on the embedded names

NAMES_STEPS = 200
NAMES_SEED = 42


@lru_cache(maxsize=1)
def names() -> tuple[ModelConfig, array[float], Batch]:
    """The default model, its first weights, and the first documents, of seed 42."""
    documents = load_names()
    tokenizer = CharTokenizer(set("".join(documents)))
    config, bos = ModelConfig(tokenizer.vocab_size), tokenizer.bos_id
    weights, _ = shuffle_and_init(documents, config, NAMES_SEED)
    batch = tuple((bos, *tokenizer.encode(name), bos) for name in documents[:NAMES_STEPS])
    return config, weights, batch


def names_run(engine: Engine, steps: int) -> list[float]:
    """The mean losses of the first steps of the default run, one document a step."""
    _, _, documents = names()
    losses = []
    for step in range(steps):
        (row,) = engine.loss_and_gradients([documents[step]])
        losses.append(sum(row) / len(row))
        engine.adam_step(linear_decay(0.01, step, 1000), step)
    return losses


@lru_cache(maxsize=4)
def names_losses(reference: type[ScalarEngine] | type[VectorEngine], steps: int) -> list[float]:
    """The losses of the run in a built-in engine. The list is cached: do not change it."""
    config, weights, _ = names()
    return names_run(reference(config, OptimizerConfig(), weights), steps)
