"""docs/surgery.md: its commands are run in the order of the page, and print what it shows."""

from __future__ import annotations

import gc
import re
import shlex
from collections.abc import Iterator

import pytest
from click.testing import CliRunner

from microgpt.config import ModelConfig
from microgpt.surgery import Component, components
from playground.cli.commands import cli
from playground.lab.inside import surgeon
from tests.docs_helpers import (
    COMMAND,
    ROOT,
    assert_links_lead_somewhere,
    commands,
    headings,
)

PAGE = ROOT / "docs" / "surgery.md"
TEXT = PAGE.read_text(encoding="utf-8")
PRINTED = dict(
    re.findall(r"^```sh\n([^`]*)\n```\n\n```text\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
)
"""What the page shows below a command, by the command; "..." stands for lines that are left out."""


def _shown(config: ModelConfig) -> list[Component]:
    """The parts whose figures the page shows: trying all 93 takes seconds, and each is tried by
    itself."""
    return [one for one in components(config) if re.search(rf"^{one} ", TEXT, re.MULTILINE)]


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The output of each command of the page, in the order of the page."""
    folder, threshold = tmp_path_factory.mktemp("surgery"), gc.get_threshold()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MICROGPT_PLAY_HOME", str(folder / "home"))
        patch.setenv("COLUMNS", "90")
        patch.setattr(surgeon, "components", _shown)
        patch.chdir(folder)
        found = {}
        for command in commands(TEXT):
            words = shlex.split(command)[1:]
            done = CliRunner().invoke(cli, words, prog_name=COMMAND, standalone_mode=False)
            assert done.exception is None, f"{command}: {done.exception!r}"
            assert not done.return_value, f"{command}: {done.output}"
            found[command] = done.output
        yield found
    gc.set_threshold(*threshold)


@pytest.mark.parametrize("command", PRINTED)
def test_a_command_prints_what_the_page_shows(outputs: dict[str, str], command: str) -> None:
    rest = outputs[command]
    for part in filter(None, PRINTED[command].split("...\n")):
        assert part in rest, command
        rest = rest.partition(part)[2]


def test_each_experiment_ends_with_what_to_conclude() -> None:
    experiments = re.split(r"^## ", TEXT, flags=re.MULTILINE)[1:]
    assert [one[:3] for one in experiments] == [f"{n}. " for n in range(1, 6)]
    assert len(headings(TEXT)) == 6
    for one in experiments:
        assert one.count("**What to conclude.**") == 1
        assert "```" not in one.partition("**What to conclude.**")[2]
    assert len(PRINTED) == len(list(commands(TEXT)))
    assert assert_links_lead_somewhere(PAGE) == 2
