"""Losses, gradients and the update: the numbers of the scalar engine, and those of the paper."""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import Sequence

from microgpt.config import ModelConfig, OptimizerConfig
from microgpt.gradient_check import check_gradient
from microgpt.parameters import parameter_count
from microgpt.scalar_engine import ScalarEngine
from microgpt.vector_engine import VectorEngine
from playground.testing.contract import ContractError
from playground.testing.engines.cases import (
    EDGES,
    NAMES_STEPS,
    SCALAR_WORK,
    VECTOR_WORK,
    WIDE,
    WIDEST,
    Case,
    cases,
    expected,
    names,
    names_losses,
    names_run,
)
from playground.testing.engines.comparing import check_numbers
from playground.testing.engines.subject import BATCH, SMALL, Subject, clause

_READ_SCALAR = "compare, operation by operation, with microgpt/scalar_engine.py"


def _compare(subject: Subject, drawn: Sequence[Case]) -> None:
    for case in drawn:
        losses, gradients = expected(case)
        engine = subject.make(case.config, case.weights())
        given = engine.loss_and_gradients(case.batch)
        subject.check_rows(f"with {case}: the losses", given, losses, _READ_SCALAR)
        mine = engine.read("gradients")
        subject.check_gradients(f"with {case}", case.config, mine, gradients, _READ_SCALAR)


@clause(
    "losses-and-gradients",
    "for random small models and batches, losses and gradients are the scalar engine's to 1e-9",
)
def losses_and_gradients(subject: Subject) -> None:
    """Varies shapes, heads, layers, batches, and documents shorter and longer than the block."""
    drawn = cases(2017, 20, SCALAR_WORK)
    _compare(subject, (*EDGES, *drawn[: subject.size(20, 8)]))


@clause(
    "larger-models",
    "for random larger models and batches, losses and gradients are the vector engine's to 1e-9",
)
def larger_models(subject: Subject) -> None:
    """Uses sizes at which engines unroll or tile loops, or call another library."""
    _compare(subject, subject.size((WIDE, WIDEST, *cases(1706, 8, VECTOR_WORK)), (WIDE,)))


@clause(
    "mean-over-all-tokens",
    "the gradients of a batch are those of the mean over all its tokens, not over its documents",
)
def mean_over_all_tokens(subject: Subject) -> None:
    """Compares with the engine's own gradients of each document, weighted by its tokens."""
    engine = subject.make()
    together = engine.loss_and_gradients(BATCH)
    mine = engine.read("gradients")
    tokens = sum(map(len, together))
    sums = [0.0] * len(mine)
    alone: list[list[float]] = []
    for document in BATCH:
        (row,) = engine.loss_and_gradients([document])
        alone.append(row)
        share = len(row) / tokens
        sums = [s + share * g for s, g in zip(sums, engine.read("gradients"), strict=True)]
    advice = "divide the gradient of every token by the number of tokens in the whole batch"
    subject.check_rows("the losses, against those of single documents", together, alone, advice)
    what = f"documents of {', '.join(str(len(row)) for row in alone)} tokens"
    subject.check_gradients(what, SMALL, mine, array("d", sums), advice)


@clause(
    "one-token-documents",
    "a document with a single token to predict has one loss, and gradients as any other",
)
def one_token_documents(subject: Subject) -> None:
    """Attention then sees one token only, so that queries and keys have gradients of 0."""
    for vocab_size, block_size in ((5, 6), (5, 1), (1, 1)):
        config = ModelConfig(vocab_size, n_embd=6, n_head=3, n_layer=2, block_size=block_size)
        last = vocab_size - 1
        _compare(
            subject,
            [
                Case(config, ((last, 0),), 11, 0.3),
                Case(config, ((last, last), (0, last), (last, 0)), 12, 0.3),
            ],
        )


@clause(
    "cut-off-at-block-size",
    "of a document longer than block_size + 1 only the first block_size predictions count",
)
def cut_off_at_block_size(subject: Subject) -> None:
    """Compares losses and gradients with those of the document's beginning alone."""
    rng = random.Random(5)
    document = [rng.randrange(SMALL.vocab_size) for _ in range(3 * SMALL.block_size)]
    cut = document[: SMALL.block_size + 1]
    engine, other = subject.make(), subject.make()
    advice = "read document[: block_size + 1] and no more"
    long, short = engine.loss_and_gradients([document, BATCH[0]]), [cut, list(BATCH[0])]
    subject.check_rows("the losses", long, other.loss_and_gradients(short), advice, 1e-12)
    mine, whole = engine.read("gradients"), other.read("gradients")
    subject.check_gradients("a document that is too long", SMALL, mine, whole, advice)
    subject.check_rows("losses()", engine.losses([document]), other.losses([cut]), advice, 1e-12)


@clause(
    "batches-of-any-size",
    "one engine takes batches of one document and of many, in any order",
)
def batches_of_any_size(subject: Subject) -> None:
    """Alternates large and small batches, to find remains of a large one in the next."""
    rng = random.Random(4)
    engine = subject.make()
    other = VectorEngine(SMALL, OptimizerConfig(), engine.read("weights"))
    for count in (1, subject.size(70, 20), 2, 1, 33):
        batch = [[rng.randrange(5) for _ in range(rng.randint(2, 7))] for _ in range(count)]
        what = f"a batch of {count} documents"
        advice = "make room for each batch, and leave out what is left there of others"
        given = engine.loss_and_gradients(batch)
        subject.check_rows(f"{what}: the losses", given, other.loss_and_gradients(batch), advice)
        mine, others = engine.read("gradients"), other.read("gradients")
        subject.check_gradients(what, SMALL, mine, others, advice)


_OPTIMIZERS = (
    OptimizerConfig(),
    OptimizerConfig(beta1=0.9, beta2=0.999),
    OptimizerConfig(beta1=0.8, beta2=0.9, eps=1e-3),
    OptimizerConfig(beta1=0.0, beta2=0.0, eps=1e-2),
)


@clause(
    "adam",
    "the update is Adam's (Kingma & Ba 2014, algorithm 1), with the constants of OptimizerConfig",
)
def adam(subject: Subject) -> None:
    """Compares weights and moments after several steps, with step 0 and with learning rate 0."""
    count = parameter_count(SMALL)
    rng = random.Random(8)
    for optimizer in _OPTIMIZERS:
        beta1, beta2, eps = optimizer.beta1, optimizer.beta2, optimizer.eps
        weights = array("d", [rng.gauss(0, 1) for _ in range(count)])
        engine = subject.make(weights=weights, optimizer=optimizer)
        m, v, w = [0.0] * count, [0.0] * count, list(weights)
        # Learning rate and step: steps in a row, a jump as in a run that was opened, a rate of 0.
        for rate, step in ((0.1, 0), (0.05, 1), (0.01, 2), (0.01, 40), (0.0, 41)):
            gradients = array("d", [rng.gauss(0, 10 ** rng.uniform(-4, 0)) for _ in range(count)])
            if step == 2:
                gradients = array("d", bytes(8 * count))
            engine.write("gradients", gradients)
            engine.adam_step(rate, step)
            for i, g in enumerate(gradients):
                m[i] = beta1 * m[i] + (1 - beta1) * g
                v[i] = beta2 * v[i] + (1 - beta2) * g * g
                m_hat = m[i] / (1 - beta1 ** (step + 1))
                v_hat = v[i] / (1 - beta2 ** (step + 1))
                w[i] -= rate * m_hat / (math.sqrt(v_hat) + eps)
            where = f"after adam_step({rate}, {step}) with beta1 {beta1}, beta2 {beta2}, eps {eps}"
            advice = (
                "m = β1 m + (1 - β1) g; v = β2 v + (1 - β2) g²; w -= α m̂ / (√v̂ + ε), where"
                " m̂ = m / (1 - β1^(step + 1)), v̂ = v / (1 - β2^(step + 1)), and step is the one"
                " that is given"
            )
            subject.check_numbers(f"{where}: the weights", engine.read("weights"), w, advice, 1e-12)
            # The terms of a first moment have both signs, and what cancels leaves rounding.
            floor = 2.0**-52 * max(map(abs, m))
            mine = engine.read("first_moment")
            subject.check_numbers(f"{where}: the first moment", mine, m, advice, 1e-12, floor)
            mine = engine.read("second_moment")
            subject.check_numbers(f"{where}: the second moment", mine, v, advice, 1e-12, 1e-18)
            left = subject.rounded(gradients)
            check_numbers(f"{where}: the gradients", engine.read("gradients"), left, advice, 0, 0)


@clause(
    "names-trajectory",
    "200 training steps on the embedded names give the reference's losses to 1e-9",
)
def names_trajectory(subject: Subject) -> None:
    """Compares the default run: its beginning with the scalar engine, all with the vector one."""
    config, weights, _ = names()
    steps = subject.size(NAMES_STEPS, 20)
    mine = names_run(subject.make(config, weights), steps)
    beginning = names_losses(ScalarEngine, 5)
    for reference in (beginning, names_losses(VectorEngine, steps)):
        for step, (a, b) in enumerate(zip(mine, reference, strict=False)):
            if not subject.close(a, b):
                raise ContractError(
                    f"the loss of step {step} is {a!r} instead of {b!r}",
                    "see whether the checks losses-and-gradients and adam pass; if both do, look"
                    " at what is kept from one step to the next",
                )


@clause(
    "gradient-check",
    "the gradients foretell the slope that the engine's own losses have, to 1e-6",
)
def gradient_check(subject: Subject) -> str | None:
    """Needs no other engine: the slope is measured from losses a small step apart."""
    if subject.precision != "float64":
        return "float32 has too few digits to measure a slope from losses a small step apart"
    for seed in range(3):
        found = check_gradient(subject.make(seed=seed + 1), BATCH, seed)
        if not found.right:
            raise ContractError(
                f"in a random direction the gradients foretell a slope of {found.foretold!r}, and "
                f"the losses have one of {found.measured!r}",
                "look for a term that is missing or counted twice: the losses are right, or the "
                "check losses-and-gradients fails too; a loss that falls proves nothing, because "
                "Adam divides each gradient by its size",
            )
    return None


CLAUSES = (
    one_token_documents,
    cut_off_at_block_size,
    mean_over_all_tokens,
    gradient_check,
    batches_of_any_size,
    adam,
    losses_and_gradients,
)
LONG_CLAUSES = (larger_models, names_trajectory)
