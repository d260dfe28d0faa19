"""`microgpt-play sweep`: many runs at once, recorded and compared."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from microgpt.shell import program, shell_word
from microgpt.terminal import json_text
from playground.cli.dask import cluster_of
from playground.cli.failures import fail, fail_with, printable, say
from playground.cli.one_line import OneLine
from playground.cli.runs.list import opened
from playground.cli.sweep_plan import Wanted as Wanted
from playground.cli.sweep_plan import made, typed
from playground.cli.termination import TERMINATED, termination
from playground.cli.train import interrupts
from playground.hooks.sources import PluginSources
from playground.lab.protocol.failures import Failure, LabError
from playground.lab.store.database import understood
from playground.lab.store.locks import RunLock
from playground.lab.store.store import Store
from playground.lab.store.sweeps import SweptRun, begin_sweep, lock_of, plan_of, runs_of
from playground.lab.sweep.cluster import Cluster
from playground.lab.sweep.coordinator import END, Coordinator, Progress
from playground.lab.sweep.importance import importances
from playground.lab.sweep.plan import Plan
from playground.lab.sweep.pool import LocalPool, processors
from playground.lab.sweep.search import ROUND, check_optuna
from playground.lab.sweep.table import Line, lines_of, measure, verdict
from playground.lab.sweep.unit import check_text
from playground.words import about_seconds, many


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
    plan = made(wanted, sources)
    with cluster_of(how.dask, how.jobs) as cluster, opened(create=True) as store:
        return _work(store, begin_sweep(store, plan.to_json()), plan, how, cluster)


def resume(sweep: int, how: How) -> int:
    """Train what is missing of a sweep; returns the exit code. Raises LabError."""
    with opened() as store:
        text = plan_of(store, sweep)
        with understood(store.path):
            plan = Plan.parse(text)
        if plan.grows:
            check_optuna()
        with cluster_of(how.dask, how.jobs) as cluster:
            return _work(store, sweep, plan, how, cluster)


# ---------------------------------------------------------------- training


def _work(store: Store, sweep: int, plan: Plan, how: How, cluster: Cluster | None) -> int:
    with _alone(store, sweep):
        check_text(plan.base, plan.sha256)
        line = _Line(sweep, quiet=how.as_json)
        coordinator = Coordinator(store, sweep, plan, line.tell, line.show)
        total = coordinator.progress.total
        together = total if plan.search is None else ROUND * len(plan.seeds)
        jobs = min(how.jobs or processors(), together)
        workers = many(jobs, "worker")
        pool, at_once = LocalPool(jobs).executor, lambda: jobs
        if cluster is not None:
            cluster.tell = line.tell
            pool, at_once = cluster.executor, cluster.at_once
            workers = f"{many(len(cluster.workers), 'worker')} of Dask at {cluster.address}"
        if not how.as_json:
            line.tell(
                f"Sweep {sweep}: {many(plan.count, 'setting')} x "
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
        plan, total = coordinator.plan, coordinator.progress.total
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
    lock = RunLock(store.lock_folder, lock_of(sweep))
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
                    "settings": {name: typed(name, text) for name, text in values},
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
    names = list(plan.names)
    rows = [[*names, "loss", "sd", "seeds", "failed"]]
    rows += [_row(plan, line) for line in lines]
    if not any(line.failed for line in lines):
        rows = [row[:-1] for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        print(printable("  ".join(cells).rstrip()))
    print(f"loss: {measure(done)}; the mean over the seeds.")
    print(verdict(lines, "give more --seeds"))
    for sentence in (_search_words(plan, lines), _importance(plan, done)):
        if sentence:
            print(printable(sentence))


def _row(plan: Plan, line: Line) -> list[str]:
    values = [value for _, value in plan.settings[line.setting].values]
    mean = f"{line.mean:.4f}" if line.losses else "-"
    spread = f"{line.spread:.4f}" if line.spread is not None else "-"
    return [*values, mean, spread, str(len(line.losses)), str(line.failed)]


def _search_words(plan: Plan, lines: Sequence[Line]) -> str:
    """How long the search took to find the best setting; "" if nothing was searched."""
    if plan.search is None or not lines[0].losses:
        return ""
    best = lines[0].setting
    return (
        f"The search tried {many(len(plan.settings), 'setting')}, and found the best with number "
        f"{best + 1:,}: {plan.settings[best].words}."
    )


def _importance(plan: Plan, done: Sequence[SweptRun]) -> str:
    """How much each setting matters; "" if the runs cannot tell."""
    found = importances(plan, done)
    if found is None:
        return ""
    shares = [*found.shares, *([] if found.rest is None else [("the rest", found.rest)])]
    words = ", ".join(f"{name} {100 * share:.0f} %" for name, share in shares)
    return f"Importance, by {found.by}: {words}."
