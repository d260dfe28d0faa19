"""A plugin for another version of the interface is refused in one line, and not imported."""

from __future__ import annotations

from pathlib import Path

import pytest

from playground.api import API_VERSION
from playground.hooks.api_version import GROUP, HEAD_BYTES, VersionError, check, of_path, of_text
from playground.hooks.manager import load
from playground.hooks.sources import PluginSources


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("MICROGPT_API = 1", (1, 1)),
        ("MICROGPT_API = (1, 3)  # all of these", (1, 3)),
        ("'''Words.'''\nimport os\nMICROGPT_API: int = 2\n1 / 0", (2, 2)),
        ("MICROGPT_API = (\n    1,\n    2,\n)\n", (1, 2)),
        ("# -*- coding: latin-1 -*-\nx = '\xe9'\nMICROGPT_API = 4\n", (4, 4)),
        ("'''\nMICROGPT_API = 9\n'''", None),
        ("if True:\n    MICROGPT_API = 9", None),
        ("print(MICROGPT_API)", None),
        ("def (", None),
        ("", None),
    ],
)
def test_a_file_says_its_versions_without_being_run(
    tmp_path: Path, source: str, wanted: tuple[int, int] | None
):
    path = tmp_path / "mine.py"
    path.write_bytes(source.encode("latin-1"))
    assert of_path(path) == wanted


def test_only_the_beginning_of_a_file_is_read(tmp_path: Path):
    path = tmp_path / "mine.py"
    path.write_text("MICROGPT_API = 2\nx = '''" + "y" * HEAD_BYTES + "'''\n")
    assert of_path(path) == (2, 2)
    path.write_text("#" * HEAD_BYTES + "\nMICROGPT_API = 2\n")
    assert of_path(path) is None


@pytest.mark.parametrize("source", ["'1'", "1.0", "True", "(1, 2, 3)", "(2, 1)", "f()", "", "(1,"])
def test_versions_that_are_none_are_refused(tmp_path: Path, source: str):
    path = tmp_path / "mine.py"
    path.write_text(f"MICROGPT_API = {source}\n")
    with pytest.raises(VersionError, match=r"MICROGPT_API|range of versions"):
        of_path(path)


def test_entry_points_say_a_version_or_a_range():
    assert of_text("1") == (1, 1) and of_text("1..2") == (1, 2)
    for text in ("", "a", "1-2", "2..1", "1..2..3", "²"):
        with pytest.raises(VersionError):
            of_text(text)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [((2, 2), "for version 2 of the plugin interface, and this playground has version 1. Update"),
     ((0, 0), "Look for a newer version of the plugin"), ((2, 9), "versions 2 to 9")],
)  # fmt: skip
def test_what_is_wanted_and_what_there_is_are_said(wanted: tuple[int, int], said: str):
    with pytest.raises(VersionError) as caught:
        check(wanted, 1)
    assert said in str(caught.value)
    check((1, 2), 1)
    check(None, 1)


def test_a_file_for_another_version_is_not_imported(tmp_path: Path):
    path = tmp_path / "mine.py"
    path.write_text(f"MICROGPT_API = {API_VERSION + 1}\nraise SystemExit('imported')")
    registry = load(PluginSources(files=(str(path),), entry_points=False))
    (problem,) = registry.problems
    assert problem.stage == "version" and "imported" not in problem.message
    assert registry.plugins[-1].state == "failed"


def test_a_package_says_its_versions_in_its_metadata(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "later_plugin_x.py").write_text("raise SystemExit('imported')")
    info = tmp_path / "later-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: later\nVersion: 1\n")
    points = f"[microgpt_play]\nlater = later_plugin_x\n[{GROUP}]\nversions = 7..9\n"
    (info / "entry_points.txt").write_text(points)
    problem = next(problem for problem in load().problems if problem.plugin == "later")
    assert problem.stage == "version" and "versions 7 to 9" in problem.message
