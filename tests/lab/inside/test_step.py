"""The autopsy of a step: its figures are those of the steps as they are made."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from microgpt.engine import STATE_KINDS
from microgpt.parameters import parameter_layout
from microgpt.surgery import Component, Operation
from playground.hooks.registry import Registry
from playground.lab.inside.step import Autopsy
from playground.lab.inside.surgery import difference
from playground.lab.protocol.failures import LabError
from playground.lab.protocol.inside import Look
from playground.lab.protocol.step import StepReading
from playground.lab.session import Session
from playground.lab.spec import RunSpec

SPEC = {
    "model": {"n_embd": 8, "n_head": 2, "block_size": 6},
    "steps": 40,
    "batch_size": 2,
    "holdout": 0.003,  # less than a hundred texts, which are measured in a moment
}
WEIGHT = ("lm_head", 3, 1)


def at(registry: Registry, step: int, **changes: object) -> Session:
    session = Session.open(RunSpec.parse({**SPEC, **changes}), registry)
    while session.step < step:
        assert session.advance(step - session.step)
    return session


def bits(session: Session) -> list[bytes]:
    return [session.training.engine.read(kind).tobytes() for kind in STATE_KINDS]


Seen = tuple[StepReading, Session]


@pytest.fixture(scope="module")
def seen(registry: Registry) -> Seen:
    """Step 21 taken apart, and the session that did it."""
    first = Autopsy.first_needed(21, weight=True)
    assert first == 10
    session = at(registry, first)
    return session.autopsy(21, WEIGHT), session


def test_the_step_is_done_as_if_nobody_had_looked(registry: Registry, seen: Seen) -> None:
    _, session = seen
    assert session.step == 21
    assert bits(session) == bits(at(registry, 21))


def test_the_last_step_is_taken_apart_and_the_run_stands_where_it_stood(
    registry: Registry, seen: Seen
) -> None:
    """Also after going back, whatever is looked at, and the run goes on with the same bits."""
    session, unseen = at(registry, 21), at(registry, 30)
    training = session.training
    before = bits(session), training.epoch, list(training.recent), training.last
    inside = session.look_inside(Look(view="step", weight=WEIGHT))
    assert inside.reading == seen[0] and not inside.trouble
    assert (bits(session), training.epoch, list(training.recent), training.last) == before
    session.go_to(9)
    reading = session.look_inside(Look(view="step")).reading
    assert isinstance(reading, StepReading) and reading.step == 9 == session.step
    assert bits(session) == bits(at(registry, 9))
    while session.step < 30:
        assert session.advance(30 - session.step)
        assert session.look_inside(Look(view="step")).reading
    assert bits(session) == bits(unseen)
    assert session.training.series == unseen.training.series or (
        list(session.training.series.losses) == list(unseen.training.series.losses)
    )


@pytest.mark.parametrize(
    ("step", "text", "words"),
    [(0, None, "No step was made yet. Press s"), (3, "anna", "Press d to return")],
)
def test_a_step_that_cannot_be_taken_apart_is_said(
    registry: Registry, step: int, text: str | None, words: str
) -> None:
    inside = at(registry, step).look_inside(Look(view="step", text=text))
    assert inside.reading is None and words in inside.trouble
    assert len(inside.positions) > 2, "the text is shown all the same"


def test_a_step_before_the_states_that_are_kept_cannot_be_taken_apart(registry: Registry) -> None:
    session = at(registry, 12)
    session.training.timeline.begin_at(session.training.keyframe())
    inside = session.look_inside(Look(view="step"))
    assert "Step 12 cannot be done again" in inside.trouble
    session.advance(1)
    inside = session.look_inside(Look(view="step", weight=WEIGHT))
    assert isinstance(inside.reading, StepReading) and inside.reading.step == 13
    assert inside.reading.weight is not None and inside.reading.weight.steps == ()


def test_losses_and_norms_are_those_of_the_step(registry: Registry, seen: Seen) -> None:
    reading = seen[0]
    session = at(registry, 20)
    engine = session.training.engine
    documents = [session._prepared.documents[i] for i in reading.documents]
    was = [loss for row in engine.losses(documents) for loss in row]
    weights = engine.read("weights")
    rate = reading.learning_rate
    held = session.training.measured_on
    held_was = engine.losses(held)
    session.advance(1)
    assert reading.heldout == difference(held_was, engine.losses(held))
    now = [loss for row in engine.losses(documents) for loss in row]
    assert [one.before for one in reading.tokens] == was
    assert [one.after for one in reading.tokens] == now
    assert reading.before == pytest.approx(math.fsum(was) / len(was), abs=1e-12)
    assert reading.change == pytest.approx(math.fsum(now) / len(now) - reading.before, abs=1e-12)
    assert rate == session.training.series.learning_rates[-1]
    moved, gradient = engine.read("weights"), engine.read("gradients")
    for spec, one in zip(parameter_layout(engine.config), reading.matrices, strict=True):
        place = spec.slice
        update = [b - a for a, b in zip(weights[place], moved[place], strict=True)]
        assert one.name == spec.name
        assert one.update == pytest.approx(math.hypot(*update), abs=1e-12)
        assert one.gradient == pytest.approx(math.hypot(*gradient[place]), abs=1e-12)
        assert one.ratio == pytest.approx(one.update / math.hypot(*weights[place]))
        assert one.memory + math.fsum(one.tokens) == pytest.approx(1, abs=1e-9)


def test_the_parts_of_a_weight_add_up_to_what_it_did(registry: Registry, seen: Seen) -> None:
    weight = seen[0].weight
    assert weight is not None
    assert [step for step, _ in weight.steps] == list(range(20, 10, -1))
    parts = [*weight.tokens, *(part for _, part in weight.steps), weight.older]
    assert math.fsum(parts) == pytest.approx(weight.delta, abs=1e-12)
    session = at(registry, 20)
    engine = session.training.engine
    (spec,) = [spec for spec in parameter_layout(engine.config) if spec.name == "lm_head"]
    place = spec.offset + 3 * spec.columns + 1
    assert weight.before == engine.read("weights")[place]
    session.advance(1)
    assert weight.delta == pytest.approx(engine.read("weights")[place] - weight.before, abs=1e-12)
    assert weight.gradient == engine.read("gradients")[place]


def test_an_engine_in_float32_gets_no_gradient_check(registry: Registry) -> None:
    session = at(registry, 20)
    guard = session.training.current.made.guard
    guard.entry = replace(guard.entry, precision="float32")
    assert session.autopsy(21).check is None


def test_the_gradient_is_right_and_held_out_texts_are_told(seen: Seen) -> None:
    reading, session = seen
    assert reading.check is not None
    assert reading.check.right
    heldout = reading.heldout
    assert heldout is not None
    assert heldout.documents == len(session.training.measured_on)
    assert reading.better + reading.worse <= heldout.documents
    better, worse = reading.most_better, reading.most_worse
    assert better and worse and len(better) == min(30, reading.better)
    assert [one.delta for one in better] == sorted(one.delta for one in better)
    assert better[0].delta < 0 < worse[0].delta


def test_the_first_step_has_no_memory(registry: Registry) -> None:
    reading = at(registry, 0).autopsy(1, WEIGHT)
    assert all(one.memory == 0 or math.isnan(one.memory) for one in reading.matrices)
    assert reading.weight is not None
    assert (reading.weight.steps, reading.weight.older) == ((), 0.0)


def test_what_cannot_be_taken_apart_is_said(registry: Registry) -> None:
    with pytest.raises(IndexError, match=r"lm_head\[99,0\]"):
        at(registry, 0).autopsy(1, ("lm_head", 99, 0))
    with pytest.raises(LabError) as error:
        at(registry, 0, optimizer={"learning_rate": 1e9}).autopsy(9)
    assert "cannot be done" in error.value.failure.message


def test_a_step_begins_after_what_was_done_by_hand_before_it(registry: Registry) -> None:
    session = at(registry, 20)
    cut = Operation(Component("matrix", matrix="layer0.mlp_fc2"))
    session.surgeon.operate([cut])
    twin = at(registry, 20)
    twin.surgeon.operate([cut])
    documents = [twin._prepared.documents[i] for i in twin.training.documents_to_come()]
    was = [loss for row in twin.training.engine.losses(documents) for loss in row]
    session.go_to(25)
    session.training.seek(19)
    reading = session.autopsy(21)
    assert [one.before for one in reading.tokens] == was
    twin.go_to(21)
    assert bits(session) == bits(twin)


def test_of_a_held_weight_it_is_said_that_it_was_put_back(registry: Registry) -> None:
    session = at(registry, 20)
    matrix, row, column = WEIGHT
    session.surgeon.hold([Operation(Component("weight", index=row, matrix=matrix, column=column),
                                    (0.25,))])  # fmt: skip
    held = session.autopsy(21, WEIGHT).weight
    assert held is not None and held.held == 0.25 == held.before and held.delta
    spec = next(
        one for one in parameter_layout(session.training.engine.config) if one.name == matrix
    )
    place = spec.offset + row * spec.columns + column
    assert session.training.engine.read("weights")[place] == 0.25
    other = session.autopsy(22, (matrix, row, column + 1)).weight
    assert other is not None and other.held is None
