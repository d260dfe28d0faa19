"""All contributions by name, and the objects made of them."""

from __future__ import annotations

import dataclasses
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from microgpt.config import ModelConfig, OptimizerConfig, needs
from playground.api import Contribution, Engine, KnobValue
from playground.catalog import BUILTIN, Catalog, Entry, Kind, Plugin, Problem
from playground.hooks.chain import Chain
from playground.hooks.errors import KIND_WORDS, PluginError, UnableError, plugin_call
from playground.hooks.guarded_engine import guarded
from playground.hooks.knobs import JsonValue, canonical, make_knobs
from playground.hooks.lookup import parse_choice, parse_options, resolve
from playground.hooks.validation import check_made

Options = Mapping[str, Any]
"""JSON values by knob name."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A contribution that passed the checks, with its entry in the catalog."""

    entry: Entry
    contribution: Contribution[Any]


class Registry:
    """What `load` found. Every method that takes a name takes bare and qualified ones, and raises
    UnknownNameError for a name that means no contribution, or more than one."""

    def __init__(
        self,
        registered: Iterable[Registered],
        problems: Iterable[Problem],
        plugins: Iterable[Plugin],
        offers: Iterable[Entry] = (),
    ) -> None:
        self._take(
            tuple(registered),
            Catalog(problems=tuple(problems), plugins=tuple(plugins), offers=tuple(offers)),
        )

    def _take(self, items: tuple[Registered, ...], rest: Catalog) -> None:
        self.items = items
        """Every contribution, in the order of the catalog."""
        self._by_entry = {
            (item.entry.kind, item.entry.qualified): item.contribution for item in items
        }
        self._catalog = dataclasses.replace(rest, entries=tuple(item.entry for item in items))

    def exchange(
        self, name: str, items: Sequence[Registered], problems: Sequence[Problem], *plugin: Plugin
    ) -> None:
        """Put what a plugin contributes now in the place of what it contributed before. Objects
        made before are untouched. plugin: the plugin's record; without one the plugin is removed.
        """
        before, kept = self._catalog, [item for item in self.items if item.entry.plugin != name]
        owners = [item.entry.plugin for item in self.items]
        at = owners.index(name) if name in owners else len(kept)
        plugins = [known for known in before.plugins if known.name != name]
        names = [known.name for known in before.plugins]
        place = names.index(name) if name in names else len(plugins)
        self._take(
            (*kept[:at], *items, *kept[at:]),
            dataclasses.replace(
                before,
                problems=(*(p for p in before.problems if p.plugin != name), *problems),
                plugins=(*plugins[:place], *plugin, *plugins[place:]),
            ),
        )

    def snapshot(self) -> tuple[tuple[Registered, ...], Catalog]:
        """All contents, for `restore`."""
        return self.items, self._catalog

    def restore(self, snapshot: tuple[tuple[Registered, ...], Catalog]) -> None:
        """Take back the contents of a snapshot."""
        self._take(*snapshot)

    def catalog(self) -> Catalog:
        """All contributions as plain data."""
        return self._catalog

    @property
    def problems(self) -> tuple[Problem, ...]:
        return self._catalog.problems

    @property
    def plugins(self) -> tuple[Plugin, ...]:
        return self._catalog.plugins

    def entry(self, kind: Kind, name: str) -> Entry:
        """The catalog's entry of a contribution."""
        return resolve(self._catalog, kind, name)

    def contribution(self, kind: Kind, name: str) -> Contribution[Any]:
        """The contribution itself, with its factory."""
        return self._by_entry[kind, self.entry(kind, name).qualified]

    def parse_choice(self, kind: Kind, text: str) -> tuple[Entry, dict[str, KnobValue]]:
        """The entry and the options in "min-p:min_p=0.05"; see playground.hooks.lookup. Raises
        KnobError."""
        return parse_choice(self._catalog, kind, text)

    def parse_options(self, kind: Kind, name: str, text: str) -> dict[str, KnobValue]:
        """Typed values from "min_p=0.05,keep=3". Raises KnobError."""
        return parse_options(self.entry(kind, name), text)

    def validate(
        self, kind: Kind, name: str, options: Options | None = None
    ) -> dict[str, JsonValue]:
        """All options with their values, as JSON: what a saved run keeps. Raises KnobError."""
        entry = self.entry(kind, name)
        return canonical(
            entry, make_knobs(entry, self.contribution(kind, name).knobs, options or {})
        )

    def make(
        self,
        kind: Kind,
        name: str,
        options: Options | None = None,
        follows: Mapping[str, KnobValue] | None = None,
    ) -> Any:
        """A fresh object of a contribution: a Tokenizer for "tokenizer", and so on by its kind.

        follows: the model's settings ({"block_size": 16}), taken by knobs that follow one
        and stand at neutral. Raises UnknownNameError, KnobError, PluginError.
        """
        if kind == "engine":
            raise TypeError("engines are made by make_engine")
        entry = self.entry(kind, name)
        contribution = self.contribution(kind, name)
        knobs = make_knobs(entry, contribution.knobs, options or {}, follows)
        with plugin_call(entry, "making", knobs):
            made = contribution.factory() if knobs is None else contribution.factory(knobs)
            missing = check_made(kind, made)
        return _whole(entry, made, missing)

    def make_engine(
        self, name: str, config: ModelConfig, optimizer: OptimizerConfig, weights: array[float]
    ) -> Engine:
        """An engine at work on these weights. Raises UnknownNameError, of which UnableError is one;
        PluginError."""
        entry = self.able(name, needs(config, optimizer))
        factory = self.contribution("engine", name).factory
        with plugin_call(entry, "making"):
            made = factory(config, optimizer, weights)
            missing = check_made("engine", made)
        engine: Engine = _whole(entry, made, missing)
        if entry.plugin == BUILTIN:
            return engine
        return guarded(engine, entry, config)

    def able(self, name: str, needs: Sequence[str]) -> Entry:
        """The catalog's entry of an engine that knows all that a model needs, as
        `microgpt.config.needs` has it. Raises UnknownNameError, of which UnableError is one."""
        entry = self.entry("engine", name)
        why = self._catalog.why_unable(entry, needs)
        if why:
            raise UnableError("engine", entry.name, f"the engine {entry.name!r} {why}")
        return entry

    def make_chain(
        self,
        choices: Sequence[tuple[str, Options]],
        follows: Mapping[str, KnobValue] | None = None,
    ) -> Chain:
        """The chain of strategies, in this order. Raises what `make` raises, and ChainError for two
        strategies that pick."""
        return Chain(
            [
                (
                    self.entry("strategy", name).qualified,
                    self.make("strategy", name, options, follows),
                )
                for name, options in choices
            ]
        )


def _whole(entry: Entry, made: Any, missing: str) -> Any:
    if missing:
        place = f"making {KIND_WORDS[entry.kind]} {entry.name!r}"
        raise PluginError(entry.plugin, place, missing)
    return made
