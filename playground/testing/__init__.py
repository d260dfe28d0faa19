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

What is drawn at random is drawn from seeds of the kit's own, so every run checks the same. The
kit needs nothing beside the playground itself: pytest is imported inside `contract_tests` only.
There is a contract for every kind of contribution: engines, tokenizers, data sets, strategies,
schedules, metrics, panels, exporters. `contribution_checks` gives that of a single one;
`smoke_checks` the part that takes a moment only.
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
