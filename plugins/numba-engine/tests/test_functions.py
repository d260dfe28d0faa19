"""The exponential function of the kernels, against that of the standard library."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from numba import int64, njit, void

from microgpt_play_numba.buffers import MEMORIES, Buffer
from microgpt_play_numba.entries import MEMORIES as TYPES
from microgpt_play_numba.functions import exp
from microgpt_play_numba.lanes import load, pointer, store, width


@njit([void(memory, int64, int64) for memory in TYPES.values()])
def exp_of(memory, numbers, count):
    floats = pointer(memory, numbers)
    for i in range(0, count, width(floats)):
        store(floats, i, exp(load(floats, i)))


@pytest.mark.parametrize(
    ("precision", "lowest", "highest", "allowed"),
    [("float64", -708.0, 700.0, 2 * 2.0**-52), ("float32", -87.0, 85.0, 3e-7)],
)
def test_the_exponential_function_is_as_near_as_it_says(precision, lowest, highest, allowed):
    rng = random.Random(6)
    edges = [0.0, -0.0, lowest, highest, math.log(2) / 2, -math.log(2) / 2, 1e-30]
    near = [math.log(2) * (n + 0.5) for n in range(-80, 80)]
    given = edges + near + [rng.uniform(lowest, highest) for _ in range(50_000)]
    given += [rng.uniform(-1, 1) for _ in range(50_000)]
    buffer = Buffer(len(given) + 16, precision)
    buffer.numbers[: len(given)] = given
    taken = buffer.numbers[: len(given)].tolist()  # as rounded to the precision
    exp_of(MEMORIES[precision](0, 0, 0), buffer.address, len(given))
    found = buffer.numbers[: len(given)].tolist()
    worst = max(abs(y / math.exp(x) - 1) for x, y in zip(taken, found, strict=True))
    assert worst < allowed


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_what_is_hidden_has_no_share_and_what_is_no_number_stays_none(precision):
    buffer = Buffer(16, precision)
    buffer.numbers[:4] = [-np.inf, np.nan, -1e5, 0.0]
    exp_of(MEMORIES[precision](0, 0, 0), buffer.address, 16)
    assert buffer.numbers[[0, 2, 3]].tolist() == [0.0, 0.0, 1.0]
    assert math.isnan(buffer.numbers[1])
