"""Options that determine a run, the same for the playground and for `train`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from playground.hooks.sources import PluginSources
from playground.lab.places import plugin_folder

if TYPE_CHECKING:
    from playground.lab.spec import RunSpec

F = TypeVar("F", bound=Callable[..., Any])

# option -> (dotted field of RunSpec, type, help)
_SETTINGS: tuple[tuple[str, str, type, str], ...] = (
    ("--steps", "steps", int, "Optimizer updates in the whole run (1000)."),
    ("--learning-rate", "optimizer.learning_rate", float, "Of the first step; falls to 0 (0.01)."),
    ("--batch-size", "batch_size", int, "Documents a step learns from (1)."),
    ("--n-embd", "model.n_embd", int, "Embedding width, a multiple of the heads (16)."),
    ("--n-head", "model.n_head", int, "Attention heads (4)."),
    ("--n-layer", "model.n_layer", int, "Transformer blocks (1)."),
    ("--block-size", "model.block_size", int, "Context length in tokens (16)."),
    ("--seed", "seed", int, "Order of the documents and first weights (42)."),
    ("--holdout", "holdout", float, "Share of the documents never trained on (0.1)."),
    ("--eval-every", "eval_every", int, "Steps between hold-out losses; 0 for never (100)."),
    ("--engine", "engine", str, "What does the arithmetic (vector)."),
)


def run_options(command: F) -> F:
    """Add every option that determines a run."""
    for flag, field, kind, text in reversed(_SETTINGS):
        name = field.replace(".", "__")
        command = click.option(flag, name, type=kind, default=None, help=text)(command)
    for decorator in (
        click.option("--split", type=click.Choice(["lines", "paragraphs", "windows"]),
                     help="What a document of FILE is (lines)."),
        click.option("--tokenizer", metavar="NAME[:KNOB=VALUE,...]",
                     help="How text becomes tokens (char)."),
        click.option("--dataset", metavar="NAME[:KNOB=VALUE,...]",
                     help="A data set by name, instead of FILE (names)."),
    ):  # fmt: skip
        command = decorator(command)
    return command


def plugin_options(command: F) -> F:
    """Add what decides which plugins are loaded."""
    for decorator in (
        click.option("--no-plugins", is_flag=True, help="Built-ins only: import no plugin."),
        click.option("--without", multiple=True, metavar="NAME",
                     help="Do not import this plugin (may be repeated)."),
        click.option("--plugin", "plugins", multiple=True, metavar="FILE",
                     type=click.Path(path_type=Path),
                     help="Load a plugin from a Python file (may be repeated)."),
    ):  # fmt: skip
        command = decorator(command)
    return command


def sources(
    plugins: tuple[Path, ...] = (), no_plugins: bool = False, without: tuple[str, ...] = ()
) -> PluginSources:
    """Where plugins come from, as the options say."""
    if no_plugins:
        return PluginSources(entry_points=False, folder=None)
    for path in plugins:
        if not path.exists():
            raise click.BadParameter(f"there is no file {str(path)!r}", param_hint="--plugin")
    return PluginSources(
        files=tuple(str(path.resolve()) for path in plugins),
        folder=str(plugin_folder()),
        disabled=without,
    )


def changes(file: Path | None, values: Mapping[str, Any]) -> dict[str, Any]:
    """What was said on the command line, by dotted field; choices are still text."""
    said = {
        name.replace("__", "."): value
        for name, value in values.items()
        if value is not None and name not in ("split", "dataset", "tokenizer")
    }
    split = values.get("split")
    if file is not None:
        if values.get("dataset"):
            raise click.UsageError("FILE and --dataset both name a data set: give one of them.")
        options = {"path": str(file.expanduser().resolve())}
        said["dataset"] = {"name": "text-file", "options": options}
        if split:
            options["split"] = split
    elif split:
        raise click.UsageError("--split is for a text FILE: name one.")
    for field in ("dataset", "tokenizer"):
        if values.get(field):
            said[field] = values[field]
    return said


def make_spec(said: Mapping[str, Any], plugin_sources: PluginSources) -> RunSpec:
    """The validated RunSpec. Bad settings end the program with exit code 2, in words."""
    from playground.lab.spec import RunSpec, SpecError

    said = dict(said)
    texts = {
        field: said[field] for field in ("dataset", "tokenizer") if isinstance(said.get(field), str)
    }
    if texts:
        from playground.hooks.errors import KnobError, UnknownNameError
        from playground.hooks.manager import load

        registry = load(plugin_sources)
        for field, text in texts.items():
            try:
                entry, options = registry.parse_choice(field, text)  # type: ignore[arg-type]
            except (KnobError, UnknownNameError) as error:
                raise click.BadParameter(str(error), param_hint=f"--{field}") from None
            bare = text.partition(":")[0] == entry.name
            said[field] = {"name": entry.name if bare else entry.qualified, "options": options}
    try:
        return RunSpec().replace(said)
    except SpecError as error:
        lines = [f"{_flag(field)}: {text}" for field, text in error.problems.items()]
        raise click.UsageError("\n".join(lines)) from None


def _flag(field: str) -> str:
    return next((flag for flag, dotted, _, _ in _SETTINGS if dotted == field), field)
