"""The values of records.py as rows of the tables, and rows as values."""

from __future__ import annotations

import dataclasses
import json
import re
import sqlite3
import time
import uuid
from array import array
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, get_args

from microgpt.config import PARTS
from microgpt.surgery import done, operation_of, words_of
from playground.lab.floats import as_bytes, check_pairs, floats_of
from playground.lab.protocol.film import FilmRow, FilmText, has_row
from playground.lab.protocol.probes import ProbeAnswers
from playground.lab.protocol.sampling import SampleBatch, SampleText
from playground.lab.store.records import NewRun, PluginUse, RunRow, RunStatus, StoredSamples
from playground.strict import Refusal, fields, flag, items, number, parsed, shown, text_of, whole

ROW_FIELDS = tuple(field.name for field in dataclasses.fields(RunRow))
_SPEC = "(SELECT spec FROM details WHERE run = runs.id)"
_COMPUTED = {
    "bits_per_character": "(runs.heldout * runs.bits_per_nat)",
    "left_out": f"left_out({_SPEC})",
    "optimizer": f"optimizer({_SPEC})",
    "data_sha256": "coalesce((SELECT data FROM details WHERE run = runs.id), '')",
    # A text of operations may be a million characters long; its beginning names what is told.
    "by_hand": "by_hand((SELECT field || ' ' || substr(value, 1, 200) FROM edits WHERE "
    "run = runs.id AND field IN ('surgery', 'hold') AND value != '' ORDER BY step LIMIT 1))",
}


def column_of(field: str) -> str:
    """The SQL of a field of RunRow."""
    return _COMPUTED.get(field, f"runs.{field}")


ROW_COLUMNS = ", ".join(map(column_of, ROW_FIELDS))
_KINDS = [
    {
        "int": (int,),
        "float": (float, int),
        "int | None": (int, type(None)),
        "float | None": (float, int, type(None)),
    }.get(str(field.type), (str,))
    for field in dataclasses.fields(RunRow)
]
_UID = re.compile(r"[0-9a-f]{32}")
_STATUSES = get_args(RunStatus)
_MOST = 1000
"""Plugins of one run."""
_MOST_TEXTS = 100
"""Texts in a row of the film."""
_LONGEST = 100_000
"""Characters of such a text: a token of a plugin may be long."""


def row_of(values: Sequence[object]) -> RunRow:
    """The line of a list from the values of ROW_COLUMNS. Raises Refusal for values that no run
    has: SQLite keeps a text in a column of numbers."""
    for name, kinds, value in zip(ROW_FIELDS, _KINDS, values, strict=True):
        if type(value) not in kinds:
            raise Refusal(f"the {name} of run {shown(values[0])} is {shown(value)}")
    row = RunRow(*values)  # type: ignore[arg-type]
    for when in (row.created, row.touched):
        number(when, f"a time of run {row.id}")
    if not _UID.fullmatch(row.uid) or row.status not in _STATUSES:
        raise Refusal(f"run {row.id} has no uid, or no status")
    return row


@lru_cache(4096)
def left_out(spec: object) -> str:
    """What the model of a RunSpec as JSON leaves out, "attention, norm"; "" for a whole model, for
    a spec of before there was a choice, and for what is no spec."""
    if not isinstance(spec, str) or _WHOLE in spec or '"parts"' not in spec:
        return ""
    try:
        there = json.loads(spec)["model"]["parts"]
        return ", ".join(part for part in PARTS if part not in there)
    except (ValueError, LookupError, TypeError):
        return ""


@lru_cache(4096)
def optimizer(spec: object) -> str:
    """The optimizer of a RunSpec as JSON; "adam" where none is named."""
    if not isinstance(spec, str) or '"sgd"' not in spec:
        return "adam"
    try:
        return "sgd" if json.loads(spec)["optimizer"]["name"] == "sgd" else "adam"
    except (ValueError, LookupError, TypeError):
        return "adam"


@lru_cache(4096)
def by_hand(edit: object) -> str:
    """What an edit of the weights did, in words: its field and the beginning of its text, with a
    blank between. "" for what is no such edit."""
    if not isinstance(edit, str):
        return ""
    field, _, text = edit.partition(" ")
    first, more, _ = text.partition("; ")
    try:
        name, _, numbers = first.partition("=")
        several = "," in numbers
        one = operation_of(name if several else first)
        words = words_of(one.component)
    except ValueError:
        return ""
    did = f"{words} held" if field == "hold" else f"{words} put in" if several else done([one])
    return f"{did} and more" if more else did


_WHOLE = f'"parts":{json.dumps(PARTS, separators=(",", ":"))}'
"""As a RunSpec as JSON has it."""


def clean(text: str) -> str:
    """The text without lone surrogates, which names of files may have and UTF-8 cannot encode."""
    return text.encode("utf-8", "replace").decode("utf-8")


def columns_of_spec(spec: str) -> dict[str, Any]:
    """The columns that lists show of a RunSpec. Raises SpecError if `spec` is none."""
    values = fields(parsed(spec, "the settings"), "the settings")
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
    except (KeyError, TypeError):  # a field that is left out has its default, which RunSpec knows
        from playground.lab.spec import RunSpec  # and it refuses what cannot be

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


def plugins_of(text: object) -> tuple[PluginUse, ...]:
    """The plugins from JSON. Raises Refusal for other text."""
    names = [field.name for field in dataclasses.fields(PluginUse)]
    found = items(parsed(text, "its list of plugins"), "its list of plugins", _MOST)
    return tuple(
        PluginUse(*(text_of(of[name], f"the {name} of a plugin") for name in names))
        for of in (fields(one, "a plugin", *names) for one in found)
    )


def samples_text(samples: StoredSamples) -> str:
    """The samples as JSON, which escapes what UTF-8 cannot encode."""
    return json.dumps(dataclasses.asdict(samples))


def samples_of(text: object) -> StoredSamples:
    """The samples from JSON. Raises Refusal for other text."""
    given = fields(parsed(text, "a batch of samples"), "a batch of samples", "occasion", "batch")
    batch = fields(given["batch"], "a batch", "number", "step", "prompt", "texts", "note")
    return StoredSamples(
        text_of(given["occasion"], "an occasion"),
        SampleBatch(
            whole(batch["number"], "the number of a batch"),
            whole(batch["step"], "the step of a batch"),
            text_of(batch["prompt"], "a prompt"),
            tuple(_sample_of(one) for one in items(batch["texts"], "the texts of a batch")),
            text_of(batch["note"], "the note of a batch"),
        ),
    )


def _sample_of(given: object) -> SampleText:
    of = fields(given, "a sample", "text", "in_data", "complete")
    return SampleText(
        text_of(of["text"], "a sample"),
        flag(of["in_data"], "in_data"),
        flag(of["complete"], "complete"),
        flag(of.get("recited", False), "recited"),  # samples of before have no such field
        *_drawn_of(of.get("letters", []), of.get("chances", [])),  # nor letters and chances
    )


def _drawn_of(letters: object, chances: object) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """The tokens of a sample and their chances. Raises Refusal."""
    pieces = tuple(text_of(one, "a letter of a sample") for one in items(letters, "the letters"))
    known = tuple(number(one, "a chance", 0, 1) for one in items(chances, "the chances"))
    if len(pieces) != len(known):
        raise Refusal("a sample has other chances than letters")
    return pieces, known


def answers_of(step: object, text: object) -> ProbeAnswers:
    """The answers at `step` from JSON. Raises Refusal for other text."""
    body = fields(parsed(text, "what was answered"), "what was answered", "answers")
    answers = tuple(
        tuple(text_of(one, "an answer") for one in items(some, "what a prompt was answered"))
        for some in items(body["answers"], "what was answered")
    )
    questions = text_of(body.get("questions", ""), "the questions", 1000)
    return ProbeAnswers(whole(step, "the step of an answer"), answers, questions)


def answers_json(answers: ProbeAnswers) -> str:
    """The answers as JSON."""
    return json.dumps({"questions": answers.questions, "answers": answers.answers})


def film_row_of(step: object, text: object) -> FilmRow:
    """The row of the film at `step` from JSON. Raises Refusal for other text."""
    name = "a row of the film"
    at = whole(step, "the step of a row")
    if not has_row(at):
        raise Refusal(f"step {at:,} has no row of the film")
    body = fields(parsed(text, name), name, "texts", "note")
    texts = []
    for one in items(body["texts"], "the texts of a row", _MOST_TEXTS):
        of = fields(one, "a text", "text", "ended")
        texts.append(FilmText(text_of(of["text"], "a text", _LONGEST), flag(of["ended"], "ended")))
    return FilmRow(at, tuple(texts), text_of(body["note"], "the note of a row", _LONGEST))


def film_row_json(row: FilmRow) -> str:
    """The row as JSON, which escapes what UTF-8 cannot encode."""
    return json.dumps({"texts": [dataclasses.asdict(one) for one in row.texts], "note": row.note})


def pairs_bytes(pairs: Iterable[tuple[int, float]]) -> bytes:
    """(step, value) pairs as float64 bytes."""
    return as_bytes(array("d", (number for pair in pairs for number in pair)))


def joined(rows: Iterable[tuple[object, object]], last: int) -> dict[str | None, array[float]]:
    """Measurements by label, joined from rows in order. last: the last step of the run. Raises
    Refusal, and ValueError for half a number."""
    found: dict[str | None, array[float]] = {}
    for label, data in rows:
        name = None if label is None else text_of(label, "the label of a metric")
        values = floats_of(bytes_of(data, "what was measured"))
        check_pairs(values, last)
        found.setdefault(name, array("d")).extend(values)
    return found


def evaluations_of(values: array[float]) -> tuple[tuple[int, float], ...]:
    """(step, loss) pairs in the order of the steps; the later of two at one step counts."""
    pairs = zip(map(int, values[::2]), values[1::2], strict=True)
    return tuple(sorted(dict(pairs).items()))


def bytes_of(value: object, name: str) -> bytes:
    """The value, bytes of numbers. Raises Refusal."""
    if not isinstance(value, bytes):
        raise Refusal(f"{name} is {shown(value)}, not bytes")
    return value


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
