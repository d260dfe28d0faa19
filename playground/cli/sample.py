"""`microgpt-play sample`: more text from a saved model."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from microgpt.terminal import json_text
from playground.cli.choices import heat, links
from playground.cli.failures import fail, printable, say, warn
from playground.cli.loading import load
from playground.cli.supervisor import activity
from playground.hooks.sources import PluginSources
from playground.lab.protocol.sampling import DEFAULT_CHAIN, Sampling
from playground.lab.run.saved_model import SavedModel

_GREEDY = "leave --temperature out, and add --strategy greedy"


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
    """Print `count` texts; returns the exit code. Raises LabError."""
    registry = load(sources)
    warn(registry.problems)
    chain = (*heat(registry, temperature, _GREEDY), *links(registry, strategies))
    if not strategies:
        chain = (chain[0] if chain else DEFAULT_CHAIN[0], *DEFAULT_CHAIN[1:])
    shown = printable_in_terminal()
    model = SavedModel.load(path, registry, activity)
    if model.notice:
        say(f"! {model.notice}")
    for batch in model.sampled(Sampling(chain, prompt, seed=seed), count):
        if batch.note and not batch.texts:
            return fail(batch.note)
        for text in batch.texts:
            line = {"text": text.text, "complete": text.complete}
            print(json_text(line) if as_json else shown(text.text))
        sys.stdout.flush()  # a pipe gets each batch at once as well
    return 0


def printable_in_terminal() -> Callable[[str], str]:
    """The function that prepares a sampled text for standard output.

    A text for a pipe stays as it is. A text for a terminal has its control characters escaped,
    because a model that learnt from a file with escape sequences samples escape sequences.
    """
    if sys.stdout.isatty():
        return partial(printable, keep="\n\t")
    return str
