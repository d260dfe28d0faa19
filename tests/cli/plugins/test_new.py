"""`plugins new` writes what works; `list`, `enable` and `disable` import nothing."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from playground.api import WriterError
from playground.catalog import HOOKS, Catalog
from playground.cli.plugins.commands import NEW_KINDS
from playground.cli.plugins.new import template
from playground.hooks.manager import load
from playground.hooks.sources import PluginSources
from tests.cli.conftest import Play, command

SPRUNG = "raise SystemExit('imported')"


def test_there_is_a_template_for_every_kind() -> None:
    assert sorted(NEW_KINDS) == sorted(HOOKS.values())


@pytest.mark.parametrize("kind", NEW_KINDS)
def test_a_new_plugin_loads_and_contributes_what_it_is_called(
    play: Play, home: Path, kind: str
) -> None:
    done = play("plugins", "new", kind, "my-own")
    file = home / "config" / "plugins" / "my-own.py"
    assert (done.code, done.err) == (0, "")
    assert f"wrote {file}\n" in done.out and f"plugins check {file}\n" in done.out
    registry = load(PluginSources(files=(str(file),), entry_points=False))
    assert registry.problems == ()
    assert [(e.kind, e.qualified) for e in registry.catalog().entries if e.plugin != "builtin"] == [
        (kind, "my-own:my-own")
    ]


@pytest.mark.parametrize("kind", [kind for kind in NEW_KINDS if kind != "engine"])
def test_a_new_plugin_keeps_the_promises_of_its_kind(play: Play, tmp_path: Path, kind: str) -> None:
    assert play("plugins", "new", kind, "my-own", "--folder", tmp_path).code == 0
    done = play("plugins", "check", tmp_path / "my-own.py")
    assert done.code == 0, done.out


def test_a_new_package_can_be_tested_as_it_is(play: Play, tmp_path: Path) -> None:
    done = play("plugins", "new", "strategy", "my-own", "--package", "--folder", tmp_path)
    root = tmp_path / "microgpt-play-my-own"
    assert done.code == 0 and f"pip install -e {root}" in done.out
    assert 'my-own = "microgpt_play_my_own"' in (root / "pyproject.toml").read_text()
    assert "{{" not in "".join(file.read_text() for file in root.rglob("*") if file.is_file())
    passed = pytest_in(root)
    assert passed.returncode == 0, passed.stdout
    source = root / "src" / "microgpt_play_my_own" / "__init__.py"
    source.write_text(source.read_text().replace("logit * self.power", "None"))
    assert pytest_in(root).returncode == 1  # it does test something


def test_a_new_lesson_is_listed_and_its_test_and_its_package_keep_their_promises(
    play: Play, home: Path, tmp_path: Path
) -> None:
    assert play("plugins", "new", "lesson", "my-own", "--test").code == 0
    done = play("lessons")
    assert (done.code, done.err) == (0, "")
    assert re.search(r"^  my-own +how surprised a new model is$", done.out, re.M)
    (entry,) = [
        one for one in json.loads(play("lessons", "--json").out) if one["plugin"] == "my-own"
    ]
    assert (entry["kind"], entry["name"]) == ("lesson", "my-own")
    assert (home / "config" / "plugins" / "tests" / "test_my_own.py").is_file()
    done = play("plugins", "new", "lesson", "other", "--package", "--folder", tmp_path)
    root = tmp_path / "microgpt-play-other"
    assert done.code == 0 and pytest_in(root).returncode == 0
    assert "A lesson for the microgpt playground: `other`" in (root / "README.md").read_text()


def test_a_new_writer_is_listed_and_continues_a_prompt(play: Play, home: Path) -> None:
    assert play("plugins", "new", "writer", "my-own").code == 0
    done = play("writers")
    assert (done.code, done.err) == (0, "")
    assert re.search(r"^  my-own +continues as the letters", done.out, re.M)
    assert "letters=24" in done.out
    file = home / "config" / "plugins" / "my-own.py"
    registry = load(PluginSources(files=(str(file),), entry_points=False))
    writer = registry.make("writer", "my-own", {"letters": 4})
    told: list[str] = []
    written = writer.write("banana", told.append)
    assert (written.text, written.ended, told[-1]) == ("nana", False, "nana")
    with pytest.raises(WriterError, match="Give it a prompt"):
        writer.write("", told.append)


def test_a_list_of_nothing_says_so(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Catalog, "listed", lambda *_: ())
    done = play("writers")
    assert (done.code, done.err) == (0, "")
    assert done.out == "There is no writer. `microgpt-play plugins new writer NAME` begins one.\n"
    assert play("writers", "--json").out == "[]\n"


def test_a_single_file_may_have_a_test_that_is_no_plugin(play: Play, home: Path) -> None:
    assert play("plugins", "new", "schedule", "my-own", "--test").code == 0
    folder = home / "config" / "plugins"
    assert (folder / "tests" / "test_my_own.py").is_file()
    assert pytest_in(folder).returncode == 0
    names = [item["name"] for item in json.loads(play("plugins", "list", "--json").out)["plugins"]]
    assert "my-own" in names and "tests" not in names


def pytest_in(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", str(folder)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("My_Plugin", "'my-plugin' would do"),
        ("a--b", "single hyphens"),
        ("9lives", "'lives' would do"),
        ("../up", "'up' would do"),
        ("x" * 41, "at most 40"),
        ("é", "lower-case letters"),
        ("", "lower-case letters"),
        ("class", "a meaning of its own"),
        ("min-p", "there is a built-in sampling strategy 'min-p'"),
        ("taken", "there is a plugin 'taken' already"),
    ],
)
def test_names_that_cannot_be(play: Play, home: Path, name: str, said: str) -> None:
    folder = home / "config" / "plugins"
    folder.mkdir(parents=True)
    (folder / "taken.py").write_text(SPRUNG)
    done = play("plugins", "new", "strategy", name)
    assert (done.code, done.out) == (2, "") and said in done.err
    assert [path.name for path in folder.iterdir()] == ["taken.py"]


def test_nothing_is_overwritten(play: Play, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("precious")
    done = play("plugins", "new", "panel", "mine", "--folder", tmp_path)
    assert done.code == 1 and "is there already. Nothing was written" in done.err
    assert (tmp_path / "mine.py").read_text() == "precious"
    (tmp_path / "file").write_text("")
    done = play("plugins", "new", "panel", "mine", "--folder", tmp_path / "file")
    assert done.code == 1 and "cannot be written to" in done.err


def test_a_kind_that_is_none(play: Play) -> None:
    done = play("plugins", "new", "strateg", "mine")
    assert done.code == 2 and "'strategy'" in done.err


# ---------------------------------------------------------------- list, enable, disable


def test_plugins_are_listed_in_their_own_words_and_not_imported(play: Play, home: Path) -> None:
    folder = home / "config" / "plugins"
    folder.mkdir(parents=True)
    (folder / "loud.py").write_text(f"'''[red]Loud\x1b[0m[/red].\n\nMore.'''\n{SPRUNG}")
    (folder / "broken.py").write_text("def (")
    (folder / "later.py").write_text(f"MICROGPT_API = (7, 9)\n{SPRUNG}")
    done = play("plugins", "list")
    assert done.code == 1
    assert f"broken, {folder}/broken.py\n" in done.out
    assert f"loud, {folder}/loud.py\n  [red]Loud [0m[/red]." in done.out
    assert f"later, {folder}/later.py (failed)\n" in done.out
    assert done.err.count("!") == 1 and "versions 7 to 9" in done.err
    rows = json.loads(play("plugins", "list", "--json").out)["plugins"]
    assert [(row["name"], row["state"], row["api"]) for row in rows] == [
        ("builtin", "found", ""),
        ("broken", "found", ""),
        ("later", "failed", "7..9"),
        ("loud", "found", ""),
    ]


def test_disable_and_enable(play: Play, home: Path) -> None:
    folder = home / "config" / "plugins"
    folder.mkdir(parents=True)
    (folder / "loud.py").write_text(SPRUNG)
    done = play("plugins", "disable", "loud")
    assert (done.code, done.err) == (0, "The plugin loud is off from the next start on.\n")
    assert "loud.py (switched off)" in play("plugins", "list").out
    assert play("strategies").err == ""
    assert "is off already" in play("plugins", "disable", "loud").err
    assert "is on from the next start" in play("plugins", "enable", "loud").err
    assert "is on already" in play("plugins", "enable", "loud").err
    assert "imported" in play("strategies").err


def test_a_plugin_that_crashed_is_enabled_by_name(play: Play, home: Path) -> None:
    folder = home / "config" / "plugins"
    folder.mkdir(parents=True)
    (folder / "bad.py").write_text("import os\nif not os.environ.get('WELL'): os._exit(9)")
    assert command("strategies").code == 1
    second = command("strategies")
    assert second.code == 0 and "! bad" in second.err and "plugins enable bad" in second.err
    assert "bad.py (passed over)" in play("plugins", "list").out
    assert "is on from the next start" in play("plugins", "enable", "bad").err
    assert "ended the process" not in command("strategies", WELL="1").err


@pytest.mark.parametrize("word", ["enable", "disable"])
def test_names_that_mean_no_plugin(play: Play, home: Path, word: str) -> None:
    folder = home / "config" / "plugins"
    folder.mkdir(parents=True)
    (folder / "loud.py").write_text(SPRUNG)
    done = play("plugins", word, "luod")
    assert done.code == 1 and "did you mean 'loud'?" in done.err
    assert "built-ins cannot be" in play("plugins", word, "builtin").err
    assert not (home / "config" / "config.json").exists()


def test_a_name_that_is_left_out_and_is_not_there_is_said(play: Play) -> None:
    done = play("strategies", "--without", "nowhere")
    assert done.code == 0
    assert "there is no plugin 'nowhere' to switch off" in done.err


def test_templates_are_formatted_and_typed_as_the_project_is(tmp_path: Path) -> None:
    ruff = Path(sys.executable).parent / "ruff"
    if not ruff.exists():
        pytest.skip("ruff is not installed")
    for kind in NEW_KINDS:
        (tmp_path / f"{kind}.py").write_text(template(kind, "my-own"))
    for words in (["check", "--select", "E,F,W,I,B,UP"], ["format", "--check"]):
        done = subprocess.run(
            [ruff, *words, "--line-length", "100", "--no-cache", tmp_path],
            capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
