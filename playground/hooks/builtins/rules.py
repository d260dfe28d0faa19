"""A person's rule for texts: a regular expression, with a limit to how long it may take.

Some expressions take time that doubles with every character ("(a+)+b" on a line of a's). An
expression does not show how long it will take, and `re` has no limit of time. But `re` looks for
signals while it matches, so a timer of the process's computing time stops it. Where there is no
such timer (Windows, a thread), only the worker's watchdog ends a match.
"""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

LONGEST_RULE = 1_000
"""The most characters of a rule."""
LONGEST_TEXT = 10_000
"""The most characters of a text that is matched; a longer one counts as breaking the rule."""
LIMIT = 0.25
"""Seconds of computing for a batch of texts."""


class RuleError(ValueError):
    """A rule that is no regular expression, or takes too long."""


class _OutOfTime(BaseException):
    """Raised by the timer. It derives from BaseException so that only `share` catches it."""


class Rule:
    """Which texts are valid: those that the expression matches from end to end."""

    def __init__(self, pattern: str) -> None:
        """Raises RuleError if the pattern is no regular expression, or is too long."""
        if len(pattern) > LONGEST_RULE:
            raise RuleError(f"has {len(pattern):,} characters; at most {LONGEST_RULE:,} are taken")
        try:
            self._expression = re.compile(pattern)
        except re.error as error:
            where = "" if error.pos is None else f", at character {error.pos + 1}"
            raise RuleError(f"is no regular expression: {error.msg}{where}") from None
        except (OverflowError, RecursionError, MemoryError) as error:
            raise RuleError(
                f"cannot be used as a regular expression ({type(error).__name__}); "
                "take smaller repetitions, or nest it less deeply"
            ) from None

    def share(self, texts: Sequence[str]) -> float | None:
        """Share of the texts that are valid, 0 to 1; None if there are no texts.

        Raises RuleError if matching takes too long.
        """
        if not texts:
            return None
        text = ""
        try:
            with _limited(LIMIT):
                valid = 0
                for text in texts:
                    if len(text) <= LONGEST_TEXT and self._expression.fullmatch(text):
                        valid += 1
                return valid / len(texts)
        except _OutOfTime:
            shown = text if len(text) <= 40 else text[:40] + "…"
            raise RuleError(
                f"the rule takes more than {LIMIT:g} s at the text {shown!r}. A repetition inside "
                "a repetition, as in (a+)+, does that: write it with one"
            ) from None


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Raise _OutOfTime after so many seconds of computing, where the system has such a timer."""
    able = hasattr(signal, "setitimer") and hasattr(signal, "SIGVTALRM")
    if not able or threading.current_thread() is not threading.main_thread():
        yield
        return
    over = False

    def ring(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        if not over:
            raise _OutOfTime

    before = signal.signal(signal.SIGVTALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
        yield
    finally:
        over = True  # what rings from here on is late
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, signal.SIG_DFL if before is None else before)
