"""`microgpt-play inside`: what a model computes for a text, as JSON and as tables, and every number
of it that of `dissect`."""

from __future__ import annotations

import inspect
import json
import math
import textwrap
from array import array
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from microgpt.anatomy import Anatomy, dissect, lens, stages
from microgpt.scalar_engine import ScalarEngine
from playground.cli.commands import VIEWS
from playground.cli.inside import VIEWS as MADE
from playground.hooks.manager import load
from playground.hooks.sources import PluginSources
from playground.lab.checkpoint import as_array, config_of, read_checkpoint, write_checkpoint
from playground.lab.floats import as_bytes
from playground.lab.session import Session
from playground.lab.spec import RunSpec
from playground.widths import cell_len
from tests.cli.conftest import STEPS, WORDS, Play
from tests.cli.test_usage import wrong

REGISTRY = load(PluginSources(entry_points=False))
MODEL = {"n_embd": 8, "n_head": 4, "n_layer": 2, "block_size": 6}
LETTERS = sorted(set("".join(WORDS)))
BOS = len(LETTERS)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of 20 steps, two layers and four heads."""
    folder = tmp_path_factory.mktemp("inside")
    text = folder / "words.txt"
    text.write_text("\n".join(WORDS), encoding="utf-8")
    dataset = {"name": "text-file", "options": {"path": str(text)}}
    spec = RunSpec.parse({"model": MODEL, "steps": 40, "holdout": 0, "dataset": dataset})
    session = Session.open(spec, REGISTRY)
    while session.step < 20:
        assert session.advance(20 - session.step)
    session.save(str(folder / "model.safetensors"))
    text.unlink()
    return folder / "model.safetensors"


def anatomy(path: Path, text: str) -> Anatomy:
    checkpoint = read_checkpoint(path)
    weights = as_array(checkpoint.weights)
    config = config_of(RunSpec.parse(checkpoint.spec), len(weights))
    return dissect(config, weights, [BOS, *map(LETTERS.index, text), BOS])


def asked(play: Play, *words: object) -> dict[str, Any]:
    """The object that the command prints, alone, and in valid JSON."""
    done = play("inside", *words, "--json")
    assert (done.code, done.err) == (0, "")

    def invalid(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    (line,) = done.out.splitlines()
    shown: dict[str, Any] = json.loads(line, parse_constant=invalid)
    return shown


# ---------------------------------------------------------------- the numbers


def test_attention_is_by_layer_head_position_and_source(play: Play, model: Path) -> None:
    exact = anatomy(model, "anna")
    shown = asked(play, "anna", model, "--view", "attention")
    assert shown["tokens"] == ["·", *"anna"] and shown["targets"] == [*"anna", "·"]
    assert shown["weights"] == [layer.attn_weights for layer in exact.layers]
    assert shown["losses"] == exact.losses
    assert (shown["layers"], shown["heads"]) == ([0, 1], [0, 1, 2, 3])
    one = asked(play, "anna", model, "--view", "attention", "--layer", 1, "--head", 2)
    assert (one["layers"], one["heads"]) == ([1], [2])
    assert one["weights"] == [[exact.layers[1].attn_weights[2]]]


def test_depth_ends_at_what_the_model_says(play: Play, model: Path) -> None:
    exact = anatomy(model, "bob")
    shown = asked(play, "bob", model, "--view", "depth")["stages"]
    assert [one["stage"] for one in shown] == [stage.name for stage in stages(exact)]
    for one, stage in zip(shown, stages(exact), strict=True):
        said = lens(exact, stage.x)
        assert [cell["probability"] for cell in one["positions"]] == list(map(max, said))
    for cell, probs, target in zip(shown[-1]["positions"], exact.probs, exact.targets, strict=True):
        best = max(range(len(probs)), key=probs.__getitem__)
        assert cell == {
            "token": [*LETTERS, "·"][best],
            "probability": probs[best],
            "target_probability": probs[target],
        }


def test_the_parts_of_credit_add_up_to_the_logit(play: Play, model: Path) -> None:
    exact = anatomy(model, "anna")
    names = [*LETTERS, "·"]
    for position in range(5):
        shown = asked(play, "anna", model, "--view", "credit", "--position", position)
        logits, probs = exact.logits[position], exact.probs[position]
        best = max(range(len(logits)), key=logits.__getitem__)
        assert (shown["token"], shown["position"]) == (names[best], position)
        assert (shown["logit"], shown["probability"]) == (logits[best], probs[best])
        assert math.fsum(part["value"] for part in shown["parts"]) == pytest.approx(
            logits[best], abs=1e-9
        )
    last = asked(play, "anna", model, "--view", "credit")
    assert last == shown, "the last position is the one that is taken"
    parts = [part["part"] for part in last["parts"]]
    assert "layer 1 head 2 from 3 'n'" in parts and "token 'a'" in parts and "position 4" in parts
    assert len(parts) > 2 + 2 * 4 * 5, "with every head, every position and the neurons that fire"


def test_credit_is_for_any_token_against_any_other_or_the_mean(play: Play, model: Path) -> None:
    exact = anatomy(model, "anna")
    logits, probs = exact.logits[2], exact.probs[2]
    mean = math.fsum(p * logit for p, logit in zip(probs, logits, strict=True))
    for token, other, logit in (
        ("b", "·", logits[LETTERS.index("b")] - logits[BOS]),
        ("·", "mean", logits[BOS] - mean),
    ):
        words = ["--view", "credit", "--position", 2, "--token", token, "--against", other]
        shown = asked(play, "anna", model, *words)
        assert (shown["token"], shown["against"]) == (token, other)
        assert shown["logit"] == pytest.approx(logit, abs=1e-12)
        assert math.fsum(one["value"] for one in shown["parts"]) == pytest.approx(logit, abs=1e-9)


def test_neurons_are_by_layer_neuron_and_position(play: Play, model: Path) -> None:
    exact = anatomy(model, "anna")
    shown = asked(play, "anna", model, "--view", "neurons", "--layer", 1, "--neuron", 5)
    for key, rows in (
        ("activations", exact.layers[1].activation),
        ("pre_activations", exact.layers[1].pre_activation),
    ):
        assert shown[key] == [[[row[j] for row in rows] for j in range(4 * 8)]]
    opened = shown["opened"]
    column = [row[5] for row in exact.weights["layer1.mlp_fc2"]]
    for one in opened["promotes"]:
        row = exact.weights["lm_head"][[*LETTERS, "·"].index(one["token"])]
        dot = math.fsum(u * w for u, w in zip(row, column, strict=True))
        assert one["value"] == pytest.approx(dot, abs=1e-12)
    for ranked in (opened["promotes"], opened["wakes"]):
        assert sorted(one["token"] for one in ranked) == sorted([*LETTERS, "·"])
        assert ranked == sorted(ranked, key=lambda one: -one["value"])


def test_flow_has_every_stage_at_one_position(play: Play, model: Path) -> None:
    exact = anatomy(model, "bob")
    shown = asked(play, "bob", model, "--position", 1)
    assert (shown["view"], shown["position"]) == ("flow", 1)
    by_name = {(one["layer"], one["head"], one["stage"]): one for one in shown["stages"]}
    assert by_name[None, None, "probs"]["values"] == exact.probs[1]
    assert by_name[1, None, "x_mid"]["values"] == list(exact.layers[1].x_mid[1])
    looks = by_name[0, 3, "attn_weights"]
    assert (looks["values"], looks["shape"]) == (exact.layers[0].attn_weights[3][1], "(2)")
    assert by_name[1, None, "q"]["matrix"] == "layer1.attn_wq"


def test_lines_are_those_of_gpt_with_what_each_makes(play: Play, model: Path) -> None:
    exact = anatomy(model, "bob")
    shown = asked(play, "bob", model, "--view", "lines", "--position", 1)
    source = textwrap.dedent(inspect.getsource(ScalarEngine.gpt)).splitlines()
    assert shown["source"] == source
    made: dict[str, list[Any]] = {}
    for line in shown["lines"]:
        for one in line["made"]:
            made.setdefault(one["name"], []).append((line["context"], one["shape"], one["values"]))
    q = made["q"]
    assert [context for context, _, _ in q] == ["layer 0", "layer 1"]
    assert q[1][1] == "(8)"
    assert q[1][2] == pytest.approx(exact.layers[1].q[1], abs=1e-12)
    looks = made["attn_weights"]
    assert [context for context, _, _ in looks][5] == "layer 1, h 1"
    assert looks[5][2] == pytest.approx(exact.layers[1].attn_weights[1][1], abs=1e-12)
    text = play("inside", "bob", model, "--view", "lines").out.splitlines()
    assert any(line.strip().startswith("→ attn_weights (4)  ") for line in text)
    assert "in layer 1, h 3" in text and any(line.endswith("→ layer  1") for line in text)


# ---------------------------------------------------------------- texts


def test_an_empty_text_reads_the_beginning_alone(play: Play, model: Path) -> None:
    shown = asked(play, "", model, "--view", "attention")
    assert (shown["tokens"], shown["targets"]) == (["·"], ["·"])
    assert shown["weights"] == [[[[1.0]]] * 4] * 2
    assert "reads nothing but the beginning" in play("inside", "", model).out


def test_a_text_longer_than_the_context_is_cut_and_said_to_be(play: Play, model: Path) -> None:
    for text, left_out in (("annab", ""), ("annabo", "the last 1 is"), ("annabobo", "3 are")):
        done = play("inside", text, model, "--view", "attention", "--json")
        assert json.loads(done.out)["tokens"] == ["·", *"annab"]
        assert done.code == 0 and left_out in done.err and bool(done.err) == bool(left_out)
    assert json.loads(done.out)["targets"] == [*"annabo"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["Zoë"], "The model does not know 'Z'"),
        (["anna", "nowhere.safetensors"], "nowhere.safetensors does not exist"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(
    play: Play, model: Path, words: list[str], said: str
) -> None:
    done = play("inside", *words, *([model] if len(words) == 1 else []), "--json")
    assert (done.code, done.out) == (1, "")
    assert said in done.err and done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--view", "credit", "--position", 5], "no position 5: they are 0 to 4"),
        (["--view", "attention", "--head", 4], "no head 4: they are 0 to 3"),
        (["--view", "neurons", "--layer", 2], "no layer 2: they are 0 to 1"),
        (["--view", "neurons", "--neuron", 32], "no neuron 32: they are 0 to 31"),
        (["--view", "neurons", "--head", 1], "--head is for --view attention."),
        (["--view", "depth", "--token", "a"], "--token is for --view credit."),
        (["--view", "credit", "--token", "an"], "no single token of this model is 'an'"),
        (["--view", "credit", "--against", ""], "no single token of this model is ''"),
        (["--view", "moods"], "Invalid value for '--view'"),
        (["--step", 10], "--step is for recorded runs"),
        (["--run", 1], "leave out"),
    ],
)
def test_wrong_usage_is_explained(play: Play, model: Path, words: list[object], said: str) -> None:
    wrong(play("inside", "anna", model, *words), said)


def test_a_model_without_a_text_is_told_where_the_text_goes(play: Play, model: Path) -> None:
    wrong(play("inside", model), f"TEXT comes first: microgpt-play inside TEXT {model}")


def test_numbers_that_are_not_finite_are_null_in_json(
    play: Play, model: Path, tmp_path: Path
) -> None:
    checkpoint = read_checkpoint(model)
    weights = as_array(checkpoint.weights)
    broken = tmp_path / "broken.safetensors"
    write_checkpoint(
        broken, replace(checkpoint, weights=as_bytes(array("d", [math.nan, *weights[1:]])))
    )
    for view in MADE:
        named = ["--token", "a"] if view == "credit" else []
        said = play("inside", "anna", broken, "--view", view, *named)
        assert said.code == 0 and "it has diverged" in said.err and "nan" in said.out
    done = play("inside", "anna", broken, "--view", "depth", "--json")
    assert "NaN" not in done.out
    assert json.loads(done.out)["stages"][-1]["positions"][1] == {
        "token": None, "probability": None, "target_probability": None,
    }  # fmt: skip
    refused = play("inside", "anna", broken, "--view", "credit", "--json")
    assert refused.code == 1 and "Name a token with --token" in refused.err


# ---------------------------------------------------------------- runs


def test_a_recorded_run_is_shown_at_any_of_its_steps(
    play: Play, words: Path, tmp_path: Path
) -> None:
    assert play("inside", "ann").code == 1
    assert "There are no runs yet" in play("inside", "ann").err
    assert play("train", words, *STEPS, "--seed", 1).code == 0
    play("runs", "rename", 1, "first")
    assert play("train", words, *STEPS).code == 0
    for step in (0, 2, 3):
        kept = tmp_path / f"{step}.safetensors"
        assert play("runs", "export", "first", kept, "--step", step).code == 0
        shown = asked(play, "ann", "--run", "first", "--step", step, "--view", "attention")
        assert shown["model"] == {"run": 1, "name": "first", "step": step, "steps": 3}
        of_file = asked(play, "ann", kept, "--view", "attention")
        assert of_file["model"]["step"] == step
        assert of_file["weights"] == shown["weights"], step
    assert asked(play, "ann")["model"] == {"run": 2, "name": "", "step": 3, "steps": 3}
    assert play("inside", "ann").out.startswith("Run 2, step 3 of 3, reads “ann”: loss ")
    assert "“first”" in play("inside", "ann", "--run", 1).out.splitlines()[0]
    for options, said in (
        (["--run", 9], "There is no run '9'"),
        (["--step", 4], "Run 2 was recorded up to step 3, and step 4 was asked for."),
    ):
        done = play("inside", "ann", *options)
        assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
        assert said in done.err


PAIRS = """
from playground.api import Contribution, UnknownTextError, hookimpl


class Pairs:
    def __init__(self): self._pairs = []
    vocab_size = property(lambda self: len(self._pairs) + 1)
    bos_id = property(lambda self: len(self._pairs))
    def train(self, documents):
        self._pairs = sorted({t[i:i + 2] for t in documents for i in range(0, len(t), 2)})
    def encode(self, text):
        for at in range(0, len(text), 2):
            if text[at:at + 2] not in self._pairs:
                raise UnknownTextError(text, at)
        return [self._pairs.index(text[at:at + 2]) for at in range(0, len(text), 2)]
    def decode(self, ids): return "".join(self._pairs[i] for i in ids if i < len(self._pairs))
    def display(self, token_id): return (self._pairs + ["\\x1b[2J<bos>"])[token_id]
    def state_dict(self): return {"pairs": self._pairs}
    def load_state_dict(self, state): self._pairs = list(state["pairs"])


@hookimpl
def microgpt_tokenizers():
    yield Contribution(name="pairs", summary="two letters each", factory=Pairs)
"""


def test_a_tokenizer_of_a_plugin_reads_the_text_and_steers_no_terminal(
    play: Play, words: Path, tmp_path: Path
) -> None:
    plugin, model = tmp_path / "pairs.py", tmp_path / "pairs.safetensors"
    plugin.write_text(PAIRS)
    options = ("--plugin", plugin, "--tokenizer", "pairs", "--save", model)
    assert play("train", words, *STEPS, *options).code == 0
    shown = asked(play, "anna", model, "--plugin", plugin, "--view", "credit", "--token", "na")
    assert shown["tokens"][1:] == ["an", "na"] and shown["token"] == "na"
    assert "\x1b" not in play("inside", "anna", model, "--plugin", plugin).out
    refused = play("inside", "anna", model, "--no-plugins")
    assert refused.code == 1 and "pairs" in refused.err


# ---------------------------------------------------------------- as tables


@pytest.mark.parametrize("view", [*MADE])
@pytest.mark.parametrize("width", [40, 80])
def test_tables_fit_the_terminal_and_say_what_is_read(
    play: Play, model: Path, monkeypatch: pytest.MonkeyPatch, view: str, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    done = play("inside", "annab", model, "--view", view, *(["--neuron", 3] * (view == "neurons")))
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert max(map(cell_len, lines)) <= width
    assert "step 20 of 40, reads “annab”" in " ".join(done.out.split())
    assert all(line == line.rstrip() for line in lines)


def test_columns_go_below_where_the_terminal_has_no_room(
    play: Play, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for width in range(26, 56, 3):
        monkeypatch.setenv("COLUMNS", str(width))
        lines = play("inside", "annab", model, "--view", "depth").out.splitlines()
        assert max(map(cell_len, lines)) <= width
        table = lines[lines.index("") :]
        read = [line.split()[1:] for line in table if line.startswith("reads")]
        assert [token for block in read for token in block] == [*"·annab"]
        assert len(read) > 1, "not all columns have room"


def test_a_table_in_a_pipe_has_whole_rows_and_true_numbers(play: Play, model: Path) -> None:
    exact = anatomy(model, "annab")
    rows = [line.split() for line in play("inside", "annab", model, "--view", "attention",
            "--layer", 1, "--head", 0).out.splitlines()]  # fmt: skip
    for position, (letter, weights) in enumerate(
        zip("·annab", exact.layers[1].attn_weights[0], strict=True)
    ):
        assert [str(position), letter, *(f"{value:.3f}" for value in weights)] in rows
    said = play("inside", "annab", model, "--view", "credit").out.splitlines()
    logit = f"{max(exact.logits[-1]):+.4f}"
    for name in ("sum of", "logit of"):
        assert [line.split()[-1] for line in said if line.startswith(name)] == [logit]
    exact = anatomy(model, "")
    neurons = play("inside", "", model, "--view", "neurons", "--layer", 0).out
    firing = [j for j in range(32) if exact.layers[0].activation[0][j]]
    assert neurons.count("\nneuron ") == len(firing)
    assert 0 < len(firing) < 32
    assert f"{32 - len(firing)} of 32 neurons never fire here" in neurons


def test_the_choices_of_the_help_are_the_views_there_are() -> None:
    assert tuple(MADE) == VIEWS
