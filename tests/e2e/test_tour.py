"""The tour in a real terminal: a lesson beside one's own run, a kill, the place that is kept."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from playground.hooks.manager import load
from playground.hooks.sources import PluginSources
from tests.e2e.conftest import Launch
from tests.e2e.learner import Learner
from tests.e2e.test_more import playground_of
from tests.hooks.lessons.conftest import TEXTS
from tests.hooks.lessons.twin import Twin

pytestmark = pytest.mark.e2e

LESSON = """
import math
from playground.api import Choose, Contribution, Do, Lesson, Number, Tell, hookimpl

def small():
    return Lesson(title="Small", run={"steps": 300, "model.n_embd": 8}, steps=[
        Tell("The loss stands in panel 2.", at="loss"),
        Choose("Which is larger?", choices=["one", "two"], answer=lambda facts: 1,
               hints=["count again", ""], why="Two it is.", at="dataset"),
        Do("Make five steps.", done=lambda facts: facts.step - facts.began >= 5, help="press s"),
        Number("How many steps are there?", answer=lambda facts: facts.steps, within=0,
               why="So many."),
        Tell("This is the end."),
    ])

@hookimpl
def microgpt_lessons():
    yield Contribution(name="small", summary="a small lesson", factory=small)
"""


LOOKS = """
from playground.api import Contribution, Do, Lesson, Tell, hookimpl

def looks():
    return Lesson(title="Looks", steps=[
        Do("Look inside.", done=lambda facts: bool(facts.looks)),
        Tell("The loss stands in panel 2.", at="loss"),
    ])

@hookimpl
def microgpt_lessons():
    yield Contribution(name="looks", summary="into the microscope and out", factory=looks)
"""


@pytest.fixture
def lesson(tmp_path: Path) -> Path:
    path = tmp_path / "small.py"
    path.write_text(LESSON, encoding="utf-8")
    return path


def rows_of(store: Path) -> str:
    """A digest of every row of every table."""
    digest = hashlib.sha256()
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as database:
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        for (name,) in sorted(tables.fetchall()):
            for row in database.execute(f'SELECT * FROM "{name}"'):
                digest.update(repr(row).encode())
    return digest.hexdigest()


def test_a_lesson_that_is_killed_goes_on_where_it_was_and_no_other_run_is_touched(
    launch: Launch, home: Path, lesson: Path
) -> None:
    own = launch("--steps", "60", "--seed", "3", size=(80, 24))
    own.wait_for("step 0/")
    own.press("+", "Space")
    own.wait_for("✓ finished", 30)
    own.press("C-q")
    assert own.wait_for_exit() == 0
    before = rows_of(home / "data" / "runs.sqlite")

    words = ("tour", "small", "--plugin", str(lesson))
    terminal = launch(*words, size=(80, 24))
    terminal.wait_for("stands in panel 2", 40)
    terminal.press("Enter")
    terminal.wait_for("Which is larger")
    terminal.press("1", "Enter")
    terminal.wait_for("How sure")
    terminal.press("3")
    screen = terminal.wait_for("Count again")
    assert "✗ 1 one" in screen and "Two it is" not in screen
    terminal.press("2", "Enter")
    terminal.wait_for("Right: two")
    terminal.press("Enter")
    terminal.wait_for("Make five steps")
    terminal.press("s", "s", "s")
    terminal.wait_for("step 3/300")
    journal = home / "data" / "tour.jsonl"
    terminal.wait_for(lambda _: '"run": 1' in journal.read_text())
    os.kill(playground_of(terminal), signal.SIGKILL)
    terminal.wait_for("ended")

    again = launch(*words, size=(120, 40))
    screen = again.wait_for("Make five steps", 40)
    assert "step 3/300" in again.wait_for("step 3/300") and "✓ Done" not in screen
    again.press("s", "s")
    again.wait_for("✓ Done")
    again.press("Enter")
    again.wait_for("How many steps")
    again.type("3,00")
    again.press("Enter")
    again.wait_for("is no number")
    again.press("BSpace", "BSpace", "BSpace", "BSpace")
    again.type("299")
    again.press("Enter")
    again.wait_for("How sure")
    again.press("1")
    again.wait_for("Too low")
    again.type("300")
    again.press("Enter")
    again.wait_for("So many.")
    again.press("Enter")
    again.wait_for("This is the end")
    again.press("Enter")
    again.wait_for("0 of 2 questions were right at the first try")
    again.press("q")
    assert again.wait_for_exit() == 0
    assert again.errors == ""
    assert rows_of(home / "data" / "runs.sqlite") == before

    command = [str(Path(sys.executable).parent / "microgpt-play"), "tour", "--json", *words[2:]]
    told = subprocess.run(
        command,
        env={**os.environ, "MICROGPT_PLAY_HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    report = json.loads(told.stdout)
    (small,) = [one for one in report["lessons"] if one["lesson"] == "small"]
    assert small["state"] == "finished" and small["first_try"] == 0 and small["questions"] == 2
    assert [one["questions"] for one in report["sure"]] == [1, 0, 1]


ATTENTION = """
from playground.api import Cell, Contribution, Do, Lesson, Tell, hookimpl

HINT = "The brightest cell of all heads is the one. Look at each head, one after the other."

def attention():
    return Lesson(title="Attention", steps=[
        Do("Look at the heads.", done=lambda facts: bool(facts.looks), at="attention"),
        Cell("Here is a question that is so long that it takes two lines of a small terminal. "
             "Which head reads which position?", rows=lambda _: ["0", "1", "2", "3"],
             columns=lambda _: ["a", "b"], answer=lambda _: [(3, 1)], hint=HINT,
             why="So it is.", at="attention"),
        Tell("This is the end."),
    ])

@hookimpl
def microgpt_lessons():
    yield Contribution(name="heads-seen", summary="a small lesson", factory=attention)
"""


def test_what_a_lesson_asks_about_stays_in_sight(launch: Launch, tmp_path: Path) -> None:
    path = tmp_path / "seen.py"
    path.write_text(ATTENTION, encoding="utf-8")
    terminal = launch("tour", "heads-seen", "--plugin", str(path), size=(80, 24))
    terminal.wait_for("Look at the heads", 40)
    terminal.press("s", "i", "2")
    terminal.wait_for("✓ Done")
    terminal.press("Enter")
    terminal.wait_for("Which head reads")
    terminal.press("Down", "Enter")
    terminal.wait_for("How sure")
    terminal.press("1")
    screen = terminal.wait_for("The brightest cell")
    above = screen.partition("━ Attention")[0]
    assert re.search(r"^ ▸e +▪", above, re.M), "the cells of the chosen position"


def test_leaving_the_tour_returns_to_one_s_own_run_as_it_was(launch: Launch, lesson: Path) -> None:
    terminal = launch("--steps", "5000", "--plugin", str(lesson), size=(80, 24))
    terminal.wait_for("step 0/")
    terminal.press("s", "s")
    terminal.wait_for("step 2/5,000")
    terminal.press("T")
    terminal.wait_for("a small lesson", 40)
    terminal.press("End", "Enter")
    terminal.wait_for("stands in panel 2", 40)
    terminal.press("s")
    terminal.wait_for("step 1/300")
    terminal.press("4")
    terminal.wait_for(re.compile("^ 0 gives the keys to the lesson", re.M))
    terminal.press("Enter")
    terminal.wait_for("esc leaves the field; then 0 gives the keys to the lesson")
    terminal.press("Escape")
    terminal.wait_for(re.compile("^ 0 gives the keys to the lesson", re.M))
    terminal.press("0")
    terminal.wait_for("enter go on")
    terminal.press("q")
    terminal.wait_for("step 2/5,000")
    terminal.press("s")
    terminal.wait_for("step 3/5,000")
    terminal.press("T")
    terminal.wait_for("a small lesson", 40)
    terminal.press("End")
    terminal.wait_for(re.compile("▸ +[0-9]+ +small"))
    terminal.press("Enter")
    terminal.wait_for("step 1/300", 40)
    terminal.press("C-c")
    terminal.wait_for("step 3/5,000")
    terminal.press("C-q")
    assert terminal.wait_for_exit() == 0
    assert terminal.errors == "" or "run" in terminal.errors


def test_a_step_shows_the_panel_that_it_speaks_of_and_the_key_0_brings_it_back(
    launch: Launch, tmp_path: Path
) -> None:
    path = tmp_path / "looks.py"
    path.write_text(LOOKS, encoding="utf-8")
    terminal = launch("tour", "looks", "--plugin", str(path), size=(80, 24))
    terminal.wait_for("Look inside.", 40)
    terminal.press("i")
    terminal.wait_for(lambda screen: "look inside" in screen and "✓ Done." in screen, 40)
    terminal.press("0", "Enter")
    terminal.wait_for(
        lambda screen: "panel 2" in screen and "┏━ 2 Loss" in screen, 40
    )  # out of the microscope, and not away from the lesson that was through
    terminal.press("3")
    terminal.wait_for(lambda screen: "╭─ 3 Parameters" in screen or "┏━ 3 Parameters" in screen)
    terminal.press("0")
    terminal.wait_for(lambda screen: "┏━ 2 Loss" in screen and "enter go on" in screen)


@pytest.mark.parametrize(("name", "size"), [("network", (80, 24)), ("attention", (120, 40))])
def test_a_learner_takes_a_lesson_on_a_text_of_their_own_with_keys_alone(
    launch: Launch,
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    size: tuple[int, int],
) -> None:
    """All lessons, sizes and texts: tools/soak_lessons.py."""
    monkeypatch.setenv("MICROGPT_PLAY_HOME", str(home))
    text = tmp_path / "mine.txt"
    text.write_text(TEXTS["accents"], encoding="utf-8")
    terminal = launch("tour", name, "--data", str(text), "--seed", "7", size=size)
    dataset = {"name": "text-file", "options": {"path": str(text)}}
    twin = Twin(load(PluginSources(entry_points=False)), name, seed=7, dataset=dataset)
    learner = Learner(terminal, twin)
    learner.go_through()
    assert learner.right == learner.questions >= 6
    assert learner.wrong >= 5
    assert f"of {learner.questions} questions were right" in learner.screens["over"]
