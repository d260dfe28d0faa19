"""The built-in engines keep the contract, alone and with each other."""

from __future__ import annotations

import pytest

from microgpt import ScalarEngine, VectorEngine
from playground.hooks.builtins import engines as builtin
from playground.testing import (
    ContractError,
    check_moves,
    contract_tests,
    engine_checks,
    move_checks,
    run_checks,
)
from playground.testing.engines.cases import EDGES, SCALAR_WORK, VECTOR_WORK, WIDE, WIDEST, cases
from tests.testing.wrong_engines import (
    CutsTheKeys,
    DoublesAMatrix,
    LosesASign,
    MeanOverDocuments,
    OwnAdam,
    RoundsToFloat32,
    TransposesWhatItKeeps,
)

test_contract = contract_tests(builtin)


def test_a_run_moves_between_any_two_engines():
    check_moves({"vector": VectorEngine, "scalar": ScalarEngine, "own-adam": OwnAdam})


def test_there_is_a_move_for_every_ordered_pair():
    checks = move_checks({"a": VectorEngine, "b": VectorEngine, "c": VectorEngine})
    assert [str(check) for check in checks] == [
        "a-moved-to-b",
        "a-moved-to-c",
        "b-moved-to-a",
        "b-moved-to-c",
        "c-moved-to-a",
        "c-moved-to-b",
    ]


@pytest.mark.parametrize("wrong", [TransposesWhatItKeeps, LosesASign])
def test_a_move_that_loses_something_is_noticed(wrong):
    with pytest.raises(ContractError, match="the losses after the move, number"):
        check_moves({"vector": VectorEngine, "wrong": wrong})


def test_an_engine_in_float32_is_held_to_its_own_tolerance():
    findings = run_checks(engine_checks(RoundsToFloat32, precision="float32"))
    assert not [finding for finding in findings if finding.outcome == "failed"]
    check_moves({"vector": VectorEngine, "rounds": RoundsToFloat32}, {"rounds": "float32"})


def test_an_engine_in_float32_that_does_not_say_so_is_told_from_the_first_weights_on():
    with pytest.raises(ContractError, match="the weights, number 0"):
        engine_checks(RoundsToFloat32)[1]()


@pytest.mark.parametrize("wrong", [DoublesAMatrix, CutsTheKeys, MeanOverDocuments])
def test_a_wrong_gradient_is_no_question_of_precision(wrong):
    findings = run_checks(engine_checks(wrong, small=True, precision="float32"))
    failed = {finding.check.name for finding in findings if finding.outcome == "failed"}
    assert {"losses-and-gradients", "mean-over-all-tokens", "batches-of-any-size"} & failed
    assert "losses-and-gradients" in failed


def test_random_models_reach_the_ends_of_every_range():
    small = [*EDGES, *cases(2017, 20, SCALAR_WORK)]
    every = [*small, WIDE, WIDEST, *cases(1706, 8, VECTOR_WORK)]
    assert all(case.work <= SCALAR_WORK for case in small)
    configs = [case.config for case in every]
    assert {config.n_layer for config in configs} == {1, 2, 3}
    assert {config.n_head for config in configs} == set(range(1, 9))
    assert {config.head_dim for config in configs} == set(range(1, 9))
    assert {1, 16} <= {config.block_size for config in configs} <= set(range(1, 17))
    assert {1, 40} <= {config.vocab_size for config in configs} <= set(range(1, 41))
    assert {len(case.batch) for case in every} == {1, 2, 3, 4}
    seen = {
        (len(document) > case.config.block_size + 1) - (len(document) <= case.config.block_size)
        for case in small
        for document in case.batch
    }
    assert seen == {-1, 0, 1}  # shorter than the block, just as long, longer


def test_every_run_draws_the_same_models():
    first = cases(7, 5, SCALAR_WORK)
    cases.cache_clear()
    assert cases(7, 5, SCALAR_WORK) == first
    assert cases(8, 5, SCALAR_WORK) != first
