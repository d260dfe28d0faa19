"""Links of the sampling chain, as the command line says them."""

from __future__ import annotations

import click

from playground.cli.choices import chosen
from playground.hooks.errors import KnobError
from playground.hooks.registry import Registry
from playground.lab.protocol import Link


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


def links(registry: Registry, strategies: tuple[str, ...]) -> tuple[Link, ...]:
    """The links in the order given. Raises click.BadParameter."""
    links = []
    for text in strategies:
        entry, options = chosen(registry, "strategy", text, "--strategy")
        bare = registry.catalog().find("strategy", entry.name) == entry
        links.append(Link(entry.name if bare else entry.qualified, options))
    return tuple(links)
