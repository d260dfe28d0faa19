"""The contracts of schedules, which steer a run, and of metrics and panels, which look at it."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from playground.testing.contract import ContractError, said
from playground.testing.made_up import panel_facts, sample_facts, step_facts
from playground.testing.subject import Clause, Subject, clause, made_with_every_setting, manners
from playground.testing.watching import global_random_at

# ---------------------------------------------------------------- schedules

RUNS = (1, 2, 1000, 10_000_000)
FACTOR = 20e-6
"""Seconds that one call of `factor` may take."""


def _places(steps: int) -> list[int]:
    """The steps of a run that are tried: its ends, and some between."""
    between = (1, 2, steps // 10, steps // 4, steps // 2, steps - 2, steps - 1)
    return sorted({0, *(step for step in between if 0 <= step < steps)})


def _factors(schedule: Any) -> list[Any]:
    return [schedule.factor(step, steps) for steps in RUNS for step in _places(steps)]


@clause(
    "factors-are-numbers",
    "at every step of a run of any length, the factor is finite, and 0 or more",
    essential=True,
    smoke=True,
)
def factors_are_numbers(subject: Subject) -> None:
    """Tries runs of 1, 2, 1,000 and 10,000,000 steps with every setting."""
    for setting in subject.settings:
        schedule = subject.make(setting)
        for steps in RUNS:
            for step in _places(steps):
                where = f"at step {step} of {steps} ({setting.words})"
                advice = "steps count from 0; a run may have a single one"
                try:
                    factor = schedule.factor(step, steps)
                except Exception as error:
                    raise ContractError(f"{said(error)} {where}", advice) from error
                if not _is_number(factor) or not math.isfinite(factor) or factor < 0:
                    raise ContractError(f"the factor {factor!r} {where}", advice)


@clause(
    "factors-depend-on-the-step-only",
    "the same step of the same run has the same factor, whenever it is asked",
    smoke=True,
)
def factors_depend_on_the_step_only(subject: Subject) -> None:
    """Asks again, backwards, of a fresh object, and with other random numbers."""
    advice = "compute it from step and steps: a run is replayed, resumed and forked"
    for setting in subject.settings:
        schedule = subject.make(setting)
        expected = _factors(schedule)
        for seed in (1, 2):
            with global_random_at(seed):
                given = _factors(schedule)
            if given != expected:
                raise ContractError(f"other factors the second time ({setting.words})", advice)
        questions = [(step, steps) for steps in RUNS for step in _places(steps)]
        backwards = [schedule.factor(*question) for question in reversed(questions)]
        if backwards[::-1] != expected:
            raise ContractError(f"other factors in another order ({setting.words})", advice)
        if _factors(subject.make(setting)) != expected:
            raise ContractError(f"other factors from a fresh object ({setting.words})", advice)


@clause("factor-is-quick", f"factor takes less than {FACTOR * 1e6:g} microseconds")
def factor_is_quick(subject: Subject) -> None:
    """Takes the average of 200 calls, the best of three attempts."""
    for setting in subject.settings[:10]:
        schedule = subject.make(setting)

        def call(schedule: Any = schedule) -> None:
            for step in range(0, 1000, 5):
                schedule.factor(step, 1000)

        seconds = _best(call, 200 * FACTOR) / 200
        if seconds > FACTOR:
            raise ContractError(
                f"{seconds * 1e6:.0f} microseconds ({setting.words})",
                "compute once, in __init__, what does not change",
            )


def _use_schedule(subject: Subject) -> None:
    for setting in subject.settings:
        _factors(subject.make(setting))


SCHEDULE_CLAUSES: tuple[Clause, ...] = (
    made_with_every_setting("a schedule", ("factor",)),
    factors_are_numbers,
    factors_depend_on_the_step_only,
    *manners(_use_schedule, "a schedule knows no chance"),
    factor_is_quick,
)

# ---------------------------------------------------------------- metrics


def _measured(subject: Subject) -> Iterator[tuple[str, Callable[[Any], Any], Any]]:
    """(words, method of a fresh metric, facts)."""
    for setting in subject.settings:
        metric = subject.make(setting)
        of_step = getattr(metric, "of_step", None)
        facts: dict[str, Any] = {**step_facts()} if of_step else {**sample_facts()}
        for words, item in facts.items():
            yield f"{words}; {setting.words}", of_step or metric.of_samples, item


@clause(
    "a-number-or-none",
    "a metric gives a number, or None where there is none",
    smoke=True,
)
def a_number_or_none(subject: Subject) -> None:
    """Gives ordinary facts and odd ones: no samples, one token, losses that are inf or NaN."""
    for words, measure, facts in _measured(subject):
        try:
            value = measure(facts)
        except Exception as error:
            raise ContractError(
                f"{said(error)} ({words})",
                "return None where there is no number; losses may be inf or NaN, samples none",
            ) from error
        if value is not None and not _is_number(value):
            raise ContractError(f"{value!r} ({words})", "return a float, an int, or None")


@clause("facts-stay-as-they-are", "facts that are given are not changed", smoke=True)
def facts_stay_as_they_are(subject: Subject) -> None:
    """Compares the facts with a copy, since their lists can be changed."""
    for words, measure, facts in _measured(subject):
        _unchanged(words, facts, lambda measure=measure, facts=facts: measure(facts))  # type: ignore[misc]


def _use_metric(subject: Subject) -> None:
    for _, measure, facts in _measured(subject):
        measure(facts)


METRIC_CLAUSES: tuple[Clause, ...] = (
    made_with_every_setting("a metric", (), ("of_step", "of_samples")),
    a_number_or_none,
    facts_stay_as_they_are,
    *manners(_use_metric, "use a random.Random(seed) of your own"),
)

# ---------------------------------------------------------------- panels

SIZES = ((80, 24), (1, 1), (20, 5), (200, 60))
RENDER = 0.010
"""Seconds that a picture of 80x24 may take."""


def _pictures(subject: Subject) -> Iterator[tuple[str, Any, Any, int, int]]:
    """(words, panel, facts, width, height): every moment with the defaults, then every other
    setting in mid-run."""
    moments = panel_facts()
    for number, setting in enumerate(subject.settings):
        panel = subject.make(setting)
        for moment, facts in moments.items():
            if number and moment != "in mid-run":
                continue
            for width, height in SIZES[: 2 if subject.smoke else None]:
                yield f"{moment}, {width}x{height}, {setting.words}", panel, facts, width, height


@clause(
    "lines-that-fit",
    "render gives texts without line breaks, at most `height` of them",
    smoke=True,
)
def lines_that_fit(subject: Subject) -> None:
    """Draws in 1x1 to 200x60 cells, and from before the first step on."""
    for words, panel, facts, width, height in _pictures(subject):
        try:
            lines = panel.render(facts, width, height)
        except Exception as error:
            raise ContractError(
                f"{said(error)} ({words})",
                "before the first step there are no losses and no document, and a panel may be"
                " one cell large",
            ) from error
        if isinstance(lines, (str, bytes)) or not isinstance(lines, Sequence):
            raise ContractError(f"a {type(lines).__name__} ({words})", "return a list of lines")
        for line in lines:
            if not isinstance(line, str):
                raise ContractError(f"a line that is {line!r} ({words})", "return a list of str")
            if len(line.splitlines()) > 1 or line.endswith(("\n", "\r")):
                raise ContractError(f"a line break in {line!r} ({words})", "one line each")
        if len(lines) > height:
            raise ContractError(
                f"{len(lines)} lines for a height of {height} ({words})", "return lines[:height]"
            )


@clause("facts-stay-as-they-are", "facts that are given are not changed", smoke=True)
def panel_facts_stay(subject: Subject) -> None:
    """Compares the facts with a copy, since their lists can be changed."""
    for words, panel, facts, width, height in _pictures(subject):

        def call(p: Any = panel, f: Any = facts, w: int = width, h: int = height) -> object:
            return p.render(f, w, h)

        _unchanged(words, facts, call)


@clause("render-is-quick", f"a picture of 80x24 takes less than {RENDER * 1000:g} ms")
def render_is_quick(subject: Subject) -> None:
    """Draws in mid-run, with 1,000 losses, and takes the best of three attempts."""
    facts = panel_facts()["in mid-run"]
    for setting in subject.settings[:10]:
        panel = subject.make(setting)

        def call(panel: Any = panel) -> None:
            panel.render(facts, 80, 24)

        seconds = _best(call, RENDER)
        if seconds > RENDER:
            raise ContractError(
                f"{seconds * 1000:.0f} ms ({setting.words})",
                "it runs beside the training: read the weights only if they are shown",
            )


def _use_panel(subject: Subject) -> None:
    for _, panel, facts, width, height in _pictures(subject):
        panel.render(facts, width, height)


PANEL_CLAUSES: tuple[Clause, ...] = (
    made_with_every_setting("a panel", ("render",)),
    lines_that_fit,
    panel_facts_stay,
    *manners(_use_panel, "use a random.Random(seed) of your own"),
    render_is_quick,
)

# ---------------------------------------------------------------- what they share


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _unchanged(words: str, facts: Any, call: Callable[[], object]) -> None:
    """Raise ContractError if `call` changes the facts. They are compared as text, in which NaN
    equals NaN."""
    before = repr(copy.deepcopy(facts))
    with suppress(Exception):  # another check tells of exceptions
        call()
    if repr(facts) != before:
        raise ContractError(f"the facts have changed ({words})", "work on a copy: list(...)")


def _best(call: Callable[[], object], enough: float) -> float:
    """Seconds of the quickest of three calls, or of the first that takes at most `enough`."""
    best = math.inf
    for _ in range(3):
        began = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - began)
        if best <= enough:
            break
    return best
