"""`microgpt-play sample`: more text from a saved model."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click

from playground.cli.failures import fail, fail_with, printable, warn
from playground.cli.loading import load
from playground.hooks.errors import KnobError, UnknownNameError
from playground.hooks.registry import Registry
from playground.hooks.sources import PluginSources
from playground.lab.events import LabError
from playground.lab.protocol import DEFAULT_CHAIN, Link, Sampling
from playground.lab.saved_model import SavedModel

BATCH = 20
"""Texts sampled between two prints: the first are seen while the last are being made."""


def sample_texts(
    path: Path,
    sources: PluginSources,
    *,
    count: int,
    prompt: str,
    temperature: float | None,
    strategies: tuple[str, ...],
    seed: int,
    as_json: bool,
) -> int:
    """Print `count` texts; returns the exit code."""
    registry = load(sources)
    warn(registry.problems)
    chain = (*heat(registry, temperature), *_links(registry, strategies))
    if not strategies:
        chain = (chain[0] if chain else DEFAULT_CHAIN[0], *DEFAULT_CHAIN[1:])
    shown = printable_in_terminal()
    try:
        model = SavedModel.load(path, registry)
        for done in range(0, count, BATCH):
            wanted = min(BATCH, count - done)
            batch = model.sample(Sampling(chain, prompt, wanted, 0, seed))
            if batch.note and not batch.texts:
                return fail(batch.note)
            for text in batch.texts:
                line = {"text": text.text, "complete": text.complete}
                print(json.dumps(line) if as_json else shown(text.text))
    except LabError as error:
        return fail_with(error.failure)
    return 0


def heat(registry: Registry, temperature: float | None) -> tuple[Link, ...]:
    """The link that --temperature stands for. Raises click.BadParameter."""
    if temperature is None:
        return ()
    options = {"temperature": temperature}
    try:
        registry.validate("strategy", "temperature", options)
    except KnobError as error:
        raise click.BadParameter(error.message, param_hint="--temperature") from None
    return (Link("temperature", options),)


def _links(registry: Registry, strategies: tuple[str, ...]) -> tuple[Link, ...]:
    """The links in the order given. Raises click.BadParameter."""
    links = []
    try:
        for text in strategies:
            entry, options = registry.parse_choice("strategy", text)
            registry.validate("strategy", entry.qualified, options)
            links.append(Link(entry.qualified, options))
    except (KnobError, UnknownNameError) as error:
        raise click.BadParameter(str(error), param_hint="--strategy") from None
    return tuple(links)


def printable_in_terminal() -> Callable[[str], str]:
    """How a sampled text is shown: as it is to a pipe, and to a terminal without what would
    steer it, for a model that learnt from a file with escape sequences writes them as well."""
    if sys.stdout.isatty():
        return partial(printable, keep="\n\t")
    return str
