"""Standard streams that are closed, full, broken, narrow or poor in letters; odd places."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from playground.cli.failures import printable
from playground.lab.checkpoint import read_checkpoint
from playground.lab.protocol.sampling import SampleBatch
from playground.lab.run.sampling import Sampler
from tests.cli.conftest import COMMAND, SMALL, STEPS, Play, command

POSIX = pytest.mark.skipif(os.name != "posix", reason="streams and folders of POSIX")
FULL = pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="no /dev/full here")


# ---------------------------------------------------------------- a reader that goes away


@pytest.mark.parametrize(
    "words_said",
    [
        ["train", "words.txt", *SMALL, "--steps", "50000", "--json", "--save", "m.safetensors"],
        ["sample", "model.safetensors", "-n", "100000"],
    ],
    ids=["train", "sample"],
)
def test_a_reader_that_has_seen_enough_is_no_failure(saved: Path, words_said: list[str]) -> None:
    with subprocess.Popen(
        [COMMAND, *words_said], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=saved.parent
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read().decode().splitlines()
        assert [line for line in said if not line.startswith("! ")] == [], "notices alone"
        assert process.wait(timeout=120) == 0
    if "--save" in words_said:  # what was learnt is not lost
        assert read_checkpoint(saved.parent / "m.safetensors").step > 0


def test_a_pipe_has_the_first_texts_while_the_last_are_made(
    saved: Path, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe, seen, really = io.BytesIO(), [], Sampler.batch

    def batch(sampler: Sampler, *given: Any) -> SampleBatch:
        seen.append(pipe.getvalue().count(b"\n"))
        return really(sampler, *given)

    monkeypatch.setattr(Sampler, "batch", batch)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(pipe, encoding="utf-8"))
    play("sample", saved, "-n", 45)
    assert seen == [0, 20, 40]


@POSIX
@pytest.mark.parametrize("words_said", [["strategies"], ["--help"], ["train", "words.txt"]])
def test_a_reader_that_never_read(words: Path, words_said: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    options = STEPS if "train" in words_said else ()
    done = subprocess.run(
        [COMMAND, *words_said, *options],
        stdout=writing, stderr=subprocess.PIPE, cwd=words.parent, timeout=120,
    )  # fmt: skip
    os.close(writing)
    assert done.returncode == 0
    assert b"Error" not in done.stderr and b"Traceback" not in done.stderr


# ---------------------------------------------------------------- closed and full


@POSIX
@pytest.mark.parametrize(
    ("words_said", "code"),
    [(["--help"], 0), (["strategies"], 0), (["train", "words.txt", *STEPS], 0),
     (["train", "words.txt", *STEPS, "--json"], 0), ([], 1)],
    ids=lambda value: " ".join(value[:1]) if isinstance(value, list) else "",
)  # fmt: skip
def test_closed_streams_are_written_to_in_vain(
    words: Path, words_said: list[str], code: int
) -> None:
    done = command(*words_said, cwd=words.parent, shell=">&-")
    assert (done.code, done.out) == (code, "")
    assert "Traceback" not in done.err
    assert command(*words_said, cwd=words.parent, shell="<&- >&- 2>&-").code == code


@FULL
@pytest.mark.parametrize(
    "words_said",
    [["--help"], ["strategies"], ["sample", "model.safetensors"],
     ["train", "words.txt", *STEPS], ["train", "words.txt", *STEPS, "--json"]],
    ids=lambda value: value[0],
)  # fmt: skip
def test_a_full_disk_is_a_failure_in_words(saved: Path, words_said: list[str]) -> None:
    done = command(*words_said, cwd=saved.parent, shell=">/dev/full")
    assert done.code == 1
    assert "microgpt-play: The output could not be written: No space left" in done.err
    assert "Traceback" not in done.err and "Exception" not in done.err


@FULL
def test_errors_that_cannot_be_written_keep_their_exit_codes(words: Path) -> None:
    assert command("train", "nowhere.txt", shell="2>/dev/full", cwd=words.parent).code == 1
    assert command("train", "--bogus", shell="2>/dev/full", cwd=words.parent).code == 2


@FULL
def test_a_run_whose_output_is_lost_is_saved(words: Path, play: Play) -> None:
    path = words.with_name("m.safetensors")
    done = command("train", words, *STEPS, "--json", "--save", path, shell=">/dev/full")
    assert done.code == 1
    assert play("sample", path).code == 0


# ---------------------------------------------------------------- letters and width


@POSIX
@pytest.mark.parametrize("option", [[], ["--json"]])
def test_a_locale_without_letters(words: Path, option: list[str]) -> None:
    words.write_text("é漢\nñö\n" * 5, encoding="utf-8")
    said = ["train", words, *STEPS, *option]
    done = command(*said, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert done.code == 0
    assert (done.out + done.err).isascii()
    if not option:
        assert "step 3/3 ######################## loss" in done.err


@POSIX
def test_a_file_that_the_locale_cannot_name(words: Path) -> None:
    """The name is UTF-8, and so nothing to be renamed."""
    file = words.rename(words.with_name("wörter.txt"))
    done = command("train", file, *STEPS, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert done.code == 1
    assert "Begin the command with PYTHONUTF8=1" in done.err and "Rename" not in done.err
    env = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "1"}
    assert command("train", file, *STEPS, **env).code == 0


@pytest.mark.parametrize("columns", ["20", "1", "0", "many"])
def test_narrow_terminals(
    words: Path, play: Play, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    for arguments in (["--help"], ["train", "--help"], ["strategies"], ["train", words, *STEPS]):
        assert play(*arguments).code == 0


@pytest.mark.parametrize("said", [["--help"], ["train", "words.txt", *STEPS], ["train", "-x"]])
def test_no_colours_are_used_at_all(words: Path, said: list[str]) -> None:
    done = command(*said, cwd=words.parent, NO_COLOR="1")
    assert "\x1b" not in done.out + done.err
    forced = command(*said, cwd=words.parent, FORCE_COLOR="1", CLICOLOR_FORCE="1")
    assert "\x1b" not in forced.out + forced.err


def test_what_steers_a_terminal_is_shown_and_not_sent() -> None:
    assert printable("a\x1b[31m\n\udcff\u202eé漢") == "a\\x1b[31m\\n\\udcff\\u202eé漢"
    assert printable("a\n\tb\r", keep="\n\t") == "a\n\tb\\r"


# ---------------------------------------------------------------- odd places to be in


def test_what_lies_in_the_folder_shadows_nothing(words: Path) -> None:
    trap = "raise SystemExit('shadowed')"
    for name in ("random", "typing", "json", "click", "playground", "pydantic"):
        words.with_name(f"{name}.py").write_text(trap)
    package = words.with_name("microgpt")
    package.mkdir()
    (package / "__init__.py").write_text(trap)
    done = command("train", words, *STEPS, cwd=words.parent)
    assert (done.code, len(done.out.splitlines())) == (0, 2)
    assert command("train", "microgpt", *STEPS, cwd=words.parent).code == 1


@POSIX
def test_a_folder_that_is_gone(words: Path, tmp_path: Path) -> None:
    def from_nowhere(*said: object) -> tuple[int, str]:
        folder = tmp_path / "gone"
        folder.mkdir()
        script = 'cd "$0" && rmdir "$0" && exec "$@"'
        done = subprocess.run(
            ["sh", "-c", script, folder, COMMAND, *map(str, said)],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        return done.returncode, done.stderr

    assert from_nowhere("train", words, *STEPS)[0] == 0
    assert from_nowhere("strategies") == (0, "")
    code, said = from_nowhere("train", "words.txt", *STEPS)
    assert code == 1
    assert said == (
        "microgpt-play: The folder you are in has been deleted. Go to another one: cd\n"
    )
    code, said = from_nowhere("train", words, *STEPS, "--save", "m.safetensors")
    assert code == 1 and "could not be written" in said and "Traceback" not in said


@pytest.mark.parametrize("home", ["words.txt", "a" * 300, "/dev/null/x"])
def test_a_home_that_cannot_be_stops_no_training(words: Path, home: str) -> None:
    done = command("train", words, *STEPS, cwd=words.parent, MICROGPT_PLAY_HOME=home)
    assert done.code == 0
    assert "Traceback" not in done.err


def test_without_a_home(words: Path) -> None:
    done = command("train", words, *STEPS, HOME=None, MICROGPT_PLAY_HOME=None)
    assert (done.code, "Traceback" in done.err) == (0, False)


def test_the_command_is_the_one_beside_this_python() -> None:
    assert shutil.which(COMMAND)
    assert f"Python {sys.version.split()[0]}" in command("--version").out
