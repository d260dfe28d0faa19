"""`inside --influence` and `inside --view step --without-step`: as JSON, in words, misused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from microgpt.influence import spearman
from tests.cli.conftest import SMALL, Play
from tests.cli.test_usage import wrong

WITHOUT = ("inside", "--view", "step", "--without-step")


@pytest.fixture
def recorded(play: Play, words: Path) -> Path:
    """A recorded run of 15 steps, with texts held out."""
    done = play("train", words, *SMALL, "--steps", "15", "--holdout", "0.3")
    assert done.code == 0, done.err
    return words


def asked(play: Play, *words: object) -> dict[str, Any]:
    done = play(*words, "--json")
    assert done.code == 0, done.err
    shown: dict[str, Any] = json.loads(done.out)
    return shown


def flat(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.usefixtures("recorded")
def test_a_run_without_one_of_its_steps_is_told_in_json_and_in_words(play: Play) -> None:
    shown = asked(play, *WITHOUT, "--step", 9)
    assert shown["model"] == {"run": 1, "name": "", "step": 15, "steps": 15}
    found = shown["without"]
    step = asked(play, "inside", "--view", "step", "--step", 9)
    assert (found["step"], found["documents"]) == (9, step["documents"])
    assert found["texts"] == ["".join(one["token"] for one in step["tokens"][1:])]
    own = found["loss"]
    assert own["delta"] == pytest.approx(own["after"] - own["before"]) and own["delta"]
    assert len(found["samples"]) == len(found["samples_without"]) == 5
    assert found["weights"]["apart"] > 0
    done = play(*WITHOUT, "--step", 9)
    assert done.code == 0
    said = flat(done.out)
    assert f"costs {own['before']:.4f} nats a token with it and {own['after']:.4f} without" in said
    assert f"Step 9 of run 1 learnt from “{found['texts'][0]}”" in said
    assert found["heldout"]["documents"] == 5 and "on 5 held-out texts" in said
    assert asked(play, *WITHOUT)["without"]["step"] == 15, "the last step is left out by default"


@pytest.mark.usefixtures("recorded")
def test_what_taught_a_prediction_is_told_in_json_and_in_words(play: Play) -> None:
    shown = asked(play, "inside", "an", "--influence", "--position", 1, "--token", "t")
    assert (shown["position"], shown["token"], shown["steps"], shown["first"]) == (1, "t", 15, 1)
    listed = shown["influence"]
    assert len(listed) == 15
    assert sum(one["formula"] for one in listed) == pytest.approx(shown["total"])
    pairs = [(one["formula"], one["replayed"]) for one in listed[:10]]
    assert shown["spearman"] == pytest.approx(spearman(*zip(*pairs, strict=True)))
    assert all(one["replayed"] is None for one in listed[10:])
    # The prediction's loss is what the model itself says of the text.
    at_t = asked(play, "inside", "at")["losses"]
    assert shown["loss"] == pytest.approx(at_t[1], abs=1e-9)
    # By hand: without the step that is named first.
    said = play("inside", "an", "--influence", "--position", 1, "--token", "t")
    assert said.code == 0
    assert f"ranks correlate by {shown['spearman']:+.2f} (Spearman)" in flat(said.out)
    first = listed[0]
    assert f"{first['step']} {first['texts'][0]}" in said.out
    earlier = asked(play, "inside", "an", "--influence", "--step", 6)
    assert (earlier["model"]["step"], earlier["steps"]) == (6, 6)


def test_a_saved_model_with_its_text_tells_what_taught_it(play: Play, words: Path) -> None:
    where = words.parent / "m.safetensors"
    done = play("train", words, *SMALL, "--steps", "4", "--no-record", "--save", where)
    assert done.code == 0, done.err
    shown = asked(play, "inside", "an", where, "--influence")
    assert shown["steps"] == 4 and shown["model"]["checkpoint"] == str(where)


def test_misuse_is_said(play: Play, recorded: Path) -> None:
    wrong(play("inside", "an", "--without-step"), "for --view step")
    wrong(play(*WITHOUT, "--weight", "wte[0,0]"), "leave out --weight")
    wrong(play(*WITHOUT, "--step", 0), "--step 1 is the first one")
    wrong(play("inside", "an", "--influence", "--rank"), "leave out --cut, --rank")
    wrong(play("inside", "an", "--influence", "--head", 1), "leave out --head")
    wrong(play("inside", "--influence"), "Missing argument 'TEXT'")
    wrong(play("inside", "an", "--influence", "--token", "zz"), "no single token")
    for words, said in (
        ((*WITHOUT, "--step", 99), "recorded up to step 15"),
        (("inside", "an", "--influence", "--position", 7), "positions 0 to 2"),
        (("inside", "an", "--influence", "--step", 0), "No step was made yet"),
    ):
        done = play(*words)
        assert done.code == 1 and said in done.err
    assert recorded.exists()


@pytest.mark.usefixtures("recorded")
def test_a_part_is_put_in_as_another_step_had_it(play: Play, words: Path) -> None:
    """All matrices of step 6 are the model of step 6."""
    there = asked(play, "inside", "an", "--step", 6)
    names = [one["name"] for one in asked(play, "inside", "--view", "step")["matrices"]]
    cuts = [word for name in names for word in ("--cut", f"matrix:{name}@6")]
    put = asked(play, "inside", "an", *cuts)
    assert put["losses"] == there["losses"] != put["losses_before"]
    assert put["cuts"] == [f"matrix:{name}@6" for name in names]
    for what, said in (("wpe@x", "behind @ stands a step"), ("wpe@", "behind @ stands a step"),
                       ("nope@3", "nope")):  # fmt: skip
        wrong(play("inside", "an", "--cut", f"matrix:{what}"), said)
    done = play("inside", "an", "--cut", "matrix:wpe@99")
    assert done.code == 1 and "recorded up to step 15" in done.err
    where = words.parent / "m.safetensors"
    assert play("train", words, *SMALL, "--steps", "2", "--no-record", "--save", where).code == 0
    wrong(play("inside", "an", where, "--cut", "matrix:wpe@1"), "which holds one step")
