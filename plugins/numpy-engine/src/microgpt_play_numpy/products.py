"""Products of matrices, each one call of the BLAS library that NumPy brings."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from microgpt_play_numpy.memory import Array


def product(a: Array, b: Array, out: Array) -> Callable[[], object]:
    """A function that computes out = a b. (..., n, k) (..., k, m) -> (..., n, m)

    `out` is contiguous if there are just two dimensions.
    """
    # ndarray.dot starts fastest, but does not multiply stacks of matrices in this way.
    return partial(a.dot, b, out) if a.ndim == 2 else partial(np.matmul, a, b, out)
