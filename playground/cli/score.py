"""`microgpt-play score`: how good a model is, as JSON or in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from playground.cli.export import Telling
from playground.cli.failures import fail, warn
from playground.cli.loading import load
from playground.cli.runs.list import NONE_YET, as_json_text, named_or_newest, opened
from playground.cli.runs.state import state_after
from playground.cli.score_text import print_score
from playground.cli.supervisor import activity
from playground.hooks.registry import Registry
from playground.hooks.sources import PluginSources
from playground.lab.checkpoint import read_checkpoint
from playground.lab.protocol.failures import Failure, LabError, Progress
from playground.lab.protocol.observation import recorded_parts
from playground.lab.protocol.run import Checkpoint
from playground.lab.protocol.sampling import measuring_of
from playground.lab.record.load import look_up
from playground.lab.run.guard import plugin_failures
from playground.lab.score.score import score
from playground.lab.score.subject import subject_of
from playground.lab.spec import RunSpec, SpecError
from playground.lab.store.errors import StoreError

_RULE = ("valid-share", "builtin:valid-share")
"""Names of the metric whose rule tells a valid text."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A model, and what it learnt from."""

    model: dict[str, Any]
    """Where the model is from, as JSON has it."""
    checkpoint: Checkpoint
    spec: RunSpec
    text: bytes | None = None
    rule: str | None = None


def show_score(
    named: str | None, sources: PluginSources, *, samples: int, seed: int, as_json: bool
) -> int:
    """Print the score of a saved model or a recorded run; returns the exit code.

    named: the path of a .safetensors file, or words that mean a run; the run that was trained last
    if None. samples: texts to sample, 0 or more. Raises LabError.
    """
    registry = load(sources)
    warn(registry.problems)
    found = _in_file(Path(named)) if named and _is_file(named) else _recorded(named, registry)
    if found is None:
        return fail(f"{NONE_YET} Or name a saved model (.safetensors).")
    with plugin_failures(), Telling() as shown:
        tell = _alive(shown)
        subject = subject_of(
            found.checkpoint,
            found.spec,
            registry,
            samples=samples,
            seed=seed,
            activity=activity,
            tell=tell,
            text=found.text,
            rule=found.rule,
        )
        told = {"model": found.model, "seed": seed, **score(subject, tell)}
    if as_json:
        click.echo(as_json_text(told))
    else:
        print_score(told)
    return 0


def _alive(shown: Telling) -> Callable[[Progress], None]:
    """Show progress, and tell the watchdog that the process is at work."""

    def tell(progress: Progress) -> None:
        activity.alive()
        shown(progress)

    return tell


def _is_file(named: str) -> bool:
    return named.endswith(".safetensors") or Path(named).is_file()


def _in_file(path: Path) -> _Found:
    checkpoint = read_checkpoint(path)
    spec = _spec(checkpoint.spec)
    where = {"checkpoint": str(path), "step": checkpoint.step, "steps": spec.steps}
    return _Found(where, checkpoint, spec)


def _recorded(words: str | None, registry: Registry) -> _Found | None:
    """The run that the words mean, where it stands; None if there is no run. Raises LabError."""
    try:
        with opened() as store:
            row = named_or_newest(store, words)
            if row is None:
                return None
            recalled = look_up(store, row.id)
            checkpoint = state_after(store, row, row.at, registry)
    except StoreError as error:
        if error.kind == "missing" and words is None:
            return None
        raise
    where = {"run": row.id, "name": row.name, "step": row.at, "steps": row.steps}
    rule = _rule(recalled.record.settings)
    return _Found(where, checkpoint, _spec(recalled.spec), recalled.text, rule)


def _spec(text: str) -> RunSpec:
    try:
        return RunSpec.parse(text)
    except SpecError as error:
        raise LabError(Failure("The recorded settings cannot be", f"{error}.")) from error


def _rule(settings: str) -> str | None:
    """The rule of the metric valid-share, if the run measures it."""
    measuring = measuring_of(recorded_parts(settings).get("measuring"))
    for metric in measuring.metrics if measuring else ():
        rule = metric.options.get("rule", "[a-z]+")
        if metric.name in _RULE and isinstance(rule, str):
            return rule
    return None
