"""Settings of hypothesis and of Ctrl-C for all tests, and what makes apps cheap to start."""

from __future__ import annotations

import functools
import gc
import signal

from hypothesis import HealthCheck, settings
from textual.css.model import RuleSet
from textual.css.stylesheet import CSSLocation, Stylesheet

# Hypothesis tries the same examples everywhere, however slow the machine is, so that a failure
# comes from the change that is tested. New examples: pytest --hypothesis-profile=default
settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("repeatable")


def pytest_configure() -> None:
    """Give Ctrl-C back its usual meaning. A process that a script starts in the background ignores
    SIGINT, and the processes that these tests start would inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


parse_rules = Stylesheet._parse_rules
parsed: dict[object, list[RuleSet]] = {}


def parse_rules_once(
    self: Stylesheet,
    css: str,
    read_from: CSSLocation,
    is_default_rules: bool = False,
    tie_breaker: int = 0,
    scope: str = "",
) -> list[RuleSet]:
    """The rules of a style sheet, parsed once in a process and not once in each app. Rules are only
    read; the variables, which follow the theme, are a part of the key."""
    words = (css, read_from, is_default_rules, tie_breaker, scope)
    key = (*words, *self._variables.items())
    if key not in parsed:
        parsed[key] = parse_rules(self, *words)
    return parsed[key]


# Hundreds of apps are started here. A tenth of what a start costs is parsing the same style sheets
# again, hashing their rules in Python, and listing the signals of this system, which asyncio does
# whenever a handler is set.
Stylesheet._parse_rules = parse_rules_once  # type: ignore[method-assign]
RuleSet.__hash__ = object.__hash__  # type: ignore[method-assign]
signal.valid_signals = functools.cache(signal.valid_signals)


def pytest_collection_finish() -> None:
    """Let the collector look at what the tests make, and not again and again at what was there
    before: screens make so many objects that it would else take a fifth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
