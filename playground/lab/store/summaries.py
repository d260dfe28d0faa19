"""What the screen of the runs shows: the list, the curve of a run, one run, a pair of runs.

Each function reads the store in one call, in a thread of the screen's process. It returns plain
values that are small enough to be drawn at once, however long the run is.
"""

from __future__ import annotations

import contextlib
import json
import math
from array import array
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

from playground.lab.edits import Edits
from playground.lab.protocol.probes import ProbeAnswers, ProbeError, ProbeSet
from playground.lab.store import runlist
from playground.lab.store.errors import StoreError
from playground.lab.store.grouping import Group, grouped
from playground.lab.store.locks import is_open
from playground.lab.store.records import Edit, RunRecord, RunRow, StoredSamples
from playground.lab.timeline import HELD_OUT_ERROR

if TYPE_CHECKING:
    from playground.lab.fork import Setting
    from playground.lab.store.query import Query
    from playground.lab.store.store import Store

BLOCKS = 5_000
"""Blocks of a curve, more than any screen has columns of dots."""
_AVERAGED = 50
"""The fewest steps in one average."""
_POINTS = 500
"""Points of the line of averages."""


@dataclass(frozen=True, slots=True)
class Overview:
    """A list of runs."""

    rows: tuple[RunRow, ...]
    """In the order on the screen."""
    drawn: Mapping[int, str]
    """The branch that is drawn before a fork, by the fork's id."""
    places: Mapping[int, runlist.Place]
    """Where a run is open, by its id."""
    count: int
    """Runs in the store, whether they fit the query or not."""
    size: int
    """Bytes of the store."""
    groups: tuple[Group, ...] = ()
    """The same rows in groups; empty if they are not grouped."""


def overview(
    store: Store,
    query: Query,
    here: int | None = None,
    *,
    tree: bool = False,
    group: str | None = None,
) -> Overview:
    """The runs that fit the query. here: the run that is open in this playground. tree: forks
    below their parents, within a group. group: the field of `grouping.FIELDS` that the runs are
    grouped by. Raises StoreError."""
    rows = store.runs(query)
    drawn: dict[int, str] = {}
    held = {
        row.id: is_open(store.lock_folder, row.uid) for row in rows if row.owner and row.id != here
    }
    groups = grouped(rows, group) if group is not None and rows else ()
    if tree and not groups:
        rows, drawn = runlist.branches(rows)
    elif tree:
        families = [runlist.branches(one.rows) for one in groups]
        groups = tuple(
            replace(one, rows=tuple(own)) for one, (own, _) in zip(groups, families, strict=True)
        )
        drawn = {run: branch for _, own in families for run, branch in own.items()}
    if groups:
        rows = [row for one in groups for row in one.rows]
    count, size = store.totals()
    return Overview(tuple(rows), drawn, runlist.places(rows, held, here), count, size, groups)


# ---------------------------------------------------------------- a curve


@dataclass(frozen=True, slots=True)
class Outline:
    """The losses of a run, as a chart shows them: of each block of a long run the lowest and the
    highest loss, and averages."""

    steps: array[float]
    losses: array[float]
    average_steps: array[float]
    averages: array[float]


def outline(store: Store, run: int, blocks: int = BLOCKS) -> Outline:
    """The losses of a run in `blocks` blocks at most. Raises StoreError."""
    first, losses, _ = store.curve(run)
    return outline_of(first, losses, blocks)


def outline_of(first: int, losses: array[float], blocks: int = BLOCKS) -> Outline:
    """The same for losses in nats a token that are at hand; `losses[0]` is that of step
    `first + 1`."""
    count = len(losses)
    steps, kept, sums = array("d"), array("d"), array("d", [0.0])
    ends = [number * count // blocks for number in range(blocks + 1)]
    if count <= 2 * blocks:
        ends = list(range(count + 1))
        steps, kept = array("d", range(first + 1, first + 1 + count)), losses
        sums = array("d", accumulate(losses, initial=0.0))
    else:
        for begin, end in pairwise(ends):
            block = losses[begin:end]
            for place in _extremes(block):
                steps.append(first + 1 + begin + place)
                kept.append(block[place])
            sums.append(sums[-1] + sum(block))
    return Outline(steps, kept, *_averaged(first, ends, sums))


def _extremes(block: array[float]) -> list[int]:
    """The places of the lowest and the highest value, in order. If a value is not finite, the
    place of the first such value alone, because NaN compares with nothing."""
    low, high = min(block), max(block)
    if math.isfinite(low - high):
        return sorted({block.index(low), block.index(high)})
    return [next(place for place, loss in enumerate(block) if not math.isfinite(loss))]


def _averaged(first: int, ends: list[int], sums: array[float]) -> tuple[array[float], array[float]]:
    """(steps, the average of the losses up to each of these steps); both empty if a loss is not
    finite. sums: the sum of all losses up to each of the ends."""
    steps, averages = array("d"), array("d")
    if not math.isfinite(sums[-1]):
        return steps, averages
    last = len(ends) - 1
    points = min(last, _POINTS)
    window = max(_AVERAGED, ends[-1] // 100)
    for number in range(1, points + 1):
        place = number * last // points
        before = bisect_left(ends, max(0, ends[place] - window), 0, place)
        before = min(before, place - 1)
        steps.append(first + ends[place])
        averages.append((sums[place] - sums[before]) / (ends[place] - ends[before]))
    return steps, averages


# ---------------------------------------------------------------- one run


@dataclass(frozen=True, slots=True)
class About:
    """What the screen says of one run beside its curve."""

    row: RunRow
    parent_name: str
    evaluations: tuple[tuple[int, float], ...]
    held_out_error: float | None
    """The standard error of the last of them; None if it is not known."""
    measured: tuple[tuple[str, float], ...]
    """The last value of each metric, by label."""
    edits: tuple[Edit, ...]
    compared_with: str
    """What `different` compares the settings with: "run 3", "the defaults"."""
    different: tuple[Setting, ...]
    samples: StoredSamples | None
    """The last samples."""
    prompts: tuple[str, ...]
    """The prompts of the probes."""
    first_answers: ProbeAnswers | None
    last_answers: ProbeAnswers | None
    """None if the probes were asked at one step only."""

    @property
    def newest_answers(self) -> ProbeAnswers | None:
        """The last answers, or the first if there are no others."""
        return self.last_answers or self.first_answers


def about(store: Store, run: int) -> About:
    """What the screen says of a run. Raises StoreError."""
    from playground.lab.fork import differences

    record = store.record(run)
    base, compared, name = _base(store, record.row)
    samples = store.samples(run, _last_sampled(store, run))
    prompts, answers = _asked(record.settings, store.probes(run))
    return About(
        row=record.row,
        parent_name=name,
        evaluations=record.evaluations,
        held_out_error=_held_out_error(record),
        measured=tuple(
            (label, pairs[-1])
            for label, pairs in record.measured.items()
            if pairs and label != HELD_OUT_ERROR
        ),
        edits=record.edits,
        compared_with=compared,
        different=differences(base, settings_of(record)),
        samples=samples[-1] if samples else None,
        prompts=prompts,
        first_answers=answers[0] if answers else None,
        last_answers=answers[-1] if len(answers) > 1 else None,
    )


def _held_out_error(record: RunRecord) -> float | None:
    """The standard error of the last hold-out loss."""
    errors = record.measured.get(HELD_OUT_ERROR)
    if not record.evaluations or not errors or errors[-2] != record.evaluations[-1][0]:
        return None
    return errors[-1]


def settings_of(record: RunRecord) -> dict[str, Any]:
    """The RunSpec by section, with the learning rate and the engine that are in force at the end
    of the record, and what is held and was done by hand: a fork keeps its parent's spec, and its
    changes of these are edits."""
    from playground.lab.fork import with_edits

    edits, end = Edits.of(record.edits), record.row.step
    return with_edits(
        json.loads(record.spec),
        record.row.learning_rate,
        record.row.engine,
        edits.held_words(end),
        edits.operated(end),
    )


def _last_sampled(store: Store, run: int) -> int:
    """The last step with samples; 0 if there are none."""
    with store.database.reading() as db:
        found = db.execute("SELECT max(step) FROM samples WHERE run = ?", (run,)).fetchone()
    return int(found[0] or 0)


def _base(store: Store, row: RunRow) -> tuple[dict[str, Any], str, str]:
    """(settings to compare with, what they are called, the parent's name)."""
    from playground.lab.spec import RunSpec

    if row.parent is not None:
        with contextlib.suppress(StoreError):
            parent = store.record(row.parent)
            return settings_of(parent), f"run {row.parent}", parent.row.name
    return RunSpec().model_dump(), "the defaults", ""


def _asked(
    settings: str, answers: Sequence[ProbeAnswers]
) -> tuple[tuple[str, ...], list[ProbeAnswers]]:
    """(the prompts that are asked now, the answers to these prompts)."""
    try:
        probes = ProbeSet.from_dict(json.loads(settings)["probes"])
    except (ValueError, TypeError, KeyError, ProbeError):
        return (), []
    return probes.prompts, [one for one in answers if one.questions == probes.questions]


# ---------------------------------------------------------------- two runs


@dataclass(frozen=True, slots=True)
class Pair:
    """Two runs beside each other."""

    left: About
    right: About
    lines: tuple[Outline, Outline]
    different: tuple[Setting, ...]
    parted: int | None
    """The first step whose losses differ; None if the steps that both runs have are the same."""
    incomparable: str = ""
    """Why their losses cannot be compared, in a sentence; "" if they can be."""


def pair(store: Store, left: int, right: int) -> Pair:
    """Compare two runs. Raises StoreError."""
    from playground.lab.fork import differences

    one, other = (store.record(run) for run in (left, right))
    return Pair(
        left=about(store, left),
        right=about(store, right),
        lines=(outline(store, left), outline(store, right)),
        different=differences(settings_of(one), settings_of(other)),
        incomparable=runlist.incomparable(
            tokens=tokens_of(one) != tokens_of(other),
            data=one.data != other.data,
            contexts=runlist.contexts(one.row, other.row),
        ),
        parted=_parted(store.curve(left), store.curve(right)),
    )


def tokens_of(record: RunRecord) -> tuple[str, str]:
    """What decides the tokens of a run: its tokenizer, as it was trained."""
    return record.row.tokenizer, record.tokenizer_state


def _parted(
    one: tuple[int, array[float], array[float]], other: tuple[int, array[float], array[float]]
) -> int | None:
    """The first step that both curves have with losses of different bits; None if there is none.
    The curves are as `Store.curve` returns them."""
    begin = max(one[0], other[0])
    left, right = (losses[begin - first :].tobytes() for first, losses, _ in (one, other))
    low, high = 0, min(len(left), len(right)) // 8
    if left[: 8 * high] == right[: 8 * high]:
        return None
    while high - low > 1:  # the first difference lies in low..high
        middle = (low + high) // 2
        if left[8 * low : 8 * middle] == right[8 * low : 8 * middle]:
            low = middle
        else:
            high = middle
    return begin + low + 1
