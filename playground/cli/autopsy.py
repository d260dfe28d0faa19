"""`microgpt-play inside --view step`: a training step taken apart, as JSON and as tables."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from playground.cli.export import Telling
from playground.cli.inside_text import Lines, number, quoted, signed, table, wrapped
from playground.cli.listing import echo_line, in_columns
from playground.cli.runs.list import as_json_text, named_or_newest, opened
from playground.cli.runs.state import check_step, trained_again
from playground.hooks.registry import Registry
from playground.lab.inside.step import Autopsy
from playground.lab.protocol.step import HeldOutText, StepReading
from playground.lab.store.errors import StoreError
from playground.words import many

_WEIGHT = re.compile(r"([a-z0-9_.]+)\[([0-9]{1,9}),([0-9]{1,9})\]", re.ASCII)
_NAMED = 5
"""Held-out texts that are named, of those that got better and of those that got worse."""
_TEXT = 24
"""Characters of a held-out text that are shown."""


def weight_of(text: str | None) -> tuple[str, int, int] | None:
    """The matrix, row and column that --weight names. Raises click.BadParameter."""
    if text is None:
        return None
    found = _WEIGHT.fullmatch(text)
    if found is None:
        raise click.BadParameter(
            "write a matrix, a row and a column, as in wte[4,1].", param_hint="--weight"
        )
    return found[1], int(found[2]), int(found[3])


def show_step(
    run: str | None,
    step: int | None,
    weight: tuple[str, int, int] | None,
    registry: Registry,
    *,
    as_json: bool,
) -> int | None:
    """Print a step of a recorded run, taken apart; returns the exit code, or None if there is no
    run. run: the run that was trained last if None; step: its last one if None.

    Raises LabError, StoreError, click.UsageError.
    """
    with opened() as store:
        row = named_or_newest(store, run)
        if row is None:
            return None
        at = row.at if step is None else step
        check_step(row, at)
        if at < 1:
            raise click.UsageError("No step leads to step 0: --step 1 is the first one.")
        with Telling() as tell:
            first = Autopsy.first_needed(at, weight is not None)
            try:
                session = trained_again(store, row, first, registry, tell)
            except StoreError:  # the states of the run begin later
                session = trained_again(store, row, at - 1, registry, tell)
        try:
            reading = session.autopsy(at, weight)
            shown = {
                "model": {"run": row.id, "name": row.name, "step": at, "steps": row.steps},
                "view": "step",
                "optimizer": session.spec.optimizer.name,
                **_as_json(reading),
            }
        except IndexError as error:
            raise click.BadParameter(f"{error}.", param_hint="--weight") from error
        finally:
            session.close()
    if as_json:
        click.echo(as_json_text(shown))
    else:
        _print(shown)
    return 0


def _as_json(reading: StepReading) -> dict[str, Any]:
    heldout, weight = reading.heldout, reading.weight
    return {
        "learning_rate": reading.learning_rate,
        "documents": list(reading.documents),
        "tokens": [
            {
                "document": one.document,
                "position": one.position,
                "token": one.token,
                "target": one.target,
                "before": one.before,
                "after": one.after,
            }
            for one in reading.tokens
        ],
        "loss": {
            "before": reading.before,
            "after": reading.after,
            "change": reading.change,
            "foretold": reading.foretold,
        },
        "heldout": None
        if heldout is None
        else {
            "before": heldout.before,
            "after": heldout.after,
            "delta": heldout.delta,
            "se": heldout.error,
            "documents": heldout.documents,
            "better": reading.better,
            "worse": reading.worse,
            "most_better": _moved(reading.most_better),
            "most_worse": _moved(reading.most_worse),
        },
        "matrices": [
            {
                "name": one.name,
                "weights": one.weights,
                "update": one.update,
                "ratio": one.ratio,
                "gradient": one.gradient,
                "cosine": one.cosine,
                "memory": one.memory,
                "tokens": list(one.tokens),
            }
            for one in reading.matrices
        ],
        "weight": None
        if weight is None
        else {
            "weight": f"{weight.matrix}[{weight.row},{weight.column}]",
            "before": weight.before,
            "delta": weight.delta,
            "gradient": weight.gradient,
            "denominator": weight.denominator,
            "tokens": list(weight.tokens),
            "steps": [{"step": step, "value": value} for step, value in weight.steps],
            "older": weight.older,
            "held": weight.held,
        },
        "gradient_check": None
        if reading.check is None
        else {
            "foretold": reading.check.foretold,
            "measured": reading.check.measured,
            "ratio": reading.check.ratio,
        },
    }


def _moved(texts: Sequence[HeldOutText]) -> list[dict[str, Any]]:
    return [{"text": one.text, "delta": one.delta} for one in texts]


# ---------------------------------------------------------------- in words


def _print(shown: Mapping[str, Any]) -> None:
    for lines in _parts(shown):
        for line in lines:
            echo_line(line.rstrip())
        click.echo()


def _parts(shown: Mapping[str, Any]) -> Iterator[Lines]:
    model, loss = shown["model"], shown["loss"]
    name = in_columns(model["name"])
    yield wrapped(
        f"Step {model['step']:,} of {model['steps']:,} of run {model['run']}"
        + (f" “{name}”" if name else "")
        + f", at a learning rate of {shown['learning_rate']:.4g}"
    )
    rest = loss["change"] - loss["foretold"]
    yield wrapped(
        f"Its own text cost {number(loss['before'], 4)} nats a token before and "
        f"{number(loss['after'], 4)} after it: {signed(loss['change'])}. To first order g·Δθ "
        f"foretells {signed(loss['foretold'])}; the other {signed(rest)} is curvature."
    )
    yield _tokens(shown["tokens"])
    if shown["heldout"] is not None:
        yield _held_out(shown["heldout"])
    yield from _matrices(shown)
    if shown["weight"] is not None:
        yield _weight(shown)
    check = shown["gradient_check"]
    if check is None:
        yield wrapped(
            "There is no gradient check in float32, which has too few digits to measure a slope "
            "from losses a small step apart."
        )
        return
    yield wrapped(
        f"Gradient check: in a random direction the gradient foretells a slope of "
        f"{check['foretold']:.6g}, and the losses have one of {check['measured']:.6g}: ratio "
        f"{check['ratio']:.6f}."
    )


def _tokens(tokens: Sequence[Mapping[str, Any]]) -> Lines:
    labels = ["reads", "comes next", "nats before", "nats after"]
    return table(
        labels,
        [
            [
                quoted(one["token"]),
                quoted(one["target"]),
                number(one["before"], 2),
                number(one["after"], 2),
            ]
            for one in tokens
        ],
    )


def _held_out(heldout: Mapping[str, Any]) -> Lines:
    error = "" if heldout["se"] is None else f" ± {number(heldout['se'], 4)}"
    still = heldout["documents"] - heldout["better"] - heldout["worse"]
    lines = wrapped(
        f"Held out: {signed(heldout['delta'])}{error} nats a token on "
        f"{many(heldout['documents'], 'text')}; {heldout['better']:,} got better, "
        f"{heldout['worse']:,} got worse" + (f", {still:,} stayed." if still else ".")
    )
    for words, texts in (("better", heldout["most_better"]), ("worse", heldout["most_worse"])):
        said = [f"{_cut(one['text'])} {signed(one['delta'])}" for one in texts[:_NAMED]]
        if said:
            lines += wrapped(f"  most {words}: {', '.join(said)}")
    return lines


def _cut(text: str) -> str:
    return f"“{in_columns(text if len(text) <= _TEXT else text[: _TEXT - 1] + '…')}”"


def _matrices(shown: Mapping[str, Any]) -> Iterator[Lines]:
    matrices = shown["matrices"]
    columns = [
        ["‖Δ‖/‖θ‖", *(f"{one['ratio']:.2g}" for one in matrices)],
        ["‖g‖", *(number(one["gradient"]) for one in matrices)],
        ["cos(g,m)", *(number(one["cosine"], 2) for one in matrices)],
        ["memory", *(number(one["memory"], 2) for one in matrices)],
    ]
    columns += [
        [quoted(one["target"]), *(number(matrix["tokens"][at], 2) for matrix in matrices)]
        for at, one in enumerate(shown["tokens"])
    ]
    yield table(["", *(one["name"] for one in matrices)], columns)
    yield wrapped(
        "A row is a matrix: how far it was moved (0.001 of its length is usual), and the shares of "
        "what moved it, which add up to 1: the memory of earlier steps, and each token that had "
        "to be predicted. A share below 0 pulled the other way."
    )


def _weight(shown: Mapping[str, Any]) -> Lines:
    weight = shown["weight"]
    rows = [
        (f"to predict {quoted(one['target'])}", part)
        for one, part in zip(shown["tokens"], weight["tokens"], strict=True)
    ]
    rows += [(f"memory of step {one['step']:,}", one["value"]) for one in weight["steps"]]
    if weight["older"] or not math.isfinite(weight["older"]):
        rows.append(("memory of all before", weight["older"]))
    rows.append(("together", weight["delta"]))
    divided = f"√v̂ + ε, by which Adam divides, {weight['denominator']:.4g}"
    if shown["optimizer"] == "sgd":
        divided = "SGD takes the learning rate times that off, and remembers no earlier step"
    held = weight["held"]
    put_back = "" if held is None else f" It is held, and was put back to {held:.6f}."
    return [
        *wrapped(
            f"{weight['weight']} was {weight['before']:.6f} and moved by {weight['delta']:+.6f}: "
            f"its gradient was {weight['gradient']:+.4g}, and {divided}.{put_back}"
        ),
        *table([name for name, _ in rows], [[f"{value:+.7f}" for _, value in rows]]),
    ]
