"""docs/lessons.md: its code is put together as a reader would, checked, and taken at a real run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from microgpt.sampling import softmax
from playground.hooks.manager import load
from playground.hooks.sources import PluginSources, import_path
from playground.lab.protocol.lessons import GuideStep, LessonPlace
from playground.lab.session import Session
from playground.lab.spec import RunSpec
from playground.testing import contribution_checks, run_checks
from playground.tui.bindings import MAIN_BINDINGS
from tests.docs_helpers import (
    ROOT,
    assert_links_lead_somewhere,
    assert_understood,
    blocks,
    commands,
)

PAGE = ROOT / "docs" / "lessons.md"
TEXT = PAGE.read_text(encoding="utf-8")
FIRST, CHANGES, TESTED = blocks(TEXT, "python")
SCRIPT = Path(sys.executable).parent / "microgpt-play"


def whole() -> str:
    """The file as it is after step 3."""
    imports, _, code = CHANGES.partition("\n")
    file = re.sub(r"from playground\.api import .*", imports, FIRST)
    return re.sub(r"\ndef lesson\(\):\n.*?\n(?=\n@hookimpl)", lambda _: code, file, flags=re.DOTALL)


FILES = {"after step 1": FIRST, "after step 3": whole()}


@pytest.mark.parametrize("code", FILES.values(), ids=FILES)
def test_each_version_of_the_lesson_keeps_every_promise(code: str, tmp_path: Path) -> None:
    file = tmp_path / "first-letter.py"
    file.write_text(code, encoding="utf-8")
    registry = load(PluginSources(files=(str(file),), entry_points=False))
    assert registry.problems == ()
    findings = run_checks(
        contribution_checks("lesson", registry.contribution("lesson", "first-letter"))
    )
    assert [found.message for found in findings if found.outcome == "failed"] == []


TEXTS = {
    "names": ["anna", "alma", "bob", "abel", "cleo", "arno", "bea", "ada"] * 3,
    "lines": ["the cat", "that dog", "a bird", "this is", "their own", "an owl", "the end"] * 3,
}


def opened(folder: Path, texts: list[str], seed: int) -> Session:
    (folder / "first-letter.py").write_text(whole(), encoding="utf-8")
    (folder / "texts.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")
    data = {"name": "text-file", "options": {"path": str(folder / "texts.txt")}}
    sources = PluginSources(files=(str(folder / "first-letter.py"),), entry_points=False)
    spec = RunSpec.parse({"dataset": data, "seed": seed, "steps": 120, "holdout": 0.0})
    return Session.open(spec, load(sources))


@pytest.mark.parametrize(("texts", "seed"), [("names", 1), ("lines", 2)])
def test_the_lesson_is_judged_rightly_on_any_text(tmp_path: Path, texts: str, seed: int) -> None:
    session = opened(tmp_path, TEXTS[texts], seed)
    teacher, place = session.teacher, LessonPlace("first-letter", 0)
    counts = Counter(text[0] for text in TEXTS[texts])
    best = counts.most_common(1)[0][0]

    def now(at: LessonPlace) -> GuideStep:
        teacher._not_before = 0.0
        return teacher.step(at)

    def then(at: LessonPlace) -> GuideStep:
        return now(replace(at, index=at.index + 1, began=None))

    def likely() -> float:
        decoder = session.training.engine.decoder()
        probs = decoder.push(session.info.bos_id)
        return 100 * softmax(probs)[session.info.vocabulary.index(best)]

    step = then(now(place).place)
    assert teacher.judge(step.place, step.choices.index(best)).right
    wrong = next(at for at, choice in enumerate(step.choices) if choice != best)
    assert not teacher.judge(step.place, wrong).right
    step = then(step.place)
    assert best in step.text and abs(likely() - 100 / session.info.vocab_size) < 3
    assert teacher.judge(step.place, likely() * 1.05).right
    assert teacher.judge(step.place, 90.0).off == "high"
    step, before = then(step.place), likely()
    assert step.waits and not step.done
    while session.step < 100:
        assert session.advance()
    step = now(step.place)
    judged = teacher.judge(step.place, 0)
    assert step.done and judged.right == (likely() > before)
    assert f"It was {before:.1f} %, and is {likely():.1f} %" in judged.why
    step = then(judged.place)
    assert not step.done
    session.sample()
    assert now(step.place).done
    assert then(step.place).text.startswith("On a text of your own")


def test_the_test_of_the_page_runs(tmp_path: Path) -> None:
    file = tmp_path / "first-letter.py"
    file.write_text(whole(), encoding="utf-8")
    module: Any = import_path(file)
    exec(TESTED, {"lesson": SimpleNamespace(letter=module.letter)})
    wrong = SimpleNamespace(letter=lambda facts: facts.documents[0][-1])
    with pytest.raises(AssertionError):
        exec(TESTED, {"lesson": wrong})


def test_the_commands_of_the_page_do_what_it_says(tmp_path: Path) -> None:
    environment = {**os.environ, "MICROGPT_PLAY_HOME": str(tmp_path)}
    folder = tmp_path / "config" / "plugins"

    def run(line: str, *more: str) -> str:
        words = [str(SCRIPT), *line.split()[1:], *more]
        done = subprocess.run(
            words,
            cwd=folder if folder.exists() else tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    new, _, check, *_ = commands(TEXT)
    assert "first-letter.py" in run(new)
    (folder / "first-letter.py").write_text(whole(), encoding="utf-8")
    assert ", 0 broken" in run(check)
    listed = json.loads(run("microgpt-play lessons", "--json"))
    assert [one["summary"] for one in listed if one["name"] == "first-letter"] == [
        "which letter begins a text"
    ]


@pytest.mark.parametrize("command", sorted(set(commands(TEXT))))
def test_the_command_line_takes_every_command_of_the_page(command: str) -> None:
    assert_understood(command)


def test_keys_and_links_of_the_page_are_there() -> None:
    bound = {binding.key: binding.action for binding in MAIN_BINDINGS}
    assert bound["g"] == "sample" and bound["T"] == "app.tour"
    assert assert_links_lead_somewhere(PAGE) >= 2
    assert len(commands(TEXT)) == 5 and set(re.findall(r"^```(\w+)$", TEXT, re.MULTILINE)) == {
        "sh",
        "python",
    }
