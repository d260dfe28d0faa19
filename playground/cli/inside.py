"""`microgpt-play inside`: what a model computes for one text, as JSON or as tables."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import click

from microgpt import kernels
from microgpt.anatomy import Anatomy, dissect, lens, linear, stages
from microgpt.config import ModelConfig, ModelPart, absent
from microgpt.shell import program, shell_word
from microgpt.trace import TooLargeError
from playground.api import UnknownTextError
from playground.cli import autopsy, influence, inside_text, surgery
from playground.cli.commands import STEP
from playground.cli.failures import fail, printable, say, warn
from playground.cli.loading import load
from playground.cli.runs.list import NONE_YET, as_json_text, named_or_newest, opened
from playground.cli.runs.state import check_step, state_after, trained_again
from playground.cli.supervisor import activity
from playground.hooks.registry import Registry
from playground.hooks.sources import PluginSources
from playground.lab.checkpoint import as_array, read_checkpoint
from playground.lab.inside.credit import credit
from playground.lab.inside.flow import flow
from playground.lab.inside.lines import lines
from playground.lab.protocol import commands
from playground.lab.protocol.failures import Failure, LabError, Progress
from playground.lab.protocol.inside import MEAN, Look
from playground.lab.run.data import Encoder
from playground.lab.run.guard import plugin_failures
from playground.lab.run.sampling import quoted
from playground.lab.run.saved_model import ReadModel
from playground.lab.session import Session
from playground.lab.spec import SpecError
from playground.lab.store.errors import StoreError

_MEAN = "mean"
"""As --against: the mean logit under the model's own probabilities."""


_OF_INFLUENCE = ("position", "token")
"""The options that choose the prediction of --influence."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The options that say what is shown of a view; None for what was not asked."""

    position: int | None = field(default=None, metadata={"views": {"flow", "credit", "lines"}})
    token: str | None = field(default=None, metadata={"views": {"credit"}})
    against: str | None = field(default=None, metadata={"views": {"credit"}})
    layer: int | None = field(default=None, metadata={"views": {"attention", "neurons"}})
    head: int | None = field(default=None, metadata={"views": {"attention"}})
    neuron: int | None = field(default=None, metadata={"views": {"neurons"}})
    weight: str | None = field(default=None, metadata={"views": {"step"}})

    def check(self, view: str) -> None:
        """Raise click.UsageError for an option that says nothing of this view."""
        for option in fields(self):
            views = sorted(option.metadata["views"])
            if getattr(self, option.name) is not None and view not in views:
                raise click.UsageError(f"--{option.name} is for --view {' and '.join(views)}.")

    def check_influence(self) -> None:
        """The same for an option that says nothing of a prediction."""
        for option in fields(self):
            if getattr(self, option.name) is not None and option.name not in _OF_INFLUENCE:
                raise click.UsageError(
                    f"--influence asks about one prediction, which --position and --token choose: "
                    f"leave out --{option.name}."
                )


def look_inside(
    text: str | None,
    checkpoint: Path | None,
    run: str | None,
    step: int | None,
    sources: PluginSources,
    *,
    view: str,
    asked: Asked,
    cuts: Sequence[str],
    against_mean: bool,
    patch: str | None,
    rank: bool,
    without_step: bool,
    of_influence: bool,
    as_json: bool,
) -> int:
    """Print what a model computes for the text; returns the exit code.

    checkpoint, run: the model's file, or the recorded run that it is of; the run that was trained
    last if both are None. cuts: what is done to the model before. against_mean: the heads among
    them write what they write on average. patch: a text into whose run the activations of `text`
    are put. rank: print what each part of the model would cost. of_influence: print which documents
    taught the model a prediction; `patch`, `rank` and this are printed instead of the view.
    without_step: print what the run would be without the step of --view step. Raises LabError,
    click.UsageError.
    """
    if rank and cuts:
        raise click.UsageError("--rank tries every part of the whole model: leave out --cut.")
    if patch is not None and (cuts or rank):
        raise click.UsageError("--patch compares two texts: leave out --cut and --rank.")
    if of_influence and (cuts or rank or patch is not None or view == STEP):
        raise click.UsageError(
            "--influence asks which documents taught the whole model a prediction: leave out "
            "--cut, --rank, --patch and --view step."
        )
    if without_step and view != STEP:
        raise click.UsageError(
            "--without-step leaves a step out of the run: it is for --view step."
        )
    if view == STEP:
        if text is not None or checkpoint is not None or cuts or rank or patch is not None:
            raise click.UsageError(
                "--view step takes a step of a recorded run apart: leave out TEXT and --cut."
            )
        return _step(run, step, sources, asked, without=without_step, as_json=as_json)
    if text is None:
        raise click.UsageError("Missing argument 'TEXT': what the model reads.")
    if checkpoint is not None and run is not None:
        raise click.UsageError(
            f"--run names a recorded run: leave out {printable(str(checkpoint))}."
        )
    if checkpoint is not None and step is not None:
        raise click.UsageError("--step is for recorded runs: a checkpoint holds one step.")
    if checkpoint is None and text.endswith(".safetensors") and Path(text).is_file():
        raise click.UsageError(f"TEXT comes first: {program()} inside TEXT {shell_word(text)}")
    if of_influence:
        asked.check_influence()
    else:
        asked.check(view)
    registry = load(sources)
    warn(registry.problems)
    found = _in_file(checkpoint, registry) if checkpoint else _recorded(run, step, registry)
    if found is None:
        return fail(f"{NONE_YET} Or name a saved model (.safetensors).")
    operations = surgery.operations_of(cuts, found.read.config, against_mean, found.weights_after)
    with plugin_failures():
        if patch is not None:
            shown = {"model": dict(found.model), **surgery.patched(text, patch, found.read)}
            if as_json:
                click.echo(as_json_text(shown))
            else:
                inside_text.print_patch(shown)
            return 0
        if of_influence:
            shown = {"model": dict(found.model), "text": text, **_traced(text, found, asked)}
            if as_json:
                click.echo(as_json_text(shown))
            else:
                influence.influence_in_words(shown)
            return 0
        operations = surgery.with_means(operations, found.open_run)
        seen = _read(text, found, operations)
        shown = _head(seen)
        if rank:
            shown |= surgery.ranked(found.open_run)
        else:
            if operations:
                whole = _read(text, found).anatomy
                shown |= surgery.compared(
                    whole, seen.anatomy, operations, found.open_run, seen.display
                )
            shown |= {"view": view, **VIEWS[view](seen, asked)}
    if as_json:
        click.echo(as_json_text(shown))
    elif rank:
        inside_text.print_rank(shown)
    else:
        inside_text.print_view(shown)
    return 0


def _traced(text: str, found: Found, asked: Asked) -> dict[str, Any]:
    """Which documents taught the model a prediction, as JSON has it. Raises LabError."""
    token = None
    if asked.token is not None:
        token = _token(found.read.encoder, asked.token, "--token")
    return influence.traced(commands.Influence(text, asked.position, token), found.open_run)


def _step(
    run: str | None, step: int | None, sources: PluginSources, asked: Asked, *, without: bool,
    as_json: bool,
) -> int:  # fmt: skip
    """Print a step of a recorded run, taken apart, or what the run would be without it; returns the
    exit code."""
    asked.check(STEP)
    weight = autopsy.weight_of(asked.weight)
    if without and weight is not None:
        raise click.UsageError("--without-step is about all weights: leave out --weight.")
    registry = load(sources)
    warn(registry.problems)
    try:
        if without:
            code = influence.show_without(run, step, registry, as_json=as_json)
        else:
            code = autopsy.show_step(run, step, weight, registry, as_json=as_json)
    except StoreError as error:
        if error.kind != "missing" or run is not None:
            raise
        code = None
    return fail(NONE_YET) if code is None else code


# ---------------------------------------------------------------- the model and the text


@dataclass(frozen=True, slots=True)
class Seen:
    """A text inside a model."""

    model: Mapping[str, Any]
    """Where the model is from, as JSON has it."""
    text: str
    encoder: Encoder
    anatomy: Anatomy

    def display(self, token: int) -> str:
        return self.encoder.display(token)

    @property
    def tokens(self) -> list[str]:
        """What the model reads, by position."""
        return [self.display(token) for token in self.anatomy.tokens]


@dataclass(frozen=True, slots=True)
class Found:
    """A model, and the run that it is of."""

    model: Mapping[str, Any]
    """Where the model is from, as JSON has it."""
    read: ReadModel
    open_run: surgery.Opener
    weights_after: Callable[[int], Sequence[float]]
    """The flat weights after so many steps of its run. Raises LabError, click.UsageError."""


def _in_file(path: Path, registry: Registry) -> Found:
    """The model of a file. Raises LabError."""
    checkpoint = read_checkpoint(path)
    read = ReadModel.of(checkpoint, registry, activity)

    def open_run(tell: Callable[[Progress], None]) -> Session:
        return Session.open(
            read.spec, registry, checkpoint=checkpoint, progress=tell, activity=activity
        )

    def one_step(_: int) -> Sequence[float]:
        raise click.UsageError(
            "--cut WHAT@STEP puts in a part from another step of a recorded run: leave out "
            f"{printable(str(path))}, which holds one step."
        )

    where = {"checkpoint": str(path), "step": read.step, "steps": read.spec.steps}
    return Found(where, read, open_run, one_step)


def _recorded(words: str | None, step: int | None, registry: Registry) -> Found | None:
    """As `_in_file`, of the run that the words mean, or of the one trained last; None if there is
    no run. Raises LabError."""
    try:
        with opened() as store:
            row = named_or_newest(store, words)
            if row is None:
                return None
            at = row.at if step is None else step
            check_step(row, at)
            read = ReadModel.of(state_after(store, row, at, registry), registry, activity)
    except StoreError as error:
        if error.kind == "missing" and words is None:
            return None
        raise
    except SpecError as error:
        raise LabError(Failure("The recorded settings cannot be", f"{error}.")) from error

    known = row

    def open_run(tell: Callable[[Progress], None]) -> Session:
        with opened() as store:
            return trained_again(store, known, at, registry, tell)

    def weights_after(step: int) -> Sequence[float]:
        with opened() as store:
            check_step(known, step)
            return as_array(state_after(store, known, step, registry).weights)

    where = {"run": row.id, "name": row.name, "step": at, "steps": row.steps}
    return Found(where, read, open_run, weights_after)


def _read(text: str, found: Found, operations: Sequence[surgery.Asked] | None = None) -> Seen:
    """The text inside the model, on which the operations were done; None for the model as it was
    before, of which nothing is said. Raises LabError, PluginError."""
    read = found.read
    try:
        ids = read.encoder.prompt(text) if text else []
    except UnknownTextError as error:
        raise LabError(
            Failure(
                "The text cannot be read", f"The model does not know {quoted(error.character)}."
            )
        ) from error
    room = read.config.block_size - 1
    if len(ids) > room and operations is not None:
        left_out = len(ids) - room
        say(
            f"! the text has {len(ids):,} tokens, and the model reads {read.config.block_size:,} "
            f"with the one that begins it: the last {left_out:,} "
            f"{'is' if left_out == 1 else 'are'} left out"
        )
    bos = read.encoder.bos_id
    anatomy = dissect(read.config, read.weights, [bos, *ids, bos], surgery.doing(operations or ()))
    if operations is not None and not all(map(math.isfinite, anatomy.losses)):
        say("! the model has numbers that are not finite (nan, inf): it has diverged")
    return Seen(found.model, text, read.encoder, anatomy)


def _head(seen: Seen) -> dict[str, Any]:
    """What the object of every view begins with."""
    anatomy = seen.anatomy
    return {
        "model": dict(seen.model),
        "text": seen.text,
        "tokens": seen.tokens,
        "targets": [seen.display(token) for token in anatomy.targets],
        "losses": anatomy.losses,
    }


def _place(value: int | None, count: int, what: str, default: int = 0) -> int:
    """The place that was asked for. Raises click.BadParameter if there is none."""
    if value is None:
        return default
    if not 0 <= value < count:
        there = f"there is {what} 0 alone" if count == 1 else f"they are 0 to {count - 1}"
        raise click.BadParameter(f"there is no {what} {value}: {there}.", param_hint=f"--{what}")
    return value


def _token(encoder: Encoder, text: str, hint: str) -> int:
    """The id of the token with this text, or else this display. Raises click.BadParameter."""
    try:
        ids = encoder.prompt(text) if text else []
    except UnknownTextError:
        ids = []
    if len(ids) != 1:
        ids = [token for token in range(encoder.vocab_size) if encoder.display(token) == text]
    if len(ids) != 1:
        why = "several tokens of this model are" if ids else "no single token of this model is"
        raise click.BadParameter(f"{why} {printable(text)!r}.", param_hint=hint)
    return ids[0]


def likeliest(probs: kernels.Row) -> int | None:
    """The id of the likeliest token, the first of equals; None if the numbers are not finite."""
    best = max(range(len(probs)), key=lambda token: probs[token])
    return best if all(p == p for p in probs) else None


# ---------------------------------------------------------------- the views


def _flow(seen: Seen, asked: Asked) -> dict[str, Any]:
    last = len(seen.anatomy.tokens) - 1
    position = _place(asked.position, last + 1, "position", last)
    return {
        "position": position,
        "stages": [
            {
                "stage": stage.name,
                "layer": _known(stage.layer),
                "head": _known(stage.head),
                "matrix": stage.matrix or None,
                "shape": stage.shape,
                "values": stage.values,
            }
            for stage in flow(Look(position=position), seen.anatomy).stages
        ],
    }


def _known(index: int) -> int | None:
    return None if index < 0 else index


def _check_there(config: ModelConfig, part: ModelPart) -> None:
    """Raise click.UsageError for a view of what the model leaves out."""
    if part not in config.parts:
        words = absent(part)
        raise click.UsageError(f"{words[:1].upper()}{words[1:]}: choose another --view.")


def _attention(seen: Seen, asked: Asked) -> dict[str, Any]:
    config = seen.anatomy.config
    _check_there(config, "attention")
    layers = _chosen(asked.layer, config.n_layer, "layer")
    heads = _chosen(asked.head, config.n_head, "head")
    return {
        "layers": layers,
        "heads": heads,
        "weights": [[seen.anatomy.layers[at].attn_weights[h] for h in heads] for at in layers],
    }


def _chosen(value: int | None, count: int, what: str) -> list[int]:
    """The one that was asked for, or all of them."""
    return list(range(count)) if value is None else [_place(value, count, what)]


def _depth(seen: Seen, _: Asked) -> dict[str, Any]:
    anatomy = seen.anatomy

    def cell(probs: kernels.Row, target: int) -> dict[str, Any]:
        best = likeliest(probs)
        return {
            "token": None if best is None else seen.display(best),
            "probability": None if best is None else probs[best],
            "target_probability": probs[target],
        }

    return {
        "stages": [
            {
                "stage": stage.name,
                "positions": list(map(cell, lens(anatomy, stage.x), anatomy.targets)),
            }
            for stage in stages(anatomy)
        ]
    }


def _credit(seen: Seen, asked: Asked) -> dict[str, Any]:
    anatomy = seen.anatomy
    last = len(anatomy.tokens) - 1
    position = _place(asked.position, last + 1, "position", last)
    probs = anatomy.probs[position]
    token = (
        likeliest(probs) if asked.token is None else _token(seen.encoder, asked.token, "--token")
    )
    if token is None:
        raise LabError(
            Failure(
                "No token is the likeliest",
                "The model's numbers are not finite there. Name a token with --token.",
            )
        )
    against = asked.against
    if against is not None:
        other = MEAN if against == _MEAN else _token(seen.encoder, against, "--against")
    look = Look(
        view="credit",
        position=position,
        token=token,
        against=None if against is None else other,
    )
    reading = credit(look, anatomy, seen.display, most=sys.maxsize)
    shown: dict[str, Any] = {
        "position": position,
        "token": reading.token,
        "probability": probs[token],
        "logit": reading.logit,
    }
    if against is not None:
        shown["against"] = _MEAN if other == MEAN else reading.against
    shown["parts"] = [{"part": part.name, "value": part.value} for part in reading.parts]
    return shown


def _neurons(seen: Seen, asked: Asked) -> dict[str, Any]:
    config = seen.anatomy.config
    _check_there(config, "mlp")
    shown: dict[str, Any] = {}
    if asked.neuron is not None:
        layer = _place(asked.layer, config.n_layer, "layer")
        neuron = _place(asked.neuron, 4 * config.n_embd, "neuron")
        shown["opened"] = _opened(seen, layer, neuron)
    layers = _chosen(asked.layer, config.n_layer, "layer")
    activations = [seen.anatomy.layers[at].activation for at in layers]
    before = [seen.anatomy.layers[at].pre_activation for at in layers]
    return {
        "layers": layers,
        "activations": [list(zip(*rows, strict=True)) for rows in activations],
        "pre_activations": [list(zip(*rows, strict=True)) for rows in before],
        **shown,
    }


def _opened(seen: Seen, layer: int, neuron: int) -> dict[str, Any]:
    """What one neuron writes to each token's logit, and how far each token's embedding wakes it,
    the largest first."""
    weights = seen.anatomy.weights
    writes = [row[neuron] for row in weights[f"layer{layer}.mlp_fc2"]]
    wakes = weights[f"layer{layer}.mlp_fc1"][neuron]

    def ranked(values: kernels.Row) -> list[dict[str, Any]]:
        order = sorted(range(len(values)), key=lambda token: -values[token])
        return [{"token": seen.display(token), "value": values[token]} for token in order]

    return {
        "layer": layer,
        "neuron": neuron,
        "promotes": ranked(linear([writes], weights["lm_head"])[0]),
        "wakes": ranked(linear([wakes], weights["wte"])[0]),
    }


def _lines(seen: Seen, asked: Asked) -> dict[str, Any]:
    last = len(seen.anatomy.tokens) - 1
    position = _place(asked.position, last + 1, "position", last)
    try:
        reading = lines(seen.anatomy, position)
    except TooLargeError as error:
        raise LabError(Failure("There are too many numbers", f"{error}.")) from error
    return {
        "position": position,
        "source": reading.source,
        "lines": [
            {
                "first": run.first,
                "last": run.last,
                "context": run.context,
                "made": [
                    {"name": one.name, "shape": one.shape, "values": one.values, "words": one.words}
                    for one in run.made
                ],
            }
            for run in reading.runs
        ],
    }


VIEWS: Mapping[str, Callable[[Seen, Asked], dict[str, Any]]] = {
    "flow": _flow,
    "attention": _attention,
    "depth": _depth,
    "credit": _credit,
    "neurons": _neurons,
    "lines": _lines,
}
