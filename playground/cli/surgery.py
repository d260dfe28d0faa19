"""`microgpt-play inside --cut` and `--rank`: what a model loses with a part of it.

The texts that were held out of training tell: see `playground.lab.inside.surgery`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import click

from microgpt.anatomy import Anatomy
from microgpt.config import ModelConfig
from microgpt.surgery import Operation, components, operation_of
from playground.cli.export import Telling
from playground.cli.failures import say
from playground.lab.inside.surgery import Trials
from playground.lab.protocol.failures import Failure, LabError, Progress
from playground.lab.protocol.surgery import Difference
from playground.lab.session import Session

Opener = Callable[[Callable[[Progress], None]], Session]
"""Opens the run that the model is of, with its texts. Raises LabError."""

_NOTHING_HELD_OUT = Failure(
    "Nothing is held out",
    "A part is ranked by the loss on texts that the run does not train on, and this run has none: "
    "--holdout, as in --holdout 0.1, holds some out where a run begins.",
)


def operations_of(texts: Sequence[str], config: ModelConfig) -> list[Operation]:
    """The operations that --cut asks for. Raises click.BadParameter."""
    try:
        return [operation_of(text, config) for text in texts]
    except ValueError as error:
        raise click.BadParameter(f"{error}.", param_hint="--cut") from error


def compared(
    before: Anatomy, after: Anatomy, operations: Sequence[Operation], open_run: Opener,
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


def _held_out(operations: Sequence[Operation], open_run: Opener) -> dict[str, Any] | None:
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
        one = trials.difference(operations)
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


def ranked(config: ModelConfig, open_run: Opener) -> dict[str, Any]:
    """What each head, neuron, matrix and position would cost, the dearest first, as JSON has it.

    Raises LabError, PluginError.
    """
    with Telling() as tell:
        session = open_run(tell)
        try:
            trials = session.surgeon.trials()
            if trials is None:
                raise LabError(_NOTHING_HELD_OUT)
            found = _rank(trials, config, tell)
        finally:
            session.close()
    first = found[0][1]
    return {
        "heldout": {"loss": first.before, "documents": first.documents, "tokens": first.tokens},
        "cuts": [{"cut": name, "delta": one.delta, "se": one.error} for name, one in found],
    }


def _rank(trials: Trials, config: ModelConfig, tell: Telling) -> list[tuple[str, Difference]]:
    def progress(done: int, total: int) -> None:
        tell(Progress("trying each part", done, total))

    found = [(str(cut), one) for cut, one in trials.rank(list(components(config)), progress)]
    return sorted(found, key=lambda pair: _dearness(pair[1].delta))


def _dearness(delta: float) -> float:
    """The key by which the dearest cut comes first; a loss that is no number comes before all."""
    return -delta if math.isfinite(delta) else -math.inf
