"""A search: Optuna suggests which settings a sweep tries next, from the losses so far.

Settings are asked for in rounds of ROUND, whatever the number of workers, and a round begins when
the one before it has ended. What a round suggests depends on three things: the settings of earlier
rounds with their losses, the plan's first seed, and the number of the round. All three are in the
store, so that a search that is killed and resumed goes the same way, and no number depends on the
order in which runs come back. With another version of Optuna or NumPy it may go another way.
"""

from __future__ import annotations

import hashlib
import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from playground.hooks.gallery import install
from playground.lab.protocol.failures import Failure, LabError
from playground.lab.spec import RunSpec, SpecError
from playground.lab.store.store import Store
from playground.lab.store.sweeps import SweptRun, change_plan, runs_of
from playground.lab.sweep.plan import Axis, Plan, Search, Setting, Values, in_words
from playground.lab.sweep.table import final_loss, held_out
from playground.words import many

ROUND = 4
"""Settings that are asked for at once."""
FIRST = 10
"""Settings that are drawn at random before losses count, as is usual with Optuna."""
ASKS = 100
"""Suggestions in a round, at most; those that cannot be or are not new are not trained."""
EXTRA = "microgpt-play[search]"
"""The distribution that brings Optuna."""


def check_optuna() -> None:
    """Raise LabError if Optuna cannot be imported."""
    try:
        import optuna
    except ImportError as error:
        lacks = "Optuna" if error.name == "optuna" else f"Optuna with its module {error.name}"
        raise LabError(
            Failure(
                "There is nothing to search with",
                f"--trials needs {lacks}, which is not installed; to add it: {install(EXTRA)}",
            )
        ) from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # its news would land among the results


def next_round(store: Store, sweep: int, plan: Plan, tell: Callable[[str], None]) -> Plan:
    """The plan with the settings of one more round, which the store then has as well; the plan as
    it was if the search has ended. All runs of earlier rounds are recorded, or could not be made.

    tell: called with a sentence about suggestions that cannot be. Raises LabError if Optuna is
    not installed, or if no setting can be; StoreError.
    """
    search = plan.search
    if search is None or not plan.grows:
        return plan
    settings, refused = suggestions(plan, search, runs_of(store, sweep))
    if refused:
        values, why = refused[0]
        are = "is" if len(refused) == 1 else "are"
        first = "" if len(refused) == 1 else " the first:"
        tell(
            f"{many(len(refused), 'suggestion')} cannot be and {are} not trained;{first} "
            f"{in_words(values)}: {why}."
        )
    if not settings and not plan.settings:
        raise LabError(
            Failure(
                "The search found no setting that can be",
                f"{many(len(refused), 'suggestion')} in a row were refused. Vary the settings "
                "within limits that go together.",
            )
        )
    if not settings:
        tell(
            f"The search ends with {many(len(plan.settings), 'setting')}, because nothing new was "
            "suggested."
        )
    found = replace(
        plan,
        settings=(*plan.settings, *settings),
        search=replace(
            search,
            rounds=search.rounds + 1,
            refused=(*search.refused, *(values for values, _ in refused)),
            over=not settings,
        ),
    )
    change_plan(store, sweep, found.to_json())
    return found


def suggestions(
    plan: Plan, search: Search, runs: Sequence[SweptRun]
) -> tuple[list[Setting], list[tuple[Values, str]]]:
    """The settings of the next round, none of them an earlier one, and what was suggested but
    cannot be, each with the reason. runs: those of earlier rounds. Raises LabError if Optuna is not
    installed."""
    study = _study(plan, search, runs)
    spaces = {axis.name: _space(axis) for axis in search.axes}
    wanted = min(ROUND, search.trials - len(plan.settings))
    known = {setting.values for setting in plan.settings} | set(search.refused)
    settings: list[Setting] = []
    refused: list[tuple[Values, str]] = []
    for _ in range(ASKS):
        if len(settings) == wanted:
            break
        # A suggestion that is not told stays at work for the study, which keeps away from there.
        trial = study.ask(spaces)
        values = tuple((axis.name, _text(axis, trial.params[axis.name])) for axis in search.axes)
        if values in known:
            continue
        known.add(values)
        try:
            settings.append(Setting(values, spec_at(search, values).to_json()))
        except SpecError as error:
            why = "; ".join(f"{_last(field)} {text}" for field, text in error.problems.items())
            refused.append((values, why))
    return settings, refused


def spec_at(search: Search, values: Values) -> RunSpec:
    """The RunSpec with these values, with the seed of `base`. Raises SpecError if they do not go
    together."""
    fields: dict[str, Any] = {}
    for axis, (_, text) in zip(search.axes, values, strict=True):
        if axis.between is None:
            fields |= json.loads(dict(axis.choices)[text])
        else:
            fields[axis.field] = _number(axis, text)
    return RunSpec.parse(search.base).replace(fields)


def _study(plan: Plan, search: Search, runs: Sequence[SweptRun]) -> Any:
    """Optuna's study with all that is known: a setting has the mean of its losses; one with a run
    that failed, or was refused, counts as worse than any other. Raises LabError."""
    check_optuna()
    import optuna

    heldout = held_out(runs)
    losses: dict[int, list[float]] = {}
    for run in runs:
        loss = final_loss(run, heldout)
        if loss is not None:
            losses.setdefault(run.setting, []).append(loss)
    text = f"{plan.seeds[0]} {search.rounds}"
    # What is refused is no experience of losses, by which the settings drawn at random are counted.
    sampler = optuna.samplers.TPESampler(
        seed=int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big"),
        n_startup_trials=FIRST + len(search.refused),
    )
    study = optuna.create_study(sampler=sampler)
    spaces = {axis.name: _space(axis) for axis in search.axes}
    tried = [(setting.values, losses.get(n, [])) for n, setting in enumerate(plan.settings)]
    for values, some in [*tried, *((values, []) for values in search.refused)]:
        whole = len(some) == len(plan.seeds)
        states = optuna.trial.TrialState
        study.add_trial(
            optuna.trial.create_trial(
                state=states.COMPLETE if whole else states.PRUNED,
                value=statistics.fmean(some) if whole else None,
                params={
                    axis.name: text if axis.between is None else _number(axis, text)
                    for axis, (_, text) in zip(search.axes, values, strict=True)
                },
                distributions=spaces,
            )
        )
    return study


def _space(axis: Axis) -> Any:
    """Optuna's distribution of a setting."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    between = axis.between
    if between is None:
        return CategoricalDistribution(tuple(text for text, _ in axis.choices))
    if between.whole:
        return IntDistribution(int(between.low), int(between.high), log=between.log)
    return FloatDistribution(between.low, between.high, log=between.log)


def _last(field: str) -> str:
    """The name at the end of a dotted field."""
    return field.rpartition(".")[2]


def _text(axis: Axis, value: Any) -> str:
    return str(value) if axis.between is None else axis.between.text(value)


def _number(axis: Axis, text: str) -> float:
    """The value of a range that `Range.text` wrote."""
    return int(text) if axis.between is not None and axis.between.whole else float(text)
