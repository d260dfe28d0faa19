"""Baselines are counted on the training texts, smoothed, and measured on the held-out texts."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playground.hooks.registry import Registry
from playground.lab.run.counting import ORDERS, NGrams
from playground.lab.session import Session
from tests.lab.conftest import text_run

A, B, END = 0, 1, 2
"""The tokens of the hand count; END is BOS, before and after each document."""


def counts_of(*documents: list[int], size: int) -> NGrams:
    counted = NGrams(size)
    for targets in documents:
        counted.add(targets)
    return counted


def log_sum(*chances: Fraction) -> float:
    return -sum(math.log(chance) for chance in chances)


def test_a_hand_count() -> None:
    """Trained on "ab" and "ab" and "a", measured on "ba".

    Tokens met: a 3, b 2, END 3; of 8, and 3 kinds. P(a) = (3 + 3/3) / (8 + 3) = 4/11, P(b) = 3/11,
    P(END) = 4/11. At the beginning: a 3, one kind. After a: b 2 and END 1, two kinds. After b: END
    2, one kind. After the beginning and b: never met. After b and a: never met.
    """
    counted = counts_of([A, B, END], [A, B, END], [A, END], size=3)
    one = {A: Fraction(4, 11), B: Fraction(3, 11), END: Fraction(4, 11)}
    first = (0 + 1 * one[B]) / (3 + 1)  # b at the beginning
    second = (0 + 1 * one[A]) / (2 + 1)  # a after b
    third = (1 + 2 * one[END]) / (3 + 2)  # the end after a
    unigram, bigram, trigram = counted.losses_of(counts_of([B, A, END], size=3))
    assert unigram == pytest.approx(log_sum(one[B], one[A], one[END]))
    assert bigram == pytest.approx(log_sum(first, second, third))
    # At the beginning the context of two is the beginning as well, met 3 times before one kind.
    assert trigram == pytest.approx(log_sum((0 + 1 * first) / (3 + 1), second, third))


@settings(max_examples=30)
@given(
    st.lists(st.lists(st.integers(0, 4), max_size=6), min_size=1, max_size=8),
    st.lists(st.integers(0, 5), max_size=3),
)
def test_the_chances_after_any_context_add_up_to_one(
    documents: list[list[int]], context: list[int]
) -> None:
    counted = counts_of(*([*document, 6] for document in documents), size=7)
    known = counted.losses_of(counts_of(context, size=7))
    each = [counted.losses_of(counts_of([*context, token], size=7)) for token in range(7)]
    for order in range(len(ORDERS)):
        chances = [math.exp(known[order] - losses[order]) for losses in each]
        assert sum(chances) == pytest.approx(1.0) and min(chances) > 0


def test_the_lines_of_a_run_are_measured_on_what_is_held_out(
    words: Path, registry: Registry
) -> None:
    session = Session.open(text_run(words, holdout=0.5), registry)
    info, prepared = session.info, session._prepared
    train = [prepared.documents[i] for i in range(len(prepared.documents))]
    counted = counts_of(*(document[1:] for document in train), size=info.vocab_size)
    held = counts_of(*(one[1:] for one in prepared.heldout.documents), size=info.vocab_size)
    sums = counted.losses_of(held)
    tokens = sum(len(document) - 1 for document in prepared.heldout.documents)
    lines = info.baselines_on(session.frame().evaluated)
    assert [line.name for line in lines] == ["uniform", *ORDERS]
    assert lines[0].nats == pytest.approx(math.log(info.vocab_size))
    for line, total in zip(lines[1:], sums, strict=True):
        assert line.nats == pytest.approx(total / tokens) and line.documents == 10


def test_where_nothing_is_held_out_the_lines_are_those_of_the_training_texts(
    tmp_path: Path, registry: Registry
) -> None:
    path = tmp_path / "ab.txt"
    path.write_text("ab\nab\nab\n", encoding="utf-8")
    info = Session.open(text_run(path, holdout=0), registry).info
    lines = {line.name: line for line in info.baselines_on(0)}
    assert all(line.documents == 0 for line in lines.values())
    assert lines["uniform"].nats == lines["unigram"].nats == pytest.approx(math.log(3))
    # Each token follows its context 3 times, and nothing else does: (3 + 1 * 1/3) / (3 + 1).
    assert lines["bigram"].nats == pytest.approx(-math.log(Fraction(10, 3) / 4))
    assert lines["trigram"].nats < lines["bigram"].nats
