"""Runs in words, and in a tree of forks."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from playground.lab.store import runlist
from playground.lab.store.records import RunRow
from playground.lab.store.rows import by_hand
from playground.words import age, size

ROW = RunRow(
    id=1, uid="0" * 32, name="", note="", created=0.0, touched=0.0, parent=None, fork_step=None,
    dataset="names", tokenizer="char", engine="vector", schedule="linear", seed=42,
    learning_rate=0.01, batch_size=1, n_embd=16, n_head=4, n_layer=1, block_size=16,
    parameters=4192, steps=1000, step=312, at=312, loss=2.4, heldout=None, status="paused",
    owner="",
)  # fmt: skip


def row(id: int, parent: int | None = None, **changes: Any) -> RunRow:
    return dataclasses.replace(ROW, id=id, parent=parent, **changes)


def tree(*rows: RunRow) -> list[str]:
    """The runs in order, each with its branch as drawn."""
    ordered, drawn = runlist.branches(rows)
    return [f"{drawn.get(one.id, '')}{one.id}" for one in ordered]


@pytest.mark.parametrize(
    ("step", "of", "words"),
    [
        (312, 1000, "312/1,000"),
        (2_000, 10_000, "2k/10k"),
        (99, 10_000_000, "99/10M"),
        (12_345, 20_000, "12.3k/20k"),
        (1_000_000, 1_000_000, "1M/1M"),
        (999_999, 1_000_000, "999k/1M"),
        (1_009_999, 1_010_000, "1M/1.01M"),
        (2**53 - 1, 2**53, "9P/9P"),
    ],
)
def test_steps_that_do_not_fit_are_written_short(step: int, of: int, words: str) -> None:
    it = row(1, step=step, steps=of)
    assert runlist.steps(it, 11) == words and len(words) <= 11
    assert runlist.steps(it) == f"{step:,}/{of:,}"


def test_forks_stand_below_what_they_were_forked_from() -> None:
    rows = (row(5, 2), row(4, 1), row(3), row(2, 1), row(1))
    assert tree(*rows) == ["1", "├ 4", "└ 2", "  └ 5", "3"]


def test_a_branch_goes_on_beside_what_hangs_from_it() -> None:
    assert tree(row(1), row(2, 1), row(3, 2), row(4, 1)) == ["1", "├ 2", "│ └ 3", "└ 4"]


def test_a_fork_without_its_parent_stands_by_itself() -> None:
    assert tree(row(7, 3), row(8, 7), row(2)) == ["7", "└ 8", "2"]


def test_runs_that_say_they_are_each_others_parent_are_shown_all_the_same() -> None:
    assert sorted(tree(row(1, 2), row(2, 1), row(3, 3))) == ["1", "3", "└ 2"]


def test_a_chain_of_ten_thousand_forks_is_drawn() -> None:
    rows = [row(number, number - 1 or None) for number in range(1, 10_001)]
    ordered, drawn = runlist.branches(rows)
    assert [one.id for one in ordered] == list(range(1, 10_001))
    assert max(map(len, drawn.values())) < 20


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-3, "now"), (0.5, "now"), (40, "40 s"), (119, "1 min"), (7200, "2 h"), (3 * 86400, "3 d"),
     (15 * 86400, "2 wk"), (800 * 86400, "2 y")],
)  # fmt: skip
def test_ages_in_words(seconds: float, words: str) -> None:
    assert age(seconds) == words


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 B"), (812, "812 B"), (1_400_000, "1.4 MB"), (34e9, "34.0 GB")]
)
def test_sizes_in_words(count: float, words: str) -> None:
    assert size(int(count)) == words


@pytest.mark.parametrize(
    ("status", "place", "words"),
    [
        ("paused", "", "paused"),
        ("running", "", "paused"),
        ("running", "here", "running here"),
        ("paused", "elsewhere", "paused elsewhere"),
        ("running", "nowhere", "interrupted"),
        ("failed", "", "failed"),
    ],
)
def test_the_status_of_a_run_in_words(status: Any, place: Any, words: str) -> None:
    assert runlist.standing(row(1, status=status), place).words == words


def test_runs_without_a_name_are_told_by_what_is_unlike_in_them() -> None:
    told = runlist.unlike(
        [
            row(1),
            row(2, learning_rate=0.02),
            row(3, learning_rate=0.02, seed=7),
            row(4, n_layer=2, n_embd=32, block_size=8, seed=7, steps=4000),
            row(5),
            row(6, n_layer=1),
        ]
    )
    assert told[2] == "lr 0.02"
    assert told[3] == "lr 0.02, seed 7"
    assert told[4] == "2 layers, 32 wide, context 8"
    # One with the usual values says which these are, of what differs most often.
    assert told[1] == told[5] == told[6] == "1 layer, lr 0.01, seed 42"


def test_a_fork_is_told_by_what_was_cut_in_it() -> None:
    told = runlist.unlike([row(1), row(2, by_hand="head 2 of layer 0 cut"), row(3)])
    assert told[2] == "head 2 of layer 0 cut"


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        ("surgery head:0.2", "head 2 of layer 0 cut"),
        ("surgery weight:wte[4,1]=0.5; head:0.1", "wte[4,1] set to 0.5 and more"),
        ("surgery head:0.2=" + "0.25, " * 30, "head 2 of layer 0 put in"),
        ("hold matrix:wpe=0.0", "wpe held"),
        ("surgery head:0.2=0.12345, 0.", "head 2 of layer 0 put in"),
        ("surgery nonsense", ""),
        (None, ""),
    ],
)
def test_what_was_done_by_hand_in_words(edit: object, told: str) -> None:
    assert by_hand(edit) == told


def test_runs_that_are_alike_or_alone_are_told_by_nothing() -> None:
    assert runlist.unlike([]) == {}
    assert runlist.unlike([row(1)]) == {1: ""}
    assert runlist.unlike([row(1), row(2, parent=1)]) == {1: "", 2: ""}


def test_of_two_values_that_are_as_usual_the_older_run_has_the_usual_one() -> None:
    rows = [row(2, seed=7), row(1)]
    assert runlist.unlike(rows) == runlist.unlike(rows[::-1]) == {1: "seed 42", 2: "seed 7"}


def test_what_a_model_leaves_out_tells_a_run_from_others_and_is_not_listed_as_there() -> None:
    blind = dataclasses.replace(
        ROW, id=2, left_out="attention, norm", optimizer="sgd", parameters=3168
    )
    told = runlist.unlike([ROW, dataclasses.replace(ROW, id=3), blind])
    assert told[2] == "without attention, norm, SGD"
    assert told[1] == "whole model, Adam"
    assert runlist.shape(blind) == runlist.shape(ROW).replace(f" H{ROW.n_head}", "")
    words = runlist.model_words(blind)
    assert "head" not in words and words.endswith("3,168 parameters, without attention, norm")
    assert runlist.shape(dataclasses.replace(ROW, left_out="mlp")) == runlist.shape(ROW)
