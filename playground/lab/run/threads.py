"""How many threads an engine may use: the command line says it, and each worker reads it.

It belongs to the machine and not to a run, whose numbers do not depend on it.
"""

from __future__ import annotations

import os

VARIABLE = "MICROGPT_PLAY_THREADS"
"""The environment variable with the number."""
MOST = 1024


def threads() -> int:
    """The number of threads; 1 unless a person said otherwise."""
    said = os.environ.get(VARIABLE, "")
    count = int(said) if said.isascii() and said.isdigit() and len(said) < 5 else 1
    return count if 1 <= count <= MOST else 1
