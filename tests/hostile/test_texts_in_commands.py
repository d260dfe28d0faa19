"""Texts that attack a terminal, in all that a command prints there: none of it is obeyed."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import pytest

from microgpt.terminal import OBEYED, Codes, Guarded, json_text, printable
from playground.hooks.builtins.exporters import cell
from tests.crafted.runs import sound
from tests.hostile.texts import (
    ATTACKS,
    LEARNT,
    evil,
    harm_in_a_command,
    hostile_run_file,
)

if sys.platform == "win32":
    pytest.skip("no pseudo-terminals here", allow_module_level=True)

from tests.hostile.texts import written_by


def of_a_command(home: Path, *words: object, code: int = 0, program: str | None = None) -> str:
    """What a command writes to a terminal, after a look at each byte of it."""
    more = {} if program is None else {"program": program}
    ended, written = written_by(*words, env={"MICROGPT_PLAY_HOME": str(home)}, **more)
    assert harm_in_a_command(written) == []
    assert b"Traceback" not in written
    assert ended == code
    return written.decode().replace("\r\n", "\n")


def test_a_run_file_full_of_attacks_is_imported_and_told_of(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.microgpt-run", tmp_path / "bad.microgpt-run"
    good.write_bytes(sound())
    assert "film.body" in hostile_run_file(good, bad)
    home = tmp_path / "home"
    assert "Imported as run 1" in of_a_command(home, "runs", "import", bad)
    of_a_command(home, "runs", "list")
    assert "[red]r[/red]" in of_a_command(home, "runs", "show", 1)
    assert json.loads(of_a_command(home, "runs", "show", 1, "--json"))["id"] == 1
    assert len(of_a_command(home, "runs", "show", 1, "--film").splitlines()) == 2
    head = of_a_command(home, "runs", "export", 1, "-", "--as", "csv").splitlines()[0]
    assert head.startswith("step,loss,learning_rate,held_out")
    lines = of_a_command(home, "runs", "export", 1, "-", "--as", "jsonl").splitlines()
    assert all(json.loads(line) for line in lines)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["train", evil()], 1),
        ([f"--{evil()}"], 2),
        (["sample", evil()], 1),
        (["plugins", "enable", evil()], 1),
        (["train", "--engine", evil()], 2),
    ],
    ids=lambda value: str(value[0])[:9] if isinstance(value, list) else "",
)
def test_an_argument_is_repeated_as_text(tmp_path: Path, words: list[str], code: int) -> None:
    said = of_a_command(tmp_path / "home", *words, code=code)
    assert "\\x1b" in said
    assert "\ncar" not in said and "\nline" not in said  # on one line


def test_a_lesson_and_what_a_learner_did_are_told_as_text(tmp_path: Path) -> None:
    lesson = tmp_path / "bad.py"
    lesson.write_text(
        "from playground.api import Contribution, Lesson, Tell, hookimpl\n\n@hookimpl\n"
        "def microgpt_lessons():\n"
        "    steps = [Tell('x')] * 2\n"
        f"    yield Contribution('bad', {evil('a lesson')!a}, lambda: Lesson('x', steps))\n",
        encoding="utf-8",
    )
    home = tmp_path / "home"
    (home / "data").mkdir(parents=True)
    events = [
        {"event": "begun", "lesson": evil("bad"), "steps": 3},
        {"event": "answered", "lesson": evil("bad"), "index": 1, "tries": 2, "right": True,
         "sure": 1, "shown": True},
        {"event": evil(), "lesson": evil("other"), "steps": evil()},
    ]  # fmt: skip
    journal = "\n".join([*map(json.dumps, events), evil()])
    (home / "data" / "tour.jsonl").write_text(journal, encoding="utf-8", errors="ignore")
    assert "]0;evil" in of_a_command(home, "lessons", "--plugin", lesson)
    assert "[red]r[/red]" in of_a_command(home, "tour", "--report")
    said = of_a_command(home, "tour", "--report", "--json")  # beside it what is passed over
    report = json.loads(said[said.index("{\n") :])
    assert any("evil" in one["lesson"] for one in report["lessons"])
    said = of_a_command(home, "tour", evil(), "--report", code=2)
    assert "\ncar" not in said and "\nline" not in said


def test_what_a_writer_says_of_itself_is_told_as_text(tmp_path: Path) -> None:
    writer = tmp_path / "bad.py"
    writer.write_text(
        "from playground.api import Contribution, Outlet, hookimpl\n\nclass Bad:\n"
        f"    def outlet(self): return Outlet('https://x.org/' + {evil()!a}, ({evil()!a},))\n"
        "    def write(self, prompt, tell): raise SystemExit\n\n@hookimpl\n"
        "def microgpt_writers():\n"
        f"    yield Contribution('bad', {evil('a writer')!a}, Bad)\n",
        encoding="utf-8",
    )
    home = tmp_path / "home"
    assert "]0;evil" in of_a_command(home, "writers", "--plugin", writer)
    said = of_a_command(home, "plugins", "check", writer, code=1)
    assert "bad outlet-is-said: Promised" in said and "1 broken" in said


def test_python_m_microgpt_prints_samples_and_arguments_as_text(tmp_path: Path) -> None:
    text = tmp_path / "learnt.txt"
    text.write_text(LEARNT, encoding="utf-8")

    def run(*words: object, code: int = 0) -> str:
        return of_a_command(tmp_path, "-m", "microgpt", *words, code=code, program=sys.executable)

    assert "\\x1b" in run(text, "--steps", 30, "--samples", 20)
    last = run(text, "--steps", 1, "--samples", 40, "--json").splitlines()[-1]
    assert "\x1b" in "".join(json.loads(last)["samples"])  # the value is whole
    assert "\\x1b" in run(evil(), code=1)
    assert "\\x1b" in run(f"--{evil()}", code=2)


# ---------------------------------------------------------------- the gate


class Terminal(io.StringIO):
    encoding = "utf-8"  # type: ignore[assignment]
    errors = "backslashreplace"

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("attack", ATTACKS, ids=ascii)
def test_nothing_passes_the_gate_but_the_programs_own_codes(attack: str) -> None:
    below = Terminal()
    gate = Guarded(below)
    print(attack, file=gate, end=Codes("\r"))
    gate.buffer.write(attack.encode("utf-8", "surrogatepass"))
    gate.writelines([attack, attack])
    gate.write(Codes("\x1b[K"))
    passed = below.getvalue()
    assert passed.endswith("\x1b[K") and passed.count("\r") == 1
    assert harm_in_a_command(passed.encode()) == []
    assert OBEYED.sub("", printable(attack)) == printable(attack)
    assert OBEYED.search(json_text({attack: attack})) is None
    assert json.loads(json_text({"text": attack})) == {"text": attack}


@pytest.mark.parametrize(
    ("label", "there"),
    [
        ("new-share", "new-share"),
        ("-1.5", "-1.5"),
        ("+3e8", "+3e8"),
        ("=cmd|'/c calc'!A0", "'=cmd|'/c calc'!A0"),
        ("-2+3", "'-2+3"),
        ("+1+cmd", "'+1+cmd"),
        ("@SUM(A1)", "'@SUM(A1)"),
        (" =1", "' =1"),
        ("\t=1", "'\t'=1"),
        ("\r=1", "'\r'=1"),
        ("a;=1", "a;'=1"),
        ('a,"=1', "a,\"'=1"),
        ("＝1", "'＝1"),
        ("x (k=-1)", "x (k=-1)"),
        ("", ""),
    ],
)
def test_no_label_is_a_formula_and_numbers_stay_numbers(label: str, there: str) -> None:
    assert next(csv.reader(io.StringIO(cell(label) + ",x\n", newline=""))) == [there, "x"]
