"""Numbers that are not finite: reported, never raised."""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import Iterator

from microgpt.config import ModelConfig
from microgpt.engine import Engine
from microgpt.parameters import initial_weights, parameter_count, parameter_layout
from playground.testing.contract import ContractError
from playground.testing.engines.subject import BATCH, SMALL, Subject, clause

HUGE = (1e9, 1e150, 1e154, 1e200, 1e300, 1.7e308, math.inf, -math.inf, math.nan)

_LENGTHS = [4, 2, 1]
"""Predictions in each document of BATCH, for SMALL."""


def huge_weights(subject: Subject) -> Iterator[tuple[str, array[float]]]:
    """(words, weights for SMALL): huge ones everywhere, here and there, of both signs."""
    for huge in HUGE if not subject.small else HUGE[::3] + HUGE[-1:]:
        for place in ("everywhere", "here and there", "of both signs"):
            weights = initial_weights(SMALL, random.Random(1))
            for i in range(len(weights)):
                if place == "everywhere" or (place == "here and there" and i % 7 == 3):
                    weights[i] = huge
                elif place == "of both signs":
                    weights[i] *= huge
            yield f"weights of {huge} {place}", weights


def possible_and_impossible(subject: Subject) -> Engine:
    """An engine for which, after any text, token 0 is certain and every other one impossible.

    Embeddings of 1 stay 1 through blocks of 0, and the logits are 2000, -2000 and 0, of which exp
    leaves 1, 0 and 0.
    """
    config = ModelConfig(vocab_size=3, n_embd=1, n_head=1, block_size=4)
    weights = array("d", bytes(8 * parameter_count(config)))
    for spec in parameter_layout(config):
        if spec.name in ("wte", "wpe"):
            weights[spec.slice] = array("d", [1.0] * spec.size)
        elif spec.name == "lm_head":
            weights[spec.slice] = array("d", [2000.0, -2000.0, 0.0])
    return subject.make(config, weights)


@clause(
    "huge-weights",
    "weights that are huge, infinite or not a number raise nothing: there are as many losses and"
    " logits as ever, nan where they are undefined",
)
def huge_weights_raise_nothing(subject: Subject) -> None:
    """Computes losses, steps and logits with huge weights."""
    advice = "let inf and nan pass through; where Python or a library raises, give inf or nan"
    for what, weights in huge_weights(subject):
        engine = subject.make(weights=weights)
        for step in range(2):
            try:
                losses = engine.loss_and_gradients(BATCH)
                evaluated = engine.losses(BATCH)
                decoder = engine.decoder()
                logits = [decoder.push(4), decoder.push(0)]
                engine.adam_step(0.01, step)
            except Exception as error:
                raise ContractError(
                    f"{type(error).__name__}: {error}, with {what}", advice
                ) from error
            for rows in (losses, evaluated):
                if [len(row) for row in rows] != _LENGTHS:
                    raise ContractError(
                        f"lists of {[len(row) for row in rows]} losses instead of {_LENGTHS},"
                        f" with {what}",
                        advice,
                    )
                # -log p of any probability is 0 or more, with any weights.
                wrong = [loss for row in rows for loss in row if loss < 0]
                if wrong:
                    raise ContractError(f"a loss of {wrong[0]}, with {what}", advice)
            if [len(row) for row in logits] != [SMALL.vocab_size] * 2:
                raise ContractError(f"logits missing, with {what}", advice)
        if "everywhere" in what and not math.isfinite(weights[0]):
            known = [loss for row in losses for loss in row if not math.isnan(loss)]
            if known:
                raise ContractError(
                    f"a loss of {known[0]} instead of nan, with {what}",
                    "do not replace what is undefined by a number",
                )


@clause(
    "impossible-tokens-cost-inf",
    "a token whose probability underflows to 0 has loss inf, and a certain one 0",
)
def impossible_tokens_cost_inf(subject: Subject) -> None:
    """Tries training and evaluation; the gradients may be any numbers, but must be there."""
    engine = possible_and_impossible(subject)
    batch = [[2, 0], [2, 1], [2, 2]]
    for what, given in (
        ("loss_and_gradients", engine.loss_and_gradients(batch)),
        ("losses", engine.losses(batch)),
    ):
        rows = [list(row) for row in given]
        if rows != [[0.0], [math.inf], [math.inf]]:
            raise ContractError(
                f"{what} gives {rows} for the probabilities 1, 0 and 0",
                "take -log of the probability itself: inf for 0, whatever the logits were",
            )
    if len(engine.read("gradients")) != parameter_count(engine.config):
        raise ContractError("gradients missing afterwards", "leave them behind all the same")


@clause(
    "huge-gradients",
    "gradients that are huge, infinite or not a number do not stop adam_step",
)
def huge_gradients_do_not_stop_adam(subject: Subject) -> None:
    """Uses 1e200, whose square overflows; inf over inf is nan."""
    engine = subject.make()
    count = parameter_count(SMALL)
    for huge in (1e200, math.inf, math.nan):
        engine.write("gradients", array("d", [huge] * count))
        try:
            engine.adam_step(0.01, 5)
        except Exception as error:
            raise ContractError(
                f"{type(error).__name__}: {error}, with gradients of {huge}",
                "let the weights become inf or nan: the trainer sees the loss and says so",
            ) from error
    if not all(map(math.isnan, engine.read("weights"))):
        raise ContractError(
            "weights other than nan after gradients of nan",
            "do not replace what is undefined by a number",
        )


CLAUSES = (
    impossible_tokens_cost_inf,
    huge_weights_raise_nothing,
    huge_gradients_do_not_stop_adam,
)
