"""docs/score.md: its commands are understood, its constants are those of the code."""

from __future__ import annotations

import json

import pytest

from playground.lab.score import compressors, copying, interval, score
from tests.cli.conftest import SMALL, Play, home, play, words  # noqa: F401
from tests.docs_helpers import ROOT, assert_links_lead_somewhere, assert_understood, commands

PAGE = ROOT / "docs" / "score.md"
TEXT = " ".join(PAGE.read_text(encoding="utf-8").split())


@pytest.mark.parametrize("command", commands(PAGE.read_text(encoding="utf-8")))
def test_the_command_line_takes_every_command_of_the_page(command: str) -> None:
    assert_understood(command)


def test_links_lead_somewhere() -> None:
    assert assert_links_lead_somewhere(PAGE)


@pytest.mark.parametrize(
    "said",
    [
        f"at least {score.LEAST}, and at most {score.MOST_TOKENS:,} tokens",
        f"2^{score.AFFORDED.bit_length() - 1} tokens times parameters",
        f"characters ({score.TRAINING:,})",
        f"runs of {copying.RUN} characters or more",
        f"{interval.RESAMPLES:,} bootstrap resamples",
        f"more than {interval.BLOCKS} texts",
        f"drawn in {compressors.GROUPS} groups",
    ],
)
def test_the_page_has_the_constants_of_the_code(said: str) -> None:
    assert said in TEXT


@pytest.mark.usefixtures("words")
def test_every_figure_of_the_json_is_described(play: Play) -> None:  # noqa: F811
    assert play("train", "words.txt", *SMALL, "--steps", "5", "--holdout", "0.3").code == 0
    shown = json.loads(play("score", "--json", "--samples", "5").out)
    figures = [
        name
        for part in ("heldout", "samples")
        for name, value in shown[part].items()
        if isinstance(value, (dict, list)) and name != "texts"
    ]
    assert len(figures) > 12
    assert [name for name in figures if f"`{name}`" not in TEXT] == []
