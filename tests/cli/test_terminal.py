"""In a terminal: the line that is rewritten, texts that would steer it, and what is refused
before a screen is drawn."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import COMMAND, SMALL, STEPS, Done, Play

if sys.platform == "win32":
    pytest.skip("no pseudo-terminals here", allow_module_level=True)

import fcntl
import struct
import termios

TITLE = re.compile(r"(\x1b\[22;0t)?\x1b\]2;([^\x00-\x1f]* · microgpt-play)?\x1b\\(\x1b\[23;0t)?")
"""What the program says to the window around the terminal."""


def in_terminal(*arguments: object, columns: int = 80, term: str = "xterm") -> Done:
    """The real command with all its streams in a terminal; what it wrote there is `out` without the
    titles of the window, and `err` with them."""
    ours, its = os.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen(
        [COMMAND, *map(str, arguments)],
        stdin=its, stdout=its, stderr=its, env={**os.environ, "TERM": term},
    ) as process:  # fmt: skip
        os.close(its)
        written = b""
        while chunk := _read(ours):
            written += chunk
        code = process.wait(timeout=120)
    os.close(ours)
    return Done(code, TITLE.sub("", written.decode()).replace("\r\n", "\n"), written.decode())


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # how Linux says that the other side is closed
        return b""


@pytest.mark.parametrize("columns", [24, 50, 80, 200])
def test_the_line_of_progress_never_wraps(words: Path, columns: int) -> None:
    done = in_terminal("train", words, *SMALL, "--steps", "1000", columns=columns)
    assert done.code == 0
    lines = [line.replace("\x1b[K", "") for line in done.out.replace("\r", "\n").splitlines()]
    drawn = [line for line in lines if re.match(r"(step )?[\d,]+/1,000", line)]
    assert drawn and max(map(len, drawn)) < columns
    assert drawn[-1].startswith("1,000/1,000 " if columns == 24 else "step 1,000/1,000 ")
    assert ("━" in drawn[-1]) == (columns >= 80)
    assert "loss" in drawn[-1]


def test_a_terminal_that_cannot_rewrite_gets_lines(words: Path) -> None:
    done = in_terminal("train", words, *SMALL, "--steps", "30", term="dumb")
    assert done.code == 0 and "\x1b" not in done.out
    assert len([line for line in done.out.splitlines() if line.startswith("step ")]) == 10


@pytest.mark.parametrize(
    ("env", "advice"),
    [
        ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, "PYTHONUTF8=1"),
        ({"PYTHONIOENCODING": "latin-1"}, "PYTHONIOENCODING=utf-8"),
    ],
)
def test_where_no_screen_can_be_drawn_words_say_so_and_the_advice_works(
    env: dict[str, str], advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    done = in_terminal()
    assert done.code == 1 and "which cannot draw the screen" in done.out
    assert f": {advice} microgpt-play\n" in done.out
    assert "\x1b" not in done.out and "\\u" not in done.out
    name, _, value = advice.partition("=")
    monkeypatch.setenv(name, value)
    assert in_terminal("--theme", "none-of-these").code == 2, "the theme is refused, not the locale"


@pytest.mark.parametrize(("value", "there"), [("", None), ("1", "1"), ("0", "0")])
def test_an_empty_no_color_is_as_none(
    play: Play, monkeypatch: pytest.MonkeyPatch, value: str, there: str | None
) -> None:
    """Its rule is that it counts if it is not empty; Textual looks whether it is there."""
    monkeypatch.setenv("NO_COLOR", value)
    assert play("--version").code == 0
    assert os.environ.get("NO_COLOR") == there


def test_what_was_saved_has_a_line_of_its_own(words: Path) -> None:
    done = in_terminal("train", words, *STEPS, "--save", "m.safetensors")
    assert "\nSaved step 3 to m.safetensors\n" in done.out


def test_a_text_with_escape_sequences_is_shown_and_not_obeyed(words: Path, play: Play) -> None:
    words.write_text("\x1b[31m\n" * 20)
    options = ["--steps", "30", "--n-embd", "4", "--n-head", "2", "--save", "m.safetensors"]
    done = in_terminal("train", words, *options)
    assert "\x1b[31m" not in done.out and "\\x1b" in done.out
    shown = in_terminal("sample", "m.safetensors", "-n", "5")
    assert "\x1b" not in shown.out and "\\x1b" in shown.out
    assert "\x1b" in play("sample", "m.safetensors", "-n", "5").out  # a file gets what was made


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nowhere.txt"], 1, "there is no file"),
        (["a" * 300], 1, "cannot be opened"),
        (["."], 1, "is a folder"),
        (["damaged.safetensors"], 1, "not a .safetensors file, or was cut short"),
        (["nowhere.safetensors"], 1, "there is no file"),
        (["--engine", "vectr"], 2, "did you mean 'vector'?"),
        (["words.txt", "--n-head", "3"], 2, "--n-embd 16 cannot be divided among 3 heads"),
        (["--tokenizer", "chra"], 2, "did you mean 'char'?"),
        (["-"], 2, "standard input"),
        (["--theme", "nrod"], 2, "no theme 'nrod'; there are: "),
    ],
    ids=lambda value: " ".join(value)[:25] if isinstance(value, list) else "",
)
def test_what_is_refused_before_a_screen_is_drawn(
    words: Path, arguments: list[str], code: int, said: str
) -> None:
    words.with_name("damaged.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{")
    done = in_terminal(*arguments)
    assert done.code == code
    assert said in " ".join(done.out.split())
    assert "\x1b" not in done.out and "Traceback" not in done.out


def test_a_start_that_comes_to_nothing_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = tmp_path / "left"
    left.mkdir()
    monkeypatch.setenv("TMPDIR", str(left))
    assert in_terminal("--theme", "nrod").code == 2
    assert list(left.iterdir()) == []


def test_the_window_says_how_far_the_run_is_and_gets_its_title_back(words: Path) -> None:
    done = in_terminal("train", words, *SMALL, "--steps", "300")
    assert done.code == 0 and done.out.count("\x1b]") == 0
    shares = [int(found) for found in re.findall(r"\x1b\]2;(\d+)% · words\.txt · micro", done.err)]
    assert shares == sorted(shares) and shares[-1] == 100
    assert done.err.count("\x1b[22;0t") == done.err.count("\x1b[23;0t") == 1
    last = done.err.rindex("\x1b]2;\x1b\\\x1b[23;0t")
    assert last > done.err.rindex("microgpt-play\x1b")
    assert done.err.rindex("   1  ") > last  # samples are printed in a window of the shell's own


@pytest.mark.parametrize("way", ["json", "dumb", "forbidden"])
def test_a_window_that_is_not_to_be_touched_is_not(
    words: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way == "forbidden":
        monkeypatch.setenv("MICROGPT_PLAY_TITLE", "0")
    more = ["--json"] if way == "json" else []
    term = "dumb" if way == "dumb" else "xterm"
    done = in_terminal("train", words, *STEPS, *more, term=term)
    assert done.code == 0 and "\x1b]" not in done.err
