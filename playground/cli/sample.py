"""`microgpt-play sample`: more text from a saved model."""

from __future__ import annotations

import json
from pathlib import Path

import click

from playground.cli.failures import fail, fail_with
from playground.hooks.errors import KnobError, UnknownNameError
from playground.hooks.manager import load
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
    try:
        chain = _chain(registry, temperature, strategies)
        model = SavedModel.load(path, registry)
        for done in range(0, count, BATCH):
            wanted = min(BATCH, count - done)
            batch = model.sample(Sampling(chain, prompt, wanted, 0, seed))
            if batch.note and not batch.texts:
                return fail(batch.note)
            for text in batch.texts:
                line = {"text": text.text, "complete": text.complete}
                print(json.dumps(line) if as_json else text.text)
    except (KnobError, UnknownNameError) as error:
        raise click.BadParameter(str(error), param_hint="--strategy") from None
    except LabError as error:
        return fail_with(error.failure)
    return 0


def _chain(
    registry: Registry, temperature: float | None, strategies: tuple[str, ...]
) -> tuple[Link, ...]:
    """The links in the order given; without any, those of the playground."""
    heat = () if temperature is None else (Link("temperature", {"temperature": temperature}),)
    if not strategies:
        return heat + DEFAULT_CHAIN[1:] if heat else DEFAULT_CHAIN
    links = []
    for text in strategies:
        entry, options = registry.parse_choice("strategy", text)
        registry.validate("strategy", entry.qualified, options)
        links.append(Link(entry.qualified, options))
    return heat + tuple(links)
