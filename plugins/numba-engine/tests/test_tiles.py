"""The tiles of a product: chosen by the processor, and the same bits with each of them."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
from array import array
from itertools import accumulate
from pathlib import Path

import numpy as np
import pytest
from llvmlite.binding import get_host_cpu_features
from numba import int64, njit, void

from microgpt import ModelConfig, OptimizerConfig
from microgpt.parameters import parameter_count
from microgpt_play_numba import make_engine
from microgpt_play_numba.entries import MEMORIES
from microgpt_play_numba.lanes import pointer, up
from microgpt_play_numba.products import product
from microgpt_play_numba.shape import (
    BLOCK_DEPTH,
    BLOCK_ROWS,
    WIDTHS,
    Memory,
    Memory32,
    padded,
    scratch,
)
from microgpt_play_numba.tiles import MIDDLE, NARROW, WIDE, tiles_for

HAS = {name for name, there in get_host_cpu_features().items() if there}


@pytest.mark.parametrize(
    ("features", "machine", "tiles"),
    [
        ("+sse2,+avx,+avx2,+fma,+avx512f,+avx512dq", "x86_64", WIDE),
        ("+sse2,+avx,+avx2,+fma,-avx512f", "x86_64", MIDDLE),
        ("+sse2,+sse4.2,-avx2,-avx512f", "AMD64", NARROW),
        ("", "x86_64", NARROW),
        ("+neon,+fp-armv8", "aarch64", MIDDLE),
        ("", "arm64", MIDDLE),
    ],
)
def test_a_processor_gets_the_tiles_that_its_registers_hold(features, machine, tiles):
    assert tiles_for(features, machine) == tiles


def test_a_block_has_whole_tiles():
    for tiles in (WIDE, MIDDLE, NARROW):
        assert BLOCK_ROWS % tiles.rows == 0
        for width in WIDTHS.values():
            room = BLOCK_DEPTH * (tiles.vectors * width + BLOCK_ROWS) + width * width
            assert room <= scratch(width)


@njit([void(memory, *[int64] * 12) for memory in MEMORIES.values()])
def multiply(memory, scratch, a, a_row, a_column, b, b_row, b_column, out, m, k, n, onto):
    target = pointer(memory, out)
    product(
        pointer(memory, scratch), pointer(memory, a), a_row, a_column, pointer(memory, b), b_row,
        b_column, target, up(target, n), m, k, n, onto,
    )  # fmt: skip


def in_order(a, b, start):
    """a b + start, each sum from its first product to its last, as a tile takes it."""
    return [
        [
            list(accumulate((x * y for x, y in zip(row, column, strict=True)), initial=first))[-1]
            for column, first in zip(zip(*b, strict=True), firsts, strict=True)
        ]
        for row, firsts in zip(a, start, strict=True)
    ]


@pytest.mark.parametrize(
    ("m", "k", "n"),
    [(1, 1, 1), (1, 40, 70), (2, 9, 33), (7, 16, 48), (9, 3, 5), (31, 8, 24), (32, 8, 8),
     (33, 300, 72), (40, 7, 65), (300, 5, 66), (273, 260, 9)],
)  # fmt: skip
@pytest.mark.parametrize("turned_left", [False, True])
@pytest.mark.parametrize("turned_right", [False, True])
@pytest.mark.parametrize("onto", [0, 1])
@pytest.mark.parametrize("memory", [Memory(0, 0, 0), Memory32(0, 0, 0)], ids=list(MEMORIES))
def test_a_product_of_any_size_is_right_in_each_number(
    m, k, n, turned_left, turned_right, onto, memory
):
    precision = "float32" if isinstance(memory, Memory32) else "float64"
    width = WIDTHS[precision]
    if turned_right and m < 32:
        pytest.skip("few rows take no transposed right matrix")
    rng = random.Random(m * 1000 + n)
    # Small whole numbers: every sum is exact, whatever is multiplied and added in one go.
    draw = lambda rows, columns: [  # noqa: E731
        [float(rng.randrange(-9, 10)) for _ in range(columns)] for _ in range(rows)
    ]
    a, b, start = draw(m, k), draw(k, n), draw(m, n)
    buffers = []

    def laid_out(matrix, turned):
        """The matrix in memory, with padded rows and some rows more, full of what is no number."""
        lines = [list(line) for line in zip(*matrix, strict=True)] if turned else matrix
        rows = padded(len(lines), width) + width
        whole = np.full((rows, padded(len(lines[0]), width)), np.nan, precision)
        whole[: len(lines), : len(lines[0])] = lines
        buffers.append(whole)
        row = whole.shape[1]
        return (whole.ctypes.data, 1, row) if turned else (whole.ctypes.data, row, 1)

    out = np.full((m + 1, padded(n, width)), np.nan, precision)
    out[:m, :n] = start
    room = np.full(scratch(width), np.nan, precision)
    multiply(
        memory, room.ctypes.data, *laid_out(a, turned_left), *laid_out(b, turned_right),
        out.ctypes.data, m, k, n, onto,
    )  # fmt: skip
    expected = in_order(a, b, start if onto else [[0.0] * n] * m)
    assert out[:m, :n].tolist() == expected
    assert np.isnan(out[m]).all()  # nothing is written beyond the last row


MODELS = {
    "default": (ModelConfig(27), 1, 300),
    "wider": (ModelConfig(27, 64, 4, 2, 32), 1, 40),
    "uneven": (ModelConfig(53, 36, 3, 3, 21), 5, 40),
    "batches": (ModelConfig(65, 128, 4, 2, 64), 2, 12),
}
BITS = {
    "default": "ff46de19f6da4870",
    "wider": "338e2caa106aac9b",
    "uneven": "0ca13f2204d8df1b",
    "batches": "2d84d8180b1e9f70",
}
"""Of the weights and moments after training, from the engine as it was before it had such tiles."""


def bits() -> dict[str, list[str]]:
    """Two hashes a model: of weights and moments, and of losses and logits."""
    found = {}
    for name, (config, batch, steps) in MODELS.items():
        rng = random.Random(3)
        # No function of a system's own library has a say in these weights.
        weights = array("d", [rng.random() * 0.2 - 0.1 for _ in range(parameter_count(config))])
        engine = make_engine(config, OptimizerConfig(), weights)
        documents = [
            [rng.randrange(config.vocab_size) for _ in range(rng.randint(2, config.block_size + 1))]
            for _ in range(batch * steps)
        ]
        losses = engine.train(documents, array("d", [0.01]) * steps, 0).losses
        decoder = engine.decoder()
        logits = [logit for token in (1, 5, 3) for logit in decoder.push(token)]
        state = sha(*(engine.read(kind) for kind in ("weights", "first_moment", "second_moment")))
        found[name] = [state, sha(losses, array("d", logits))]
    return found


def sha(*arrays: array) -> str:
    digest = hashlib.sha256()
    for one in arrays:
        digest.update(one.tobytes())
    return digest.hexdigest()[:16]


@pytest.mark.skipif(
    sys.byteorder != "little" or not HAS & {"fma", "neon", "fp-armv8"},
    reason="the bits of a processor that multiplies and adds in one go",
)
def test_the_bits_are_those_of_the_engine_as_it_was_and_of_every_tile():
    here = bits()
    assert {name: state for name, (state, _) in here.items()} == BITS
    if "avx512f" in HAS:
        features = ",".join(
            ("-" if name.startswith("avx512") else "+") + name for name in sorted(HAS)
        )
        done = subprocess.run(
            [sys.executable, "-c", "import json, test_tiles; print(json.dumps(test_tiles.bits()))"],
            cwd=Path(__file__).parent,
            env={**os.environ, "NUMBA_CPU_FEATURES": features, "NUMBA_CPU_NAME": "haswell"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert json.loads(done.stdout) == here
