"""The rows of somebody else's file, each checked before it is imported.

Every function raises ValueError, in words, for a value that no run has; most raise Refusal.
"""

from __future__ import annotations

import re
import sqlite3
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from playground.lab.edits import edit_of
from playground.lab.floats import check_pairs, floats_of
from playground.lab.protocol.observation import check_recorded
from playground.lab.store.errors import StoreError
from playground.lab.store.keyframes import keyframe_of
from playground.lab.store.records import NewRun, RunStatus, StoredKeyframe
from playground.lab.store.rows import (
    answers_json,
    answers_of,
    bytes_of,
    clean,
    film_row_json,
    film_row_of,
    plugins_of,
    samples_of,
    samples_text,
)
from playground.lab.store.store import unpacked
from playground.strict import LARGEST, LONGEST, Refusal, fields, number, parsed, shown, whole
from playground.strict import text_of as sized

Row = tuple[str, tuple[Any, ...], int]
"""(statement, its values without the run's id, about how many bytes the values have)."""

_UID = re.compile(r"[0-9a-f]{32}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LONG = 10_000
"""Characters of the longest name or note; an author may name a plugin at length."""
_STATUS: dict[str, RunStatus] = {
    "ready": "ready",
    "running": "paused",  # no process of this machine trains the run
    "paused": "paused",
    "finished": "finished",
    "failed": "failed",
}


_NEEDED = (
    *("id", "uid", "name", "note", "created", "parent_uid", "fork_step", "dataset", "parameters"),
    *("first", "earliest", "step", "at", "tokens_seen", "seconds", "loss", "heldout", "status"),
    *("spec", "tokenizer_state", "data", "plugins", "settings", "text_sha256"),
    *("heldout_text", "heldout_tokens"),
)
"""The columns that are read of `runs` and `details`."""


@dataclass(frozen=True, slots=True)
class Given:
    """What the file says of its run."""

    run: int
    """The id of the run in the file."""
    new: NewRun
    uid: str
    parent_uid: str | None
    fork_step: int | None
    note: str
    created: float
    step: int
    at: int
    loss: float | None
    heldout: float | None
    bits_per_nat: float | None
    heldout_text: str
    heldout_tokens: str
    status: RunStatus
    tokens_seen: int
    seconds: float


def given_of(file: sqlite3.Connection) -> Given:
    """The one run of the file. Also raises ValueError for a file with none or several."""
    from playground.lab.spec import MAX_PARAMETERS, RunSpec  # its SpecError is a ValueError

    file.row_factory = sqlite3.Row
    found = file.execute("SELECT * FROM runs LEFT JOIN details ON run = id LIMIT 2").fetchall()
    file.row_factory = None
    if len(found) != 1:
        raise Refusal("it holds no run, or several")
    row = dict(found[0])
    for name in _NEEDED:
        if name not in row:
            raise Refusal(f"it has no {name!r}")
    step = _whole(row, "step")
    first, earliest = _whole(row, "first", step), _whole(row, "earliest", step)
    spec = RunSpec.recorded(_text(row, "spec", LONGEST))
    if step > spec.steps:
        raise Refusal(f"it has {step:,} steps of {spec.steps:,}")
    tokenizer, settings = _text(row, "tokenizer_state"), _text(row, "settings")
    fields(parsed(tokenizer, "tokenizer_state", nan=True), "tokenizer_state")
    check_recorded(fields(parsed(settings, "settings"), "settings"))
    text_sha256 = _sha256(row, "text_sha256", "its text")
    uid = _text(row, "uid", 32)
    if not _UID.fullmatch(uid):
        raise Refusal("it has no uid")
    status = _STATUS.get(_text(row, "status", 20))
    if status is None:
        raise Refusal(f"its status is {shown(row['status'])}")
    parameters = _whole(row, "parameters", MAX_PARAMETERS)
    new = NewRun(
        spec=spec.to_json(),
        dataset=_text(row, "dataset", _LONG),
        parameters=parameters,
        tokenizer_state=tokenizer,
        data=_text(row, "data", _LONG),
        plugins=plugins_of(row["plugins"]),
        settings=settings,
        name=_text(row, "name", _LONG),
        first=first,
        earliest=earliest,
        text_sha256=text_sha256,
    )
    return Given(
        _whole(row, "id"),
        new,
        uid,
        None if row["parent_uid"] is None else _text(row, "parent_uid", 32),
        None if row["fork_step"] is None else _whole(row, "fork_step"),
        _text(row, "note", _LONG),
        number(row["created"], "when it was made", 0),
        step,
        _whole(row, "at", step),
        None if row["loss"] is None else number(row["loss"], "loss", nan=True),
        None if row["heldout"] is None else number(row["heldout"], "heldout", nan=True),
        None if row.get("bits_per_nat") is None else number(row["bits_per_nat"], "bits_per_nat", 0),
        _sha256(row, "heldout_text", "its held-out text"),
        _sha256(row, "heldout_tokens", "its held-out text in tokens"),
        status,
        _whole(row, "tokens_seen"),
        number(row["seconds"], "the seconds of its training", 0),
    )


def text_of(file: sqlite3.Connection, given: Given) -> bytes | None:
    """The text that the run learns from; None if the file does not have it."""
    wanted = given.new.text_sha256
    found = file.execute("SELECT data, size FROM texts WHERE sha256 = ?", (wanted,)).fetchone()
    if not wanted or found is None:
        return None
    packed, size = found
    try:
        return unpacked(packed, size, wanted)
    except zlib.error as error:
        raise ValueError(f"its text cannot be unpacked ({error})") from error


def rows_of(file: sqlite3.Connection, given: Given) -> Iterator[Row]:
    """All other rows of the run, as they are to be written."""
    yield from _chunks(file, given)
    yield from _measurements(file, given)
    for (body,) in _of(file, given, "body", "samples", "id"):
        samples = samples_of(body)
        step = whole(samples.batch.step, "the step of a batch", most=given.step)
        text = samples_text(samples)
        yield "INSERT INTO samples (run, step, body) VALUES (?, ?, ?)", (step, text), len(text)
    for step, body in _of(file, given, "step, answers", "probes", "step"):
        answers = answers_of(whole(step, "the step of an answer", most=given.step), body)
        text = answers_json(answers)
        yield "INSERT INTO probes VALUES (?, ?, ?)", (step, text), len(text)
    for step, body in _of(file, given, "step, body", "film", "step"):
        row = film_row_of(whole(step, "the step of a row", most=given.step), body)
        text = film_row_json(row)
        yield "INSERT INTO film VALUES (?, ?, ?)", (row.step, text), len(text)
    for step, field, value in _of(file, given, "step, field, value", "edits", "rowid"):
        edit = edit_of(whole(step, "the step of an edit", most=given.step), field, value)
        size = 100 + (len(edit.value) if isinstance(edit.value, str) else 0)
        yield "INSERT INTO edits VALUES (?, ?, ?, ?)", (edit.step, edit.field, edit.value), size
    tips = 0
    for step, tip, state in _of(file, given, "step, tip, state", "keyframes", "step"):
        newest = whole(tip, "whether a state is the newest", most=1)
        tips += newest
        stored = StoredKeyframe(
            whole(step, "the step of a state", most=given.step), bytes_of(state, "a state")
        )
        _check_keyframe(stored, given)
        values = (stored.step, newest, stored.state)
        yield "INSERT INTO keyframes VALUES (?, ?, ?, ?)", values, len(stored.state)
    if tips > 1:
        raise Refusal("it has two newest states")


def _of(
    file: sqlite3.Connection, given: Given, columns: str, table: str, order: str
) -> Iterator[tuple[Any, ...]]:
    """The rows of the run in a table; rows of other ids are not read."""
    return file.execute(
        f"SELECT {columns} FROM {table} WHERE run = ? ORDER BY {order}", (given.run,)
    )


def _chunks(file: sqlite3.Connection, given: Given) -> Iterator[Row]:
    end = given.new.first
    statement = "INSERT INTO chunks VALUES (?, ?, ?, ?, ?, ?)"
    columns = "first, losses, learning_rates, tokens_seen, seconds"
    for row in _of(file, given, columns, "chunks", "first"):
        first, *series, tokens_seen, seconds = row
        losses, rates = (bytes_of(one, "a part of its losses") for one in series)
        if first != end or len(losses) != len(rates) or not losses:
            raise Refusal(f"its losses have a gap at step {end}")
        end += len(floats_of(losses))
        tokens = whole(tokens_seen, "tokens_seen")
        values = (end - len(losses) // 8, losses, rates, tokens, number(seconds, "seconds", 0))
        yield statement, values, 2 * len(losses)
    if end != given.step:
        raise Refusal(f"its losses end at step {end}, not at {given.step}")


def _measurements(file: sqlite3.Connection, given: Given) -> Iterator[Row]:
    statement = "INSERT INTO measurements (run, label, first, last, pairs) VALUES (?, ?, ?, ?, ?)"
    for label, pairs in _of(file, given, "label, pairs", "measurements", "id"):
        data = bytes_of(pairs, "what was measured")
        values = floats_of(data)
        check_pairs(values, given.step)
        if not values:
            raise Refusal("what was measured has no steps")
        name = None if label is None else clean(sized(label, "the label of a metric", _LONG))
        steps = values[::2]
        low, high = int(min(steps)), int(max(steps))
        yield statement, (name, low, high, data), len(data)


def _check_keyframe(stored: StoredKeyframe, given: Given) -> None:
    try:
        keyframe = keyframe_of(stored)
    except StoreError as error:
        raise Refusal(f"the state of step {stored.step}: {error.__cause__}") from error
    if len(keyframe.weights) != given.new.parameters:
        raise ValueError(
            f"the state of step {stored.step} has {len(keyframe.weights):,} weights, not "
            f"{given.new.parameters:,}"
        )


# ---------------------------------------------------------------- values


def _whole(row: dict[str, Any], name: str, most: int = LARGEST) -> int:
    return whole(row[name], name, most=most)


def _text(row: dict[str, Any], name: str, most: int = LONGEST) -> str:
    return sized(row[name], name, most)


def _sha256(row: dict[str, Any], name: str, of: str) -> str:
    """A SHA-256 in hexadecimal digits, or "" for none."""
    found = _text(row, name, 64)
    if found and not _SHA256.fullmatch(found):
        raise Refusal(f"{of} has no SHA-256")
    return found
