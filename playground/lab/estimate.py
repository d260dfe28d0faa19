"""Estimates the time of a training step before it is made.

The work of a step is counted in a few terms: the numbers that go through products, the pairs of
positions that look at each other, the parameters that Adam moves, and so on. What each term costs
was fitted once to measured steps of many shapes (tools/fit_estimate.py), relative to a probe: a few
steps of a small model. The probe runs once on the machine at hand, so that the machine and its
Python set the scale. All times are those of the thread, which other programs hardly disturb.

Steps that were made since say more than a probe: see `MeasuredSteps`, which also gives bounds for
engines that nothing was fitted to.
"""

from __future__ import annotations

import math
import random
import time
from dataclasses import dataclass, replace
from functools import cache

from microgpt.collector import collector_paused
from microgpt.config import ModelConfig, OptimizerConfig
from microgpt.engine import EngineFactory
from microgpt.parameters import initial_weights, parameter_count

BUILTIN_ENGINES = ("vector", "scalar")
"""The engines that weights were fitted to."""

SUMPROD = hasattr(math, "sumprod")
"""True from Python 3.12 on, where sums of products are C code."""

# Made by tools/fit_estimate.py: the steps of the probe that one of each term takes.
VECTOR_WEIGHTS: dict[bool, dict[str, float]] = {
    False: {
        "products": 9.03e-06,
        "products' numbers": 3.19e-05,
        "long products": 0.0,
        "long products' numbers": 4.69e-05,
        "hidden numbers": 9.91e-05,
        "pairs": 0.00122,
        "pairs' numbers": 0.000239,
        "pairs of heads": 0.000363,
        "logits": 0.000312,
        "stream": 0.000805,
        "blocks": 0.0505,
        "adam parameters": 0.000297,
        "adam unseen": 0.000199,
        "sgd parameters": 2.34e-06,
        "sgd unseen": 0.0,
        "far parameters": 7.94e-05,
        "wide parameters": 0.000107,
        "wide numbers": 1.25e-05,
    },
    True: {
        "products": 0.0,
        "products' numbers": 2.47e-05,
        "long products": 5.58e-05,
        "long products' numbers": 2.36e-05,
        "hidden numbers": 0.000102,
        "pairs": 0.00132,
        "pairs' numbers": 0.000228,
        "pairs of heads": 0.000484,
        "logits": 0.000408,
        "stream": 0.00123,
        "blocks": 0.0265,
        "adam parameters": 0.000354,
        "adam unseen": 0.000176,
        "sgd parameters": 4.34e-05,
        "sgd unseen": 0.0,
        "far parameters": 0.000146,
        "wide parameters": 1.67e-05,
        "wide numbers": 7.01e-06,
    },
}
"""Without and with math.sumprod."""
SCALAR_WEIGHTS: dict[bool, dict[str, float]] = {
    False: {
        "products": 0.0,
        "products' numbers": 0.0005,
        "pairs' numbers": 0.000641,
        "pairs of heads": 0.00243,
        "logits": 0.000698,
        "stream": 0.0,
        "parameters": 9.07e-06,
        "adam parameters": 7.35e-05,
    },
    True: {
        "products": 0.0,
        "products' numbers": 0.000488,
        "pairs' numbers": 0.000768,
        "pairs of heads": 0.00211,
        "logits": 0.000643,
        "stream": 0.0,
        "parameters": 9.07e-06,
        "adam parameters": 7.35e-05,
    },
}
"""Without and with math.sumprod. The optimizer's code is the same in both, and so are its terms, of
which one Python's shapes tell too little: those of the fit with math.sumprod."""
SCALAR_GROWTH = 1.15
"""Exponent of the scalar engine's sum: a growing graph outgrows one cache after the other."""
SCALAR_OUTGROWN = 20.0
"""The sum from which on no cache holds the graph, and the time grows as the sum does."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What decides how long a step takes."""

    config: ModelConfig
    tokens: float
    """Predicted tokens of a document, closing BOS included; cut to block_size wherever they
    count."""
    batch_size: int = 1
    optimizer: str = "adam"

    @property
    def seen(self) -> float:
        """Predicted tokens of a document, no more than the model sees."""
        return min(self.tokens, self.config.block_size)


@dataclass(frozen=True, slots=True)
class Estimate:
    """Bounds of the milliseconds of a step; both are the same where there is one estimate."""

    least: float
    most: float

    @property
    def ms(self) -> float:
        """The middle, by ratio."""
        return math.sqrt(self.least * self.most)

    @property
    def rough(self) -> bool:
        """True if the bounds are so far apart that no single number says it."""
        return self.most > 1.5 * self.least


def estimate_step_ms(
    config: ModelConfig,
    tokens_per_document: float,
    engine: str = "vector",
    batch_size: int = 1,
    optimizer: str = "adam",
) -> float:
    """Estimated milliseconds of one training step; NaN for the engines of plugins.

    tokens_per_document: predicted tokens, closing BOS included; cut to block_size here. The first
    call for an engine takes up to 30 ms.
    """
    if engine not in BUILTIN_ENGINES:
        return math.nan
    return _probe(engine) * probes(
        Shape(config, tokens_per_document, batch_size, optimizer), engine
    )


def probes(shape: Shape, engine: str) -> float:
    """Estimated steps of the probe that a step takes. engine: one of BUILTIN_ENGINES."""
    if engine == "scalar":
        return scalar_growth(_total(scalar_terms(shape), SCALAR_WEIGHTS[SUMPROD]))
    return _total(vector_terms(shape), VECTOR_WEIGHTS[SUMPROD])


def scalar_growth(total: float) -> float:
    """Steps of the probe that a sum of the scalar engine's terms stands for."""
    return total * math.pow(min(total, SCALAR_OUTGROWN), SCALAR_GROWTH - 1)


def scalar_total(probes: float) -> float:
    """The inverse of `scalar_growth`."""
    outgrown = scalar_growth(SCALAR_OUTGROWN)
    if probes > outgrown:
        return probes / outgrown * SCALAR_OUTGROWN
    return math.pow(probes, 1 / SCALAR_GROWTH)


def _total(terms: dict[str, float], weights: dict[str, float]) -> float:
    return sum(weights[name] * count for name, count in terms.items())


@cache
def _probe(engine: str) -> float:
    return probe_ms(engine)


class MeasuredSteps:
    """What steps took that were made, and what steps of other shapes would take by that."""

    MOST = 8
    """Shapes that are kept of an engine, the newest."""

    def __init__(self) -> None:
        self._known: dict[str, dict[Shape, tuple[Shape, float]]] = {}

    def note(self, engine: str, shape: Shape, ms: float) -> None:
        """Note what a step takes on average, as last measured. engine: a qualified name, or one of
        BUILTIN_ENGINES."""
        known = self._known.setdefault(engine, {})
        key = replace(shape, tokens=0.0)  # the mean of a run's documents changes from step to step
        known.pop(key, None)
        known[key] = shape, ms
        while len(known) > self.MOST:
            del known[next(iter(known))]

    def estimate(self, engine: str, shape: Shape) -> Estimate | None:
        """What a step would take; None where nothing is known. engine: as in `note`.

        The built-in engines have a fit, which the newest measured shape scales. Of another engine
        nothing is known but that its time is a sum of terms, each with a cost of its own: between
        two shapes such a sum grows by no less than the term that grows least, and by no more than
        the one that grows most.
        """
        known = list(self._known.get(engine, {}).values())
        if engine in BUILTIN_ENGINES:
            scale = known[-1][1] / probes(known[-1][0], engine) if known else _probe(engine)
            ms = scale * probes(shape, engine)
            return Estimate(ms, ms)
        bounds = [_bounds(one, ms, shape) for one, ms in known]
        least = max((bound.least for bound in bounds), default=0.0)
        most = min((bound.most for bound in bounds), default=math.inf)
        if math.isinf(most):
            return None
        # Shapes that were measured at different moments may contradict each other by a little.
        return Estimate(min(least, most), max(least, most))


def _bounds(known: Shape, ms: float, shape: Shape) -> Estimate:
    """What a step of `shape` takes at least and at most if one of `known` takes so many ms."""
    ratios = [
        new / old if old else math.inf
        for old, new in zip(_any_terms(known), _any_terms(shape), strict=True)
        if old or new
    ]
    return Estimate(ms * min(ratios), ms * max(ratios))


def _any_terms(shape: Shape) -> tuple[float, ...]:
    """What a step of any engine may spend its time on."""
    config, n = shape.config, shape.seen * shape.batch_size
    c, layers = config.n_embd, config.n_layer
    attention, mlp = "attention" in config.parts, "mlp" in config.parts
    pairs = layers * attention * n * (shape.seen + 1) / 2
    return (
        1.0,  # what a step costs however small it is
        shape.batch_size,
        layers * (attention + mlp) + 1.0,  # calls
        n,
        n * layers * (attention + mlp) + n,
        n * config.vocab_size,
        n * c * (layers * (attention + mlp) + 1),
        n * c * config.vocab_size,
        n * layers * (4 * attention + 8 * mlp) * c**2,
        pairs * config.n_head,
        pairs * c,
        parameter_count(config),
    )


_NEAR = 30_000
"""Parameters that the processor's nearer caches hold, roughly, with their gradients and moments."""


def written_out(sumprod: bool) -> int:
    """The longest product that the vector engine's kernels write out; longer ones are C code."""
    return 16 if sumprod else 192


def vector_terms(shape: Shape, longest: int = written_out(SUMPROD)) -> dict[str, float]:
    """What a step of the vector engine does, kernel by kernel.

    longest: of the products that the kernels write out; what is longer counts as `long`.
    """
    config, tokens, batch_size = shape.config, shape.seen, shape.batch_size
    c, v, layers = config.n_embd, config.vocab_size, config.n_layer
    n = tokens * batch_size
    attention, mlp = "attention" in config.parts, "mlp" in config.parts
    terms = dict.fromkeys(VECTOR_TERMS, 0.0)

    def products(count: float, length: float) -> None:
        kind = "" if length <= longest else "long "
        terms[f"{kind}products"] += count
        terms[f"{kind}products' numbers"] += count * length

    products(n * v, c)  # logits
    products(n * c, v)  # back through them
    products(v * c, n)  # the gradient of lm_head
    if attention:
        products(layers * n * 4 * c, c)
        products(layers * n * c, c)
        products(layers * n * c, 3 * c)
        products(layers * 4 * c * c, n)
        pairs = layers * batch_size * tokens * (tokens + 1) / 2
        terms["pairs"] = pairs
        terms["pairs' numbers"] = pairs * c
        terms["pairs of heads"] = pairs * config.n_head
    if mlp:
        products(layers * n * 6 * c, c)
        terms["hidden numbers"] = layers * n * 4 * c * c
    terms["logits"] = n * v
    blocks = layers * (attention + mlp)
    terms["stream"] = n * c * (blocks + 2)
    terms["blocks"] = blocks + 1
    unread = max(0.0, config.block_size - tokens) * c * ("positions" in config.parts)
    kept = parameter_count(config) - unread  # the rows of wpe beyond every document rest
    unseen = max(0.0, v - n) * c
    terms[f"{shape.optimizer} parameters"] = kept - unseen
    terms[f"{shape.optimizer} unseen"] = unseen
    terms["far parameters"] = max(0.0, kept - _NEAR)
    terms["wide parameters"] = kept * max(0.0, math.log2(c / 32))
    terms["wide numbers"] = kept * n * (c > 64)  # kernels of more than 256 local variables
    return terms


VECTOR_TERMS = (
    "products",
    "products' numbers",
    "long products",
    "long products' numbers",
    "hidden numbers",
    "pairs",
    "pairs' numbers",
    "pairs of heads",
    "logits",
    "stream",
    "blocks",
    "adam parameters",
    "adam unseen",
    "sgd parameters",
    "sgd unseen",
    "far parameters",
    "wide parameters",
    "wide numbers",
)


def scalar_terms(shape: Shape) -> dict[str, float]:
    """What a step of the scalar engine does, mostly in Values of its graph."""
    config, tokens, batch_size = shape.config, shape.seen, shape.batch_size
    c, v, layers = config.n_embd, config.vocab_size, config.n_layer
    n = tokens * batch_size
    attention, mlp = "attention" in config.parts, "mlp" in config.parts
    terms = dict.fromkeys(SCALAR_TERMS, 0.0)
    terms["products' numbers"] = n * (layers * (4 * attention + 8 * mlp) * c * c + v * c)
    outputs = layers * (4 * attention + 5 * mlp) * c + v
    terms["products"] = n * outputs
    if attention:
        pairs = layers * batch_size * tokens * (tokens + 1) / 2
        terms["pairs' numbers"] = pairs * c
        terms["pairs of heads"] = pairs * config.n_head
    terms["logits"] = n * v
    terms["stream"] = n * c * (layers * (attention + mlp) + 2)
    terms["parameters"] = parameter_count(config)
    terms["adam parameters"] = parameter_count(config) * (shape.optimizer == "adam")
    return terms


SCALAR_TERMS = (
    "products",
    "products' numbers",
    "pairs' numbers",
    "pairs of heads",
    "logits",
    "stream",
    "parameters",
    "adam parameters",
)


def probe_ms(engine: str) -> float:
    """Milliseconds of this thread that a step of the probe takes here; takes up to 30 ms itself."""
    factory: EngineFactory
    if engine == "scalar":
        from microgpt.scalar_engine import ScalarEngine as factory

        config, tokens = ModelConfig(16, n_embd=8, n_head=2), 2
    else:
        from microgpt.vector_engine import VectorEngine as factory

        config, tokens = ModelConfig(27, n_embd=8, n_head=2), 4
    began = time.thread_time()
    model = factory(config, OptimizerConfig(), initial_weights(config, random.Random(0)))
    document = [0, *range(1, tokens), 0]
    with collector_paused():  # as in a run
        best = math.inf
        for step in range(10):
            before = time.thread_time()
            model.loss_and_gradients([document])
            model.adam_step(0.01, step)
            now = time.thread_time()
            best = min(best, now - before)
            if now - began > 0.012:
                break
    return 1000 * best
