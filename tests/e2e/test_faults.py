"""Each fault on a stranger's machine is said, and the screen stays usable."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_usage import PLUGIN
from tests.e2e.conftest import Launch
from tests.e2e.terminal import Terminal
from tests.e2e.test_walk import step_of

pytestmark = pytest.mark.e2e

HANGING_TOKENIZER = """
from playground.api import Contribution, hookimpl

class Slow:
    vocab_size, bos_id = 2, 1
    def train(self, documents):
        while True:
            pass
    def encode(self, text): return [0]
    def decode(self, ids): return ""
    def display(self, token_id): return "?"
    def state_dict(self): return {}
    def load_state_dict(self, state): pass

@hookimpl
def microgpt_tokenizers():
    yield Contribution(name="slow", summary="never comes back", factory=Slow)
"""


def workers_of(terminal: Terminal) -> list[int]:
    """The worker processes under this terminal. `ps -ww` shows their words in full."""
    listing = subprocess.run(
        ["ps", "-ww", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True
    ).stdout
    rows = [line.split(None, 2) for line in listing.splitlines()[1:]]
    parents = {int(pid): int(parent) for pid, parent, _ in rows}
    server = int(terminal._tmux("display-message", "-p", "#{pane_pid}"))

    def below(pid: int) -> bool:
        while pid in parents:
            if pid == server:
                return True
            pid = parents[pid]
        return False

    return [int(pid) for pid, _, words in rows if "lab.worker" in words and below(int(pid))]


def test_a_killed_worker_is_said_and_replaced(launch: Launch) -> None:
    terminal = launch()
    terminal.wait_for("step 0/")
    terminal.press("Space")
    terminal.wait_for(lambda s: step_of(s) > 60)
    (worker,) = workers_of(terminal)
    os.kill(worker, signal.SIGKILL)
    terminal.wait_for(re.compile("fresh worker|process (died|was killed|ended)"), 5)
    before = step_of(terminal.screen)
    terminal.wait_for(lambda s: step_of(s) > before + 20, 20)
    assert workers_of(terminal) != [worker]
    terminal.press("q")
    assert terminal.wait_for_exit() == 0


def test_a_tokenizer_that_never_returns_costs_five_seconds_and_no_run(
    launch: Launch, tmp_path: Path
) -> None:
    plugin = tmp_path / "slow_tokenizer.py"
    plugin.write_text(HANGING_TOKENIZER)
    terminal = launch("--plugin", str(plugin))
    terminal.wait_for("step 0/")
    terminal.press("s", "s")
    terminal.wait_for("step 2/")
    terminal.press("t")
    terminal.wait_for("never comes back")
    terminal.press("End", "Enter")
    terminal.wait_for("A plugin hangs", 8)
    terminal.press("s")
    terminal.wait_for("step 3/")
    terminal.press("q")
    assert terminal.wait_for_exit() == 0


def test_a_start_with_a_tokenizer_that_never_returns_opens_a_run_without_it(
    launch: Launch, tmp_path: Path
) -> None:
    plugin = tmp_path / "slow_tokenizer.py"
    plugin.write_text(HANGING_TOKENIZER)
    terminal = launch("--plugin", str(plugin), "--tokenizer", "slow")
    terminal.wait_for("A plugin hangs", 10)
    terminal.wait_for("32,469 documents", 10)
    terminal.press("s")
    terminal.wait_for("step 1/")


@pytest.mark.parametrize("vice", ["while True: pass", "import os; os._exit(0)"])
def test_a_plugin_that_cannot_be_imported_keeps_no_option_from_opening_the_playground(
    launch: Launch, home: Path, vice: str
) -> None:
    folder = home / "config" / "plugins"
    folder.mkdir(parents=True)
    (folder / "bad.py").write_text(vice)
    (folder / "cold.py").write_text(PLUGIN)
    words = ("--strategy", "cold", "--tokenizer", "char", "--schedule", "linear")
    terminal = launch(*words, "--dataset", "names", "--n-embd", "8")
    terminal.wait_for("step 0/", 20)
    terminal.wait_for("cold")
    terminal.press("s")
    terminal.wait_for("step 1/")
    terminal.press("q")
    assert terminal.wait_for_exit() == 0


def test_a_name_that_no_plugin_has_is_told_on_the_screen(launch: Launch, home: Path) -> None:
    folder = home / "config" / "plugins"
    folder.mkdir(parents=True)
    (folder / "cold.py").write_text(PLUGIN)
    terminal = launch("--strategy", "cald")
    terminal.wait_for("'cald'; did you", 20)
    terminal.wait_for("step 0/")


def bad_texts(folder: Path) -> dict[str, tuple[Path, str]]:
    """By name: the path of a bad text, and a pattern of what must be said of the text."""
    made = {
        "missing": (folder / "nowhere.txt", "no such file|does not exist"),
        "directory": (folder, "folder|directory"),
        "empty": (folder / "empty.txt", "is empty|no text"),
        "blank": (folder / "blank.txt", "blank|no text"),
        "latin": (folder / "latin.txt", "byte 13|offset 13|position 13"),
        "nul": (folder / "nul.txt", "NUL"),
        "long": (folder / "long.txt", "windows"),
    }
    made["empty"][0].write_bytes(b"")
    made["blank"][0].write_bytes(b"\n \n\t\n")
    made["latin"][0].write_bytes("plain\nthe caf\xe9\n".encode("latin-1"))
    made["nul"][0].write_bytes(b"one\ntwo\x00three\n")
    made["long"][0].write_bytes(b"abcdefghij" * 1_000_000)
    return made


def test_bad_files_are_explained_and_the_run_stays(launch: Launch, tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    terminal = launch(size=(120, 40))
    terminal.wait_for("step 0/")
    terminal.press("s", "s")
    terminal.wait_for("step 2/")
    for name, (path, said) in bad_texts(folder).items():
        terminal.press("d")
        terminal.wait_for("path of a text file")
        terminal.type(str(path))
        terminal.press("Enter")
        # Behind a sign: the preview says some of it before the file is opened.
        screen = terminal.wait_for(re.compile(f"✗.*({said})", re.IGNORECASE | re.DOTALL), 15)
        assert "Traceback" not in screen, name
        if "path of a text file" in screen:  # what the beginning of the file tells is told here
            terminal.press("Escape")
            terminal.wait_for(lambda s: "path of a text file" not in s)
        terminal.wait_for("step 2/1,000")
    terminal.press("s")
    terminal.wait_for("step 3/")


def test_two_million_lines_open(launch: Launch, tmp_path: Path) -> None:
    path = tmp_path / "many.txt"
    path.write_text("".join(f"line {i % 977}\n" for i in range(2_000_000)))
    terminal = launch(str(path))
    terminal.wait_for("2,000,000 documents", 60)
    terminal.press("s")
    terminal.wait_for("step 1/", 20)


def test_a_learning_rate_far_too_high_is_named_and_the_last_good_step_kept(
    launch: Launch,
) -> None:
    terminal = launch("--learning-rate", "1e9")
    terminal.wait_for("step 0/")
    terminal.press("Space")
    screen = terminal.wait_for(re.compile(r"diverged at step 2"), 10)
    words = " ".join(screen.replace("▌", " ").split())
    assert "failed" in words
    assert "step 0/" in words
    terminal.wait_for(
        lambda s: "learning rate was 1e+09" in " ".join(re.sub("[▌│]", " ", s).split())
    )


def test_without_a_terminal_the_command_says_so_and_names_train() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "microgpt-play")],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "not a terminal" in done.stderr
    assert "train" in done.stderr
    assert done.stdout == ""


def test_a_tiny_terminal_is_told_and_comes_back(launch: Launch) -> None:
    terminal = launch(size=(20, 5))
    terminal.wait_for("20x5")
    terminal.resize(100, 30)
    terminal.wait_for("step 0/")
    terminal.press("s")
    terminal.wait_for("step 1/")
    terminal.resize(20, 5)
    terminal.wait_for("20x5")
    terminal.press("q")
    assert terminal.wait_for_exit() == 0


def test_a_plugin_with_a_syntax_error_is_named_and_nothing_else_suffers(
    launch: Launch, tmp_path: Path
) -> None:
    plugin = tmp_path / "broken.py"
    plugin.write_text("def oops(:\n")
    terminal = launch("--plugin", str(plugin))
    terminal.wait_for("step 0/")
    terminal.wait_for("broken")
    terminal.press("p")
    screen = terminal.wait_for("A plugin is one Python file")
    assert "SyntaxError" in screen
    terminal.press("Escape")
    terminal.wait_for(lambda s: "A plugin is" not in s)
    terminal.press("s")
    terminal.wait_for("step 1/")


def test_standard_error_may_go_to_a_file(launch: Launch) -> None:
    # `Terminal` sends standard error to a file.
    terminal = launch(size=(80, 24))
    assert "microgpt-play" in terminal.wait_for("step 0/")
    terminal.press("q")
    assert terminal.wait_for_exit() == 0
    assert terminal.errors == ""
