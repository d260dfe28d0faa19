"""The name by which a printed command starts the program again."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from microgpt.shell import program


@pytest.mark.parametrize("on_path", [True, False])
def test_a_printed_command_names_the_program_as_it_can_be_started_from_here(
    on_path: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "an env" / "bin"
    folder.mkdir(parents=True)
    script = folder / "microgpt-play"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder) if on_path else str(tmp_path))
    monkeypatch.setattr(sys, "argv", [str(script)])
    assert program() == ("microgpt-play" if on_path else f"'{script}'")
    monkeypatch.chdir(folder.parent)
    monkeypatch.setattr(sys, "argv", ["bin/microgpt-play"])
    assert program() == ("microgpt-play" if on_path else "bin/microgpt-play")


@pytest.mark.parametrize("argv", [[], ["microgpt-play"], ["/usr/lib/python3/pytest"]])
def test_whatever_else_was_started_the_command_has_its_own_name(
    argv: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", argv)
    assert program() == "microgpt-play"
