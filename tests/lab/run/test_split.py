"""No held-out text is trained on; runs of before keep the split by row that they began with."""

from __future__ import annotations

import json
import random
from array import array
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgpt.documents import read_text, split_paragraphs
from microgpt.trainer import shuffle
from playground.hooks.registry import Registry
from playground.lab.fork import forked, in_force
from playground.lab.run.distinct import Distinct
from playground.lab.run.guard import Activity
from playground.lab.run.setup import PreparedRun, prepare_run
from playground.lab.run.split import shuffled, split
from playground.lab.session import Session
from playground.lab.spec import RunSpec
from playground.packed import PackedTexts
from tests.lab.conftest import text_run

NAMES = Path("microgpt/names.txt").read_text(encoding="utf-8").split()
SEEDS = st.integers(0, 2**53)
SHARES = st.sampled_from([0.0, 0.01, 0.1, 0.3, 0.5, 0.9])


class Listed(NamedTuple):
    """Parts, as lists."""

    train: list[str]
    heldout: list[str]
    documents: int
    distinct: int
    also: int


def parts_of(texts: list[str], share: float, seed: int, by: str = "text") -> Listed:
    packed = PackedTexts(texts)
    order, _ = shuffled(len(texts), seed)
    parts = split(packed, Distinct(packed), order, share, "text" if by == "text" else "row")
    rows = list(texts)
    shuffle(rows, seed)
    assert [parts.order[place] for place in range(len(rows))] == rows
    return Listed([*parts.train], [*parts.heldout], parts.documents, parts.distinct, parts.also)


def as_lists_would(texts: list[str], share: float, seed: int, by: str) -> Listed:
    """The same parts from plain lists, as runs of before were split."""
    rows, places = list(texts), list(range(len(texts)))
    for one in (rows, places):
        shuffle(one, seed)
    distinct = len({*texts})
    units = len(texts) if by == "row" else distinct
    held = max(0, min(round(share * units), units - 1))
    first = [t for t, place in zip(rows, places, strict=True) if texts.index(t) == place]
    last = (rows if by == "row" else first)[len(rows if by == "row" else first) - held :]
    train = rows[: len(rows) - held]
    if by == "text":
        train = [text for text in rows if text not in last]
    also = sum(text in train for text in last)
    return Listed(train, last, len(texts), distinct, also)


@given(
    st.lists(st.text("ab\n😀é", min_size=1, max_size=3), min_size=1, max_size=60),
    SHARES,
    SEEDS,
    st.sampled_from(["text", "row"]),
)
def test_packed_documents_are_split_as_lists_of_them(
    texts: list[str], share: float, seed: int, by: str
) -> None:
    assert parts_of(texts, share, seed, by) == as_lists_would(texts, share, seed, by)


def test_thousands_of_documents_are_split_alike_too() -> None:
    rng = random.Random(5)
    texts = [f"{rng.randrange(700)}" for _ in range(1000)] + [f"only {i}" for i in range(4000)]
    for by in ("text", "row"):
        assert parts_of(texts, 0.2, 9, by) == as_lists_would(texts, 0.2, 9, by)


def is_apart(texts: list[str], share: float, seed: int) -> Listed:
    parts = parts_of(texts, share, seed)
    rows = list(texts)
    shuffle(rows, seed)
    heldout = {*parts.heldout}
    assert not heldout & {*parts.train}
    assert heldout | {*parts.train} == {*texts}
    assert len(parts.heldout) == len(heldout)
    # What is trained on keeps its rows, its repeats and its order.
    assert parts.train == [text for text in rows if text not in heldout]
    assert (parts.documents, parts.distinct) == (len(texts), len({*texts}))
    assert parts == parts_of(texts, share, seed)
    return parts


@given(st.lists(st.text("abc", min_size=1, max_size=3), min_size=1, max_size=60), SHARES, SEEDS)
def test_what_is_held_out_is_not_trained_on(texts: list[str], share: float, seed: int) -> None:
    parts = is_apart(texts, share, seed)
    assert parts.train
    distinct = len({*texts})
    assert len({*parts.heldout}) == min(round(share * distinct), distinct - 1)
    if distinct == len(texts):
        assert parts == parts_of(texts, share, seed, by="row")
    if share == 0:
        rows = list(texts)
        shuffle(rows, seed)
        assert parts.train == rows


@pytest.mark.parametrize("seed", [42, 2**53])
def test_names_that_stand_twice_are_held_out_twice(seed: int) -> None:
    assert len(NAMES) - len({*NAMES}) > 2000
    parts = is_apart(NAMES, 0.1, seed)
    assert len(parts.heldout) == 2991
    before = parts_of(NAMES, 0.1, seed, by="row")
    assert {*before.heldout} & {*before.train}


def test_a_repeated_text_is_as_likely_to_be_held_out_as_any_other() -> None:
    texts = [*"abcdefghij", *"aaaaaaaaaa"]
    drawn = Counter(text for seed in range(600) for text in parts_of(texts, 0.1, seed).heldout)
    assert sum(drawn.values()) == 600
    assert all(30 < drawn[text] < 90 for text in "abcdefghij")


def test_paragraphs_and_lines_that_repeat_are_kept_apart(
    tmp_path: Path, registry: Registry
) -> None:
    rng = random.Random(3)
    said = [f"verse {i}\nof the song" for i in range(20)]
    path = tmp_path / "song.txt"
    path.write_text("\n\n".join(rng.choices(said, k=90)), encoding="utf-8")
    for kind in ("paragraphs", "lines"):
        spec = text_run(path, dataset={"name": "text-file", "options": {
            "path": str(path), "split": kind}}, holdout=0.3)  # fmt: skip
        run = prepared(spec, registry)
        heldout = {tuple(document) for document in run.heldout.documents}
        trained = {tuple(run.documents[i]) for i in range(len(run.documents))}
        assert heldout and not heldout & trained
    assert len(split_paragraphs(read_text(path))) == 90


def prepared(spec: RunSpec, registry: Registry) -> PreparedRun:
    return prepare_run(spec, registry, None, lambda _: None, Activity())


def told(spec: RunSpec, registry: Registry) -> str:
    return "\n".join(notice.text for notice in prepared(spec, registry).info.notices)


@pytest.mark.parametrize(
    ("lines", "holdout", "words"),
    [
        (["one"] * 50, 0.1, "all 50 documents are the same text"),
        (
            ["one", "two", "three"] * 50,
            0.1,
            "150 documents, but 3 different texts: too few to hold",
        ),
        (["one", "two"], 0.1, "too few documents (2) to hold any out"),
        ([f"line {i % 60}" for i in range(120)], 0.1, "but 60 different texts; 6 of them are held"),
        ([f"line {i % 60}" for i in range(120)], 0.0, "120 documents, but 60 different texts"),
    ],
)
def test_it_is_said_where_texts_repeat_and_where_none_can_be_held_out(
    lines: list[str], holdout: float, words: str, tmp_path: Path, registry: Registry
) -> None:
    path = tmp_path / "lines.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    session = Session.open(text_run(path, holdout=holdout), registry)
    assert words in "\n".join(notice.text for notice in session.info.notices)
    assert session.info.distinct_documents == len({*lines})
    assert bool(session.frame().metrics.evaluations) == bool(session.info.heldout_documents)


def test_it_is_said_where_the_model_sees_no_difference(tmp_path: Path, registry: Registry) -> None:
    path = tmp_path / "tales.txt"
    lines = [f"once upon a time there was {i}" for i in range(40)]
    path.write_text("\n".join(lines), encoding="utf-8")
    assert "100% of the held-out documents begin with the same 8 tokens" in told(
        text_run(path, model={"n_embd": 8, "n_head": 2, "block_size": 8}), registry
    )
    assert "begin with the same" not in told(
        text_run(path, model={"n_embd": 8, "n_head": 2, "block_size": 64}), registry
    )


# ---------------------------------------------------------------- runs of before


def as_before(spec: RunSpec) -> str:
    """The spec as an earlier version stored it."""
    values = json.loads(spec.to_json())
    del values["holdout_by"]
    return json.dumps(values)


def test_a_spec_of_before_holds_out_by_row_and_a_new_one_by_text() -> None:
    for said in ("{}", '{"dataset": {"name": "text-file", "options": {"path": "a.txt"}}}'):
        assert RunSpec.parse(said).holdout_by == "text", "what the screen is launched with is new"
    assert RunSpec().holdout_by == RunSpec().replace({"steps": 7}).holdout_by == "text"
    assert RunSpec.parse(RunSpec().to_json()) == RunSpec()
    before = RunSpec.parse(as_before(RunSpec()))
    assert before.holdout_by == "row" and RunSpec.parse(before.to_json()) == before
    assert RunSpec.parse(json.loads(as_before(RunSpec()))) == before


def test_a_run_of_before_and_its_forks_go_on_with_their_own_split(
    tmp_path: Path, registry: Registry
) -> None:
    path = tmp_path / "lines.txt"
    path.write_text("\n".join(f"line {i % 40}" for i in range(100)), encoding="utf-8")
    new = text_run(path, holdout=0.3, holdout_by="text", steps=40, eval_every=5)
    old = RunSpec.parse(as_before(new))
    texts = path.read_text(encoding="utf-8").split("\n")
    shuffle(texts, old.seed)
    run = prepared(old, registry)
    assert list(run.train) == texts[:70]
    also = len([text for text in texts[70:] if text in texts[:70]])
    assert f"{also} of 30 held-out documents are also trained on" in told(old, registry)

    session = Session.open(old, registry)
    while session.step < 10:
        assert session.advance()
    checkpoint = session.checkpoint()
    assert in_force(checkpoint.spec, checkpoint)["holdout_by"] == "row"
    spec, at = forked(checkpoint, {"optimizer.learning_rate": 0.02})
    fork = Session.open(RunSpec.parse(spec), registry, checkpoint=at)
    assert fork.spec.holdout_by == "row" and fork.info.train_documents == 70

    both = [Session.open(spec, registry) for spec in (old, new)]
    assert both[0].info.train_documents != both[1].info.train_documents


def test_without_hold_out_both_are_the_same_run(tmp_path: Path, registry: Registry) -> None:
    path = tmp_path / "lines.txt"
    path.write_text("\n".join(f"line {i % 9}" for i in range(30)), encoding="utf-8")
    losses: list[array[float]] = []
    for by in ("row", "text"):
        session = Session.open(text_run(path, holdout=0, holdout_by=by), registry)
        while session.step < 20:
            assert session.advance()
        losses.append(session.frame().metrics.losses)
    assert losses[0] == losses[1]
