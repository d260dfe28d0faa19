"""A run travels in a file and is the same elsewhere; a file with any fault is refused."""

from __future__ import annotations

import dataclasses
import random
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from playground.lab.client.async_store import AsyncStore
from playground.lab.store import transfer
from playground.lab.store.errors import StoreError
from playground.lab.store.records import Edit, RunRecord
from playground.lab.store.schema import VERSION
from playground.lab.store.store import Store
from playground.lab.store.transfer import export_run, import_run
from tests.lab.store import version_1
from tests.lab.store.conftest import everything, loss_of, new_run, steps
from tests.lab.store.test_faults import as_nobody

TEXT = b"anna\nbob\ncleo\n" * 99


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Store]:
    """The store of another machine."""
    with Store.open(tmp_path / "elsewhere" / "runs.sqlite") as opened:
        yield opened
        assert opened.check() == []


@pytest.fixture
def run(store: Store) -> int:
    """A recorded run that learns from a text."""
    run = store.create(
        dataclasses.replace(new_run("mine", "words.txt"), text_sha256=store.keep_text(TEXT)), "me"
    )
    store.append(run, everything(0, 100))
    store.append(run, everything(100, 60))
    store.annotate(run, "a note")
    return run


@pytest.fixture
def file(store: Store, run: int, tmp_path: Path) -> Path:
    """The run as an exported file."""
    return export_run(store, run, tmp_path / "mine.microgpt-run")


def of_the_run(record: RunRecord) -> dict[str, object]:
    """The values of a record that are the same in every store."""
    row = dataclasses.asdict(record.row)
    for name in ("id", "touched", "owner", "status", "parent", "fork_step"):
        del row[name]
    rest = {one.name: getattr(record, one.name) for one in dataclasses.fields(record)}
    return {**rest, "row": row}


def same(store: Store, run: int, other: Store, there: int) -> None:
    """Assert that both stores hold the same run under these numbers."""
    assert of_the_run(other.record(there)) == of_the_run(store.record(run))
    assert list(other.keyframes(there)) == list(store.keyframes(run))
    assert other.samples(there) == store.samples(run)
    assert other.probes(there) == store.probes(run)
    assert other.film(there) == store.film(run)


def assert_said_of(file: Path, store: Store, error: StoreError) -> None:
    """Assert that the error is a line that speaks of the file, and not of the store."""
    assert str(file) in error.message
    assert error.message.isprintable() and error.title.isprintable()
    assert str(store.path) not in error.message and "store of runs" not in error.title


def refused(store: Store, file: Path) -> StoreError:
    """The error of importing the file; asserts that the store is as it was."""
    before = store.runs()
    with pytest.raises(StoreError) as caught:
        import_run(store, file)
    assert_said_of(file, store, caught.value)
    assert store.runs() == before
    assert store.database.execute("SELECT count(*) FROM runs") == [(len(before),)]
    assert store.database.execute("SELECT count(*) FROM chunks WHERE run > 2") == [(0,)]
    return caught.value


def test_a_run_is_the_same_on_another_machine_and_goes_on_there(
    store: Store, run: int, file: Path, elsewhere: Store
) -> None:
    there = import_run(elsewhere, file)
    same(store, run, elsewhere, there)
    row = elsewhere.row(there)
    assert (row.owner, row.status, row.note) == ("", "paused", "a note")
    assert elsewhere.text(elsewhere.record(there).text_sha256) == TEXT
    elsewhere.append(there, steps(160, 10))
    assert list(elsewhere.curve(there)[1]) == [loss_of(step) for step in range(1, 171)]
    again = export_run(elsewhere, there, file)
    back = import_run(store, again)
    assert store.row(back).step == 170 and store.row(run).step == 160


def test_an_export_leaves_nothing_but_its_file_and_adds_the_ending(
    store: Store, run: int, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    assert export_run(store, run, folder / "v1.2") == folder / "v1.2.microgpt-run"
    export_run(store, run, folder / "v1.2.microgpt-run")
    assert [one.name for one in folder.iterdir()] == ["v1.2.microgpt-run"]


def test_a_run_that_is_there_already_is_imported_beside_it(
    store: Store, run: int, file: Path
) -> None:
    first, second = import_run(store, file), import_run(store, file)
    assert [store.row(one).name for one in (run, first, second)] == [
        "mine", "mine (imported)", "mine (imported)"
    ]  # fmt: skip
    assert len({store.row(one).uid for one in (run, first, second)}) == 3


def test_the_rest_of_an_import_that_was_killed_does_not_count_as_the_run(
    store: Store, run: int, file: Path, elsewhere: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(transfer, "rows_of", lambda *_: 1 / 0)
        patch.setattr(transfer, "remove_run", lambda *_: None)  # as after a kill
        with pytest.raises(ZeroDivisionError):
            import_run(elsewhere, file)
    there = elsewhere.row(import_run(elsewhere, file))
    assert (there.name, there.uid) == ("mine", store.row(run).uid)


def test_a_fork_finds_its_parent_again_if_that_is_there(
    store: Store, run: int, file: Path, elsewhere: Store, tmp_path: Path
) -> None:
    fork = store.fork(run, 30, new_run("fork"), "")
    exported = export_run(store, fork, tmp_path / "fork")
    alone = elsewhere.row(import_run(elsewhere, exported))
    assert (alone.parent, alone.fork_step) == (None, None)
    parent = import_run(elsewhere, file)
    beside = elsewhere.row(import_run(elsewhere, exported))
    assert (beside.parent, beside.fork_step) == (parent, 30)


def test_a_list_elsewhere_shows_the_settings_that_were_made_last(
    store: Store, elsewhere: Store, tmp_path: Path
) -> None:
    run = store.create(new_run(), "")
    engine = f"{'a-plugin-of-a-long-name-' * 4}:quick"
    edits = (Edit(5, "learning_rate", 0.25), Edit(9, "engine", engine))
    store.append(run, steps(0, 10, edits=edits))
    row = elsewhere.row(import_run(elsewhere, export_run(store, run, tmp_path / "edited")))
    assert (row.learning_rate, row.engine) == (0.25, engine)


def test_what_was_done_to_the_weights_travels_with_the_run(
    store: Store, run: int, elsewhere: Store, tmp_path: Path
) -> None:
    done = (
        Edit(30, "surgery", "head:0.2; weight:wte[4,1]=0.1; matrix:wpe=0.1,1e-05"),
        Edit(30, "hold", "head:0.2"),
        Edit(150, "surgery", ""),
    )
    store.append(run, steps(160, 1, edits=done))
    there = import_run(elsewhere, export_run(store, run, tmp_path / "x"))
    same(store, run, elsewhere, there)
    assert set(done) <= set(elsewhere.record(there).edits)


def test_a_run_without_a_step_travels_too(store: Store, elsewhere: Store, tmp_path: Path) -> None:
    empty = store.create(new_run(), "")
    same(store, empty, elsewhere, import_run(elsewhere, export_run(store, empty, tmp_path / "x")))


def test_only_the_run_is_in_the_file(store: Store, run: int, tmp_path: Path) -> None:
    other = store.create(new_run("a secret name"), "")
    store.append(other, everything(0, 50))
    store.keep_text(b"a secret text")
    data = export_run(store, run, tmp_path / "x").read_bytes()
    assert b"secret" not in data
    connection = sqlite3.connect(tmp_path / "x.microgpt-run")
    for table in ("runs", "texts"):
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (1,)
    connection.close()


def test_an_export_that_cannot_be_says_why_and_leaves_what_was_there(
    store: Store, run: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StoreError, match="does not exist"):
        export_run(store, run, tmp_path / "nowhere" / "x")
    with pytest.raises(StoreError, match="folder"):
        export_run(store, run, tmp_path)
    with pytest.raises(StoreError, match="no run '77'"):
        export_run(store, 77, tmp_path / "x")
    file = tmp_path / "x.microgpt-run"
    file.write_text("what was there")
    monkeypatch.setattr("playground.lab.store.transfer.create_tables", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export_run(store, run, file)
    assert file.read_text() == "what was there"
    assert not [one for one in tmp_path.iterdir() if one.name.startswith(".")]


# ---------------------------------------------------------------- files from elsewhere


def test_a_run_of_an_older_version_is_imported_and_its_file_stays(
    elsewhere: Store, tmp_path: Path
) -> None:
    old = tmp_path / "old.microgpt-run"
    version_1.make(old, "DELETE")
    before = old.read_bytes()
    there = import_run(elsewhere, old)
    assert list(elsewhere.curve(there)[1]) == [loss_of(step) for step in range(1, 31)]
    assert elsewhere.row(there).uid == version_1.UID
    assert old.read_bytes() == before


def test_a_run_of_a_newer_version_is_refused_in_words(elsewhere: Store, file: Path) -> None:
    change(file, f"PRAGMA user_version = {VERSION + 1}")
    error = refused(elsewhere, file)
    assert error.kind == "newer" and "Update microgpt-play" in error.message


def change(file: Path, *statements: str) -> None:
    connection = sqlite3.connect(file)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


NO_TEXT = "CAST(x'6162ff63' AS TEXT)"
TEXTS = {
    "runs": (
        *("uid", "name", "note", "dataset", "status", "parent_uid", "seconds"),
        *("heldout_text", "heldout_tokens"),
    ),
    "details": ("spec", "tokenizer_state", "data", "plugins", "settings", "text_sha256"),
    "measurements": ("label",),
    "samples": ("body",),
    "probes": ("answers",),
    "film": ("body",),
    "edits": ("field", "value"),
}

WRONG: dict[str, str] = {
    "another program's": "PRAGMA application_id = 7",
    "a trigger": "CREATE TRIGGER t AFTER INSERT ON runs BEGIN DELETE FROM runs; END",
    "a view": "CREATE VIEW v AS SELECT 1",
    "a table of its own": "CREATE TABLE other (x)",
    "a table that is missing": "DROP TABLE edits",
    "two runs": "INSERT INTO runs SELECT 2, substr(uid, 2) || 'f', " + "{rest} FROM runs",
    "no run": "DELETE FROM runs",
    "a spec that cannot be": "UPDATE details SET spec = '{\"steps\": -1}'",
    "a spec that is no JSON": "UPDATE details SET spec = 'x'",
    "a deep spec": "UPDATE details SET settings = replace(hex(zeroblob(100000)), '0', '[')",
    "settings that are no object": "UPDATE details SET settings = '[]'",
    "plugins that are none": "UPDATE details SET plugins = '[1]'",
    "a uid that is a path": "UPDATE runs SET uid = '../../../../etc/passwd'",
    "steps that are missing": "DELETE FROM chunks WHERE first = 0",
    "steps that are too many": "UPDATE runs SET step = 1000000000",
    "steps that are no number": "UPDATE runs SET step = 'many'",
    "a stand after the end": "UPDATE runs SET at = 161",
    "half a number": "UPDATE chunks SET losses = substr(losses, 2)",
    "losses that are a text": "UPDATE chunks SET losses = 'abcdefgh'",
    "a status that is none": "UPDATE runs SET status = 'evil'",
    "measurements without steps": "UPDATE measurements SET pairs = x'00'",
    "measurements of no step": (
        "UPDATE measurements SET pairs = x'000000000000e0bf0000000000000000'"
    ),
    "measurements of a step to come": (
        "UPDATE measurements SET pairs = x'0000000000408f400000000000000000'"  # 1000.0, 0.0
    ),
    "samples that are none": "UPDATE samples SET body = '{\"occasion\": 1}'",
    "samples of a step to come": (
        """UPDATE samples SET body = replace(body, '"step": 160', '"step": 161')"""
    ),
    "answers that are none": "UPDATE probes SET answers = '{\"a\": 1}'",
    "a row that is none": 'UPDATE film SET body = \'{"texts": [1], "note": ""}\'',
    "a row of a step to come": "UPDATE film SET step = 200 WHERE step = 100",
    "a row at a step that has none": "UPDATE film SET step = 101 WHERE step = 100",
    "a row of many texts": (
        'UPDATE film SET body = \'{"note": "", "texts": [\' || '
        "substr(replace(hex(zeroblob(101)), '00', ',{\"text\": \"\", \"ended\": true}'), 2) || ']}'"
    ),
    "a row of a long text": """UPDATE film SET body = replace(body, 'an', hex(zeroblob(60000)))""",
    "an edit of something else": "UPDATE edits SET field = 'seed'",
    "an operation on nothing": "UPDATE edits SET field = 'surgery', value = 'x'",
    "an operation without end": (
        "UPDATE edits SET field = 'hold', "
        "value = replace(hex(zeroblob(600000)), '00', '; head:0.1')"
    ),
    "an operation that is a number": "UPDATE edits SET field = 'hold', value = 5",
    "an edit that is no number": "UPDATE edits SET value = 'x' WHERE field = 'learning_rate'",
    "a keyframe cut short": "UPDATE keyframes SET state = substr(state, 1, 100)",
    "a keyframe of another model": "UPDATE runs SET parameters = 11",
    "a text that is another": "UPDATE texts SET data = (SELECT spec FROM details)",
    "a text of a false size": "UPDATE texts SET size = 3",
    "a bomb": "UPDATE texts SET size = 1 << 60",
    "a sample of an endless number": (
        """UPDATE samples SET body = replace(body, '"number": 1', '"number": 1e999')"""
    ),
    "a fingerprint that is none": "UPDATE runs SET heldout_tokens = 'x'",
    "a fingerprint in capitals": "UPDATE runs SET heldout_text = upper(hex(zeroblob(31))) || 'AB'",
    "an endless time": "UPDATE runs SET seconds = 9e999",
    "a beginning before all time": "UPDATE runs SET created = -9e999",
    "a name that never ends": "UPDATE runs SET name = hex(zeroblob(100000))",
    **{
        f"{column} of {table} that is no UTF-8": f"UPDATE {table} SET {column} = {NO_TEXT}"
        for table, columns in TEXTS.items()
        for column in columns
    },
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_file_that_was_tampered_with_is_refused_and_nothing_of_it_kept(
    elsewhere: Store, file: Path, wrong: str
) -> None:
    connection = sqlite3.connect(file)
    columns = [one[1] for one in connection.execute("PRAGMA table_info(runs)")]
    connection.close()
    change(file, WRONG[wrong].replace("{rest}", ", ".join(columns[2:])))
    error = refused(elsewhere, file)
    assert error.kind == "damaged" and "cannot be read as a run" in error.message


def empty_database(file: Path) -> None:
    file.unlink()
    change(file, "VACUUM")


@pytest.mark.parametrize(
    "make",
    [
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(b"hello"),
        empty_database,
        lambda file: file.write_bytes(file.read_bytes()[: len(file.read_bytes()) // 2]),
        lambda file: file.write_bytes(b"\xee".join(file.read_bytes().split(b"a"))),
    ],
    ids=["empty", "a text", "a database of nothing", "cut short", "garbled"],
)
def test_a_damaged_file_is_refused_in_words(
    elsewhere: Store, file: Path, make: Callable[[Path], object]
) -> None:
    make(file)
    assert refused(elsewhere, file).kind == "damaged"


def with_a_schema(file: Path, *statements: str) -> None:
    """Change the file's schema, which SQLite itself does not let be changed."""
    change(file, "PRAGMA writable_schema = ON", *statements)


ODD: dict[str, Callable[[Path], object]] = {
    "a table whose name is no text": lambda file: with_a_schema(
        file,
        f"UPDATE sqlite_schema SET name = {NO_TEXT}, tbl_name = {NO_TEXT} WHERE name = 'edits'",
    ),
    "a schema that is no text": lambda file: with_a_schema(
        file, f"UPDATE sqlite_schema SET sql = {NO_TEXT} WHERE name = 'edits'"
    ),
    "a column whose name is no text": lambda file: with_a_schema(
        file,
        "UPDATE sqlite_schema SET sql = CAST(replace(CAST(sql AS BLOB), x'6e616d65', x'6e61ff65')"
        " AS TEXT) WHERE name = 'runs'",
    ),
    "a table of two lines": lambda file: change(file, 'CREATE TABLE "a\nb\x1b[31m" (x)'),
    "two edits of one step": lambda file: change(
        file,
        "CREATE TABLE more (run, step, field, value)",
        "INSERT INTO more SELECT * FROM edits UNION ALL SELECT * FROM edits",
        "DROP TABLE edits",
        "ALTER TABLE more RENAME TO edits",
    ),
    "two states of one step": lambda file: change(
        file,
        "CREATE TABLE more (run, step, tip, state)",
        "INSERT INTO more SELECT * FROM keyframes UNION ALL SELECT * FROM keyframes WHERE NOT tip",
        "DROP TABLE keyframes",
        "ALTER TABLE more RENAME TO keyframes",
    ),
    "an older version that cannot be migrated": lambda file: change(
        file, "PRAGMA user_version = 1"
    ),
}


@pytest.mark.parametrize("make", ODD.values(), ids=ODD)
async def test_what_sqlite_says_of_a_file_is_said_of_that_file(
    elsewhere: Store, file: Path, make: Callable[[Path], object]
) -> None:
    make(file)
    assert refused(elsewhere, file).kind == "damaged"
    screen = AsyncStore(elsewhere.path)
    try:
        with pytest.raises(StoreError) as caught:
            await screen.import_run(file)
    finally:
        screen.close()
    assert_said_of(file, elsewhere, caught.value)


def test_wherever_a_file_is_damaged_it_is_refused_in_a_line_or_is_a_run(
    elsewhere: Store, file: Path
) -> None:
    whole = file.read_bytes()
    rng = random.Random(0)
    header, schema = range(100), range(100, 4096, 48)
    places = [*header, *schema, *range(4096, len(whole), max(1, len(whole) // 150))]
    damaged = [
        *(
            whole[:at] + bytes([whole[at] ^ rng.randrange(1, 256)]) + whole[at + 1 :]
            for at in places
        ),
        *(whole[: rng.randrange(len(whole))] for _ in range(30)),
        *(rng.randbytes(size) for size in (1, 16, 99, 100, 101, 512, 4096, 9999)),
        *(whole[:size] + rng.randbytes(len(whole) - size) for size in (16, 24, 100, 4096, 8192)),
    ]
    refusals = 0
    for data in damaged:
        file.write_bytes(data)
        try:
            run = import_run(elsewhere, file)
        except StoreError as error:
            assert_said_of(file, elsewhere, error)
            refusals += 1
        else:
            elsewhere.record(run)
            assert list(elsewhere.keyframes(run)) and elsewhere.samples(run)
    assert refusals > len(damaged) // 3


def test_trouble_with_ones_own_store_is_not_said_of_the_file(elsewhere: Store, file: Path) -> None:
    change(elsewhere.path, "ALTER TABLE chunks RENAME TO gone")
    with pytest.raises(StoreError) as caught:
        import_run(elsewhere, file)
    change(elsewhere.path, "ALTER TABLE gone RENAME TO chunks")
    assert caught.value.title == "The store of runs is damaged"
    assert str(elsewhere.path) in caught.value.message and str(file) not in caught.value.message


def test_a_name_that_cannot_be_one_is_said_of_the_file(elsewhere: Store, tmp_path: Path) -> None:
    for name in ("x" * 5000, "a\0b"):
        with pytest.raises(StoreError) as caught:
            import_run(elsewhere, tmp_path / name)
        assert caught.value.title == "The file cannot be read"


def test_a_file_that_may_not_be_read_is_said_of_the_file_and_not_of_the_store(
    elsewhere: Store,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        file = Path(folder) / "theirs.microgpt-run"
        file.touch(0o000)
        with as_nobody():
            error = refused(elsewhere, file)
    assert error.kind == "read-only" and error.title == "The file may not be read"


def test_what_is_no_file_is_refused(elsewhere: Store, tmp_path: Path) -> None:
    assert refused(elsewhere, tmp_path / "nothing").kind == "missing"
    assert "folder" in refused(elsewhere, tmp_path).message


def test_only_known_columns_are_taken(elsewhere: Store, file: Path, store: Store, run: int) -> None:
    change(
        file,
        "ALTER TABLE runs ADD COLUMN extra TEXT DEFAULT 'x'",
        "UPDATE runs SET n_layer = 99, owner = 'somebody', deleted = 5, parent = 1, ready = 0",
    )
    there = elsewhere.row(import_run(elsewhere, file))
    assert there.n_layer == store.row(run).n_layer, "what follows from the spec is not believed"
    assert (there.owner, there.parent) == ("", None)


def test_the_store_itself_is_not_imported_into_itself(store: Store, run: int) -> None:
    with pytest.raises(StoreError) as caught:
        import_run(store, store.path)
    assert caught.value.title == "This is the store of runs itself"
    assert [row.id for row in store.runs()] == [run]
