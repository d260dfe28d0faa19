"""docs/share.md: its commands are understood, its constants are those of the code."""

from __future__ import annotations

import pytest

from playground.hooks.builtins.script.plan import EMBEDDED, MOST_WEIGHTS
from tests.docs_helpers import ROOT, assert_links_lead_somewhere, assert_understood, commands

PAGE = ROOT / "docs" / "share.md"
TEXT = " ".join(PAGE.read_text(encoding="utf-8").split())


@pytest.mark.parametrize("command", commands(PAGE.read_text(encoding="utf-8")))
def test_the_command_line_takes_every_command_of_the_page(command: str) -> None:
    assert_understood(command)


def test_links_lead_somewhere() -> None:
    assert assert_links_lead_somewhere(PAGE)


@pytest.mark.parametrize(
    "said", [f"up to {EMBEDDED // 1024} KiB", f"up to {MOST_WEIGHTS:,} weights"]
)
def test_the_page_has_the_constants_of_the_code(said: str) -> None:
    assert said in TEXT
