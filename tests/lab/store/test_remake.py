"""The command that makes a run again: what is pasted into a shell means the same settings."""

import shlex
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playground.cli.commands import train
from playground.cli.options import changes, make_spec
from playground.hooks.sources import PluginSources
from playground.lab.edits import Edit
from playground.lab.spec import RunSpec
from playground.lab.store.remake import Remake, remake

SPECS = st.fixed_dictionaries(
    {},
    optional={
        "model.n_embd": st.sampled_from([4, 16, 64]),
        "model.n_head": st.sampled_from([1, 2, 4]),
        "model.n_layer": st.integers(1, 24),
        "model.block_size": st.integers(1, 1024),
        "steps": st.integers(1, 10_000_000),
        "optimizer.learning_rate": st.floats(0, 1e12),
        "batch_size": st.integers(1, 1024),
        "seed": st.integers(0, 2**53),
        "holdout": st.floats(0, 0.9),
        "eval_every": st.integers(0, 10_000_000),
        "engine": st.sampled_from(["scalar", "vector"]),
    },
)


def again(made: Remake) -> RunSpec:
    """The settings that the command means, by the parser of the command line."""
    program, command, *words = shlex.split(made.command)
    assert (program, command) == ("microgpt-play", "train") and made.exact
    values = train.make_context("train", words).params
    for name in ("save", "samples", "temperature", "as_json", "metrics", "no_record", "recorded",
                 "probes", "plugins", "no_plugins", "without", "cuts", "holds", "at"):  # fmt: skip
        values.pop(name)
    return make_spec(changes(values.pop("file"), values), PluginSources(entry_points=False))


@given(SPECS)
@settings(max_examples=60, deadline=None)
def test_the_command_means_the_settings_of_the_run(said: dict[str, Any]):
    spec = RunSpec().replace(said)
    assert again(remake(spec.to_json(), (), from_start=True)) == spec


def test_a_run_as_it_comes_is_one_short_command():
    assert remake(RunSpec().to_json(), (), from_start=True).command == "microgpt-play train"


@pytest.mark.parametrize("split", ["lines", "windows"])
@pytest.mark.parametrize("name", ["my names.txt", "it's $HOME.txt", "a,b.txt", "-v.txt", "e.csv"])
def test_the_file_is_one_word_of_the_shell(tmp_path: Path, name: str, split: str):
    file = tmp_path / name
    file.write_text("anna\nbob\n")
    options = {"path": str(file)} | ({"split": split} if split != "lines" else {})
    spec = RunSpec().replace({"dataset": {"name": "text-file", "options": options}})
    made = remake(spec.to_json(), (), from_start=True)
    assert again(made) == spec and "--dataset" not in made.command


@pytest.mark.parametrize(
    ("field", "choice"),
    [
        ("dataset", {"name": "text-file", "options": {"path": "/a, b.txt", "window": 32}}),
        ("dataset", {"name": "text-file", "options": {"path": "/model.safetensors"}}),
        ("tokenizer", {"name": "word", "options": {}}),
        ("schedule", {"name": "cosine", "options": {"warmup": 3, "floor": 0.25}}),
    ],
)
def test_contributions_come_with_their_knobs(field: str, choice: dict[str, Any]):
    made = remake(RunSpec().replace({field: choice}).to_json(), (), from_start=True, run=1)
    assert getattr(again(made), field).model_dump() == choice


def test_a_knob_with_both_quotes_cannot_be_said():
    choice = {"name": "text-file", "options": {"path": '/a, "b"\'.txt', "window": 32}}
    made = remake(RunSpec().replace({"dataset": choice}).to_json(), (), from_start=True, run=1)
    assert made.reasons == ("a command cannot say the options of its dataset",)


@pytest.mark.parametrize(
    ("said", "edits", "from_start", "reason"),
    [
        ({}, [Edit(5, "learning_rate", 0.5)], True, "learning rate was set to 0.5 by hand"),
        ({}, [Edit(5, "engine", "scalar")], True, "engine was set to scalar by hand after step 5"),
        ({}, [], False, "goes on from a state"),
        ({"optimizer.beta1": 0.9}, [], True, "optimizer.beta1 is 0.9"),
        ({"holdout_by": "row"}, [], True, "holdout by is row"),
    ],
)
def test_what_no_command_can_say_is_said_plainly(
    said: dict[str, Any], edits: list[Edit], from_start: bool, reason: str
):
    made = remake(RunSpec().replace(said).to_json(), edits, from_start=from_start, run=7)
    assert reason in " ".join(made.reasons)
    assert made.command == "microgpt-play runs export 7 run-7.microgpt-run"
    assert remake(RunSpec().to_json(), edits, from_start=False).command == ""


def test_what_was_set_before_the_first_step_is_a_setting():
    edits = [Edit(0, "learning_rate", 0.5), Edit(0, "engine", "scalar")]
    spec = again(remake(RunSpec().to_json(), iter(edits), from_start=True))
    assert (spec.optimizer.learning_rate, spec.engine) == (0.5, "scalar")


def test_a_text_that_has_changed_since_is_noticed(tmp_path: Path):
    file = tmp_path / "a.txt"
    file.write_text("anna\n")
    dataset = {"name": "text-file", "options": {"path": str(file)}}
    spec = RunSpec().replace({"dataset": dataset}).to_json()
    made = remake(spec, (), from_start=True, run=1, text="0" * 64)
    assert "does not hold the text any more" in made.reasons[0]
