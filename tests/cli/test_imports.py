"""What is loaded for which command: help is quick, and nothing below the screen knows it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import STEPS

ASK = """
import sys
sys.argv = ["microgpt-play", *{words!r}]
from playground.cli import main
try:
    main()
except SystemExit:
    pass
packages = {{name if "microgpt." in name else name.partition(".")[0] for name in sys.modules}}
print(*sorted(packages), sep=",", file=sys.stderr)
"""


def modules(code: str, cwd: Path | None = None) -> set[str]:
    """The packages that are loaded after this code; it prints them last."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=cwd, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()[-1].split(","))


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["train", "--help"],
        ["plugins", "doctor", "--help"],
        ["inside", "--help"],
        ["--version"],
        ["train", "--bogus"],
        ["trian"],
        [],
    ],
    ids=" ".join,
)
def test_help_and_wrong_usage_load_next_to_nothing(words: list[str]) -> None:
    loaded = modules(ASK.format(words=words))
    assert loaded.isdisjoint({"textual", "rich", "pydantic", "pluggy", "asyncio"})
    assert {"click", "playground"} <= loaded
    gate = {"microgpt", "microgpt.terminal", "microgpt.shell", "microgpt.config"}
    assert {name for name in loaded if name.startswith("microgpt")} <= gate


@pytest.mark.parametrize(
    "words",
    [["strategies"], ["train", "nowhere.txt"], ["train", "--engine", "vectr"],
     ["sample", "nowhere.safetensors"], ["train", "words.txt", *STEPS]],
    ids=" ".join,
)  # fmt: skip
def test_what_draws_nothing_does_not_load_the_screen(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("anna\nbob\ncleo\n")
    loaded = modules(ASK.format(words=words), cwd=tmp_path)
    assert loaded.isdisjoint({"textual", "rich"})
    assert "pydantic" in loaded


def test_plugins_are_listed_without_what_they_are_made_with() -> None:
    loaded = modules(ASK.format(words=["plugins", "list"]))
    assert loaded.isdisjoint({"textual", "rich", "pydantic", "pluggy", "numpy"})


@pytest.mark.parametrize(
    "layer",
    [
        "api",
        "catalog",
        "hooks.manager",
        "lab.client.lab",
        "lab.session",
        "lab.worker.__main__",
        "cli.train",
    ],
)
def test_nothing_below_the_screen_loads_it(layer: str) -> None:
    code = f"import sys, playground.{layer}; print(*sys.modules, sep=',', file=sys.stderr)"
    assert not {name for name in modules(code) if name.startswith(("textual", "playground.tui"))}


def test_the_gpt_loads_the_standard_library_alone() -> None:
    code = "import sys; before = set(sys.modules); import microgpt, microgpt.__main__\n"
    code += "print(*(set(sys.modules) - before), sep=',', file=sys.stderr)"
    packages = {name.partition(".")[0] for name in modules(code)}
    assert packages <= {*sys.stdlib_module_names, "microgpt"}
