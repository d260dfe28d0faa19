"""Checks, and the findings of a run of them."""

from __future__ import annotations

import itertools
import pickle

import pytest

from playground.testing import Check, ContractError, contract, run_checks


def nothing() -> None:
    """The test of a promise that is always kept."""


def broken() -> None:
    raise ContractError("two", "say one")


def check(test=nothing, name="one", **fields) -> Check:
    return Check(name, "it is one", test, **fields)


def test_a_check_that_is_kept_says_nothing():
    assert check()() == ""


def test_a_check_says_why_there_was_nothing_to_test():
    assert check(lambda: "the engine has no train")() == "the engine has no train"


def test_an_error_says_what_was_promised_found_and_is_to_be_done():
    with pytest.raises(AssertionError) as caught:
        check(broken)()
    assert str(caught.value) == "Promised: it is one. Found: two. To do: say one."


def test_whatever_the_tested_code_raises_breaks_the_promise():
    for error in (ZeroDivisionError("by zero"), SystemExit(3), BaseException()):

        def raises(error: BaseException = error) -> None:
            raise error

        with pytest.raises(ContractError) as caught:
            check(raises)()
        assert caught.value.__cause__ is error
        assert caught.value.promised == "it is one"
        assert type(error).__name__ in caught.value.found


def test_an_exception_without_a_text_is_named_all_the_same():
    class Mute(Exception):
        def __str__(self) -> str:
            raise ValueError("no text")

    def raises() -> None:
        raise Mute

    (finding,) = run_checks([check(raises)])
    assert "Found: Mute, whose text cannot be had." in finding.message
    assert finding.traceback


def test_a_keyboard_interrupt_ends_the_checks():
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_checks([check(interrupted)])


def test_an_error_survives_the_way_between_processes():
    with pytest.raises(ContractError) as caught:
        check(broken)()
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_findings_come_in_the_order_of_the_checks():
    findings = run_checks([check(broken), check(), check(lambda: "no train")])
    assert [found.outcome for found in findings] == ["failed", "passed", "skipped"]
    assert [found.passed for found in findings] == [False, True, False]
    assert findings[0].message == "Promised: it is one. Found: two. To do: say one."
    assert "in broken" in findings[0].traceback
    assert findings[2].message == "no train"
    assert findings[1].traceback == ""


def test_after_an_essential_failure_only_other_subjects_go_on():
    findings = run_checks(
        [
            check(broken, "first", subject="a", essential=True),
            check(name="second", subject="a"),
            check(broken, name="first", subject="b"),
            check(name="second", subject="b"),
        ]
    )
    assert [found.outcome for found in findings] == ["failed", "skipped", "failed", "passed"]
    assert "first" in findings[1].message


def test_no_check_is_begun_when_the_time_is_up(monkeypatch):
    clock = itertools.count(step=0.6)  # each look at the clock is 0.6 s later
    monkeypatch.setattr(contract.time, "perf_counter", lambda: next(clock))
    findings = run_checks([check(), check(), check()], budget=2)
    assert [found.outcome for found in findings] == ["passed", "skipped", "skipped"]
    assert findings[1].message == "the 2 seconds for all checks were used up"


def test_progress_names_each_check_before_it_is_run():
    calls = []
    run_checks([check(subject="a"), check(name="two")], progress=lambda *call: calls.append(call))
    assert calls == [("a-one", 0, 2), ("two", 1, 2)]


def test_progress_that_raises_ends_the_run():
    def cancel(*_: object) -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        run_checks([check()], progress=cancel)
