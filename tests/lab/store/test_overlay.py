"""Several runs over each other: what is told of each, and which may be compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from playground.lab.store.overlay import MOST, overlay
from playground.lab.store.store import Store
from tests.lab.store.conftest import new_run, steps


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "runs.sqlite") as store:
        yield store


def made(
    store: Store, tokenizer: str = "", text: str = "", tokens: str = "", **changes: object
) -> int:
    """text, tokens: the fingerprints of what the held-out losses are measured on; "" for a run
    that was recorded before there were any."""
    new = new_run(**changes)  # type: ignore[arg-type]
    run = store.create(replace(new, tokenizer_state=tokenizer or new.tokenizer_state), "")
    done = steps(0, 40, evaluations=((20, 2.5), (40, 2.0)), bits_per_nat=1.5, status="finished")
    store.append(run, replace(done, heldout_text=text, heldout_tokens=tokens))
    return run


def test_each_run_is_told_by_its_name_or_by_what_is_unlike_in_it(store: Store) -> None:
    runs = [made(store, seed=7), made(store, name="mine"), made(store)]
    told = [one.told for one in overlay(store, runs).runs]
    assert told[:2] == ["seed 7", "mine"]


def test_the_curves_come_with_the_clock_that_puts_them_over_tokens(store: Store) -> None:
    (one,) = overlay(store, [made(store)]).runs
    assert one.average_steps[-1] == 40 and len(one.averages) == 40
    assert one.evaluations == ((20, 2.5), (40, 2.0))
    assert one.clock.at(40) == (280, 0.04)
    assert one.bits_per_nat == pytest.approx(1.5)


def test_of_many_runs_the_first_are_laid_over_each_other(store: Store) -> None:
    laid = overlay(store, [made(store) for _ in range(MOST + 3)])
    assert (len(laid.runs), laid.left_out) == (MOST, 3)


def test_a_run_with_other_tokens_is_not_compared_with_the_rest(store: Store) -> None:
    other, *rest = made(store, tokenizer='{"characters": "xyz"}'), made(store), made(store)
    laid = overlay(store, [other, *rest])
    assert [one.comparable for one in laid.runs] == [False, True, True]
    assert "tokens differ" in laid.remarks[0] and len(laid.remarks) == 1
    assert "bits a character compare there" in laid.about_text
    assert all(one.same_text for one in laid.runs)


def test_other_seeds_hold_out_other_texts(store: Store) -> None:
    laid = overlay(store, [made(store), made(store, seed=7), made(store)])
    assert all(one.comparable for one in laid.runs) and not laid.remarks
    assert [one.same_text for one in laid.runs] == [True, False, True]
    assert "Other texts are held out" in laid.about_text


def test_the_settings_tell_what_is_held_out_of_runs_without_a_fingerprint(store: Store) -> None:
    other = made(store, tokenizer='{"characters": "xyz"}')
    laid = overlay(store, [made(store, text="a", tokens="b"), other])
    assert laid.about_text.startswith("By their settings, the same texts")
    assert all(one.same_text for one in laid.runs)


def test_the_fingerprints_tell_it_better_than_the_settings(store: Store) -> None:
    model = {"n_embd": 64}  # a larger model affords fewer held-out texts
    usual = made(store, text="a", tokens="b"), made(store, text="a", tokens="b")
    laid = overlay(store, [*usual, made(store, text="c", tokens="d", model=model)])
    assert [one.same_text for one in laid.runs] == [True, True, False]
    assert "measured on other texts" in laid.about_text
    assert all(one.comparable for one in laid.runs), "nats of the same kind of tokens"

    longer = made(store, text="a", tokens="b", model={"block_size": 40}, seed=7)
    laid = overlay(store, [*usual, longer])
    assert all(one.comparable and one.same_text for one in laid.runs) and not laid.remarks
    assert laid.about_text == ""

    words = made(store, tokenizer='{"characters": "xyz"}', text="a", tokens="e", seed=7)
    laid = overlay(store, [*usual, words])
    assert [one.comparable for one in laid.runs] == [True, True, False]
    assert laid.about_text.startswith("All are measured on the same held-out text")
