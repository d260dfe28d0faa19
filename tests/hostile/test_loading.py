"""All hostile plugins in the plugin folder at once: each is named, and nothing else changes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.hostile.conftest import Home, names_of

RUN = ("--n-embd", 4, "--n-head", 2, "--block-size", 4, "--steps", 5, "--samples", 3, "--json")
SAID = {
    "broken_str": "its message cannot be shown: __str__ raised RuntimeError",
    "clash_one": "also comes from plugin 'builtin'",
    "clash_two": "also comes from plugin 'clash_one'",
    "closes_streams": "it changed the standard streams",
    "endless_generator": "more than 1000 contributions",
    "endless_str": "ExceptionGroup: many",
    "exiting_str": "__str__ raised SystemExit",
    "hook_interrupts": "KeyboardInterrupt",
    "hook_raises": "LookupError: nothing there",
    "huge_str": "Odd: words words",
    "import_error": "No module named 'no_such_module_anywhere'",
    "interrupting_str": "__str__ raised KeyboardInterrupt",
    "keyboard_interrupt": "KeyboardInterrupt",
    "markup": "cannot be: lower-case letters",
    "memory": "MemoryError: enough",
    "midway": "ValueError: midway",
    "moves_house": "the handling of signals",
    "odd_module": "no hook function",
    "recursion": "RecursionError",
    "syntax_error": "line 1: 'def broken(:'",
    "system_exit": "tried to end the program (3)",
    "wrong_knobs": "outside: amount must be from 0 to 1, not 7.0",
    "wrong_types": "a Contribution is expected, not 3",
    "wrong_version": "written for versions 7 to 9",
}
"""By plugin with a fault while it is loaded: what must be said of it."""
HARMLESS = names_of("loading") - set(SAID)
"""Plugins that print, start threads or seed the global random. Nothing of that may be noticed."""
CODES = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters, which a terminal obeys instead of showing them."""


def shows_only_text(text: str) -> bool:
    return CODES.search(text) is None and "SCRIBBLE" not in text


def test_training_with_all_hostile_plugins_gives_the_same_bits_as_without_plugins(
    hostile: Home, names: Path
) -> None:
    alone = hostile.play("train", names, *RUN, "--no-plugins")
    hostile.add("loading", "working")
    together = hostile.play("train", names, *RUN)
    assert (alone.returncode, together.returncode) == (0, 0), together.stderr
    assert together.stdout == alone.stdout
    assert len([json.loads(line) for line in together.stdout.splitlines()]) == 6
    assert shows_only_text(together.stderr)
    for name, said in SAID.items():
        lines = [line for line in together.stderr.splitlines() if line.startswith(f"! {name} (")]
        assert any(said in line for line in lines), (name, lines)
        assert all(len(line) < 1000 for line in lines)
    for name in HARMLESS | names_of("working"):
        assert f"! {name} (" not in together.stderr


def test_a_plugin_that_ended_the_process_is_named_at_the_next_start(
    hostile: Home, names: Path
) -> None:
    hostile.add("deadly", only="segfault")
    first = hostile.play("train", names, *RUN)
    assert first.returncode == 1 and first.stdout == ""
    (line,) = [line for line in first.stderr.splitlines() if line.startswith("microgpt-play: ")]
    assert "SIGSEGV" in line and "plugin 'segfault'" in line and "--without segfault" in line
    again = hostile.play("train", names, *RUN)
    assert again.returncode == 0
    (line,) = [line for line in again.stderr.splitlines() if line.startswith("! segfault (")]
    assert "ended the process when it was last loaded" in line
    assert len(again.stdout.splitlines()) == 6


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, str, dict[str, str]]:
    """The doctor's report on all plugins: exit code, whole text, and the part on each plugin."""
    home = Home(tmp_path_factory.mktemp("hostile"))
    home.add("loading", "deadly")
    done = home.play("plugins", "doctor", "--seconds", 4, seconds=180)
    parts: dict[str, str] = {}
    name = ""
    for line in done.stdout.splitlines():
        if match := re.match(r"(\w+), /", line):
            name = match[1]
        parts[name] = parts.get(name, "") + line + "\n"
    return done.returncode, done.stdout + done.stderr, parts


def test_the_doctor_ends_with_1_and_repeats_nothing_that_a_plugin_printed(
    report: tuple[int, str, dict[str, str]],
) -> None:
    code, text, _ = report
    assert code == 1
    assert CODES.search(text) is None
    assert len(text) < 500_000


@pytest.mark.parametrize("name", sorted(SAID))
def test_the_doctor_names_each_fault_on_one_line(
    report: tuple[int, str, dict[str, str]], name: str
) -> None:
    said = SAID[name]
    lines = [line for line in report[2][name].splitlines() if line.startswith("  ! ")]
    assert any(said in line for line in lines), report[2][name][:2000]
    assert all(len(line) < 1000 for line in lines)


@pytest.mark.parametrize("name", sorted(names_of("deadly")))
def test_the_doctor_goes_on_after_a_plugin_that_hangs_or_ends_the_process(
    report: tuple[int, str, dict[str, str]], name: str
) -> None:
    (line,) = [line for line in report[2][name].splitlines() if line.startswith("  ! ")]
    assert re.search("ended|killed|signal|seconds|exit", line), line
