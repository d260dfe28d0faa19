"""The queries that a person types into the search of runs."""

from __future__ import annotations

import time

import pytest

from playground.lab.store.query import ALIASES, Filter, Query, QueryError
from playground.lab.store.records import Batch, Edit
from playground.lab.store.rows import ROW_FIELDS
from playground.lab.store.store import Store
from tests.lab.store.conftest import new_run, steps


@pytest.fixture
def full(store: Store) -> Store:
    """Four runs: 1 ants, 2 Bees, 3 without a name or a step, 4 a fork of 1."""
    small = {"n_embd": 8, "n_head": 2, "block_size": 8}
    one = store.create(new_run("ants", optimizer={"learning_rate": 0.001}), "")
    two = store.create(new_run("Bees and wasps", "poems.txt", model=small), "")
    store.create(new_run(engine="scalar", batch_size=4), "process 9")
    store.append(one, steps(0, 10, loss=2.5, evaluations=((10, 2.75),)))
    store.append(two, steps(0, 20, loss=2.25))
    store.fork(one, 5, new_run("ants again"), "")
    store.annotate(two, 'says "100 %" of Käfer')
    return store


def test_a_condition_is_about_the_setting_that_was_made_last(full: Store) -> None:
    def fits(typed: str) -> set[int]:
        return {row.id for row in full.runs(Query.parse(typed))}

    edits = (Edit(3, "learning_rate", 0.5), Edit(10, "learning_rate", 0.25))
    full.append(1, Batch(10, "paused", edits=edits))
    full.append(1, Batch(10, "paused", edits=(Edit(10, "engine", "scalar"),)))
    assert fits("lr=0.25 engine=scalar") == {1} and fits("lr=0.001") == set()
    full.append(1, Batch(10, "paused", edits=(Edit(4, "learning_rate", 0.125),)))
    assert fits("lr=0.25") == {1}, "an edit before the last one is not in force at the end"
    fork = full.fork(1, 10, new_run("ants, slower"), "")
    assert fits("lr=0.125 engine=vector") == {fork}, "edits at its own step are its own to say"
    full.append(fork, Batch(10, "paused", edits=(Edit(10, "learning_rate", 0.0625),)))
    assert fits("lr<0.1 lr>0.05") == {fork}
    assert fits("lr=0.25 engine=scalar") == {1}, "and the parent stays as it was"


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("", {1, 2, 3, 4}),
        ("   ", {1, 2, 3, 4}),
        ("lr>=0.01", {2, 3, 4}),
        ("lr<1e-2", {1}),
        ("learning_rate=0.001", {1}),
        ("lr!=0.001 dataset=names", {3, 4}),
        ("dataset=NAMES ants", {1, 4}),
        ("ants again", {4}),
        ('"ants again"', {4}),
        ('"again ants"', set()),
        ("BEES", {2}),
        ("poems", {2}),
        ("KÄFER", {2}),
        ("%", {2}),
        ("a_d", set()),
        ("name~wasp", {2}),
        ('name="bees and wasps"', {2}),
        ("name!=ants", {2, 3, 4}),
        ("width=8 heads<=2 context=8 layers=1", {2}),
        ("batch>1", {3}),
        ("engine=scalar", {3}),
        ("loss<2.26", {2}),
        ("loss=none", {3}),
        ("loss!=none", {1, 2, 4}),
        ("heldout>0", {1}),
        ("val>0", {1}),
        ("parent=1", {4}),
        ("parent!=1", {1, 2, 3}),
        ("parent=none step>0", {1, 2}),
        ("id>1 id<=3", {2, 3}),
        ("steps=1,000", {1, 2, 3, 4}),
        ("loss<2.260", {2}),
        (f"id<{'9' * 400}", {1, 2, 3, 4}),
        ("touched<2d", {1, 2, 3, 4}),
        ("created>1h", set()),
        ("status=paused", {4}),
        ("status=interrupted", {3}),
        ("status!=interrupted", {1, 2, 4}),
        ("owner~process", {3}),
        ("loss<inf", {1, 2, 4}),
        ("id<99999999999999999999999", {1, 2, 3, 4}),
        ("' OR 1=1 --", None),
        ("name='", set()),
        ("name~')", set()),
    ],
)
def test_a_query_finds_the_runs_that_are_meant(
    full: Store, typed: str, expected: set[int] | None
) -> None:
    if expected is None:
        with pytest.raises(QueryError):
            Query.parse(typed)
    else:
        assert {row.id for row in full.runs(Query.parse(typed))} == expected


@pytest.mark.parametrize(
    ("typed", "place", "words"),
    [
        ("lr>=0.01 lossy<3", 9, "did you mean 'loss'"),
        ("names foo=3", 6, "there is no field 'foo'"),
        ("foo=3", 0, "dataset, engine"),
        (">=3", 0, "no field before the sign"),
        ("lr>=abc", 4, "'abc' is none"),
        ("lr>=", 4, "learning_rate is a number"),
        ("lr>=nan", 4, "is a number"),
        ("heads=4.5.1", 6, "n_head is a number"),
        ("loss<0,5", 5, "write 0.5, with a point"),
        ("lr=1,000", 3, "write 1000 or 1"),
        ("steps>=1.000", 7, "write 1000 or 1"),
        ("step=0_1", 5, "step is a number"),
        ("name>x", 4, "use = or != or ~"),
        ("touched<3", 8, "90s, 30m, 12h, 2d or 1w"),
        ('ants "bees', 5, "the quote is not closed"),
        ('name="bees', 5, "the quote is not closed"),
    ],
)
def test_a_query_that_is_not_understood_is_explained_with_its_place(
    typed: str, place: int, words: str
) -> None:
    with pytest.raises(QueryError) as caught:
        Query.parse(typed)
    assert words in str(caught.value) and f"character {caught.value.place + 1})" in str(
        caught.value
    )
    assert caught.value.place == place


def test_every_field_can_be_asked_for_and_sorted_by(full: Store) -> None:
    for field in (*ROW_FIELDS, *ALIASES):
        assert {row.id for row in full.runs(Query(sort=field))} == {1, 2, 3, 4}
        full.runs(Query.parse(f"{field}~1"))
    with pytest.raises(QueryError, match="did you mean 'seed'"):
        Query(sort="sed")


def test_runs_without_the_value_come_last_whichever_way(full: Store) -> None:
    for descending in (True, False):
        by_heldout = full.runs(Query(sort="heldout", descending=descending))
        assert by_heldout[0].id == 1, "the only one that has it"
        assert full.runs(Query(sort="loss", descending=descending))[-1].id == 3
    names = [row.name for row in full.runs(Query(sort="name", descending=False))]
    assert names == ["", "ants", "ants again", "Bees and wasps"]


def test_runs_with_equal_values_stand_in_the_order_of_their_numbers(full: Store) -> None:
    def by_fork_step(descending: bool) -> list[int]:
        return [row.id for row in full.runs(Query(sort="fork_step", descending=descending))]

    assert by_fork_step(True) == [4, 3, 2, 1], "run 4 is the only fork"
    assert by_fork_step(False) == [4, 1, 2, 3]


def test_the_newest_runs_come_first_and_as_many_as_are_wanted(full: Store) -> None:
    assert [row.id for row in full.runs()] == [4, 3, 2, 1]
    assert [row.id for row in full.runs(Query(limit=2))] == [4, 3]
    assert len(full.runs(Query(limit=10**30))) == 4, "more than SQLite can count to"


def test_ages_are_counted_from_now(full: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    later = time.time() + 3 * 86400
    monkeypatch.setattr("playground.lab.store.query._now", lambda: later)
    assert full.runs(Query.parse("touched<2d")) == []
    assert len(full.runs(Query.parse("touched>2d touched<1w"))) == 4


def test_typed_values_are_never_part_of_the_sql_statement() -> None:
    condition, order, values = Query(
        (Filter("name", "=", "x'; DROP TABLE runs"),), ("y' OR 1",), limit=5
    ).sql()
    assert "DROP" not in condition + order and "OR 1" not in condition + order
    assert values == ("x'; DROP TABLE runs", "y' OR 1", "y' OR 1", "y' OR 1", 5)
