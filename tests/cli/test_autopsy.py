"""`inside --view step`: a step of a recorded run taken apart, as JSON and in words."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import SMALL, Play
from tests.cli.test_usage import wrong


@pytest.fixture
def recorded(play: Play, words: Path) -> Path:
    """A recorded run of 15 steps, with texts held out."""
    done = play("train", words, *SMALL, "--steps", "15", "--holdout", "0.3")
    assert done.code == 0, done.err
    return words


def asked(play: Play, *options: object) -> dict[str, Any]:
    done = play("inside", "--view", "step", *options, "--json")
    assert (done.code, done.err) == (0, "")
    shown: dict[str, Any] = json.loads(done.out)
    return shown


@pytest.mark.usefixtures("recorded")
def test_a_step_is_taken_apart_in_parts_that_add_up(play: Play) -> None:
    shown = asked(play, "--step", 14, "--weight", "wte[1,2]")
    assert shown["model"] == {"run": 1, "name": "", "step": 14, "steps": 15}
    own = play("inside", "", "--run", 1, "--step", 13, "--json")
    assert own.code == 0
    tokens = shown["tokens"]
    for key in ("before", "after"):
        assert shown["loss"][key] == pytest.approx(
            math.fsum(one[key] for one in tokens) / len(tokens)
        )
    # The first token's loss before the step is what the model of step 13 says.
    first = json.loads(own.out)
    assert first["tokens"] == [tokens[0]["token"]] == ["·"]
    for one in shown["matrices"]:
        assert one["memory"] + math.fsum(one["tokens"]) == pytest.approx(1)
        assert one["ratio"] == pytest.approx(one["update"] / one["weights"])
    weight = shown["weight"]
    parts = [*weight["tokens"], *(one["value"] for one in weight["steps"]), weight["older"]]
    assert math.fsum(parts) == pytest.approx(weight["delta"], abs=1e-12)
    assert [one["step"] for one in weight["steps"]] == [*range(13, 3, -1)]
    assert shown["gradient_check"]["ratio"] == pytest.approx(1, abs=1e-6)
    assert shown["heldout"]["better"] + shown["heldout"]["worse"] <= 5
    assert asked(play)["model"]["step"] == 15, "the last step is the one that is taken"


@pytest.mark.usefixtures("recorded")
def test_the_same_is_said_in_words(play: Play) -> None:
    shown = asked(play, "--step", 14)
    done = play("inside", "--view", "step", "--step", 14)
    assert done.code == 0
    loss = shown["loss"]
    flat = " ".join(done.out.split())
    assert f"{loss['before']:.4f} nats a token before and {loss['after']:.4f} after" in flat
    assert "ratio 1.000000" in flat
    for one in shown["matrices"]:
        (line,) = [line for line in done.out.splitlines() if line.startswith(one["name"] + " ")]
        assert f" {one['memory']:.2f} " in line


def test_what_cannot_be_taken_apart_is_said(play: Play, recorded: Path) -> None:
    step = ("inside", "--view", "step")
    wrong(play(*step, "--step", 0), "--step 1 is the first one")
    wrong(play(*step, "--weight", "wte"), "as in wte[4,1]")
    wrong(play(*step, "--weight", "wte[99,0]"), "there is no weight wte[99,0]")
    wrong(play("inside", "anna", "--view", "step"), "leave out TEXT")
    wrong(play("inside", "anna", "--weight", "wte[0,0]"), "--weight is for --view step")
    wrong(play("inside"), "Missing argument 'TEXT'")
    beyond = play(*step, "--step", 99)
    assert beyond.code == 1 and "recorded up to step 15" in beyond.err
    recorded.unlink()
    assert play(*step).code == 0, "the record keeps the text"
