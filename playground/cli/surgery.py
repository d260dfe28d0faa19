"""`microgpt-play inside --cut`, `--rank` and `--patch`: what a model loses with a part of it, and
which activation carries an answer.

The texts that were held out of training tell: see `playground.lab.inside.surgery`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import click

from microgpt.anatomy import Anatomy
from microgpt.config import ModelConfig
from microgpt.surgery import HeadWrite, Operation, component_of, operation_of, transplant
from playground.cli.export import Telling
from playground.cli.failures import say
from playground.lab.inside.patch import patching
from playground.lab.inside.surgery import finished
from playground.lab.protocol.commands import Patch
from playground.lab.protocol.failures import LabError, Progress
from playground.lab.protocol.surgery import MeanWrite
from playground.lab.run.saved_model import ReadModel
from playground.lab.session import Session

Opener = Callable[[Callable[[Progress], None]], Session]
"""Opens the run that the model is of, with its texts. Raises LabError."""

_HEADS_ALONE = "--against-mean is for heads that are cut, as in --cut head:0.2 --against-mean."


@dataclass(frozen=True, slots=True)
class MeanHead:
    """A head that writes what it writes on average over some texts of the run."""

    mean: MeanWrite
    write: HeadWrite | None = None
    """What that is, once it is known."""

    def __str__(self) -> str:
        return str(self.mean)


@dataclass(frozen=True, slots=True)
class PutIn:
    """A part that is put in as it was after another step of the run."""

    operation: Operation
    step: int

    def __str__(self) -> str:
        return f"{self.operation.component}@{self.step}"


Asked = Operation | MeanHead | PutIn
"""What --cut asks for."""


def operations_of(
    texts: Sequence[str],
    config: ModelConfig,
    against_mean: bool,
    weights_after: Callable[[int], Sequence[float]],
) -> list[Asked]:
    """What --cut asks for; with against_mean, heads that write their mean. weights_after: the flat
    weights of the model after so many steps. Raises click.BadParameter, click.UsageError, and what
    `weights_after` raises."""

    def operation(text: str) -> Operation | PutIn:
        part, at, step = text.rpartition("@")
        if not at:
            return operation_of(text, config)
        if not (step.isascii() and step.isdecimal() and len(step) < 10):
            raise ValueError(f"behind @ stands a step, as in matrix:wpe@200, and not {step!r}")
        component = component_of(part, config)
        return PutIn(transplant(component, config, weights_after(int(step))), int(step))

    try:
        operations = [operation(text) for text in texts]
    except ValueError as error:
        raise click.BadParameter(f"{error}.", param_hint="--cut") from error
    if not against_mean:
        return [*operations]
    heads = [one.component for one in operations if isinstance(one, Operation)]
    if not operations or operations != [Operation(head) for head in heads]:
        raise click.UsageError(_HEADS_ALONE)
    if any(head.kind != "head" for head in heads):
        raise click.UsageError(_HEADS_ALONE)
    return [MeanHead(MeanWrite(head.layer, head.index)) for head in heads]


def with_means(asked: Sequence[Asked], open_run: Opener) -> list[Asked]:
    """The same, with what the heads write on average. Raises LabError."""
    heads = [(one.mean.layer, one.mean.head) for one in asked if isinstance(one, MeanHead)]
    if not heads:
        return [*asked]
    with Telling() as tell, closing(open_run(tell)) as session:
        writes = iter(finished(session.surgeon.averaged(heads), _told(tell, "averaging")))
    return [replace(one, write=next(writes)) if isinstance(one, MeanHead) else one for one in asked]


def doing(asked: Sequence[Asked]) -> list[Operation | HeadWrite]:
    """What `dissect` and `Trials` take."""
    found: list[Operation | HeadWrite] = []
    for one in asked:
        if isinstance(one, Operation):
            found.append(one)
        elif isinstance(one, PutIn):
            found.append(one.operation)
        elif one.write is not None:
            found.append(one.write)
    return found


def _told(tell: Telling, stage: str) -> Callable[[int, int], None]:
    return lambda done, total: tell(Progress(stage, done, total))


def patched(text: str, other: str, model: ReadModel) -> dict[str, Any]:
    """Which activation of `text` carries its answer, as JSON has it. Raises LabError,
    PluginError."""
    work = patching(model.config, model.encoder, model.weights, Patch(text, other), model.step, 0)
    with Telling() as tell:
        found = finished(work, _told(tell, "patching"))
    return {
        "text": text,
        "other": other,
        "tokens": list(found.clean),
        "other_tokens": list(found.corrupt),
        "answer": found.answer[1],
        "other_answer": found.other[1],
        "logit_difference": {"text": found.difference_clean, "other": found.difference_corrupt},
        "patch": [
            {"stage": stage, "logit_differences": list(row), "recovered": list(shares)}
            for stage, row, shares in zip(
                found.stages, found.differences, found.recovered, strict=True
            )
        ],
    }


def compared(
    before: Anatomy, after: Anatomy, operations: Sequence[Asked], open_run: Opener,
    display: Callable[[int], str],
) -> dict[str, Any]:  # fmt: skip
    """What the operations change, as JSON has it: on the text, in the next token after it, and on
    the held-out texts, which is None where they are not at hand."""
    then, now = before.probs[-1], after.probs[-1]
    order = sorted(range(len(now)), key=lambda token: -abs(now[token] - then[token]))
    return {
        "cuts": [str(one) for one in operations],
        "losses_before": before.losses,
        "next": [
            {"token": display(token), "before": then[token], "after": now[token]} for token in order
        ],
        "heldout": _held_out(operations, open_run),
    }


def _held_out(operations: Sequence[Asked], open_run: Opener) -> dict[str, Any] | None:
    try:
        with Telling() as tell:
            session = open_run(tell)
    except LabError as error:
        say(f"! without the texts of the run there is no held-out loss: {error.failure.title}")
        return None
    try:
        trials = session.surgeon.trials()
        if trials is None:
            say("! there is no held-out loss: the run holds no texts out")
            return None
        one = trials.difference(doing(operations))
        return {
            "before": one.before,
            "after": one.after,
            "delta": one.delta,
            "se": one.error,
            "within_noise": one.within_noise,
            "documents": one.documents,
            "tokens": one.tokens,
        }
    finally:
        session.close()


def ranked(open_run: Opener) -> dict[str, Any]:
    """What each head, neuron, matrix and position would cost, the dearest first, as JSON has it.

    Raises LabError, PluginError.
    """
    with Telling() as tell, closing(open_run(tell)) as session:
        found = finished(session.surgeon.ranking(), _told(tell, "trying each part")).cuts
    first = found[0][1]
    return {
        "heldout": {"loss": first.before, "documents": first.documents, "tokens": first.tokens},
        "cuts": [{"cut": str(cut), "delta": one.delta, "se": one.error} for cut, one in found],
    }
