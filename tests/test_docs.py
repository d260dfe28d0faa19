"""docs/efficiency.md promises things: each is run here, and each excerpt looked up."""

from __future__ import annotations

import doctest
import importlib.util
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from microgpt import ModelConfig, parameter_count, parameter_layout
from playground.lab.course import Course
from playground.lab.ladder import DEFAULT

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "efficiency.md"
TEXT = PAGE.read_text(encoding="utf-8")
COMMAND = str(Path(sys.executable).parent / "microgpt-play")


def blocks(kind: str) -> list[str]:
    """What stands in the fences of that kind."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)


def commands() -> list[str]:
    lines = "".join(blocks("(?:sh|bash|console)")).splitlines()
    return [line.partition("#")[0].strip() for line in lines if line.startswith("microgpt-play")]


@pytest.fixture(scope="module")
def peak() -> Iterator[ModuleType]:
    """tools/peak.py, which needs Numba only when it measures."""
    spec = importlib.util.spec_from_file_location("peak", ROOT / "tools" / "peak.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["peak"] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        del sys.modules["peak"]


@pytest.mark.parametrize("command", commands())
def test_the_command_line_takes_every_command_it_shows(command: str) -> None:
    words = command.split()[1:]
    done = subprocess.run([COMMAND, *words, "--help"], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def test_commands_and_excerpts_are_found_at_all() -> None:
    assert {"microgpt-play engines", "microgpt-play bench"} <= set(commands())
    assert blocks("pycon") and blocks("python")


def test_what_it_says_to_python_is_answered_as_it_shows() -> None:
    session = "\n".join(blocks("pycon"))
    test = doctest.DocTestParser().get_doctest(session, {}, PAGE.name, str(PAGE), 0)
    heard: list[str] = []
    result = doctest.DocTestRunner(verbose=False).run(test, out=heard.append)
    assert result.attempted > 5
    assert result.failed == 0, "".join(heard)


@pytest.mark.parametrize("block", blocks("python"))
def test_excerpts_stand_so_in_the_code(block: str) -> None:
    first, _, excerpt = block.partition("\n")
    source = (ROOT / first.removeprefix("# ")).read_text(encoding="utf-8")
    assert excerpt in source


def test_links_lead_somewhere() -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", TEXT)
    assert targets
    for target in targets:
        assert (PAGE.parent / target).exists(), target


def test_a_step_takes_as_many_operations_as_it_says(peak: ModuleType) -> None:
    course = Course(DEFAULT)
    counts = [
        sum(peak.operations(course.config, len(document) - 1).values()) for document in course.timed
    ]
    assert f"{statistics.fmean(counts):,.0f} floating-point operations" in TEXT.replace("\n", " ")


def test_products_take_six_operations_a_weight_and_token(peak: ModuleType) -> None:
    """2 forward, 4 backward, but for the embeddings, which are looked up."""
    config = ModelConfig(vocab_size=40, n_embd=24, n_head=2, n_layer=3, block_size=20)
    looked_up = sum(spec.size for spec in parameter_layout(config) if spec.name in ("wte", "wpe"))
    multiplied = parameter_count(config) - looked_up
    assert peak.operations(config, 11)["products"] == 6 * multiplied * 11
