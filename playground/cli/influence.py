"""`microgpt-play inside --influence`: which documents taught a model a prediction; and
`--view step --without-step`: what a run would be without one of its steps.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

import click

from playground.cli.export import Telling
from playground.cli.failures import say
from playground.cli.inside_text import (
    Lines,
    difference,
    number,
    quoted,
    signed,
    table,
    wrapped,
)
from playground.cli.listing import echo_line, in_columns, terminal_width
from playground.cli.runs.list import as_json_text, named_or_newest, opened
from playground.cli.runs.state import check_step, trained_again
from playground.cli.surgery import Opener
from playground.hooks.registry import Registry
from playground.lab.inside.surgery import Work, finished
from playground.lab.protocol.commands import Influence
from playground.lab.protocol.failures import Progress
from playground.lab.protocol.influence import Cost, Influences, LeftOut
from playground.lab.protocol.sampling import SampleBatch
from playground.lab.protocol.surgery import Difference
from playground.widths import cell_len, fit
from playground.words import many, replay_words

_SOON = 1.0
"""Seconds from which on a command says before what it will take."""
_LISTED = 20
"""Steps that are listed in words; --json has all."""
_TEXT = 40
"""Columns of a document."""


def show_without(
    run: str | None, step: int | None, registry: Registry, *, as_json: bool
) -> int | None:
    """Print what a recorded run would be without one of its steps; returns the exit code, or None
    if there is no run. run: the run that was trained last if None; step: its last one if None.

    Raises LabError, StoreError, click.UsageError.
    """
    with opened() as store:
        row = named_or_newest(store, run)
        if row is None:
            return None
        left_out = row.at if step is None else step
        check_step(row, max(row.at, left_out))
        if left_out < 1:
            raise click.UsageError("No step leads to step 0: --step 1 is the first one.")
        at = max(row.at, left_out)
        with Telling() as tell, closing(trained_again(store, row, at, registry, tell)) as session:
            _say_cost(session.influence.cost(left_out))
            stage = f"replaying without step {left_out:,}"
            found = _finished(session.replays.without(left_out), tell, stage)
    shown = {
        "model": {"run": row.id, "name": row.name, "step": at, "steps": row.steps},
        "view": "step",
        "without": _left_out(found),
    }
    if as_json:
        click.echo(as_json_text(shown))
    else:
        _print(_without_in_words(shown))
    return 0


def traced(asked: Influence, open_run: Opener) -> dict[str, Any]:
    """The steps that pushed a prediction most, as JSON has them. Raises LabError."""
    with Telling() as tell, closing(open_run(tell)) as session:
        _say_cost(session.influence.cost(None))
        found = _finished(session.influence.tracing(asked), tell, "tracing")
    return _influences(found)


def _finished(work: Work[Any], tell: Telling, stage: str) -> Any:
    return finished(work, lambda done, total: tell(Progress(stage, done, total)))


def _say_cost(cost: Cost) -> None:
    if cost.seconds >= _SOON:
        say(f"# {replay_words(cost.steps, cost.seconds)}; ctrl+c gives it up")


# ---------------------------------------------------------------- as JSON


def _left_out(found: LeftOut) -> dict[str, Any]:
    return {
        "step": found.step,
        "documents": list(found.documents),
        "texts": list(found.texts),
        "loss": _difference(found.own),
        "heldout": None if found.heldout is None else _difference(found.heldout),
        "samples": _texts(found.samples),
        "samples_without": _texts(found.samples_without),
        "weights": {
            "norm": found.weights,
            "apart": found.apart,
            "matrices": [
                {"name": one.matrix, "norm": one.weights, "apart": one.apart}
                for one in found.matrices
            ],
        },
        "replayed": found.replayed,
        "seconds": found.seconds,
    }


def _difference(one: Difference) -> dict[str, Any]:
    return {
        "before": one.before,
        "after": one.after,
        "delta": one.delta,
        "se": one.error,
        "within_noise": one.within_noise,
        "documents": one.documents,
        "tokens": one.tokens,
    }


def _texts(batch: SampleBatch) -> list[str]:
    return [one.text for one in batch.texts]


def _influences(found: Influences) -> dict[str, Any]:
    return {
        "tokens": list(found.tokens),
        "position": len(found.tokens) - 1,
        "token": found.target,
        "loss": found.loss,
        "probability": math.exp(-found.loss),
        "first": found.first,
        "steps": found.steps,
        "total": found.total,
        "influence": [
            {
                "step": one.step,
                "documents": list(one.documents),
                "texts": list(one.texts),
                "formula": one.formula,
                "replayed": one.replayed,
            }
            for one in found.most
        ],
        "spearman": found.correlation,
        "seconds": {"formula": found.seconds_formula, "replay": found.seconds_replay},
    }


# ---------------------------------------------------------------- in words


def _print(parts: Iterator[Lines]) -> None:
    for number_, lines in enumerate(parts):
        if number_:
            click.echo()
        for line in lines:
            echo_line(line.rstrip())


def _of_run(model: Mapping[str, Any]) -> str:
    name = in_columns(model.get("name") or "")
    return f"run {model['run']}{f' “{name}”' if name else ''}"


def _named(texts: Sequence[str], width: int = _TEXT) -> str:
    """The documents of a step, cut to some columns."""
    shown = in_columns(" + ".join(text or "∅" for text in texts))
    return fit(shown, width).rstrip() if cell_len(shown) > width else shown


def _without_in_words(shown: Mapping[str, Any]) -> Iterator[Lines]:
    model, found = shown["model"], shown["without"]
    yield wrapped(
        f"Step {found['step']:,} of {_of_run(model)} learnt from “{_named(found['texts'])}”. The "
        f"same run without it, after step {model['step']:,}:"
    )
    own = found["loss"]
    texts = "Its text costs" if len(found["texts"]) == 1 else "Its texts cost"
    weights = found["weights"]
    ratio = weights["apart"] / weights["norm"] if weights["norm"] else 0.0
    far = max(weights["matrices"], key=lambda one: one["apart"])
    heldout = difference(found["heldout"])
    yield [
        *wrapped(
            f"{texts} {number(own['before'], 4)} nats a token with it and "
            f"{number(own['after'], 4)} without: {signed(own['delta'])}"
        ),
        *wrapped(f"Held out: {heldout}" if heldout else "No texts are held out."),
        *wrapped(
            f"The weights lie {weights['apart']:.4g} apart, {ratio:.2g} of their length; most in "
            f"{far['name']}, {far['apart']:.4g}"
        ),
    ]
    both = found["samples"], found["samples_without"]
    width = max(8, (terminal_width() - 4) // 2 - 1)
    columns = [
        [label, *(fit(in_columns(text), width).rstrip() for text in batch)]
        for label, batch in zip(("with it", "without it"), both, strict=True)
    ]
    rows = max(map(len, columns))
    for column in columns:
        column += [""] * (rows - len(column))
    widest = max(map(cell_len, columns[0]))
    yield [
        "Samples, drawn with the same dice:",
        *(f"  {fit(left, widest)}  {right}" for left, right in zip(*columns, strict=True)),
    ]


def influence_in_words(shown: Mapping[str, Any]) -> None:
    """Print the steps that pushed a prediction. shown: the object that --json prints."""
    _print(_influence_in_words(shown))


def _influence_in_words(shown: Mapping[str, Any]) -> Iterator[Lines]:
    model, listed = shown["model"], shown["influence"]
    source = _of_run(model) if "run" in model else in_columns(model["checkpoint"])
    read = "".join(in_columns(one) for one in shown["tokens"])
    since = f", from step {shown['first']:,} on" if shown["first"] > 1 else ""
    yield wrapped(
        f"After “{read}” the model of {source} at step {model['step']:,} gives "
        f"{quoted(shown['token'])} a probability of {number(shown['probability'])}: "
        f"{number(shown['loss'], 4)} nats. What it would cost more without one of "
        f"{many(shown['steps'], 'step')}{since}:"
    )
    rows = listed[:_LISTED]
    replayed = ["" if one["replayed"] is None else signed(one["replayed"]) for one in rows]
    yield table(
        ["step", *(f"{one['step']:,} {_named(one['texts'])}" for one in rows)],
        [
            ["by formula", *(signed(one["formula"]) for one in rows)],
            ["by replay", *replayed],
        ],
    )
    done = sum(one["replayed"] is not None for one in listed)
    same = sum(
        one["replayed"] is not None and one["replayed"] * one["formula"] > 0 for one in listed
    )
    said = (
        "Above 0 the step taught the model this prediction, below 0 it spoke against it. The "
        "formula is of first order, and knows nothing of what later steps would have learnt "
        f"instead; the replay does. On the {done:,} that were replayed they have the same sign "
        f"{many(same, 'time')}"
    )
    if math.isfinite(shown["spearman"] or math.nan) or shown["spearman"] == 0:
        said += f", and their ranks correlate by {shown['spearman']:+.2f} (Spearman)"
    yield wrapped(f"{said}.")
