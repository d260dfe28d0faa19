"""`microgpt-play play`: starts the worker, then the screen."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from playground.catalog import BUILTIN
from playground.cli.failures import fail, say
from playground.hooks.sources import PluginSources, plugin_words
from playground.lab.paths import config_folder, store_file

if TYPE_CHECKING:
    from playground.catalog import Kind
    from playground.hooks.registry import Registry
    from playground.lab.protocol.choices import NamedChoices
    from playground.lab.protocol.probes import ProbeSet
    from playground.lab.protocol.run import Checkpoint
    from playground.lab.protocol.sampling import Sampling
    from playground.window import Notify

NO_TERMINAL = """\
microgpt-play: this is not a terminal.
The playground draws on a screen and reads keys, and its output or input is redirected here.
To train without a screen: microgpt-play train [FILE] --json"""

DUMB_TERMINAL = """\
microgpt-play: TERM is "dumb": such a terminal can be written to, but not drawn on.
Set TERM to what the terminal is, for example TERM=xterm-256color microgpt-play
To train without a screen: microgpt-play train [FILE] --json"""

NO_SIGNS = """\
microgpt-play: the encoding of this locale is {}, which cannot draw the screen.
If the terminal shows UTF-8, as nearly all do: {} microgpt-play
To train without a screen: microgpt-play train [FILE] --json"""

DRAWN = "─│╭╮╰╯━▀▄█▌⡇◆●▶✓…·"
"""Signs that the screen is drawn with."""


def open_playground(
    said: Mapping[str, Any],
    sources: PluginSources,
    *,
    checkpoint: Path | None = None,
    strategies: tuple[str, ...] = (),
    theme: str | None = None,
    record: bool = True,
    recorded: str | None = None,
    probes: Path | None = None,
    changes: Mapping[str, Any] | None = None,
    notify: Notify | None = None,
    tour: tuple[str, bool] | None = None,
) -> int:
    """Run the playground until it is left; returns the exit code.

    said: fields of RunSpec by dotted name, as the options gave them.
    checkpoint: a .safetensors file to go on from, instead of a new run.
    strategies: links of the sampling chain as --strategy names them; the default chain if empty.
    record: keep the run in the store.
    recorded: the run of the store to go on with, as a person names it.
    probes: a file of prompts to ask again and again.
    changes: settings with which the checkpoint or the recorded run goes on, by dotted field.
    notify: how the end of a run is told; as the person chose last, if not given.
    tour: (a lesson, "" to choose one; whether a teacher shows it): the tour, whose runs begin with
    the data set and the seed in `said`.
    Raises click.BadParameter, LabError.
    """
    reason = why_no_screen()
    if reason is not None:
        print(reason, file=sys.stderr)
        return 1
    from playground.lab.client.process import spawn_worker

    problem = _unreadable(said, checkpoint)
    if problem is not None:
        return fail(problem)
    saved = None
    if checkpoint is not None:
        from playground.lab.checkpoint import read_checkpoint

        saved = read_checkpoint(checkpoint)
    changes = _numbers(changes or {})
    asked = _probes(probes)
    config_folder()  # without these folders the screen could keep neither a theme nor a run
    store = store_file()
    kept = store if record else None
    run = None
    if recorded is not None:
        from playground.cli.runs.list import find_run

        run = find_run(store, recorded)
    spec, sampling, later = _asked({} if tour is not None else said, strategies, sources)
    if saved is not None:
        spec, sampling = saved.spec, sampling or saved.sampling
        if changes:
            spec, saved = _forked(saved, changes)
    worker = spawn_worker(sources)
    try:
        # From here on the worker loads on one core and Textual on the other.
        from playground.lab.client.lab import Lab
        from playground.lab.paths import tour_store
        from playground.tui.app import PlaygroundApp, TourWanted
        from playground.tui.quit import sure_leaving

        kept_lessons = tour_store() if record else None
        app = PlaygroundApp(
            lambda listener: Lab(sources, listener=listener, prewarmed=worker, store=kept),
            spec,
            checkpoint=saved,
            sampling=sampling,
            said=later,
            store=kept,
            run=run,
            changes=changes,
            probes=asked,
            theme=theme,
            notify=notify,
            plugins=plugin_words(sources),
            welcome=True,
            leave_surely=sure_leaving(lambda: app.caption.window.shown),
            tour_lab=lambda listener: Lab(
                sources,
                listener=listener,
                prewarmed=worker if tour is not None else None,
                store=kept_lessons,
            ),
            tour=TourWanted(tour[0], dict(said), tour[1]) if tour is not None else None,
        )
        if theme is not None and theme not in app.available_themes:
            there = ", ".join(sorted(app.available_themes))
            raise click.BadParameter(
                f"no theme {theme!r}; there are: {there}", param_hint="--theme"
            )
        with _drawing_on_the_terminal():
            code = app.run()
        code = app.return_code or code or 0
        if code == 0 and sys.stderr.isatty():
            for line in app.farewell:
                say(line)
        return code
    finally:
        worker.kill()
        worker.discard_log()  # nobody else removes the log of a worker that opened no run


def why_no_screen() -> str | None:
    """Why no screen can be drawn here, and what to do; None if one can."""
    if not (sys.stdout.isatty() and sys.stdin.isatty()):
        return NO_TERMINAL
    if os.environ.get("TERM") == "dumb":
        return DUMB_TERMINAL
    from microgpt.plain import can_write, encoding_of  # brings all of microgpt

    if sys.stderr is not None and not can_write(sys.stderr, DRAWN):  # Textual draws on that
        variable = "PYTHONIOENCODING" if os.environ.get("PYTHONIOENCODING") else "PYTHONUTF8"
        value = "utf-8" if variable == "PYTHONIOENCODING" else "1"
        return NO_SIGNS.format(encoding_of(sys.stderr).upper(), f"{variable}={value}")
    return None


@contextlib.contextmanager
def _drawing_on_the_terminal() -> Iterator[None]:
    """Make standard error the terminal of standard output while the screen is up, because Textual
    draws on standard error, which may lead to a file (`2>log`)."""
    if os.isatty(2):
        yield
        return
    kept = os.dup(2)
    os.dup2(1, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _asked(
    said: Mapping[str, Any], strategies: tuple[str, ...], sources: PluginSources
) -> tuple[str, Sampling | None, NamedChoices | None]:
    """(the RunSpec as JSON text, the chain of --strategy, what the worker is to look up); the chain
    is None without that option, and the last is None if all is looked up here.

    This process imports no plugin, because a plugin may never end its import, or end the process.
    What can only mean a built-in is looked up here, so that a mistake is told before the screen is
    drawn. Without options, or with a file alone, the worker validates the RunSpec too, so that this
    process need not wait for the import of pydantic. Raises click.UsageError.
    """
    if not strategies and not said:
        return "{}", None, None
    if not strategies and set(said) == {"dataset"} and isinstance(said["dataset"], dict):
        return json.dumps(dict(said)), None, None
    from playground.cli.choices import links
    from playground.cli.loading import load
    from playground.cli.options import make_spec, texts_of
    from playground.lab.protocol.choices import NamedChoices
    from playground.lab.protocol.sampling import Sampling

    texts = texts_of(said)
    here, there = sources, NamedChoices()
    plugins = bool(texts or strategies) and _has_plugins(sources)
    if plugins:
        here = PluginSources(entry_points=False)
    ours = load(here) if plugins or strategies else None
    if plugins and ours is not None:
        known = tuple(text for text in strategies if _is_built_in(ours, "strategy", text))
        links(ours, known)  # refuses the knobs that cannot be
        there = NamedChoices(
            {
                field: text
                for field, text in texts.items()
                if not _is_built_in(ours, cast("Kind", field), text)
            },
            () if known == strategies else strategies,
        )
    spec = make_spec({name: said[name] for name in said if name not in there.choices}, here)
    sampling = None
    if ours is not None and strategies and not there.strategies:
        sampling = Sampling(links(ours, strategies))
    return spec.to_json(), sampling, there or None


def _numbers(changes: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same settings. Raises click.UsageError for a choice that the worker would look up."""
    from playground.cli.options import texts_of

    for field in texts_of(changes):
        raise click.UsageError(
            f"--{field} cannot be given here: choose it on the screen, where f changes the "
            "schedule and e the engine."
        )
    return changes


def _forked(saved: Checkpoint, changes: Mapping[str, Any]) -> tuple[str, Checkpoint | None]:
    """(the RunSpec as JSON text, the state) with which a saved run goes on. Raises
    click.UsageError."""
    from playground.cli.options import refused_later
    from playground.lab.fork import forked
    from playground.lab.protocol.failures import LabError

    try:
        return forked(saved, changes)
    except LabError as error:
        raise refused_later(error.failure.problems) from None


def _has_plugins(sources: PluginSources) -> bool:
    """True if there is a plugin to import; imports none."""
    from playground.hooks.discovery import Finder

    return not all(found.disabled for found in Finder(sources).find())


def _is_built_in(ours: Registry, kind: Kind, text: str) -> bool:
    """True if the text means a built-in, whatever plugins there are. ours: the built-ins alone."""
    name, colon, rest = text.strip().partition(":")
    if name == BUILTIN:
        return True
    if colon and "=" not in rest.partition(":")[0]:  # the name of a plugin may be before the colon
        return False
    return any(entry.name == name for entry in ours.catalog().of(kind))


def _probes(path: Path | None) -> ProbeSet | None:
    """The probe set in the file; None without a file. Raises click.BadParameter."""
    if path is None:
        return None
    from playground.cli.probes import read_probes

    return read_probes(path)


def _unreadable(said: Mapping[str, Any], checkpoint: Path | None) -> str | None:
    """Why the file named on the command line cannot be opened; None if nothing is plainly wrong."""
    dataset = said.get("dataset")
    path = checkpoint
    if path is None and isinstance(dataset, dict):
        path = Path(dataset["options"]["path"])
    if path is None:
        return None
    try:
        if not path.exists():
            return f"there is no file {str(path)!r}. Check the path; a shell's ~ needs no quotes."
        if path.is_dir():
            return f"{str(path)!r} is a folder. Name a text file in it."
        if not path.is_file():  # a pipe of the shell's is not there for the worker to say it
            return (
                f"{str(path)!r} is a pipe, a socket or a device, and a run must find its data "
                "again. Write what comes from there to a file, and name that file."
            )
    except OSError as error:  # a name that is too long
        return f"{str(path)[:200]!r} cannot be opened: {error.strerror}. Check the path."
    return None
