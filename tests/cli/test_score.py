"""`score`: a run and a saved model, as JSON and in words, misused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import SMALL, Play

SHARES = ("new", "in_training", "recited", "covered", "duplicates")


@pytest.fixture
def recorded(play: Play, words: Path) -> Path:
    """A recorded run with texts held out and a rule, saved as a model, too."""
    model = words.parent / "model.safetensors"
    rule = ("--metric", "valid-share:rule=[a-m]+")
    steps = (*SMALL, "--steps", "20", "--holdout", "0.3")
    done = play("train", words, *steps, *rule, "--save", model)
    assert done.code == 0, done.err
    return model


def scored(play: Play, *words: object) -> dict[str, Any]:
    done = play("score", *words, "--json", "--samples", 20)
    assert done.code == 0, done.err
    shown: dict[str, Any] = json.loads(done.out)
    return shown


def test_a_run_and_its_saved_model_have_the_same_score(play: Play, recorded: Path) -> None:
    of_run, of_file = scored(play, "1"), scored(play, recorded)
    assert of_run["model"] == {"run": 1, "name": "", "step": 20, "steps": 20}
    assert of_file["model"]["checkpoint"] == str(recorded)
    assert of_run["heldout"] == of_file["heldout"]
    held, samples = of_run["heldout"], of_run["samples"]
    assert (held["documents"], held["left_out"], held["unseen"]) == (5, 0, 5)
    for figure in (
        held["bits_per_character"],
        held["nats_per_token"],
        held["effective_choices"],
        held["calibration"]["error"],
        *(one["bits"] for one in held["against"].values()),
        *held["compressors"].values(),
        *(samples[name] for name in SHARES),
        samples["valid"],
    ):
        assert figure["low"] <= figure["value"] <= figure["high"]
    assert [*held["against"]] == ["uniform", "unigram", "bigram", "trigram"]
    assert [*held["compressors"]] == ["zlib", "bz2", "lzma"]
    assert samples["new"]["value"] + samples["recited"]["value"] == pytest.approx(1)
    assert of_file["samples"]["valid"] is None, "a saved model keeps no rule"
    assert scored(play, "1") == of_run, "the seed is fixed"
    assert scored(play, "1", "--seed", 7)["samples"]["texts"] != samples["texts"]


@pytest.mark.usefixtures("recorded")
def test_the_score_in_words_has_the_figures_of_the_json(play: Play) -> None:
    shown = scored(play)
    done = play("score", "--samples", 20)
    assert done.code == 0
    assert " ".join(done.out.split()).startswith(shown["verdict"])
    for name in ("nats_per_token", "bits_per_character"):
        assert f"{shown['heldout'][name]['value']:.3f}" in done.out
    for one in shown["samples"]["texts"][:5]:
        assert one["nearest"] in done.out


def test_without_held_out_texts_the_score_says_so_and_what_to_do(play: Play, words: Path) -> None:
    assert play("train", words, *SMALL, "--steps", "3", "--holdout", "0").code == 0
    shown = scored(play)
    assert shown["heldout"]["unseen"] == 0
    assert "train with --holdout 0.1" in shown["verdict"]
    assert play("score", "--samples", 0).code == 0


def test_what_cannot_be_scored_is_refused_in_words(play: Play, recorded: Path) -> None:
    assert "no run" in play("score", "nobody").err.lower()
    assert play("score", "gone.safetensors").code == 1
    words = recorded.parent / "words.txt"
    words.write_text("otto\nmara\nanna\n" * 4, encoding="utf-8")
    done = play("score", recorded)
    assert done.code == 1 and "score the recorded run" in done.err
    assert scored(play, "1")["heldout"]["unseen"] == 5, "the run keeps a copy of its text"
