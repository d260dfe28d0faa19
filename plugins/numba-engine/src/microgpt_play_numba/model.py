"""The model, forward and backward, and its optimizer, on padded matrices in memory.

The mathematics is that of microgpt's scalar engine, with the backward pass derived by hand. A
product with a weight matrix w is y = x wᵀ, so forward the weights are needed turned (transposed):
where a batch has few tokens, a copy that Adam keeps up to date or `turn` makes anew; where it has
many, each product copies what it needs. Then dx = dy w, and dw = dyᵀ x.

Shapes stand beside the lines that change one: N tokens in the batch, T tokens of one document,
V vocab_size, C n_embd, H n_head, D head_dim; rows in memory are padded (`shape.Shape`).
"""

from __future__ import annotations

import math

from numba import int64, njit

from microgpt_play_numba.functions import (
    cross_entropy,
    exp,
    normalize,
    normalize_backward,
    softmax_columns,
    softmax_columns_backward,
)
from microgpt_play_numba.lanes import (
    above,
    apart,
    at,
    from_lane,
    int_at,
    int_pointer,
    load,
    maximum,
    muladd,
    pointer,
    precise,
    root,
    smallest,
    splat,
    store,
    transpose_block,
    up,
    where_positive,
    width,
)
from microgpt_play_numba.products import WORTH_COPYING, product, transpose

SETTLED_EVERY = 256
"""Steps after which moments are looked through for such as have died away. A moment whose gradients
are 0 from some step on (those of a unit that relu silences for good) shrinks by a factor a step,
until it stands below 2e-308, where many processors take a hundred cycles for each operation."""
_NEXT_TO_NOTHING = 1e-280  # in 256 steps at a factor of 0.85 it does not come down to 2e-308
SEEN_AT_ONCE = 32
"""Columns of tokens whose attention is computed together."""


@njit
def turn(shape, weights, turned, stale):  # type: ignore[no-untyped-def]
    """turned = every matrix of the weights transposed, but for wte and wpe, each in its place;
    nothing to do if it is so already."""
    apart()
    if not stale[0]:
        return
    row, hidden = shape.row, shape.hidden
    transpose(
        at(weights, shape.lm_head), row, at(turned, shape.lm_head), shape.logits, shape.logits, row
    )
    for layer in range(shape.n_layer):
        place = shape.layers + layer * shape.layer
        transpose(at(weights, place), row, at(turned, place), 3 * row, 3 * row, row)
        place += 3 * row * row
        transpose(at(weights, place), row, at(turned, place), row, row, row)
        place += row * row
        transpose(at(weights, place), row, at(turned, place), hidden, hidden, row)
        place += hidden * row
        transpose(at(weights, place), hidden, at(turned, place), row, row, hidden)
    stale[0] = 0


@njit(inline="always")
def linear(  # type: ignore[no-untyped-def]
    space, x, weights, turned, place, out, rows, width, out_width, k, onto
):
    """out (rows, out_width) = x (rows, width) times the matrix (out_width, width) at `place`,
    transposed; added to what is there if onto is 1.

    Few rows take the copy that `turn` made; for many, a copy is made of each part as it is needed.
    k: the columns of x, without the padding.
    """
    one, w, w_row, w_column = int64(1), at(turned, place), out_width, int64(1)
    if rows >= WORTH_COPYING:
        w, w_row, w_column = at(weights, place), int64(1), width
    product(space, x, width, one, w, w_row, w_column, out, out_width, rows, k, out_width, onto)


@njit
def clear(floats, start, stop):  # type: ignore[no-untyped-def]
    """Zeros from `start` to before `stop`, both multiples of the width."""
    for i in range(start, stop, width(floats)):
        store(floats, i, splat(floats, 0.0))


@njit(forceinline=True)
def _row_of(source, source_column, b, b_row, k):  # type: ignore[no-untyped-def]
    """One vector of columns of a product, in the order of `make_tiles`: the sum over i < k of
    source[i source_column] times b's row i."""
    sums = splat(b, 0.0)
    for i in range(k):
        sums = muladd(splat(b, source[i * source_column]), load(b, i * b_row), sums)
    return sums


@njit
def _attend_briefly(  # type: ignore[no-untyped-def]
    queries, qkv, row, looks, found, heads, d, t
):
    """What `attend` does between its two transpositions, for so few tokens that a row of them is
    one vector: what it takes to call a product is then more than the product."""
    apart()
    one, line, wide = int64(1), 3 * row, width(qkv)
    scale = splat(qkv, 1.0 / math.sqrt(d))
    for h in range(heads):
        look, here = at(looks, h * wide * wide), h * d * wide
        keys, values = at(qkv, row + h * d), at(qkv, 2 * row + h * d)
        largest = splat(qkv, -math.inf)
        for u in range(t):
            score = _row_of(at(keys, u * line), one, at(queries, here), wide, d)
            score = from_lane(score, u, splat(qkv, -math.inf))
            store(look, u * wide, score)
            largest = maximum(score, largest)
        sums = splat(qkv, 0.0)
        for u in range(t):
            e = exp((load(look, u * wide) - largest) * scale)
            store(look, u * wide, e)
            sums = sums + e
        shares = splat(qkv, 1.0) / sums
        for u in range(t):
            store(look, u * wide, load(look, u * wide) * shares)
        for i in range(d):
            store(found, here + i * wide, _row_of(at(values, i), line, look, wide, t))


@njit
def attend(shape, room, space, qkv, looks, attended, t):  # type: ignore[no-untyped-def]
    """One document's attention: qkv (T, 3C) -> looks (H, T, T), attended (T, C).

    Head by head, with the tokens that look as columns: softmax(k qᵀ / √D) (T, T), then vᵀ times
    that (D, T). Vaswani et al. 2017, arXiv:1706.03762, equation 1. So many columns at a time, and
    of these only the rows of tokens that are not all later: there is nothing to see beyond.
    """
    apart()
    d, row = shape.head_dim, shape.row
    zero, one = int64(0), int64(1)
    columns = up(qkv, t)
    queries = at(space, room.turned)  # (C, T)
    found = at(space, room.turned + room.turned_size)  # (C, T)
    clear(found, shape.n_embd * columns, row * columns)
    transpose(qkv, 3 * row, queries, columns, t, row)
    if columns == width(qkv):
        _attend_briefly(queries, qkv, row, looks, found, shape.n_head, d, t)
        transpose(found, columns, attended, row, row, t)
        return
    for h in range(shape.n_head):
        head, turned = h * d, h * d * columns
        look, keys, values = at(looks, h * columns * columns), at(qkv, row), at(qkv, 2 * row)
        for c in range(0, t, SEEN_AT_ONCE):
            some, seen = min(SEEN_AT_ONCE, t - c), min(c + SEEN_AT_ONCE, t)
            product(
                space, at(keys, head), 3 * row, one, at(queries, turned + c), columns, one,
                at(look, c), columns, seen, d, some, zero,
            )  # fmt: skip
        softmax_columns(look, t, columns, 1.0 / math.sqrt(d))
        for c in range(0, t, SEEN_AT_ONCE):
            some, seen = min(SEEN_AT_ONCE, t - c), min(c + SEEN_AT_ONCE, t)
            product(
                space, at(values, head), one, 3 * row, at(look, c), columns, one,
                at(found, turned + c), columns, d, seen, some, zero,
            )  # fmt: skip
    transpose(found, columns, attended, row, row, t)


@njit
def _attend_briefly_backward(  # type: ignore[no-untyped-def]
    d_attended, d_found, qkv, row, looks, d_look, turned, derivatives, heads, d, t
):
    """As `_attend_briefly`, of `attend_backward`."""
    apart()
    one, line, wide = int64(1), 3 * row, width(qkv)
    d_queries, d_keys, d_values = derivatives
    scale = splat(qkv, 1.0 / math.sqrt(d))
    for h in range(heads):
        look, here = at(looks, h * wide * wide), h * d * wide
        queries, keys, values = at(qkv, h * d), at(qkv, row + h * d), at(qkv, 2 * row + h * d)
        sums = splat(qkv, 0.0)
        for u in range(t):
            change = _row_of(at(values, u * line), one, at(d_found, here), wide, d)
            store(d_look, u * wide, change)
            sums = muladd(load(look, u * wide), change, sums)
        for u in range(t):
            change = load(look, u * wide) * (load(d_look, u * wide) - sums) * scale
            store(d_look, u * wide, change)
        for i in range(d):
            store(d_queries, here + i * wide, _row_of(at(keys, i), line, d_look, wide, t))
        transpose_block(look, wide, turned, wide)
        for i in range(d):
            change = _row_of(at(d_attended, h * d + i), row, turned, wide, t)
            store(d_values, here + i * wide, change)
        transpose_block(d_look, wide, turned, wide)
        for i in range(d):
            store(d_keys, here + i * wide, _row_of(at(queries, i), line, turned, wide, t))


@njit
def attend_backward(  # type: ignore[no-untyped-def]
    shape, room, space, qkv, looks, d_attended, d_qkv, t
):
    """d_attended (T, C) -> d_qkv (T, 3C), for one document."""
    apart()
    d, row = shape.head_dim, shape.row
    zero, one = int64(0), int64(1)
    columns = up(qkv, t)
    d_found = at(space, room.turned)  # (C, T), as are the three derivatives
    d_queries = at(space, room.turned + room.turned_size)
    d_keys = at(space, room.turned + 2 * room.turned_size)
    d_values = at(space, room.turned + 3 * room.turned_size)
    d_look, turned_look = at(space, room.d_looks), at(space, room.looks_turned)  # (T, T)
    for derivative in (d_queries, d_keys, d_values):
        clear(derivative, shape.n_embd * columns, row * columns)
    transpose(d_attended, row, d_found, columns, t, row)
    brief = columns == width(qkv)
    if brief:
        _attend_briefly_backward(
            d_attended, d_found, qkv, row, looks, d_look, turned_look,
            (d_queries, d_keys, d_values), shape.n_head, d, t,
        )  # fmt: skip
    for h in range(0 if brief else shape.n_head):
        head, turned = h * d, h * d * columns
        look = at(looks, h * columns * columns)
        queries, keys, values = at(qkv, head), at(qkv, row + head), at(qkv, 2 * row + head)
        for c in range(0, t, SEEN_AT_ONCE):
            some, seen = min(SEEN_AT_ONCE, t - c), min(c + SEEN_AT_ONCE, t)
            product(
                space, values, 3 * row, one, at(d_found, turned + c), columns, one, at(d_look, c),
                columns, seen, d, some, zero,
            )  # fmt: skip
        transpose(look, columns, turned_look, columns, t, t)
        for c in range(0, t, SEEN_AT_ONCE):  # the tokens seen are columns now, those from c on look
            some, corner = min(SEEN_AT_ONCE, t - c), c * columns + c
            product(
                space, at(d_attended, c * row + head), one, row, at(turned_look, corner), columns,
                one, at(d_values, turned + c), columns, d, t - c, some, zero,
            )  # fmt: skip
        softmax_columns_backward(look, d_look, t, columns, 1.0 / math.sqrt(d))
        for c in range(0, t, SEEN_AT_ONCE):
            some, seen = min(SEEN_AT_ONCE, t - c), min(c + SEEN_AT_ONCE, t)
            product(
                space, keys, one, 3 * row, at(d_look, c), columns, one, at(d_queries, turned + c),
                columns, d, seen, some, zero,
            )  # fmt: skip
        transpose(d_look, columns, turned_look, columns, t, t)
        for c in range(0, t, SEEN_AT_ONCE):
            some, corner = min(SEEN_AT_ONCE, t - c), c * columns + c
            product(
                space, at(queries, c * 3 * row), one, 3 * row, at(turned_look, corner), columns,
                one, at(d_keys, turned + c), columns, d, t - c, some, zero,
            )  # fmt: skip
    transpose(d_queries, columns, d_qkv, 3 * row, row, t)
    transpose(d_keys, columns, at(d_qkv, row), 3 * row, row, t)
    transpose(d_values, columns, at(d_qkv, 2 * row), 3 * row, row, t)


@njit
def forward(  # type: ignore[no-untyped-def]
    shape, room, weights, turned, space, tokens, starts, documents, losses, whole
):
    """Some documents: losses (N) in nats; logits become d(mean loss)/d(logits). Returns N.

    whole: tokens to predict in the whole batch, of which these documents may be a part.
    Document i is tokens[starts[i]] ... tokens[starts[i + 1] - 1], at most block_size + 1 of them.
    """
    apart()
    zero, one = int64(0), int64(1)
    row, hidden, c = shape.row, shape.hidden, shape.n_embd
    stream, embedded = at(space, room.stream), at(space, room.embedded)
    n = starts[documents] - starts[0] - documents
    first = 0
    for i in range(documents):
        for position in range(starts[i + 1] - starts[i] - 1):
            token = tokens[starts[i] + position]
            for j in range(0, row, width(weights)):
                position_row = load(weights, shape.wpe + position * row + j)
                store(stream, first + j, load(weights, token * row + j) + position_row)
            first += row
    normalize(stream, embedded, at(space, room.scales), n, row, c)
    for i in range(0, n * row, width(stream)):
        store(stream, i, load(embedded, i))

    for layer in range(shape.n_layer):
        place = shape.layers + layer * shape.layer
        tape = at(space, room.tapes + layer * room.tape)
        qkv, attended = at(tape, room.tape_qkv), at(tape, room.tape_attended)
        normalize(stream, tape, at(tape, room.tape_scales), n, row, c)
        linear(space, tape, weights, turned, place, qkv, n, row, 3 * row, c, zero)  # (N, 3C)
        first, looks = 0, at(tape, room.tape_looks)
        for i in range(documents):
            t = starts[i + 1] - starts[i] - 1
            attend(
                shape, room, space, at(qkv, first * 3 * row), looks, at(attended, first * row), t
            )
            columns = up(qkv, t)
            looks = at(looks, shape.n_head * columns * columns)
            first += t
        place += 3 * row * row
        linear(space, attended, weights, turned, place, stream, n, row, row, c, one)  # (N, C)
        place += row * row
        normed, activations = at(tape, room.tape_mlp), at(tape, room.tape_hidden)
        normalize(stream, normed, at(tape, room.tape_mlp_scales), n, row, c)
        linear(
            space, normed, weights, turned, place, activations, n, row, hidden, c, zero
        )  # (N, 4C)
        for i in range(0, n * hidden, width(weights)):
            store(activations, i, maximum(splat(weights, 0.0), load(activations, i)))
        place += hidden * row
        linear(
            space, activations, weights, turned, place, stream, n, hidden, row, 4 * c, one
        )  # (N, C)

    logits, v = at(space, room.logits), shape.logits
    linear(space, stream, weights, turned, shape.lm_head, logits, n, row, v, c, zero)  # (N, V)
    first = 0
    for i in range(documents):
        t = starts[i + 1] - starts[i] - 1
        targets = int_at(tokens, starts[i] + 1)
        losses_here, logits_here = at(losses, first), at(logits, first * v)
        cross_entropy(logits_here, v, shape.vocab_size, targets, losses_here, t, whole)
        first += t
    return n


@njit
def head_backward(shape, room, weights, space, n):  # type: ignore[no-untyped-def]
    """After `forward`: d(logits) (N, V) -> d(what the last layer made) (N, C)."""
    apart()
    zero, one, row, v = int64(0), int64(1), shape.row, shape.logits
    dx = at(space, room.d_out + shape.n_layer * room.d_layer)
    product(
        space, at(space, room.logits), v, one, at(weights, shape.lm_head), row, one, dx, row, n,
        shape.vocab_size, row, zero,
    )  # fmt: skip


@njit
def mlp_backward(shape, room, weights, space, layer, n):  # type: ignore[no-untyped-def]
    """d(what the layer made) -> d(its hidden units) and d(what it has after attention)."""
    apart()
    zero, one = int64(0), int64(1)
    row, hidden, c = shape.row, shape.hidden, shape.n_embd
    tape, slot = at(space, room.tapes + layer * room.tape), layer * room.d_layer
    dx, middle = at(space, room.d_out + room.d_layer + slot), at(space, room.d_middle + slot)
    d_hidden, dy = at(space, room.d_hidden + slot), at(space, room.d_normed)
    fc1 = shape.layers + layer * shape.layer + 4 * row * row
    fc2 = fc1 + hidden * row
    activations = at(tape, room.tape_hidden)
    product(
        space, dx, row, one, at(weights, fc2), hidden, one, d_hidden, hidden, n, c, hidden, zero
    )  # (N, 4C)
    for i in range(0, n * hidden, width(dx)):
        store(d_hidden, i, where_positive(load(activations, i), load(d_hidden, i)))
    product(
        space, d_hidden, hidden, one, at(weights, fc1), row, one, dy, row, n, 4 * c, row, zero
    )  # (N, C)
    scales = at(tape, room.tape_mlp_scales)
    normalize_backward(at(tape, room.tape_mlp), scales, dy, dx, middle, n, row, c)


@njit
def attention_backward(  # type: ignore[no-untyped-def]
    shape, room, weights, space, layer, starts, documents, n
):
    """d(what the layer has after attention) -> d(queries, keys, values) and d(what the layer
    got)."""
    apart()
    zero, one, row, c = int64(0), int64(1), shape.row, shape.n_embd
    tape, slot = at(space, room.tapes + layer * room.tape), layer * room.d_layer
    middle, below = at(space, room.d_middle + slot), at(space, room.d_out + slot)
    d_qkv, d_attended = at(space, room.d_qkv + slot), at(space, room.d_attended)
    dy, qkv, looks = at(space, room.d_normed), at(tape, room.tape_qkv), at(tape, room.tape_looks)
    place = shape.layers + layer * shape.layer
    wo = place + 3 * row * row
    product(space, middle, row, one, at(weights, wo), row, one, d_attended, row, n, c, row, zero)
    first = 0
    for i in range(documents):
        t = starts[i + 1] - starts[i] - 1
        attend_backward(
            shape, room, space, at(qkv, first * 3 * row), looks, at(d_attended, first * row),
            at(d_qkv, first * 3 * row), t,
        )  # fmt: skip
        columns = up(qkv, t)
        looks = at(looks, shape.n_head * columns * columns)
        first += t
    product(
        space, d_qkv, 3 * row, one, at(weights, place), row, one, dy, row, n, 3 * row, row, zero
    )  # (N, C)
    normalize_backward(tape, at(tape, room.tape_scales), dy, middle, below, n, row, c)


@njit
def embedding_backward(shape, room, space, n):  # type: ignore[no-untyped-def]
    """d(what the first layer got) -> d(the sum of the two embeddings), in place."""
    apart()
    row, dx, dy = shape.row, at(space, room.d_out), at(space, room.d_normed)
    clear(dy, int64(0), n * row)
    scales = at(space, room.scales)
    normalize_backward(at(space, room.embedded), scales, dx, dy, dx, n, row, shape.n_embd)


@njit
def share(floats, m, part, parts):  # type: ignore[no-untyped-def]
    """(the first of m rows that a thread is to compute, the one after its last)."""
    blocks = up(floats, m) // width(floats)
    first, last = blocks * part // parts, blocks * (part + 1) // parts
    return min(m, first * width(floats)), min(m, last * width(floats))


@njit
def head_gradients(  # type: ignore[no-untyped-def]
    shape, room, gradients, scratch, space, n, part, parts, onto
):
    """d(lm_head) (V, C), or the rows of one part of it; added to what is there if onto is 1, as are
    all gradients. scratch: of the thread that computes; space: of the tokens."""
    apart()
    one, row, v = int64(1), shape.row, shape.logits
    first, last = share(space, shape.vocab_size, part, parts)
    product(
        scratch, at(space, room.logits + first), one, v, at(space, room.stream), row, one,
        at(gradients, shape.lm_head + first * row), row, last - first, n, row, onto,
    )  # fmt: skip


@njit
def mlp_gradients(  # type: ignore[no-untyped-def]
    shape, room, gradients, scratch, space, layer, n, part, parts, onto
):
    """d(mlp_fc2) (C, 4C) and d(mlp_fc1) (4C, C)."""
    apart()
    one, row, hidden, c = int64(1), shape.row, shape.hidden, shape.n_embd
    tape, slot = at(space, room.tapes + layer * room.tape), layer * room.d_layer
    fc1 = shape.layers + layer * shape.layer + 4 * row * row
    fc2 = fc1 + hidden * row
    first, last = share(space, c, part, parts)
    product(
        scratch, at(space, room.d_out + room.d_layer + slot + first), one, row,
        at(tape, room.tape_hidden), hidden, one, at(gradients, fc2 + first * hidden), hidden,
        last - first, n, hidden, onto,
    )  # fmt: skip
    first, last = share(space, 4 * c, part, parts)
    product(
        scratch, at(space, room.d_hidden + slot + first), one, hidden, at(tape, room.tape_mlp), row,
        one, at(gradients, fc1 + first * row), row, last - first, n, row, onto,
    )  # fmt: skip


@njit
def attention_gradients(  # type: ignore[no-untyped-def]
    shape, room, gradients, scratch, space, layer, n, part, parts, onto
):
    """d(attn_wo) (C, C) and d(attn_wq, attn_wk, attn_wv) (3C, C)."""
    apart()
    one, row, c = int64(1), shape.row, shape.n_embd
    tape, slot = at(space, room.tapes + layer * room.tape), layer * room.d_layer
    place = shape.layers + layer * shape.layer
    wo = place + 3 * row * row
    first, last = share(space, c, part, parts)
    product(
        scratch, at(space, room.d_middle + slot + first), one, row, at(tape, room.tape_attended),
        row, one, at(gradients, wo + first * row), row, last - first, n, row, onto,
    )  # fmt: skip
    first, last = share(space, 3 * row, part, parts)
    product(
        scratch, at(space, room.d_qkv + slot + first), one, 3 * row, tape, row, one,
        at(gradients, place + first * row), row, last - first, n, row, onto,
    )  # fmt: skip


@njit
def embedding_gradients(  # type: ignore[no-untyped-def]
    shape, room, gradients, space, tokens, starts, documents, first, last
):
    """Add the derivatives of each token to a row of wte and a row of wpe, from one column to
    another."""
    apart()
    row, dx = shape.row, at(space, room.d_out)
    place = 0
    for i in range(documents):
        for position in range(starts[i + 1] - starts[i] - 1):
            token = tokens[starts[i] + position]
            for j in range(first, last, width(dx)):
                change = load(dx, place + j)
                of_token, of_position = token * row + j, shape.wpe + position * row + j
                store(gradients, of_token, load(gradients, of_token) + change)
                store(gradients, of_position, load(gradients, of_position) + change)
            place += row


@njit
def backward(  # type: ignore[no-untyped-def]
    shape, room, weights, gradients, space, tokens, starts, documents, n
):
    """After `forward` of the same batch: d(mean loss)/d(weight), replacing earlier gradients."""
    apart()
    zero, one = int64(0), int64(1)
    head_backward(shape, room, weights, space, n)
    head_gradients(shape, room, gradients, space, space, n, zero, one, zero)
    for layer in range(shape.n_layer - 1, -1, -1):
        mlp_backward(shape, room, weights, space, layer, n)
        mlp_gradients(shape, room, gradients, space, space, layer, n, zero, one, zero)
        attention_backward(shape, room, weights, space, layer, starts, documents, n)
        attention_gradients(shape, room, gradients, space, space, layer, n, zero, one, zero)
    embedding_backward(shape, room, space, n)
    clear(gradients, zero, shape.lm_head)
    embedding_gradients(shape, room, gradients, space, tokens, starts, documents, zero, shape.row)


@njit(forceinline=True)
def _updated(state, i, how):  # type: ignore[no-untyped-def]
    """Update the weights side by side from i on, with their moments."""
    weights, gradients, first_moment, second_moment = state
    rates, floor, keep1, take1, keep2, take2 = how
    g = load(gradients, i)
    m = muladd(keep1, load(first_moment, i), take1 * g)
    v = muladd(keep2, load(second_moment, i), take2 * g * g)
    store(first_moment, i, m)
    store(second_moment, i, v)
    store(weights, i, load(weights, i) + rates * m / (root(v) + floor))


@njit
def _adam_turning(state, turned, place, rows, columns, how):  # type: ignore[no-untyped-def]
    """Update a matrix, and make its transposed copy meanwhile, which then costs next to nothing:
    the processor is busy with roots and divisions."""
    apart()
    for r in range(0, rows, width(turned)):
        for c in range(0, columns, width(turned)):
            corner = place + r * columns + c
            for i in range(width(turned)):
                _updated(state, corner + i * columns, how)
            transpose_block(at(state[0], corner), columns, at(turned, place + c * rows + r), rows)


@njit
def _settle(moments, first, last):  # type: ignore[no-untyped-def]
    """Moments next to nothing become 0."""
    apart()
    for i in range(first, last, width(moments)):
        store(moments, i, above(load(moments, i), _NEXT_TO_NOTHING))


@njit
def adam(  # type: ignore[no-untyped-def]
    shape, memory, turning, rate, step, beta1, beta2, eps, first, last
):
    """Adam (Kingma & Ba 2014, arXiv:1412.6980), with the two bias corrections taken out of the
    loop as at the end of its section 2: into the rate, and into eps. step counts from 0.

    turning: 1 to keep the turned weights up to date, 0 to leave that to `turn`. first ... last: the
    weights to update, in whole vectors; all of them where `turning` is 1.
    """
    apart()
    root2 = math.sqrt(1.0 - beta2 ** (step + 1))
    weights = pointer(memory, memory.weights)
    rates = splat(weights, -rate * root2 / (1.0 - beta1 ** (step + 1)))
    floor = maximum(splat(weights, eps * root2), splat(weights, smallest(weights)))
    how = (
        rates, floor, splat(weights, beta1), splat(weights, 1.0 - beta1), splat(weights, beta2),
        splat(weights, 1.0 - beta2),
    )  # fmt: skip
    state = (
        weights, pointer(memory, memory.gradients), pointer(memory, memory.first_moment),
        pointer(memory, memory.second_moment),
    )  # fmt: skip
    if precise(weights) and step % SETTLED_EVERY == 0:
        _settle(state[2], first, last)
        _settle(state[3], first, last)
    stale = int_pointer(memory.stale)
    if not turning:
        for i in range(first, last, width(state[0])):
            _updated(state, i, how)
        stale[0] = 1
        return
    turned, row, hidden = pointer(memory, memory.turned), shape.row, shape.hidden
    for i in range(0, shape.lm_head, width(turned)):
        _updated(state, i, how)
    _adam_turning(state, turned, shape.lm_head, shape.logits, row, how)
    for layer in range(shape.n_layer):
        place = shape.layers + layer * shape.layer
        _adam_turning(state, turned, place, 3 * row, row, how)
        _adam_turning(state, turned, place + 3 * row * row, row, row, how)
        place += 4 * row * row
        _adam_turning(state, turned, place, hidden, row, how)
        _adam_turning(state, turned, place + hidden * row, row, hidden, how)
    stale[0] = 0
