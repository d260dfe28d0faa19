"""Operations tried on a run: the difference is the true one, and nothing of the run is changed."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgpt.engine import STATE_KINDS
from microgpt.surgery import Operation, component_of, components, operate, operation_of
from playground.hooks.registry import Registry
from playground.lab.inside.surgery import difference, finished
from playground.lab.session import Session
from playground.lab.spec import RunSpec

SPEC = {
    "model": {"n_embd": 8, "n_head": 2, "n_layer": 2, "block_size": 6},
    "steps": 60,
    "holdout": 0.003,  # less than a hundred texts, which are measured in a moment
}


def bits(session: Session) -> list[bytes]:
    return [session.training.engine.read(kind).tobytes() for kind in STATE_KINDS]


@pytest.fixture(params=["vector", "scalar"])
def trained(request: pytest.FixtureRequest, registry: Registry) -> Session:
    session = Session.open(RunSpec.parse({**SPEC, "engine": request.param}), registry)
    steps = 20 if request.param == "vector" else 2
    while session.step < steps:
        assert session.advance(steps - session.step)
    return session


def test_a_trial_is_the_engine_on_cut_weights_and_leaves_the_run_as_it_was(
    trained: Session,
) -> None:
    config, before = trained.training.engine.config, bits(trained)
    trials = trained.surgeon.trials()
    assert trials is not None
    cut = operation_of("head:1.0", config)
    found = trials.difference([cut])
    assert bits(trained) == before
    # By hand, on an engine of its own.
    twin = type(trained.training.engine)(
        config, trained.spec.optimizer.config(), trained.training.engine.read("weights")
    )
    texts = trained.training.measured_on[:5]
    whole = twin.losses(texts)
    twin.write("weights", operate(config, twin.read("weights"), [cut]))
    by_hand = difference(whole, twin.losses(texts))
    few = type(trials)(trained.training.current, config, texts)
    assert few.difference([cut]).delta == pytest.approx(by_hand.delta, abs=1e-12)
    assert found.documents == len(trained.training.measured_on) > 5
    assert found.after - found.before == pytest.approx(found.delta, abs=1e-12)
    assert found.delta != 0


def test_a_run_goes_on_after_trials_as_without_them(registry: Registry) -> None:
    alone, tried = (Session.open(RunSpec.parse(SPEC), registry) for _ in range(2))
    for session in (alone, tried):
        session.advance(10)
    trials = tried.surgeon.trials()
    assert trials is not None
    trials.difference([Operation(component_of("matrix:wte", alone.training.engine.config))])
    for session in (alone, tried):
        session.advance(10)
    assert bits(alone) == bits(tried)


def test_all_parts_are_ranked_in_turn_and_ending_early_puts_the_weights_back(
    registry: Registry,
) -> None:
    session = Session.open(RunSpec.parse(SPEC), registry)
    trials, before = session.surgeon.trials(), bits(session)
    assert trials is not None
    every = list(components(session.training.engine.config))
    told: list[tuple[int, int]] = []
    ranked = finished(trials.ranking(every[:6]), lambda done, total: told.append((done, total)))
    found = dict(ranked)
    assert set(found) == set(every[:6])
    deltas = [one.delta for _, one in ranked]
    assert deltas == sorted(deltas, reverse=True)
    assert list(dict.fromkeys(told)) == [(done, 6) for done in range(6)]
    assert found[every[3]] == trials.difference([Operation(every[3])])

    def stop(done: int, _: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finished(trials.ranking(every), stop)
    assert bits(session) == before


def test_without_held_out_texts_there_is_nothing_to_try_on(registry: Registry) -> None:
    assert Session.open(RunSpec.parse({**SPEC, "holdout": 0}), registry).surgeon.trials() is None


losses = st.lists(st.floats(0, 20), min_size=1, max_size=6)


@given(st.lists(losses, min_size=2, max_size=8), st.data())
def test_the_error_of_a_difference_is_that_of_the_paired_texts(
    before: list[list[float]], data: st.DataObject
) -> None:
    after = [
        data.draw(st.lists(st.floats(0, 20), min_size=len(one), max_size=len(one)))
        for one in before
    ]
    found = difference(before, after)
    sums = [sum(b) - sum(a) for a, b in zip(before, after, strict=True)]
    tokens, count = sum(map(len, before)), len(before)
    delta = sum(sums) / tokens
    assert found.delta == pytest.approx(delta, abs=1e-9)
    # The variance of a ratio of two sums over texts (Cochran 1977, "Sampling Techniques", 6.4).
    mean_length = tokens / count
    rest = [s - delta * len(one) for s, one in zip(sums, before, strict=True)]
    variance = sum(r * r for r in rest) / (count - 1) / count / mean_length**2
    assert found.error == pytest.approx(math.sqrt(variance), abs=1e-9)
    assert found.within_noise == (abs(found.delta) < 2 * (found.error or 0))
    assert (found.documents, found.tokens) == (count, tokens)


def test_one_text_gives_no_error_and_no_change_is_not_called_noise() -> None:
    assert difference([[1.0, 2.0]], [[2.0, 2.0]]).error is None
    same = difference([[1.0], [2.0]], [[1.0], [2.0]])
    assert (same.delta, same.error, same.within_noise) == (0.0, 0.0, False)
