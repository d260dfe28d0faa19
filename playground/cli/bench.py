"""`microgpt-play bench`: how fast each engine is here, and whether all engines compute the same."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import platform
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from microgpt.terminal import json_text
from playground.catalog import BUILTIN, Entry
from playground.cli.bench_text import Paper, chart, difference, model_words, step_time, table
from playground.cli.failures import fail, say, warn
from playground.cli.loading import load
from playground.cli.progress import Report
from playground.cli.supervisor import activity
from playground.hooks import streams
from playground.hooks.errors import UnknownNameError
from playground.hooks.registry import Registry
from playground.hooks.sources import PluginSources
from playground.lab.bench import (
    DEFAULT,
    DOCUMENTS,
    LARGER,
    BenchResult,
    Model,
    Plan,
    climb,
)
from playground.lab.protocol.failures import Progress
from playground.words import many

ROUNDS, QUICK_ROUNDS, LARGER_ROUNDS = 9, 5, 3
SECONDS, QUICK_SECONDS = 0.2, 0.15
SLOWEST_STEP, PATIENT_STEP = 3.0, 30.0
"""Seconds. An engine whose step would take longer is not measured on a larger model."""
QUIET_SECONDS = 0.5
"""Seconds before the line of progress is drawn."""
WORTH_SAYING = 0.05
"""Seconds. A longer preparation of an engine is mentioned below the tables."""
BUSY = 0.4
"""Load average for each CPU above which the machine counts as busy."""
LIBRARIES = ("numpy", "numba", "llvmlite", "torch", "jax")
"""Libraries whose versions are printed if an engine has imported them."""


def bench(
    sources: PluginSources,
    *,
    names: Sequence[str],
    rounds: int | None,
    seconds: float | None,
    quick: bool,
    check: bool,
    as_json: bool,
) -> int:
    """Measure and print; returns 1 if an engine computes something else, or if none works.

    names: the engines to measure; all of them if empty. rounds, seconds: None for the default,
    which depends on `quick`. Raises click.BadParameter.
    """
    load_before = _load_average()
    registry = load(sources)
    warn(registry.problems)
    entries = _chosen(registry, names)
    plans = _plans(rounds, seconds, quick=quick, check=check)
    if load_before is not None and load_before > BUSY * (os.cpu_count() or 1):
        say(
            f"! This machine is busy (load average {load_before:.1f} on {_cpus()}): "
            "the ratios hold roughly, the times do not."
        )
    report, began = Report(sys.stderr, quiet=False), time.monotonic()

    def progress(what: str, done: int, total: int) -> None:
        activity.alive()
        if time.monotonic() - began > QUIET_SECONDS:
            report.opening(Progress(what, int(done), int(total)))

    try:
        with (
            contextlib.redirect_stdout(sys.stderr),  # standard output is for the figures
            streams.kept_otherwise(),
            activity.doing("engine", "an engine", "the benchmark"),
        ):
            ladders = climb(registry, entries, plans, progress)
    finally:
        report.clear()
    machine = _machine(load_before)
    origins = {
        registry.catalog().shortest(entry): entry.origin
        for entry in entries
        if entry.plugin != BUILTIN and not entry.missing
    }
    if as_json:
        click.echo(json_text(_figures(ladders, plans, machine), indent=2, allow_nan=False))
    else:
        for line in _text(ladders, plans, machine, origins):
            print(line)  # click.echo would make plain text of a line in colour
    return _verdict(ladders)


def _chosen(registry: Registry, names: Sequence[str]) -> list[Entry]:
    """The engines to measure, including those that are not installed. Raises click.BadParameter."""
    catalog = registry.catalog()
    listed = catalog.listed("engine")
    if not names:
        return list(listed)
    found = []
    for name in dict.fromkeys(names):
        missing = (one for one in listed if one.missing and name in (one.name, one.qualified))
        try:
            entry = (
                catalog.find("engine", name)
                or next(missing, None)
                or registry.entry("engine", name)
            )
        except UnknownNameError as error:
            raise click.BadParameter(str(error), param_hint="--engine") from None
        found.append(entry)
    return list(dict.fromkeys(found))


def _plans(
    rounds: int | None, seconds: float | None, *, quick: bool, check: bool
) -> list[tuple[Model, Plan]]:
    rounds = rounds or (QUICK_ROUNDS if quick else ROUNDS)
    seconds = seconds or (QUICK_SECONDS if quick else SECONDS)
    if check:
        least, patience = DOCUMENTS, 1e9
    else:
        # Losses are compared for about as long as all rounds of an engine take; those of a slow
        # engine until there are `least` of them.
        least, patience = (25, 1.0) if quick else (50, 2.0)
        least, patience = (least, patience) if seconds >= 0.1 else (2, max(seconds, 0.1))
    plans = [(DEFAULT, Plan(rounds, seconds, least, DOCUMENTS, patience))]
    if not quick:
        # Two losses at least, because only the second one depends on an update.
        slowest = PATIENT_STEP if check else SLOWEST_STEP
        larger = Plan(min(rounds, LARGER_ROUNDS), seconds, 2, 50, seconds, slowest)
        plans += [(model, larger) for model in LARGER]
    return plans


def _verdict(ladders: Sequence[BenchResult]) -> int:
    code = 0
    for ladder in ladders:
        for rung in ladder.rungs:
            if rung.wrong:
                code = fail(
                    f"The engine {rung.engine} computes something else: its losses of "
                    f"{ladder.model.name} differ by {difference(rung)}; {rung.tolerance:g} is the "
                    "most."
                )
    if not any(ladder.rungs for ladder in ladders):
        return fail("No engine could be measured.")
    return code


# ---------------------------------------------------------------- what is printed


def _text(
    ladders: Sequence[BenchResult],
    plans: Sequence[tuple[Model, Plan]],
    machine: dict[str, Any],
    origins: dict[str, str],
) -> list[str]:
    paper = Paper.of(sys.stdout)
    lines: list[str] = []
    for number, ladder in enumerate(ladders):
        lines += [""] if number else []
        words = f"{model_words(ladder.model)}, {ladder.parameters:,} parameters"
        against = f"times as fast as the {ladder.base} engine" if ladder.base else "no figures"
        lines += paper.wrapped(f"{words}: {against}")
        lines += table(ladder, paper)
        for one in ladder.left_out:
            lines += paper.wrapped(f"{one.engine}: {one.reason}", indent="  ")
        if number == 0 and len(ladder.rungs) > 1:
            lines += ["", *chart(ladder, paper)]
    lines.append("")
    for paragraph in _remarks(ladders, plans, machine, origins):
        lines += paper.wrapped(paragraph)
    return lines


def _remarks(
    ladders: Sequence[BenchResult],
    plans: Sequence[tuple[Model, Plan]],
    machine: dict[str, Any],
    origins: dict[str, str],
) -> list[str]:
    """The paragraphs below the tables: how to read the figures, what was measured, and where."""
    plan = plans[0][1]
    first = f"{many(plan.rounds, 'round')} in turns, each engine {plan.seconds:g} s or one step"
    if len(plans) > 1:
        first += f"; {plans[1][1].rounds} for the larger models"
    ready = [
        f"{rung.engine} in {step_time(rung.prepare_seconds)}"
        for rung in ladders[0].rungs
        if rung.prepare_seconds > WORTH_SAYING
    ]
    if ready:
        first += f". Got ready, apart from that: {', '.join(ready)}"
    load_average = machine["load_average"]
    where = [
        f"{machine['implementation']} {machine['python']}",
        machine["system"],
        machine["processor"],
        _cpus(),
        "" if load_average is None else f"load average {load_average:.2f}",
    ]
    versions = [f"{name} {version}" for name, version in machine["libraries"].items()]
    versions = [f"{name}: {origin}" for name, origin in origins.items()] + versions
    own = [
        "microgpt.py: how many times as fast as microgpt.py's own loop. It is the scalar engine, "
        "timed in the same rounds with Python's garbage collector as Python sets it; the engines "
        "train without it"
    ]
    return [
        *(own if any(rung.microgpt_ratio is not None for rung in ladders[0].rungs) else []),
        "difference: the largest relative one of so many first losses from the scalar engine's; "
        "where those are too slow to get, from the vector engine's",
        first,
        ", ".join(filter(None, where)),
        *(["; ".join(versions)] if versions else []),
    ]


def _figures(
    ladders: Sequence[BenchResult], plans: Sequence[tuple[Model, Plan]], machine: dict[str, Any]
) -> dict[str, Any]:
    """All results, as the object that --json prints."""
    models = []
    for ladder, (_, plan) in zip(ladders, plans, strict=True):
        engines = []
        for rung in ladder.rungs:
            figures = dataclasses.asdict(rung) | {"wrong": rung.wrong}
            if figures["difference"] == math.inf:
                figures["difference"] = None  # JSON has no infinity; `wrong` is true
            engines.append(figures)
        models.append(
            {
                "model": dataclasses.asdict(ladder.model) | {"parameters": ladder.parameters},
                "base": ladder.base,
                "rounds": plan.rounds,
                "seconds": plan.seconds,
                "engines": engines,
                "left_out": [dataclasses.asdict(one) for one in ladder.left_out],
            }
        )
    return {"machine": machine, "models": models}


# ---------------------------------------------------------------- where it was measured


def _machine(load_average: float | None) -> dict[str, Any]:
    libraries = {
        name: str(getattr(sys.modules[name], "__version__", ""))
        for name in LIBRARIES
        if name in sys.modules
    }
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "system": platform.system(),
        "processor": _processor(),
        "cpus": os.cpu_count() or 1,
        "load_average": load_average,
        "libraries": libraries,
    }


def _cpus() -> str:
    count = os.cpu_count() or 1
    return f"{count} CPU" + ("s" if count > 1 else "")


def _load_average() -> float | None:
    """The load average of the last minute; None if the system does not tell."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):
        return None


def _processor() -> str:
    """The model of the processor if /proc names it, else the architecture; starts no program."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name" and value.strip():
                return " ".join(value.split())
    return platform.processor() or platform.machine()
