"""Contributions as the command line names them: "min-p", "mine:min-p", "min-p:min_p=0.05"."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from playground.hooks.errors import KnobError, UnknownNameError

if TYPE_CHECKING:
    from playground.catalog import Entry, Kind, KnobValue
    from playground.hooks.registry import Registry
    from playground.lab.protocol.sampling import Link


def heat(registry: Registry, temperature: float | None, instead: str) -> tuple[Link, ...]:
    """The link that --temperature means; none without that option.

    instead: what to do for the likeliest token each time, which no temperature gives. Raises
    click.BadParameter.
    """
    if temperature is None:
        return ()
    from playground.lab.protocol.sampling import Link

    options = {"temperature": temperature}
    try:
        registry.validate("strategy", "temperature", options)
    except KnobError as error:
        way = f": {instead}" if temperature < 1 else ""
        raise click.BadParameter(f"{error.message}{way}", param_hint="--temperature") from None
    return (Link("temperature", options),)


def links(registry: Registry, strategies: tuple[str, ...]) -> tuple[Link, ...]:
    """The links of the sampling chain that the texts name, in order. Raises click.BadParameter."""
    from playground.lab.run.choices import link

    with refused_as("--strategy"):
        return tuple(link(registry, text) for text in strategies)


def chosen(
    registry: Registry, kind: Kind, text: str, hint: str
) -> tuple[Entry, dict[str, KnobValue]]:
    """The contribution that the text names, and the knobs that the text sets.

    hint: the option that the text was given to. Raises click.BadParameter.
    """
    from playground.lab.run import choices

    with refused_as(hint):
        return choices.chosen(registry, kind, text)


def as_said(entry: Entry, text: str) -> str:
    """The bare name of the entry if the text has that, else "plugin:name"."""
    from playground.lab.run import choices

    return choices.as_said(entry, text)


@contextmanager
def refused_as(hint: str) -> Iterator[None]:
    """Raise click.BadParameter for what the registry refuses. hint: the option that is at fault."""
    try:
        yield
    except (KnobError, UnknownNameError) as error:
        raise click.BadParameter(str(error), param_hint=hint) from None
