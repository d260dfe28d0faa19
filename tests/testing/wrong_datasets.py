"""Data sets with one fault each."""

# ruff: noqa: ARG002, ARG005 - the protocols give more than each of these needs

from __future__ import annotations

import itertools
import random
import socket
from contextlib import suppress
from pathlib import Path

from playground.api import DatasetError, Provenance

WORDS = ("one", "two", "three", "four")


class Right:
    """The base of the others, without a fault; it keeps its words in the cache."""

    provenance = Provenance("counted", "public domain")

    def prepare(self, cache, progress):
        progress("writing words", 0, len(WORDS))
        self.path = cache / "words.txt"
        self.path.write_text("\n".join(WORDS))

    def documents(self):
        yield from self.path.read_text().splitlines()

    def count(self):
        return len(WORDS)


class NoCount:
    provenance = Right.provenance

    def prepare(self, cache, progress):
        pass

    documents = prepare


class FailsWithoutAWord(Right):
    def prepare(self, cache, progress):
        raise DatasetError("", "no luck")


class RaisesOSError(Right):
    def prepare(self, cache, progress):
        raise FileNotFoundError("words.txt")


class DownloadsBluntly(Right):
    """Raises OSError offline, so that a person sees a traceback."""

    def prepare(self, cache, progress):
        socket.create_connection(("127.0.0.1", 9))


class Downloads(Right):
    """A data set without a fault, which says that it cannot download."""

    def prepare(self, cache, progress):
        try:
            socket.create_connection(("127.0.0.1", 9))
        except OSError as error:
            raise DatasetError("No network", f"{error}. Try again.") from error


class HasEmptyDocuments(Right):
    def documents(self):
        yield from ("one", "", "three", "four")


class GivesBytes(Right):
    def documents(self):
        yield from (word.encode() for word in WORDS)


class GivesAList(Right):
    def documents(self):
        return list(WORDS)


class HasNone(Right):
    def documents(self):
        return iter(())

    def count(self):
        return 0


class ReadsOnce(Right):
    def prepare(self, cache, progress):
        super().prepare(cache, progress)
        self.iterator = itertools.cycle(WORDS)

    def documents(self):
        return itertools.islice(self.iterator, 3)

    def count(self):
        return 3


class OneIterator(Right):
    def __init__(self):
        self.kept = iter(())

    def documents(self):
        self.kept = iter(WORDS)
        return self

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.kept)


class ClosesForGood(Right):
    closed = False

    def documents(self):
        if self.closed:
            raise ValueError("I/O operation on closed file")
        try:
            yield from WORDS
        except GeneratorExit:
            self.closed = True
            raise


class CountsWrongly(Right):
    def count(self):
        return 5


class CountsInWords(Right):
    def count(self):
        return "four"


class NoLicence(Right):
    provenance = Provenance("counted", "")


class OddChecksum(Right):
    provenance = Provenance("counted", "MIT", "0xABC")


class ProvenanceIsAMethod(Right):
    def provenance(self):
        return Right.provenance


class LooksItUpLater(Right):
    """Connects in documents(), and hides the failure."""

    def documents(self):
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", 9))
        yield from WORDS


class CannotBeCancelled(Right):
    def prepare(self, cache, progress):
        try:
            super().prepare(cache, progress)
        except Exception:
            super().prepare(cache, lambda *_: None)


class CallsItAFault(Right):
    def prepare(self, cache, progress):
        try:
            super().prepare(cache, progress)
        except Exception as error:
            raise DatasetError("It failed", str(error) or "somehow") from error


class SaysPercent(Right):
    def prepare(self, cache, progress):
        super().prepare(cache, lambda what, done, total: progress(what, "0 %", total))


class WritesWhereItIs(Right):
    def prepare(self, cache, progress):
        super().prepare(cache, progress)
        Path("words.tmp").write_text("left behind")


class Shuffles(Right):
    def prepare(self, cache, progress):
        super().prepare(cache, progress)
        random.shuffle([1, 2, 3])


class Talks(Right):
    def documents(self):
        print("reading")
        yield from WORDS


class UsesUpItsCache(Right):
    def prepare(self, cache, progress):
        if (cache / "words.txt").exists():
            raise DatasetError("The cache is not empty", "Remove it.")
        super().prepare(cache, progress)


class Grows(Right):
    def prepare(self, cache, progress):
        super().prepare(cache, progress)
        with (cache / "runs").open("a") as file:
            file.write("x")
        self.words = [*WORDS, (cache / "runs").read_text()]

    def documents(self):
        return iter(self.words)

    def count(self):
        return None
