"""`microgpt-play score`: how good a model is, as JSON or in words."""

from __future__ import annotations

import click

from playground.cli.export import Telling
from playground.cli.failures import fail, warn
from playground.cli.loading import load
from playground.cli.named_model import alive, named_model
from playground.cli.runs.list import NONE_YET, as_json_text
from playground.cli.score_text import print_score
from playground.cli.supervisor import activity
from playground.hooks.sources import PluginSources
from playground.lab.run.guard import plugin_failures
from playground.lab.run.saved_model import SavedModel
from playground.lab.score.score import score
from playground.lab.score.subject import prepared_of, subject_of
from playground.lab.score.work import finished


def show_score(
    named: str | None,
    sources: PluginSources,
    *,
    samples: int,
    seed: int,
    rule: str | None,
    as_json: bool,
) -> int:
    """Print the score of a model; returns the exit code.

    named: as `named_model` has it. samples: texts to sample, 0 or more. rule: what a valid text
    matches, instead of the run's own rule. Raises LabError.
    """
    registry = load(sources)
    warn(registry.problems)
    found = named_model(named, registry)
    if found is None:
        return fail(f"{NONE_YET} Or name a saved model (.safetensors).")
    rule = found.rule if rule is None else rule
    with plugin_failures(), Telling() as shown:
        tell = alive(shown)
        prepared = prepared_of(found.checkpoint, found.spec, registry, activity, tell, found.text)
        model = SavedModel.of(found.checkpoint, registry, activity)
        subject = finished(subject_of(model, prepared, samples=samples, seed=seed, rule=rule), tell)
        told = {"model": found.source, "seed": seed, "rule": rule, **score(subject, tell)}
    if as_json:
        click.echo(as_json_text(told))
    else:
        print_score(told)
    return 0
