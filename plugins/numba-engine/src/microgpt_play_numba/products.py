"""Products of matrices, in tiles whose sums stay in the registers of the processor.

All matrices are row by row, and their rows are padded with zeros to a multiple of the width
(`lanes.width`), so that no loop has a remainder.

A large product is taken in blocks, as in Goto & van de Geijn 2008, "Anatomy of High-Performance
Matrix Multiplication" (ACM TOMS 34, 3): a block of the left matrix is copied for the second cache,
and a panel of the right one for the first, each in the order in which a tile reads it. Numbers that
lie a power of two apart share few places in a cache; side by side, they stay there.
"""

from __future__ import annotations

from typing import Any

from numba import int64, njit

from microgpt_play_numba.lanes import apart, at, load, make_tiles, store, transpose_block, up, width
from microgpt_play_numba.shape import BLOCK_DEPTH, BLOCK_ROWS
from microgpt_play_numba.tiles import TILES

WORTH_COPYING = 32
"""The fewest rows of the left matrix for which a copy of the right matrix pays."""
_WORTH_COPYING_LEFT = 64
"""The fewest columns of the right matrix for which a copy of the left matrix pays."""
_FEW, _FEW_VECTORS = TILES.few, TILES.few_vectors
_ROWS, _VECTORS = TILES.rows, TILES.vectors


def _make_panel(rows: int, vectors: int) -> Any:
    """panel(a, ..., m, k, onto): `vectors` of columns of a product, all its m rows, in tiles of at
    most `rows` rows and as equal as can be: with few rows, sums wait for each other."""
    tiles = make_tiles(rows, vectors)

    @njit
    def panel(  # type: ignore[no-untyped-def]
        a, a_row, a_column, b, b_row, out, out_row, m, k, onto
    ):
        apart()
        left = m
        for more in range((m + rows - 1) // rows, 0, -1):
            some = (left + more - 1) // more
            tiles(some, a, a_row, a_column, b, b_row, out, out_row, k, onto)
            a, out = at(a, some * a_row), at(out, some * out_row)
            left -= some

    return panel


_few_panel = _make_panel(TILES.few, TILES.few_vectors)
_panel = _make_panel(TILES.rows, TILES.vectors)
_narrow_panel = _panel if TILES.vectors == 1 else _make_panel(TILES.rows, 1)
_whole_tile = make_tiles(TILES.rows, TILES.vectors, beside=True)


@njit
def _beside(a, a_row, a_column, copy, m, k):  # type: ignore[no-untyped-def]
    """copy = a (m, k) in strips of _ROWS rows, column by column; beyond m lies anything."""
    apart()
    for r in range(0, m, _ROWS):
        strip, source = at(copy, r * k), at(a, r * a_row)
        if a_row == 1:
            for i in range(k):
                for j in range(0, _ROWS, width(a)):
                    store(strip, i * _ROWS + j, load(source, i * a_column + j))
        else:
            # What a block writes too much, the next one writes over.
            for i in range(0, k, width(a)):
                transpose_block(at(source, i), a_row, at(strip, i * _ROWS), int64(_ROWS))


@njit
def _copy(source, row, copy, rows, columns):  # type: ignore[no-untyped-def]
    """copy (rows, _VECTORS) of vectors = source (rows, columns)."""
    apart()
    whole = _VECTORS * width(copy)
    for i in range(rows):
        for j in range(0, columns, width(copy)):
            store(copy, i * whole + j, load(source, i * row + j))


@njit
def _copy_turned(source, row, copy, rows, columns):  # type: ignore[no-untyped-def]
    """copy (rows, _VECTORS) of vectors = source (columns, rows), transposed."""
    apart()
    whole = _VECTORS * width(copy)
    for j in range(0, columns, width(copy)):
        for i in range(0, rows, width(copy)):
            transpose_block(at(source, j * row + i), row, at(copy, i * whole + j), whole)


@njit
def _narrow_strips(  # type: ignore[no-untyped-def]
    left, strip, left_row, left_column, b, out, out_row, m, k, onto
):
    """One vector of columns of a product whose right matrix was copied; `strip` numbers of the left
    one hold _ROWS rows."""
    apart()
    for r in range(0, m, _ROWS):
        _narrow_panel(
            left, left_row, left_column, b, _VECTORS * width(b), out, out_row, min(_ROWS, m - r), k,
            onto,
        )  # fmt: skip
        left, out = at(left, strip), at(out, _ROWS * out_row)


@njit(inline="always")
def _large_product(  # type: ignore[no-untyped-def]
    scratch, a, a_row, a_column, b, b_row, b_column, out, out_row, m, k, n, onto
):
    """As `product`, for many rows."""
    begun = onto
    copied = n >= _WORTH_COPYING_LEFT or a_column != 1
    columns_at_once = _VECTORS * width(b)
    copy = at(scratch, BLOCK_DEPTH * columns_at_once)
    # Blocks of equal size: one of few rows would take a copy of the right matrix for little.
    blocks = (m + BLOCK_ROWS - 1) // BLOCK_ROWS
    most = (m + blocks * _ROWS - 1) // (blocks * _ROWS) * _ROWS
    blocks = (k + BLOCK_DEPTH - 1) // BLOCK_DEPTH
    deepest = up(a, (k + blocks - 1) // blocks)
    for first in range(0, k, deepest):
        depth = min(deepest, k - first)
        for top in range(0, m, most):
            height = min(most, m - top)
            left, left_row, left_column = at(a, top * a_row + first * a_column), a_row, a_column
            strip = _ROWS * a_row
            if copied:
                _beside(left, a_row, a_column, copy, height, depth)
                left, left_row, left_column, strip = copy, int64(1), int64(_ROWS), _ROWS * depth
            for c in range(0, n, columns_at_once):
                columns = min(columns_at_once, up(b, n - c))
                if b_column == 1:
                    _copy(at(b, first * b_row + c), b_row, scratch, depth, columns)
                else:
                    _copy_turned(at(b, first + c * b_column), b_column, scratch, depth, columns)
                source, place, rows = left, at(out, top * out_row + c), height
                if columns < columns_at_once:
                    _narrow_strips(
                        source, strip, left_row, left_column, scratch, place, out_row, rows,
                        depth, begun,
                    )  # fmt: skip
                    continue
                while copied and rows >= _ROWS:
                    _whole_tile(
                        rows, source, left_row, left_column, scratch, columns_at_once, place,
                        out_row, depth, begun,
                    )  # fmt: skip
                    source, place = at(source, strip), at(place, _ROWS * out_row)
                    rows -= _ROWS
                if rows:
                    _panel(
                        source, left_row, left_column, scratch, columns_at_once, place, out_row,
                        rows, depth, begun,
                    )  # fmt: skip
        begun = int64(1)


@njit
def transpose(source, source_row, target, target_row, rows, columns):  # type: ignore[no-untyped-def]
    """target (columns, rows) = source (rows, columns), both rounded up to whole vectors."""
    apart()
    for r in range(0, rows, width(source)):
        for c in range(0, columns, width(source)):
            transpose_block(
                at(source, r * source_row + c),
                source_row,
                at(target, c * target_row + r),
                target_row,
            )


@njit
def product(  # type: ignore[no-untyped-def]
    scratch, a, a_row, a_column, b, b_row, b_column, out, out_row, m, k, n, onto
):
    """out (m, n) = a (m, k) times b (k, n), added to what is there if onto is 1.

    a[r][i] lies at r * a_row + i * a_column: with the two exchanged, a is read transposed; one of
    them is 1. So it is with b, which can be read transposed if m is WORTH_COPYING at the least.
    b and out are read and written up to the next multiple of the width. a may be read
    up to a width of rows and columns beyond its end. scratch: room for `shape.scratch` numbers.
    """
    apart()
    if m >= WORTH_COPYING:
        _large_product(scratch, a, a_row, a_column, b, b_row, b_column, out, out_row, m, k, n, onto)
        return
    left = up(b, n)
    many, columns = _FEW_VECTORS * width(b), _VECTORS * width(b)
    if m <= _FEW:
        while left >= many:
            _few_panel(a, a_row, a_column, b, b_row, out, out_row, m, k, onto)
            b, out = at(b, many), at(out, many)
            left -= many
    while left >= columns:
        _panel(a, a_row, a_column, b, b_row, out, out_row, m, k, onto)
        b, out = at(b, columns), at(out, columns)
        left -= columns
    while left > 0:
        _narrow_panel(a, a_row, a_column, b, b_row, out, out_row, m, k, onto)
        b, out = at(b, width(b)), at(out, width(b))
        left -= width(b)
