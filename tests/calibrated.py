"""Deadlines that hold on a machine which is busy with other things as well."""

from __future__ import annotations

import subprocess
import sys
import time


def a_second() -> float:
    """A second on an idle machine; in proportion more where a fresh process takes longer to load
    what a saved plugin is tried with, which there is about a fifth of it."""
    began = time.monotonic()
    trial = "import playground.testing, playground.hooks.reloading"
    subprocess.run([sys.executable, "-c", trial], check=True, timeout=60)
    return max(1.0, 5 * (time.monotonic() - began))
