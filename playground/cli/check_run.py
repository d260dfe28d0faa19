"""`microgpt-play check-run`: a run against a baseline, for scripts."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path

import click

from playground.cli.check_text import print_check
from playground.cli.export import Telling
from playground.cli.failures import warn
from playground.cli.loading import load
from playground.cli.named_model import NamedModel, alive, named_model
from playground.cli.probes import read_probes
from playground.cli.runs.list import as_json_text
from playground.cli.supervisor import activity
from playground.hooks.registry import Registry
from playground.hooks.sources import PluginSources
from playground.lab.protocol.failures import LabError, Progress
from playground.lab.run.guard import plugin_failures
from playground.lab.run.saved_model import SavedModel
from playground.lab.score.check import Allowed, Entrant, check, summary
from playground.lab.score.subject import prepared_of, subject_of
from playground.lab.score.work import finished

Tell = Callable[[Progress], None]


def check_run(
    run: str,
    against: str,
    sources: PluginSources,
    *,
    allowed: Mapping[str, float],
    prompts: Path | None,
    count: int,
    seed: int,
    rule: str | None,
    as_json: bool,
) -> int:
    """Print what differs between a run and its baseline; returns 0 if the run is within what is
    allowed, else 1.

    run, against: as `named_model` has them. allowed: how much worse each figure may be, by the
    names of Allowed; inf for any amount. prompts: a file of probes, instead of those of the
    baseline. count: texts to sample of each. rule: what a valid text matches, instead of the rule
    of the baseline. Raises LabError, click.BadParameter.
    """
    probes = read_probes(prompts, "--prompts") if prompts is not None else None
    limits = Allowed(**{name: None if most == math.inf else most for name, most in allowed.items()})
    registry = load(sources)
    warn(registry.problems)
    with plugin_failures(), Telling() as shown:
        tell = alive(shown)
        named = []
        for words, whose in ((against, "the baseline"), (run, "the run")):
            with _about(whose):
                named.append(_named(words, registry))
        baseline, own = named
        if rule is None:
            rule = baseline.rule if baseline.rule is not None else own.rule
        entrants = []
        for one, whose in ((baseline, "the baseline"), (own, "the run")):
            with _about(f"{whose}, {one.words}"):
                entrants.append(_entrant(one, registry, tell, count, seed, rule))
        if probes is None:
            probes = baseline.probes if baseline.probes.prompts else own.probes
        found = finished(check(entrants[0], entrants[1], probes, limits), tell)
    told = {
        "passed": found.pop("passed"),
        "verdict": summary(found["figures"], baseline.words, own.words),
        "baseline": baseline.source,
        "run": own.source,
        "seed": seed,
        "rule": rule,
        "allowed": asdict(limits),
        **found,
    }
    if as_json:
        click.echo(as_json_text(told))
    else:
        print_check(told)
    return 0 if told["passed"] else 1


def _named(words: str, registry: Registry) -> NamedModel:
    found = named_model(words, registry)
    assert found is not None, words
    return found


def _entrant(
    named: NamedModel, registry: Registry, tell: Tell, count: int, seed: int, rule: str | None
) -> Entrant:
    prepared = prepared_of(named.checkpoint, named.spec, registry, activity, tell, named.text)
    model = SavedModel.of(named.checkpoint, registry, activity)
    work = subject_of(model, prepared, samples=count, seed=seed, rule=rule)
    return Entrant(model, finished(work, tell))


@contextlib.contextmanager
def _about(whose: str) -> Iterator[None]:
    """Say of a failure which of the two it is about."""
    try:
        yield
    except LabError as error:
        title = f"{whose[:1].upper()}{whose[1:]}: {error.title[:1].lower()}{error.title[1:]}"
        raise LabError(replace(error.failure, title=title)) from error
