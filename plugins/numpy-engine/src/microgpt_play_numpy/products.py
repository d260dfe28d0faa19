"""Products of matrices, in pieces so small that the BLAS library takes one thread for each.

OpenBLAS, which NumPy's wheels bring, divides a larger product among all cores and waits for each
of them. That gains little at a playground's sizes, and loses much if another program has a core:
on a busy machine, steps of models with n_embd 64 and 128 took 5 and 10 times as long. To set the
library's threads would change them for the whole process. In pieces, the result does not depend on
the number of cores either.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from microgpt_play_numpy.memory import Array

_MULTIPLICATIONS = 65536 * 4
"""OpenBLAS takes one thread for a product of matrices of so many (interface/gemm.c)."""

MULTIPLICATIONS_BY_VECTOR = 8192
"""The same for a matrix and a vector, or two vectors: a bit below the limit (gemv.c, dot)."""


def product(a: Array, b: Array, out: Array) -> Callable[[], object]:
    """A function that computes out = a b. (..., n, k) (..., k, m) -> (..., n, m)

    `out` is contiguous if there are just two dimensions.
    """
    n, k = a.shape[-2:]
    m = b.shape[-1]
    limit = MULTIPLICATIONS_BY_VECTOR if n == 1 or m == 1 else _MULTIPLICATIONS
    if n * k * m <= limit:
        # ndarray.dot starts fastest, but does not multiply stacks of matrices in this way.
        return partial(a.dot, b, out) if a.ndim == 2 else partial(np.matmul, a, b, out)
    longest = max(n, m)
    step = max(1, limit * longest // (n * k * m))
    pieces = []
    for start in range(0, longest, step):
        some = slice(start, start + step)
        if n >= m:
            pieces.append((a[..., some, :], b, out[..., some, :]))
        else:
            pieces.append((a, b[..., some], out[..., some]))

    def in_pieces() -> None:
        for left, right, place in pieces:
            np.matmul(left, right, place)

    return in_pieces


def applied(w: Array, x: Array) -> Array:
    """w x, of a matrix and a vector: (n, k) (k) -> (n)"""
    few = w.size <= MULTIPLICATIONS_BY_VECTOR
    result: Array = w.dot(x) if few else np.einsum("nk,k->n", w, x)  # einsum calls no library
    return result
