"""docs/parts.md and the tool that made its tables."""

from __future__ import annotations

import re

import pytest

from microgpt import parameter_count
from microgpt.config import PARTS
from playground.lab.spec import SGD_RATE, SGD_USUAL, WITHOUT, RunSpec
from tests.docs_helpers import ROOT, assert_links_lead_somewhere, tool

PAGE = ROOT / "docs" / "parts.md"
TEXT = PAGE.read_text(encoding="utf-8")


def test_links_lead_somewhere() -> None:
    assert_links_lead_somewhere(PAGE)


def test_the_tables_have_the_rows_of_the_tool_with_its_parameters() -> None:
    rows = re.findall(r"^\| (.+?) \| ([\d,]+) \| [\d.]+ ± ", TEXT, re.MULTILINE)
    with tool("parts") as parts:
        assert rows == [(one.name, f"{parameter_count(one.model):,}") for one in parts.TABLE]
        rates = [f"SGD, learning rate {rate:g}" for rate in parts.RATES]
    assert all(f"| {name} |" in TEXT for name in rates)


def test_the_page_says_of_each_part_what_the_settings_say() -> None:
    table = TEXT[: TEXT.index("On the screen")]
    for part in PARTS:
        (said,) = re.findall(rf"^\| {part} \| (.+?) \|", table, re.MULTILINE)
        assert WITHOUT[part].partition(":")[0].partition(",")[0].split()[-1] in said, part
    low, high = SGD_USUAL
    assert f"propose {SGD_RATE:g} with SGD, and call {low:g} to {high:g} usual" in TEXT


def test_the_tool_compares_each_model_with_the_whole_one_of_its_seed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with tool("parts") as parts:
        whole = parts._documents

        def few(seed: int) -> object:
            train, heldout, state = whole(seed)
            assert len(heldout) == round(RunSpec().holdout * 29_911)
            return train, heldout[:20], state

        monkeypatch.setattr(parts, "_documents", few)
        monkeypatch.setattr(parts, "TABLE", parts.TABLE[:3])
        assert parts.main(["--steps", "3", "--seeds", "42", "43"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert [line.split(" | ")[0] for line in lines[2:]] == [
            "| the whole model, Adam", "| without attention", "| without mlp",
        ]  # fmt: skip
        (first, second, _) = parts.measure(parts.TABLE, (42,), 3)
        assert second["costs"] == [second["losses"][0] - first["losses"][0]] and first["costs"] == [
            0
        ]
