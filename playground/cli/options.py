"""The options that several commands share: settings of a run, plugins, the record."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from microgpt.config import OPTIMIZERS, PARTS
from playground.cli import completion
from playground.cli.choices import refused_as
from playground.cli.failures import printable, warn
from playground.cli.help import PATH, option
from playground.hooks.sources import PluginSources, expanded
from playground.hooks.sources import plugin_words as plugin_words
from playground.lab.paths import usual_plugins
from playground.lab.run.threads import MOST, VARIABLE
from playground.window import WAYS, Notify

if TYPE_CHECKING:
    from playground.hooks.registry import Registry
    from playground.lab.spec import RunSpec

F = TypeVar("F", bound=Callable[..., Any])

# option, dotted field of RunSpec, type, metavar, section, help
_SETTINGS: tuple[tuple[str, str, type, str, str, str], ...] = (
    ("--n-embd", "model.n_embd", int, "N", "Model",
     "Embedding width, a multiple of the heads (16)."),
    ("--n-head", "model.n_head", int, "N", "Model", "Attention heads (4)."),
    ("--n-layer", "model.n_layer", int, "N", "Model", "Transformer blocks (1)."),
    ("--block-size", "model.block_size", int, "N", "Model", "Context length in tokens (16)."),
    ("--steps", "steps", int, "N", "Training", "Optimizer updates in the whole run (1000)."),
    ("--learning-rate", "optimizer.learning_rate", float, "X", "Training",
     "Before its schedule (0.01)."),
    ("--batch-size", "batch_size", int, "N", "Training", "Documents a step learns from (1)."),
    ("--seed", "seed", int, "N", "Training",
     "Decides the order of the documents and the first weights (42)."),
    ("--holdout", "holdout", float, "X", "Training",
     "Share of the texts never trained on, 0 to 0.9 (0.1)."),
    ("--eval-every", "eval_every", int, "N", "Training",
     "Steps between two hold-out losses; 0 for never (100)."),
    ("--engine", "engine", str, "NAME", "Training",
     "What does the arithmetic; `engines` lists them (vector)."),
)  # fmt: skip

_FLAGS = {"model.parts": "--leave-out", "optimizer.name": "--optimizer"}
"""The options of the other settings whose names are not theirs."""

LATER = (
    "steps",
    "optimizer.learning_rate",
    "schedule",
    "batch_size",
    "eval_every",
    "engine",
)
"""Settings that may be given beside a saved or recorded run, which then goes on as a fork. A fork
on the screen may have another seed, too, but that holds out texts that were trained on."""

CHOICES = ("dataset", "tokenizer", "schedule", "engine")
"""Settings that name a contribution."""
_KNOWN_ENGINES = ("vector", "scalar")
"""Engines whose names are known without loading plugins."""


def run_options(command: F) -> F:
    """Add the options that are settings of a run."""
    for flag, field, kind, metavar, section, text in reversed(_SETTINGS):
        name = field.replace(".", "__")
        complete = completion.names(field) if field in CHOICES else None
        command = option(
            flag, name, type=kind, default=None, metavar=metavar, section=section, help=text,
            shell_complete=complete,
        )(command)  # fmt: skip
    for decorator in (
        option("--leave-out", "model__parts", section="Model", multiple=True, metavar="PART",
               type=click.Choice(PARTS), callback=_what_is_left,
               help="Leave a part out from the start: attention, mlp, positions, norm or residual "
                    "(may be repeated)."),
        option("--threads", section="Training", metavar="N", type=click.IntRange(1, MOST),
               expose_value=False, callback=_use_threads,
               help="Threads that an engine may use where they pay (1); no number depends on it."),
        option("--optimizer", "optimizer__name", section="Training", metavar="NAME",
               type=click.Choice(OPTIMIZERS),
               help="adam or sgd, whose usual learning rate is 0.3 (adam)."),
        option("--schedule", section="Training", metavar="NAME[:KNOBS]",
               shell_complete=completion.names("schedule"),
               help="How the learning rate changes over the run; `schedules` lists them (linear)."),
        option("--split", section="Data", metavar="KIND",
               type=click.Choice(["lines", "paragraphs", "windows"]),
               help="What a document of FILE is: lines, paragraphs or windows (lines)."),
        option("--tokenizer", section="Data", metavar="NAME[:KNOBS]",
               shell_complete=completion.names("tokenizer"),
               help="How text becomes tokens (char)."),
        option("--dataset", section="Data", metavar="NAME[:KNOBS]",
               shell_complete=completion.names("dataset"),
               help="A data set by its name, instead of FILE (names)."),
    ):  # fmt: skip
        command = decorator(command)
    return command


def _use_threads(ctx: click.Context, param: click.Parameter, count: int | None) -> None:
    """Tell the workers that this command starts how many threads an engine may use."""
    del param
    if count is not None:
        before = os.environ.get(VARIABLE)
        os.environ[VARIABLE] = str(count)
        ctx.call_on_close(lambda: _put_back(before))


def _put_back(threads: str | None) -> None:
    if threads is None:
        os.environ.pop(VARIABLE, None)
    else:
        os.environ[VARIABLE] = threads


def _what_is_left(
    ctx: click.Context, param: click.Parameter, left_out: tuple[str, ...]
) -> tuple[str, ...] | None:
    """The parts of the model that are there; None if nothing was said."""
    del ctx, param
    return tuple(part for part in PARTS if part not in left_out) if left_out else None


def plugin_options(command: F) -> F:
    """Add the options that decide which plugins are loaded. The command gets one value for them,
    `sources`."""

    @wraps(command)
    def with_sources(
        plugins: tuple[Path, ...], no_plugins: bool, without: tuple[str, ...], **values: Any
    ) -> Any:
        return command(sources=sources(plugins, no_plugins, without), **values)

    called = cast(F, with_sources)
    for decorator in (
        option("--no-plugins", section="Plugins", is_flag=True,
               help="Built-ins only: import no plugin."),
        option("--without", section="Plugins", multiple=True, metavar="NAME",
               help="Do not import this plugin (may be repeated)."),
        option("--plugin", "plugins", section="Plugins", multiple=True, metavar="FILE",
               type=PATH,
               help="Load a plugin from a Python file (may be repeated)."),
    ):  # fmt: skip
        called = decorator(called)
    return called


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """The options of `train` that are no settings of the run."""

    save: Path | None
    """Where the model is written to at the end."""
    samples: int
    """How many texts are sampled at the end."""
    temperature: float
    as_json: bool
    metrics: tuple[str, ...]
    """Each "name" or "name:knob=value"."""
    no_record: bool
    recorded: str | None
    """The recorded run to go on with, as a person names it."""
    probes: Path | None
    """A file of prompts to ask again and again."""
    notify: Notify | None
    """How the end of the run is told; None for the way chosen on the screen."""
    cuts: tuple[str, ...]
    """What is done to the weights before the first step, each as `microgpt.surgery.operation_of`
    reads it."""
    holds: tuple[str, ...]
    """What is held from there on, likewise; "none" alone releases what the run holds."""
    at: int | None
    """The step after which a recorded run is forked; None for its end."""

    @classmethod
    def taken_from(cls, values: dict[str, Any]) -> TrainOptions:
        """These options out of all values of the command line; the run's settings are left."""
        return cls(**{field.name: values.pop(field.name) for field in fields(cls)})


def record_options(command: F) -> F:
    """Add the options that decide what is recorded, and which recorded run goes on."""
    for decorator in (
        option("--no-record", section="Record", is_flag=True,
               help="Keep no record of this run."),
        option("--run", "recorded", section="Record", shell_complete=completion.runs, metavar="RUN",
               help="Go on with this run: its number, its name, or the beginning of its uid; "
                    "`runs list` lists them."),
        option("--probes", section="Record", metavar="FILE", type=PATH,
               help="Ask these prompts again and again: one a line, or JSON."),
    ):  # fmt: skip
        command = decorator(command)
    return command


notify_option = option(
    "--notify", type=click.Choice(WAYS), metavar="HOW",
    help="When a run ends: bell, desktop or off (as last chosen on the screen; off).")  # fmt: skip
"""The option for how the end of a run is told."""


def sources(
    plugins: tuple[Path, ...] = (), no_plugins: bool = False, without: tuple[str, ...] = ()
) -> PluginSources:
    """Where plugins come from, as the options say. Raises click.ClickException."""
    if no_plugins:
        if plugins:
            raise click.UsageError("--plugin and --no-plugins contradict each other.")
        return PluginSources(entry_points=False, folder=None)
    return usual_plugins(tuple(plugin_file(path) for path in plugins), without)


def plugin_file(path: Path, hint: str = "--plugin") -> str:
    """The absolute path of a plugin. hint: the option or argument that named it. Raises
    click.ClickException."""
    try:
        # Path.exists raises for a name that is too long. What else may be wrong, the import tells.
        there = expanded(path).exists()
    except OSError:
        there = False
    if not there:
        shown = printable(str(path))
        raise click.BadParameter(
            f"there is no file '{shown[:200]}'. Check the path.", param_hint=hint
        )
    return absolute(path)


def absolute(path: Path) -> str:
    """The absolute path. Raises click.ClickException if the current folder has been deleted, or if
    the path is not UTF-8, which a RunSpec as JSON cannot hold."""
    try:
        given = path if path.exists() else expanded(path)
        real = given.resolve()
        if given.exists() and not real.exists():  # what /dev/fd/63 leads to, a pipe, has no path
            real = given.absolute()
        text = str(real)
    except FileNotFoundError:
        raise click.ClickException(
            "The folder you are in has been deleted. Go to another one: cd"
        ) from None
    except (OSError, RuntimeError):  # a name too long, a loop of links: opening it tells
        text = str(expanded(path))
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        with contextlib.suppress(UnicodeDecodeError):
            name = os.fsencode(text).decode("utf-8")  # so the locale cannot read it
            raise click.ClickException(
                f"The name {printable(name)} is UTF-8, and this locale is not. "
                "Begin the command with PYTHONUTF8=1"
            ) from None
        raise click.ClickException(
            f"The name {printable(text)} holds bytes that are no text in UTF-8. Rename the "
            "file, or its folder."
        ) from None
    return text


def changes(file: Path | None, values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that the command line gives, by dotted field; choices are still text. Raises
    click.ClickException."""
    said = {
        name.replace("__", "."): value
        for name, value in values.items()
        if value is not None and name != "split"
    }
    split = values.get("split")
    if file is not None:
        if "dataset" in said:
            raise click.UsageError("FILE and --dataset both name a data set: give one of them.")
        if str(file) == "-" and not file.exists():
            raise click.UsageError(
                "FILE cannot be standard input: a run must find its data again. "
                "Write them to a file first."
            )
        options = {"path": absolute(file)}
        said["dataset"] = {"name": "text-file", "options": options}
        if split:
            options["split"] = split
    elif split:
        raise click.UsageError("--split is for a text FILE: name one.")
    return said


def make_spec(said: Mapping[str, Any], plugin_sources: PluginSources) -> RunSpec:
    """The validated RunSpec. Raises click.UsageError as `spec_of` does."""
    said = dict(said)
    texts = texts_of(said)
    if texts:
        from playground.cli.loading import load

        registry = load(plugin_sources)
        for field, text in texts.items():
            said[field] = chosen_in(registry, field, text)
    return spec_of(said)


def spec_of(said: Mapping[str, Any]) -> RunSpec:
    """The RunSpec of settings by dotted field, whose choices a registry has looked up; an optimizer
    that comes without a learning rate gets its usual one. Raises click.UsageError, which names
    every bad setting."""
    from playground.lab.spec import RunSpec, SpecError

    try:
        return RunSpec.begun(said)
    except SpecError as error:
        lines = [f"{_flag(field)} {text}" for field, text in error.problems.items()]
        raise click.UsageError("\n".join(lines)) from None


SETTINGS: Mapping[str, tuple[str, type]] = {
    **{flag.removeprefix("--").replace("-", "_"): (field, kind)
       for flag, field, kind, *_ in _SETTINGS},
    "optimizer": ("optimizer.name", str),
    "schedule": ("schedule", str),
    "tokenizer": ("tokenizer", str),
}  # fmt: skip
"""The settings of a run by the names of their options: (dotted field, type)."""


def texts_of(said: Mapping[str, Any]) -> dict[str, str]:
    """The settings that name a contribution in a text, which a registry must look up."""
    return {
        field: said[field]
        for field in CHOICES
        if isinstance(said.get(field), str) and said[field] not in _KNOWN_ENGINES
    }


def chosen_in(registry: Registry, field: str, text: str) -> Any:
    """The value in a RunSpec of "char" or "word:lower=true". Raises click.BadParameter."""
    from playground.lab.run.choices import choice

    try:
        with refused_as(f"--{field}"):
            return choice(registry, field, text)
    except click.BadParameter:
        warn(registry.problems)  # the choice may be in a plugin that could not be used
        raise


def goes_on_with(values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings given beside a saved or recorded run, by dotted field; choices are still text.
    Raises click.UsageError for a setting that such a run cannot go on with."""
    said = {name.replace("__", "."): value for name, value in values.items() if value is not None}
    refused = [_flag(field) for field in said if field not in LATER]
    if refused:
        later = ", ".join(map(_flag, LATER))
        raise click.UsageError(
            f"A saved run goes on with the settings it was saved with: leave out "
            f"{', '.join(refused)}. What may change later: {later}."
        )
    return said


def refused_later(problems: Mapping[str, str]) -> click.UsageError:
    """The error for settings that a saved run cannot go on with. problems: by dotted field."""
    return click.UsageError("\n".join(f"{_flag(field)} {text}" for field, text in problems.items()))


def _flag(field: str) -> str:
    """The option of a dotted field: "--n-embd" for "model.n_embd"."""
    known = next((setting[0] for setting in _SETTINGS if setting[1] == field), None)
    known = known or _FLAGS.get(field)
    return known or "--" + field.rpartition(".")[2].replace("_", "-")
