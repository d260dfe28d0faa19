"""docs/efficiency.md: its commands and sessions are run, its excerpts and figures looked up."""

from __future__ import annotations

import doctest
import statistics
from collections.abc import Iterator
from types import ModuleType

import pytest

from microgpt import ModelConfig, parameter_count, parameter_layout
from playground.lab.bench import DEFAULT, BenchModel
from tests.docs_helpers import (
    ROOT,
    assert_links_lead_somewhere,
    assert_understood,
    blocks,
    commands,
    tool,
)

PAGE = ROOT / "docs" / "efficiency.md"
TEXT = PAGE.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def peak() -> Iterator[ModuleType]:
    """tools/peak.py as a module. The script imports Numba only when it measures."""
    with tool("peak") as module:
        yield module


@pytest.mark.parametrize("command", commands(TEXT))
def test_the_command_line_takes_every_command_that_the_page_shows(command: str) -> None:
    assert_understood(command)


def test_commands_and_excerpts_of_the_page_are_found() -> None:
    assert {"microgpt-play engines", "microgpt-play bench"} <= set(commands(TEXT))
    assert blocks(TEXT, "pycon") and blocks(TEXT, "python")


def test_python_answers_the_sessions_of_the_page_as_shown() -> None:
    session = "\n".join(blocks(TEXT, "pycon"))
    test = doctest.DocTestParser().get_doctest(session, {}, PAGE.name, str(PAGE), 0)
    heard: list[str] = []
    result = doctest.DocTestRunner(verbose=False).run(test, out=heard.append)
    assert result.attempted > 5
    assert result.failed == 0, "".join(heard)


@pytest.mark.parametrize("block", blocks(TEXT, "python"))
def test_excerpts_of_the_page_stand_in_the_code(block: str) -> None:
    first, _, excerpt = block.partition("\n")
    source = (ROOT / first.removeprefix("# ")).read_text(encoding="utf-8")
    assert excerpt in source


def test_links_lead_somewhere() -> None:
    assert assert_links_lead_somewhere(PAGE) > 5


def test_a_step_takes_as_many_operations_as_the_page_says(peak: ModuleType) -> None:
    model = BenchModel(DEFAULT)
    counts = [
        sum(peak.operations(model.config, len(document) - 1).values()) for document in model.timed
    ]
    assert f"{statistics.fmean(counts):,.0f} floating-point operations" in TEXT.replace("\n", " ")


def test_products_take_six_operations_a_weight_and_token(peak: ModuleType) -> None:
    """Each product takes 2 operations forward and 4 backward; embeddings are only looked up."""
    config = ModelConfig(vocab_size=40, n_embd=24, n_head=2, n_layer=3, block_size=20)
    looked_up = sum(spec.size for spec in parameter_layout(config) if spec.name in ("wte", "wpe"))
    multiplied = parameter_count(config) - looked_up
    assert peak.operations(config, 11)["products"] == 6 * multiplied * 11
