"""Runs in groups by a setting, and what is said of how well each group does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from playground.lab.store import grouping
from tests.lab.store.test_runlist import row


def test_the_smallest_value_comes_first_and_runs_without_one_last() -> None:
    rows = [row(1, learning_rate=0.1), row(2, learning_rate=0.02), row(3, learning_rate=0.1)]
    found = grouping.grouped(rows, "learning_rate")
    assert [(one.value, [run.id for run in one.rows]) for one in found] == [
        (0.02, [2]),
        (0.1, [1, 3]),
    ]
    families = grouping.grouped([row(1), row(2, 1), row(3, 1)], "parent")
    assert [grouping.heading(one) for one in families] == ["forked from run 1", "no forks"]


def test_a_group_is_told_by_its_best_its_mean_and_the_spread_of_its_runs() -> None:
    rows = [row(number, heldout=loss) for number, loss in ((1, 2.0), (2, 2.2), (3, 2.4))]
    (one,) = grouping.grouped(rows, "engine")
    assert (one.best, one.mean) == (2.0, pytest.approx(2.2))
    assert one.spread == pytest.approx(0.2), "of a sample: divided by one less than its runs"
    assert grouping.figures(one) == "held out: best 2.000, mean 2.200 ± 0.200"


@pytest.mark.parametrize(
    ("losses", "words"),
    [
        ((None, None), ""),
        ((2.5, None), "held out: 2.500"),
        ((float("nan"), 2.5), "held out: 2.500"),
        ((2.0, 3.0, None), "held out: best 2.000, mean of 2 2.500 ± 0.707"),
    ],
)
def test_runs_without_a_held_out_loss_do_not_count(
    losses: tuple[float | None, ...], words: str
) -> None:
    rows = [row(number, heldout=loss) for number, loss in enumerate(losses, 1)]
    assert grouping.figures(grouping.grouped(rows, "engine")[0]) == words


def test_what_cannot_be_compared_has_no_mean() -> None:
    tokens = [
        row(1, tokenizer="char", heldout=2.0, bits_per_character=3.0),
        row(2, tokenizer="byte", heldout=1.0, bits_per_character=4.0),
    ]
    (one,) = grouping.grouped(tokens, "engine")
    assert (one.figure, one.mean) == ("bits_per_character", 3.5)
    data = [row(1, heldout=2.0), row(2, dataset="poems.txt", heldout=1.0)]
    (other,) = grouping.grouped(data, "engine")
    assert (other.figure, other.mean) == (None, None)
    assert "cannot be compared" in grouping.figures(other)


def test_a_text_file_that_changed_between_two_runs_is_other_data() -> None:
    one, other = row(1, heldout=2.0, data_sha256="a"), row(2, heldout=1.0, data_sha256="b")
    (group,) = grouping.grouped([one, other], "dataset")
    assert "cannot be compared" in grouping.figures(group)
    (group,) = grouping.grouped([one, replace(other, data_sha256="a", dataset="copy.txt")], "seed")
    assert group.mean == 1.5, "the same documents under another name"


@pytest.mark.parametrize(
    ("tokens", "dataset", "figure"),
    [
        (("a", "a"), "poems.txt", "heldout"),  # the same tokens, whatever else they learn from
        (("a", "b"), "names", "bits_per_character"),  # tokenizers of one name, trained otherwise
        (("", ""), "names", "heldout"),  # nothing is known, and the settings are the same
    ],
)
def test_the_fingerprints_of_what_is_measured_tell_what_compares(
    tokens: tuple[str, str], dataset: str, figure: str
) -> None:
    rows = [
        row(number, heldout=2.0, bits_per_character=3.0, heldout_tokens=one,
            heldout_text="t" if one else "", dataset=name)
        for number, one, name in zip((1, 2), tokens, ("names", dataset), strict=True)
    ]  # fmt: skip
    assert grouping.grouped(rows, "seed")[0].figure == figure


def test_runs_may_be_grouped_by_that_in_which_they_differ() -> None:
    rows = [row(1, seed=1), row(2, seed=2), row(3, seed=2, n_embd=32)]
    assert grouping.differing(rows) == {"seed": 2, "n_embd": 2}
