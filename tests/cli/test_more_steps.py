"""A finished run can be trained longer: `--steps` raises its end, from its file and its record."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import click
import pytest

from playground.cli.play import _forked, _numbers
from playground.lab.checkpoint import read_checkpoint
from playground.lab.paths import store_file
from playground.lab.spec import RunSpec
from playground.lab.store.store import Store
from tests.cli.conftest import SMALL, Done, Play
from tests.cli.test_train import steps

pytestmark = pytest.mark.usefixtures("words")
RUN = ("train", "words.txt", *SMALL, "--holdout", "0")


@pytest.fixture(params=["file", "record"])
def finished(request: pytest.FixtureRequest, words: Path, play: Play) -> tuple[str, ...]:
    """The words that go on with a finished run of 5 steps at a constant learning rate."""
    assert (
        play(
            RUN[0],
            words,
            *RUN[2:],
            "--steps",
            5,
            "--schedule",
            "constant",
            "--save",
            "m.safetensors",
        ).code
        == 0
    )
    return ("m.safetensors",) if request.param == "file" else ("--run", "1")


def runs() -> list[tuple[int | None, int | None, int]]:
    """(parent, fork step, steps done) of each run in the store."""
    with Store.open(store_file()) as store:
        return [
            (row.parent, row.fork_step, row.step)
            for row in sorted(store.runs(), key=lambda row: row.id)
        ]


def rates_told(done: Done) -> tuple[float, float] | None:
    """(after, before) of the notice about the learning rate."""
    found = re.search(
        r"goes on at ([\d.e-]+), after ([\d.e-]+) at step 5: .* step 9$", done.err, re.M
    )
    return (float(found[1]), float(found[2])) if found else None


def test_the_steps_after_the_end_are_those_of_a_run_that_was_longer_from_the_start(
    finished: tuple[str, ...], play: Play
) -> None:
    longer = steps(play(*RUN, "--steps", 9, "--schedule", "constant", "--json", "--no-record"))
    done = play("train", *finished, "--steps", 9, "--json", "--save", "longer.safetensors")
    assert (done.code, done.err) == (0, "Saved step 9 to longer.safetensors\n")
    assert steps(done) == longer[5:]
    assert RunSpec.parse(read_checkpoint("longer.safetensors").spec).steps == 9


def test_the_run_itself_stays_as_it_was_and_the_longer_one_is_its_fork(
    play: Play,
) -> None:
    play(*RUN, "--steps", 5)
    before = runs()
    assert play("train", "--run", 1, "--steps", 9).code == 0
    assert runs() == [*before, (1, 5, 9)] == [(None, None, 5), (1, 5, 9)]
    again = play("train", "--run", 2, "--steps", 9)
    assert "All 9 steps of this run are done" in again.err and len(runs()) == 2


@pytest.mark.parametrize("goes_on", [("m.safetensors",), ("--run", "1")], ids=["file", "record"])
def test_the_jump_of_the_learning_rate_is_told_and_is_what_happens(
    play: Play, goes_on: tuple[str, ...]
) -> None:
    play(*RUN, "--steps", 5, "--save", "m.safetensors")
    done = play("train", *goes_on, "--steps", 9, "--json")
    assert rates_told(done) == (pytest.approx(0.01 * 4 / 9, rel=1e-2), 0.01 / 5)
    assert [line["learning_rate"] for line in steps(done)] == [
        0.01 * (1 - step / 9) for step in range(5, 9)
    ]


def test_a_schedule_and_a_learning_rate_may_be_chosen_for_the_steps_after_the_end(
    finished: tuple[str, ...], play: Play
) -> None:
    options = ("--steps", 9, "--schedule", "cosine:floor=1", "--learning-rate", 0.002)
    done = play("train", *finished, *options, "--engine", "scalar", "--json")
    assert {line["learning_rate"] for line in steps(done)} == {0.002}


def test_what_cannot_be_is_refused_by_its_option(finished: tuple[str, ...], play: Play) -> None:
    for options, told in (
        (("--steps", 4), "--steps must be 5 or more"),
        (("--steps", 0), "--steps must be 1 or more"),
        (("--schedule", "lienar"), "did you mean 'linear'"),
        (("--seed", 3, "--holdout", 0.2), "leave out --seed, --holdout."),
    ):
        done = play("train", *finished, *options)
        assert done.code == 2 and told in done.err, done.err
    assert len(runs()) == 1


def test_the_command_that_a_finished_run_names_trains_it_longer(
    finished: tuple[str, ...], play: Play
) -> None:
    over = play("train", *finished, "--samples", 0)
    (advice,) = re.findall(r"More steps: microgpt-play (.*)", over.err)
    done = play(*shlex.split(advice), "--json")
    assert [line["step"] for line in steps(done)] == [6, 7, 8, 9, 10]
    if "--save" in advice:
        assert read_checkpoint("m.safetensors").step == 10


@pytest.mark.usefixtures("finished")
def test_the_screen_goes_on_from_a_file_with_the_same_settings() -> None:
    saved = read_checkpoint("m.safetensors")
    spec, start = _forked(saved, _numbers({"steps": 9}))
    assert json.loads(spec)["steps"] == 9 and start is not None
    assert start.weights == saved.weights and not start.repeatable
    with pytest.raises(click.UsageError, match="--steps must be 5 or more"):
        _forked(saved, {"steps": 4})
    with pytest.raises(click.UsageError, match="f changes the schedule"):
        _numbers({"schedule": "constant"})
