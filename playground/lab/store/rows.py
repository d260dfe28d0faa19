"""The values of records.py as rows of the tables, and rows as values."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
import time
import uuid
from array import array
from collections.abc import Iterable, Mapping
from typing import Any

from playground.lab.floats import as_bytes, floats_of
from playground.lab.protocol.probes import ProbeAnswers
from playground.lab.protocol.sampling import SampleBatch, SampleText
from playground.lab.store.records import NewRun, PluginUse, RunRow, StoredSamples

ROW_FIELDS = tuple(field.name for field in dataclasses.fields(RunRow))
ROW_COLUMNS = ", ".join(f"runs.{name}" for name in ROW_FIELDS)


def clean(text: str) -> str:
    """The text without lone surrogates, which names of files may have and UTF-8 cannot encode."""
    return text.encode("utf-8", "replace").decode("utf-8")


def columns_of_spec(spec: str) -> dict[str, Any]:
    """The columns that lists show of a RunSpec. Raises SpecError if `spec` is none."""
    values = json.loads(spec)
    try:
        model = values["model"]
        return {
            "tokenizer": values["tokenizer"]["name"],
            "engine": values["engine"],
            "schedule": values["schedule"]["name"],
            "seed": values["seed"],
            "learning_rate": values["optimizer"]["learning_rate"],
            "batch_size": values["batch_size"],
            **{name: model[name] for name in ("n_embd", "n_head", "n_layer", "block_size")},
            "steps": values["steps"],
        }
    except KeyError:  # a field that is left out has its default, which RunSpec knows
        from playground.lab.spec import RunSpec

        return columns_of_spec(RunSpec.parse(values).to_json())


def insert_run(db: sqlite3.Connection, new: NewRun, owner: str, *, ready: bool = True) -> int:
    """Insert the rows of a run without steps, within the caller's transaction; returns its id."""
    now = time.time()
    parent = new.parent
    found = db.execute("SELECT uid FROM runs WHERE id = ?", (parent,)).fetchone()
    values = {
        "uid": new.uid or uuid.uuid4().hex,
        "name": clean(new.name),
        "created": now,
        "touched": now,
        "parent": parent,
        "parent_uid": found[0] if found else None,
        "fork_step": new.fork_step,
        "dataset": clean(new.dataset),
        **columns_of_spec(new.spec),
        "parameters": new.parameters,
        "first": new.first,
        "earliest": new.earliest,
        "step": new.first,
        "at": new.first,
        "status": "ready",
        "owner": clean(owner),
        "ready": ready,
    }
    marks = ", ".join("?" * len(values))
    done = db.execute(
        f"INSERT INTO runs ({', '.join(values)}) VALUES ({marks})", tuple(values.values())
    )
    run = int(done.lastrowid or 0)
    json.loads(new.settings)  # text that is no JSON is refused here, not when the run is read
    db.execute(
        "INSERT INTO details (run, spec, tokenizer_state, data, plugins, settings, text_sha256) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            run,
            new.spec,
            new.tokenizer_state,
            new.data,
            plugins_text(new.plugins),
            new.settings,
            new.text_sha256,
        ),
    )
    return run


def plugins_text(plugins: Iterable[PluginUse]) -> str:
    """The plugins as JSON."""
    return json.dumps([dataclasses.asdict(one) for one in plugins])


def plugins_of(text: str) -> tuple[PluginUse, ...]:
    """The plugins from JSON. Raises ValueError, KeyError or TypeError for other text."""
    fields = [field.name for field in dataclasses.fields(PluginUse)]
    return tuple(PluginUse(*(str(one[name]) for name in fields)) for one in json.loads(text))


def samples_text(samples: StoredSamples) -> str:
    """The samples as JSON, which escapes what UTF-8 cannot encode."""
    return json.dumps(dataclasses.asdict(samples))


def samples_of(text: str) -> StoredSamples:
    """The samples from JSON. Raises ValueError, KeyError or TypeError for other text."""
    given = json.loads(text)
    batch = given["batch"]
    texts = tuple(
        SampleText(str(one["text"]), bool(one["in_data"]), bool(one["complete"]))
        for one in batch["texts"]
    )
    return StoredSamples(
        str(given["occasion"]),
        SampleBatch(
            int(batch["number"]),
            int(batch["step"]),
            str(batch["prompt"]),
            texts,
            str(batch["note"]),
        ),
    )


def answers_of(step: int, text: str) -> ProbeAnswers:
    """The answers at `step` from JSON. Raises ValueError or TypeError for other text."""
    body = json.loads(text)
    if not isinstance(body, dict) or not isinstance(body.get("answers"), list):
        raise ValueError("answers must be in an object")
    answers = body["answers"]
    if not all(isinstance(one, list) for one in answers):
        raise ValueError("answers must be lists")
    texts = tuple(tuple(map(str, one)) for one in answers)
    return ProbeAnswers(step, texts, str(body.get("questions", "")))


def answers_json(answers: ProbeAnswers) -> str:
    """The answers as JSON."""
    return json.dumps({"questions": answers.questions, "answers": answers.answers})


def pairs_bytes(pairs: Iterable[tuple[int, float]]) -> bytes:
    """(step, value) pairs as float64 bytes."""
    return as_bytes(array("d", (number for pair in pairs for number in pair)))


def joined(rows: Iterable[tuple[str | None, bytes]]) -> dict[str | None, array[float]]:
    """Measurements by label, joined from rows in order. Raises ValueError for half a pair."""
    found: dict[str | None, array[float]] = {}
    for label, data in rows:
        values = found.setdefault(label, array("d"))
        values.extend(floats_of(data))
        if len(values) % 2:
            raise ValueError("what was measured has no steps")
    return found


def evaluations_of(values: array[float]) -> tuple[tuple[int, float], ...]:
    """(step, loss) pairs in the order of the steps; the later of two at one step counts."""
    pairs = zip(map(int, values[::2]), values[1::2], strict=True)
    return tuple(sorted(dict(pairs).items()))


def up_to(values: array[float], step: int) -> array[float]:
    """The (step, value) pairs up to `step`."""
    kept = array("d")
    for at, value in zip(values[::2], values[1::2], strict=True):
        if at <= step:
            kept.extend((at, value))
    return kept


def measured_rows(
    evaluations: tuple[tuple[int, float], ...], measured: Mapping[str, array[float]]
) -> Iterable[tuple[str | None, int, int, bytes]]:
    """Rows of `measurements`: (label, first step, last step, pairs); the label of hold-out losses
    is None. Raises ValueError for half a pair."""
    if evaluations:
        first, last = min(evaluations)[0], max(evaluations)[0]
        yield None, first, last, pairs_bytes(evaluations)
    for label, values in measured.items():
        if len(values) % 2:
            raise ValueError(f"{label}: step, value, step, value ... must be even in number")
        if values:
            steps = values[::2]
            yield clean(label), int(min(steps)), int(max(steps)), as_bytes(values)
