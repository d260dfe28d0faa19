"""`microgpt-play train`: the playground's run without a screen."""

from __future__ import annotations

import dataclasses
import json
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import TextIO

import click

from playground.cli.failures import fail, fail_with
from playground.hooks.manager import load
from playground.hooks.sources import PluginSources
from playground.lab.checkpoint import CheckpointError, read_checkpoint
from playground.lab.events import LabError
from playground.lab.protocol import DEFAULT_CHAIN, Progress, Sampling
from playground.lab.session import Session
from playground.lab.spec import RunSpec, SpecError

BAR_WIDTH = 24
REDRAW_SECONDS = 0.1


def train_run(
    spec: RunSpec | None,
    sources: PluginSources,
    *,
    checkpoint: Path | None,
    save: Path | None,
    samples: int,
    temperature: float,
    as_json: bool,
) -> int:
    """Train to the end, print samples, save; returns the exit code.

    spec: the run, or None to go on from `checkpoint`.
    """
    registry = load(sources)
    for problem in registry.problems:
        click.echo(f"! {problem.plugin}: {problem.message}", err=True)
    report = Report(sys.stderr, quiet=as_json)
    try:
        saved = read_checkpoint(checkpoint) if checkpoint is not None else None
        run = spec if saved is None else RunSpec.parse(saved.spec)
        assert run is not None
        session = Session.open(
            run,
            registry,
            checkpoint=saved,
            sampling=_sampling(samples, temperature),
            progress=report.opening,
        )
    except (CheckpointError, SpecError) as error:
        return fail(str(error))
    except LabError as error:
        return fail_with(error.failure)
    except KeyboardInterrupt:
        return 130
    report.opened(session)
    code = 0
    with _interrupts() as interrupted:
        _train(session, report, as_json, interrupted)
    if session.trouble is not None:
        report.end()
        code = fail_with(session.trouble)
    elif interrupted.is_set():
        report.end()
        click.echo(f"Interrupted after step {session.step:,}.", err=True)
        code = 130
    report.end()
    if save is not None:
        code = _save(session, save) or code
    if code == 0 and samples:
        code = _print_samples(session, as_json)
    return code


def _sampling(count: int, temperature: float) -> Sampling:
    first, *rest = DEFAULT_CHAIN
    link = dataclasses.replace(first, options={"temperature": temperature})
    return Sampling(chain=(link, *rest), count=max(count, 1), every=0, seed=42)


@contextmanager
def _interrupts() -> Iterator[Event]:
    """Ctrl+C sets the event, and never cuts a step in two; a second one ends at once."""
    interrupted = Event()

    def note(_number: int, _frame: object) -> None:
        if interrupted.is_set():
            raise KeyboardInterrupt
        interrupted.set()

    before = signal.signal(signal.SIGINT, note)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)


def _train(session: Session, report: Report, as_json: bool, interrupted: Event) -> None:
    write = sys.stdout.write
    while not interrupted.is_set() and session.advance():
        result = session.last
        assert result is not None
        if as_json:
            line = {
                "step": result.step,
                "loss": result.loss,
                "learning_rate": result.learning_rate,
                "tokens": result.tokens,
            }
            write(json.dumps(line) + "\n")
        report.step(session, result.loss)


def _save(session: Session, path: Path) -> int:
    try:
        session.save(str(path))
    except (CheckpointError, LabError) as error:
        return fail(str(error))
    click.echo(f"Saved step {session.step:,} to {path}", err=True)
    return 0


def _print_samples(session: Session, as_json: bool) -> int:
    try:
        batch = session.sample()
    except LabError as error:
        return fail_with(error.failure)
    texts = [text.text for text in batch.texts]
    if as_json:
        print(json.dumps({"samples": texts}))
        return 0
    for number, text in enumerate(batch.texts, 1):
        print(f"{number:>4}  {text.text}" + ("   (in the data)" if text.in_data else ""))
    if batch.note:
        click.echo(batch.note, err=True)
    return 0


class Report:
    """Progress on standard error: one line rewritten in a terminal, a line now and then in a
    log, nothing beside --json."""

    def __init__(self, stream: TextIO, *, quiet: bool) -> None:
        self._stream = stream
        self._live = stream.isatty() and not quiet
        self._quiet = quiet
        self._drawn = 0.0
        self._average = 0.0
        self._started = (0.0, 0)
        self._dirty = False

    def opening(self, progress: Progress) -> None:
        """How far the opening is."""
        if self._live and time.monotonic() - self._drawn > REDRAW_SECONDS:
            share = f" {progress.done / progress.total:4.0%}" if progress.total else ""
            self._draw(f"{progress.stage}{share}")

    def opened(self, session: Session) -> None:
        """What will be trained."""
        self._clear()
        if not self._quiet:
            info = session.info
            click.echo(
                f"{info.dataset_title}: {info.documents:,} documents, "
                f"{info.vocab_size:,} tokens, {info.parameter_count:,} parameters, "
                f"{session.spec.engine} engine",
                err=True,
            )
            for notice in info.notices:
                click.echo(f"! {notice.text}", err=True)
        self._started = (time.monotonic(), session.step)

    def step(self, session: Session, loss: float) -> None:
        """A step is done."""
        if self._quiet:
            return
        done, steps = session.step, session.spec.steps
        self._average = 0.95 * self._average + 0.05 * loss if self._average else loss
        now = time.monotonic()
        if self._live:
            if now - self._drawn < REDRAW_SECONDS and done < steps:
                return
        elif done % max(1, steps // 10) and done != steps:
            return
        since, first = self._started
        speed = (done - first) / max(now - since, 1e-9)
        left = (steps - done) / max(speed, 1e-9)
        filled = "━" * round(BAR_WIDTH * done / steps)
        self._draw(
            f"step {done:,}/{steps:,} {filled:─<{BAR_WIDTH}} loss {self._average:.3f}  "
            f"{speed:,.0f} steps/s  {left:,.0f} s left"
        )

    def _draw(self, text: str) -> None:
        self._drawn = time.monotonic()
        if self._live:
            self._stream.write(f"\r{text[:78]}\x1b[K")
            self._dirty = True
        else:
            self._stream.write(text + "\n")
        self._stream.flush()

    def _clear(self) -> None:
        if self._dirty:
            self._stream.write("\r\x1b[K")
            self._dirty = False

    def end(self) -> None:
        """Leave the line as it stands."""
        if self._dirty:
            self._stream.write("\n")
            self._dirty = False
        self._stream.flush()
