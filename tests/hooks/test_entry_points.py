"""Installed packages: found by their entry points, in order, each in its own guard."""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from pathlib import Path

import pytest

from playground.hooks.manager import load
from playground.hooks.sources import PluginSources

PLUGIN = """
from playground.api import Contribution, hookimpl

class Same:
    def transform(self, logits, context):
        return list(logits)

@hookimpl
def microgpt_sampling_strategies():
    yield Contribution(name={name!r}, summary="", factory=Same)
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """install("llm-words", "1.2", {"words": "module"}): a distribution on the path."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def make(distribution: str, version: str, points: dict[str, str]) -> None:
        info = tmp_path / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        )
        lines = "".join(f"{name} = {value}\n" for name, value in points.items())
        (info / "entry_points.txt").write_text(f"[microgpt_play]\n{lines}")
        importlib.invalidate_caches()

    yield make
    for name in set(sys.modules) - before:
        del sys.modules[name]


def installed(registry, kind="strategy"):
    return [entry for entry in registry.catalog().of(kind) if entry.plugin != "builtin"]


def test_a_package_contributes_under_its_distribution_name(install, tmp_path: Path):
    (tmp_path / "words_plugin_x.py").write_text(PLUGIN.format(name="words"))
    install("llm-words", "1.2", {"words": "words_plugin_x"})
    registry = load()
    assert registry.problems == ()
    (entry,) = installed(registry)
    assert (entry.qualified, entry.origin) == ("llm-words:words", "package llm-words 1.2")


def test_packages_come_by_entry_point_name_after_builtins_before_files(install, tmp_path: Path):
    for name in ("zeta", "alpha"):
        (tmp_path / f"{name}_plugin_x.py").write_text(PLUGIN.format(name=name))
    install("first", "1", {"zeta": "zeta_plugin_x"})
    install("second", "1", {"alpha": "alpha_plugin_x"})
    file = tmp_path / "aaa.py"
    file.write_text(PLUGIN.format(name="file"))
    registry = load(PluginSources(files=(str(file),)))
    assert [entry.name for entry in installed(registry)] == ["alpha", "zeta", "file"]
    assert [plugin.name for plugin in registry.plugins] == ["builtin", "second", "first", "aaa"]


def test_one_package_may_have_two_entry_points(install, tmp_path: Path):
    for name in ("one", "two"):
        (tmp_path / f"{name}_plugin_x.py").write_text(PLUGIN.format(name=name))
    install("both", "1", {"one": "one_plugin_x", "two": "two_plugin_x"})
    registry = load()
    assert registry.problems == ()
    assert [entry.qualified for entry in installed(registry)] == ["both:one", "both:two"]
    assert [(p.name, p.contributions) for p in registry.plugins][1:] == [("both", 2)]


def test_a_package_that_breaks_or_is_missing_harms_no_other(install, tmp_path: Path):
    (tmp_path / "good_plugin_x.py").write_text(PLUGIN.format(name="good"))
    (tmp_path / "bad_plugin_x.py").write_text("raise SystemExit('bye')")
    install("bad", "1", {"a": "bad_plugin_x"})
    install("gone", "1", {"b": "no_such_plugin_x:thing"})
    install("good", "1", {"c": "good_plugin_x"})
    registry = load()
    assert [entry.name for entry in installed(registry)] == ["good"]
    assert [(p.plugin, p.stage) for p in registry.problems] == [
        ("bad", "import"),
        ("gone", "import"),
    ]


@pytest.mark.parametrize("name", ["llm-words", "words", "llm-words:words"])
def test_a_disabled_package_is_not_imported(install, tmp_path: Path, name: str):
    (tmp_path / "words_plugin_x.py").write_text("raise SystemExit")
    install("llm-words", "1.2", {"words": "words_plugin_x"})
    registry = load(PluginSources(disabled=(name,)))
    assert registry.problems == () and registry.plugins[-1].state == "disabled"
    assert "words_plugin_x" not in sys.modules


def test_a_package_cannot_pass_for_a_builtin(install, tmp_path: Path):
    (tmp_path / "words_plugin_x.py").write_text(PLUGIN.format(name="words"))
    install("builtin", "1", {"words": "words_plugin_x"})
    (entry,) = [e for e in load().catalog().of("strategy") if e.name == "words"]
    assert entry.plugin == "builtin-2"


def test_a_package_list_that_cannot_be_read_is_said(monkeypatch: pytest.MonkeyPatch):
    def broken(**_: str) -> None:
        raise OSError("damaged")

    monkeypatch.setattr(importlib.metadata, "entry_points", broken)
    (problem,) = load().problems
    assert problem.stage == "import" and "damaged" in problem.message
