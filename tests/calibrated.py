"""Deadlines that hold on a machine which is busy with other things as well."""

from __future__ import annotations

import subprocess
import sys
import time

PATIENCE = 4
"""How many times as long as on an idle machine tests wait for what must come. A deadline only
says when to give up: nobody waits for it where all is well.
"""


def in_time(seconds: float, limit: float) -> bool:
    """Whether something took less than its limit, or what that is on a machine as busy as this."""
    return seconds < limit or seconds < limit * a_second()


def a_second() -> float:
    """A second on an idle machine; in proportion more where a fresh process takes longer to load
    what a saved plugin is tried with, which there is about a fifth of it."""
    began = time.monotonic()
    trial = "import playground.testing, playground.hooks.reload"
    subprocess.run([sys.executable, "-c", trial], check=True, timeout=60)
    return max(1.0, 5 * (time.monotonic() - began))
