"""The film strip: rows at steps that the step alone decides, the same texts whoever looks on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microgpt.surgery import Component, Operation
from playground.hooks.errors import PluginError
from playground.hooks.manager import load
from playground.hooks.registry import Registry
from playground.hooks.sources import PluginSources
from playground.lab.protocol.film import (
    MOST_TOKENS,
    TEXTS,
    FilmRow,
    FilmText,
    has_row,
    next_row,
)
from playground.lab.protocol.frames import FrameRequest
from playground.lab.protocol.observation import Observation
from playground.lab.protocol.sampling import Link, Sampling
from playground.lab.run import film as film_module
from playground.lab.run.film import Camera, FilmRation
from playground.lab.session import Session
from playground.lab.spec import RunSpec
from tests.lab.conftest import text_run
from tests.lab.walks import state_of


def walk(session: Session, to: int) -> None:
    """Train to a step, as many steps a call as the session makes."""
    while session.step < to:
        assert session.advance(to - session.step), session.trouble


def developed(session: Session) -> dict[int, FilmRow]:
    """All rows, after what waited is written."""
    while session.undeveloped:
        session.develop()
    return session.camera.rows


@pytest.fixture
def starved(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no time for a row while a run trains."""
    monkeypatch.setattr(FilmRation, "BEGINNING", -1.0)


@pytest.fixture(scope="module")
def straight(
    registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[RunSpec, Session]]:
    """A run of 160 steps that went straight to its end."""
    path = tmp_path_factory.mktemp("words") / "words.txt"
    path.write_text("ant\nbee\ncat\ndog\nelk\nfox\ngnu\nhen\nibis\njay\nkiwi\nlark\n")
    spec = text_run(path, steps=160)
    session = Session.open(spec, registry)
    walk(session, 160)
    developed(session)
    yield spec, session


# ---------------------------------------------------------------- where


def test_rows_stand_dense_at_the_beginning_and_ever_farther_apart() -> None:
    found, step = [0], 0
    while step < 25_000:
        step = next_row(step)
        found.append(step)
    assert found == [
        *range(0, 100, 5), *range(100, 1_000, 50), *range(1_000, 10_000, 500),
        *range(10_000, 25_001, 5_000),
    ]  # fmt: skip
    assert [step for step in range(25_001) if has_row(step)] == found


def test_a_run_has_a_row_at_each_of_these_steps_without_being_asked(
    straight: tuple[RunSpec, Session],
) -> None:
    _, session = straight
    rows = session.camera.rows
    assert sorted(rows) == [step for step in range(161) if has_row(step)]
    assert all(len(row.texts) == TEXTS and not row.note for row in rows.values())
    assert rows[0].texts != rows[150].texts


def test_a_text_that_the_model_ends_is_told_from_one_that_is_cut(
    words: Path, registry: Registry
) -> None:
    model = {"n_embd": 8, "n_head": 2, "n_layer": 1, "block_size": 80}
    session = Session.open(text_run(words, model=model), registry)
    cut = [text for seed in range(40) for text in _texts(session, seed) if not text.ended]
    assert cut and all(len(text.text) == MOST_TOKENS for text in cut)
    session = Session.open(text_run(words), registry)
    short = _texts(session, 0)
    assert all(len(text.text) == 8 for text in short if not text.ended), "the context ends there"
    assert all(len(text.text) < 8 for text in short if text.ended)


def _texts(session: Session, seed: int) -> tuple[FilmText, ...]:
    session.camera._seed = seed
    session.camera.forget_after(-1)
    return developed(session)[0].texts


# ---------------------------------------------------------------- the run


@pytest.mark.parametrize("engine", ["vector", "scalar"])
def test_training_is_the_same_to_the_bit_with_the_film_and_without(
    words: Path, registry: Registry, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = text_run(words, steps=60, engine=engine)
    looks = Observation(Sampling(every=10, count=2))
    found = []
    for film in ("at once", "later", "none"):
        monkeypatch.setattr(FilmRation, "BEGINNING", -1.0 if film == "later" else 1e9)
        monkeypatch.setattr(film_module, "MOST_SECONDS", 1e9)
        if film == "none":
            monkeypatch.setattr(Camera, "pass_by", lambda *_: None)
            monkeypatch.setattr(Camera, "until", lambda _self, _step, most: most)
        session = Session.open(spec, registry, observation=looks)
        walk(session, 30)
        if film == "later":
            assert session.camera.waiting == 6
            session.develop()
        walk(session, 60)
        asked = session.sample()
        series = session.training.series
        texts = [[text.text for text in batch.texts] for batch in (*session.texts.batches, asked)]
        found.append((series.losses, series.evaluations, texts, state_of(session)))
        assert bool(session.camera.rows) == (film != "none")
    assert found[0] == found[1] == found[2]


def test_a_chain_that_a_person_sets_does_not_change_the_film(
    straight: tuple[RunSpec, Session], registry: Registry
) -> None:
    spec, other = straight
    chain = Sampling((Link("top-k", {"top_k": 1}),), prompt="a", count=1, seed=9)
    session = Session.open(spec, registry, observation=Observation(chain))
    walk(session, 20)
    assert developed(session)[20] == other.camera.rows[20]


@given(
    leaps=st.lists(st.integers(1, 70), min_size=1, max_size=8),
    time_left=st.sampled_from([-1.0, 0.001, 1e9]),
    most=st.sampled_from([0.0, 1e9]),
)
@settings(max_examples=12, deadline=None)
def test_the_rows_are_the_same_whatever_the_pace_and_the_time_there_is_for_them(
    straight: tuple[RunSpec, Session],
    registry: Registry,
    leaps: list[int],
    time_left: float,
    most: float,
) -> None:
    spec, other = straight
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(FilmRation, "BEGINNING", time_left)
        monkeypatch.setattr(film_module, "MOST_SECONDS", most)
        session = Session.open(spec, registry)
        for leap in leaps:
            walk(session, min(160, session.step + leap))
            if leap % 3 == 0:
                session.go_to(session.step // 2)
    rows = developed(session)
    assert rows == {step: other.camera.rows[step] for step in rows}
    assert sorted(rows) == [at for at in range(session.training.series.head + 1) if has_row(at)]


def test_the_scalar_engine_has_the_same_rows(
    straight: tuple[RunSpec, Session], registry: Registry
) -> None:
    spec, other = straight
    session = Session.open(spec.replace({"engine": "scalar"}), registry)
    walk(session, 100)
    rows = developed(session)
    assert rows == {step: other.camera.rows[step] for step in rows} and 100 in rows


# ---------------------------------------------------------------- its time


@pytest.mark.usefixtures("starved")
def test_rows_wait_while_the_run_trains_and_are_written_when_it_stands(
    spec: RunSpec, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(film_module, "MOST_SECONDS", 1e9)
    session = Session.open(spec, registry)
    walk(session, 41)
    assert list(session.camera.rows) == [0], "the first one tells how long a row takes"
    assert session.camera.waiting == 8
    before = state_of(session)
    session.develop()
    assert list(session.camera.rows) == [0, 5] and state_of(session) == before
    assert sorted(developed(session)) == list(range(0, 41, 5))


@pytest.mark.usefixtures("starved")
@pytest.mark.parametrize("limit", ["MOST_SECONDS", "MOST_BYTES"])
def test_no_more_rows_wait_than_a_pause_can_wait_for(
    spec: RunSpec, registry: Registry, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(film_module, limit, 0)
    session = Session.open(spec, registry)
    walk(session, 41)
    assert session.camera.waiting == 0 and len(session.camera.rows) == 9


def test_rows_take_little_of_the_time_and_more_while_somebody_looks() -> None:
    ration = FilmRation()
    ration.spend(1.0)
    ration.earn(100.0)
    assert not ration.left, "half a percent"
    ration.earn(110.0)
    assert ration.left
    assert pytest.approx(0.1) == FilmRation.SHARE * FilmRation.WATCHED


def test_somebody_who_looks_gets_the_new_rows_only(spec: RunSpec, registry: Registry) -> None:
    session = Session.open(spec, registry)
    walk(session, 20)
    developed(session)
    assert session.frame().film is None, "nobody asked"
    first = session.frame(FrameRequest(film_since=0)).film
    assert first is not None and sorted(row.step for row in first.rows) == [0, 5, 10, 15, 20]
    walk(session, 30)
    developed(session)
    film = session.frame(FrameRequest(film_since=first.count)).film
    assert film is not None and sorted(row.step for row in film.rows) == [25, 30]
    assert film.waiting == 0 and film.trouble is None


def test_a_large_model_has_one_text_a_row(words: Path, registry: Registry) -> None:
    model = {"n_embd": 48, "n_head": 2, "n_layer": 1, "block_size": 8}
    session = Session.open(text_run(words, model=model), registry)
    assert session.info.parameter_count > film_module.LARGE
    assert len(developed(session)[0].texts) == 1


# ---------------------------------------------------------------- to and fro


def test_going_back_and_forward_again_writes_no_row_twice(
    spec: RunSpec, registry: Registry
) -> None:
    session = Session.open(spec, registry)
    heard: list[FilmRow] = []
    session.camera._heard = heard.append
    walk(session, 50)
    developed(session)
    session.training.seek(7)
    while session.step < 33:
        assert session.replay(33 - session.step)
    walk(session, 60)
    developed(session)
    assert sorted(row.step for row in heard) == list(range(0, 61, 5)), "in whatever order"


def test_a_row_that_is_not_known_is_written_when_the_run_comes_by(
    straight: tuple[RunSpec, Session], registry: Registry
) -> None:
    spec, other = straight
    session = Session.open(spec, registry)
    walk(session, 60)
    developed(session)
    for step in (20, 25, 40):
        del session.camera.rows[step]
    session.training.seek(10)
    while session.step < 30:
        assert session.replay(30 - session.step)
    rows = developed(session)
    assert 20 in rows and 25 in rows and 40 not in rows
    assert rows[20] == other.camera.rows[20] and rows[25] == other.camera.rows[25]


def test_another_future_has_other_rows_and_keeps_those_before_it(
    straight: tuple[RunSpec, Session], registry: Registry
) -> None:
    spec, other = straight
    session = Session.open(spec, registry)
    walk(session, 100)
    session.go_to(40)
    session.edit({"optimizer.learning_rate": 0.3})
    assert max(session.camera.rows) == 40
    walk(session, 100)
    rows = developed(session)
    assert {step for step in rows if rows[step] != other.camera.rows[step]} > {80, 90, 100}
    assert all(rows[step] == other.camera.rows[step] for step in range(0, 41, 5))


@pytest.mark.parametrize("time_left", [-1.0, 1e9])
def test_a_row_is_of_the_weights_as_the_step_left_them_whatever_is_done_to_them_there(
    straight: tuple[RunSpec, Session],
    registry: Registry,
    monkeypatch: pytest.MonkeyPatch,
    time_left: float,
) -> None:
    spec, other = straight
    monkeypatch.setattr(FilmRation, "BEGINNING", time_left)
    monkeypatch.setattr(film_module, "MOST_SECONDS", 1e9)
    session = Session.open(spec, registry)
    walk(session, 20)
    session.training.operate([Operation(Component("matrix", matrix="lm_head"))])
    walk(session, 30)
    developed(session)
    for step in (20, 25):
        del session.camera.rows[step]
    session.training.seek(12)
    while session.step < 26:
        assert session.replay(26 - session.step)
    rows = developed(session)
    assert rows[20] == other.camera.rows[20] and rows[25] != other.camera.rows[25]
    walk(session, 30)
    session.go_to(20)
    del session.camera.rows[20]
    after = state_of(session)
    assert developed(session)[20] == other.camera.rows[20] and state_of(session) == after


# ---------------------------------------------------------------- what fails

STUMBLING = """
from microgpt.tokenizer import CharTokenizer
from playground.api import Contribution, hookimpl

class Stumbling(CharTokenizer):
    broken = False
    def decode(self, ids):
        if Stumbling.broken:
            raise ValueError("it [b]broke")
        return super().decode(ids)

@hookimpl
def microgpt_tokenizers():
    yield Contribution(name="stumbling", summary="may break", factory=Stumbling)
"""


def test_a_tokenizer_that_fails_ends_the_film_and_not_the_run(words: Path, tmp_path: Path) -> None:
    path = tmp_path / "stumbling.py"
    path.write_text(STUMBLING)
    registry = load(PluginSources(entry_points=False, files=(str(path),)))
    session = Session.open(
        text_run(words, tokenizer={"name": "stumbling"}),
        registry,
        observation=Observation(Sampling(every=0)),
    )
    walk(session, 10)
    developed(session)
    tokenizer = session._prepared.encoder.tokenizer
    type(tokenizer).broken = True  # type: ignore[attr-defined]
    walk(session, 40)
    while session.undeveloped:
        session.develop()
    film = session.frame(FrameRequest(film_since=0)).film
    assert film is not None and film.trouble is not None
    assert "it [b]broke" in film.trouble.message and film.waiting == 0
    assert sorted(row.step for row in film.rows) == [0, 5, 10] and session.trouble is None


def test_weights_that_are_no_numbers_are_said_in_a_row_without_texts(
    spec: RunSpec, registry: Registry
) -> None:
    session = Session.open(spec, registry)
    engine = session.training.engine
    weights = engine.read("weights")
    for place in range(len(weights)):
        weights[place] = float("nan")
    engine.write("weights", weights)
    session.camera.pass_by(0)
    row = session.camera.rows[0]
    assert row.texts == () and "diverged" in row.note


@pytest.mark.usefixtures("starved")
def test_an_engine_that_does_not_take_its_weights_is_put_where_it_was(
    spec: RunSpec, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(film_module, "MOST_SECONDS", 1e9)
    session = Session.open(spec, registry)
    walk(session, 23)
    right, engine = state_of(session), session.training.engine
    write, calls = engine.write, []

    def failing(kind, values):  # type: ignore[no-untyped-def]
        calls.append(kind)
        if len(calls) == 2:  # the own weights are to be put back
            raise PluginError("mine", "in write", "it is full")
        write(kind, values)

    monkeypatch.setattr(engine, "write", failing)
    session.develop()
    assert state_of(session) == right and len(calls) > 2
    assert session.trouble is not None and "it is full" in session.trouble.message
    walk(session, 30)
    assert session.trouble is None
