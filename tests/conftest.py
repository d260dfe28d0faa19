"""Settings of hypothesis and of Ctrl-C for all tests."""

from __future__ import annotations

import gc
import signal

from hypothesis import HealthCheck, settings

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


def pytest_collection_finish() -> None:
    """Let the collector look at what the tests make, and not again and again at what was there
    before: screens make so many objects that it would else take a fifth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
