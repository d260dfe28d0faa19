"""Run files that no playground wrote: a sound one of version 0.1.0, brought up to date, with one
thing wrong each."""

from __future__ import annotations

import gzip
import json
import sqlite3
import struct
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from playground.lab.store import schema
from tests.crafted.checkpoints import BEFORE, DEEP


@dataclass(frozen=True)
class Change:
    """What is done to the file, in SQL, and what becomes of it then."""

    name: str
    statements: tuple[str, ...]
    values: tuple[object, ...] = ()
    """What stands in place of ? in the last statement."""
    opens: bool | None = False
    """True if it is a run, False if it is refused, None if either will do."""


def sound() -> bytes:
    """The run file of version 0.1.0 with the tables of today, and two rows of a film."""
    data = gzip.decompress(
        (BEFORE / "run.microgpt-run").with_suffix(".microgpt-run.gz").read_bytes()
    )
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.deserialize(data)
        for version in range(schema.version_of(db), schema.VERSION):
            for statement in schema.MIGRATIONS[version]:
                db.execute(statement)
        db.execute(f"PRAGMA user_version = {schema.VERSION}")
        for step in (0, 45):
            body = {"texts": [{"text": "an", "ended": True}], "note": ""}
            db.execute("INSERT INTO film VALUES (1, ?, ?)", (step, json.dumps(body)))
        return db.serialize()


def text_of(file: Path) -> bytes:
    """The text that the run in a file learns from."""
    with closing(sqlite3.connect(file)) as db:
        return zlib.decompress(db.execute("SELECT data FROM texts").fetchone()[0])


def changed(file: Path, change: Change) -> bool:
    """Change the file, whose tables then take NULL anywhere; False if SQLite itself does not let it
    be changed so."""
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = OFF")
        db.execute("PRAGMA journal_mode = OFF")
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_schema SET sql = replace(sql, ' NOT NULL', '')")
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = OFF")
        db.execute("PRAGMA journal_mode = OFF")
        try:
            for statement in change.statements[:-1]:
                db.execute(statement)
            db.execute(change.statements[-1], change.values)
        except sqlite3.IntegrityError:
            return False
    return True


NO_TEXT = "CAST(x'6162ff63' AS TEXT)"
VALUES = {
    "null": "NULL", "a minus": "-1", "a fraction": "1.5", "without end": "9e999", "large":
    str(2**62), "a word": "'many'", "bytes": "x'00ff'", "no text": NO_TEXT, "empty": "''",
    "a long text": "'x' || hex(zeroblob(20000))",
}  # fmt: skip
COLUMNS = {
    "runs": ("uid", "name", "note", "created", "parent_uid", "fork_step", "dataset", "parameters",
             "first", "earliest", "step", "at", "tokens_seen", "seconds", "loss", "heldout",
             "status"),
    "details": ("spec", "tokenizer_state", "data", "plugins", "settings", "text_sha256"),
    "chunks": ("first", "losses", "learning_rates", "tokens_seen", "seconds"),
    "measurements": ("label", "pairs"),
    "samples": ("body",),
    "probes": ("step", "answers"),
    "film": ("step", "body"),
    "edits": ("step", "field", "value"),
    "keyframes": ("step", "tip", "state"),
    "texts": ("sha256", "size", "data"),
}  # fmt: skip
FINE = {
    *((table, column, one) for table, column in (("runs", "name"), ("runs", "note"),
      ("runs", "dataset"), ("details", "data")) for one in ("a minus", "a fraction", "without end",
      "large", "a word", "empty")),
    *(("runs", "created", one) for one in ("a fraction", "large")),
    *(("runs", "parent_uid", one) for one in ("null", "a minus", "a fraction", "without end",
      "large", "a word", "empty")),
    *(("runs", "fork_step", one) for one in ("null",)),
    *(("runs", "seconds", one) for one in ("a fraction", "large")),
    *(("chunks", "seconds", one) for one in ("a fraction", "large")),
    *(("runs", one, kind) for one in ("loss", "heldout")
      for kind in ("null", "a minus", "a fraction", "without end", "large")),
    *(("measurements", "label", one) for one in ("a minus", "a fraction", "without end", "large",
      "a word")),
    *(("texts", "sha256", one) for one in VALUES),  # a text that is not there is not taken
}  # fmt: skip
EITHER = {
    ("details", "text_sha256", "empty"),  # the text file that the run then looks for is not there
    ("measurements", "label", "null"), ("measurements", "label", "empty"),
    *(("edits", "value", one) for one in VALUES),  # the last one is that of an engine
}  # fmt: skip
JSON = {
    "nothing": "", "a word": "many", "NaN": "NaN", "no float": "1e400", "no int": "9" * 5_000,
    "true": "true", "a null": "null", "a list": "[]", "a list of numbers": "[1]", "a text": '"x"',
    "an object": '{"a": 1}', "a key twice": '{"a": 1, "a": 2}', "depth": DEEP,
    "deep objects": '{"a":' * 900 + "1" + "}" * 900, "half a text": '{"a": [',
    "objects in a list": '[{"name": 1}]', "a surrogate": '["\\ud800"]',
}  # fmt: skip


def crafted(file: Path) -> Iterator[Change]:
    """All of them. file: the sound file, from which some values are read."""
    yield Change("as it was", ("SELECT 1",), opens=True)
    for table, columns in COLUMNS.items():
        for column in columns:
            for name, value in VALUES.items():
                key = (table, column, name)
                opens = None if table == "texts" or key in EITHER else key in FINE
                statement = f"UPDATE {table} SET {column} = {value}"
                if table in ("keyframes", "edits", "probes", "film"):
                    statement += f" WHERE rowid = (SELECT max(rowid) FROM {table})"
                yield Change(f"{table}.{column}: {name}", (statement,), opens=opens)
    for table, column in (("details", "spec"), ("details", "tokenizer_state"),
                          ("details", "plugins"), ("details", "settings"), ("samples", "body"),
                          ("probes", "answers"), ("film", "body")):  # fmt: skip
        for name, value in JSON.items():
            opens = (column, name) in {
                ("plugins", "a list"), ("settings", "an object"),
            }  # fmt: skip
            statement = f"UPDATE {table} SET {column} = ?"
            yield Change(f"{table}.{column} as JSON: {name}", (statement,), (value,), opens)
    yield from _of_objects(file)
    yield from _of_numbers(file)
    yield from _of_tables()


def _of_objects(file: Path) -> Iterator[Change]:
    """JSON objects of the wrong things."""
    with closing(sqlite3.connect(file)) as db:
        spec, settings, plugins = map(
            json.loads, db.execute("SELECT spec, settings, plugins FROM details").fetchone()
        )
        body = json.loads(db.execute("SELECT body FROM samples").fetchone()[0])
        answers = json.loads(db.execute("SELECT answers FROM probes").fetchone()[0])
        row = json.loads(db.execute("SELECT body FROM film").fetchone()[0])
    wrong = {"null": None, "true": True, "a number": 7, "a text": "x", "a list": [1],
             "an object": {"a": [1]}, "a minus": -1, "a large number": 2**60}  # fmt: skip
    for where, whole in (
        ("spec", spec), ("settings", settings), ("plugins", {"0": plugins[0]}), ("body", body),
        ("answers", answers), ("row", row),
    ):  # fmt: skip
        table = {"body": "samples", "answers": "probes", "row": "film"}.get(where, "details")
        for path in leaves(whole):
            for name, value in wrong.items():
                made = json.loads(json.dumps(whole))
                place = made
                for key in path[:-1]:
                    place = place[key]
                if type(place[path[-1]]) is type(value):
                    continue
                place[path[-1]] = value
                text = json.dumps([made["0"]] if where == "plugins" else made)
                said = ".".join(map(str, path))
                column = "body" if where == "row" else where
                statement = f"UPDATE {table} SET {column} = ?"
                yield Change(f"{where}.{said} is {name}", (statement,), (text,), None)


Keys = tuple[str | int, ...]


def leaves(value: object, path: Keys = ()) -> Iterator[Keys]:
    """The keys to whatever an object holds, the objects in it too; of a list to its first."""
    inner: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))[:1]
    for key, one in inner:
        yield (*path, key)
        yield from leaves(one, (*path, key))


def _of_numbers(file: Path) -> Iterator[Change]:
    """Numbers in bytes."""
    nan, endless = float("nan"), float("inf")

    def doubles(*numbers: float) -> bytes:
        return struct.pack(f"<{len(numbers)}d", *numbers)

    pairs = "UPDATE measurements SET pairs = ? WHERE id = (SELECT max(id) FROM measurements)"
    for name, numbers in {
        "of no step": (nan, 1.0), "of an endless step": (endless, 1.0), "before all": (-1.0, 1.0),
        "of half a step": (1.5, 1.0), "to come": (46.0, 1.0), "of 1e300": (1e300, 1.0),
        "of three": (1.0, 2.0, 3.0), "of none": (),
    }.items():  # fmt: skip
        yield Change(f"a measurement {name}", (pairs,), (doubles(*numbers),))
    yield Change("a measurement of NaN", (pairs,), (doubles(1.0, nan),), opens=True)
    yield Change("half a number", (pairs,), (doubles(1.0, 2.0)[:-3],))
    with closing(sqlite3.connect(file)) as db:
        losses = db.execute("SELECT losses FROM chunks").fetchone()[0]
        state = db.execute("SELECT state FROM keyframes WHERE tip").fetchone()[0]
    for name, made in {
        "of NaN": doubles(nan) + losses[8:], "without end": doubles(endless) + losses[8:],
    }.items():  # fmt: skip
        yield Change(f"losses {name}", ("UPDATE chunks SET losses = ?",), (made,), opens=None)
    yield Change("a loss less", ("UPDATE chunks SET losses = ?",), (losses[8:],))
    put = "UPDATE keyframes SET state = ? WHERE tip"
    length = int.from_bytes(state[:8], "little")
    head, numbers_of = json.loads(state[8 : 8 + length]), state[8 + length :]

    def framed(header: object, body: bytes = numbers_of) -> bytes:
        packed = json.dumps(header).encode()
        return struct.pack("<Q", len(packed)) + packed + body

    third = len(numbers_of) // 3
    second = numbers_of[: 2 * third]
    yield Change("a state with a negative second moment", (put,),
                 (framed(head, second + doubles(-1.0) + numbers_of[2 * third + 8 :]),))  # fmt: skip
    hidden = second + doubles(nan, -1.0) + numbers_of[2 * third + 16 :]
    yield Change("a state with NaN and a negative second moment", (put,), (framed(head, hidden),))
    for name, body in {
        "weights of NaN": doubles(*[nan] * 20) + numbers_of[160:],
        "weights without end": doubles(*[endless] * 20) + numbers_of[160:],
        "a second moment of NaN": second + doubles(nan) + numbers_of[2 * third + 8 :],
    }.items():
        yield Change(f"a state with {name}", (put,), (framed(head, body),), opens=None)
    for key in ("step", "tokens_seen"):
        for value in (None, True, 45, -1, "-1", "many", "1e400", "4_5", "٤٥", [45], 2**60):
            meta = {**head["__metadata__"], key: value}
            made = framed({**head, "__metadata__": meta})
            yield Change(f"a state whose {key} is {value!r}", (put,), (made,))
    for key in ("weights", "second_moment", "__metadata__"):
        for value in (None, 7, [], {}, "x", {"dtype": "F32", "shape": [1], "data_offsets": [0, 8]},
                      {"dtype": "F64", "shape": [1], "data_offsets": [8, 0]},
                      {"dtype": "F64", "shape": [1], "data_offsets": [0.0, 8.0]},
                      {"dtype": "F64", "shape": [1], "data_offsets": [0, 2**62]},
                      {"dtype": "F64", "shape": [1], "data_offsets": [False, True]}):  # fmt: skip
            yield Change(f"a state whose {key} is {value}", (put,), (framed({**head, key: value}),))
    for size in (0, 7, 8, 100, len(state) - 1):
        yield Change(f"the first {size} bytes of a state", (put,), (state[:size],))
    yield Change("a state with a deep header", (put,), (struct.pack("<Q", 10_000) + DEEP.encode(),))
    yield Change("a state with a long header", (put,), (struct.pack("<Q", 2**62) + state[8:],))


def _of_tables() -> Iterator[Change]:
    for table in COLUMNS:
        gone = table in ("samples", "probes", "film", "edits", "texts", "measurements")
        yield Change(f"nothing in {table}", (f"DELETE FROM {table}",), opens=gone or None)
        yield Change(f"no {table}", (f"DROP TABLE {table}",))
    for name, statement in {
        "a view": "CREATE VIEW v AS SELECT 1",
        "a trigger": "CREATE TRIGGER t AFTER INSERT ON runs BEGIN DELETE FROM runs; END",
        "an index that computes": "CREATE INDEX x ON runs (length(hex(zeroblob(step))))",
        "a partial index": "CREATE INDEX x ON runs (id) WHERE name LIKE '%' || hex(zeroblob(9))",
        "a table of others": "CREATE TABLE other (x)",
        "a computed column": "ALTER TABLE runs ADD COLUMN x AS (hex(zeroblob(step)))",
        "a virtual table": "CREATE VIRTUAL TABLE words USING fts5(x)",
        "another program's": "PRAGMA application_id = 7",
        "a later version": "PRAGMA user_version = 99",
        "an earlier version": "PRAGMA user_version = 1",
        "a version below zero": "PRAGMA user_version = -1",
    }.items():
        yield Change(name, (statement,))
    bomb = zlib.compress(bytes(1 << 25), 9)
    yield Change("a text of 32 MB in 32 KB", ("UPDATE texts SET size = ?, data = ?",),
                 (1 << 25, bomb))  # fmt: skip
    yield Change("a bomb of a false size", ("UPDATE texts SET size = ?, data = ?",), (99, bomb))
    yield Change("a text that is no zlib", ("UPDATE texts SET data = ?",), (b"x" * 5000,))
    yield Change("a step of the run more", ("UPDATE runs SET step = step + 1",))
    yield Change("steps beyond the end", (
        """UPDATE details SET spec = replace(spec, '"steps":300', '"steps":3')""",))  # fmt: skip
    yield Change("a tokenizer of another kind", (
        """UPDATE details SET tokenizer_state = replace(tokenizer_state, '"char"', '"word"')""",
    ), opens=None)  # fmt: skip
    wider = """UPDATE details SET spec = replace(spec, '"n_embd":4', '"n_embd":8')"""
    yield Change("a model that is wider", (wider,), opens=None)
