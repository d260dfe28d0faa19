"""docs/check-run.md: its commands are understood, its recipe works, its tolerances are stated."""

from __future__ import annotations

import re
import shlex
from dataclasses import asdict
from pathlib import Path

import pytest

from microgpt import load_names
from playground.lab.score.check import Allowed
from tests.cli.conftest import Play, home, play, words  # noqa: F401
from tests.docs_helpers import ROOT, assert_links_lead_somewhere, assert_understood, commands

PAGE = ROOT / "docs" / "check-run.md"
TEXT = PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("command", commands(TEXT))
def test_the_command_line_takes_every_command_of_the_page(command: str) -> None:
    assert_understood(command)


def test_links_lead_somewhere() -> None:
    assert assert_links_lead_somewhere(PAGE)


def test_the_page_has_the_tolerances_of_the_code() -> None:
    said = dict(re.findall(r"^\| `--(\w+)` \|.*\| ([\w.]+) \|$", TEXT, re.MULTILINE))
    assert said == {
        name: "any" if limit is None else str(limit) for name, limit in asdict(Allowed()).items()
    }


def test_the_recipe_passes_and_fails_as_it_says(play: Play, words: Path) -> None:  # noqa: F811
    words.with_name("names.txt").write_text("\n".join(load_names()[:400]), encoding="utf-8")
    recipe = TEXT[TEXT.index("## A recipe") : TEXT.index("## What is compared")]
    small = ("--n-embd", "4", "--n-head", "2", "--block-size", "4", "--samples", "0")
    begin = commands(recipe)
    then = re.findall(r"- run: (microgpt-play .*)", recipe)
    assert (len(begin), len(then)) == (2, 2)

    def run(line: str, *more: str) -> int:
        _, *said = shlex.split(line)
        return play(*said, *(small if said[0] == "train" else ()), *more).code

    assert [run(line) for line in (*begin, *then)] == [0] * 4
    assert run(then[1], "--samples", "0", "--probes", "0") == 0
    assert run(then[0], "--learning-rate", "0.5") == 0
    assert run(then[1]) == 1
