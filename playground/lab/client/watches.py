"""What is called for a person who looks on, and must not take the next worker down as well.

A panel or a lesson that hung, or that was at work when the worker crashed, is switched off until a
person chooses it again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Iterator, Sequence
from typing import ClassVar

from playground.catalog import BUILTIN, Catalog, Kind
from playground.hooks.errors import KIND_WORDS
from playground.lab.protocol.failures import Failure, LabError
from playground.lab.protocol.frames import FrameRequest, PanelFrame


class Watch:
    """Decides which contributions of one kind may be called. One that hung, or that was at work
    when the worker crashed, would take the next worker too: it is off until a person chooses it."""

    def __init__(self, kind: Kind, again: str) -> None:
        """again: how a person chooses one again, in words."""
        self.kind = kind
        self._again = again
        self._off: dict[str, Failure] = {}
        """Why a contribution is off, by its name."""
        self._asked: list[tuple[float, str]] = []
        """(when, name) of the requests under way, the oldest first."""

    unnamed: ClassVar[tuple[str, ...]] = ("dead",)
    """The kinds of Failure that put a loss down to what was asked, if they blame nobody."""

    def allow(self, name: str) -> None:
        """Let a contribution be called again."""
        self._off.pop(bare(name), None)

    def refusal(self, name: str) -> Failure | None:
        """Why this contribution is off; None if it may be called."""
        return self._off.get(bare(name))

    @contextlib.contextmanager
    def under_way(self, name: str) -> Iterator[None]:
        """While a request is under way for which the worker calls this contribution."""
        request = time.monotonic(), name
        self._asked.append(request)
        try:
            yield
        finally:
            self._asked.remove(request)

    def culprit(
        self, blamed: str, lost: Failure, catalog: Catalog | None
    ) -> tuple[float, str] | None:
        """(since when, name) of what took a worker down; None if nothing of this kind did. A crash
        blames nobody, nor does silence: then what was asked first, since the worker answers in
        order, is taken to be the cause, if a plugin contributes it."""
        kind, _, name = blamed.partition(":")
        if kind == self.kind:
            return 0.0, name
        if blamed or lost.kind not in self.unnamed:
            return None
        for since, asked in self._asked:
            entry = catalog.find(self.kind, asked) if catalog else None
            if entry is not None and entry.plugin != BUILTIN:
                return since, entry.qualified
        return None

    def switch_off(self, name: str, lost: Failure) -> str:
        """Call this contribution no more; returns a sentence about it."""
        words = f"The {KIND_WORDS[self.kind]} {bare(name)!r} is switched off"
        how = "ended" if lost.kind == "dead" else "fell silent"
        named = bare(name) in lost.message
        asked = "" if named else f"It was asked when the training process {how}. "
        self._off[bare(name)] = Failure(
            words, asked + lost.message, kind=lost.kind, detail=lost.detail
        )
        return f"{words}; choosing it again{self._again} gives it another try."


class PanelWatch(Watch):
    """Decides which contributed panels may be drawn."""

    def __init__(self) -> None:
        super().__init__("panel", " (5)")

    @contextlib.contextmanager
    def asked(self, request: FrameRequest) -> Iterator[tuple[FrameRequest, PanelFrame | None]]:
        """The request to send, and what to show in the place of a panel that is off."""
        view = request.panel
        if view is None:
            yield request, None
        elif (failure := self.refusal(view.name)) is not None:
            yield (
                dataclasses.replace(request, panel=None),
                PanelFrame(view.name, 0, trouble=failure),
            )
        else:
            with self.under_way(view.name):
                yield request, None


class LessonWatch(Watch):
    """Decides which lessons may be asked."""

    # A text of ten gigabytes is made without a pause in which a ping could be answered.
    unnamed = ("dead", "hung")

    def __init__(self) -> None:
        super().__init__("lesson", "")

    @contextlib.contextmanager
    def asked(self, name: str) -> Iterator[None]:
        """While the worker asks a lesson. Raises LabError that names the lesson, if it is off or
        takes the worker down."""
        if (failure := self.refusal(name)) is not None:
            raise LabError(failure)
        try:
            with self.under_way(name):
                yield
        except LabError as error:
            failure = self.refusal(name)  # whoever lost the worker has judged by now
            raise error if failure is None else LabError(failure) from error

    def at_fault(self, name: str, blamed: str, lost: Failure, catalog: Catalog | None) -> bool:
        """True if this lesson took down a worker without a run, in which nothing else was asked: it
        is off then. blamed: the contribution that hung; "" if none did."""
        entry = catalog.find(self.kind, name) if catalog is not None else None
        own = entry is not None and entry.plugin == BUILTIN
        if own or blamed.partition(":")[0] not in ("", self.kind):
            return False
        self.switch_off(name, lost)
        return True


def switch_off(
    watches: Sequence[Watch], blamed: str, lost: Failure, catalog: Catalog | None
) -> str:
    """Switch off what took a worker down, if a watch knows it; returns a sentence about it."""
    found = [
        (*culprit, watch)
        for watch in watches
        if (culprit := watch.culprit(blamed, lost, catalog)) is not None
    ]
    if not found:
        return ""
    _, name, watch = min(found, key=lambda one: one[0])
    return watch.switch_off(name, lost)


def bare(name: str) -> str:
    """ "spark" for "file:spark"."""
    return name.rpartition(":")[2]
