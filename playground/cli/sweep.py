"""`microgpt-play sweep`: many runs at once, recorded and compared."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import click

from microgpt.shell import program, shell_word
from microgpt.terminal import json_text
from playground.cli.dask import cluster_of
from playground.cli.failures import fail, fail_with, printable, say, warn
from playground.cli.loading import load
from playground.cli.one_line import OneLine
from playground.cli.options import CHOICES, SETTINGS, chosen_in, spec_of, texts_of
from playground.cli.runs.list import opened
from playground.cli.termination import TERMINATED, termination
from playground.cli.train import interrupts
from playground.hooks.registry import Registry
from playground.hooks.sources import PluginSources
from playground.lab.protocol.failures import Failure, LabError
from playground.lab.spec import RunSpec
from playground.lab.store.database import understood
from playground.lab.store.locks import RunLock
from playground.lab.store.store import Store
from playground.lab.store.sweeps import SweptRun, begin_sweep, plan_of, runs_of
from playground.lab.sweep.cluster import Cluster
from playground.lab.sweep.coordinator import END, Coordinator, Progress
from playground.lab.sweep.plan import MOST_RUNS, Plan, Setting, combinations
from playground.lab.sweep.pool import LocalPool, processors
from playground.lab.sweep.table import Line, difference, held_out, lines_of
from playground.lab.sweep.unit import check_text, text_sha256
from playground.words import about_seconds, many, read_number

MOST_NAMED = 5
"""Refused combinations that are named at most."""
SEED = 42


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a new sweep is to train, as the command line says it."""

    said: Mapping[str, Any]
    """The settings of all runs, by dotted field; choices are still text."""
    vary: tuple[str, ...]
    """Each "NAME=V,V"."""
    seeds: int
    draws: int | None


@dataclass(frozen=True, slots=True)
class How:
    """How a sweep is worked on; no number depends on it."""

    jobs: int | None
    max_minutes: float | None
    as_json: bool
    dask: str | None = None
    """The address of a Dask scheduler, or "local"; None for workers without Dask."""

    def command(self, sweep: int) -> str:
        """The command that goes on with the sweep in the same way."""
        jobs = f" --jobs {self.jobs}" if self.jobs is not None else ""
        dask = f" --dask {shell_word(self.dask)}" if self.dask is not None else ""
        return f"{program()} sweep --resume {sweep}{jobs}{dask}{' --json' * self.as_json}"


def begin(wanted: Wanted, sources: PluginSources, how: How) -> int:
    """Plan a sweep, record that it begins, and train; returns the exit code. Raises LabError, and
    click.UsageError for settings that cannot be, before anything starts."""
    plan = _plan(wanted, sources)
    with cluster_of(how.dask, how.jobs) as cluster, opened(create=True) as store:
        return _work(store, begin_sweep(store, plan.to_json()), plan, how, cluster)


def resume(sweep: int, how: How) -> int:
    """Train what is missing of a sweep; returns the exit code. Raises LabError."""
    with opened() as store:
        text = plan_of(store, sweep)
        with understood(store.path):
            plan = Plan.parse(text)
        with cluster_of(how.dask, how.jobs) as cluster:
            return _work(store, sweep, plan, how, cluster)


def _plan(wanted: Wanted, sources: PluginSources) -> Plan:
    vary = varied(wanted.vary, wanted.said)
    seed = int(wanted.said.get("seed", SEED))
    sizes = [len(values) for values in vary.values()]
    count = min(_product(sizes), wanted.draws or MOST_RUNS * 10) * wanted.seeds
    if count > MOST_RUNS:
        raise click.UsageError(
            f"These are {count:,} runs, and a sweep has at most {MOST_RUNS:,}: give fewer values "
            "or seeds, or draw some of the combinations with --random N."
        )
    look_up = _LookUp(sources)
    settings, refused = [], []
    for values in combinations(vary, wanted.draws, seed):
        said = dict(wanted.said) | {SETTINGS[name][0]: _typed(name, text) for name, text in values}
        try:
            spec = spec_of(look_up(said))
        except click.UsageError as error:
            words = " ".join(f"{name}={text}" for name, text in values)
            refused.append(f"{words}: {error.format_message()}")
        else:
            settings.append(Setting(values, spec.to_json()))
    if refused:
        more = len(refused) - MOST_NAMED
        lines = refused[:MOST_NAMED] + ([f"and {more:,} more"] if more > 0 else [])
        raise click.UsageError(
            f"Nothing was started, because these combinations cannot be: {'; '.join(lines)}. "
            "Leave out the values that do not go together."
        )
    most = RunSpec.model_fields["seed"].metadata[-1].le
    if seed + wanted.seeds - 1 > most:
        raise click.UsageError(f"--seed and those after it must be at most {most:,}.")
    seeds = tuple(range(seed, seed + wanted.seeds))
    return Plan(tuple(settings), seeds, text_sha256(RunSpec.parse(settings[0].spec)), sources)


def _product(sizes: Sequence[int]) -> int:
    count = 1
    for size in sizes:
        count *= size
    return count


def varied(given: Sequence[str], said: Mapping[str, Any]) -> dict[str, list[str]]:
    """The values by the name of their setting. said: the settings of all runs. Raises
    click.BadParameter for what is no setting, no value, or given twice."""
    found: dict[str, list[str]] = {}
    for text in given:
        name, equals, listed = text.partition("=")
        name = name.strip().removeprefix("--").replace("-", "_")
        if name == "seed":
            raise _bad("the seed is not varied so: --seeds N trains with N of them")
        if name not in SETTINGS:
            known = ", ".join(name for name in SETTINGS if name != "seed")
            raise _bad(f"there is no setting {name!r} that can be varied. There are: {known}")
        if not equals or not listed.strip():
            raise _bad(f"{text!r} gives no values. Write {name}=VALUE,VALUE")
        if name in found:
            raise _bad(f"{name} is given twice. Write all of its values into one --vary")
        if SETTINGS[name][0] in said:
            raise _bad(f"{name} is also given as an option of its own: leave one of them out")
        values = [value.strip() for value in listed.split(",")]
        typed = [_typed(name, value) for value in values]
        for place, value in enumerate(typed):
            if value in typed[:place]:
                raise _bad(f"{name} has the value {values[place]} twice: leave one of them out")
        found[name] = values
    return found


def _typed(name: str, text: str) -> Any:
    """The value of a setting. Raises click.BadParameter."""
    kind = SETTINGS[name][1]
    if kind is str:
        if not text:
            raise _bad(f"{name} has an empty value: write {name}=VALUE,VALUE")
        return text
    try:
        value = read_number(text, whole=kind is int)
    except ValueError as error:
        wanted = "whole number" if kind is int else "number"
        raise _bad(f"{name} must be a {wanted}, not {text!r}{error}") from None
    return value if kind is int else float(value)


def _bad(message: str) -> click.BadParameter:
    return click.BadParameter(f"{printable(message)}.", param_hint="--vary")


class _LookUp:
    """Looks up the choices among settings; plugins are loaded once, and only if there are any."""

    def __init__(self, sources: PluginSources) -> None:
        self._sources = sources
        self._registry: Registry | None = None
        self._known: dict[tuple[str, str], Any] = {}

    def __call__(self, said: Mapping[str, Any]) -> dict[str, Any]:
        """The settings with every choice looked up. Raises click.BadParameter."""
        found = dict(said)
        for field, text in texts_of(said).items():
            if (field, text) not in self._known:
                if self._registry is None:
                    self._registry = load(self._sources)
                    warn(self._registry.problems)
                self._known[field, text] = chosen_in(self._registry, field, text)
            found[field] = self._known[field, text]
        assert not any(isinstance(found.get(field), str) for field in CHOICES if field != "engine")
        return found


# ---------------------------------------------------------------- training


def _work(store: Store, sweep: int, plan: Plan, how: How, cluster: Cluster | None) -> int:
    with _alone(store, sweep):
        check_text(RunSpec.parse(plan.settings[0].spec), plan.sha256)
        line = _Line(sweep, quiet=how.as_json)
        coordinator = Coordinator(store, sweep, plan, line.tell, line.show)
        total = coordinator.progress.total
        jobs = min(how.jobs or processors(), total)
        workers = many(jobs, "worker")
        pool, at_once = LocalPool(jobs).executor, lambda: jobs
        if cluster is not None:
            cluster.tell = line.tell
            pool, at_once = cluster.executor, cluster.at_once
            workers = f"{many(len(cluster.workers), 'worker')} of Dask at {cluster.address}"
        if not how.as_json:
            line.tell(
                f"Sweep {sweep}: {many(len(plan.settings), 'setting')} x "
                f"{many(len(plan.seeds), 'seed')}, {many(total)}, "
                f"{coordinator.progress.recorded:,} of them done; "
                f"{workers}."
            )
        seconds = None if how.max_minutes is None else 60 * how.max_minutes
        lost: LabError | None = None
        end: END = "failed"
        with interrupts() as interrupted, termination(interrupted) as terminated:
            try:
                end = coordinator.run(pool, at_once, interrupted.is_set, seconds)
            except LabError as error:
                lost = error
        line.clear()
        done = runs_of(store, sweep)
        if how.as_json:
            _print_json(plan, done)
        elif done:
            _print_table(plan, done)
    if end == "done":
        return 0
    why = {
        "stopped": "Interrupted.",
        "time": "The time is used up.",
        "failed": "Not every run could be made.",
    }[end]
    message = f"{why} {len(done):,} of {many(total)} are recorded."
    if lost is not None:
        fail_with(lost.failure)
        say(message)
    elif end == "failed":
        fail(message)
    else:
        say(message)
    say(f"Go on from there: {how.command(sweep)}")
    stopped = TERMINATED if terminated.is_set() else 130
    return {"stopped": stopped, "time": 0, "failed": 1}[end]


@contextmanager
def _alone(store: Store, sweep: int) -> Iterator[None]:
    """Hold the sweep's lock. Raises LabError if another process works on the sweep."""
    lock = RunLock(store.lock_folder, f"{sweep:032x}")
    if not lock.acquire():
        raise LabError(
            Failure(
                "The sweep is at work",
                f"Another process trains sweep {sweep}. Wait until that process ends, or end it.",
            )
        )
    try:
        yield
    finally:
        lock.release()


class _Line:
    """Progress on standard error: one line rewritten in a terminal, a line a run in a log."""

    def __init__(self, sweep: int, *, quiet: bool) -> None:
        self._sweep, self._quiet = sweep, quiet
        self._live = sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not quiet
        self._line = OneLine(sys.stderr)

    def tell(self, text: str) -> None:
        """Print a sentence."""
        self.clear()
        say(text)

    def show(self, progress: Progress) -> None:
        """Show how far the sweep is, after a recorded run."""
        if self._quiet:
            return
        text = f"sweep {self._sweep}: {progress.recorded:,} of {progress.total:,} runs"
        left = progress.seconds_left
        tail = f"  {about_seconds(left)} left" if left else ""
        if self._live:
            self._line.draw(text, tail)
        else:
            say(text + tail)

    def clear(self) -> None:
        """Erase the line that is being rewritten."""
        if self._live:
            self._line.clear()


# ---------------------------------------------------------------- results


def _print_json(plan: Plan, done: Sequence[SweptRun]) -> None:
    for run in done:
        values = plan.settings[run.setting].values
        print(
            json_text(
                {
                    "settings": {name: _typed(name, text) for name, text in values},
                    "seed": run.seed,
                    "step": run.step,
                    "steps": run.steps,
                    "held_out": run.heldout,
                    "training": run.loss,
                }
            )
        )


def _print_table(plan: Plan, done: Sequence[SweptRun]) -> None:
    lines = lines_of(done)
    names = [name for name, _ in plan.settings[0].values]
    rows = [[*names, "loss", "sd", "seeds", "failed"]]
    rows += [_row(plan, line) for line in lines]
    if not any(line.failed for line in lines):
        rows = [row[:-1] for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        print(printable("  ".join(cells).rstrip()))
    if held_out(done):
        print("loss: held-out, in nats a token, after the last step; the mean over the seeds.")
    else:
        print(
            "loss: training, smoothed over about 20 steps, in nats a token, because not every run "
            "has a hold-out loss; the mean over the seeds."
        )
    print(_verdict(lines))


def _row(plan: Plan, line: Line) -> list[str]:
    values = [value for _, value in plan.settings[line.setting].values]
    mean = f"{line.mean:.4f}" if line.losses else "-"
    spread = f"{line.spread:.4f}" if line.spread is not None else "-"
    return [*values, mean, spread, str(len(line.losses)), str(line.failed)]


def _verdict(lines: Sequence[Line]) -> str:
    """What the table says about the best setting and the next one."""
    if len(lines) < 2 or not lines[1].losses:
        return "There are no two settings to compare."
    found = difference(lines[0], lines[1])
    if found is None:
        apart = lines[1].mean - lines[0].mean
        return (
            f"The best differs from the next by {apart:.4f}; no two seeds tell how much of that is "
            "luck: give more --seeds."
        )
    told = "told apart" if found.told_apart else "not told apart"
    return (
        f"The best differs from the next by {found.mean:.4f} ± {found.half:.4f}: {told} "
        f"(95 %, paired by {found.seeds} seeds)."
    )
