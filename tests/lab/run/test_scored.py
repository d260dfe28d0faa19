"""Bits a character, and which losses compare."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from playground.hooks.registry import Registry
from playground.lab.fork import Setting
from playground.lab.protocol.commands import Open
from playground.lab.protocol.run import Recording, Scored
from playground.lab.race.race import remarks
from playground.lab.race.state import SideState, incomparable
from playground.lab.run.guard import Activity
from playground.lab.run.scored import scored
from playground.lab.session import Session, open_session
from playground.lab.store.query import Query
from playground.lab.store.store import Store
from playground.lab.store.summaries import pair
from playground.lab.store.transfer import export_run, import_run
from tests.lab.conftest import text_run

LINES = [f"{one} {other}" for one in ("red", "blue", "grey") for other in ("cat", "dog", "cow")]


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    path = tmp_path / "lines.txt"
    path.write_text("\n".join(LINES), encoding="utf-8")
    return path


def spec_of(
    path: Path, tokenizer: str = "char", block_size: int = 12, share: float = 0.4, **more: Any
) -> Any:
    model = {"n_embd": 8, "n_head": 2, "n_layer": 1, "block_size": block_size}
    chosen = {"name": tokenizer, "options": {}}
    more = {"holdout": share, "steps": 20, **more}
    return text_run(path, tokenizer=chosen, model=model, **more)


def session_of(path: Path, registry: Registry, *args: Any, **more: Any) -> Session:
    return Session.open(spec_of(path, *args, **more), registry)


@pytest.mark.parametrize(
    ("texts", "tokens", "characters"),
    [
        (["red cat"], 8, 7),  # the end is predicted, and is no character
        (["red cat", "blue dog"], 8 + 9, 7 + 8),
        (["grey cow red"], 12, 12),  # the context is full before the end
        (["grey cow red cat"], 12, 12),
    ],
)
def test_tokens_and_characters_are_counted_as_the_model_sees_them(
    texts: list[str], tokens: int, characters: int, lines: Path, registry: Registry
) -> None:
    encoder = session_of(lines, registry)._prepared.encoder
    found = scored([encoder.document(text) for text in texts], encoder)
    assert found is not None and (found.tokens, found.characters) == (tokens, characters)
    assert found.bits_per_nat == pytest.approx(tokens / characters / math.log(2), rel=1e-15)
    assert scored([], encoder) is None


def test_the_fingerprints_tell_whether_two_runs_are_measured_on_the_same(
    lines: Path, registry: Registry
) -> None:
    def found(*args: Any, **more: Any) -> tuple[str, str]:
        what = session_of(lines, registry, *args, **more).training.scored
        assert what is not None
        return what.sha256, what.tokens_sha256

    text, tokens = found()
    assert found(steps=90, batch_size=2) == (text, tokens)
    assert found("char", 30) == (text, tokens), "both contexts hold each document whole"
    words = found("word")
    assert words[0] == text and words[1] != tokens, "the same text in other tokens"
    short, seed, share = found("char", 4), found(seed=8), found(share=0.6)
    lines.write_text("\n".join([*LINES[:-1], "grey cod"]), encoding="utf-8")
    changed = found()
    for one in (short, seed, share, changed):
        assert one[0] != text and one[1] != tokens
    assert len({short, seed, share, changed}) == 4


def test_other_letters_with_the_same_numbers_are_other_tokens(
    lines: Path, registry: Registry
) -> None:
    found = []
    for text in ("aab\nba", "bbc\ncb"):
        lines.write_text(text, encoding="utf-8")
        encoder = session_of(lines, registry, share=0)._prepared.encoder
        documents = [encoder.document(one) for one in text.split()]
        found.append((documents, scored(documents, encoder)))
    (ids, one), (other_ids, other) = found
    assert ids == other_ids and one and other
    assert one.tokens_sha256 != other.tokens_sha256


def test_an_end_that_is_measured_counts(lines: Path, registry: Registry) -> None:
    cut, whole = (session_of(lines, registry, "char", size)._prepared.encoder for size in (7, 8))
    one, other = (scored([each.document("red cat")], each) for each in (cut, whole))
    assert one and other and one.characters == other.characters
    assert one.sha256 != other.sha256 and one.tokens_sha256 != other.tokens_sha256


@pytest.mark.parametrize("tokenizer", ["char", "word"])
def test_the_bits_in_the_record_are_all_nats_by_all_characters(
    tokenizer: str, lines: Path, registry: Registry, tmp_path: Path
) -> None:
    path = tmp_path / "runs.sqlite"
    command = Open(spec_of(lines, tokenizer).to_json(), recording=Recording(str(path)))
    session = open_session(command, registry, lambda _: None, Activity())
    while session.advance(20):
        pass
    documents = session.training._evaluator.documents
    nats = sum(map(sum, session.training.engine.losses(documents)))
    encoder = session._prepared.encoder
    characters = sum(len(encoder.decode(document[1:-1])) for document in documents)
    assert all(len(document) < 14 for document in documents), "each fits the context"
    session.close()
    with Store.open(path) as store:
        row = store.row(1)
        wanted = nats / math.log(2) / characters
        assert row.bits_per_character == pytest.approx(wanted, rel=1e-12)
        assert [one.id for one in store.runs(Query.parse(f"bits<{wanted + 0.01:.3f}"))] == [1]
        assert not store.runs(Query.parse(f"bits<{wanted - 0.01:.3f}"))
        file = export_run(store, 1, tmp_path / "one")
        copy = store.row(import_run(store, file))
        assert copy.bits_per_character == row.bits_per_character
        what = session.training.scored
        assert what is not None
        for known in (row, copy):
            measured = known.heldout_text, known.heldout_tokens
            assert measured == (what.sha256, what.tokens_sha256)
        forked = store.fork(1, 20, replace_of(session), "")
        assert store.row(forked).bits_per_character == row.bits_per_character
        assert store.row(forked).heldout_tokens == what.tokens_sha256


def replace_of(session: Session) -> Any:
    """The session's run as a new one, which a fork begins with."""
    from playground.lab.record.provenance import new_run

    return new_run(session._prepared, session.training, session._registry, "{}")


# ---------------------------------------------------------------- comparing


def side(session: Session) -> SideState:
    frame = session.frame()
    return SideState("one", "paused", info=session.info, scored=frame.scored,
                     evaluations=((0, 2.0),))  # fmt: skip


def said(one: SideState, other: SideState, *fields: str) -> str:
    return " ".join(remarks(one, other, [Setting(field, 1, 2) for field in fields]))


def test_a_race_says_which_numbers_cannot_be_compared(lines: Path, registry: Registry) -> None:
    plain = side(session_of(lines, registry))
    assert said(plain, side(session_of(lines, registry)), "optimizer.learning_rate") == ""

    words = side(session_of(lines, registry, "word"))
    told = said(plain, words, "tokenizer.name")
    assert "Their tokens differ" in told and "held-out text is the same" in told
    assert plain.scored is not None and words.scored is not None
    assert plain.scored.characters == words.scored.characters
    assert plain.scored.tokens > words.scored.tokens
    bits = plain.bits()
    assert bits is not None and bits > (words.bits() or 99) > 0, "as many nats, fewer tokens"

    short = side(session_of(lines, registry, "char", 4))
    told = said(plain, short, "model.block_size")
    assert "12 and 4 tokens" in told and "measured on other text" in told

    roomy = side(session_of(lines, registry, "char", 30))
    assert said(plain, roomy, "model.block_size") == "", "both hold each document whole"

    other = side(session_of(lines, registry, seed=8))
    told = said(plain, other, "seed")
    assert "other documents at each step" in told and "measured on other text" in told

    more = lines.with_name("more.txt")
    more.write_text("\n".join([*LINES, "red dog", "blue cow"]), encoding="utf-8")
    assert "different data" in said(plain, side(session_of(more, registry)), "dataset.options.path")
    copied = lines.with_name("copy.txt")
    copied.write_bytes(lines.read_bytes())
    told = said(plain, side(session_of(copied, registry)), "dataset.options.path")
    assert "cannot be compared" not in told, "the same text at another place is the same data"


def test_what_is_not_known_is_not_held_against_a_side(lines: Path, registry: Registry) -> None:
    info = session_of(lines, registry).info
    assert incomparable(None, info) == "" == incomparable(info, replace(info, data=""))
    assert SideState("one", "opening").bits() is None
    assert SideState("one", "paused", scored=Scored(8, 7, "")).bits() is None


def test_two_recorded_runs_are_laid_beside_each_other_with_a_warning(
    lines: Path, registry: Registry, tmp_path: Path
) -> None:
    path = tmp_path / "runs.sqlite"
    for tokenizer, block_size in (("char", 12), ("char", 30), ("char", 4), ("word", 12)):
        command = Open(
            spec_of(lines, tokenizer, block_size).to_json(), recording=Recording(str(path))
        )
        session = open_session(command, registry, lambda _: None, Activity())
        session.advance(1)
        session.close()
    with Store.open(path) as store:
        assert pair(store, 1, 2).incomparable == ""
        assert "12 and 4 tokens" in pair(store, 1, 3).incomparable
        assert "tokens differ" in pair(store, 1, 4).incomparable
