"""Parts left out and SGD, from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from playground.lab.checkpoint import read_checkpoint
from playground.lab.spec import RunSpec
from tests.cli.conftest import SMALL, STEPS, Play
from tests.cli.test_train import steps


def test_parts_are_left_out_and_sgd_trains_from_the_command_line(words: Path, play: Play) -> None:
    asked = ("--leave-out", "attention", "--leave-out", "norm", "--optimizer", "sgd")
    ten = ("train", words, *SMALL, "--steps", "10", "--json", *asked)
    done = play(*ten, "--save", "a.safetensors")
    assert done.code == 0
    assert steps(done)[0]["learning_rate"] == 0.3, "SGD comes with its usual learning rate"
    spec = RunSpec.parse(read_checkpoint(Path("a.safetensors")).spec)
    assert spec.model.parts == ("mlp", "positions", "residual") and spec.optimizer.name == "sgd"
    scalar = play(*ten, "--engine", "scalar")
    assert [line["loss"] for line in steps(scalar)] == pytest.approx(
        [line["loss"] for line in steps(done)], rel=1e-9
    )
    rated = play("train", words, *STEPS, "--json", *asked, "--learning-rate", "0.05")
    assert steps(rated)[0]["learning_rate"] == 0.05

    listed = play("runs", "list", "without~attention", "--json")
    assert {json.loads(line)["optimizer"] for line in listed.out.splitlines()} == {"sgd"}
    again = play("runs", "command", "1").out
    assert "--leave-out attention --leave-out norm --optimizer sgd --learning-rate 0.3" in again
    said = play("runs", "show", "1").out
    assert "the whole model → without attention, norm" in said and "adam → sgd" in said


def test_a_saved_run_keeps_its_parts_and_its_optimizer(words: Path, play: Play) -> None:
    play("train", words, *STEPS, "--leave-out", "mlp", "--save", "a.safetensors")
    done = play("train", "a.safetensors", "--steps", "5", "--leave-out", "norm")
    assert done.code == 2 and "leave out --leave-out" in done.err
    done = play("train", "a.safetensors", "--steps", "5", "--optimizer", "sgd")
    assert done.code == 2 and "leave out --optimizer" in done.err
    assert play("train", "a.safetensors", "--steps", "5").code == 0
    assert play("sample", "a.safetensors", "-n", 2).code == 0


def test_words_that_are_no_part_and_no_optimizer_are_refused(words: Path, play: Play) -> None:
    done = play("train", words, *STEPS, "--leave-out", "heads")
    assert done.code == 2 and "'attention', 'mlp', 'positions', 'norm', 'residual'" in done.err
    done = play("train", words, *STEPS, "--optimizer", "adagrad")
    assert done.code == 2 and "'adam', 'sgd'" in done.err


@pytest.mark.parametrize("part", ["attention", "mlp", "positions", "norm", "residual"])
def test_the_microscope_of_the_command_line_shows_what_is_there(
    part: str, words: Path, play: Play
) -> None:
    done = play("train", words, *STEPS, "--holdout", "0.3", "--leave-out", part)
    assert done.code == 0
    for view in ("flow", "attention", "depth", "credit", "neurons", "lines"):
        done = play("inside", "bob", "--run", 1, "--view", view)
        if (view, part) in (("attention", "attention"), ("neurons", "mlp")):
            assert done.code == 2 and f"{part.capitalize()} was left out of this model" in done.err
        else:
            assert (done.code, done.err) == (0, ""), view
    done = play("inside", "bob", "--run", 1, "--rank")
    assert done.code == 0 and ("head:0.0" in done.out) == (part != "attention")
    assert play("inside", "--view", "step", "--run", 1, "--step", 2).code == 0


def test_a_step_of_sgd_is_taken_apart(words: Path, play: Play) -> None:
    play("train", words, *SMALL, "--steps", "12", "--holdout", "0.3", "--optimizer", "sgd")
    step = ("inside", "--view", "step", "--run", 1, "--step", 9, "--weight", "wte[2,1]")
    shown = json.loads(play(*step, "--json").out)
    assert shown["optimizer"] == "sgd" and abs(shown["gradient_check"]["ratio"] - 1) < 1e-6
    for matrix in shown["matrices"]:
        assert matrix["memory"] in (0.0, None)
        assert sum(matrix["tokens"]) == pytest.approx(1)
    weight = shown["weight"]
    assert sum(weight["tokens"]) == pytest.approx(weight["delta"], abs=1e-15)
    assert all(one["value"] == 0 for one in weight["steps"])
    said = " ".join(play(*step).out.split())
    assert "SGD takes the learning rate times that off, and remembers no earlier step" in said
    assert "Adam" not in said
