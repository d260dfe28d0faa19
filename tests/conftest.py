"""What holds for all tests, whoever starts them."""

from __future__ import annotations

import signal

from hypothesis import HealthCheck, settings

# The same examples everywhere, however slow the machine: a failure is then one of the change that
# is tested. To search for new ones: pytest --hypothesis-profile=default
settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("repeatable")


def pytest_configure() -> None:
    """Let Ctrl-C be heard: what a script starts in the background begins deaf to it, and so
    would the processes of these tests."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
