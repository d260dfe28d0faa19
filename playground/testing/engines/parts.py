"""What an engine declares to know beside the whole model and Adam: parts left out, and SGD."""

from __future__ import annotations

import random
from array import array
from collections.abc import Sequence
from dataclasses import replace

from microgpt.config import PARTS, ModelConfig, OptimizerConfig
from microgpt.engine import STATE_KINDS, BulkEngine
from microgpt.gradient_check import check_gradient
from microgpt.parameters import parameter_count
from microgpt.scalar_engine import ScalarEngine
from playground.testing.contract import ContractError
from playground.testing.engines.cases import Case, expected
from playground.testing.engines.comparing import check_numbers
from playground.testing.engines.subject import BATCH, SMALL, Subject, clause

_READ_SCALAR = "compare with microgpt/scalar_engine.py, or declare no more than the engine knows"


def without(left_out: Sequence[str], config: ModelConfig = SMALL) -> ModelConfig:
    """The model without these parts."""
    return replace(config, parts=tuple(part for part in PARTS if part not in left_out))


@clause(
    "parts-left-out",
    "without each part that the contribution `knows`, and without all of them, losses, gradients"
    " and logits are the scalar engine's to 1e-9",
)
def parts_left_out(subject: Subject) -> str | None:
    """Compares models that lack one declared part, and one that lacks all of them."""
    parts = [part for part in PARTS if part in subject.knows]
    if not parts:
        return "the engine declares no part that it can leave out"
    for left_out in dict.fromkeys((*((part,) for part in parts), tuple(parts))):
        config = without(left_out)
        what = f"without {' and '.join(left_out)}"
        case = Case(config, BATCH, 21, 0.3)
        losses, gradients = expected(case)
        engine = subject.make(config, case.weights())
        given = engine.loss_and_gradients(BATCH)
        subject.check_rows(f"{what}: the losses", given, losses, _READ_SCALAR)
        mine = engine.read("gradients")
        subject.check_gradients(what, config, mine, gradients, _READ_SCALAR)
        subject.check_rows(f"{what}: losses()", engine.losses(BATCH), losses, _READ_SCALAR)
        mine_says = engine.decoder()
        scalar_says = ScalarEngine(config, OptimizerConfig(), case.weights()).decoder()
        for token in BATCH[0]:
            logits, others = mine_says.push(token), scalar_says.push(token)
            subject.check_numbers(f"{what}: the logits", logits, others, _READ_SCALAR)
        if subject.precision != "float64":  # too few digits, as for the check gradient-check
            continue
        found = check_gradient(engine, BATCH)
        if not found.right:
            raise ContractError(
                f"{what} the gradients foretell a slope of {found.foretold!r}, and the losses "
                f"have one of {found.measured!r}",
                "derive the backward pass of the model without the part",
            )
    return None


_RATES = (0.5, 0.1, 0.0, 2.0)


@clause(
    "sgd",
    "an engine that `knows` SGD subtracts learning rate times gradient, and leaves both moments at"
    " 0; in many steps at once too",
)
def sgd(subject: Subject) -> str | None:
    """Writes gradients of many sizes and looks at weights and moments after each update."""
    if "sgd" not in subject.knows:
        return "the engine declares no SGD"
    count = parameter_count(SMALL)
    rng = random.Random(9)
    weights = array("d", [rng.gauss(0, 1) for _ in range(count)])
    optimizer = OptimizerConfig(name="sgd")
    engine = subject.make(weights=weights, optimizer=optimizer)
    w, zeros = list(weights), array("d", bytes(8 * count))
    for step, rate in enumerate(_RATES):
        gradients = array("d", [rng.gauss(0, 10 ** rng.uniform(-4, 0)) for _ in range(count)])
        engine.write("gradients", gradients)
        engine.adam_step(rate, step)
        w = [a - rate * g for a, g in zip(w, gradients, strict=True)]
        where = f"after adam_step({rate}, {step}) with SGD"
        advice = "w -= learning_rate * g where optimizer.name is 'sgd', and nothing else"
        subject.check_numbers(f"{where}: the weights", engine.read("weights"), w, advice, 1e-12)
        for kind in STATE_KINDS[2:]:
            what = f"{where}: the {kind.replace('_', ' ')}"
            check_numbers(what, engine.read(kind), zeros, advice, 0, 0)
    if isinstance(engine, BulkEngine):
        bulk = subject.make(weights=weights, optimizer=optimizer)
        single = subject.make(weights=weights, optimizer=optimizer)
        assert isinstance(bulk, BulkEngine)
        bulk.train([BATCH[0]] * len(_RATES), _RATES, 0)
        for step, rate in enumerate(_RATES):
            single.loss_and_gradients([BATCH[0]])
            single.adam_step(rate, step)
        advice = "update by SGD in train too"
        mine, others = bulk.read("weights"), single.read("weights")
        check_numbers("the weights after train with SGD", mine, others, advice, 0, 0)
    return None


CLAUSES = (parts_left_out, sgd)
