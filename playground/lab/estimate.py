"""Estimates the time of a training step before it is made.

The estimate counts the work of one step in a few terms, with weights fitted once to measured steps
of n_embd 8 to 64, 1 to 4 layers, vocabularies of 27 to 500. One quick run of the engine itself then
measures how fast this machine is.
"""

from __future__ import annotations

import gc
import math
import random
import time
from functools import cache

from microgpt.config import ModelConfig, OptimizerConfig
from microgpt.engine import EngineFactory
from microgpt.parameters import initial_weights, parameter_count

_SCALAR_GROWTH = 1.17
"""Exponent of the work: a growing graph of Values outgrows one CPU cache after the other."""


def estimate_step_ms(
    config: ModelConfig,
    tokens_per_document: float,
    engine: str = "vector",
    batch_size: int = 1,
) -> float:
    """Estimated milliseconds of one training step; NaN for the engines of plugins.

    tokens_per_document: predicted tokens, closing BOS included; cut to block_size here. The first
    call for an engine takes up to 30 ms.
    """
    if engine not in ("vector", "scalar"):
        return math.nan
    tokens = min(tokens_per_document, config.block_size)
    return _machine(engine) * _work(config, tokens, engine, batch_size)


def _work(config: ModelConfig, tokens: float, engine: str, batch_size: int) -> float:
    """Milliseconds of one step on the machine that the weights were fitted on."""
    n_embd, n_layer, vocab_size = config.n_embd, config.n_layer, config.vocab_size
    seen = tokens * batch_size
    attention, mlp = "attention" in config.parts, "mlp" in config.parts
    squares = 4 * attention + 8 * mlp
    products = seen * (squares * n_layer * n_embd**2 + vocab_size * n_embd)
    looks_back = n_layer * seen * tokens * attention
    if engine == "scalar":
        linear = 2.59e-3 * products + 5.60e-3 * looks_back * n_embd
        return float(linear**_SCALAR_GROWTH)
    rows = seen * ((4 * attention + 5 * mlp) * n_layer * n_embd + vocab_size)
    return (
        1.66e-4 * parameter_count(config)
        + 1.76e-5 * rows
        + 4.43e-5 * products
        + 2.77e-4 * looks_back * config.n_head
    )


@cache
def _machine(engine: str) -> float:
    """How many times as long this machine takes, measured on a few steps of a small model."""
    factory: EngineFactory
    if engine == "scalar":
        from microgpt.scalar_engine import ScalarEngine as factory

        config, tokens, most = ModelConfig(27, n_embd=8, n_head=2), 3, 3
    else:
        from microgpt.vector_engine import VectorEngine as factory

        config, tokens, most = ModelConfig(27), 7, 8
    optimizer = OptimizerConfig()
    model = factory(config, optimizer, initial_weights(config, random.Random(0)))
    document = [26, *range(tokens - 1), 26]
    collecting = gc.isenabled()
    gc.disable()  # as in the worker, which collects seldom
    try:
        best = math.inf
        deadline = time.perf_counter() + 0.02
        for step in range(most):
            began = time.perf_counter()
            model.loss_and_gradients([document])
            model.adam_step(0.01, step)
            best = min(best, time.perf_counter() - began)
            if time.perf_counter() > deadline:
                break
    finally:
        if collecting:
            gc.enable()
    return 1000 * best / _work(config, tokens, engine, 1)
