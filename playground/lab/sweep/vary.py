"""Plans the sweep that varies some settings of one run, as the screen asks for it.

The command line plans from its own options: see `microgpt-play sweep`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from playground.hooks.sources import PluginSources
from playground.lab.paths import sha256_of
from playground.lab.spec import OPTIMIZER_FIELD, RATE_FIELD, RATES, RunSpec, SpecError
from playground.lab.sweep.plan import MOST_RUNS, Plan, Setting, combinations
from playground.words import many, read_number

FIELDS: Mapping[str, tuple[str, type]] = {
    "learning_rate": (RATE_FIELD, float),
    "n_embd": ("model.n_embd", int),
    "n_layer": ("model.n_layer", int),
    "n_head": ("model.n_head", int),
    "block_size": ("model.block_size", int),
    "batch_size": ("batch_size", int),
    "steps": ("steps", int),
    "optimizer": (OPTIMIZER_FIELD, str),
    "schedule": ("schedule", str),
    "engine": ("engine", str),
    "tokenizer": ("tokenizer", str),
    "holdout": ("holdout", float),
    "eval_every": ("eval_every", int),
}
"""The settings that can be varied, by the names that `microgpt-play sweep --vary` has for them:
(dotted field, type)."""
MOST_NAMED = 3
"""Refused combinations that are named at most."""
MOST_SEEDS = 100

Chosen = Callable[[str, str], Any]
"""(dotted field, a name) -> the value of the RunSpec; raises Unplanned for a name that nothing
has."""


class Unplanned(ValueError):
    """Nothing can be trained as it was asked for; the text says why, and what to do."""


def values_of(name: str, text: str) -> list[str]:
    """The values of one setting as a person lists them, "0.003, 0.01, 0.03". Raises Unplanned."""
    values = [value.strip() for value in text.split(",") if value.strip()]
    if not values:
        raise Unplanned(f"{name} has no values: write them with commas between")
    seen: list[Any] = []
    for value in values:
        typed = typed_value(name, value)
        if typed in seen:
            raise Unplanned(f"{name} has the value {value} twice: leave one of them out")
        seen.append(typed)
    return values


def typed_value(name: str, text: str) -> Any:
    """The value of a setting, text for one that is a name. Raises Unplanned."""
    kind = FIELDS[name][1]
    if kind is str:
        return text
    try:
        value = read_number(text, whole=kind is int)
    except ValueError as error:
        wanted = "whole number" if kind is int else "number"
        raise Unplanned(f"{name} must be a {wanted}, not {text!r}{error}") from None
    return value if kind is int else float(value)


def count_of(vary: Mapping[str, Sequence[str]], seeds: int) -> int:
    """The runs of all combinations with so many seeds."""
    count = seeds
    for values in vary.values():
        count *= len(values)
    return count


def planned(
    base: RunSpec,
    vary: Mapping[str, Sequence[str]],
    seeds: int,
    chosen: Chosen,
    sources: PluginSources,
) -> Plan:
    """The plan of a sweep over all combinations of these values, each with `seeds` seeds from the
    run's own on. base: the settings that are the same in all runs. Raises Unplanned."""
    if not vary:
        raise Unplanned("Nothing is varied: give a setting two values or more")
    count = count_of(vary, seeds)
    if count > MOST_RUNS:
        raise Unplanned(
            f"These are {many(count)}, and a sweep has at most {MOST_RUNS:,}: give fewer values or "
            "seeds"
        )
    most = RunSpec.model_fields["seed"].metadata[-1].le
    if base.seed + seeds - 1 > most:
        raise Unplanned(f"The seeds begin at {base.seed:,} and must be at most {most:,}")
    settings, refused = [], []
    for values in combinations(vary, None, 0):
        try:
            settings.append(Setting(values, _with(base, values, chosen).to_json()))
        except SpecError as error:
            words = " ".join(f"{name}={value}" for name, value in values)
            refused.append(f"{words} cannot be: {next(iter(error.problems.values()))}")
    if refused:
        more = len(refused) - MOST_NAMED
        tail = [f"and {more:,} more"] if more > 0 else []
        raise Unplanned("; ".join([*refused[:MOST_NAMED], *tail]))
    return Plan(tuple(settings), tuple(range(base.seed, base.seed + seeds)), _text(base), sources)


def _with(base: RunSpec, values: Sequence[tuple[str, str]], chosen: Chosen) -> RunSpec:
    """The settings with these values. An optimizer that is not the run's own comes with its usual
    learning rate, unless that is varied, too. Raises SpecError, Unplanned."""
    changes: dict[str, Any] = {}
    for name, text in values:
        field, kind = FIELDS[name]
        value = typed_value(name, text)
        if kind is str and field != OPTIMIZER_FIELD:
            value = chosen(field, text)
        if field == OPTIMIZER_FIELD and value != base.optimizer.name and value in RATES:
            changes.setdefault(RATE_FIELD, RATES[value])
        changes[field] = value
    return base.replace(changes)


def _text(spec: RunSpec) -> str:
    """The SHA-256 of the text file that the run learns from; "" if it names none."""
    path = spec.dataset.options.get("path")
    return sha256_of(path) if isinstance(path, str) else ""
