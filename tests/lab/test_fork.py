"""A fork goes on from where another run stands, with changed settings."""

from __future__ import annotations

from array import array
from pathlib import Path
from typing import Any

import pytest

from microgpt.surgery import Component, Operation
from playground.hooks.registry import Registry
from playground.lab.fork import Setting, differences, forked, in_force, why_only_from_start
from playground.lab.protocol.failures import LabError
from playground.lab.protocol.run import Checkpoint
from playground.lab.session import Session
from playground.lab.spec import RunSpec
from tests.lab.conftest import text_run

RATE = "optimizer.learning_rate"


def standing_at(session: Session, step: int) -> Checkpoint:
    """Go to the step; return the checkpoint of the session there."""
    session.go_to(step)
    return session.checkpoint()


def opened(fork: tuple[str, Checkpoint | None], registry: Registry) -> Session:
    spec, checkpoint = fork
    return Session.open(RunSpec.parse(spec), registry, checkpoint=checkpoint)


def weights(session: Session) -> bytes:
    values: array[float] = session.training.engine.read("weights")
    return values.tobytes()


def losses(session: Session) -> list[float]:
    return list(session.frame().metrics.losses)


def test_a_fork_that_changes_nothing_goes_on_as_its_parent(
    session: Session, registry: Registry
) -> None:
    fork = opened(forked(standing_at(session, 40), {}), registry)
    fork.go_to(70)
    session.go_to(70)
    assert weights(fork) == weights(session) and losses(fork) == losses(session)


def test_another_learning_rate_is_as_if_it_had_been_set_by_hand_there(
    session: Session, registry: Registry
) -> None:
    fork = opened(forked(standing_at(session, 40), {RATE: 0.05}), registry)
    fork.go_to(70)
    session.edit({RATE: 0.05})
    session.go_to(70)
    assert weights(fork) == weights(session) and losses(fork) == losses(session)


def test_the_past_of_a_fork_by_learning_rate_can_be_gone_back_to(
    session: Session, registry: Registry
) -> None:
    fork = opened(forked(standing_at(session, 40), {RATE: 0.05, "eval_every": 5}), registry)
    session.go_to(23)
    fork.go_to(23)
    assert weights(fork) == weights(session)
    assert fork.frame().earliest == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 8},
        {"batch_size": 2},
        {"optimizer.beta1": 0.5},
        {"schedule": {"name": "cosine", "options": {}}},
        {"schedule.name": "cosine"},
        {"steps": 100},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_other_changed_settings_change_a_run_from_the_fork_on_only(
    session: Session, registry: Registry, changes: dict[str, Any]
) -> None:
    at = standing_at(session, 40)
    fork = opened(forked(at, changes), registry)
    assert (fork.step, fork.frame().earliest) == (40, 40), "nothing before it is to be had"
    assert weights(fork) == weights(session) and losses(fork) == losses(session)
    fork.go_to(60)
    session.go_to(60)
    assert losses(fork)[:40] == losses(session)[:40]
    assert losses(fork)[40:] != losses(session)[40:] or weights(fork) != weights(session)
    fork.go_to(40)
    assert weights(fork) == weights(opened((at.spec, at), registry))


def test_the_checkpoint_that_was_forked_from_is_untouched(session: Session) -> None:
    session.go_to(20)
    session.edit({RATE: 0.02})
    at = standing_at(session, 40)
    forked(at, {RATE: 0.05, "seed": 9})
    assert at.edits.rates == ((20, 0.02),) and at.base_learning_rate == 0.02 and at.repeatable


def test_edits_of_a_future_that_is_not_gone_on_with_are_left_behind(
    session: Session, registry: Registry
) -> None:
    session.go_to(20)
    session.edit({RATE: 0.02})
    session.go_to(50)
    session.edit({RATE: 0.5})
    session.go_to(60)
    fork = opened(forked(standing_at(session, 40), {}), registry)
    fork.go_to(60)
    assert fork.frame().base_learning_rate == 0.02


def test_an_edit_at_the_very_step_is_replaced(session: Session, registry: Registry) -> None:
    session.go_to(20)
    session.edit({RATE: 0.02})
    spec, checkpoint = forked(session.checkpoint(), {RATE: 0.03})
    assert checkpoint is not None and checkpoint.edits.rates == ((20, 0.03),)
    assert opened((spec, checkpoint), registry).frame().base_learning_rate == 0.03


def test_another_engine_takes_over_at_the_fork(session: Session, registry: Registry) -> None:
    fork = opened(forked(standing_at(session, 10), {"engine": "scalar"}), registry)
    assert fork.frame().engine == "scalar"
    fork.go_to(5)
    session.go_to(5)
    assert fork.frame().engine == "vector" and weights(fork) == weights(session)


def test_from_step_0_everything_may_change_and_the_run_begins_anew(
    session: Session, registry: Registry
) -> None:
    session.edit({RATE: 0.02})
    spec, checkpoint = forked(session.checkpoint(), {"model.n_layer": 2, "tokenizer.name": "byte"})
    assert checkpoint is None
    fork = opened((spec, None), registry)
    assert (fork.spec.model.n_layer, fork.spec.tokenizer.name) == (2, "byte")
    assert fork.spec.optimizer.learning_rate == 0.02, "what was set by hand goes with it"


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("model.n_layer", 2, "only from step 0: the weights are those of a model"),
        ("tokenizer", {"name": "byte"}, "only from step 0: the weights know the tokens"),
        ("dataset.options.path", "other.txt", "only from step 0: the record up to here"),
        ("holdout", 0.2, "only from step 0: what was trained on"),
        ("nonsense", 1, "only from step 0"),
        (RATE, -1.0, "must be 0 or more"),
        ("steps", 39, "must be 40 or more: so many are done already"),
    ],
)
def test_a_setting_that_may_not_change_is_refused_in_words(
    session: Session, field: str, value: Any, reason: str
) -> None:
    at = standing_at(session, 40)
    with pytest.raises(LabError) as caught:
        forked(at, {field: value, "seed": 1})
    assert list(caught.value.failure.problems) == [field]
    assert caught.value.failure.problems[field].startswith(reason)


def test_only_fields_that_may_not_change_later_have_a_reason() -> None:
    assert why_only_from_start("model.n_embd", 312)
    assert not why_only_from_start("model.n_embd", 0)
    assert not why_only_from_start("optimizer.beta2", 312)


def test_settings_that_differ_are_told_with_the_options_of_plugins_and_live_edits(
    session: Session, words: Path
) -> None:
    session.go_to(20)
    session.edit({RATE: 0.02})
    left = in_force(session.spec.to_json(), session.checkpoint())
    other = text_run(words, seed=8).replace({"dataset.options.split": "paragraphs"})
    right = in_force(other.to_json(), None)
    assert differences(left, right) == (
        Setting("dataset.options.split", None, "paragraphs"),
        Setting(RATE, 0.02, 0.01),
        Setting("seed", 7, 8),
    )
    assert differences(left, left) == ()


# ---------------------------------------------------------------- with operations

CUT = Operation(Component("head", 0, 1))
SET = Operation(Component("position", index=2), (0.5,))


@pytest.mark.parametrize("step", [0, 40])
def test_a_fork_with_operations_is_as_if_they_had_been_done_there(
    session: Session, registry: Registry, step: int
) -> None:
    fork = opened(forked(standing_at(session, step), {}, [SET], [CUT]), registry)
    assert weights(fork) != weights(session)
    session.surgeon.operate([SET])
    session.surgeon.hold([CUT])
    assert weights(fork) == weights(session)
    for one in (fork, session):
        one.go_to(step + 30)
        one.go_to(step + 10)
    assert weights(fork) == weights(session) and losses(fork) == losses(session)
    again = opened(forked(session.checkpoint(), {}, held=[]), registry)
    assert again.frame().held == "" and session.frame().held == "head 1 of layer 0"
    assert weights(again) == weights(session), "what is released stays as it is"


def test_a_fork_at_the_start_keeps_what_was_done_there_but_for_no_other_model(
    session: Session, registry: Registry
) -> None:
    session.surgeon.operate([SET])
    checkpoint = session.checkpoint()
    fork = opened(forked(checkpoint, {"seed": 8}), registry)
    assert fork.frame().by_hand == ("position 2 set to 0.5",)
    with pytest.raises(LabError, match="belongs to the model as it is"):
        forked(checkpoint, {"model.n_embd": 16})
    with pytest.raises(LabError, match="there is no head 9"):
        opened(forked(checkpoint, {}, [Operation(Component("head", 0, 9))]), registry)
