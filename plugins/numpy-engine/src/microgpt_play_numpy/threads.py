"""One thread for the BLAS library that NumPy brings."""

from __future__ import annotations

import os

VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")
"""Where a person may have said how many threads such a library is to take."""


def one_thread() -> None:
    """Let the library compute on one thread in this process, unless one of VARIABLES is set.

    OpenBLAS divides a product among all cores and waits for each of them. At a playground's sizes
    that gains little, and costs much where another program has a core: steps of models with n_embd
    64 and 128 took 5 and 10 times as long. A run has a process of its own, so no other work is
    slowed. And the bits of a run do not depend on the number of cores.
    """
    if any(os.environ.get(name) for name in VARIABLES):
        return
    os.environ[VARIABLES[0]] = "1"  # read as NumPy is loaded: no threads are started then
    from threadpoolctl import threadpool_limits

    threadpool_limits(1, user_api="blas")  # a plugin may have loaded it before
