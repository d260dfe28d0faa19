"""The parts of every contract: its checks, and the findings of a run of them."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from microgpt.engine import Progress

Outcome = Literal["passed", "failed", "skipped"]


class ContractError(AssertionError):
    """A promise that was not kept. Each part is a clause without its full stop."""

    def __init__(self, found: str, advice: str, promised: str = "") -> None:
        super().__init__(found, advice, promised)  # all three, so that it can be pickled
        self.found = found
        self.advice = advice
        self.promised = promised
        """Empty if the error is raised within a check, which then adds its description."""

    def __str__(self) -> str:
        return f"Promised: {self.promised}. Found: {self.found}. To do: {self.advice}."


def said(error: BaseException) -> str:
    """The type of an exception and its text, even if its own __str__ fails."""
    name = type(error).__name__
    try:
        text = str(error)
    except Exception:
        return f"{name}, whose text cannot be had"
    return f"{name}: {text}" if text else name


@dataclass(frozen=True, slots=True)
class Check:
    """One promise; a call of the check tests it."""

    name: str
    """Short, lower case, words joined by hyphens: "decoder-is-the-forward-pass"."""
    description: str
    """The promise itself, in one sentence without its full stop."""
    test: Callable[[], str | None] = field(repr=False)
    """Returns None, or why there was nothing to test; raises ContractError, or whatever the
    tested code raises."""
    subject: str = ""
    """The name of the contribution whose promise it is."""
    essential: bool = False
    """True if the later checks of the same subject can only fail after this one has failed."""
    smoke: bool = False
    """True for a quick, telling check, run whenever the plugin's file is saved: `smoke_checks`."""

    def __str__(self) -> str:
        return f"{self.subject}-{self.name}" if self.subject else self.name

    def __call__(self) -> str:
        """Test the promise. Returns why there was nothing to test, or "" if the promise is kept.

        Raises ContractError, also in place of an exception of the tested code, which is then the
        cause of the ContractError.
        """
        try:
            return self.test() or ""
        except ContractError as error:
            error.promised = error.promised or self.description
            raise
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit too, and the panics of compiled code
            raise ContractError(
                said(error),
                "the traceback of this exception shows the call that must not fail",
                self.description,
            ) from error


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check."""

    check: Check
    outcome: Outcome
    """skipped: there was nothing to test, or no time was left, as `message` says."""
    message: str = ""
    """What was promised, found, and is to be done; why the check was skipped; or "" if passed."""
    seconds: float = 0.0
    traceback: str = ""
    """The traceback of a failure."""

    @property
    def passed(self) -> bool:
        """True if the promise was tested and is kept."""
        return self.outcome == "passed"


def run_checks(
    checks: Iterable[Check],
    budget: float | None = None,
    progress: Progress | None = None,
) -> list[Finding]:
    """Run checks one after the other; a finding for each, in their order.

    budget: seconds after which no further check is begun (the one at work is not cut short); the
    findings of the checks left out are "skipped". progress: called before each check with (its
    name, checks done, checks in all); an exception of `progress` passes through, and so ends the
    run. After a failed essential check, the others of its subject are skipped.
    """
    listed = list(checks)
    findings: list[Finding] = []
    broken: dict[str, Check] = {}
    began = time.perf_counter()
    for done, check in enumerate(listed):
        if progress is not None:
            progress(str(check), done, len(listed))
        if check.subject in broken:
            reason = f"it can only fail: {broken[check.subject].name} has"
            findings.append(Finding(check, "skipped", reason))
        elif budget is not None and time.perf_counter() - began >= budget:
            reason = f"the {budget:g} seconds for all checks were used up"
            findings.append(Finding(check, "skipped", reason))
        else:
            findings.append(_run(check))
            if check.essential and findings[-1].outcome == "failed":
                broken[check.subject] = check
    return findings


def _run(check: Check) -> Finding:
    began = time.perf_counter()
    try:
        reason = check()
    except ContractError as error:
        seconds = time.perf_counter() - began
        trace = "".join(traceback.format_exception(error))
        return Finding(check, "failed", str(error), seconds, trace)
    outcome: Outcome = "skipped" if reason else "passed"
    return Finding(check, outcome, reason, time.perf_counter() - began)
