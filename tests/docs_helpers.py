"""Shared by the tests of documentation: fences, commands and links of a page, tools by name."""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from click.testing import CliRunner

from playground.cli.commands import cli

ROOT = Path(__file__).parent.parent
COMMAND = "microgpt-play"


def blocks(text: str, kind: str) -> list[str]:
    """The text inside each fence of one kind, such as "python"."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def commands(text: str) -> list[str]:
    """Every microgpt-play command that a page tells its reader to type, without its comment."""
    lines = "".join(blocks(text, "(?:sh|bash|console)")).splitlines()
    lines = [line.removeprefix("$ ").partition("#")[0].strip() for line in lines]
    return [line for line in lines if line.startswith(COMMAND)]


def assert_understood(command: str) -> None:
    """Assert that the command line knows the command, its subcommand and each of its options."""
    _, *words = shlex.split(command)
    said = CliRunner().invoke(cli, [*words, "--help"], prog_name=COMMAND)
    assert said.exit_code == 0, said.output
    if words[:1] == ["plugins"]:  # a group would show its own help for a word it does not know
        wanted = [word for word in words[:2] if not word.startswith("-")]
        assert said.output.startswith(f"Usage: {' '.join([COMMAND, *wanted])} "), said.output


def assert_links_lead_somewhere(page: Path) -> int:
    """Assert that the file and heading of each link exist. Returns the number of links."""
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text(encoding="utf-8"))
    for link in links:
        target, _, heading = link.partition("#")
        file = page.parent / target if target else page
        assert file.exists(), f"{page.name}: {link}"
        if heading:
            assert heading in headings(file.read_text(encoding="utf-8")), f"{page.name}: {link}"
    return len(links)


def headings(text: str) -> set[str]:
    """The anchors of the headings of a page, as code forges make them."""
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}


@contextmanager
def tool(name: str) -> Iterator[ModuleType]:
    """The script tools/NAME.py, which is in no package, as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        del sys.modules[name]
