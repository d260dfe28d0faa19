"""From a plugin to the checks of all that it contributes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from types import FunctionType, ModuleType
from typing import Any, cast

from playground.api import PROJECT_NAME, Contribution
from playground.catalog import HOOKS, Kind
from playground.testing.contract import Check, ContractError
from playground.testing.datasets import CLAUSES as DATASETS
from playground.testing.engines import engine_checks
from playground.testing.exporters import CLAUSES as EXPORTERS
from playground.testing.lessons import CLAUSES as LESSONS
from playground.testing.looking import METRIC_CLAUSES, PANEL_CLAUSES, SCHEDULE_CLAUSES
from playground.testing.strategies import CLAUSES as STRATEGIES
from playground.testing.subject import Subject, checks
from playground.testing.tokenizers import CLAUSES as TOKENIZERS
from playground.testing.writers import CLAUSES as WRITERS

_PREFIX = "microgpt_"
_MARK = f"{PROJECT_NAME}_impl"
"""The attribute that @hookimpl, which is pluggy's, sets on a function."""


def _engine(subject: Subject) -> tuple[Check, ...]:
    given = subject.contribution
    every = engine_checks(given.factory, subject.name, knows=given.knows, precision=given.precision)
    marked = tuple(replace(check, smoke=check.name in _SMOKE_OF_ENGINES) for check in every)
    return tuple(check for check in marked if check.smoke) if subject.smoke else marked


_SMOKE_OF_ENGINES = ("is-an-engine", "begins-with-the-weights-given", "one-token-documents")

_CONTRACTS: dict[Kind, Callable[[Subject], tuple[Check, ...]]] = {
    "engine": _engine,
    "tokenizer": partial(checks, TOKENIZERS),
    "dataset": partial(checks, DATASETS),
    "strategy": partial(checks, STRATEGIES),
    "schedule": partial(checks, SCHEDULE_CLAUSES),
    "metric": partial(checks, METRIC_CLAUSES),
    "panel": partial(checks, PANEL_CLAUSES),
    "exporter": partial(checks, EXPORTERS),
    "lesson": partial(checks, LESSONS),
    "writer": partial(checks, WRITERS),
}


def contribution_checks(
    kind: Kind, contribution: Contribution[Any], network: bool = False
) -> tuple[Check, ...]:
    """The checks of one contribution, of which nothing is made before a check is called.

    network: True if `prepare` of a data set may download, and if a writer may be asked over the
    network, which sends some short prompts to where its outlet says. Otherwise a data set that has
    to download must say so, and its documents are not checked; and a writer that has an outlet is
    asked for no text.
    """
    return _CONTRACTS[kind](Subject(contribution, network=network))


def smoke_checks(kind: Kind, contribution: Contribution[Any]) -> tuple[Check, ...]:
    """The quick checks of the contract, on smaller inputs and without network, to be run whenever
    the plugin's file is saved."""
    return _CONTRACTS[kind](Subject(contribution, smoke=True))


def checks_of(
    source: ModuleType | Iterable[Contribution[Any]], kind: Kind = "engine", network: bool = False
) -> tuple[Check, ...]:
    """The checks of everything that a plugin contributes.

    source: a plugin's module (hooks are found by @hookimpl, or by a name that begins with
    "microgpt_"), or contributions of one `kind`. network: as for contribution_checks. The hooks
    are called here; if one raises, the first check, which is about the module itself, fails.
    """
    if isinstance(source, ModuleType):
        return _module_checks(source, network)
    contributions = cast("Iterable[Contribution[Any]]", source)  # mypy narrows no ModuleType away
    return tuple(
        check for item in contributions for check in contribution_checks(kind, item, network)
    )


def _module_checks(module: ModuleType, network: bool) -> tuple[Check, ...]:
    """The check that the module declares its contributions, then the checks of each of them."""
    mistakes: list[ContractError] = []
    contracts: list[Check] = []
    found = False
    for hook, function, marked in _hooks(module):
        found = True
        if hook not in HOOKS:
            mistakes.append(_mistake(f"{hook} is none", "rename it to one of " + ", ".join(HOOKS)))
            continue
        if not marked:
            mistakes.append(
                _mistake(
                    f"{hook} is not marked, so the playground passes it over",
                    "put @hookimpl above it (from playground.api import hookimpl)",
                )
            )
        for item in _contributions(hook, function, mistakes):
            contracts += contribution_checks(HOOKS[hook], item, network)
    if not found:
        mistakes.append(_mistake("there is none", "write one of " + ", ".join(HOOKS)))

    def declared() -> None:
        if mistakes:
            raise mistakes[0]

    name = module.__name__.rpartition(".")[2]
    return (Check("hooks", _HOOKS_PROMISE, declared, name), *contracts)


_HOOKS_PROMISE = "the module declares what it contributes in hook functions, marked with @hookimpl"


def _mistake(found: str, advice: str) -> ContractError:
    return ContractError(found, advice, _HOOKS_PROMISE)


def _hooks(module: ModuleType) -> Iterator[tuple[str, Callable[[], object], bool]]:
    """(hook, function, True if marked) of each hook function, in the order of the source."""
    for name, value in vars(module).items():
        mark = getattr(value, _MARK, None)
        if isinstance(mark, dict):
            yield mark.get("specname") or name, value, True
        elif (
            name.startswith(_PREFIX)
            and isinstance(value, FunctionType)
            and value.__module__ == module.__name__
        ):
            yield name, value, False


def _contributions(
    hook: str, function: Callable[[], Any], mistakes: list[ContractError]
) -> Iterator[Contribution[Any]]:
    """The contributions of one hook; an error is added to `mistakes` instead of raised."""
    advice = "yield Contributions, or return a list of them"
    try:
        for item in function():
            if isinstance(item, Contribution):
                yield item
            else:
                mistakes.append(_mistake(f"{hook} gave a {type(item).__name__}", advice))
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        mistake = _mistake(f"{hook} raised {type(error).__name__}: {error}", advice)
        mistake.__cause__ = error
        mistakes.append(mistake)


def contract_tests(
    source: ModuleType | Iterable[Contribution[Any]], kind: Kind = "engine", network: bool = False
) -> Callable[[Check], None]:
    """A pytest test function, parametrized: every contribution of `source` x every check.

    Assign it to a name that pytest collects: `test_contract = contract_tests(my_plugin)`.
    A check that does not apply (`train` of an engine that has none) is a skipped test that says
    why. Arguments as for `checks_of`. Needs pytest.
    """
    import pytest

    every = checks_of(source, kind, network)

    @pytest.mark.parametrize("check", every, ids=[str(check) for check in every])
    def test_contract(check: Check) -> None:
        reason = check()
        if reason:
            pytest.skip(reason)

    return test_contract
