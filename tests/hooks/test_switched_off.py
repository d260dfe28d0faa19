"""What is switched off, in the configuration or for once, is not imported; slips are said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from playground.hooks.manager import load
from playground.hooks.registry import Registry
from playground.hooks.sources import PluginSources
from playground.hooks.switched_off import SettingsError, read_disabled, set_enabled


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config" / "config.json"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A plugin folder with a plugin that must not be imported."""
    path = tmp_path / "plugins"
    path.mkdir()
    (path / "loud.py").write_text("raise SystemExit('imported')")
    return path


def loaded(folder: Path, config: Path, *without: str) -> Registry:
    sources = PluginSources(
        folder=str(folder), entry_points=False, config=str(config), disabled=without
    )
    return load(sources)


def test_a_plugin_switched_off_in_the_configuration_is_not_imported(folder: Path, config: Path):
    assert set_enabled(config, "loud", False)
    registry = loaded(folder, config)
    assert registry.problems == ()
    assert [(p.name, p.state) for p in registry.plugins[1:]] == [("loud", "disabled")]
    assert set_enabled(config, "loud", True)
    assert "imported" in loaded(folder, config).problems[0].message


def test_switching_keeps_whatever_else_the_file_holds(config: Path):
    config.parent.mkdir()
    config.write_text('{"theme": "nord", "plugins": {"disabled": ["a"], "more": 1}}')
    assert set_enabled(config, "b", False) and not set_enabled(config, "b", False)
    assert json.loads(config.read_text()) == {
        "theme": "nord",
        "plugins": {"disabled": ["a", "b"], "more": 1},
    }
    assert set_enabled(config, "a", True) and read_disabled(config) == ("b",)
    assert [path.name for path in config.parent.iterdir()] == ["config.json"]


@pytest.mark.parametrize(
    ("text", "said"),
    [("{", "is damaged"), ("[]", "holds no JSON object"), ('{"plugins": []}', "must hold"),
     ('{"plugins": {"disabled": "a"}}', "must hold"), ("\x00", "is damaged"),
     ("[" * 100_000, "is damaged")],
    ids=["cut off", "list", "wrong", "text", "nul", "deep"],
)  # fmt: skip
def test_a_damaged_configuration_is_said_ignored_and_left_alone(
    folder: Path, config: Path, text: str, said: str
):
    config.parent.mkdir()
    config.write_text(text)
    first, second = loaded(folder, config).problems
    assert first.stage == "disabled" and said in first.message and "Mend it" in first.message
    assert second.plugin == "loud"  # which was loaded, as if nothing were switched off
    with pytest.raises(SettingsError, match=said):
        set_enabled(config, "loud", False)
    assert config.read_text() == text


def test_a_configuration_that_cannot_be_written_is_said(tmp_path: Path):
    (tmp_path / "config").write_text("a file where the folder belongs")
    with pytest.raises(SettingsError, match="cannot be"):
        set_enabled(tmp_path / "config" / "config.json", "x", False)


@pytest.mark.parametrize(
    ("name", "said"),
    [("luod", "did you mean 'loud'?"), ("xyz", "there are: loud"),
     ("builtin", "the built-ins cannot be switched off")],
)  # fmt: skip
def test_a_name_that_means_nothing_is_said(folder: Path, config: Path, name: str, said: str):
    first, _ = loaded(folder, config, name).problems
    assert (first.stage, first.plugin) == ("disabled", "--without") and said in first.message
    set_enabled(config, name, False)
    first, _ = loaded(folder, config).problems
    assert (first.plugin, first.origin) == ("configuration", str(config)) and said in first.message


def test_of_two_with_one_name_either_can_be_switched_off(folder: Path, config: Path):
    other = folder.parent / "loud.py"
    other.write_text("raise SystemExit('imported')")
    set_enabled(config, "loud-2", False)
    sources = PluginSources(
        folder=str(folder), files=(str(other),), entry_points=False, config=str(config)
    )
    registry = load(sources)
    assert [(p.name, p.state) for p in registry.plugins[1:]] == [
        ("loud", "failed"),
        ("loud-2", "disabled"),
    ]
    assert [p.plugin for p in registry.problems] == ["loud"]
