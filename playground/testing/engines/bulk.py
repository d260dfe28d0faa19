"""Many steps in one call: bit for bit the same as single steps."""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import Sequence

from microgpt.config import ModelConfig
from microgpt.engine import STATE_KINDS, BulkEngine, Engine, Steps
from playground.testing.contract import ContractError
from playground.testing.engines.comparing import check_numbers, check_rows
from playground.testing.engines.nonfinite import possible_and_impossible
from playground.testing.engines.refusals import IMPOSSIBLE, refuse
from playground.testing.engines.subject import BATCH, SMALL, Subject, clause, move, take_steps

_NOT_BULK = "the engine has no train"

_MEAN_REL = 1e-14
"""The largest relative difference of mean losses. Token losses are equal bit for bit, but their
mean may be summed in any order: Python's own sum() rounds otherwise since 3.12."""

Documents = Sequence[Sequence[int]]


def _one_by_one(
    engine: Engine, documents: Documents, rates: Sequence[float], step: int
) -> tuple[list[float], list[list[float]], int]:
    """The result that train should give: mean losses, token losses of the last step, tokens."""
    size = len(documents) // len(rates)
    means: list[float] = []
    rows: list[list[float]] = []
    tokens = 0
    for i, rate in enumerate(rates):
        rows = engine.loss_and_gradients(documents[i * size : (i + 1) * size])
        count = sum(map(len, rows))
        tokens += count
        means.append(sum(map(sum, rows)) / count)
        if not math.isfinite(means[-1]):
            break
        engine.adam_step(rate, step + i)
    return means, rows, tokens


def _compare(
    subject: Subject,
    what: str,
    many: BulkEngine,
    single: Engine,
    documents: Documents,
    rates: Sequence[float],
    step: int,
) -> None:
    """Compare `train` of `many` with single steps of `single`, which is in the same state."""
    steps = many.train(documents, rates, step)
    means, rows, tokens = _one_by_one(single, documents, rates, step)
    if not isinstance(steps, Steps) or not isinstance(steps.losses, array):
        raise ContractError(
            f"{what}: a {type(steps).__name__}", "return microgpt.engine.Steps, losses an array"
        )
    advice = "do in train what loss_and_gradients and adam_step do in turns"
    subject.check_numbers(f"{what}: the losses", steps.losses, means, advice, _MEAN_REL, 0)
    last = f"{what}: the token losses of the last step in losses"
    check_rows(last, steps.token_losses, rows, advice, 0, 0)
    if steps.tokens != tokens:
        raise ContractError(
            f"{what}: tokens is {steps.tokens!r} instead of {tokens}",
            "count the predictions of all steps in losses",
        )
    for kind in STATE_KINDS:
        where = f"{what}: the {kind.replace('_', ' ')} afterwards"
        check_numbers(where, many.read(kind), single.read(kind), advice, 0, 0)
    where = f"{what}: losses() afterwards"
    check_rows(where, many.losses(documents), single.losses(documents), advice, 0, 0)
    where = f"{what}: the logits of a decoder afterwards"
    check_numbers(where, many.decoder().push(0), single.decoder().push(0), advice, 0, 0)


@clause(
    "train-is-single-steps",
    "train gives, bit for bit, the losses, weights, moments and gradients of single steps",
)
def train_is_single_steps(subject: Subject) -> str | None:
    """Trains with one document a step and with three, in several calls with single steps between
    them, and at last in an engine into which the run was moved."""
    configs = [SMALL, ModelConfig(9, n_embd=15, n_head=3, n_layer=1, block_size=7)]
    for config in configs[: subject.size(2, 1)]:
        for size in (1, 3):
            rng = random.Random(size)
            many, single = subject.make(config), subject.make(config)
            if not isinstance(many, BulkEngine):
                return _NOT_BULK
            step = 0
            for count in (5, 1, 4):
                if count == 4:
                    fresh = subject.make(config, seed=9)
                    assert isinstance(fresh, BulkEngine)
                    fresh.train([[0, 0]], [0.1], 0)  # so that `fresh` has something to forget
                    move(many, fresh)
                    many = fresh
                documents = [
                    [rng.randrange(config.vocab_size) for _ in range(rng.randint(2, 10))]
                    for _ in range(size * count)
                ]
                # Rates as irregular as knobs that a person turns; one of them 0.
                rates = array("d", [rng.choice((0.0, 0.003, 0.02, 0.05)) for _ in range(count)])
                what = f"{count} steps from step {step}, {size} documents each"
                _compare(subject, what, many, single, documents, rates, step)
                step += count
                take_steps(many, [BATCH], step)
                take_steps(single, [BATCH], step)
                step += 1
    return None


@clause(
    "train-stops-where-the-loss-is-not-finite",
    "train stops at the first loss that is not finite: it is the last in losses, its update is"
    " not made, and the steps after it are not tried",
)
def train_stops_where_the_loss_is_not_finite(subject: Subject) -> str | None:
    """Puts such a loss into each of 4 steps, with one document a step and with two."""
    possible, impossible = [2, 0, 0], [2, 0, 1]
    for size in (1, 2):
        for place in range(4):
            many, single = possible_and_impossible(subject), possible_and_impossible(subject)
            if not isinstance(many, BulkEngine):
                return _NOT_BULK
            documents = [possible] * (4 * size)
            documents[(place + 1) * size - 1] = impossible
            what = f"the {place + 1}. of 4 steps, {size} documents each, with a loss of inf"
            rates = [0.01, 0.02, 0.03, 0.04]
            _compare(subject, what, many, single, documents, rates, 0)
    return None


@clause(
    "train-refuses-what-cannot-be",
    "train refuses documents that cannot be shared out evenly, and those that loss_and_gradients"
    " refuses, with ValueError before anything has changed; no steps at all are no steps",
)
def train_refuses_what_cannot_be(subject: Subject) -> str | None:
    """Tries also several steps of which only the last is impossible."""
    engine = subject.make()
    if not isinstance(engine, BulkEngine):
        return _NOT_BULK
    bulk: BulkEngine = engine
    take_steps(bulk, [BATCH], 0)
    good = [list(document) for document in BATCH]

    def check(what: str, documents: Documents, rates: list[float]) -> None:
        advice = "check all documents and their number before the first step"
        refuse(bulk, what, lambda: bulk.train(documents, rates, 1), advice)

    check("3 documents for 2 steps", good, [0.1, 0.1])
    check("3 documents for 4 steps", good, [0.1] * 4)
    check("3 documents for 0 steps", good, [])
    check("no documents for 2 steps", [], [0.1, 0.1])
    for what, batch in IMPOSSIBLE.items():
        documents = [good[0]] * (4 * len(batch)) + batch
        check(f"{what} in the last of 5 steps", documents, [0.1] * 5)
    steps = bulk.train([], [], 1)
    if len(steps.losses) or len(steps.token_losses) or steps.tokens:
        raise ContractError(
            f"no documents for 0 steps give {steps!r}", "give Steps with nothing in it"
        )
    return None


CLAUSES = (
    train_is_single_steps,
    train_stops_where_the_loss_is_not_finite,
    train_refuses_what_cannot_be,
)
