"""`microgpt-play runs`: what was recorded is listed, shown, taken elsewhere, deleted, brought
back."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import math
import os
import re
import sqlite3
import subprocess
import sys
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from playground.hooks.manager import load
from playground.hooks.sources import PluginSources
from playground.lab.fork import forked
from playground.lab.paths import store_file
from playground.lab.protocol.run import Recording
from playground.lab.session import Session
from playground.lab.spec import RunSpec
from playground.lab.store.housekeeping import purge
from playground.lab.store.locks import RunLock
from playground.lab.store.store import Store
from tests.cli.conftest import Play
from tests.cli.test_imports import ASK, modules
from tests.lab.store.conftest import new_run, steps

REGISTRY = load(PluginSources(entry_points=False))
SMALL = {"model": {"n_embd": 4, "n_head": 2, "block_size": 4}, "steps": 40}

Train = Callable[..., Session]


def spec(words: Path, **changes: Any) -> RunSpec:
    dataset = {"name": "text-file", "options": {"path": str(words)}}
    return RunSpec.parse({**SMALL, "dataset": dataset, **changes})


def train(session: Session, steps: int) -> list[float]:
    """Train up to so many steps; the losses of all of them."""
    while session.step < steps:
        assert session.advance(steps - session.step), session.trouble
    return list(session.training.series.losses)


@pytest.fixture
def recorded(words: Path) -> Path:
    """Three runs: "first" of 30 steps, "hot & fast" with another learning rate, and one without
    a name."""
    for name, count, rate in (("first", 30, 0.01), ("hot [b]fast[/b]", 20, 0.05), ("", 40, 0.01)):
        session = Session.open(spec(words, optimizer={"learning_rate": rate}), REGISTRY)
        session.record(Recording(str(store_file()), name=name))
        train(session, count)
        session.sample()
        session.close()
    return words


def row_numbers(out: str) -> list[str]:
    """Of a table that was printed."""
    return [line.split()[0] for line in out.splitlines()[1:]]


# ---------------------------------------------------------------- list


@pytest.mark.usefixtures("recorded")
def test_runs_are_listed_the_newest_first(play: Play) -> None:
    done = play("runs")
    assert (done.code, done.err) == (0, "")
    ages = re.compile(r" (now|\d+ s) ")
    again = play("runs", "list").out  # a second later, perhaps
    assert ages.sub(" ", done.out).split() == ages.sub(" ", again).split()
    assert row_numbers(done.out) == ["3", "2", "1"]
    last = done.out.splitlines()[-1]
    assert "first" in last and "words.txt" in last and "30/40" in last and "‖ paused" in last
    assert "✓ finished" in done.out.splitlines()[1]
    assert "hot [b]fast[/b]" in done.out


@pytest.mark.usefixtures("recorded")
def test_runs_are_listed_in_groups_of_one_setting(play: Play) -> None:
    out = play("runs", "list", "--group", "lr").out.splitlines()
    headings = [one for one in out if one.startswith("lr ")]
    assert [one.split("  ·  ")[:2] for one in headings] == [
        ["lr 0.01", "2 runs"],
        ["lr 0.05", "1 run"],
    ]
    between = out[out.index(headings[0]) + 1 : out.index(headings[1])]
    assert [one.split()[0] for one in between] == ["3", "1"]
    groups = play("runs", "list", "--group", "lr", "--json").out.splitlines()
    told = [json.loads(one) for one in groups]
    assert [(one["value"], one["count"]) for one in told] == [(0.01, 2), (0.05, 1)]
    assert [run["id"] for run in told[0]["runs"]] == [3, 1]
    refused = play("runs", "list", "--group", "loss")
    assert refused.code == 2 and "not grouped by" in refused.err and "seed" in refused.err


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (["lr>0.02"], ["2"]),
        (["lr<0.02", "status=finished"], ["3"]),
        (["HOT"], ["2"]),
        (["--sort", "learning_rate", "--limit", "1", "step>20"], ["1"]),
        (["--sort", "-lr"], ["2", "3", "1"]),
    ],
)
def test_a_query_chooses_and_a_field_sorts(
    play: Play, query: list[str], expected: list[str]
) -> None:
    done = play("runs", "list", *query)
    assert sorted(row_numbers(done.out)) == sorted(expected)
    assert row_numbers(done.out)[0] == expected[0]


@pytest.mark.usefixtures("recorded")
def test_json_is_one_object_a_line(play: Play) -> None:
    rows = [json.loads(line) for line in play("runs", "list", "--json").out.splitlines()]
    assert [(row["id"], row["state"]) for row in rows] == [
        (3, "finished"), (2, "paused"), (1, "paused"),
    ]  # fmt: skip
    assert rows[1]["name"] == "hot [b]fast[/b]" and rows[1]["learning_rate"] == 0.05


@pytest.mark.usefixtures("recorded")
def test_a_query_that_cannot_be_is_wrong_usage(play: Play) -> None:
    for words, said in ((["lrr>1"], "did you mean 'lr'"), (["--sort", "lsos"], "no field 'lsos'")):
        done = play("runs", "list", *words)
        assert done.code == 2 and said in " ".join(done.err.split())


@pytest.mark.usefixtures("recorded")
def test_more_than_sqlite_can_count_to_is_all_of_them(play: Play) -> None:
    done = play("runs", "list", "--limit", 10**20)
    assert (done.code, row_numbers(done.out)) == (0, ["3", "2", "1"])


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize(
    "asked",
    [
        ("runs", "list", "{}"),
        ("runs", "list", "name={}"),
        ("runs", "show", "{}"),
        ("train", "--run", "{}"),
    ],
    ids=" ".join,
)
def test_words_that_are_no_text_fit_nothing_and_say_nothing_of_the_store(
    play: Play, asked: tuple[str, ...]
) -> None:
    done = play(*(word.format(os.fsdecode(b"a\xff")) for word in asked))
    assert "damaged" not in done.err and done.out == ""
    assert "No run fits" in done.err or "There is no such run" in done.err


@pytest.mark.usefixtures("recorded")
def test_a_narrow_terminal_loses_columns_and_no_line_breaks(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    lines = play("runs").out.splitlines()
    assert max(map(len, lines)) <= 50
    assert lines[0].split() == ["name", "lr", "step", "loss"] and "paused" in lines[-1]


def test_where_nothing_was_recorded_that_is_said_and_no_failure(play: Play, home: Path) -> None:
    done = play("runs")
    assert (done.code, done.out) == (0, "") and "There are no runs yet" in done.err
    assert (play("runs", "list", "--json").code, play("runs", "list", "--json").err) == (0, "")
    assert play("runs", "show", "1").code == 1
    assert not home.exists(), "looking makes nothing"


def test_a_store_that_cannot_be_read_is_said(play: Play) -> None:
    store_file().parent.mkdir(parents=True)
    store_file().write_text("this is no database, and never was one" * 5)
    for words in (["runs"], ["runs", "show", "1"], ["runs", "check"], ["runs", "delete", "1"]):
        done = play(*words, *(["--yes"] if "delete" in words else []))
        assert done.code == 1 and "The store of runs is damaged" in done.err


@pytest.mark.usefixtures("recorded")
def test_forks_stand_below_what_they_were_forked_from(play: Play) -> None:
    with Store.open() as store:
        for parent, name in ((1, "child"), (4, "grandchild"), (1, "second child")):
            store.fork(parent, 10, new_run(name), "")
    lines = play("runs", "tree").out.splitlines()
    below = lines[[line.split()[0] for line in lines].index("1") + 1 :]
    assert "├ second child" in below[0]
    assert "└ child" in below[1] and "  └ grandchild" in below[2]
    shown = play("runs", "show", "grandchild").out
    assert "run 4 (child) after step 10" in shown and "run 1 (first) after step 10" in shown


# ---------------------------------------------------------------- show


@pytest.mark.usefixtures("recorded")
def test_show_says_what_is_unlike_the_usual_and_what_became_of_it(play: Play) -> None:
    said = play("runs", "show", "2").out
    assert "hot [b]fast[/b]" in said
    assert "optimizer.learning_rate" in said and "0.01 → 0.05" in said
    assert "1 to 20" in said and "Samples after step 20" in said
    assert "builtin:vector" in said
    assert "1 layer, 2 heads, 4 wide, context 4" in said


@pytest.fixture
def changed(recorded: Path) -> Path:
    """Run 4: of run 1 after step 10, with another learning rate and engine set by hand there."""
    session = Session.open(spec(recorded), REGISTRY)
    train(session, 10)  # as run 1 did
    spec_of_fork, start = forked(
        session.checkpoint(), {"optimizer.learning_rate": 0.04, "engine": "scalar"}
    )
    session.close()
    session = Session.open(RunSpec.parse(spec_of_fork), REGISTRY, checkpoint=start)
    session.record(Recording(str(store_file()), name="changed", parent=1, fork_step=10))
    train(session, 15)
    session.close()
    return recorded


@pytest.mark.usefixtures("changed")
def test_a_fork_is_listed_and_found_by_what_was_changed(play: Play) -> None:
    listed = play("runs", "list", "lr=0.04", "engine=scalar").out.splitlines()[1]
    assert listed.split()[:2] == ["4", "changed"] and "0.04" in listed and "scalar" in listed
    assert row_numbers(play("runs", "list", "lr=0.01").out) == ["3", "1"]


@pytest.mark.usefixtures("changed")
def test_a_fork_is_shown_unlike_its_parent(play: Play) -> None:
    lines = [" ".join(line.split()) for line in play("runs", "show", "4").out.splitlines()]
    assert "Unlike run 1" in lines and "Unlike run 1 nothing" not in lines
    assert "optimizer.learning_rate 0.01 → 0.04" in lines and "engine vector → scalar" in lines
    assert "learning_rate 0.04 from step 10 on, by hand" in lines
    about = json.loads(play("runs", "show", "4", "--json").out)
    assert about["learning_rate"] == 0.04 and about["engine"] == "scalar"
    assert about["spec"]["optimizer"]["learning_rate"] == 0.01, "what it began with"


@pytest.mark.parametrize("loss", [math.inf, -math.inf, math.nan])
def test_losses_that_json_has_no_word_for_are_null(play: Play, loss: float) -> None:
    with Store.open() as store:
        run = store.create(new_run("burst"), "")
        store.append(run, steps(0, 2, loss=loss, losses=array("d", [loss, loss]),
                                evaluations=((2, loss),)))  # fmt: skip

    def strictly(text: str) -> Any:
        return json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))

    row = strictly(play("runs", "list", "--json").out)
    assert row["loss"] is None and row["heldout"] is None and row["name"] == "burst"
    series = strictly(play("runs", "show", "1", "--json").out)["series"]
    assert series["first_loss"] is None and series["held_out"] == [[2, None]]


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize("when", [1e300, -1e18])
def test_a_run_of_a_clock_that_was_far_off_is_shown_all_the_same(play: Play, when: float) -> None:
    with contextlib.closing(sqlite3.connect(store_file())) as file, file:
        file.execute("UPDATE runs SET created = ?, touched = ?", (when, when))
    shown = play("runs", "show", "1")
    assert shown.code == 0 and "at a time that no calendar has" in shown.out
    assert play("runs", "list").code == 0


@pytest.mark.usefixtures("recorded")
def test_show_tells_the_film_row_by_row(play: Play) -> None:
    assert "film 7 rows, from step 0 to 30: --film shows them" in " ".join(
        play("runs", "show", "first").out.split()
    )
    lines = play("runs", "show", "first", "--film").out.splitlines()
    assert [line[:2].strip() for line in lines] == ["0", "5", "10", "15", "20", "25", "30"]
    assert all(line.count("·") + line.count("…") == 3 for line in lines)
    starts = {line.index(line.split()[2], 4 + len(line.split()[1])) for line in lines}
    assert len(starts) == 1, "the texts stand in columns"
    about = json.loads(play("runs", "show", "first", "--film", "--json").out)
    assert about == json.loads(play("runs", "show", "first", "--json").out)
    first = about["film"][0]
    assert first["step"] == 0 and len(first["texts"]) == len(first["ended"]) == 3
    assert f"{first['texts'][0]}{'·' if first['ended'][0] else '…'}" == lines[0].split()[1]


def test_a_run_of_before_there_was_a_film_says_where_its_film_begins(play: Play) -> None:
    with Store.open() as store:
        run = store.create(new_run("old"), "")
        store.append(run, steps(0, 22))
        store.append(store.create(new_run("whole", steps=22), ""), steps(0, 22))
    done = play("runs", "show", "old", "--film")
    assert done.code == 1 and "Run 1 has no film" in done.err
    assert "its film begins with step 25." in done.err
    assert "film" not in play("runs", "show", "old").out
    assert play("runs", "show", "whole", "--film").err.rstrip().endswith("when it was trained.")


@pytest.mark.usefixtures("recorded")
def test_show_gives_one_object(play: Play) -> None:
    about = json.loads(play("runs", "show", "first", "--json").out)
    assert about["id"] == 1 and about["series"]["steps"] == 30
    assert about["spec"]["model"]["n_embd"] == 4
    changed = {one["field"]: one["now"] for one in about["different"]}
    assert changed["model.n_embd"] == 4 and "seed" not in changed
    assert len(about["samples"]["texts"]) == 5


@pytest.mark.usefixtures("recorded")
def test_a_run_is_known_by_number_name_and_the_beginning_of_its_uid(play: Play) -> None:
    uid = json.loads(play("runs", "show", "2", "--json").out)["uid"]
    for words in ("2", "hot [b]fast[/b]", uid, uid[:6]):
        assert json.loads(play("runs", "show", words, "--json").out)["id"] == 2
    done = play("runs", "show", "frist")
    assert done.code == 1 and "Did you mean 'first'?" in done.err


@pytest.mark.usefixtures("words")
def test_names_and_samples_steer_no_terminal(play: Play, recorded: Path) -> None:
    assert recorded
    assert play("runs", "rename", "1", "\x1b[31mred").code == 0
    assert play("runs", "note", "1", "bell\x07").code == 0
    for words in (["runs"], ["runs", "show", "1"], ["runs", "tree"]):
        out = play(*words).out
        assert "\x1b" not in out and "\x07" not in out and "\\x1b[31mred" in out


# ---------------------------------------------------------------- export, import


@pytest.mark.usefixtures("recorded")
def test_figures_are_written_in_full(play: Play, tmp_path: Path) -> None:
    with Store.open() as store:
        losses = list(store.record(1).losses)
    done = play("runs", "export", "first", tmp_path / "run.csv")
    assert done.code == 0 and "Exported the metrics of run 1" in done.err
    with (tmp_path / "run.csv").open(newline="") as file:
        assert [float(row["loss"]) for row in csv.DictReader(file) if row["loss"]] == losses
    told = play("runs", "export", "1", tmp_path / "lines", "--as", "jsonl", "--json")
    assert json.loads(told.out) == {"run": 1, "as": "jsonl", "path": str(tmp_path / "lines")}
    lines = [json.loads(line) for line in (tmp_path / "lines").read_text().splitlines()]
    assert [line["loss"] for line in lines if "loss" in line] == losses
    assert len(lines[-1]["samples"]) == 5


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_dash_prints_the_figures_and_makes_no_file(
    play: Play, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    printed = play("runs", "export", "1", "-", "--as", kind)
    assert printed.code == 0 and printed.err == ""
    assert sorted(tmp_path.iterdir()) == before
    assert play("runs", "export", "1", "written", "--as", kind).code == 0
    assert printed.out == (tmp_path / "written").read_bytes().decode()


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize("kind", ["csv", "jsonl", "model"])
def test_nothing_is_written_over_the_store(play: Play, kind: str) -> None:
    done = play("runs", "export", "1", store_file(), "--as", kind, "--force")
    assert done.code == 1 and "This is the store of runs" in done.err
    with Store.open() as store:
        assert store.check() == [] and store.row(1).step == 30


@pytest.mark.parametrize("step", [None, 30, 17, 0])
def test_a_model_is_that_of_its_step_to_the_bit(
    play: Play, recorded: Path, tmp_path: Path, step: int | None
) -> None:
    target, expected = tmp_path / "model.safetensors", tmp_path / "expected.safetensors"
    wanted = [] if step is None else ["--step", step]
    assert play("runs", "export", "1", target, *wanted).code == 0
    at = 30 if step is None else step
    session = Session.open(spec(recorded), REGISTRY)
    losses = train(session, 40)
    session.go_to(at)
    session.save(str(expected))
    for told in ("weights", "first_moment", "second_moment"):
        assert _tensor(target, told) == _tensor(expected, told)
    went_on = play("train", target, "--json", "--samples", 0)
    assert [json.loads(line)["loss"] for line in went_on.out.splitlines()] == losses[at:]


def _tensor(path: Path, kind: str) -> bytes:
    from playground.lab.checkpoint import read_checkpoint

    return bytes(getattr(read_checkpoint(path), kind))


@pytest.mark.usefixtures("recorded")
def test_a_file_that_is_there_stays_unless_force_is_said(play: Play, tmp_path: Path) -> None:
    target = tmp_path / "run.csv"
    target.write_text("dear")
    done = play("runs", "export", "1", target)
    assert done.code == 1 and "--force replaces it" in done.err and target.read_text() == "dear"
    assert play("runs", "export", "1", target, "--force").code == 0
    assert target.read_text() != "dear"


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["1", "run.txt"], 2, "does not say what to write"),
        (["1", "run.csv", "--step", "3"], 2, "--step is for models"),
        (["9", "run.csv"], 1, "There is no run '9'"),
        (["9", "-", "--as", "csv"], 1, "There is no run '9'"),
        (["1", "-"], 2, "does not say what to write"),
        (["1", "-", "--as", "model"], 2, "prints the figures"),
        (["1", "-", "--as", "csv", "--json"], 2, "prints the figures"),
        (["1", "/dev/null", "--as", "csv"], 1, "/dev/null is a pipe, a socket or a device"),
        (["1", "pipe", "--as", "csv"], 1, "is a pipe, a socket or a device"),
        (["1", "model.safetensors", "--step", "31"], 1, "recorded up to step 30"),
        (["1", "nowhere/model.safetensors"], 1, "Make it first"),
        (["1", "nowhere/run.csv"], 1, "Make it first"),
        (["1", "nowhere/run.microgpt-run"], 1, "Make it first"),
    ],
)
def test_what_cannot_be_written_is_said(
    play: Play,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo(tmp_path / "there")
    (tmp_path / "pipe").symlink_to("there")  # as /dev/stdout is one
    done = play("runs", "export", *arguments)
    assert done.code == code and said in " ".join(done.err.split())


CONTINUE = """
import json, sys
from playground.hooks.manager import load
from playground.hooks.sources import PluginSources
from playground.lab.run.guard import Activity
from playground.lab.paths import store_file
from playground.lab.protocol.commands import Open
from playground.lab.protocol.run import Recording
from playground.lab.session import open_session
registry = load(PluginSources(entry_points=False))
command = Open("{}", recording=Recording(str(store_file()), run=1))
session = open_session(command, registry, lambda _: None, Activity())
while session.advance(100):
    pass
session.close()
print(json.dumps([list(session.training.series.losses), [n.text for n in session.info.notices]]))
"""


def test_an_exported_run_goes_on_bit_for_bit_on_a_machine_without_its_text(
    play: Play, recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "carried.microgpt-run"
    assert play("runs", "export", "hot [b]fast[/b]", file).code == 0
    straight = train(Session.open(spec(recorded, optimizer={"learning_rate": 0.05}), REGISTRY), 40)
    recorded.unlink()
    monkeypatch.setenv("MICROGPT_PLAY_HOME", str(tmp_path / "another machine"))
    done = play("runs", "import", file, "--json")
    assert done.code == 0 and json.loads(done.out)["run"] == 1
    went_on = subprocess.run(
        [sys.executable, "-c", CONTINUE], capture_output=True, text=True, timeout=120
    )
    assert went_on.returncode == 0, went_on.stderr
    losses, notices = json.loads(went_on.stdout)
    assert losses == straight
    assert not any("data are not those" in notice for notice in notices)
    assert "40/40" in play("runs").out


@pytest.mark.usefixtures("recorded")
def test_a_run_that_is_here_already_is_imported_beside_it(play: Play, tmp_path: Path) -> None:
    assert play("runs", "export", "1", tmp_path / "run", "--as", "run").code == 0
    done = play("runs", "import", tmp_path / "run.microgpt-run")
    assert "Imported as run 4 “first (imported)”, 30 of 40 steps" in done.err


def test_what_is_no_run_is_not_imported(play: Play, words: Path) -> None:
    done = play("runs", "import", words)
    assert done.code == 1 and "The file is not a run" in done.err
    assert "does not exist" in play("runs", "import", "nowhere.microgpt-run").err


@pytest.mark.usefixtures("recorded")
def test_a_damaged_run_is_refused_in_a_line_that_names_its_file(
    play: Play, tmp_path: Path, home: Path
) -> None:
    file = tmp_path / "theirs.microgpt-run"
    assert play("runs", "export", "1", file).code == 0
    with contextlib.closing(sqlite3.connect(file)) as db, db:
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_schema SET sql = CAST(x'ff' AS TEXT) WHERE name = 'edits'")
    done = play("runs", "import", file)
    assert done.code == 1 and done.out == "" and done.err.count("\n") == 1
    assert f"The file is not a run, or is damaged. {file} cannot be read" in done.err
    assert str(home) not in done.err


# ---------------------------------------------------------------- delete, restore, check


@pytest.mark.usefixtures("recorded")
def test_what_is_deleted_can_be_brought_back(play: Play) -> None:
    done = play("runs", "delete", "first", "3", "first", "--yes")
    assert done.code == 0 and "microgpt-play runs restore 1 3" in done.err
    assert row_numbers(play("runs").out) == ["2"]
    assert "2 runs deleted, and still to be brought back" in play("runs", "check").out
    assert play("runs", "restore", "first", "3").code == 0
    assert row_numbers(play("runs").out) == ["3", "2", "1"]
    again = play("runs", "restore", "1")
    assert again.code == 1 and "'1' is not deleted" in again.err


@pytest.mark.usefixtures("recorded")
def test_deleting_asks_first_and_one_unknown_run_keeps_all(play: Play) -> None:
    done = play("runs", "delete", "1")
    assert done.code == 2 and "--yes" in done.err
    assert play("runs", "delete", "1", "9", "--yes").code == 1
    assert row_numbers(play("runs").out) == ["3", "2", "1"]


class Terminal(io.StringIO):
    """Somebody who types this."""

    def isatty(self) -> bool:
        return True


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize(("answer", "left"), [("y", ["3", "2"]), ("n", ["3", "2", "1"])])
def test_who_is_asked_decides(
    play: Play, monkeypatch: pytest.MonkeyPatch, answer: str, left: list[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(f"{answer}\n"))
    done = play("runs", "delete", "1")
    assert done.code == 0 and "1  first, 30/40 steps" in done.err
    assert "Delete this run?" in done.err + done.out
    assert ("Nothing was deleted" in done.err) == (answer == "n")
    assert row_numbers(play("runs").out) == left


@pytest.mark.usefixtures("recorded")
def test_a_run_that_is_open_elsewhere_is_not_deleted(play: Play) -> None:
    with Store.open() as store:
        store.set_owner(2, "process 4711 on laptop")
        lock = RunLock(store.lock_folder, store.row(2).uid)
        assert lock.acquire()
        assert "paused elsewhere" in play("runs").out
        done = play("runs", "delete", "1", "2", "--yes")
        assert done.code == 1 and "run 2 is open in process 4711 on laptop" in done.err
        lock.release()
    assert "! interrupted" in play("runs").out
    assert play("runs", "delete", "2", "--yes").code == 0
    assert row_numbers(play("runs").out) == ["3", "1"]


@pytest.mark.usefixtures("recorded")
def test_purging_gives_up_only_what_was_deleted_long_ago(play: Play) -> None:
    play("runs", "delete", "1", "--yes")
    assert json.loads(play("runs", "check", "--purge", "--json").out)["purged"] == 0
    with Store.open() as store:
        purge(store, 0.0)
    told = json.loads(play("runs", "check", "--json").out)
    assert (told["runs"], told["deleted"], told["problems"]) == (2, 0, [])
    assert play("runs", "restore", "1").code == 1


@pytest.mark.usefixtures("recorded")
def test_a_name_and_a_note_are_given_and_taken_away(play: Play) -> None:
    assert play("runs", "rename", "2", "cold").code == 0
    assert play("runs", "note", "cold", "too cold?").code == 0
    assert "too cold?" in play("runs", "show", "2").out and "cold" in play("runs").out
    assert "called 'so cold' now" in play("runs", "rename", "cold", " so cold\n").err
    assert play("runs", "rename", "so cold", "").code == 0
    assert "no name any more" in play("runs", "rename", "2", "  ").err


# ---------------------------------------------------------------- help


@pytest.mark.parametrize(
    "name", ["list", "tree", "show", "export", "import", "delete", "restore", "rename", "note",
             "check"],
)  # fmt: skip
def test_help_fits_eighty_columns(play: Play, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    done = play("runs", name, "--help")
    assert (done.code, done.err) == (0, "")
    assert max(map(len, done.out.splitlines())) <= 80
    assert "RANGE" not in done.out


def test_help_loads_neither_the_store_nor_the_screen(tmp_path: Path) -> None:
    for words in (["runs", "--help"], ["runs", "list", "--help"]):
        loaded = modules(ASK.format(words=words), cwd=tmp_path)
        assert loaded.isdisjoint({"sqlite3", "textual", "rich", "pydantic", "filelock", "asyncio"})
    loaded = modules(ASK.format(words=["runs", "list"]), cwd=tmp_path)
    assert "sqlite3" in loaded
    assert loaded.isdisjoint({"textual", "rich", "pydantic", "pluggy", "asyncio"})
