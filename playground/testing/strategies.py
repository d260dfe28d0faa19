"""The contract of a sampling strategy: what `TransformStrategy` and `PickStrategy` promise."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from microgpt.sampling import softmax
from playground.testing.cases import Case, cases_of
from playground.testing.contract import ContractError, said
from playground.testing.subject import Clause, Setting, Subject, clause, made_with_every_setting
from playground.testing.subject import manners as manners_of
from playground.testing.watching import global_random_at

VOCABULARIES = (27, 1, 5000)
SETTINGS_OF_MANY = 10
"""The most settings that are tried on a vocabulary of more than 27 tokens."""
SECONDS = {27: 0.002, 5000: 0.05}
"""The most seconds of a call, on average over a few, by size of the vocabulary."""
NEUTRAL = 1e-9
"""The largest difference of two probabilities that count as the same."""


def _trials(subject: Subject) -> Iterator[tuple[Setting, Any, Case]]:
    """(setting, fresh strategy, case): all trials of a strategy, always in the same order."""
    for size in VOCABULARIES:
        if size > 27 and subject.smoke:
            return
        for number, setting in enumerate(subject.settings):
            if size > 27 and number >= SETTINGS_OF_MANY:
                break
            strategy = subject.make(setting)
            for case in cases_of(size, few=size != 27):
                yield setting, strategy, case


def _picks(subject: Subject) -> bool:
    return callable(getattr(subject.make(), "pick", None))


def _call(strategy: Any, case: Case, seed: int = 1) -> Any:
    """The result of the strategy's `pick`, or of its `transform`."""
    if callable(getattr(strategy, "pick", None)):
        return strategy.pick(tuple(softmax(case.logits)), case.context(seed))
    return list(strategy.transform(case.logits, case.context(seed)))


_NO_TRANSFORM = "it picks the token, and transforms nothing"
_NO_PICK = "it transforms logits, and picks nothing"


def _each_result(
    subject: Subject, judge: Callable[[Case, list[Any]], tuple[str, str] | None]
) -> str | None:
    """Judge the result of every trial; `judge` returns (found, advice) if the result breaks the
    promise. Raises ContractError for the first that does."""
    if _picks(subject):
        return _NO_TRANSFORM
    for setting, case, result in _results(subject):
        wrong = judge(case, result)
        if wrong is not None:
            raise ContractError(f"{wrong[0]} ({setting.words}; {case.words})", wrong[1])
    return None


def _results(subject: Subject) -> list[tuple[Setting, Case, Any]]:
    """The result of every trial, computed once for several checks.

    Calls that raise are left out: the check takes-any-logits tells of them.
    """
    if "results" not in subject.memo:
        results = []
        for setting, strategy, case in _trials(subject):
            with suppress(Exception):
                results.append((setting, case, _call(strategy, case)))
        subject.memo["results"] = results
    kept: list[tuple[Setting, Case, Any]] = subject.memo["results"]
    return kept


@clause(
    "takes-any-logits",
    "whatever the vocabulary, the logits, the text so far and the knobs, nothing is raised",
    essential=True,
    smoke=True,
)
def takes_any_logits(subject: Subject) -> None:
    """Calls both kinds of strategies."""
    for setting, strategy, case in _trials(subject):
        try:
            _call(strategy, case)
        except Exception as error:
            raise ContractError(
                f"{said(error)} ({setting.words}; {case.words})",
                "expect -inf among the logits, any text after BOS, any size of vocabulary; take"
                " the largest logit off before math.exp",
            ) from error


@clause("a-logit-for-each-token", "transform gives one number for each token", smoke=True)
def a_logit_for_each_token(subject: Subject) -> str | None:
    """Takes anything that converts to a float for a number, but no text and no bool."""

    def judge(case: Case, result: list[Any]) -> tuple[str, str] | None:
        if len(result) != len(case.logits):
            return (
                f"{len(result)} logits for {len(case.logits)} tokens",
                "rule tokens out by -inf, at their place",
            )
        for value in result:
            if type(value) is not float and (
                isinstance(value, (bool, str, bytes)) or not hasattr(value, "__float__")
            ):
                return f"a logit that is a {type(value).__name__}", "give floats"
        return None

    return _each_result(subject, judge)


@clause("logits-stay-numbers", "no logit becomes NaN or +inf", smoke=True)
def logits_stay_numbers(subject: Subject) -> str | None:
    """Allows -inf, which rules a token out."""

    def judge(_: Case, result: list[Any]) -> tuple[str, str] | None:
        for token, value in enumerate(result):
            if math.isnan(value) or value == math.inf:
                return (
                    f"the logit of token {token} is {value}",
                    "leave logits that are -inf as they are: inf - inf and 0 * inf are NaN",
                )
        return None

    return _each_result(subject, judge)


@clause("one-token-is-left", "at least one logit stays above -inf", smoke=True)
def one_token_is_left(subject: Subject) -> str | None:
    """Tries also logits of which nearly all are -inf."""

    def judge(_: Case, result: list[Any]) -> tuple[str, str] | None:
        if not any(value > -math.inf for value in result):
            return "every token is ruled out", "if none would be left, rule out none"
        return None

    return _each_result(subject, judge)


@clause("ruled-out-stays-ruled-out", "a logit that is -inf stays -inf", smoke=True)
def ruled_out_stays_ruled_out(subject: Subject) -> str | None:
    """An earlier strategy of the chain ruled these tokens out, and its decision stands."""

    def judge(case: Case, result: list[Any]) -> tuple[str, str] | None:
        for token, (before, after) in enumerate(zip(case.logits, result, strict=False)):
            if before == -math.inf and after > -math.inf:  # another check tells of NaN
                return f"the logit of token {token} was -inf and is {after!r}", "keep -inf as -inf"
        return None

    return _each_result(subject, judge)


@clause(
    "picks-a-possible-token",
    "pick gives the id of a token whose probability is above 0",
    smoke=True,
)
def picks_a_possible_token(subject: Subject) -> str | None:
    """Picks with several seeds."""
    if not _picks(subject):
        return _NO_PICK
    for setting, strategy, case in _trials(subject):
        probs = softmax(case.logits)
        for seed in range(3):
            token = _call(strategy, case, seed)
            where = f"({setting.words}; {case.words})"
            if isinstance(token, bool) or not hasattr(token, "__index__"):
                raise ContractError(f"a {type(token).__name__} {where}", "give the id, an int")
            if not 0 <= token < len(probs):
                raise ContractError(
                    f"token {token} of {len(probs)} {where}", "give an id below vocab_size"
                )
            if not probs[token] > 0:
                raise ContractError(
                    f"token {token}, whose probability is 0 {where}",
                    "choose among the tokens that are possible",
                )
    return None


@clause("arguments-stay-as-they-are", "logits that are given are not changed", smoke=True)
def arguments_stay_as_they_are(subject: Subject) -> None:
    """Gives the logits, or the probabilities, as a list, which can be changed."""
    for setting, strategy, case in _trials(subject):
        if len(case.logits) > 27:
            return
        pick = getattr(strategy, "pick", None)
        given = softmax(case.logits) if pick else list(case.logits)
        before = list(given)
        (pick or strategy.transform)(given, case.context())
        if given != before:
            raise ContractError(
                f"the list that was given has changed ({setting.words}; {case.words})",
                "make a new list",
            )


def _same(subject: Subject, mine: Callable[[Any, Case], Any], advice: str) -> None:
    """Raise ContractError if `mine` gives another result than a plain call of the strategy."""
    for setting, strategy, case in _trials(subject):
        if len(case.logits) > 27:
            return
        expected = _call(strategy, case)
        given = mine(strategy, case)
        if repr(given) != repr(expected):  # as text, so that NaN is like NaN
            raise ContractError(f"another result ({setting.words}; {case.words})", advice)


@clause(
    "same-seed-same-result",
    "the same object, called again with the same logits, context and seed, gives the same, and"
    " so does a fresh one",
    smoke=True,
)
def same_seed_same_result(subject: Subject) -> None:
    """A person who looks at probabilities has a strategy called between tokens, which must change
    nothing."""
    advice = "remember nothing between calls: context.tokens holds all that came before"
    _same(subject, _call, advice)
    others = (subject.make(setting) for setting, _, _ in _trials(subject))
    _same(subject, lambda _, case: _call(next(others), case), advice)


@clause(
    "randomness-from-the-context-only",
    "context.rng is the only source of randomness: the global one changes nothing",
)
def randomness_from_the_context_only(subject: Subject) -> None:
    """Seeds the global random stream differently."""

    def elsewhere(strategy: Any, case: Case) -> Any:
        with global_random_at(len(case.words)):
            return _call(strategy, case)

    _same(subject, elsewhere, "draw from context.rng")


@clause(
    "neutral-changes-nothing",
    "with every knob at its neutral value, all probabilities stay what they were",
    smoke=True,
)
def neutral_changes_nothing(subject: Subject) -> str | None:
    """Compares probabilities to 1e-9, over all logits and texts."""
    if _picks(subject):
        return _NO_TRANSFORM
    setting = subject.neutral
    if setting is None:
        return "no knobs, or a knob without a neutral value"
    strategy = subject.make(setting)
    for size in VOCABULARIES[: 2 if subject.smoke else 3]:
        for case in cases_of(size, few=size != 27):
            before, after = softmax(case.logits), softmax(_call(strategy, case))
            for token, (a, b) in enumerate(zip(before, after, strict=True)):
                if not abs(a - b) <= NEUTRAL:
                    raise ContractError(
                        f"token {token} had the probability {a:g} and has {b:g}"
                        f" ({setting.words}; {case.words})",
                        "return the logits as they are, or declare no neutral value",
                    )
    return None


@clause(
    "quick-enough",
    "a call takes less than 2 ms for 27 tokens and less than 50 ms for 5,000",
)
def quick_enough(subject: Subject) -> None:
    """Takes the average of a few calls, the best of three attempts."""
    for size, limit in SECONDS.items():
        cases = cases_of(size, few=True)[:2]
        for setting in subject.settings[:6]:
            strategy = subject.make(setting)
            best = _average(strategy, cases)
            for _ in range(2):  # if it was slow: the computer may have other things to do
                if best > limit:
                    best = min(best, _average(strategy, cases))
            if best > limit:
                raise ContractError(
                    f"{best * 1000:.1f} ms a call for {size:,} tokens ({setting.words})",
                    "pass over the logits a few times only, and keep what does not change",
                )


def _average(strategy: Any, cases: Sequence[Case]) -> float:
    """Seconds a call, on average."""
    began = time.perf_counter()
    for case in cases:
        _call(strategy, case)
    return (time.perf_counter() - began) / len(cases)


def _use(subject: Subject) -> None:
    for setting in subject.settings:
        strategy = subject.make(setting)
        for case in cases_of(27, few=True):
            _call(strategy, case)


CLAUSES: tuple[Clause, ...] = (
    made_with_every_setting("a strategy", (), ("transform", "pick")),
    takes_any_logits,
    a_logit_for_each_token,
    logits_stay_numbers,
    one_token_is_left,
    ruled_out_stays_ruled_out,
    picks_a_possible_token,
    arguments_stay_as_they_are,
    same_seed_same_result,
    *manners_of(_use, "draw from context.rng, and seed nothing"),
    randomness_from_the_context_only,
    neutral_changes_nothing,
    quick_enough,
)
