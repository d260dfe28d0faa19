"""What is not a product: softmax, cross-entropy and RMSNorm, eight numbers at a time.

All matrices are row by row, and their rows are padded with zeros to a multiple of eight numbers,
so that no loop has a remainder. `row` arguments are row lengths in memory, padding included.
"""

from __future__ import annotations

import math

from numba import njit

from microgpt_play_numba.lanes import (
    ROUNDING,
    apart,
    from_lane,
    highest,
    load,
    maximum,
    muladd,
    splat,
    store,
    times_power,
    total,
)
from microgpt_play_numba.shape import WIDTH

_PER_LN2 = 1 / math.log(2)
_LN2_HIGH = 0.6931471803691238  # ln 2 in two parts, the first with zeros at its end (fdlibm)
_LN2_LOW = 1.9082149292705877e-10
RMS_EPS = 1e-5
"""Added to the mean square before the root. Source: microgpt.py, `rmsnorm`."""


@njit(forceinline=True)
def exp(x):  # type: ignore[no-untyped-def]
    """e ** x of eight numbers, none above 700; within 2 units of the last place; nan stays nan.

    x = n ln 2 + r with n whole, |r| <= ln 2 / 2: e ** x = 2 ** n times the series of e ** r (the
    next term would be below 1e-17). Below -800 all is 0.
    """
    x = maximum(splat(-800.0), x)
    rounded = muladd(x, splat(_PER_LN2), splat(ROUNDING))
    n = rounded - splat(ROUNDING)
    r = muladd(n, splat(-_LN2_LOW), muladd(n, splat(-_LN2_HIGH), x))
    series = splat(1 / 6227020800)
    series = muladd(series, r, splat(1 / 479001600))
    series = muladd(series, r, splat(1 / 39916800))
    series = muladd(series, r, splat(1 / 3628800))
    series = muladd(series, r, splat(1 / 362880))
    series = muladd(series, r, splat(1 / 40320))
    series = muladd(series, r, splat(1 / 5040))
    series = muladd(series, r, splat(1 / 720))
    series = muladd(series, r, splat(1 / 120))
    series = muladd(series, r, splat(1 / 24))
    series = muladd(series, r, splat(1 / 6))
    series = muladd(series, r, splat(0.5))
    series = muladd(series, r, splat(1.0))
    return times_power(muladd(series, r, splat(1.0)), rounded)


@njit
def softmax_columns(a, rows, row, scale):  # type: ignore[no-untyped-def]
    """a (rows, row) -> in column t the softmax of scale a[0 ... t][t], and 0 below: who looks at
    whom. The columns are the tokens that look, so that eight tokens are done at once."""
    apart()
    for first in range(0, row, WIDTH):
        last = min(rows, first + WIDTH)
        largest = splat(-math.inf)
        for u in range(last):
            place = u * row + first
            if u > first:
                store(a, place, from_lane(load(a, place), u - first, splat(-math.inf)))
            largest = maximum(load(a, place), largest)
        sums = splat(0.0)
        for u in range(last):
            place = u * row + first
            e = exp((load(a, place) - largest) * splat(scale))
            store(a, place, e)
            sums = sums + e
        shares = splat(1.0) / sums
        for u in range(last):
            place = u * row + first
            store(a, place, load(a, place) * shares)
        for u in range(last, rows):
            store(a, u * row + first, splat(0.0))


@njit
def softmax_columns_backward(a, da, rows, row, scale):  # type: ignore[no-untyped-def]
    """da -> d(what softmax_columns was given), in place: scale a (da - Σ a da over the column)."""
    apart()
    for first in range(0, row, WIDTH):
        last = min(rows, first + WIDTH)
        sums = splat(0.0)
        for u in range(last):
            place = u * row + first
            sums = muladd(load(a, place), load(da, place), sums)
        for u in range(last):
            place = u * row + first
            store(da, place, load(a, place) * (load(da, place) - sums) * splat(scale))
        for u in range(last, rows):
            store(da, u * row + first, splat(0.0))


@njit
def softmax_row(a, n, scale):  # type: ignore[no-untyped-def]
    """a (n) -> softmax of scale a, in place; the numbers beyond n in the last eight become 0."""
    apart()
    columns = (n + WIDTH - 1) // WIDTH * WIDTH
    for c in range(n, columns):
        a[c] = -math.inf
    largest = splat(-math.inf)
    for c in range(0, columns, WIDTH):
        largest = maximum(load(a, c), largest)
    shift, sums = splat(highest(largest)), splat(0.0)
    for c in range(0, columns, WIDTH):
        e = exp((load(a, c) - shift) * splat(scale))
        store(a, c, e)
        sums = sums + e
    share = splat(1.0 / total(sums))
    for c in range(0, columns, WIDTH):
        store(a, c, load(a, c) * share)


@njit
def cross_entropy(logits, row, v, targets, losses, rows, n):  # type: ignore[no-untyped-def]
    """Losses (rows) in nats, -log softmax(logits)[target]; logits (rows, v) -> their derivatives.

    That of the mean over n losses is (p - 1 at the target) / n. A probability that underflows to
    0 has loss inf.
    """
    apart()
    for t in range(rows):
        for c in range(v, row):
            logits[t * row + c] = -math.inf
    for t in range(rows):
        start = t * row
        largest = splat(-math.inf)
        for c in range(start, start + row, WIDTH):
            largest = maximum(load(logits, c), largest)
        sums = splat(0.0)
        shift = splat(highest(largest))
        for c in range(start, start + row, WIDTH):
            e = exp(load(logits, c) - shift)
            store(logits, c, e)
            sums = sums + e
        sum_ = total(sums)
        p = logits[start + targets[t]] / sum_
        losses[t] = -math.log(p) if p > 0.0 else (math.inf if p == 0.0 else math.nan)
        share = splat(1.0 / (sum_ * n))
        for c in range(start, start + row, WIDTH):
            store(logits, c, load(logits, c) * share)
        logits[start + targets[t]] -= 1.0 / n


@njit
def normalize(x, y, scales, rows, row, n):  # type: ignore[no-untyped-def]
    """y = x scale, scale = (mean of x² + eps) ** -0.5, row by row; n is the width unpadded."""
    apart()
    for t in range(rows):
        start = t * row
        squares = splat(0.0)
        for c in range(start, start + row, WIDTH):
            squares = muladd(load(x, c), load(x, c), squares)
        scale = 1.0 / math.sqrt(total(squares) / n + RMS_EPS)
        scales[t] = scale
        for c in range(start, start + row, WIDTH):
            store(y, c, load(x, c) * splat(scale))


@njit
def normalize_backward(y, scales, dy, residual, dx, rows, row, n):  # type: ignore[no-untyped-def]
    """dx = residual + scale (dy - y mean(y dy)), where y = normalize(x).

    Moving along y itself changes nothing, for y is rescaled.
    """
    apart()
    for t in range(rows):
        start = t * row
        products = splat(0.0)
        for c in range(start, start + row, WIDTH):
            products = muladd(load(y, c), load(dy, c), products)
        mean = splat(-total(products) / n)
        scale = splat(scales[t])
        for c in range(start, start + row, WIDTH):
            change = muladd(load(y, c), mean, load(dy, c))
            store(dx, c, muladd(scale, change, load(residual, c)))
