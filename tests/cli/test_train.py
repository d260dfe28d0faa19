"""Training without a screen, and what can be done with the result."""

from __future__ import annotations

import gc
import json
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from playground.hooks.manager import load
from playground.hooks.sources import PluginSources
from playground.lab.checkpoint import read_checkpoint, write_checkpoint
from playground.lab.paths import store_file
from playground.lab.protocol.commands import Open
from playground.lab.protocol.run import Recording
from playground.lab.protocol.sampling import Link, Sampling
from playground.lab.record import recorder
from playground.lab.run.guard import Activity
from playground.lab.run.speed import Ration
from playground.lab.session import open_session
from playground.lab.spec import RunSpec
from playground.lab.store.store import Store
from tests.cli.conftest import COMMAND, SMALL, STEPS, Done, Play, command


def steps(done: Done | str) -> list[dict[str, Any]]:
    """The step lines of --json."""
    text = done if isinstance(done, str) else done.out
    return [line for line in map(json.loads, text.splitlines()) if "step" in line]


def test_json_is_an_object_a_line_with_floats_in_full(words: Path, play: Play) -> None:
    done = play("train", words, *STEPS, "--json")
    assert (done.code, done.err) == (0, "")
    *lines, last = map(json.loads, done.out.splitlines())
    assert [line["step"] for line in lines] == [1, 2, 3]
    assert lines[1]["learning_rate"] == 0.01 * (1 - 1 / 3)
    assert all(repr(line["loss"]) in done.out for line in lines)
    assert max(len(repr(line["loss"])) for line in lines) >= 17
    assert len(last["samples"]) == 2


@pytest.mark.parametrize("holdout", ["0", "0.1", "0.3"])
def test_it_trains_as_the_gpt_alone_does(words: Path, play: Play, holdout: str) -> None:
    options = [*SMALL, "--steps", "10", "--seed", "7", "--json"]
    alone = subprocess.run(
        [sys.executable, "-m", "microgpt", words, *options], capture_output=True, text=True
    )
    here = play("train", words, *options, "--holdout", holdout)
    assert [line["loss"] for line in steps(here)] == [line["loss"] for line in steps(alone.stdout)]


def test_json_has_a_word_on_standard_error_where_the_losses_part(words: Path, play: Play) -> None:
    options = ("train", words, *SMALL, "--json", "--steps")
    assert "from step 15 on the losses are not those of microgpt.py" in play(*options, 15).err
    assert (play(*options, 14).err, play(*options, 15, "--holdout", 0).err) == ("", "")


def test_the_held_out_loss_is_told_with_its_error_and_the_lines_to_beat(
    words: Path, play: Play
) -> None:
    options = (words, *SMALL, "--steps", "4", "--eval-every", "2", "--holdout", "0.4")
    lines = steps(play("train", *options, "--json"))
    assert [line["step"] for line in lines if "held_out" in line] == [2, 4]
    last = lines[-1]
    said = play("train", *options).err
    figure = f"held out: {last['held_out']:.3f} ± {last['held_out_error']:.3f} nats a token"
    assert figure in said and "after step 4, on" in said
    assert re.search(r"counting reaches: uniform \d.* unigram \d.* bigram \d.* trigram \d", said)


def test_where_nothing_can_be_held_out_no_loss_is_shown_for_it(tmp_path: Path, play: Play) -> None:
    path = tmp_path / "same.txt"
    path.write_text("one\ntwo\n" * 20, encoding="utf-8")
    done = play("train", path, *SMALL, "--steps", "3")
    assert "! 40 documents, but 2 different texts: too few to hold any out" in done.err
    assert "held out:" not in done.err
    assert all("held_out" not in line for line in steps(play("train", path, *STEPS, "--json")))


MEASURED = ("--metric", "new-share", "--metric", "gradient-norm", "--metric", "perplexity")


@pytest.mark.parametrize("metrics", [(), MEASURED], ids=["plain", "with metrics"])
def test_the_same_words_give_the_same_bytes(words: Path, metrics: tuple[str, ...]) -> None:
    options = ("train", words, *SMALL, "--steps", 210, "--json", *metrics)
    first, again, unrecorded = (
        command(*options, *more, "--save", words.with_name(f"{number}.safetensors"))
        for number, more in enumerate(((), (), ("--no-record",)))
    )
    assert first.code == 0 and first.out == again.out == unrecorded.out
    saved, *others = map(read_checkpoint, words.parent.glob("*.safetensors"))
    assert len(others) == 2 and all(one == saved for one in others), "of the saved model too"


def test_what_metrics_say_does_not_depend_on_how_fast_the_machine_is(
    words: Path, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("train", words, *SMALL, "--steps", 205, "--json", *MEASURED)
    said = []
    for share, beginning in ((1e9, 1e9), (1e-9, 1e-9)):  # of the time: all, next to none
        monkeypatch.setattr(recorder, "_SHARE", share)
        monkeypatch.setattr(Ration, "BEGINNING", beginning)
        said += [play(*options), play(*options, "--no-record")]
    assert len({done.out for done in said}) == 1
    measured = {line["step"]: list(line["metrics"]) for line in steps(said[0]) if "metrics" in line}
    of_steps = ["gradient-norm", "perplexity"]
    assert measured == {
        step: ["new-share", *of_steps] if step % 100 == 0 else of_steps
        for step in (1, *range(10, 205, 10), 205)
    }


def test_a_run_that_goes_on_prints_what_its_metrics_measure_and_not_what_was_recorded(
    words: Path, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "_SHARE", 1e9)
    play("train", words, *SMALL, "--steps", 40)
    with Store.open(store_file()) as store:
        assert len(store.record(1).measured["gradient-norm"]) > 2 * 20
        session = open_session(
            Open("", recording=Recording(str(store.path), 1, 20)),
            load(PluginSources(entry_points=False)),
            lambda _: None,
            Activity(),
        )
        session.close()  # it stands at step 20 now, of 40 recorded ones
    lines = steps(play("train", "--run", 1, "--json", "--metric", "gradient-norm"))
    assert [line["step"] for line in lines if "metrics" in line] == [30, 40]
    assert [line["step"] for line in lines] == list(range(21, 41))


def test_many_samples_do_not_make_the_metrics_of_samples_slow(words: Path, play: Play) -> None:
    done = play("train", words, *STEPS[:-2], "--samples", 300, "--steps", 100, "--json", *MEASURED)
    assert len(json.loads(done.out.splitlines()[-1])["samples"]) == 300
    with Store.open(store_file()) as store:
        counts = [len(one.batch.texts) for one in store.samples(1)]
    assert counts == [100, 300]


def test_without_json_it_says_what_it_does_and_prints_samples(words: Path, play: Play) -> None:
    done = play("train", words, *STEPS)
    assert done.code == 0
    assert done.err.startswith("words.txt: 16 documents, 21 tokens, ")
    assert "step 3/3 ━━━━━━━━━━━━━━━━━━━━━━━━ loss " in done.err
    assert [line[:6] for line in done.out.splitlines()] == ["   1  ", "   2  "]
    assert "\x1b" not in done.out + done.err


def test_no_samples_if_none_are_wanted(words: Path, play: Play) -> None:
    assert play("train", words, *STEPS, "--samples", 0).out == ""


def test_more_samples_than_a_batch_has_are_printed_too(words: Path, play: Play) -> None:
    few = play("train", words, *STEPS, "--samples", 1000, "--no-record").out.splitlines()
    done = play("train", words, *STEPS, "--samples", 1003, "--no-record")
    lines = done.out.splitlines()
    assert (done.code, len(lines)) == (0, 1003)
    assert lines[:1000] == few and lines[-1].startswith("1003  ")
    as_json = play("train", words, *STEPS, "--samples", 1003, "--no-record", "--json").out
    assert len(json.loads(as_json.splitlines()[-1])["samples"]) == 1003


def test_samples_that_cannot_be_are_refused_before_the_first_step(
    words: Path, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("playground.cli.train.MAX_COUNT", 10**6)  # more than a sampler makes
    done = play("train", words, *STEPS, "--samples", 2000)
    assert (done.code, done.out) == (1, "")
    assert "count must be between 1 and 1000" in done.err and "step" not in done.err


def test_the_collector_stays_out_of_the_scalar_engines_way(words: Path, play: Play) -> None:
    play("train", words, *STEPS, "--engine", "scalar")
    assert gc.get_threshold()[0] == 200_000


def test_a_name_may_have_spaces_markup_lines_and_letters_of_anywhere(
    words: Path, play: Play
) -> None:
    odd = words.with_name("a b\n[bold]é漢\x1b[31m.txt")
    words.rename(odd)
    done = play("train", odd, *STEPS, "--save", "a [b] é.safetensors")
    assert done.code == 0
    assert done.err.startswith("a b\\n[bold]é漢\\x1b[31m.txt: 16 documents")
    assert play("sample", "a [b] é.safetensors", "-n", 1).code == 0


def test_a_file_named_like_a_command(words: Path, play: Play) -> None:
    words.rename(words.with_name("train"))
    assert play("train", "train", *STEPS).code == 0
    assert play("train", "./train", *STEPS).code == 0
    words.with_name("train").rename(words.with_name("-"))
    assert play("train", "-", *STEPS).code == 0


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to send")
def test_interrupted_saved_and_gone_on_with_equals_uninterrupted(words: Path, play: Play) -> None:
    path = words.with_name("model")  # a saved model is known by its contents as well
    options = [str(words), *SMALL, "--engine", "scalar", "--steps", "300", "--json"]
    log = words.with_name("said")
    with (
        log.open("w") as stderr,
        subprocess.Popen(
            [COMMAND, "train", *options, "--save", str(path)],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            pipesize=4096,  # which holds some of its lines, so that it waits for its reader
        ) as process,
    ):
        assert process.stdout is not None
        first = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        # Not communicate(): it would pass over the lines that readline has buffered.
        rest = process.stdout.read()
        process.wait(timeout=120)
    said = log.read_text()
    assert process.returncode == 130
    done = steps(first + rest)
    assert 0 < len(done) < 300
    assert "samples" not in rest
    assert f"Interrupted after step {len(done)}" in said
    assert f"microgpt-play train {path} --save {path}" in said
    assert read_checkpoint(path).step == len(done)

    again = play("train", path, "--json", "--save", path)
    assert again.code == 0
    assert done + steps(again) == steps(play("train", *options))
    over = play("train", path, "--samples", 0)
    assert (over.code, over.out) == (0, "")
    assert "All 300 steps of this run are done" in over.err


def test_a_model_that_is_trained_on_keeps_its_chain(saved: Path, play: Play) -> None:
    before = read_checkpoint(saved)
    chain = (Link("top-k", {"top_k": 2}), Link("repetition-penalty", {"penalty": 2.0}))
    write_checkpoint(saved, replace(before, sampling=Sampling(chain)))
    assert play("train", saved, "--save", saved).code == 0
    assert (after := read_checkpoint(saved)).sampling is not None
    assert after.sampling.chain == chain


def test_train_says_which_texts_stand_in_the_data(tmp_path: Path, play: Play) -> None:
    path = tmp_path / "lines.txt"
    path.write_text("the quick brown fox jumps\n" * 20, encoding="utf-8")
    options = (*SMALL, "--steps", 150, "--holdout", 0, "--temperature", 0.05, "--samples", 2)
    plain = play("train", path, *options)
    assert [line.split()[-1] for line in plain.out.splitlines()] == ["(recited)"] * 2
    last = json.loads(play("train", path, *options, "--json").out.splitlines()[-1])
    assert last["marks"] == ["recited"] * 2
    shown = json.loads(play("runs", "show", 1, "--json").out)
    if shown["samples"] is not None:
        assert len(shown["samples"]["marks"]) == len(shown["samples"]["texts"])


def test_sampling_needs_the_model_alone_and_going_on_says_what_it_needs(
    saved: Path, words: Path, play: Play
) -> None:
    words.unlink()
    done = play("sample", saved, "-n", 5, "--json")
    assert (done.code, done.err) == (0, "")
    assert {"text", "complete"} == set(json.loads(done.out.splitlines()[4]))
    assert play("sample", saved, "-n", 5, "--json").out == done.out
    assert play("sample", saved, "-n", 5, "--json", "--seed", 1).out != done.out
    gone = play("train", saved)
    assert gone.code == 1
    assert str(words) in gone.err
    assert "microgpt-play sample" in gone.err


def test_a_model_whose_engine_is_not_here_is_sampled_as_it_is_gone_on_with(
    saved: Path, play: Play
) -> None:
    texts = play("sample", saved, "-n", 5).out
    checkpoint = read_checkpoint(saved)
    spec = RunSpec.parse(checkpoint.spec).replace({"engine": "gone"}).to_json()
    write_checkpoint(saved, replace(checkpoint, spec=spec))
    done = play("sample", saved, "-n", 5)
    assert (done.code, done.out) == (0, texts)
    notice = "! the vector engine goes on: no engine 'gone'"
    assert done.err.startswith(notice) and notice in play("train", saved).err


def test_a_saved_run_brings_its_own_settings(saved: Path, play: Play) -> None:
    done = play("train", saved, "--n-embd", 8, "--split", "lines")
    assert done.code == 2
    assert "leave out --n-embd, --split." in done.err


def test_a_run_that_diverges_is_saved_where_it_was_well(words: Path, play: Play) -> None:
    done = play("train", words, *STEPS, "--learning-rate", "1e9", "--save", "m.safetensors")
    assert done.code == 1
    assert "diverged at step" in done.err and "Traceback" not in done.err
    assert "0.1 or less" in done.err
    assert read_checkpoint(words.with_name("m.safetensors")).step < 3


def test_two_million_lines(words: Path, play: Play) -> None:
    words.write_text("ab\nba\n" * 1_000_000)
    done = play("train", words, *SMALL, "--steps", 1)
    assert done.code == 0
    assert "2,000,000 documents" in done.err
    assert "1 step sees less than 0.01 % of them" in done.err


def test_as_many_samples_as_asked_for_of_a_run_that_is_gone_on_with(
    words: Path, play: Play
) -> None:
    assert play("train", words, *STEPS).code == 0
    with Store.open() as store:
        kept = json.loads(store.record(1).settings)["sampling"]
    done = play("train", "--run", "1", "--json", "--samples", 3)
    assert len(json.loads(done.out.splitlines()[-1])["samples"]) == 3
    with Store.open() as store:
        assert json.loads(store.record(1).settings)["sampling"] == kept
