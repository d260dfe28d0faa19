"""Contributions as the command line names them: "min-p", "mine:min-p", "min-p:min_p=0.05"."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from playground.hooks.errors import KnobError, UnknownNameError

if TYPE_CHECKING:
    from playground.catalog import Entry, Kind, KnobValue
    from playground.hooks.registry import Registry
    from playground.lab.protocol.sampling import Link


def heat(registry: Registry, temperature: float | None) -> tuple[Link, ...]:
    """The link that --temperature means; none without that option. Raises click.BadParameter."""
    if temperature is None:
        return ()
    from playground.lab.protocol.sampling import Link

    options = {"temperature": temperature}
    try:
        registry.validate("strategy", "temperature", options)
    except KnobError as error:
        raise click.BadParameter(error.message, param_hint="--temperature") from None
    return (Link("temperature", options),)


def links(registry: Registry, strategies: tuple[str, ...]) -> tuple[Link, ...]:
    """The links of the sampling chain that the texts name, in order. Raises click.BadParameter."""
    from playground.lab.protocol.sampling import Link

    links = []
    for text in strategies:
        entry, options = chosen(registry, "strategy", text, "--strategy")
        links.append(Link(registry.catalog().shortest(entry), options))
    return tuple(links)


def chosen(
    registry: Registry, kind: Kind, text: str, hint: str
) -> tuple[Entry, dict[str, KnobValue]]:
    """The contribution that the text names, and the knobs that the text sets.

    hint: the option that the text was given to. Raises click.BadParameter.
    """
    try:
        entry, options = registry.parse_choice(kind, text)
        registry.validate(kind, entry.qualified, options)
    except (KnobError, UnknownNameError) as error:
        raise click.BadParameter(str(error), param_hint=hint) from None
    return entry, options


def as_said(entry: Entry, text: str) -> str:
    """The bare name of the entry if the text has that, else "plugin:name"."""
    return entry.name if text.strip().partition(":")[0] == entry.name else entry.qualified
