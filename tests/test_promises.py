"""README, "What it promises": beside each sentence stands the test, or the command, that shows it.

A sentence that is added to that part of the README fails here until it has its row. `by` names
tests as FILE::TEST below `tests`, and commands as they are typed in a checkout.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from playground.lab.store.store import Store
from tests.cli.conftest import COMMAND
from tests.docs_helpers import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
PROMISED: dict[str, tuple[str, ...]] = {
    "With the same text and seed": (
        "lab/run/test_parting.py::test_the_step_that_is_told_is_the_first_whose_loss_is_another",
        "microgpt/test_parity.py::test_a_whole_run_gives_microgpt_losses_weights_and_samples",
        "microgpt/test_parity.py::test_the_reference_engine_goes_like_microgpt",
        "microgpt/test_parity.py::test_the_command_repeats_microgpt_on_names_txt",
        "make others",
        "make gallery",
    ),
    "By default a tenth of the documents": (
        "cli/test_train.py::test_json_has_a_word_on_standard_error_where_the_losses_part",
        "test_promises.py::test_a_text_of_forty_lines_parts_where_the_readme_says",
    ),
    "The run says at which step": (
        "lab/run/test_parting.py::test_nothing_is_said_of_a_run_that_ends_before_it_parts",
    ),
    "And training is chaotic": ("python tools/apart.py vector.jsonl numpy.jsonl",),
    "[How far]": ("test_house.py::test_every_link_of_a_page_leads_somewhere",),
    "`scalar` is microgpt's own": (
        "microgpt/test_engines.py::test_gradients_are_the_slope_of_the_loss",
    ),
    "`vector` is the same mathematics": (
        "microgpt/test_engines.py::test_engines_agree_on_losses_gradients_and_the_update",
        "cli/test_imports.py::test_the_gpt_loads_the_standard_library_alone",
        "microgpt-play bench",
    ),
    "From the gallery come `numpy`": ("gallery/test_ladder.py", "make bench"),
    "(Ranges over an Intel Xeon": (
        "cli/test_bench.py",
        "test_readme.py::test_every_command_of_the_readme_does_its_work_as_it_stands",
    ),
    "`e` hands a run": (
        "lab/run/test_engines.py::test_a_switched_run_has_the_losses_of_a_straight_one",
        "e2e/test_engines.py::test_the_engine_is_changed_and_the_run_goes_on",
    ),
    "Training runs in a process of its own": (
        "lab/client/test_lab.py",
        ".venv/bin/python tools/bench_screen.py",
    ),
    "A worker that dies or hangs": (
        "lab/client/test_recovery.py::"
        "test_a_killed_worker_is_replaced_and_the_losses_are_those_of_an_unkilled_run",
        "lab/client/test_recovery.py::"
        "test_a_plugin_that_hangs_while_training_is_named_and_the_run_comes_back_paused",
    ),
    "A loss that is no longer a number": (
        "cli/test_train.py::test_a_run_that_diverges_is_saved_where_it_was_well",
        "e2e/test_faults.py::"
        "test_a_learning_rate_far_too_high_is_named_and_the_last_good_step_kept",
    ),
    "`kill -9` takes half a second": (
        "lab/record/test_crashes.py::"
        "test_killing_the_screen_or_both_at_random_loses_half_a_second_of_record_at_most",
        "lab/record/test_crashes.py::test_killing_the_worker_at_random_loses_nothing_of_the_run",
    ),
    "The program uses no network": (
        "test_promises.py::test_no_network_is_used_and_no_file_lies_outside_the_one_folder",
        "cli/test_train.py::test_a_name_may_have_spaces_markup_lines_and_letters_of_anywhere",
    ),
    "Runs are recorded on your machine only": (
        "test_promises.py::test_no_network_is_used_and_no_file_lies_outside_the_one_folder",
        "test_promises.py::test_a_record_keeps_the_text_and_without_a_record_none_is_kept",
    ),
    "Settings live in the usual places": (
        "test_promises.py::test_no_network_is_used_and_no_file_lies_outside_the_one_folder",
    ),
    "`NO_COLOR`, 16-colour and ansi themes work": ("tui/test_pictures.py", "cli/test_streams.py"),
}
"""The beginning of each sentence -> what shows that the sentence is true."""


def sentences() -> list[str]:
    """The sentences of the section; the bold words that a point begins with are its heading."""
    section = README.partition("\n## What it promises\n")[2].partition("\n## ")[0]
    points = re.split(r"\n- |\n\n", section.strip().removeprefix("- "))
    found = []
    for point in points:
        text = re.sub(r"^\*\*[^*]+\*\*\s*", "", " ".join(point.split()))
        found += re.split(r"(?<=[.)])\s+(?=[A-Z`\[(])", text)
    return [one for one in found if one]


def test_each_sentence_of_what_the_readme_promises_has_its_proof() -> None:
    said = sentences()
    without = [one for one in said if not any(one.startswith(begin) for begin in PROMISED)]
    assert without == [], "give each of them a row in PROMISED"
    gone = [begin for begin in PROMISED if not any(one.startswith(begin) for one in said)]
    assert gone == []


@pytest.mark.parametrize("proof", sorted({one for by in PROMISED.values() for one in by}))
def test_each_proof_exists(proof: str) -> None:
    file, _, name = proof.partition("::")
    if file.endswith(".py") and " " not in file:
        source = (ROOT / "tests" / file).read_text(encoding="utf-8")
        assert f"def {name}(" in source if name else "def test_" in source
    elif file.startswith("make "):
        target = file.removeprefix("make ")
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    else:
        scripts = [word for word in file.split() if word.startswith("tools/")]
        assert all((ROOT / script).is_file() for script in scripts)


# ---------------------------------------------------------------- proofs that stand nowhere else

WATCH = """
import os, sys
def watch(event, arguments):
    if event in ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto"):
        with open(os.environ["SEEN"], "a") as seen:
            print(event, arguments, file=seen)
sys.addaudithook(watch)
"""
"""As sitecustomize, notes whatever a process, or a process that it starts, does with a network."""


@pytest.fixture
def watched(tmp_path: Path) -> dict[str, str]:
    """An environment in which every use of a network is written to the file SEEN."""
    (tmp_path / "watch").mkdir()
    (tmp_path / "watch" / "sitecustomize.py").write_text(WATCH)
    (tmp_path / "user").mkdir()
    outside = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    return {
        **outside,
        "PYTHONPATH": str(tmp_path / "watch"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "SEEN": str(tmp_path / "seen"),
        "HOME": str(tmp_path / "user"),
        "MICROGPT_PLAY_HOME": str(tmp_path / "home"),
    }


OPENED = """
import asyncio, os, sys
from pathlib import Path
from playground.hooks.sources import PluginSources
from playground.lab.client.lab import Lab

async def main():
    lab = Lab(PluginSources(entry_points=False), store=Path(sys.argv[1]))
    await lab.open("{}")
    await lab.advance(3)
    await lab.close()

if __name__ == "__main__":
    asyncio.run(main())
"""
"""Trains as the screen does, in a worker."""


@pytest.mark.skipif(sys.platform == "win32", reason="HOME is not where Windows keeps things")
def test_no_network_is_used_and_no_file_lies_outside_the_one_folder(
    watched: dict[str, str], tmp_path: Path
) -> None:
    def call(*words: object, **more: str) -> None:
        done = subprocess.run(
            list(map(str, words)), env={**watched, **more}, cwd=tmp_path, capture_output=True,
            text=True, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    probe = "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).bind(('127.0.0.1', 0))"
    call(sys.executable, "-c", probe, SEEN=str(tmp_path / "probe"))
    assert "socket.bind" in (tmp_path / "probe").read_text(), "the watch sees a network"
    call(COMMAND, "train", "--steps", 3, "--samples", 1, "--save", "m.safetensors")
    call(COMMAND, "sample", "m.safetensors", "-n", 1)
    (tmp_path / "opened.py").write_text(OPENED)
    call(sys.executable, "opened.py", tmp_path / "home" / "data" / "runs.sqlite")
    assert not (tmp_path / "seen").exists(), (tmp_path / "seen").read_text()
    assert [path.name for path in (tmp_path / "user").rglob("*")] == []
    with Store.open(tmp_path / "home" / "data" / "runs.sqlite") as store:
        assert [row.step for row in store.runs()] == [3, 3], "both were recorded there"


def test_a_record_keeps_the_text_and_without_a_record_none_is_kept(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("xyzzyplugh\nfnord\n" * 20)
    for options, kept in (((), True), (("--no-record",), False)):
        home = tmp_path / f"home{len(options)}"
        subprocess.run(
            [COMMAND, "train", str(secret), "--steps", "2", "--samples", "0", *options],
            env={**os.environ, "MICROGPT_PLAY_HOME": str(home)}, check=True, capture_output=True,
        )  # fmt: skip
        store = home / "data" / "runs.sqlite"
        if kept:
            with Store.open(store) as opened:
                assert opened.record(1).text_sha256
        else:
            assert [path for path in home.rglob("*") if path.is_file()] == []


def test_a_text_of_forty_lines_parts_where_the_readme_says(tmp_path: Path) -> None:
    text = tmp_path / "forty.txt"
    text.write_text("".join(f"{chr(97 + i % 26)}{chr(97 + i // 26)}x\n" for i in range(40)))
    done = subprocess.run(
        [COMMAND, "train", str(text), "--steps", "40", "--json", "--no-record", "--samples", "0"],
        env={**os.environ, "MICROGPT_PLAY_HOME": str(tmp_path / "home")},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    (step,) = re.findall(r"a text of 40 lines parts at step (\d+)", " ".join(README.split()))
    assert f"from step {step} on the losses are not those of microgpt.py" in done.stderr
    assert len([json.loads(line) for line in done.stdout.splitlines()]) >= 40
