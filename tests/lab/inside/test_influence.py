"""A run without a step, and what a prediction comes from: beside runs that are written out here."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microgpt.config import ModelConfig, OptimizerConfig
from microgpt.engine import STATE_KINDS, Engine
from microgpt.influence import Influences as Formula
from microgpt.influence import prediction_gradient, spearman
from microgpt.parameters import parameter_layout
from microgpt.surgery import Operation, operate, operation_of
from microgpt.trainer import Trainer, shuffle_and_init
from microgpt.vector_engine import VectorEngine
from playground.hooks.registry import Registry
from playground.lab.inside.replay import Replays
from playground.lab.inside.surgery import Work, difference, finished
from playground.lab.protocol.commands import Influence
from playground.lab.protocol.failures import LabError
from playground.lab.protocol.influence import Influences, LeftOut
from playground.lab.session import Session
from playground.lab.spec import RunSpec

SPEC = {
    "model": {"n_embd": 8, "n_head": 2, "block_size": 6},
    "steps": 40,
    "holdout": 0.003,  # less than a hundred texts, which are measured in a moment
}


def at(registry: Registry, step: int, **changes: object) -> Session:
    session = Session.open(RunSpec.parse({**SPEC, **changes}), registry)
    while session.step < step:
        assert session.advance(step - session.step)
    return session


def bits(engine: Engine) -> list[bytes]:
    return [engine.read(kind).tobytes() for kind in STATE_KINDS[:1] + STATE_KINDS[2:]]


def from_the_start(session: Session) -> Trainer:
    """A run of the same data before its first step, with nothing of the playground in it."""
    prepared, spec = session._prepared, session.spec
    config = spec.optimizer.config()
    engine = type(session.training.engine)(prepared.config, config, prepared.initial)
    documents = [prepared.documents[place] for place in range(len(prepared.documents))]
    return Trainer(engine, documents, config, spec.steps, spec.batch_size)


@pytest.mark.parametrize(
    ("engine", "batch", "step", "end"),
    [("vector", 1, 7, 30), ("vector", 3, 1, 12), ("vector", 2, 20, 20), ("scalar", 1, 2, 4),
     ("scalar", 2, 1, 3)],
)  # fmt: skip
def test_without_a_step_is_a_run_in_which_that_step_is_passed_over(
    registry: Registry, engine: str, batch: int, step: int, end: int
) -> None:
    session = at(registry, end, engine=engine, batch_size=batch)
    before = bits(session.training.engine), session.training.epoch, session.step
    found = finished(session.replays.without(step))
    assert (bits(session.training.engine), session.training.epoch, session.step) == before
    run, other = from_the_start(session), from_the_start(session)
    run.train(end)
    other.train(step - 1)
    other.step += 1
    other.train(end - step)
    assert bits(run.engine) == before[0]
    assert bits(session.replays.twin().engine) == bits(other.engine)
    assert found.documents == tuple(run.document_indices(step - 1)) and len(found.texts) == batch
    learnt = [run.documents[place] for place in found.documents]
    # The scalar engine's losses are read by the vector engine, which agrees to 1e-9.
    by_hand = difference(run.engine.losses(learnt), other.engine.losses(learnt))
    assert found.own.delta == pytest.approx(by_hand.delta, abs=1e-9)
    held = session.training.measured_on
    by_hand = difference(run.engine.losses(held[:20]), other.engine.losses(held[:20]))
    assert found.heldout is not None and by_hand.documents == 20
    assert found.heldout.documents == len(held) > 20
    weights = [one.engine.read("weights") for one in (run, other)]
    assert found.apart == pytest.approx(math.dist(*weights))
    assert found.weights == pytest.approx(math.hypot(*weights[0]))
    assert math.hypot(*(one.apart for one in found.matrices)) == pytest.approx(found.apart)
    assert len(found.samples.texts) == len(found.samples_without.texts) == 5


def test_a_run_that_was_taken_back_is_compared_where_it_is_known_to_lead(
    registry: Registry,
) -> None:
    session = at(registry, 30)
    straight = finished(session.replays.without(9))
    session.go_to(9)
    before = bits(session.training.engine)
    there = finished(session.replays.without(9, 30))
    assert bits(session.training.engine) == before and session.step == 9
    assert (there.at, there.own, there.apart) == (30, straight.own, straight.apart)
    assert there.samples_without == straight.samples_without
    with pytest.raises(LabError, match="known up to step 30"):
        finished(session.replays.without(9, 31))
    session.edit({"optimizer.learning_rate": 0.5})
    with pytest.raises(LabError, match="known up to step 9"):
        finished(session.replays.without(9, 30))


@pytest.mark.parametrize("step", [9, 11, 13])
def test_what_was_done_by_hand_is_done_without_the_step_as_well(
    registry: Registry, step: int
) -> None:
    """Also where it was done just before the step, and where a rate was set there."""
    session = at(registry, 8)
    config = session.training.engine.config
    cut, held = operation_of("head:0.1", config), operation_of("position:2=0.5", config)
    session.surgeon.operate([cut])
    session.surgeon.hold([held])
    while session.step < 12:
        session.advance(12 - session.step)
    session.edit({"optimizer.learning_rate": 0.02})
    while session.step < 20:
        session.advance(20 - session.step)
    finished(session.replays.without(step))
    other = from_the_start(session)

    def put(*operations: Operation) -> None:
        weights = other.engine.read("weights")
        other.engine.write("weights", operate(config, weights, operations))

    while other.step < 20:
        if other.step == 8:
            put(cut, held)
        if other.step == 12:
            other.learning_rate = 0.02
        if other.step == step - 1:
            other.step += 1
            continue
        other.advance()
        if other.step > 8:
            put(held)
    assert bits(session.replays.twin().engine) == bits(other.engine)


def test_the_samples_of_both_are_drawn_with_the_same_dice(registry: Registry) -> None:
    session = at(registry, 12, seed=3)
    found = finished(session.replays.without(12))
    same = finished(session.replays.without(12))
    assert (found.samples, found.samples_without) == (same.samples, same.samples_without)
    still = at(registry, 12, optimizer={"learning_rate": 1e-300})
    nothing = finished(still.replays.without(3))
    assert nothing.samples == nothing.samples_without, "a step that moved nothing is not missed"
    assert nothing.apart == 0


@pytest.mark.parametrize("what", ["without", "influence"])
def test_giving_up_leaves_the_bits_of_the_run_and_what_comes_after(
    registry: Registry, what: str
) -> None:
    session, unseen = at(registry, 20), at(registry, 20)
    before = bits(session.training.engine), session.training.epoch, session.training.last
    work = (
        session.replays.without(2) if what == "without" else session.influence.tracing(Influence())
    )
    for _ in range(3):
        next(work)
    assert bits(session.training.engine) == before[0]
    work.close()
    assert (
        bits(session.training.engine), session.training.epoch, session.training.last
    ) == before  # fmt: skip
    for one in (session, unseen):
        while one.step < 30:
            one.advance(30 - one.step)
    assert bits(session.training.engine) == bits(unseen.training.engine)


@pytest.mark.parametrize("what", ["without", "influence"])
def test_a_run_that_goes_another_way_meanwhile_is_compared_as_it_was(
    registry: Registry, what: str
) -> None:
    """The run is taken back, trains another way, and keeps states of that way."""

    def work(session: Session) -> Work[LeftOut | Influences]:
        if what == "without":
            return (yield from session.replays.without(52))
        return (yield from session.influence.tracing(Influence("anna", 2)))

    straight = finished(work(at(registry, 60, steps=80)))
    session = at(registry, 60, steps=80)
    under_way = work(session)
    next(under_way)
    session.go_to(4)
    session.edit({"optimizer.learning_rate": 0.05})
    while session.step < 55:
        session.advance()
    found = finished(under_way)
    if isinstance(found, LeftOut):
        assert isinstance(straight, LeftOut)
        assert (found.own, found.apart) == (straight.own, straight.apart)
    else:
        assert isinstance(straight, Influences)
        assert found.most == straight.most
        assert any(one.step > 25 for one in found.most[:10]), "one begins at a later keyframe"


@pytest.mark.parametrize(
    ("step", "words"), [(0, "There is no step 0"), (13, "There is no step 13")]
)
def test_a_step_that_is_not_there_cannot_be_left_out(
    registry: Registry, step: int, words: str
) -> None:
    with pytest.raises(LabError, match=words):
        finished(at(registry, 12).replays.without(step))


def test_a_step_before_the_states_that_are_kept_cannot_be_left_out(registry: Registry) -> None:
    session = at(registry, 12)
    session.training.timeline.begin_at(session.training.keyframe())
    with pytest.raises(LabError, match="begin at step 12"):
        finished(session.replays.without(4))
    while session.step < 15:
        session.advance()
    assert finished(session.replays.without(14)).own.delta
    found = finished(session.influence.tracing(Influence()))
    assert (found.first, found.steps) == (13, 3)


# ---------------------------------------------------------------- influence


def prediction(engine: Engine, read: Sequence[int], target: int) -> float:
    """The loss of one prediction."""
    return engine.losses([[*read, target]])[0][-1]


@pytest.mark.parametrize(("engine", "batch"), [("vector", 1), ("vector", 3), ("scalar", 1)])
def test_what_is_replayed_is_what_the_prediction_loses_without_the_step(
    registry: Registry, engine: str, batch: int
) -> None:
    end = 14 if engine == "vector" else 3
    session = at(registry, end, engine=engine, batch_size=batch)
    found = finished(session.influence.tracing(Influence("anna", 2, 5)))
    assert (found.at, found.first, found.steps, found.token) == (end, 1, end, 5)
    assert [abs(one.formula) for one in found.most] == sorted(
        (abs(one.formula) for one in found.most), reverse=True
    )
    assert math.fsum(one.formula for one in found.most) == pytest.approx(found.total)
    assert sum(one.replayed is not None for one in found.most) == min(10, end)
    read = [session._prepared.encoder.bos_id, *session._prepared.encoder.encode("an")]
    run = session.training.engine
    assert found.loss == pytest.approx(prediction(run, read, 5), abs=1e-9)
    for one in found.most[:3]:
        other = from_the_start(session)
        other.train(one.step - 1)
        other.step += 1
        other.train(end - one.step)
        assert one.replayed == pytest.approx(
            prediction(other.engine, read, 5) - found.loss, abs=1e-9
        )
        assert one.documents == tuple(other.document_indices(one.step - 1))
    both = [(one.formula, one.replayed) for one in found.most if one.replayed is not None]
    assert found.correlation == pytest.approx(by_the_book(*zip(*both, strict=True)), nan_ok=True)


def small(rate: float, beta1: float, batch: int) -> Trainer:
    """A run in which Adam divides by ε alone, so that its updates are linear in the gradients."""
    optimizer = OptimizerConfig(learning_rate=rate, beta1=beta1, eps=1e6)
    documents = [[4, *word, 4] for word in ((0, 1, 2), (1, 1), (3, 0), (2, 3, 1, 0), (0, 2))]
    config = ModelConfig(vocab_size=5, n_embd=8, n_head=2, block_size=6)
    weights, _ = shuffle_and_init(documents, config, 1)
    engine = VectorEngine(config, optimizer, weights)
    return Trainer(engine, documents, optimizer, 1_000, batch, lambda *_: 1.0)


def test_with_sgd_the_formula_is_the_update_of_each_step(registry: Registry) -> None:
    """To first order it is also what is replayed, because nothing is remembered."""
    rest = []
    for rate in (1e-2, 1e-3):
        session = at(registry, 9, optimizer={"name": "sgd", "learning_rate": rate})
        found = finished(session.influence.tracing(Influence("anna", 2)))
        assert math.fsum(one.formula for one in found.most) == pytest.approx(found.total)
        rest.append(max(abs(one.formula - (one.replayed or 0.0)) for one in found.most[:9]))
        assert rest[-1] < 0.1 * abs(found.most[0].formula)
    assert rest[1] < rest[0] / 30


@settings(max_examples=8, deadline=None)
@given(st.sampled_from([0.0, 0.5, 0.85]), st.integers(1, 3), st.integers(1, 6))
def test_to_first_order_the_formula_is_what_leaving_out_the_gradients_does(
    beta1: float, batch: int, step: int
) -> None:
    """The limit of a small learning rate: a tenth of the rate leaves a hundredth of the rest."""
    rests = []
    for rate in (1e3, 1e2):
        end, read, target = 12, [4, 0, 1], 3
        run = small(rate, beta1, batch)
        weights = [run.engine.read("weights")]
        rows = []
        for _ in range(end):
            last = run.advance()
            rows.append(
                (last.step - 1, last.learning_rate, run.engine.read("gradients"),
                 run.engine.read("second_moment"))
            )  # fmt: skip
        weights.append(run.engine.read("weights"))
        pull = prediction_gradient(run.engine, read, target)
        formula = Formula(OptimizerConfig(learning_rate=rate, beta1=beta1, eps=1e6), len(pull))
        found = [one for row in rows for one in formula.add(*row, pull)] + formula.rest()
        assert len(found) == end
        moved = math.fsum(p * (b - a) for p, a, b in zip(pull, *weights, strict=True))
        assert math.fsum(found) == pytest.approx(-moved, rel=1e-9), "all steps are the whole way"
        # Done: the step's documents add nothing to the first moment.
        other = small(rate, beta1, batch)
        for place in range(end):
            documents = [other.documents[i] for i in other.document_indices(place)]
            other.engine.loss_and_gradients(documents)
            if place == step - 1:
                other.engine.write("gradients", array("d", bytes(8 * len(pull))))
            other.engine.adam_step(rate, place)
        done = (
            other.engine.losses([[*read, target]])[0][-1]
            - run.engine.losses([[*read, target]])[0][-1]
        )
        rests.append(abs(done - found[step - 1]))
    assert rests[1] < rests[0] / 30 or rests[1] < 1e-13


def test_what_was_undone_by_hand_has_no_influence(registry: Registry) -> None:
    """All that moved a prediction before all weights were put back counts for nothing."""
    session = at(registry, 6)
    config = session.training.engine.config
    session.surgeon.operate(
        [operation_of(f"matrix:{one.name}=0.1", config) for one in parameter_layout(config)]
    )
    while session.step < 9:
        session.advance(9 - session.step)
    found = finished(session.influence.tracing(Influence("anna", 2)))
    by_step = {one.step: one.formula for one in found.most}
    # Adam remembers the steps before, and these go on to move the weights after it.
    assert all(by_step[step] for step in (7, 8, 9))
    still = at(registry, 6)
    still.surgeon.hold(
        [operation_of(f"matrix:{one.name}=0.1", config) for one in parameter_layout(config)]
    )
    while still.step < 9:
        still.advance(9 - still.step)
    held = finished(still.influence.tracing(Influence("anna", 2)))
    assert [one.formula for one in held.most] == [0.0] * 9


def test_the_gradient_of_one_prediction_is_the_slope_of_its_loss() -> None:
    run = small(1.0, 0.85, 1)
    engine, read, target = run.engine, [4, 0, 3], 2
    for length in (1, 3):
        pull = prediction_gradient(engine, read[:length], target)
        weights, h = engine.read("weights"), 1e-6
        for place in (0, 9, 31, 120, len(weights) - 1):
            ends = []
            for sign in (1, -1):
                moved = array("d", weights)
                moved[place] += sign * h
                engine.write("weights", moved)
                ends.append(engine.losses([[*read[:length], target]])[0][-1])
            engine.write("weights", weights)
            assert pull[place] == pytest.approx((ends[0] - ends[1]) / (2 * h), abs=1e-7)


def test_long_memories_are_settled_in_parts_as_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    run = small(1e3, 0.5, 1)
    found = []
    for steps in (60, 60):
        run = small(1e3, 0.5, 1)
        pull = prediction_gradient(run.engine, [4, 0], 1)
        formula = Formula(OptimizerConfig(beta1=0.5, eps=1e6), len(pull))
        if found:
            monkeypatch.setattr(formula, "_lasting", 1_000)
        figures: list[float] = []
        for _ in range(steps):
            last = run.advance()
            figures += formula.add(
                last.step - 1, last.learning_rate, run.engine.read("gradients"),
                run.engine.read("second_moment"), pull,
            )  # fmt: skip
        assert bool(figures) == (not found), "only the short memory is settled on the way"
        found.append(figures + formula.rest())
    assert found[0] == pytest.approx(found[1], rel=1e-5)


@pytest.mark.parametrize(
    ("asked", "words"),
    [(Influence("anna", 9), "positions 0 to 4"), (Influence("anna", 1, 99), "no such token"),
     (Influence("Ω"), "does not know")],
)  # fmt: skip
def test_a_prediction_that_is_not_there_is_said(
    registry: Registry, asked: Influence, words: str
) -> None:
    with pytest.raises(LabError, match=words):
        finished(at(registry, 5).influence.tracing(asked))
    with pytest.raises(LabError, match="No step was made yet"):
        finished(at(registry, 0).influence.tracing(Influence("anna")))


def test_what_it_costs_is_told_from_the_measured_pace(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = at(registry, 30)
    assert 0 < session.influence.cost(3).seconds < 60
    monkeypatch.setattr(Replays, "pace", lambda _: 0.25)
    one, all_of_it = session.influence.cost(3), session.influence.cost(None)
    assert 28 <= one.steps <= 30 and one.seconds == one.steps * 0.25
    assert all_of_it.steps == 30 + 10 * 31 // 2
    # And what the formula takes for each of the 30 steps.
    assert all_of_it.steps * 0.25 < all_of_it.seconds < all_of_it.steps * 0.25 + 60


# ---------------------------------------------------------------- Spearman


def by_the_book(a: Sequence[float], b: Sequence[float]) -> float:
    """Pearson's correlation of the ranks, each counted out: how many are smaller, and half of the
    equal ones."""

    def ranked(row: Sequence[float]) -> list[float]:
        return [sum(y < x for y in row) + (sum(y == x for y in row) + 1) / 2 for x in row]

    left, right, n = ranked(a), ranked(b), len(a)
    cov = sum(x * y for x, y in zip(left, right, strict=True)) - sum(left) * sum(right) / n
    spread = math.prod(sum(x * x for x in row) - sum(row) ** 2 / n for row in (left, right))
    return cov / math.sqrt(spread) if spread > 0 else math.nan


few = st.integers(-3, 3).map(float)


@given(st.lists(st.tuples(few, few), min_size=2, max_size=12))
def test_spearman_is_the_correlation_of_the_ranks(pairs: list[tuple[float, float]]) -> None:
    a, b = zip(*pairs, strict=True)
    assert spearman(a, b) == pytest.approx(by_the_book(a, b), nan_ok=True, abs=1e-12)


def test_spearman_of_known_rows() -> None:
    assert spearman([1, 2, 3, 4], [10, 20, 30, 90]) == pytest.approx(1)
    assert spearman([1, 2, 3, 4], [9, 5, 2, -1]) == pytest.approx(-1)
    # The classical example without ties: 1 - 6 Σd² / n(n² - 1).
    iq = [106, 100, 86, 101, 99, 103, 97, 113, 112, 110]
    tv = [7, 27, 2, 50, 28, 29, 20, 12, 6, 17]
    assert spearman(iq, tv) == pytest.approx(-29 / 165)
    assert math.isnan(spearman([1], [1])) and math.isnan(spearman([1, 1], [1, 2]))
    assert math.isnan(spearman([1, math.nan], [1, 2]))
    with pytest.raises(ValueError, match="2 numbers"):
        spearman([1, 2], [1])
