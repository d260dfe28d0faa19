"""`inside --cut` and `--rank`: what a model loses with a part, as JSON and in words."""

from __future__ import annotations

import itertools
import json
import math
import shlex
from pathlib import Path

import pytest

from microgpt.anatomy import dissect
from microgpt.surgery import components, operation_of, weights_of
from playground.lab.checkpoint import as_array, config_of, read_checkpoint
from playground.lab.spec import RunSpec
from tests.cli.conftest import STEPS, WORDS, Play
from tests.cli.test_usage import wrong

LETTERS = sorted(set("".join(WORDS)))
BOS = len(LETTERS)


@pytest.fixture
def model(play: Play, words: Path) -> Path:
    """A model of three steps, whose text lies beside it."""
    done = play("train", words, *STEPS, "--holdout", "0.3", "--save", "m.safetensors")
    assert done.code == 0, done.err
    return words.with_name("m.safetensors")


def test_a_cut_says_what_it_changes_on_the_text_and_on_held_out_ones(
    play: Play, model: Path
) -> None:
    done = play("inside", "ann", model, "--cut", "head:0.1", "--view", "depth", "--json")
    assert (done.code, done.err) == (0, "")
    shown = json.loads(done.out)
    checkpoint = read_checkpoint(model)
    weights = as_array(checkpoint.weights)
    config = config_of(RunSpec.parse(checkpoint.spec), len(weights))
    tokens = [BOS, *map(LETTERS.index, "ann"), BOS]
    whole = dissect(config, weights, tokens)
    cut = dissect(config, weights, tokens, [operation_of("head:0.1", config)])
    shown_before = shown["losses_before"]
    assert shown_before[:3] == list(whole.losses)[:3]
    assert shown["losses"][:3] == list(cut.losses)[:3]
    assert shown["cuts"] == ["head:0.1"]
    held = shown["heldout"]
    assert held["after"] - held["before"] == pytest.approx(held["delta"], abs=1e-12)
    assert held["documents"] == 5 and held["se"] > 0
    changes = [abs(one["after"] - one["before"]) for one in shown["next"]]
    assert len(changes) == BOS + 1 and changes == sorted(changes, reverse=True)
    assert sum(one["after"] for one in shown["next"]) == pytest.approx(1)
    said = play("inside", "ann", model, "--cut", "head:0.1", "--view", "depth")
    assert "Done to the model: head:0.1" in said.out and "5 held-out texts" in said.out
    noise = abs(held["delta"]) < 2 * held["se"]
    assert ("within the noise" in said.out) == noise == held["within_noise"]


def test_without_the_text_the_cut_is_still_shown(play: Play, model: Path) -> None:
    model.with_name("words.txt").unlink()
    done = play("inside", "anna", model, "--cut", "weight:wte[0,1]=0.5", "--json")
    assert done.code == 0 and json.loads(done.out)["heldout"] is None
    assert "there is no held-out loss" in done.err
    refused = play("inside", "anna", model, "--rank")
    assert refused.code == 1 and "words.txt" in refused.err and "Traceback" not in refused.err


def test_every_part_of_a_recorded_run_is_ranked_the_dearest_first(play: Play, words: Path) -> None:
    assert play("train", words, *STEPS, "--holdout", "0.3").code == 0
    done = play("inside", "ann", "--run", 1, "--rank", "--json")
    assert (done.code, done.err) == (0, "")
    shown = json.loads(done.out)
    config = RunSpec.parse({"model": {"n_embd": 4, "n_head": 2, "block_size": 4}}).model
    every = {str(one) for one in components(config.config(BOS + 1))}
    assert {one["cut"] for one in shown["cuts"]} == every
    deltas = [one["delta"] for one in shown["cuts"]]
    assert deltas == sorted(deltas, reverse=True) and all(map(math.isfinite, deltas))
    (head,) = [one for one in shown["cuts"] if one["cut"] == "head:0.0"]
    alone = json.loads(play("inside", "ann", "--run", 1, "--cut", "head:0.0", "--json").out)
    assert (head["delta"], head["se"]) == (alone["heldout"]["delta"], alone["heldout"]["se"])
    said = play("inside", "ann", "--run", 1, "--rank").out.splitlines()
    assert [line.split()[0] for line in said[4:]] == [one["cut"] for one in shown["cuts"]]


def test_what_cannot_be_cut_is_said_before_anything_is_read(play: Play, model: Path) -> None:
    wrong(
        play("inside", "anna", model, "--cut", "head:0.7"), "--cut", "no head 7: they are 0 ... 1"
    )
    wrong(play("inside", "anna", model, "--cut", "[b]x[/]\x1b[2J"), "--cut", "names no part")
    wrong(play("inside", "anna", model, "--cut", "head:0.1", "--rank"), "leave out --cut")
    assert play("train", "words.txt", *STEPS, "--holdout", "0", "--save", "n.safetensors").code == 0
    done = play("inside", "anna", "n.safetensors", "--rank")
    assert done.code == 1 and "Nothing is held out" in done.err


def test_a_head_that_writes_its_mean_is_another_model_than_one_that_writes_nothing(
    play: Play, model: Path
) -> None:
    asked = ("inside", "ann", model, "--cut", "head:0.1", "--json")
    nothing = json.loads(play(*asked).out)
    done = play(*asked, "--against-mean")
    assert (done.code, done.err) == (0, "")
    mean = json.loads(done.out)
    assert mean["cuts"] == ["head:0.1=mean"] and mean["losses_before"] == nothing["losses_before"]
    assert mean["losses"] != nothing["losses"]
    assert mean["heldout"]["before"] == nothing["heldout"]["before"]
    assert mean["heldout"]["delta"] != nothing["heldout"]["delta"]
    for cut in ("position:1", "head:0.1=0.5"):
        refused = play("inside", "ann", model, "--cut", cut, "--against-mean")
        wrong(refused, "--against-mean is for heads")
    wrong(play("inside", "ann", model, "--against-mean"), "--against-mean is for heads")


def test_patching_says_which_activation_brings_the_answer_back(play: Play, model: Path) -> None:
    checkpoint = read_checkpoint(model)
    weights = as_array(checkpoint.weights)
    config = config_of(RunSpec.parse(checkpoint.spec), len(weights))

    def answer(text: str) -> int:
        probs = dissect(config, weights, [BOS, *map(LETTERS.index, text), BOS]).probs[-1]
        return max(range(len(probs)), key=probs.__getitem__)

    words = ["".join(pair) for pair in itertools.product(LETTERS, repeat=2)]
    clean = words[0]
    corrupt = next(word for word in words if answer(word) != answer(clean))
    done = play("inside", clean, model, "--patch", corrupt, "--json")
    assert (done.code, done.err) == (0, "")
    shown = json.loads(done.out)
    ends = shown["logit_difference"]
    assert ends["text"] > 0 > ends["other"]
    last = shown["patch"][-1]
    assert last["stage"] == "layer 0 mlp"
    assert last["recovered"] == [0, 0, pytest.approx(1)]
    assert last["logit_differences"][-1] == pytest.approx(ends["text"])
    said = play("inside", clean, model, "--patch", corrupt).out
    assert "layer 0 head 1" in said and said.splitlines()[-1].split()[-1] == "1.00"
    assert play("inside", clean, model, "--patch", clean).code == 1
    longer = play("inside", clean, model, "--patch", "a")
    assert longer.code == 1 and "not of the same length" in longer.err
    wrong(play("inside", clean, model, "--patch", corrupt, "--rank"), "leave out --cut and --rank")


def test_a_recorded_run_is_forked_at_a_step_with_a_head_held(play: Play, words: Path) -> None:
    assert play("train", words, *STEPS, "--holdout", "0.3").code == 0
    held = play("train", "--run", 1, "--at", 1, "--hold", "head:0.1", "--cut", "position:0")
    assert held.code == 0, held.err
    shown = json.loads(play("runs", "show", 2, "--json").out)
    assert (shown["parent"], shown["fork_step"], shown["step"]) == (1, 1, 3)
    assert [one["words"] for one in shown["edits"]] == [
        "held: head 1 of layer 0 at 0",
        "position 0 cut",
    ]
    assert "head 1 of layer 0 at 0" in play("runs", "show", 2).out
    csv = words.with_name("run.csv")
    assert play("runs", "export", 2, csv).code == 0
    header, _, first, *_ = csv.read_text().splitlines()
    assert header.endswith(",by_hand") and first.startswith("1,")
    assert "held: head 1 of layer 0 at 0; position 0 cut" in first
    remade = play("runs", "command", 2)
    assert "by hand after step 1" in remade.out + remade.err
    freed = play("train", "--run", 2, "--hold", "none", "--steps", "5", "--save", "f.safetensors")
    assert freed.code == 0, freed.err
    state = read_checkpoint(words.with_name("f.safetensors"))
    assert state.edits.held_at(5) == "" and state.edits.held_at(2) == "head:0.1"
    assert json.loads(play("runs", "show", 3, "--json").out)["fork_step"] == 3


def test_a_run_that_began_with_a_cut_is_made_again_by_its_command(play: Play, words: Path) -> None:
    asked = ("train", words, *STEPS, "--hold", "head:0.1", "--cut", "weight:wte[0,1]=0.5")
    assert play(*asked).code == 0
    command = play("runs", "command", 1).out
    _, *again = shlex.split(command)
    assert play(*again, "--save", "again.safetensors").code == 0
    assert play(*asked, "--no-record", "--save", "first.safetensors").code == 0
    first, second = (
        read_checkpoint(words.with_name(f"{name}.safetensors")) for name in ("first", "again")
    )
    assert first.weights == second.weights and first.edits == second.edits


def test_a_new_run_begins_with_what_is_cut_and_held(play: Play, words: Path) -> None:
    asked = ("train", words, *STEPS, "--no-record", "--save", "m.safetensors")
    assert play(*asked, "--hold", "head:0.1", "--cut", "weight:wte[0,1]=0.5").code == 0
    state = read_checkpoint(words.with_name("m.safetensors"))
    weights = as_array(state.weights)
    config = config_of(RunSpec.parse(state.spec), len(weights))
    head = operation_of("head:0.1", config).component
    assert {weights[place] for place in weights_of(head, config)} == {0.0}
    assert state.edits.surgery_at(0) == "weight:wte[0,1]=0.5"
    refused = play(*asked, "--hold", "head:0.7")
    assert refused.code == 1 and "there is no head 7" in refused.err
    wrong(play(*asked, "--hold", "x"), "--hold", "names no part")
    wrong(play(*asked, "--at", 1), "--at is for --run")
