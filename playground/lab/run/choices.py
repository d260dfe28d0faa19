"""Looks up the contributions that the command line names in texts, in the worker."""

from __future__ import annotations

import json
from dataclasses import replace

from playground.catalog import Entry, Kind, KnobValue
from playground.hooks.errors import KnobError, UnknownNameError
from playground.hooks.registry import Registry
from playground.lab.protocol.commands import Open
from playground.lab.protocol.failures import Failure, LabError
from playground.lab.protocol.sampling import Link, Sampling

KINDS: dict[str, Kind] = {
    "dataset": "dataset",
    "tokenizer": "tokenizer",
    "schedule": "schedule",
    "engine": "engine",
}
"""The settings that name a contribution, and its kind."""


def chosen(registry: Registry, kind: Kind, text: str) -> tuple[Entry, dict[str, KnobValue]]:
    """The contribution that the text names, and the knobs that the text sets. Raises KnobError,
    UnknownNameError."""
    entry, options = registry.parse_choice(kind, text)
    registry.validate(kind, entry.qualified, options)
    return entry, options


def as_said(entry: Entry, text: str) -> str:
    """The bare name of the entry if the text has that, else "plugin:name"."""
    return entry.name if text.strip().partition(":")[0] == entry.name else entry.qualified


def choice(registry: Registry, field: str, text: str) -> object:
    """The value of this field of a RunSpec that the text means. Raises KnobError,
    UnknownNameError."""
    entry, options = chosen(registry, KINDS[field], text)
    name = as_said(entry, text)
    return name if field == "engine" else {"name": name, "options": options}


def link(registry: Registry, text: str) -> Link:
    """The link of the sampling chain that the text means. Raises KnobError, UnknownNameError."""
    entry, options = chosen(registry, "strategy", text)
    return Link(registry.catalog().shortest(entry), options)


def looked_up(command: Open, registry: Registry) -> Open:
    """The command with what `said` means in its spec and its observation.

    Raises LabError whose `problems` name what cannot be, by its option.
    """
    said = command.said
    problems: dict[str, str] = {}
    choices: dict[str, object] = {}
    links: list[Link] = []
    for field, text in said.choices.items():
        try:
            choices[field] = choice(registry, field, text)
        except (KnobError, UnknownNameError) as error:
            problems[f"--{field}"] = str(error)
    for text in said.strategies:
        try:
            links.append(link(registry, text))
        except (KnobError, UnknownNameError) as error:
            problems["--strategy"] = str(error)
    if problems:
        told = "; ".join(f"{option} {text}" for option, text in problems.items())
        raise LabError(Failure("These options cannot be", told, problems=problems))
    spec, observation = command.spec, command.observation
    if choices:
        spec = json.dumps({**json.loads(spec), **choices})
    if links:
        observation = replace(observation, sampling=Sampling(tuple(links)))
    return replace(command, spec=spec, observation=observation)
