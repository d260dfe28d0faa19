"""Several recorded runs over each other: their averages, their held-out losses and their clocks,
and whether these numbers may be compared at all."""

from __future__ import annotations

import json
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from playground.lab.store import runlist
from playground.lab.store.records import RunRecord, RunRow
from playground.lab.store.summaries import outline_of, tokens_of
from playground.lab.timeline import Clock

if TYPE_CHECKING:
    from playground.lab.store.store import Store

MOST = 8
"""Runs that are laid over each other at most: more lines nobody tells apart."""
_HELD_OUT = ("seed", "holdout", "holdout_by")
"""The settings that decide which documents of the same data are held out. They tell it of runs that
were recorded before the text that is measured left its SHA-256 in the record."""


@dataclass(frozen=True, slots=True)
class Laid:
    """One of several runs that are laid over each other."""

    row: RunRow
    told: str
    """What tells the run from the others: its name, or the settings that are unlike theirs."""
    average_steps: array[float]
    averages: array[float]
    """Averages of the training loss up to these steps, in nats a token."""
    evaluations: tuple[tuple[int, float], ...]
    """(step, held-out loss in nats a token) pairs in order."""
    clock: Clock
    bits_per_nat: float | None
    """Bits a character that a held-out loss of 1 nat a token comes to; None if not known."""
    comparable: bool
    """True if the losses are nats of the same tokens as those of most of these runs."""
    same_text: bool
    """True if the held-out losses are measured on the same text as in most of these runs."""


@dataclass(frozen=True, slots=True)
class Overlay:
    """Several runs over each other."""

    runs: tuple[Laid, ...]
    left_out: int
    """Runs that were asked for beyond MOST."""
    remarks: tuple[str, ...]
    """Why their losses in nats a token cannot be compared, a sentence for each reason."""
    about_text: str
    """What to mind of the texts that are held out of them; "" if there is nothing."""

    @property
    def bits(self) -> bool:
        """True if bits a character are known for every run."""
        return all(one.bits_per_nat is not None for one in self.runs)


def overlay(store: Store, runs: Sequence[int]) -> Overlay:
    """The runs over each other, the first MOST of them. Raises StoreError."""
    records = [store.record(run) for run in runs[:MOST]]
    told = runlist.unlike([record.row for record in records])
    # The run that most others can be compared with stands for all of these.
    usual = max(records, key=lambda one: sum(not _why_not(one, other) for other in records))
    measured = max(records, key=lambda one: sum(_same_text(one, other) for other in records))
    return Overlay(
        tuple(
            _laid(
                one,
                told[one.row.id],
                comparable=not _why_not(one, usual),
                same_text=_same_text(one, measured),
            )
            for one in records
        ),
        len(runs) - len(records),
        _remarks(records),
        _about_text(records),
    )


def _laid(record: RunRecord, told: str, *, comparable: bool, same_text: bool) -> Laid:
    row = record.row
    line = outline_of(record.first, record.losses)
    known = row.heldout is not None and row.bits_per_character is not None and row.heldout > 0
    return Laid(
        row=row,
        told=row.name or told or row.dataset,
        average_steps=line.average_steps,
        averages=line.averages,
        evaluations=record.evaluations,
        clock=Clock.of(record.clock),
        bits_per_nat=(row.bits_per_character or 0) / (row.heldout or 1) if known else None,
        comparable=comparable,
        same_text=same_text,
    )


def _why_not(one: RunRecord, other: RunRecord) -> str:
    """Why the losses of the two cannot be compared; "" if they can be."""
    return runlist.incomparable(
        tokens=tokens_of(one) != tokens_of(other),
        data=one.data != other.data,
        contexts=runlist.contexts(one.row, other.row),
    )


def _held_out(record: RunRecord) -> tuple[object, ...]:
    """What decides which documents are held out: the documents, and the settings of the split."""
    spec = json.loads(record.spec)
    return (record.data, *(spec.get(name) for name in _HELD_OUT))


def _same_text(one: RunRecord, other: RunRecord) -> bool:
    """True if the held-out losses of the two are measured on the same text: by the record, or by
    the settings where the record of one does not tell."""
    known = runlist.same_text(one.row, other.row)
    if known is not None:
        return known
    return _held_out(one) == _held_out(other) and not _other_part(one, other)


def _other_part(one: RunRecord, other: RunRecord) -> bool:
    """True if of a held-out text that is longer than a context, other parts may be measured."""
    contexts = runlist.contexts(one.row, other.row)
    return contexts is not None and contexts[0] != contexts[1]


def _remarks(records: Sequence[RunRecord]) -> tuple[str, ...]:
    """One sentence for each reason, however many pairs have that reason."""
    tokens = len({tokens_of(record) for record in records}) > 1
    data = len({record.data for record in records}) > 1
    other = next((two for two in combinations(records, 2) if _other_part(*two)), None)
    contexts = None if other is None else (other[0].row.block_size, other[1].row.block_size)
    reasons = (
        runlist.incomparable(tokens=tokens, data=False, contexts=None),
        runlist.incomparable(tokens=False, data=data, contexts=None),
        runlist.incomparable(tokens=False, data=False, contexts=contexts),
    )
    return tuple(why for why in reasons if why)


def _about_text(records: Sequence[RunRecord]) -> str:
    if len({record.data for record in records}) > 1:
        return ""  # the remarks say so
    texts = {record.row.heldout_text for record in records}
    other_tokens = len({tokens_of(record) for record in records}) > 1
    if "" not in texts:
        if len(texts) > 1:
            return (
                "Their held-out losses are measured on other texts: small differences may be those "
                "of the texts."
            )
        return _SAME_TEXT if other_tokens else ""
    if len(set(map(_held_out, records))) > 1:
        return (
            "Other texts are held out of them, by their seeds or shares: small differences of the "
            "held-out losses may be those of the texts."
        )
    return _SAME_SETTINGS if other_tokens else ""


_SAME_TEXT = "All are measured on the same held-out text: bits a character compare there."
_SAME_SETTINGS = (
    "By their settings, the same texts are held out of all: bits a character compare there, as far "
    "as the contexts hold these texts whole."
)
