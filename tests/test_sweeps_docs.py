"""docs/sweeps.md: its commands are understood, its links lead somewhere, its figures are true."""

from __future__ import annotations

import pytest

from playground.lab.sweep.coordinator import ATTEMPTS
from playground.lab.sweep.table import student
from tests.docs_helpers import ROOT, assert_understood, commands

TEXT = (ROOT / "docs" / "sweeps.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", commands(TEXT))
def test_the_command_line_takes_every_command_that_the_page_shows(command: str) -> None:
    assert_understood(command)


def test_the_figures_of_the_page_are_those_of_the_code() -> None:
    assert len(commands(TEXT)) >= 5
    assert f"t is {student(2):.2f} with two degrees" in TEXT
    assert ATTEMPTS == 3 and "After\n  three losses" in TEXT
