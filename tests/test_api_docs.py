"""docs/api.md: its sessions are run as the page shows them, and it names all that there is."""

from __future__ import annotations

import doctest
import inspect
from pathlib import Path

import pytest

import playground as mg
from microgpt import load_names
from playground.lab.notebook.settings import FIELDS
from tests.docs_helpers import ROOT, assert_links_lead_somewhere, blocks

PAGE = ROOT / "docs" / "api.md"
TEXT = PAGE.read_text(encoding="utf-8")


def test_python_answers_as_the_page_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder with a text of the reader's, and without a record."""
    monkeypatch.setenv("MICROGPT_PLAY_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    Path("my.txt").write_text("\n".join(load_names()[:60]) + "\n", encoding="utf-8")
    session = "\n".join(blocks(TEXT, "pycon"))
    test = doctest.DocTestParser().get_doctest(session, {}, PAGE.name, str(PAGE), 0)
    heard: list[str] = []
    result = doctest.DocTestRunner(verbose=False).run(test, out=heard.append)
    assert result.attempted > 30
    assert result.failed == 0, "".join(heard)


def test_the_page_names_all_that_there_is() -> None:
    public = {
        name
        for kind in (mg.Run, mg.Dissection)
        for name, _ in inspect.getmembers(kind)
        if not name.startswith("_")
    }
    unshown = {"steps", "finished", "text", "parameters", "notices"}
    wanted = (public - unshown) | set(FIELDS) - {"dataset"} | {f"mg.{n}" for n in ("open", "load")}
    assert sorted(name for name in wanted if f"{name}" not in TEXT) == []
    assert assert_links_lead_somewhere(PAGE) >= 5
