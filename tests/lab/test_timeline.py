"""Going back and on in a run gives the bytes of the straight path."""

from __future__ import annotations

import time
from array import array
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from playground.hooks.manager import load
from playground.hooks.registry import Registry
from playground.hooks.sources import PluginSources
from playground.lab import timeline as timeline_module
from playground.lab.protocol.failures import LabError
from playground.lab.protocol.frames import FrameRequest, MatrixView
from playground.lab.run import training
from playground.lab.session import Session
from playground.lab.spec import MAX_PARAMETERS, RunSpec
from playground.lab.timeline import (
    BUDGET,
    LARGE_BUDGET,
    RECENT,
    SPACING,
    Keyframe,
    Timeline,
    keyframe_size,
    least_missed,
    most_keyframes,
)
from tests.lab import plugins
from tests.lab.conftest import text_run
from tests.lab.test_session import walk

STEPS = 90
LOOK = FrameRequest(
    document=True,
    matrices=tuple(
        MatrixView("wte", kind)
        for kind in ("weights", "gradients", "update", "first_moment", "second_moment")
    ),
)


def picture(session: Session) -> tuple[object, ...]:
    """All that the screen can see of a state, and the weights."""
    frame = session.frame(LOOK)
    return (
        frame.step, frame.metrics, frame.matrices, frame.document, frame.tokens_seen,
        frame.learning_rate, frame.base_learning_rate, session.checkpoint().weights,
    )  # fmt: skip


Edits = tuple[tuple[int, float], ...]


class Straight:
    """The same run, trained without ever going back, for comparison."""

    def __init__(self, words: Path, registry: Registry) -> None:
        @cache
        def at(step: int, edits: Edits) -> tuple[object, ...]:
            session = Session.open(text_run(words, steps=STEPS), registry)
            for number in range(step + 1):
                for where, rate in edits:
                    if where == number:
                        session.edit({"optimizer.learning_rate": rate})
                if number < step:
                    session.frame(LOOK)
                    assert session.advance()
            return picture(session)

        self.at = at


moves = st.lists(
    st.one_of(
        st.tuples(st.just("advance"), st.integers(1, 40)),
        st.tuples(st.just("go_to"), st.integers(0, STEPS)),
        st.tuples(st.just("edit"), st.sampled_from([0.001, 0.02, 0.05])),
        st.tuples(st.just("look"), st.just(0)),
    ),
    min_size=1,
    max_size=8,
)


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(moves=moves)
def test_any_walk_ends_where_the_straight_path_does(
    moves: list[tuple[str, float]], words: Path, registry: Registry
) -> None:
    session = Session.open(text_run(words, steps=STEPS), registry)
    edits: dict[int, float] = {}
    for move, value in moves:
        if move == "advance":
            for _ in range(int(value)):
                session.advance()
        elif move == "go_to":
            session.go_to(int(value))
        elif move == "edit":
            session.edit({"optimizer.learning_rate": value})
            edits = {at: rate for at, rate in edits.items() if at < session.step}
            edits[session.step] = value
        else:
            session.frame(LOOK)
    made = tuple(sorted((at, rate) for at, rate in edits.items() if at <= session.step))
    assert picture(session) == Straight(words, registry).at(session.step, made)


def test_the_recorded_future_is_repeated_with_its_edits(session: Session) -> None:
    walk(session, 30)
    session.edit({"optimizer.learning_rate": 0.05})
    walk(session, 30)
    seen = session.frame()
    session.go_to(10)
    assert session.frame().base_learning_rate == 0.01
    walk(session, 50)
    again = session.frame()
    assert again.metrics == seen.metrics and again.base_learning_rate == 0.05


def test_a_new_edit_makes_another_future(session: Session) -> None:
    walk(session, 30)
    session.edit({"optimizer.learning_rate": 0.05})
    walk(session, 30)
    session.go_to(10)
    session.edit({"optimizer.learning_rate": 0.002})
    walk(session, 50)
    frame = session.frame()
    assert frame.base_learning_rate == 0.002
    assert len(frame.metrics.losses) == 60


def test_gradients_and_update_at_the_start_are_zero(session: Session) -> None:
    walk(session, 30)
    session.go_to(0)
    frame = session.frame(LOOK)
    assert all(not any(m.values) for m in frame.matrices if m.kind in ("gradients", "update"))


@pytest.mark.parametrize("step", [-1, 401])
def test_a_step_outside_the_run_is_refused_and_nothing_moves(session: Session, step: int) -> None:
    walk(session, 5)
    with pytest.raises(LabError):
        session.go_to(step)
    assert session.step == 5


def test_any_jump_within_a_thousand_steps_of_the_default_run_is_quick(registry: Registry) -> None:
    session = Session.open(RunSpec(), registry)
    began = time.thread_time()  # CPU time, whatever else the machine does
    walk(session, 500)
    each = (time.thread_time() - began) / 500
    slowest = 0.0
    for step in (0, 1, 24, 25, 26, 50, 249, 475, 499):
        began = time.thread_time()
        session.go_to(step)
        slowest = max(slowest, time.thread_time() - began)
        session.go_to(500)
    assert slowest < max(0.3, 40 * each)


def keyframe(step: int, numbers: int) -> Keyframe:
    values = array("d", bytes(8 * numbers))
    return Keyframe(step, step, values, values, values)


def test_keyframes_stay_within_the_budget_dense_where_it_is_recent() -> None:
    numbers = 4192
    timeline = Timeline(0.01)
    for step in range(0, 100_001, SPACING):
        timeline.keep(keyframe(step, numbers))
    steps = timeline.steps
    assert len(steps) * keyframe(0, numbers).size <= 64 * 1024 * 1024
    assert steps[0] == 0 and steps[-1] == 100_000
    gaps = {b: b - a for a, b in pairwise(steps)}
    assert max(gap for at, gap in gaps.items() if at > 100_000 - RECENT) <= 60
    assert max(gaps.values()) < 2_000


def test_a_model_too_large_for_the_budget_keeps_a_few() -> None:
    timeline = Timeline(0.01, budget=1)
    for step in range(0, 1001, SPACING):
        timeline.keep(keyframe(step, 10))
    assert timeline.earliest == 0 and len(timeline.steps) == 4
    assert timeline.steps[-1] == 1000


UNEVEN = (0, 75, 100, 125, 888, 900, 913, 1000)
"""Steps of which 900 has its neighbours 25 steps apart, and 100 has them 50 steps apart."""


def test_of_recent_keyframes_those_closest_together_go_first_whatever_their_age() -> None:
    assert UNEVEN[-1] <= RECENT
    assert least_missed(UNEVEN) == 900
    assert least_missed([step + 100_000 for step in UNEVEN]) == 100_900


def test_of_old_keyframes_those_closest_together_for_their_age_go_first() -> None:
    assert least_missed([0, 2_000, 4_000, 99_000, 99_500, 100_000]) == 2_000


def test_the_first_and_the_last_keyframe_are_never_missed_least() -> None:
    assert least_missed([0, 1, 1_000_000]) == 1
    assert least_missed([0, 999_999, 1_000_000]) == 999_999


@settings(deadline=None)
@given(
    kept=st.sets(st.integers(0, 300), max_size=12),
    spacing=st.integers(1, 120),
    step=st.integers(0, 400),
)
def test_the_next_keyframe_is_wanted_when_the_spacing_is_full_and_never_here(
    kept: set[int], spacing: int, step: int
) -> None:
    timeline = Timeline(0.01)
    for at in kept:
        timeline.keep(keyframe(at, 1))
    timeline.spacing = spacing
    wanted = timeline.next_wanted(step)
    assert wanted > step
    before = [at for at in kept if at <= step]
    full = max(before) + spacing if before else step + 1
    assert wanted == full or (wanted == step + 1 and full <= step)


def test_a_keyframe_is_wanted_at_once_when_the_spacing_has_become_narrower() -> None:
    timeline = Timeline(0.01)
    timeline.keep(keyframe(0, 1))
    timeline.spacing = 500
    assert timeline.next_wanted(40) == 500
    timeline.spacing = SPACING
    assert timeline.next_wanted(40) == 41


def test_a_run_whose_keyframes_come_closer_together_goes_on(
    tmp_path: Path, words: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "_BETWEEN_KEYFRAMES", 3600.0)  # as if the engine were very fast
    registry = load(PluginSources(files=(str(plugins.engine(tmp_path)),), entry_points=False))
    session = Session.open(text_run(words, engine="quick", steps=200), registry)
    while session.step < 60:
        assert session.advance(60 - session.step)
    monkeypatch.setattr(training, "_BETWEEN_KEYFRAMES", 0.0)  # and then is slow
    for _ in range(3):
        before = session.step
        assert session.advance(5) and session.step > before


# ---------------------------------------------------------------- large models


def test_keyframes_stay_within_their_budget_at_any_size() -> None:
    for parameters in [*range(1_000, 3_000_000, 7_919), *range(3_000_000, MAX_PARAMETERS, 77_777)]:
        size = keyframe_size(parameters)
        beside_the_first = most_keyframes(size) - 1
        assert beside_the_first >= 1, "no step back"
        assert beside_the_first * size <= (BUDGET if size <= BUDGET // 4 else LARGE_BUDGET)


def test_of_a_large_model_the_newest_states_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline_module, "LARGE", 100)
    timeline = Timeline(0.01, budget=1)
    for step in range(0, 31, 2):
        timeline.make_room(step, keyframe(step, 10).size)
        assert len(timeline.steps) <= 2, "a third one is never in memory while one is taken"
        timeline.keep(keyframe(step, 10))
    assert timeline.steps == [0, 28, 30]
    assert timeline.before(29).step == 28 and timeline.before(30).step == 28
    timeline.keep(keyframe(29, 10))  # on the way back from 28 on
    assert timeline.steps == [0, 28, 29], "the way further back is not longer now"
    for step in (10, 12, 14):  # far back
        timeline.keep(keyframe(step, 10))
    assert timeline.steps == [0, 12, 14]


def test_of_a_large_model_a_step_back_is_a_short_replay_to_the_same_bits(
    registry: Registry, spec: RunSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Session.open(spec, registry)
    monkeypatch.setattr(timeline_module, "LARGE", 100)
    monkeypatch.setattr(training, "LARGE", 100)
    large = Session.open(spec, registry)
    for session in (plain, large):
        walk(session, 60)
    steps = large.training.timeline.steps
    assert len(steps) == 3 and steps[-1] <= 60
    for step in (59, 60, 58):
        plain.go_to(step)
        large.go_to(step)
        assert large.checkpoint().weights == plain.checkpoint().weights
        assert large.checkpoint().gradients == plain.checkpoint().gradients
