"""What is not a product: softmax, cross-entropy and RMSNorm, several numbers at a time.

All matrices are row by row, and their rows are padded with zeros to a multiple of the width
(`lanes.width`), so that no loop has a remainder. `row` arguments are row lengths in memory, padding
included.
"""

from __future__ import annotations

import math

from numba import njit

from microgpt_play_numba.lanes import (
    apart,
    from_lane,
    highest,
    load,
    maximum,
    muladd,
    precise,
    rounding,
    splat,
    store,
    times_power,
    total,
    up,
    width,
)

_PER_LN2 = 1 / math.log(2)
_LN2_HIGH = 0.6931471803691238  # ln 2 in two parts, the first with zeros at its end (fdlibm)
_LN2_LOW = 1.9082149292705877e-10
_LN2_HIGH_32 = 0.693359375  # the same for float32 (Cephes, expf.c)
_LN2_LOW_32 = -2.12194440e-4
_UNDERFLOW = -745.0  # e to that is the smallest float64
RMS_EPS = 1e-5
"""Added to the mean square before the root. Source: microgpt.py, `rmsnorm`."""


@njit(forceinline=True)
def exp(x):  # type: ignore[no-untyped-def]
    """e ** x of each number, none so large that it overflows; nan stays nan. In float64 within 2
    units of the last place, in float32 within 3e-7 of the number.

    x = n ln 2 + r with n whole, |r| <= ln 2 / 2: e ** x = 2 ** n times the series of e ** r (the
    next term would be below 1e-17, or 2e-7). Below -800, or -110, all is 0.
    """
    if precise(x):
        x = maximum(splat(x, -800.0), x)
        rounded = muladd(x, splat(x, _PER_LN2), rounding(x))
        n = rounded - rounding(x)
        r = muladd(n, splat(x, -_LN2_LOW), muladd(n, splat(x, -_LN2_HIGH), x))
        series = splat(x, 1 / 6227020800)
        series = muladd(series, r, splat(x, 1 / 479001600))
        series = muladd(series, r, splat(x, 1 / 39916800))
        series = muladd(series, r, splat(x, 1 / 3628800))
        series = muladd(series, r, splat(x, 1 / 362880))
        series = muladd(series, r, splat(x, 1 / 40320))
        series = muladd(series, r, splat(x, 1 / 5040))
        series = muladd(series, r, splat(x, 1 / 720))
    else:
        x = maximum(splat(x, -110.0), x)
        rounded = muladd(x, splat(x, _PER_LN2), rounding(x))
        n = rounded - rounding(x)
        r = muladd(n, splat(x, -_LN2_LOW_32), muladd(n, splat(x, -_LN2_HIGH_32), x))
        series = splat(x, 1 / 720)
    series = muladd(series, r, splat(x, 1 / 120))
    series = muladd(series, r, splat(x, 1 / 24))
    series = muladd(series, r, splat(x, 1 / 6))
    series = muladd(series, r, splat(x, 0.5))
    series = muladd(series, r, splat(x, 1.0))
    return times_power(muladd(series, r, splat(x, 1.0)), rounded)


@njit
def softmax_columns(a, rows, row, scale):  # type: ignore[no-untyped-def]
    """a (rows, row) -> in column t the softmax of scale a[0 ... t][t], and 0 below: who looks at
    whom. The columns are the tokens that look, so that several tokens are done at once."""
    apart()
    for first in range(0, row, width(a)):
        last = min(rows, first + width(a))
        largest = splat(a, -math.inf)
        for u in range(last):
            place = u * row + first
            if u > first:
                store(a, place, from_lane(load(a, place), u - first, splat(a, -math.inf)))
            largest = maximum(load(a, place), largest)
        sums = splat(a, 0.0)
        for u in range(last):
            place = u * row + first
            e = exp((load(a, place) - largest) * splat(a, scale))
            store(a, place, e)
            sums = sums + e
        shares = splat(a, 1.0) / sums
        for u in range(last):
            place = u * row + first
            store(a, place, load(a, place) * shares)
        for u in range(last, rows):
            store(a, u * row + first, splat(a, 0.0))


@njit
def softmax_columns_backward(a, da, rows, row, scale):  # type: ignore[no-untyped-def]
    """da -> d(what softmax_columns was given), in place: scale a (da - Σ a da over the column)."""
    apart()
    for first in range(0, row, width(a)):
        last = min(rows, first + width(a))
        sums = splat(a, 0.0)
        for u in range(last):
            place = u * row + first
            sums = muladd(load(a, place), load(da, place), sums)
        for u in range(last):
            place = u * row + first
            store(da, place, load(a, place) * (load(da, place) - sums) * splat(a, scale))
        for u in range(last, rows):
            store(da, u * row + first, splat(a, 0.0))


@njit
def softmax_row(a, n, scale):  # type: ignore[no-untyped-def]
    """a (n) -> softmax of scale a, in place; the numbers beyond n in the last lanes become 0."""
    apart()
    columns = up(a, n)
    for c in range(n, columns):
        a[c] = -math.inf
    largest = splat(a, -math.inf)
    for c in range(0, columns, width(a)):
        largest = maximum(load(a, c), largest)
    shift, sums = splat(a, highest(largest)), splat(a, 0.0)
    for c in range(0, columns, width(a)):
        e = exp((load(a, c) - shift) * splat(a, scale))
        store(a, c, e)
        sums = sums + e
    share = splat(a, 1.0 / total(sums))
    for c in range(0, columns, width(a)):
        store(a, c, load(a, c) * share)


@njit
def cross_entropy(logits, row, v, targets, losses, rows, n):  # type: ignore[no-untyped-def]
    """Losses (rows) in nats, -log softmax(logits)[target]; logits (rows, v) -> their derivatives.

    That of the mean over n losses is (p - 1 at the target) / n. A probability that underflows to
    0 in float64 has loss inf.
    """
    apart()
    for t in range(rows):
        for c in range(v, row):
            logits[t * row + c] = -math.inf
    for t in range(rows):
        start = t * row
        largest = splat(logits, -math.inf)
        for c in range(start, start + row, width(logits)):
            largest = maximum(load(logits, c), largest)
        sums = splat(logits, 0.0)
        shift = splat(logits, highest(largest))
        rise = logits[start + targets[t]] - highest(largest)
        for c in range(start, start + row, width(logits)):
            e = exp(load(logits, c) - shift)
            store(logits, c, e)
            sums = sums + e
        sum_ = total(sums)
        p = logits[start + targets[t]] / sum_
        if p == 0.0:  # in float32, below 1e-45: the logarithm is known all the same
            losses[t] = math.log(sum_) - rise if rise > _UNDERFLOW else math.inf
        else:
            losses[t] = -math.log(p) if p > 0.0 else math.nan
        share = splat(logits, 1.0 / (sum_ * n))
        for c in range(start, start + row, width(logits)):
            store(logits, c, load(logits, c) * share)
        logits[start + targets[t]] -= 1.0 / n


@njit
def normalize(x, y, scales, rows, row, n):  # type: ignore[no-untyped-def]
    """y = x scale, scale = (mean of x² + eps) ** -0.5, row by row; n is the width unpadded."""
    apart()
    for t in range(rows):
        start = t * row
        squares = splat(x, 0.0)
        for c in range(start, start + row, width(x)):
            squares = muladd(load(x, c), load(x, c), squares)
        scale = 1.0 / math.sqrt(total(squares) / n + RMS_EPS)
        scales[t] = scale
        for c in range(start, start + row, width(x)):
            store(y, c, load(x, c) * splat(x, scale))


@njit
def normalize_backward(y, scales, dy, residual, dx, rows, row, n):  # type: ignore[no-untyped-def]
    """dx = residual + scale (dy - y mean(y dy)), where y = normalize(x).

    Moving along y itself changes nothing, for y is rescaled.
    """
    apart()
    for t in range(rows):
        start = t * row
        products = splat(y, 0.0)
        for c in range(start, start + row, width(y)):
            products = muladd(load(y, c), load(dy, c), products)
        mean = splat(y, -total(products) / n)
        scale = splat(y, scales[t])
        for c in range(start, start + row, width(y)):
            change = muladd(load(y, c), mean, load(dy, c))
            store(dx, c, muladd(scale, change, load(residual, c)))
