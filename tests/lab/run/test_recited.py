"""Which texts are new, which stand in the data, and which are parts of a longer document."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.hooks.registry import Registry
from playground.lab.protocol.commands import Open
from playground.lab.protocol.run import Recording
from playground.lab.protocol.sampling import Link, Sampling
from playground.lab.run import recited
from playground.lab.run.guard import Activity
from playground.lab.run.recited import KnownTexts
from playground.lab.session import Session, open_session
from tests.lab.conftest import text_run

LINE = "the quick brown fox jumps over the lazy dog"
DOCUMENTS = (
    LINE,
    "annabel",
    "anna",
    "every cloud has a silver lining",
    "東京特許許可局長今日急遽休暇許可",
)


def mark(text: str, *, complete: bool = True) -> str:
    known = KnownTexts(DOCUMENTS)
    return "in data" if text in known else "recited" if known.recited(text, complete) else "new"


@pytest.mark.parametrize(
    ("text", "complete", "said"),
    [
        (LINE, True, "in data"),
        (LINE, False, "in data"),
        ("anna", True, "in data"),
        ("an", True, "new"),
        ("ann", True, "new"),
        ("annabe", True, "new"),
        ("bel", False, "new"),
        ("an", False, "new"),
        ("", True, "new"),
        ("", False, "new"),
        ("anna", False, "in data"),
        ("annab", False, "recited"),  # all that a context of 5 ever saw of annabel
        ("nabel", False, "new"),
        ("the quick bro", False, "recited"),
        ("the quick brown fox", True, "recited"),
        ("fox jumps over the", True, "recited"),
        ("x jumps over the la", True, "recited"),
        ("fox jumps over a lazy dog", True, "new"),
        ("The quick brown fox", True, "new"),
        (LINE + "s", True, "new"),
        ("the lazy dogannabel", True, "new"),  # two documents are no text
        ("東京特許許可局長今日急遽", True, "recited"),
        ("東京特許許可\ufffd", False, "recited"),  # a tokenizer of bytes was cut within a letter
        ("東京特許許可\ufffd", True, "new"),
    ],
)  # fmt: skip
def test_a_text_is_marked_as_a_person_would_mark_it(text: str, complete: bool, said: str) -> None:
    assert mark(text, complete=complete) == said


texts = st.text("a\0é😀", max_size=20)


@given(st.lists(texts, max_size=8), texts, st.booleans())
def test_a_text_is_found_by_the_rule_and_never_across_two_documents(
    documents: list[str], text: str, complete: bool
) -> None:
    parts = any(text in one for one in documents)
    begins = any(one.startswith(text) for one in documents)
    by_rule = (len(text) >= 12 and parts) or (not complete and len(text) >= 4 and begins)
    known = KnownTexts(documents)
    assert (text in known) == (text in documents)
    assert known.recited(text, complete) == (by_rule and text not in documents)


def test_what_is_remembered_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recited, "REMEMBERED", 5)
    known = KnownTexts(DOCUMENTS)
    for number in range(30):
        assert not known.recited(f"nowhere to be found {number}", True)
    assert len(known._answers) <= 5 and known.recited(LINE[:20], True)


# ---------------------------------------------------------------- in a run


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    path = tmp_path / "lines.txt"
    path.write_text(f"{LINE}\n" * 20, encoding="utf-8")
    return path


def learnt(path: Path, registry: Registry, store: Path | None = None) -> Session:
    """A session that knows its only line by heart, and samples with little chance."""
    spec = text_run(path, steps=150, holdout=0.0)
    recording = Recording(str(store)) if store else None
    session = open_session(
        Open(spec.to_json(), recording=recording), registry, lambda _: None, Activity()
    )
    session.observe(Sampling((Link("temperature", {"temperature": 0.05}),), count=3, every=0))
    while session.advance(50):
        pass
    return session


def test_a_model_that_recites_lines_longer_than_its_context_writes_nothing_new(
    lines: Path, registry: Registry, tmp_path: Path
) -> None:
    store = tmp_path / "runs.sqlite"
    session = learnt(lines, registry, store)
    batch = session.sample()
    assert {(text.text, text.mark) for text in batch.texts} == {("the quic", "recited")}
    session.close()
    again = open_session(
        Open("", recording=Recording(str(store), 1)), registry, lambda _: None, Activity()
    )
    assert [text.mark for text in again.texts.batches[-1].texts] == ["recited"] * 3
    assert again.training.series.measured["new-share"].between(0, 150) == ((150, 0.0),)
    again.close()
