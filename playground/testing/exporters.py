"""The contract of an exporter: what `playground.api.Exporter` promises."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from playground.api import ExportError, Progress
from playground.testing.contract import ContractError
from playground.testing.made_up import run_exports
from playground.testing.subject import (
    Clause,
    Setting,
    Subject,
    check_words,
    clause,
    made_with_every_setting,
    manners,
)
from playground.testing.watching import check_empty, empty_folder

NAME = "run ½ [a].out"
"""The name to export to, with a blank, a letter beyond ASCII, brackets and a suffix."""


def _no_progress(what: str, done: int, total: int) -> None:
    """Ignores the progress."""


@contextmanager
def _target() -> Iterator[Path]:
    """A path in an empty folder; nothing is there yet."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        yield Path(folder) / NAME


def _export(subject: Subject, setting: Setting, words: str, path: Path) -> ExportError | None:
    """Export one of the made-up runs; returns the error if the exporter refuses the run."""
    try:
        subject.make(setting).export(run_exports()[words], path, _no_progress)
    except ExportError as error:
        return error
    return None


def _is_empty(words: str) -> bool:
    """True if this run has no steps, so that an empty file may be all there is to write."""
    return " 0 " in words


def _size(path: Path) -> int:
    """Bytes of a file, or of all files below a folder; 0 if there is nothing."""
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size if path.exists() else 0


@clause(
    "writes-something",
    "export writes a file or a folder at the path it is given, or raises an ExportError with a"
    " title and a message",
    essential=True,
    smoke=True,
)
def writes_something(subject: Subject) -> None:
    """Exports a run of 100 steps with odd names, and one of 0 steps, which may be refused."""
    for setting in subject.settings:
        for words in run_exports():
            with _target() as path:
                refusal = _export(subject, setting, words, path)
                where = f"({words}; {setting.words})"
                if refusal is not None:
                    _check_refusal(refusal, words, where)
                elif not (path.exists() if _is_empty(words) else _size(path)):
                    raise ContractError(
                        f"nothing at the path {where}",
                        "write to `path` itself: a file, or a folder of files",
                    )


def _check_refusal(refusal: ExportError, words: str, where: str) -> None:
    check_words(refusal, where)
    if not _is_empty(words):
        raise ContractError(
            f"ExportError: {refusal.title} {where}", "an ordinary run must be exported"
        )


@clause("replaces-what-was-there", "what was there from the last export is replaced")
def replaces_what_was_there(subject: Subject) -> None:
    """Exports the same run twice to one path."""
    with _target() as path:
        for _ in range(2):
            _export(subject, subject.settings[0], "a run of 100 steps", path)
        if not _size(path):
            raise ContractError("nothing at the path after the second", "write it anew")


@clause("writes-nowhere-else", "nothing is written but the path that is given")
def writes_nowhere_else(subject: Subject) -> None:
    """Looks beside the path, and in the current folder, which is a new empty one for this check."""
    with empty_folder() as here, _target() as path:
        _export(subject, subject.settings[0], "a run of 100 steps", path)
        check_empty(here, "write to `path`, or below it")
        others = sorted(file.name for file in path.parent.iterdir() if file != path)
        if others:
            raise ContractError(
                f"{others[0]!r} beside {path.name!r}",
                "write to `path` itself; for several files, make it a folder",
            )


@clause("run-stays-as-it-is", "the run that is given is not changed", smoke=True)
def run_stays_as_it_is(subject: Subject) -> None:
    """Compares the run with a copy, since its lists, dicts and arrays can be changed."""
    for run in run_exports().values():
        before = copy.deepcopy(run)
        with _target() as path, suppress(ExportError):
            subject.make().export(run, path, _no_progress)
        if run != before:
            raise ContractError("it has changed", "work on a copy")


class _Cancelled(Exception):
    """Raised by progress, as when a person cancels."""


@clause(
    "can-be-cancelled",
    "progress is called with (what, done, total), words and two counts; what it raises passes"
    " through",
    smoke=True,
)
def can_be_cancelled(subject: Subject) -> str | None:
    """Exports a run of 100 steps."""
    calls: list[tuple[object, object, object]] = []

    def export(progress: Progress) -> None:
        with _target() as path:
            subject.make().export(run_exports()["a run of 100 steps"], path, progress)

    export(lambda *call: calls.append(call))
    for what, done, total in calls:
        if not (isinstance(what, str) and isinstance(done, int) and isinstance(total, int)):
            raise ContractError(
                f"progress({what!r}, {done!r}, {total!r})",
                "say in a few words what is being done; total is 0 if it is not known",
            )
    if not calls:
        return "it never calls progress"

    def cancel(*_: object) -> None:
        raise _Cancelled

    try:
        export(cancel)
    except _Cancelled:
        return None
    except Exception as error:
        raise ContractError(
            f"progress raised, and export made a {type(error).__name__} of it",
            "catch only the errors that you expect, around what can raise them",
        ) from error
    raise ContractError(
        "export went on after progress had raised",
        "let the exception through, for the person has cancelled",
    )


def _use(subject: Subject) -> None:
    with _target() as path:
        _export(subject, subject.settings[0], "a run of 100 steps", path)


CLAUSES: tuple[Clause, ...] = (
    made_with_every_setting("an exporter", ("export",)),
    writes_something,
    replaces_what_was_there,
    writes_nowhere_else,
    run_stays_as_it_is,
    can_be_cancelled,
    *manners(_use, "use a random.Random(seed) of your own"),
)
