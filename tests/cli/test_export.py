"""`microgpt-play export`: a saved run as a table, as JSON lines, as what a plugin offers."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from playground.hooks.png import lacking
from tests.cli.conftest import STEPS, Play

PLUGIN = """
from playground.api import Contribution, ExportError, Knob, Knobs, hookimpl

class MineKnobs(Knobs):
    digits: int = Knob(3, ge=0, le=9, help="digits of a loss")

class Mine:
    def __init__(self, knobs):
        self.digits = knobs.digits

    def export(self, run, path, progress):
        if len(run.losses) > 3:
            raise ExportError("Too long", "Three steps are the most.")
        path.write_text(" ".join(f"{loss:.{self.digits}f}" for loss in run.losses))

@hookimpl
def microgpt_exporters():
    yield Contribution(name="mine", summary="losses in a row", factory=Mine, knobs=MineKnobs)
"""


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(PLUGIN)
    return path


def losses(play: Play, words: Path) -> list[float]:
    """Those that `train --json` prints for the saved run."""
    lines = map(json.loads, play("train", words, *STEPS, "--json").out.splitlines())
    return [line["loss"] for line in lines if "loss" in line]


def test_the_suffix_says_which_format(play: Play, words: Path, saved: Path, tmp_path: Path) -> None:
    table, lines = tmp_path / "run.csv", tmp_path / "run.jsonl"
    done = play("export", saved, table)
    assert (done.code, done.out) == (0, "")
    assert f"Exported step 3 to {table}" in done.err
    with table.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["loss"]]
    assert [float(row["loss"]) for row in rows] == losses(play, words)
    assert play("export", saved, lines).code == 0
    steps = [json.loads(line) for line in lines.read_text().splitlines()]
    assert [step["loss"] for step in steps if "loss" in step] == losses(play, words)


def test_a_chart_is_an_svg_and_a_png_says_what_it_lacks(
    play: Play, saved: Path, tmp_path: Path
) -> None:
    drawing, pixels = tmp_path / "chart.svg", tmp_path / "chart.png"
    assert play("export", saved, drawing).code == 0
    assert "<svg" in drawing.read_text("utf-8") and "loss, nats a token" in drawing.read_text(
        "utf-8"
    )
    done = play("export", saved, pixels)
    if lacking():
        assert done.code != 0 and "pip install 'microgpt-play[png]'" in " ".join(done.err.split())
        assert not pixels.exists()
    else:
        assert done.code == 0 and pixels.read_bytes().startswith(b"\x89PNG")


def test_as_names_another_and_its_knobs(
    play: Play, words: Path, saved: Path, tmp_path: Path, mine: Path
) -> None:
    target = tmp_path / "row.txt"
    assert play("export", saved, target, "--as", "mine:digits=1", "--plugin", mine).code == 0
    assert target.read_text() == " ".join(f"{loss:.1f}" for loss in losses(play, words))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("run.txt",),
            "does not say which format: end it in .csv, .jsonl, .html, .svg, .png, .py or .ipynb",
        ),
        (("run.csv", "--as", "cvs"), "no exporter 'cvs'"),
        (("run.csv", "--as", "csv:digits=1"), "digits"),
    ],
)
def test_a_format_that_is_not_there_is_wrong_usage(
    play: Play, saved: Path, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    name, *options = arguments
    done = play("export", saved, tmp_path / name, *options)
    assert done.code == 2
    assert said in " ".join(done.err.split())
    assert not (tmp_path / name).exists()


def test_the_model_itself_is_never_written_over(play: Play, saved: Path) -> None:
    before = saved.read_bytes()
    done = play("export", saved, saved, "--as", "csv")
    assert done.code == 1 and "the saved model itself" in done.err
    assert saved.read_bytes() == before


def test_what_an_exporter_refuses_is_said_and_what_was_there_stays(
    play: Play, words: Path, tmp_path: Path, mine: Path
) -> None:
    longer, target = tmp_path / "longer.safetensors", tmp_path / "row.txt"
    assert play("train", words, *STEPS[:-1], "4", "--save", longer).code == 0
    target.write_text("dear")
    done = play("export", longer, target, "--as", "mine", "--plugin", mine)
    assert done.code == 1 and "Too long. Three steps are the most." in done.err
    assert target.read_text() == "dear"


def test_what_is_no_saved_run_is_said(play: Play, words: Path, tmp_path: Path) -> None:
    done = play("export", words, tmp_path / "run.csv")
    assert done.code == 1 and "not a .safetensors file" in done.err
    assert not (tmp_path / "run.csv").exists()


@pytest.mark.parametrize(("kind", "name"), [("exporters", "json-lines"), ("panels", "histogram")])
def test_exporters_and_panels_are_listed(play: Play, kind: str, name: str) -> None:
    assert name in play(kind, "--no-plugins").out


def test_a_recorded_run_is_exported_with_all_that_its_record_has(
    play: Play, words: Path, saved: Path, tmp_path: Path
) -> None:
    table = tmp_path / "run.csv"
    assert saved.exists() and play("export", "1", table).code == 0
    with table.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["loss"]]
    assert [float(row["loss"]) for row in rows] == losses(play, words)
    assert any(row["gradient-norm"] for row in rows), "which the saved model does not have"
    done = play("export", "yours", tmp_path / "none.csv")
    assert done.code == 1 and "yours" in done.err


def test_a_script_of_a_run_prints_the_losses_of_its_record(
    play: Play, words: Path, saved: Path, tmp_path: Path
) -> None:
    """Of the record and of the saved model, of which the data are read again."""
    wanted = losses(play, words)
    for run in ("1", saved):
        script = tmp_path / "run.py"
        assert play("export", run, script).code == 0
        done = subprocess.run(
            [sys.executable, "-I", "-S", script, "--exact"], capture_output=True, text=True
        )
        lines = done.stdout.splitlines()
        found = [float(line.split()[1]) for line in lines if not line.startswith("sample")]
        assert found == pytest.approx(wanted, abs=1e-12)
    assert play("export", saved, script, "--as", "script:with_weights=true").code == 0
    words.unlink()
    at_once = subprocess.run([sys.executable, "-I", "-S", script], capture_output=True, text=True)
    assert at_once.stdout.splitlines() == [line for line in lines if line.startswith("sample")]
    refused = play("export", saved, script)
    assert refused.code == 1 and f"{words} does not exist" in refused.err
