"""Contracts that plugins are held to: run them on your own plugin, with pytest or without.

A contract is a list of `Check`s. A check has a short name, a description (the promise, in one
sentence) and no arguments: call it, and it returns, or raises a `ContractError` that says what
was promised, what came instead, and what to do. In the tests of a plugin:

    # tests/test_contract.py
    import microgpt_play_numpy
    from playground.testing import contract_tests

    test_contract = contract_tests(microgpt_play_numpy)

pytest then shows one test for every check of every contribution:

    test_contract[numpy-losses-and-gradients] PASSED
    test_contract[numpy-adam] FAILED
      ContractError: Promised: the update is Adam's ... Found: ... To do: ...

Without pytest, for all that a module contributes or for a single engine:

    from playground.testing import checks_of, engine_checks, run_checks

    for finding in run_checks(checks_of(microgpt_play_numpy), budget=60):
        print(finding.outcome, finding.check, finding.message)

    for check in engine_checks(NumpyEngine):
        check()

`check_moves({"numpy": NumpyEngine, "c": CEngine})` holds engines to each other: a run moved from
any one to any other goes on as if nothing had happened.

The kit draws random numbers from fixed seeds of its own, so every run checks the same. It needs
nothing but the playground itself: only `contract_tests` imports pytest. There is a contract for
every kind of contribution: engines, tokenizers, data sets, strategies, schedules, metrics, panels,
exporters, lessons, writers. `contribution_checks` gives the contract of a single contribution,
`smoke_checks` the quick part of that contract.
"""

from playground.testing.collecting import (
    checks_of,
    contract_tests,
    contribution_checks,
    smoke_checks,
)
from playground.testing.contract import Check, ContractError, Finding, Outcome, run_checks
from playground.testing.engines import check_moves, engine_checks, move_checks

__all__ = [
    "Check",
    "ContractError",
    "Finding",
    "Outcome",
    "check_moves",
    "checks_of",
    "contract_tests",
    "contribution_checks",
    "engine_checks",
    "move_checks",
    "run_checks",
    "smoke_checks",
]
