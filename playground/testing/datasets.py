"""The contract of a data set: what `playground.api.Dataset` promises."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from playground.api import Provenance
from playground.testing.contract import ContractError
from playground.testing.preparing import Prepared, all_prepared, prepared_by, ready_ones
from playground.testing.subject import Clause, Subject, clause, made_with_every_setting, manners
from playground.testing.watching import check_empty, empty_folder, without_network

FIRST = 1.0
"""Seconds within which a prepared data set must give its first document."""
COUNTED = 200_000
"""The most documents that a whole pass counts, to compare with count()."""
PASS = 0.5
"""Seconds after which a pass over the documents is broken off."""
BATCH = 256
"""Documents between two looks at the clock."""
_SHA256 = re.compile(r"[0-9a-f]{64}")


def _some(iterator: Iterator[str], most: int = COUNTED + 1) -> tuple[list[str], bool]:
    """The documents until `most`, or until PASS seconds are over; True if these are all."""
    documents: list[str] = []
    began = time.perf_counter()
    while len(documents) < most and time.perf_counter() - began < PASS:
        more = list(islice(iterator, min(BATCH, most - len(documents))))
        documents += more
        if not more:
            return documents, True
    return documents, False


@clause(
    "prepares-or-says-why",
    "prepare gets everything ready, or raises a DatasetError with a title and a message",
    essential=True,
    smoke=True,
)
def prepares_or_says_why(subject: Subject) -> None:
    """Prepares without network, unless the subject may download."""
    for item in all_prepared(subject):
        if item.refusal is None:
            continue
        title, message = item.refusal.title, item.refusal.message
        for name, value in (("title", title), ("message", message)):
            if not isinstance(value, str) or not value.strip():
                raise ContractError(
                    f"a DatasetError whose {name} is {value!r} ({item.words})",
                    "say what happened in the title; why, and what to do, in the message",
                )


@clause(
    "documents-are-texts",
    "every document is a text that is not empty, and there is at least one",
    smoke=True,
)
def documents_are_texts(subject: Subject) -> str | None:
    """Looks at as many documents as half a second gives."""
    ready, reason = ready_ones(subject)
    for item in ready:
        iterator = item.dataset.documents()
        if not hasattr(iterator, "__next__"):
            raise ContractError(
                f"documents() gives a {type(iterator).__name__}",
                "give an iterator: iter(...) of a list, or write it as a generator",
            )
        documents, _ = _some(iterator)
        if not documents:
            raise ContractError(
                f"no documents ({item.words})", "raise a DatasetError in prepare if there are none"
            )
        for number, document in enumerate(documents):
            if not isinstance(document, str) or not document:
                raise ContractError(
                    f"document {number} is {document!r} ({item.words})", "pass over empty ones"
                )
    return reason


@clause("first-document-soon", f"after prepare, the first document comes within {FIRST:g} s")
def first_document_soon(subject: Subject) -> str | None:
    """Times the first document only, since the data set may stream the rest."""
    ready, reason = ready_ones(subject)
    for item in ready:
        began = time.perf_counter()
        next(item.dataset.documents())
        seconds = time.perf_counter() - began
        if seconds > FIRST:
            raise ContractError(
                f"{seconds:.1f} s ({item.words})", "do the work in prepare, or yield as you read"
            )
    return reason


@clause(
    "iterated-again-alike",
    "documents() gives a fresh iterator each time, and the same documents in the same order",
    smoke=True,
)
def iterated_again_alike(subject: Subject) -> str | None:
    """Iterates twice one after the other, and with two iterators in turns."""
    ready, reason = ready_ones(subject)
    for item in ready:
        dataset = item.dataset
        documents, whole = _some(dataset.documents(), 20_000)
        advice = "keep no position in the object, and shuffle nothing: the run does"
        again = list(islice(dataset.documents(), len(documents) + whole))
        _same(documents, again, f"the second time ({item.words})", advice)
        one, two = dataset.documents(), dataset.documents()
        if one is two:
            raise ContractError(f"the same iterator twice ({item.words})", advice)
        few = documents[:20]
        turns = [next(iterator, "") for _ in few for iterator in (one, two)]
        _same(few, turns[::2], f"in one of two iterators ({item.words})", advice)
        _same(few, turns[1::2], f"in the other of two iterators ({item.words})", advice)
    return reason


@clause("prepared-again-alike", "another object, prepared from the same cache, gives the same")
def prepared_again_alike(subject: Subject) -> str | None:
    """Prepares another object from the same cache, as the next run does."""
    ready, reason = ready_ones(subject)
    if ready:
        documents, whole = _some(ready[0].dataset.documents(), 20_000)
        other = prepared_by(subject, subject.settings[0], subject.memo["cache"])
        if other.refusal is not None:
            raise ContractError(
                f"DatasetError the second time: {other.refusal.title}",
                "leave in the cache only what is whole, and use it",
            )
        again = list(islice(other.dataset.documents(), len(documents) + whole))
        _same(documents, again, "from another object", "let nothing depend on chance or time")
    return reason


def _same(expected: list[str], given: list[str], what: str, advice: str) -> None:
    if len(given) != len(expected):
        raise ContractError(f"{len(given)} documents, not {len(expected)}, {what}", advice)
    for number, (a, b) in enumerate(zip(expected, given, strict=True)):
        if a != b:
            raise ContractError(f"document {number} was {a!r} and is {b!r} {what}", advice)


@clause("closed-early", "an iterator that is closed early does no harm to the next", smoke=True)
def closed_early(subject: Subject) -> str | None:
    """Ends an iterator after one document, with its close() if it has one."""
    ready, reason = ready_ones(subject)
    for item in ready:
        first = next(item.dataset.documents())
        iterator = item.dataset.documents()
        next(iterator)
        if callable(close := getattr(iterator, "close", None)):
            close()
        again = next(item.dataset.documents(), None)
        if again != first:
            raise ContractError(
                f"then the first document is {again!r} instead of {first!r} ({item.words})",
                "open what you read in documents(), not once for all",
            )
    return reason


@clause(
    "count-is-true", "count() is the number of documents, or None if only a pass would tell",
    smoke=True,
)  # fmt: skip
def count_is_true(subject: Subject) -> str | None:
    """Compares count() with a whole pass over the documents, if the pass is short."""
    ready, reason = ready_ones(subject)
    for item in ready:
        count = item.dataset.count()
        if count is not None and (not isinstance(count, int) or isinstance(count, bool)):
            raise ContractError(f"count() is {count!r} ({item.words})", "give an int or None")
        documents, whole = _some(item.dataset.documents())
        wrong = count != len(documents) if whole else (count or len(documents)) < len(documents)
        if count is not None and wrong:
            there = f"{len(documents)}" if whole else f"at least {len(documents)}"
            raise ContractError(
                f"count() is {count}, and there are {there} ({item.words})",
                "count what documents() yields, after empty ones are left out",
            )
    return reason


@clause(
    "provenance-is-said",
    "provenance names source and licence, and a SHA-256 in hexadecimal digits or none",
    smoke=True,
)
def provenance_is_said(subject: Subject) -> None:
    """Looks at provenance before and after prepare."""
    fresh = Prepared("before prepare", subject.make(), None, False)
    for item in (fresh, *all_prepared(subject)):
        given = item.dataset.provenance
        if not isinstance(given, Provenance):
            raise ContractError(
                f"a {type(given).__name__} ({item.words})",
                "give a playground.api.Provenance; as an attribute or a property, not a method",
            )
        for name, value in (("source", given.source), ("licence", given.licence)):
            if not isinstance(value, str) or not value.strip():
                raise ContractError(
                    f"the {name} is {value!r} ({item.words})",
                    'say who made it, and the licence: "public domain", an SPDX identifier, or'
                    ' "the user\'s own"',
                )
        if given.sha256 and not _SHA256.fullmatch(given.sha256):
            raise ContractError(
                f"sha256 is {given.sha256!r} ({item.words})",
                "give hashlib.sha256(...).hexdigest(), 64 digits, or leave it empty",
            )


def _without_prepare(subject: Subject) -> None:
    subject.make()
    for item in ready_ones(subject)[0]:
        list(islice(item.dataset.documents(), 1000))
        item.dataset.count()
        str(item.dataset.provenance)


@clause(
    "no-network-outside-prepare",
    "nothing but prepare connects to anywhere: not making it, documents(), count() or provenance",
    smoke=True,
)
def no_network_outside_prepare(subject: Subject) -> None:
    """Finds also a connection whose failure the data set hides."""
    all_prepared(subject)  # prepares before the watch begins
    with without_network() as tried, suppress(Exception):  # other checks tell of exceptions
        _without_prepare(subject)
    if tried:
        raise ContractError(
            f"a connection to {tried[0]} was tried", "do it in prepare, and keep it in the cache"
        )


class _Cancelled(Exception):
    """Raised by progress, as when a person cancels."""


@clause(
    "prepare-can-be-cancelled",
    "prepare calls progress(what, done, total) with words and two counts, and lets through what"
    " progress raises",
    smoke=True,
)
def prepare_can_be_cancelled(subject: Subject) -> str | None:
    """Prepares in an empty cache, so that there is work to cancel."""
    ready, reason = ready_ones(subject)
    if not ready:
        return reason
    calls: list[tuple[object, object, object]] = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as cache:
        subject.make().prepare(Path(cache), lambda *call: calls.append(call))
    for what, done, total in calls:
        if not (
            isinstance(what, str)
            and isinstance(done, int)
            and isinstance(total, int)
            and done >= 0
            and (done <= total or total == 0)
        ):
            raise ContractError(
                f"progress({what!r}, {done!r}, {total!r})",
                "say in a few words what is being done; total is 0 if it is not known",
            )
    if not calls:
        return None

    def cancel(*_: object) -> None:
        raise _Cancelled

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as cache:
        try:
            subject.make().prepare(Path(cache), cancel)
        except _Cancelled:
            return None
        except Exception as error:
            raise ContractError(
                f"progress raised, and prepare made a {type(error).__name__} of it",
                "catch only the errors that you expect, around what can raise them",
            ) from error
    raise ContractError(
        "prepare went on after progress had raised",
        "let the exception through, for the person has cancelled",
    )


@clause("writes-to-its-cache-only", "files are written to the cache folder only")
def writes_to_its_cache_only(subject: Subject) -> str | None:
    """Looks for files in the current folder, which is a new empty one for this check."""
    if not ready_ones(subject)[0]:
        return ready_ones(subject)[1]
    with empty_folder() as here, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as cache:
        item = prepared_by(subject, subject.settings[0], Path(cache))
        if item.refusal is None:
            list(islice(item.dataset.documents(), 100))
            item.dataset.count()
        check_empty(here, "write below the folder that prepare is given")
    return None


def _use(subject: Subject) -> None:
    _without_prepare(subject)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as cache:
        prepared_by(subject, subject.settings[0], Path(cache))


CLAUSES: tuple[Clause, ...] = (
    made_with_every_setting("a data set", ("prepare", "documents", "count")),
    prepares_or_says_why,
    documents_are_texts,
    first_document_soon,
    iterated_again_alike,
    closed_early,
    count_is_true,
    provenance_is_said,
    no_network_outside_prepare,
    prepare_can_be_cancelled,
    writes_to_its_cache_only,
    *manners(_use, "use a random.Random(seed) of your own"),
    prepared_again_alike,
)
