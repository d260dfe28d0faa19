"""What the screen of the runs asks the store for, in one go each: a list, a curve, one run.

Called in a thread of the screen's process: plain values come back, small enough to be drawn at
once however long the run is.
"""

from __future__ import annotations

import contextlib
import json
import math
from array import array
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

from playground.lab.protocol.probes import ProbeAnswers, ProbeError, ProbeSet
from playground.lab.store import runlist
from playground.lab.store.errors import StoreError
from playground.lab.store.locks import is_open
from playground.lab.store.records import Edit, RunRecord, RunRow, StoredSamples

if TYPE_CHECKING:
    from playground.lab.fork import Setting
    from playground.lab.store.query import Query
    from playground.lab.store.store import Store

BLOCKS = 5_000
"""Of a curve: more than any screen has columns of dots."""
_AVERAGED = 50
"""Steps that an average is taken over at least."""
_POINTS = 500
"""Of an average."""


@dataclass(frozen=True, slots=True)
class Overview:
    """A list of runs."""

    rows: tuple[RunRow, ...]
    """As they are to stand below each other."""
    drawn: Mapping[int, str]
    """What stands before a fork, by its id."""
    places: Mapping[int, runlist.Place]
    """Who has a run open, by its id."""
    count: int
    """Runs in the store, those too that do not fit the query."""
    size: int
    """Bytes of the store."""


def overview(
    store: Store, query: Query, here: int | None = None, *, tree: bool = False
) -> Overview:
    """The runs that fit. here: the one that is open in this playground. Raises StoreError."""
    rows = store.runs(query)
    drawn: dict[int, str] = {}
    held = {
        row.id: is_open(store.lock_folder, row.uid) for row in rows if row.owner and row.id != here
    }
    if tree:
        rows, drawn = runlist.branches(rows)
    count, size = store.totals()
    return Overview(tuple(rows), drawn, runlist.places(rows, held, here), count, size)


# ---------------------------------------------------------------- a curve


@dataclass(frozen=True, slots=True)
class Outline:
    """The losses of a run, as they can be seen: of a long one the lowest and the highest of
    each stretch, and their average."""

    steps: array[float]
    losses: array[float]
    average_steps: array[float]
    averages: array[float]


def outline(store: Store, run: int, blocks: int = BLOCKS) -> Outline:
    """Raises StoreError."""
    first, losses, _ = store.curve(run)
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
    """Where the lowest and the highest value are, in order; or else one that is not finite, for
    that compares with nothing."""
    low, high = min(block), max(block)
    if math.isfinite(low - high):
        return sorted({block.index(low), block.index(high)})
    return [next(place for place, loss in enumerate(block) if not math.isfinite(loss))]


def _averaged(first: int, ends: list[int], sums: array[float]) -> tuple[array[float], array[float]]:
    """Of the steps up to each one that is named; nothing if a loss is no number. sums: of all
    losses up to each of the ends."""
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
    """What is said of one run beside its curve."""

    row: RunRow
    parent_name: str
    evaluations: tuple[tuple[int, float], ...]
    measured: tuple[tuple[str, float], ...]
    """The last value that each metric gave."""
    edits: tuple[Edit, ...]
    compared_with: str
    """Whose settings `different` is about: "run 3", "the defaults"."""
    different: tuple[Setting, ...]
    samples: StoredSamples | None
    """The last ones."""
    prompts: tuple[str, ...]
    """Of its probes."""
    first_answers: ProbeAnswers | None
    last_answers: ProbeAnswers | None
    """None if there is not more than one."""

    @property
    def newest_answers(self) -> ProbeAnswers | None:
        """The last ones, be they the first."""
        return self.last_answers or self.first_answers


def about(store: Store, run: int) -> About:
    """Raises StoreError."""
    from playground.lab.fork import differences

    record = store.record(run)
    base, compared, name = _base(store, record.row)
    samples = store.samples(run, _last_sampled(store, run))
    prompts, answers = _asked(record.settings, store.probes(run))
    return About(
        row=record.row,
        parent_name=name,
        evaluations=record.evaluations,
        measured=tuple((label, pairs[-1]) for label, pairs in record.measured.items() if pairs),
        edits=record.edits,
        compared_with=compared,
        different=differences(base, settings_of(record)),
        samples=samples[-1] if samples else None,
        prompts=prompts,
        first_answers=answers[0] if answers else None,
        last_answers=answers[-1] if len(answers) > 1 else None,
    )


def settings_of(record: RunRecord) -> dict[str, Any]:
    """Its RunSpec, by section, with the learning rate and the engine that are in force at the
    end of its record: a fork keeps its parent's spec, and what was changed is an edit."""
    values: dict[str, Any] = json.loads(record.spec)
    optimizer = values.get("optimizer") or {}
    values["optimizer"] = {**optimizer, "learning_rate": record.row.learning_rate}
    values["engine"] = record.row.engine
    return values


def _last_sampled(store: Store, run: int) -> int:
    """A step from which on there are samples, if there are any: the newest few are enough."""
    with store.database.reading() as db:
        found = db.execute("SELECT max(step) FROM samples WHERE run = ?", (run,)).fetchone()
    return int(found[0] or 0)


def _base(store: Store, row: RunRow) -> tuple[dict[str, Any], str, str]:
    """The settings to compare with, whose they are, and the parent's name."""
    from playground.lab.spec import RunSpec

    if row.parent is not None:
        with contextlib.suppress(StoreError):
            parent = store.record(row.parent)
            return settings_of(parent), f"run {row.parent}", parent.row.name
    return RunSpec().model_dump(), "the defaults", ""


def _asked(
    settings: str, answers: Sequence[ProbeAnswers]
) -> tuple[tuple[str, ...], list[ProbeAnswers]]:
    """The prompts that are asked now, and the answers to these."""
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
    """The first step whose losses differ; None if those that both have are the same."""


def pair(store: Store, left: int, right: int) -> Pair:
    """Raises StoreError."""
    from playground.lab.fork import differences

    settings = [settings_of(store.record(run)) for run in (left, right)]
    return Pair(
        left=about(store, left),
        right=about(store, right),
        lines=(outline(store, left), outline(store, right)),
        different=differences(*settings),
        parted=_parted(store.curve(left), store.curve(right)),
    )


def _parted(
    one: tuple[int, array[float], array[float]], other: tuple[int, array[float], array[float]]
) -> int | None:
    """Of two curves as `Store.curve` gives them: the first step that both have, and whose losses
    are not the same bits."""
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
