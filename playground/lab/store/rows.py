"""Records as rows, and rows as records."""

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
    """A file's name may hold what UTF-8 cannot say."""
    return text.encode("utf-8", "replace").decode("utf-8")


def columns_of_spec(spec: str) -> dict[str, Any]:
    """What lists show of a RunSpec. Raises SpecError for what is none."""
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
    except KeyError:  # what is not said is as usual, and RunSpec knows what is usual
        from playground.lab.spec import RunSpec

        return columns_of_spec(RunSpec.parse(values).to_json())


def insert_run(db: sqlite3.Connection, new: NewRun, owner: str, *, ready: bool = True) -> int:
    """The rows of a run without a step, within the caller's transaction."""
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
    json.loads(new.settings)  # what is no JSON is refused here, not when it is read
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
    """As JSON."""
    return json.dumps([dataclasses.asdict(one) for one in plugins])


def plugins_of(text: str) -> tuple[PluginUse, ...]:
    """From JSON. Raises ValueError or TypeError for what is none."""
    fields = [field.name for field in dataclasses.fields(PluginUse)]
    return tuple(PluginUse(*(str(one[name]) for name in fields)) for one in json.loads(text))


def samples_text(samples: StoredSamples) -> str:
    """As JSON, in which any text can be said."""
    return json.dumps(dataclasses.asdict(samples))


def samples_of(text: str) -> StoredSamples:
    """From JSON. Raises ValueError, KeyError or TypeError for what is none."""
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
    """From JSON. Raises ValueError or TypeError for what is none."""
    body = json.loads(text)
    if not isinstance(body, dict) or not isinstance(body.get("answers"), list):
        raise ValueError("answers must be in an object")
    answers = body["answers"]
    if not all(isinstance(one, list) for one in answers):
        raise ValueError("answers must be lists")
    texts = tuple(tuple(map(str, one)) for one in answers)
    return ProbeAnswers(step, texts, str(body.get("questions", "")))


def answers_json(answers: ProbeAnswers) -> str:
    """The other way."""
    return json.dumps({"questions": answers.questions, "answers": answers.answers})


def pairs_bytes(pairs: Iterable[tuple[int, float]]) -> bytes:
    """(step, value) pairs as float64 bytes."""
    return as_bytes(array("d", (number for pair in pairs for number in pair)))


def joined(rows: Iterable[tuple[str | None, bytes]]) -> dict[str | None, array[float]]:
    """Pieces of what was measured, in order, by label. Raises ValueError for half a pair."""
    found: dict[str | None, array[float]] = {}
    for label, data in rows:
        values = found.setdefault(label, array("d"))
        values.extend(floats_of(data))
        if len(values) % 2:
            raise ValueError("what was measured has no steps")
    return found


def evaluations_of(values: array[float]) -> tuple[tuple[int, float], ...]:
    """(step, loss) pairs in order; of two of one step the later one counts."""
    pairs = zip(map(int, values[::2]), values[1::2], strict=True)
    return tuple(sorted(dict(pairs).items()))


def up_to(values: array[float], step: int) -> array[float]:
    """Those (step, value) pairs that are not after `step`."""
    kept = array("d")
    for at, value in zip(values[::2], values[1::2], strict=True):
        if at <= step:
            kept.extend((at, value))
    return kept


def measured_rows(
    evaluations: tuple[tuple[int, float], ...], measured: Mapping[str, array[float]]
) -> Iterable[tuple[str | None, int, int, bytes]]:
    """(label, first step, last step, pairs) of what there is. Raises ValueError for half a
    pair."""
    if evaluations:
        first, last = min(evaluations)[0], max(evaluations)[0]
        yield None, first, last, pairs_bytes(evaluations)
    for label, values in measured.items():
        if len(values) % 2:
            raise ValueError(f"{label}: step, value, step, value ... must be even in number")
        if values:
            steps = values[::2]
            yield clean(label), int(min(steps)), int(max(steps)), as_bytes(values)
