"""Runs for the lessons, on names and on texts that are made up."""

from __future__ import annotations

import random
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from playground.hooks.registry import Registry
from playground.lab.run.speed import Ration
from playground.lab.session import Session
from tests.hooks.lessons.learner import open_lesson

Taught = Callable[..., Session]


def made_up(seed: int = 3, letters: str = "abcdefgh τυφχ", lines: int = 90) -> str:
    """Lines of made-up words, in which some letters follow others more often."""
    rng = random.Random(seed)
    out = []
    for _ in range(lines):
        at, line = rng.randrange(len(letters)), ""
        for _ in range(rng.randrange(3, 12)):
            line += letters[at]
            at = (at + rng.choice((1, 1, 1, 2, 5))) % len(letters)
        out.append(line.strip() or letters[0])
    return "\n".join(out) + "\n"


def prose(seed: int = 11, sentences: int = 160) -> str:
    """Sentences of made-up words, one after the other in lines of 70 columns, with no blank line
    between them."""
    rng = random.Random(seed)
    words = [word for word in made_up(seed, "abdeilmnorstu", 120).split() if len(word) > 1]
    told = []
    for _ in range(sentences):
        one = [rng.choice(words) for _ in range(rng.randrange(4, 11))]
        told.append(" ".join(one).capitalize() + rng.choice((".", ".", "!", ", said Bo.")))
    return textwrap.fill(" ".join(told), 70) + "\n"


TEXTS = {
    "made up": made_up(),
    "accents": made_up(9, "aàâbcçdeéèêfgîïñoôœßuùüyÿžλ -'", 400),
    "prose": prose(),
    "three": "\n".join(["ab", "ba", "aab", "abb", "b", "a", "bab", "aa"] * 4) + "\n",
    "one line": "the rain in spain\n" * 12,
    "sentences": "\n".join(
        f"{who} {does} the {what}." for who in ("Anna", "Bo", "Ünal") for does in ("sees", "has")
        for what in ("sea", "quiz", "日本", "[bold]x[/]", "very long and winding road to nowhere")
    ) + "\n",
}  # fmt: skip
"""Odd and ordinary texts, by name; the first is no list of English names, and has two scripts."""
ODD: tuple[tuple[str, dict[str, Any]], ...] = (
    ("names", {}),
    ("made up", {"seed": 5}),
    ("three", {"seed": 8, "holdout": 0.0}),
    ("sentences", {"seed": 2, "tokenizer": {"name": "word"}, "model__n_embd": 8}),
    ("one line", {"seed": 1, "model__n_embd": 6, "model__n_head": 3}),
)
"""What each lesson is taken on: a text, and settings of the run."""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home folder for one test, so that no test writes to the folders of the user."""
    monkeypatch.setenv("MICROGPT_PLAY_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(Ration, "BEGINNING", 1e9)


@pytest.fixture
def taught(builtins: Registry, tmp_path: Path) -> Taught:
    """taught(lesson, text="names", **settings) -> the run of a lesson."""

    def opened(lesson: str, text: str = "names", **settings: Any) -> Session:
        if text != "names":
            path = tmp_path / "text.txt"
            path.write_text(TEXTS[text], encoding="utf-8")
            settings["dataset"] = {"name": "text-file", "options": {"path": str(path)}}
        return open_lesson(builtins, lesson, **settings)

    return opened
