"""`microgpt-play train`: the playground's run without a screen."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import Any

import click

from microgpt.collector import SELDOM
from microgpt.shell import program, shell_word
from microgpt.surgery import Operation, operation_of
from microgpt.terminal import json_text
from playground.cli.choices import as_said, chosen, heat, refused_as
from playground.cli.failures import fail, fail_with, printable, say, warn
from playground.cli.listing import marked
from playground.cli.loading import load
from playground.cli.options import TrainOptions, plugin_words, refused_later, texts_of
from playground.cli.probes import read_probes
from playground.cli.progress import Report
from playground.cli.runs.list import find_run
from playground.cli.sample import printable_in_terminal
from playground.cli.supervisor import activity, shown
from playground.hooks.isolation import Interrupted
from playground.hooks.registry import Registry
from playground.hooks.sources import PluginSources, expanded
from playground.lab.checkpoint import CheckpointError, check_place, read_checkpoint
from playground.lab.paths import store_file
from playground.lab.protocol.commands import Open
from playground.lab.protocol.failures import LabError
from playground.lab.protocol.observation import Observation
from playground.lab.protocol.run import LAST, Recording
from playground.lab.protocol.sampling import (
    DEFAULT_CHAIN,
    Link,
    Measuring,
    MetricChoice,
    SampleText,
    Sampling,
)
from playground.lab.run.choices import choice
from playground.lab.run.sampling import MAX_COUNT
from playground.lab.session import Session, open_session, with_changes
from playground.lab.spec import MAX_STEPS, RunSpec, SpecError
from playground.window import Notify, Window, way_of


def train_run(
    spec: RunSpec | None,
    sources: PluginSources,
    checkpoint: Path | None,
    options: TrainOptions,
    later: Mapping[str, Any],
) -> int:
    """Train to the end, save, print samples; returns the exit code. Raises LabError.

    spec: the run, or None to go on from `checkpoint`, or with the run `options.recorded`. later:
    settings with which that run goes on, by dotted field; choices are still text.
    """
    save = options.save
    surgery = Surgery.asked(options)
    if options.at is not None and options.recorded is None:
        raise click.UsageError("--at is for --run: it says after how many steps the fork begins.")
    asked = read_probes(options.probes) if options.probes is not None else None
    run = find_run(store_file(), options.recorded) if options.recorded is not None else None
    gc.set_threshold(*SELDOM)
    registry = load(sources)
    warn(registry.problems)
    link = heat(registry, options.temperature, _greedy(save))
    measuring = Measuring(tuple(_metric(registry, text) for text in options.metrics))
    report = Report(sys.stderr, quiet=options.as_json, shown=shown)
    # What is wanted after the last step is tried before the first: an hour may lie between.
    target = check_place(save) if save is not None else None
    sampling = _sampling(link, options.samples)
    opening = _opening(spec, checkpoint, sampling, not options.no_record, run)
    if target is not None:
        _spare_the_data(target, opening.spec)
    try:
        if later or surgery or options.at is not None:
            opening = _forked(opening, later, registry, report, surgery, options.at)
        session = open_session(opening, registry, report.opening, activity)
    except SpecError as error:
        report.clear()
        return fail(f"The saved settings cannot be. {error}.")
    except LabError as error:
        report.clear()
        if checkpoint is None:
            raise
        code = fail_with(error.failure)
        say(
            f"Going on needs the data that {checkpoint} learnt from; more text does not: "
            f"{program()} sample {shell_word(checkpoint)}{plugin_words(sources)}"
        )
        return code
    try:
        if checkpoint is None and run is None:
            surgery.do(session)
        if target is not None:
            _spare_the_data(target, session.info.spec)  # a recorded run tells its data only now
        with _sampled_as(session, sampling):
            pass
        session.measure(measuring)
        if asked is not None:
            session.observe(asked)
        report.opened(session)
        if session.finished:
            _tell_of_more_steps(session, checkpoint, run, plugin_words(sources))
        return _run(session, report, options, sampling, plugin_words(sources))
    except LabError:
        report.clear()
        raise
    finally:
        session.close()


def _run(
    session: Session, report: Report, options: TrainOptions, sampling: Sampling, plugins: str
) -> int:
    """Train, save, print samples as `sampling` says; returns the exit code.

    plugins: the options of the command line for plugins, for a command that goes on from here.
    """
    code, lost = 0, None
    save = options.save
    with interrupts() as interrupted, _window_restored(report.window):
        try:
            _train(session, report, options.as_json, interrupted)
            report.end()
            report.held_out(session)
        except OSError as error:  # the reader has gone, or the disk is full
            lost = error
    if not interrupted.is_set():
        _notify(session, report.window, options.notify)
    if session.trouble is not None:
        code = fail_with(session.trouble)
    elif interrupted.is_set():
        say(f"Interrupted after step {session.step:,}.")
        code = 130
    if save is not None:
        code = _save(session, save, lost, plugins) or code
    _tell_of_the_record(session, bool(code) and save is None, plugins)
    if lost is not None:
        raise lost
    if code == 0 and options.samples:
        code = _print_samples(session, sampling, options.samples, options.as_json)
    return code


def _notify(session: Session, window: Window, way: Notify | None) -> None:
    """Tell of the end of the run, if the person wants that."""
    from playground.lab.store.preferences import Preferences

    way = way or way_of(Preferences.load().get("notify", "off"))
    name, how = session.info.dataset_title, "has failed" if session.trouble else "is trained"
    with suppress(OSError):
        window.notify(f"{name} {how}, step {session.step:,} of {session.spec.steps:,}", way)


def _opening(
    spec: RunSpec | None, checkpoint: Path | None, sampling: Sampling, record: bool, run: int | None
) -> Open:
    saved = read_checkpoint(checkpoint) if checkpoint is not None else None
    text = saved.spec if saved is not None else spec.to_json() if spec is not None else ""
    recording = Recording(str(store_file()), run) if record else None
    if saved is not None and saved.sampling is not None:  # the run keeps the chain it was made with
        sampling = replace(sampling, chain=saved.sampling.chain)
    return Open(text, saved, Observation(sampling), recording)


@dataclass(frozen=True, slots=True)
class Surgery:
    """What is done to the weights before the first step; false if that is nothing."""

    operations: tuple[Operation, ...] = ()
    held: tuple[Operation, ...] | None = None
    """What is held from there on; None for what the run holds."""

    @classmethod
    def asked(cls, options: TrainOptions) -> Surgery:
        """What --cut and --hold ask for. Raises click.BadParameter."""
        releases = options.holds == ("none",)
        return cls(
            _operations(options.cuts, "--cut"),
            () if releases else _operations(options.holds, "--hold") or None,
        )

    def __bool__(self) -> bool:
        return bool(self.operations) or self.held is not None

    def do(self, session: Session) -> None:
        """Do it to a run that begins. Raises LabError."""
        if self.operations:
            session.surgeon.operate(self.operations)
        if self.held:
            session.surgeon.hold(self.held)


def _operations(texts: Sequence[str], hint: str) -> tuple[Operation, ...]:
    try:
        return tuple(map(operation_of, texts))
    except ValueError as error:
        raise click.BadParameter(f"{error}.", param_hint=hint) from error


def _forked(
    opening: Open,
    later: Mapping[str, Any],
    registry: Registry,
    report: Report,
    surgery: Surgery,
    at: int | None,
) -> Open:
    """The same run, but with other settings and weights from its end, or from step `at`, on. Raises
    click.UsageError."""
    settings = dict(later)
    for field, text in texts_of(settings).items():
        with refused_as(f"--{field}"):
            settings[field] = choice(registry, field, text)
    try:
        return with_changes(
            opening,
            settings,
            registry,
            report.opening,
            activity,
            surgery.operations,
            surgery.held,
            LAST if at is None else at,
        )
    except LabError as error:
        if set(error.failure.problems) <= set(settings) and error.failure.problems:
            report.clear()
            raise refused_later(error.failure.problems) from None
        raise


def _tell_of_more_steps(
    session: Session, checkpoint: Path | None, run: int | None, plugins: str
) -> None:
    """Print the command that trains a finished run longer."""
    if checkpoint is not None:
        said = f"{shell_word(checkpoint)} --save {shell_word(checkpoint)}"
    elif run is not None:
        said = f"--run {run}"
    else:
        return
    steps = min(2 * session.spec.steps, MAX_STEPS)
    if steps > session.spec.steps:
        say(f"More steps: {program()} train {said} --steps {steps}{plugins}")


def _spare_the_data(target: Path, spec: str) -> None:
    """Raise CheckpointError if the model would be written over the text that it learns from. spec:
    RunSpec as JSON; of one that cannot be, opening the run tells."""
    try:
        data = RunSpec.parse(spec).dataset.options.get("path")
    except SpecError:
        return
    if isinstance(data, str) and data and target.exists():
        source = expanded(data)
        if source.exists() and source.samefile(target):
            raise CheckpointError(
                "The data would be overwritten",
                f"{target} is the text to learn from. Give the model another name: "
                f"{target.with_suffix('.safetensors')}",
            )


def _sampling(link: tuple[Link, ...], count: int) -> Sampling:
    """The sampling of one batch. count: how many texts are wanted, in one batch or in several."""
    batch = min(max(count, 1), MAX_COUNT)
    return Sampling(chain=(*link, *DEFAULT_CHAIN[1:]), count=batch, every=0, seed=42)


@contextmanager
def _sampled_as(session: Session, sampling: Sampling) -> Iterator[None]:
    """Sample like this for a while; a recorded run is then sampled on as it was. Raises LabError
    for sampling that cannot be."""
    kept = session.observation.sampling
    session.observe(replace(sampling, every=kept.every))
    try:
        yield
    finally:
        session.observe(kept)


def _greedy(save: Path | None) -> str:
    """What to do for the likeliest token each time, which no temperature gives."""
    path = shell_word(save or "model.safetensors")
    saving = "train with" if save is None else "keep"
    return (
        f"leave --temperature out, {saving} --save {path}, and then: "
        f"{program()} sample {path} --strategy greedy"
    )


def _metric(registry: Registry, text: str) -> MetricChoice:
    """The metric that "name:knob=value" names. Raises click.BadParameter."""
    entry, options = chosen(registry, "metric", text, "--metric")
    return MetricChoice(as_said(entry, text), options)


def _tell_of_metrics(session: Session, told: set[str], report: Report) -> None:
    """Print why a metric failed, once for each metric; such a metric is off, and the run goes on.

    told: the labels of the metrics that were printed.
    """
    for meter in session.measurer.meters:
        if meter.trouble is not None and meter.label not in told:
            told.add(meter.label)
            report.clear()
            say(printable(f"{meter.trouble.title}. {meter.trouble.message}"))


@contextmanager
def interrupts() -> Iterator[Event]:
    """Let ctrl+c set the event, so that no step is cut in two; a second ctrl+c ends at once."""
    interrupted = Event()

    def note(_number: int, _frame: object) -> None:
        if interrupted.is_set():
            raise Interrupted
        interrupted.set()

    before = signal.signal(signal.SIGINT, note)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _window_restored(window: Window) -> Iterator[None]:
    """Restore the terminal's window at the end, and on a signal that ends or stops the process."""

    def obey(number: int, _frame: object) -> None:
        with suppress(OSError):
            window.leave(lambda codes: os.write(sys.stderr.fileno(), codes.encode()))
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        signal.signal(number, obey)  # it was stopped, and goes on

    names = ("SIGTERM", "SIGHUP", "SIGQUIT", "SIGTSTP")
    numbers = [number for name in names if (number := getattr(signal, name, None)) is not None]
    ours = [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, obey)
    try:
        yield
    finally:
        with suppress(OSError):
            window.leave()
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def _train(session: Session, report: Report, as_json: bool, interrupted: Event) -> None:
    told: set[str] = set()
    while not interrupted.is_set() and session.advance():
        result = session.training.last
        assert result is not None
        if as_json:
            line: dict[str, object] = {
                "step": result.step,
                "loss": result.loss,
                "learning_rate": result.learning_rate,
                "tokens": result.tokens,
            }
            if (held := session.training.series.held_out(result.step)) is not None:
                line |= {"held_out": held.mean, "held_out_error": held.error}
            if values := session.values:
                line["metrics"] = values
            sys.stdout.write(json_text(line) + "\n")
            sys.stdout.flush()  # takes a microsecond, and a program that plots gets this one now
        _tell_of_metrics(session, told, report)
        report.step(session, result.loss)


def _tell_of_the_record(session: Session, unfinished: bool, plugins: str) -> None:
    """Print that the run was not recorded, or how to go on with its record."""
    if session.recorder is None:
        return
    session.recorder.write_all(session.state)
    state = session.recorder.state
    if state.trouble is not None:
        say(printable(f"It was not recorded. {state.trouble.title}: {state.trouble.message}"))
    elif unfinished and state.run is not None:
        say(f"Go on from there: {program()} train --run {state.run}{plugins}")


def _save(session: Session, path: Path, lost: OSError | None, plugins: str) -> int:
    try:
        session.save(str(path))
    except LabError as error:
        return fail_with(error.failure)
    if lost is None:
        say(f"Saved step {session.step:,} to {path}")
        if not session.finished:
            word = shell_word(path)
            say(f"Go on from there: {program()} train {word} --save {word}{plugins}")
    return 0


def _print_samples(session: Session, sampling: Sampling, wanted: int, as_json: bool) -> int:
    """Print so many texts; returns the exit code."""
    shown = printable_in_terminal()
    texts: list[SampleText] = []
    note = ""
    while len(texts) < wanted and not note:
        count = min(wanted - len(texts), sampling.count)
        with _sampled_as(session, replace(sampling, count=count)):
            batch = session.sample()
        note = batch.note
        for number, text in enumerate(batch.texts, len(texts) + 1):
            if not as_json:
                print(f"{number:>4}  {shown(text.text)}{marked(text.mark)}")
        texts += batch.texts
    if as_json:
        marks = [text.mark for text in texts]
        print(json_text({"samples": [text.text for text in texts], "marks": marks}))
    elif note:
        say(printable(note))
    return 0
