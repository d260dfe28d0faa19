"""Deadlines for tests that also hold on a busy machine."""

from __future__ import annotations

import subprocess
import sys
import time

PATIENCE = 4
"""How many times longer than on an idle machine a test waits for what must come. A deadline only
says when a test gives up: a test that passes never waits for it.
"""


def in_time(seconds: float, limit: float) -> bool:
    """True if `seconds` is below the limit, or below the limit of a machine as busy as this one."""
    return seconds < limit or seconds < limit * a_second()


def a_second() -> float:
    """Seconds that one second of an idle machine lasts on this one, at least 1.

    The measure is a fresh process that imports what a saved plugin is tried with. On an idle
    machine that import takes about a fifth of a second.
    """
    began = time.monotonic()
    trial = "import playground.testing, playground.hooks.reload"
    subprocess.run([sys.executable, "-c", trial], check=True, timeout=60)
    return max(1.0, 5 * (time.monotonic() - began))
