"""`check-run`: what passes, what fails and why, and what cannot be compared."""

from __future__ import annotations

import inspect
import json
import math
from array import array
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from playground.cli.commands import check_run
from playground.lab.checkpoint import read_checkpoint, write_checkpoint
from playground.lab.score.check import Allowed
from tests.cli.conftest import SMALL, Play

RUN = (*SMALL, "--steps", "30", "--holdout", "0.3")
LOWER = """
from microgpt.tokenizer import CharTokenizer
from playground.api import Contribution, hookimpl


class Lower(CharTokenizer):
    def train(self, documents):
        super().train(text.lower() for text in documents)

    def encode(self, text):
        return super().encode(text.lower())


@hookimpl
def microgpt_tokenizers():
    yield Contribution(name="lower", summary="no capitals", factory=Lower)
"""
"""A plugin with a tokenizer that drops capitals."""
FIGURES = [
    *("bits a character", "nats a token", "calibration error"),
    *("recited samples", "repeated samples", "other samples"),
]


@pytest.fixture
def baseline(play: Play, words: Path) -> Path:
    """Run 1, saved as a model and as the file of a run, too; returns the model."""
    model = words.parent / "base.safetensors"
    assert play("train", words, *RUN, "--save", model).code == 0
    assert play("runs", "export", "1", words.parent / "base.microgpt-run").code == 0
    return model


def checked(play: Play, *words: object) -> dict[str, Any]:
    """What --json says; the exit code agrees with it."""
    done = play("check-run", *words, "--json", "--count", 20)
    shown: dict[str, Any] = json.loads(done.out)
    assert done.code == (0 if shown["passed"] else 1)
    return shown


def figures(shown: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["figure"]: one for one in shown["figures"]}


def test_a_run_that_is_trained_again_is_equal(play: Play, baseline: Path) -> None:
    assert play("train", "words.txt", *RUN).code == 0
    for against in ("1", "2", baseline, "base.microgpt-run"):
        shown = checked(play, 2, "--against", against, "--samples", 0, "--probes", 0)
        assert shown["passed"]
        assert {one["figure"]: one["verdict"] for one in shown["figures"]} == dict.fromkeys(
            FIGURES, "equal"
        )
        assert shown["settings"] == []
    done = play("check-run", 2, "--against", 1)
    assert done.out.startswith("PASSED. Run 2 and run 1 are equal in 6 figures.")


def test_a_worse_run_fails_and_the_figure_is_named(play: Play, baseline: Path) -> None:
    assert play("train", "words.txt", *RUN, "--learning-rate", "1").code == 0
    (baseline.parent / "prompts.txt").write_text("an\n", encoding="utf-8")
    ask = ("--prompts", "prompts.txt")
    shown = checked(play, 2, "--against", 1, *ask)
    bits = figures(shown)["bits a character"]
    assert bits["verdict"] == "worse" and bits["change"]["low"] > 0
    assert bits["change"]["value"] == pytest.approx(bits["run"] - bits["baseline"])
    assert shown["settings"] == [
        {"setting": "optimizer.learning_rate", "baseline": 0.01, "run": 1.0}
    ]
    done = play("check-run", 2, "--against", 1, *ask)
    assert done.code == 1
    assert done.out.startswith("FAILED. Run 2 is not within what is allowed against run 1: bits a")
    assert "optimizer.learning_rate  0.01      1.0" in done.out
    for one in shown["probes"]:
        assert one["changed"] and one["run"][0] in done.out
    free = ("--bits", "any", "--calibration", "any", "--recited", "any", "--duplicates", "any")
    assert checked(play, 2, "--against", 1, *free, *ask)["passed"]
    for option, figure in (("--samples", "other samples"), ("--probes", "other answers")):
        shown = checked(play, 2, "--against", 1, *free, *ask, option, 0.5)
        assert [one["figure"] for one in shown["figures"] if one["fails"]] == [figure]
    assert checked(play, 1, "--against", 2, *ask)["passed"], "better is no regression"


@pytest.mark.parametrize("count", [0, 20])
def test_a_model_without_numbers_never_passes(play: Play, baseline: Path, count: int) -> None:
    saved = read_checkpoint(baseline)
    nan = array("d", [float("nan")] * (len(saved.weights) // 8)).tobytes()
    broken = baseline.parent / "broken.safetensors"
    write_checkpoint(broken, replace(saved, weights=nan))
    free = [word for name in asdict(Allowed()) for word in (f"--{name}", "any")]
    for run, against in ((broken, 1), (1, broken), (broken, broken)):
        done = play("check-run", run, "--against", against, "--count", count, *free)
        assert done.code == 1
        assert "diverged" in done.out + done.err
    done = play("score", broken, "--samples", count)
    assert done.code == 1 and "diverged" in done.err


@pytest.mark.usefixtures("baseline")
def test_what_cannot_be_compared_is_said_and_does_not_pass(play: Play) -> None:
    assert play("train", "words.txt", *RUN[:-1], "0").code == 0
    shown = checked(play, 2, "--against", 1)
    bits = figures(shown)["bits a character"]
    assert (bits["verdict"], bits["fails"]) == ("not compared", True)
    done = play("check-run", 2, "--against", 1)
    why = "bits a character and calibration error not compared: the run holds out no text"
    assert why in done.out
    assert checked(play, 2, "--against", 1, "--bits", "any", "--calibration", "any")["passed"]
    assert not checked(play, 2, "--against", 2)["passed"], "a run without hold-out says nothing"


@pytest.mark.usefixtures("baseline")
def test_bits_a_character_are_compared_between_tokenizers(play: Play) -> None:
    wide = ("--block-size", "8", *RUN[:4], *RUN[6:])
    for tokenizer in ("char", "byte"):
        assert play("train", "words.txt", *wide, "--tokenizer", tokenizer).code == 0
    shown = figures(checked(play, 3, "--against", 2))
    assert shown["nats a token"]["why"] == "the tokenizers differ"
    assert not shown["nats a token"]["fails"]
    assert shown["bits a character"]["change"] is not None
    cut = checked(play, 2, "--against", 1)["heldout"]
    assert cut["judged"] < cut["run"], "run 1 reads but the beginning of a long text"


def test_tokens_that_do_not_give_back_the_text_are_scored_a_token(play: Play, words: Path) -> None:
    """The tokenizer drops capitals; against another tokenizer nothing is comparable then."""
    plugin = words.with_name("lower.py")
    plugin.write_text(LOWER, encoding="utf-8")
    text = words.read_text(encoding="utf-8")
    words.write_text(text.title() + text.upper(), encoding="utf-8")
    for more in (("lower",), ("lower", "--learning-rate", "1"), ("char",)):
        lower = (*RUN, "--plugin", plugin, "--tokenizer")
        assert play("train", words, *lower, *more).code == 0
    shown = json.loads(play("score", 1, "--json", "--samples", 5, "--plugin", plugin).out)
    held = shown["heldout"]
    assert held["left_out"] > 0 and held["unseen"] > 0, "anna was read where Anna was trained on"
    assert held["bits_per_character"] is None and held["compressors"] == {}
    assert held["unit"] == "bits a token"
    nats = held["nats_per_token"]["value"]
    assert held["bits"]["value"] == pytest.approx(nats / math.log(2))
    assert "bits a token" in shown["verdict"]
    said = play("score", 1, "--samples", 5, "--plugin", plugin).out
    assert "The tokens do not give back the texts" in said
    bits = figures(checked(play, 2, "--against", 1, "--plugin", plugin))["bits a token"]
    assert bits["change"]["value"] == pytest.approx(bits["run"] - bits["baseline"])
    lost = figures(checked(play, 3, "--against", 1, "--plugin", plugin))["bits a character"]
    assert lost["fails"] and "do not give back the texts" in lost["why"]


@pytest.mark.usefixtures("baseline")
def test_only_texts_that_both_hold_out_are_judged(play: Play) -> None:
    assert play("train", "words.txt", *RUN, "--seed", 7).code == 0
    held = checked(play, 2, "--against", 1)["heldout"]
    assert 0 < held["judged"] < held["run"]


@pytest.mark.usefixtures("baseline")
def test_wrong_usage_is_refused(play: Play) -> None:
    assert play("check-run", 1).code == 2
    for option, value in (
        ("--bits", "nan"), ("--bits", "-1"), ("--samples", "2"), ("--probes", "x"),
        ("--prompts", "gone.txt"),
    ):  # fmt: skip
        done = play("check-run", 1, "--against", 1, option, value)
        assert done.code == 2 and option in done.err
    done = play("check-run", "nobody", "--against", 1)
    assert done.code == 1 and "The run: " in done.err
    done = play("check-run", 1, "--against", "gone.safetensors")
    assert done.code == 1 and "The baseline: " in done.err


def test_the_options_have_the_tolerances_of_the_code() -> None:
    options = {one.name: one for one in check_run.params}
    for name, limit in asdict(Allowed()).items():
        assert options[name].default == ("any" if limit is None else str(limit))
    assert inspect.getdoc(check_run.callback)
