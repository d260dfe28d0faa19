"""Each figure of a score against a computation by hand, or by another way."""

from __future__ import annotations

import bz2
import lzma
import math
import zlib
from collections import Counter
from collections.abc import Sequence
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.lab.run.data import Encoder
from playground.lab.score.calibration import calibration_error, reliability
from playground.lab.score.competitors import nats_of_each
from playground.lab.score.compressors import COMPRESSORS, bits_of_groups
from playground.lab.score.copying import copied, joined, nearest
from playground.lab.score.interval import Bootstrap, Figure, wilson
from playground.lab.score.pieces import Piece, unseen
from playground.lab.score.predictions import Prediction, predict
from playground.lab.score.score import Sampled, repeated
from playground.lab.score.verdict import verdict
from playground.lab.score.work import finished
from playground.lab.score.worst import worst_contexts, worst_tokens

NOBODY = cast(Encoder, None)
WORDS = st.text("abc", min_size=1, max_size=30)


class Fixed:
    """A decoder that always gives the same logits."""

    def __init__(self, logits: list[float]) -> None:
        self.logits = logits

    def push(self, token: int) -> list[float]:  # noqa: ARG002
        return self.logits


def test_losses_are_the_negative_logarithms_of_the_probabilities() -> None:
    found = predict(Fixed([math.log(0.5), math.log(0.25), math.log(0.25)]), 2, [0, 1, 2])
    assert [one.loss for one in found] == pytest.approx([math.log(2), math.log(4), math.log(4)])
    assert [one.right for one in found] == [True, False, False]
    assert [one.confidence for one in found] == pytest.approx([0.5] * 3)


def test_an_end_counts_as_a_character_where_it_is_predicted() -> None:
    assert Piece("abc", (0, 1, 2, 3), whole=True).characters == 4
    assert Piece("abc", (0, 1, 2), whole=False).characters == 3


def test_wilson_gives_the_textbook_interval() -> None:
    # 81 of 263: Newcombe (1998), Statistics in Medicine 17, table I.
    found = wilson(81, 263)
    assert (found.low, found.high) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 10).low == 0 and wilson(10, 10).high == 1


def test_the_bootstrap_interval_is_about_two_standard_errors_wide() -> None:
    values = [float(place % 10) for place in range(200)]
    found = Bootstrap(200).ratio(values, [1.0] * 200)
    error = math.sqrt(8.25 / 200)
    assert found.value == 4.5
    assert found.low == pytest.approx(4.5 - 1.96 * error, abs=0.1)
    assert found.high == pytest.approx(4.5 + 1.96 * error, abs=0.1)
    assert Bootstrap(200).ratio(values, [1.0] * 200) == found, "the seed is fixed"


def test_one_document_tells_nothing_apart() -> None:
    found = Bootstrap(1).ratio([4.0], [2.0])
    assert found == Figure(2.0, -math.inf, math.inf)


def test_a_text_that_was_trained_on_is_not_unseen_as_far_as_the_model_reads() -> None:
    pieces = [
        Piece("ann", (0,), whole=True),
        Piece("ann", (0,), whole=False),
        Piece("bob", (0,), whole=True),
        Piece("eve", (0,), whole=False),
    ]
    left = finished(unseen(pieces, ["anna", "bob", "steve"], NOBODY))
    assert left == [pieces[0], pieces[3]]


def test_the_calibration_error_is_that_of_the_bins_by_hand() -> None:
    sure = [Prediction(0.1, 0.9, True), Prediction(3.0, 0.9, False)]
    unsure = [Prediction(1.0, 0.35, True), Prediction(1.0, 0.35, False)]
    bins = reliability([*sure, *unsure])
    assert [(one.low, one.count, one.right.value) for one in bins] == [(0.3, 2, 0.5), (0.9, 2, 0.5)]
    error = calibration_error([sure, unsure], Bootstrap(2))
    assert error.value == pytest.approx((2 * 0.4 + 2 * 0.15) / 4)


def interpolated(training: list[list[int]], document: list[int], size: int) -> float:
    """Witten and Bell's trigram, straight from the formula, in nats."""
    begin = -1

    def probability(token: int, context: tuple[int, ...]) -> float:
        after: Counter[int] = Counter()
        for one in training:
            padded = [begin, begin, *one]
            for at in range(2, len(padded)):
                if tuple(padded[at - len(context) : at]) == context:
                    after[padded[at]] += 1
        shorter = probability(token, context[1:]) if context else 1 / size
        kinds, count = len(after), sum(after.values())
        return (after[token] + kinds * shorter) / (count + kinds) if kinds else shorter

    padded = [begin, begin, *document]
    places = range(2, len(padded))
    return -sum(math.log(probability(padded[at], tuple(padded[at - 2 : at]))) for at in places)


def test_the_trigram_is_interpolated_as_its_formula_says() -> None:
    training = [[0, 1, 0, 2], [1, 1, 2], [0, 1, 1, 0, 2]]
    documents = [[0, 1, 2], [1, 0, 0, 2]]
    found = finished(nats_of_each(training, documents, 4))
    expected = [interpolated(training, one, 4) for one in documents]
    assert found["trigram"] == pytest.approx(expected)
    assert found["uniform"] == pytest.approx([3 * math.log(4), 4 * math.log(4)])


def test_compressors_count_what_the_held_out_text_adds() -> None:
    training, groups = "the cat sat on the mat\n" * 40, ["the dog sat\n", "on the cat\n"]
    ways = {
        "zlib": lambda data: zlib.compress(data, 9),
        "bz2": bz2.compress,
        "lzma": lambda data: lzma.compress(data, preset=6),
    }
    for name in COMPRESSORS:
        whole = (training + "".join(groups)).encode()
        added = len(ways[name](whole)) - len(ways[name](training.encode()))
        assert sum(finished(bits_of_groups(name, training, groups))) == 8 * added


def distance(one: str, other: str) -> int:
    """Levenshtein's distance by the table of Wagner and Fischer."""
    row = list(range(len(other) + 1))
    for at, a in enumerate(one, 1):
        diagonal, row[0] = row[0], at
        for place, b in enumerate(other, 1):
            diagonal, row[place] = (
                row[place],
                min(row[place] + 1, row[place - 1] + 1, diagonal + (a != b)),
            )
    return row[-1]


@given(WORDS, st.lists(WORDS, min_size=1, max_size=5))
def test_the_nearest_document_has_the_smallest_edit_distance(text: str, texts: list[str]) -> None:
    found = nearest(text, texts)
    assert found.distance == min(distance(text, one) for one in texts)
    assert found.distance == distance(text, found.document)


@given(st.lists(st.text("ab", min_size=12, max_size=20), min_size=2, max_size=4), st.data())
def test_the_longest_run_and_the_share_are_those_of_all_runs(
    texts: list[str], data: st.DataObject
) -> None:
    starts = st.tuples(st.sampled_from(texts), st.integers(0, 8))
    text = "".join(one[at:] for one, at in data.draw(st.lists(starts, min_size=1, max_size=3)))
    found = copied(text, True, joined(texts))
    places = [(a, b) for a in range(len(text)) for b in range(a + 1, len(text) + 1)]
    runs = [(a, b) for a, b in places if any(text[a:b] in one for one in texts)]
    assert len(found.longest) == max((b - a for a, b in runs), default=0)
    inside = {at for a, b in runs if b - a >= 12 for at in range(a, b)}
    assert found.covered == len(inside)
    assert found.whole == (text in texts)


def test_a_text_put_together_from_two_documents_is_recited_piecewise() -> None:
    training = joined(["it was the best of times", "we had everything before us"])
    found = copied("the best of times before us", False, training)
    assert (found.whole, found.recited, found.longest) == (False, True, "the best of times")
    assert not copied("a text of its own, really", True, training).recited
    assert copied("it was the", False, training).whole, "cut where a document goes on"
    assert not copied("it was the", True, training).whole


def test_duplicates_are_the_texts_that_came_before() -> None:
    texts = [Sampled(text, True) for text in ("a", "b", "a", "a")]
    assert repeated(texts) == [False, False, True, True]


def test_the_worst_tokens_and_contexts_are_those_that_cost_most() -> None:
    documents = [[0, 1], [0, 1], [0, 1]]
    losses: list[Sequence[Prediction]] = [
        [Prediction(1.0, 0.5, True), Prediction(3.0, 0.5, False)]
    ] * 3
    tokens = worst_tokens(documents, losses)
    assert [(one.tokens, one.loss.value) for one in tokens] == [((1,), 3.0), ((0,), 1.0)]
    assert tokens[0].share == pytest.approx(0.75)
    contexts = worst_contexts(documents, losses, 9)
    assert [one.tokens for one in contexts] == [(9, 0), (9,)]


def test_a_verdict_tells_apart_only_what_the_intervals_tell_apart() -> None:
    far, near, above = Figure(-1, -1.2, -0.8), Figure(-0.1, -0.3, 0.1), Figure(1, 0.5, 1.5)
    counts = {"uniform": far, "unigram": far, "bigram": near, "trigram": above}
    none = Figure(0.0, 0.0, 0.1)
    said = verdict(Figure(2, 1.9, 2.1), "bits a character", counts, none, none, none)
    assert said == (
        "On text it has not seen it needs 2.00 bits a character: better than uniform and unigram, "
        "not told apart from bigram, worse than trigram."
    )
    no_better = verdict(
        Figure(2, 1, 3), "bits a character", {**counts, "unigram": near}, none, none, none
    )
    assert "no better than counting single tokens" in no_better
    all_of_them = Figure(1.0, 0.96, 1.0)
    assert verdict(None, "", {}, none, all_of_them, none).startswith(
        "It recites: 100% of its samples"
    )
    assert "recites" not in verdict(None, "", {}, none, all_of_them, all_of_them)
    assert "It recites" in verdict(None, "", {}, all_of_them, all_of_them, all_of_them)
    assert "No unseen text is held out" in verdict(None, "", {}, none, none, None)
