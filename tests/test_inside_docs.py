"""docs/inside.md: its commands are run in the order of the page, and print what it shows."""

from __future__ import annotations

import contextlib
import gc
import io
import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from playground.cli.commands import VIEWS, cli
from playground.hooks.manager import load
from playground.hooks.sources import PluginSources
from playground.lab.checkpoint import read_checkpoint
from playground.lab.inside.number import Numbers
from playground.lab.protocol.inside import Look
from playground.lab.run.saved_model import ReadModel
from tests.docs_helpers import (
    COMMAND,
    ROOT,
    assert_links_lead_somewhere,
    blocks,
    commands,
    headings,
)

PAGE = ROOT / "docs" / "inside.md"
TEXT = PAGE.read_text(encoding="utf-8")
PRINTED = dict(
    re.findall(r"^```sh\n([^`]*)\n```\n\n```text\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
)
"""What the page shows below a command, by the command; "..." stands for lines that are left out."""


def said(words: list[str]) -> str:
    done = CliRunner().invoke(cli, words, prog_name=COMMAND, standalone_mode=False)
    assert done.exception is None, f"{words}: {done.exception!r}"
    assert not done.return_value, f"{words}: {done.output}"
    return done.stdout


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The output of each command of the page, run one after the other in the order of the page."""
    folder, threshold = tmp_path_factory.mktemp("inside"), gc.get_threshold()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MICROGPT_PLAY_HOME", str(folder / "home"))
        patch.setenv("COLUMNS", "90")
        patch.chdir(folder)
        yield {command: said(shlex.split(command)[1:]) for command in commands(TEXT)}
    gc.set_threshold(*threshold)


@pytest.mark.parametrize("command", PRINTED)
def test_a_command_prints_what_the_page_shows(outputs: dict[str, str], command: str) -> None:
    rest = outputs[command]
    for part in filter(None, PRINTED[command].split("...\n")):
        assert part in rest, command
        rest = rest.partition(part)[2]


@pytest.mark.usefixtures("outputs")
def test_the_notebook_of_the_page_prints_what_stands_below(monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = blocks(TEXT, "python")

    def run(words: list[str], **_: object) -> SimpleNamespace:
        return SimpleNamespace(stdout=said(words[1:]))

    monkeypatch.setattr(subprocess, "run", run)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(code, PAGE.name, "exec"), {})
    assert printed.getvalue() in blocks(TEXT, "text")


@pytest.mark.usefixtures("outputs")
@pytest.mark.parametrize("view", VIEWS)
def test_the_keys_of_the_page_are_those_of_the_json(view: str) -> None:
    opened = ["--neuron", "3"] if view == "neurons" else []
    opened = ["--against", "mean"] if view == "credit" else opened
    shown = json.loads(said(["inside", "anna", "--view", view, *opened, "--json"]))
    everywhere = re.findall(r"^\| `(\w+)` \| (?!`position`|`layers`|`stages`)", TEXT, re.MULTILINE)
    assert [key for key in shown if key in everywhere] == everywhere
    (row,) = re.findall(rf"^\| `{view}` \| (.*) \|$", TEXT, re.MULTILINE)
    assert set(shown) - set(everywhere) <= set(re.findall(r"\w+", row))


@pytest.mark.usefixtures("outputs")
def test_the_graph_has_as_many_numbers_as_the_page_says() -> None:
    registry = load(PluginSources(entry_points=False))
    read = ReadModel.of(read_checkpoint(Path("names.safetensors")), registry)
    encoder = read.encoder
    ids = [encoder.bos_id, *encoder.encode("anna"), encoder.bos_id]
    look = Look(view="number", position=4, token=0)
    size = Numbers(read.config, encoder.display).reading(look, read.weights, ids).size
    assert f"The graph has {size:,} numbers for *anna*" in TEXT


def test_every_view_has_its_part_and_links_lead_somewhere() -> None:
    assert len(PRINTED) == 13
    assert assert_links_lead_somewhere(PAGE) == 8
    parts = " ".join(headings(TEXT))
    for view in (*VIEWS, "number"):
        assert view in parts
    assert TEXT.count("**Beside others.**") == len(VIEWS) + 1
