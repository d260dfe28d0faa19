"""What has to be the same on the machines of a sweep; without Dask, which tests/gallery has."""

from __future__ import annotations

from dataclasses import replace

import pytest

from playground.lab.sweep.cluster import difference, this_machine

OURS = this_machine()


@pytest.mark.parametrize(
    ("theirs", "told"),
    [
        (replace(OURS, playground="9.8"), f"has 9.8, and this is {OURS.playground}."),
        (replace(OURS, python="3.99"), f"runs on Python 3.99, and this is {OURS.python}:"),
        (replace(OURS, arithmetic="other"), "of the worker at tcp://a:1 exp, log or another"),
    ],
)
def test_a_worker_whose_numbers_could_differ_is_refused_in_words(theirs, told) -> None:  # type: ignore[no-untyped-def]
    failure = difference(theirs, OURS, "tcp://a:1")
    assert failure is not None and told in failure.message


def test_a_worker_like_the_coordinator_is_taken() -> None:
    assert difference(this_machine(), OURS, "tcp://a:1") is None
