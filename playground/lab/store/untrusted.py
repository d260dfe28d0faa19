"""The rows of somebody else's file, each checked before it is imported.

Every function raises ValueError, KeyError or TypeError, in words, for a value that no run has.
"""

from __future__ import annotations

import json
import math
import re
import sqlite3
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from playground.lab.floats import as_bytes, floats_of
from playground.lab.store.errors import StoreError
from playground.lab.store.keyframes import keyframe_of
from playground.lab.store.records import NewRun, RunStatus, StoredKeyframe
from playground.lab.store.rows import (
    answers_json,
    answers_of,
    clean,
    plugins_of,
    samples_of,
    samples_text,
)
from playground.lab.store.store import unpacked

Row = tuple[str, tuple[Any, ...], int]
"""(statement, its values without the run's id, about how many bytes the values have)."""

_UID = re.compile(r"[0-9a-f]{32}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MOST = 2**53
_LONG = 10_000
"""Characters of the longest name or note; an author may name a plugin at length."""
_LONGEST = 1 << 28
"""Characters of the longest text of any kind: a tokenizer's state, a batch of samples."""
_STATUS: dict[str, RunStatus] = {
    "ready": "ready",
    "running": "paused",  # no process of this machine trains the run
    "paused": "paused",
    "finished": "finished",
    "failed": "failed",
}


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
    status: RunStatus
    tokens_seen: int
    seconds: float


def given_of(file: sqlite3.Connection) -> Given:
    """The one run of the file. Also raises ValueError for a file with none or several."""
    from playground.lab.spec import RunSpec  # its SpecError is a ValueError

    file.row_factory = sqlite3.Row
    found = file.execute("SELECT * FROM runs LEFT JOIN details ON run = id LIMIT 2").fetchall()
    file.row_factory = None
    if len(found) != 1:
        raise ValueError("it holds no run, or several")
    row = dict(found[0])
    step = _whole(row, "step")
    first, earliest = _whole(row, "first", step), _whole(row, "earliest", step)
    spec = RunSpec.parse(_text(row, "spec", _LONGEST))
    tokenizer = _text(row, "tokenizer_state", _LONGEST)
    settings = _text(row, "settings", _LONGEST)
    for name, text in (("tokenizer_state", tokenizer), ("settings", settings)):
        if not isinstance(json.loads(text), dict):
            raise ValueError(f"{name} is no JSON object")
    text_sha256 = _text(row, "text_sha256", 64)
    if text_sha256 and not _SHA256.fullmatch(text_sha256):
        raise ValueError("its text has no SHA-256")
    uid = _text(row, "uid", 32)
    if not _UID.fullmatch(uid):
        raise ValueError("it has no uid")
    parameters = _whole(row, "parameters")
    new = NewRun(
        spec=spec.to_json(),
        dataset=_text(row, "dataset", _LONG),
        parameters=parameters,
        tokenizer_state=tokenizer,
        data=_text(row, "data", _LONG),
        plugins=plugins_of(_text(row, "plugins", _LONGEST)),
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
        _finite(row["created"]),
        step,
        _whole(row, "at", step),
        None if row["loss"] is None else _number(row, "loss"),
        None if row["heldout"] is None else _number(row, "heldout"),
        _STATUS[_text(row, "status", 20)],
        _whole(row, "tokens_seen"),
        _finite(row["seconds"]),
    )


def text_of(file: sqlite3.Connection, given: Given) -> bytes | None:
    """The text that the run learns from; None if the file does not have it."""
    wanted = given.new.text_sha256
    found = file.execute("SELECT data, size FROM texts WHERE sha256 = ?", (wanted,)).fetchone()
    if not wanted or found is None:
        return None
    packed, size = found
    if type(size) is not int:
        raise ValueError("its text has no size")
    try:
        return unpacked(_bytes(packed), size, wanted)
    except zlib.error as error:
        raise ValueError(f"its text cannot be unpacked ({error})") from error


def rows_of(file: sqlite3.Connection, given: Given) -> Iterator[Row]:
    """All other rows of the run, as they are to be written."""
    yield from _chunks(file, given)
    yield from _measurements(file, given)
    for (body,) in _of(file, given, "body", "samples", "id"):
        samples = samples_of(_sized(body))
        step = _within(samples.batch.step, given.step)
        text = samples_text(samples)
        yield "INSERT INTO samples (run, step, body) VALUES (?, ?, ?)", (step, text), len(text)
    for step, body in _of(file, given, "step, answers", "probes", "step"):
        answers = answers_of(_within(step, given.step), _sized(body))
        text = answers_json(answers)
        yield "INSERT INTO probes VALUES (?, ?, ?)", (step, text), len(text)
    for step, field, value in _of(file, given, "step, field, value", "edits", "rowid"):
        _check_edit(field, value)
        values = (_within(step, given.step), field, value)
        yield "INSERT INTO edits VALUES (?, ?, ?, ?)", values, 100
    tips = 0
    for step, tip, state in _of(file, given, "step, tip, state", "keyframes", "step"):
        tips += bool(tip)
        _check_keyframe(StoredKeyframe(_within(step, given.step), _bytes(state)), given)
        values = (step, bool(tip), state)
        yield "INSERT INTO keyframes VALUES (?, ?, ?, ?)", values, len(state)
    if tips > 1:
        raise ValueError("it has two newest states")


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
        first, losses, rates, tokens_seen, seconds = row
        if first != end or len(_bytes(losses)) != len(_bytes(rates)) or not losses:
            raise ValueError(f"its losses have a gap at step {end}")
        end += len(floats_of(losses))
        values = (first, losses, rates, _within(tokens_seen, _MOST), _finite(seconds))
        yield statement, values, 2 * len(losses)
    if end != given.step:
        raise ValueError(f"its losses end at step {end}, not at {given.step}")


def _measurements(file: sqlite3.Connection, given: Given) -> Iterator[Row]:
    statement = "INSERT INTO measurements (run, label, first, last, pairs) VALUES (?, ?, ?, ?, ?)"
    for label, pairs in _of(file, given, "label, pairs", "measurements", "id"):
        values = floats_of(_bytes(pairs))
        steps = values[::2]
        if not steps or len(values) % 2:
            raise ValueError("what was measured has no steps")
        if not all(one.is_integer() and 0 <= one <= given.step for one in steps):
            raise ValueError("something was measured at a step that is none")
        name = None if label is None else clean(_sized(label, _LONG))
        low, high = int(min(steps)), int(max(steps))
        yield statement, (name, low, high, as_bytes(values)), len(pairs)


def _check_edit(field: object, value: object) -> None:
    if field == "learning_rate":
        if not isinstance(value, int | float) or not 0 <= value < math.inf:
            raise ValueError(f"a learning rate was set to {value!r}")
    elif field != "engine" or not isinstance(value, str) or not 0 < len(value) <= _LONG:
        raise ValueError("something was set that cannot be")


def _check_keyframe(stored: StoredKeyframe, given: Given) -> None:
    try:
        keyframe = keyframe_of(stored)
    except StoreError as error:
        raise ValueError(error.message) from error
    if len(keyframe.weights) != given.new.parameters:
        raise ValueError(
            f"the state of step {stored.step} has {len(keyframe.weights):,} weights, not "
            f"{given.new.parameters:,}"
        )


# ---------------------------------------------------------------- values


def _whole(row: dict[str, Any], name: str, most: int = _MOST) -> int:
    return _within(row[name], most, name)


def _within(value: object, most: int, name: str = "a step") -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError(f"{name} is {str(value)[:40]!r}")
    return value


def _number(row: dict[str, Any], name: str) -> float:
    """A number, which may be infinite, as losses may."""
    if not isinstance(row[name], int | float):
        raise ValueError(f"{name} is no number")
    return float(row[name])


def _finite(value: object) -> float:
    if not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ValueError("a time is no number")
    return float(value)


def _text(row: dict[str, Any], name: str, most: int) -> str:
    return _sized(row[name], most, name)


def _sized(value: object, most: int = _LONGEST, name: str = "a text") -> str:
    if not isinstance(value, str) or len(value) > most:
        raise ValueError(f"{name} is no text, or far too long")
    return value


def _bytes(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise ValueError("bytes are missing")
    return value
