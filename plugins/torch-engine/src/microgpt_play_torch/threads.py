"""How PyTorch's threads wait for each other."""

from __future__ import annotations

import os

WAITING = "OMP_WAIT_POLICY"


def wait_asleep() -> None:
    """Let a thread that waits for the others give its core away, unless a person has said how.

    By default, threads look again and again whether the others are done. Where another program has
    the core of one of them, all the others burn theirs meanwhile: on a busy machine with two cores
    a token of a model with 10 million parameters took 460 ms so, and takes 12 ms.

    PyTorch's library reads the variable as it is loaded, so a call after that changes nothing.
    """
    os.environ.setdefault(WAITING, "PASSIVE")
