"""Data sets after `prepare`, with the settings worth a look; offline unless they may download."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playground.api import DatasetError
from playground.testing.subject import Setting, Subject
from playground.testing.watching import without_network


def no_progress(what: str, done: int, total: int) -> None:
    """Ignores the progress."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A data set after `prepare`."""

    words: str
    dataset: Any
    refusal: DatasetError | None
    """The error that `prepare` raised; None if the data set is ready."""
    offline: bool
    """True if `prepare` raised the error because it may not download."""


def prepared_by(subject: Subject, setting: Setting, cache: Path) -> Prepared:
    """A fresh data set after `prepare` with this cache folder, ready or not."""
    dataset = subject.make(setting)
    refusal = None
    network: AbstractContextManager[list[str]] = (
        nullcontext([]) if subject.network else without_network()
    )
    with network as tried:
        try:
            dataset.prepare(cache, no_progress)
        except DatasetError as error:
            refusal = error
    return Prepared(setting.words, dataset, refusal, bool(refusal and tried))


def all_prepared(subject: Subject) -> list[Prepared]:
    """The data set prepared with the defaults, and with each value of a choice or a switch, one
    knob at a time, since such knobs often pick another list. All are prepared once, in one cache
    folder that stays as long as the subject."""
    if "prepared" not in subject.memo:
        cache = Path(tempfile.mkdtemp())
        weakref.finalize(subject, shutil.rmtree, cache, ignore_errors=True)
        names = {item.name for item in subject.controls if item.kind in ("choice", "switch")}
        first, *others = subject.settings
        used = [first]
        for setting in others:
            changed = {
                name
                for name, value in (setting.knobs or first.knobs or {})
                if value != getattr(first.knobs, name)
            }
            if len(changed) == 1 and changed <= names and not subject.smoke:
                used.append(setting)
        subject.memo["cache"] = cache
        subject.memo["prepared"] = [prepared_by(subject, setting, cache) for setting in used]
    prepared: list[Prepared] = subject.memo["prepared"]
    return prepared


def ready_ones(subject: Subject) -> tuple[list[Prepared], str]:
    """The data sets that could be prepared; and the reason if none could."""
    every = all_prepared(subject)
    ready = [item for item in every if item.refusal is None]
    if ready:
        return ready, ""
    refusal = every[0].refusal
    reason = "prepare needs the network" if every[0].offline else "prepare cannot"
    return [], f"{reason}, and says: {refusal.title if refusal else ''}"
