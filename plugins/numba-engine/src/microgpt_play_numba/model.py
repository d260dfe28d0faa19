"""The model, forward and backward, and its optimizer, on padded matrices in memory.

The mathematics is that of microgpt's scalar engine, with the backward pass derived by hand. A
product with a weight matrix w is y = x wᵀ, so forward the weights are needed turned (transposed):
`turn` makes that copy after each update. Then dx = dy w, and dw = dyᵀ x.

Shapes stand beside the lines that change one: N tokens in the batch, T tokens of one document,
V vocab_size, C n_embd, H n_head, D head_dim; rows in memory are padded (`shape.Shape`).
"""

from __future__ import annotations

import math

from numba import int64, njit

from microgpt_play_numba.lanes import (
    apart,
    at,
    int_at,
    load,
    maximum,
    muladd,
    root,
    splat,
    store,
    where_positive,
)
from microgpt_play_numba.products import (
    cross_entropy,
    normalize,
    normalize_backward,
    product,
    softmax_columns,
    softmax_columns_backward,
    transpose,
)
from microgpt_play_numba.shape import WIDTH


@njit
def turn(shape, weights, turned):  # type: ignore[no-untyped-def]
    """turned = every matrix of the weights transposed, but for wte and wpe, each in its place."""
    apart()
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


@njit
def clear(floats, start, stop):  # type: ignore[no-untyped-def]
    """Zeros from `start` to before `stop`, both multiples of eight."""
    for i in range(start, stop, WIDTH):
        store(floats, i, splat(0.0))


@njit
def attend(shape, room, space, qkv, looks, attended, t):  # type: ignore[no-untyped-def]
    """One document's attention: qkv (T, 3C) -> looks (H, T, T), attended (T, C).

    Head by head, with the tokens that look as columns: softmax(k qᵀ / √D) (T, T), then vᵀ times
    that (D, T). Vaswani et al. 2017, arXiv:1706.03762, equation 1.
    """
    apart()
    d, row = shape.head_dim, shape.row
    zero, one = int64(0), int64(1)
    columns = (t + WIDTH - 1) // WIDTH * WIDTH
    queries = at(space, room.turned)  # (C, T)
    found = at(space, room.turned + room.turned_size)  # (C, T)
    clear(found, shape.n_embd * columns, row * columns)
    transpose(qkv, 3 * row, queries, columns, t, row)
    for h in range(shape.n_head):
        head, turned = h * d, h * d * columns
        look, keys, values = at(looks, h * columns * columns), at(qkv, row), at(qkv, 2 * row)
        product(
            space,
            at(keys, head),
            3 * row,
            one,
            at(queries, turned),
            columns,
            look,
            columns,
            t,
            d,
            t,
            zero,
        )
        softmax_columns(look, t, columns, 1.0 / math.sqrt(d))
        product(
            space,
            at(values, head),
            one,
            3 * row,
            look,
            columns,
            at(found, turned),
            columns,
            d,
            t,
            t,
            zero,
        )
    transpose(found, columns, attended, row, row, t)


@njit
def attend_backward(  # type: ignore[no-untyped-def]
    shape, room, space, qkv, looks, d_attended, d_qkv, t
):
    """d_attended (T, C) -> d_qkv (T, 3C), for one document."""
    apart()
    d, row = shape.head_dim, shape.row
    zero, one = int64(0), int64(1)
    columns = (t + WIDTH - 1) // WIDTH * WIDTH
    d_found = at(space, room.turned)  # (C, T), as are the three derivatives
    d_queries = at(space, room.turned + room.turned_size)
    d_keys = at(space, room.turned + 2 * room.turned_size)
    d_values = at(space, room.turned + 3 * room.turned_size)
    d_look, turned_look = at(space, room.d_looks), at(space, room.looks_turned)  # (T, T)
    for derivative in (d_queries, d_keys, d_values):
        clear(derivative, shape.n_embd * columns, row * columns)
    transpose(d_attended, row, d_found, columns, t, row)
    for h in range(shape.n_head):
        head, turned = h * d, h * d * columns
        look = at(looks, h * columns * columns)
        queries, keys, values = at(qkv, head), at(qkv, row + head), at(qkv, 2 * row + head)
        product(
            space,
            values,
            3 * row,
            one,
            at(d_found, turned),
            columns,
            d_look,
            columns,
            t,
            d,
            t,
            zero,
        )
        transpose(look, columns, turned_look, columns, t, t)
        product(
            space, at(d_attended, head), one, row, turned_look, columns,
            at(d_values, turned), columns, d, t, t, zero,
        )  # fmt: skip
        softmax_columns_backward(look, d_look, t, columns, 1.0 / math.sqrt(d))
        product(
            space,
            keys,
            one,
            3 * row,
            d_look,
            columns,
            at(d_queries, turned),
            columns,
            d,
            t,
            t,
            zero,
        )
        transpose(d_look, columns, turned_look, columns, t, t)
        product(
            space,
            queries,
            one,
            3 * row,
            turned_look,
            columns,
            at(d_keys, turned),
            columns,
            d,
            t,
            t,
            zero,
        )
    transpose(d_queries, columns, d_qkv, 3 * row, row, t)
    transpose(d_keys, columns, at(d_qkv, row), 3 * row, row, t)
    transpose(d_values, columns, at(d_qkv, 2 * row), 3 * row, row, t)


@njit
def forward(  # type: ignore[no-untyped-def]
    shape, room, weights, turned, space, tokens, starts, documents, losses
):
    """One batch: losses (N) in nats; logits become d(mean loss)/d(logits). Returns N.

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
            for j in range(0, row, WIDTH):
                position_row = load(weights, shape.wpe + position * row + j)
                store(stream, first + j, load(weights, token * row + j) + position_row)
            first += row
    normalize(stream, embedded, at(space, room.scales), n, row, c)
    for i in range(0, n * row, WIDTH):
        store(stream, i, load(embedded, i))

    for layer in range(shape.n_layer):
        w = at(turned, shape.layers + layer * shape.layer)
        tape = at(space, room.tapes + layer * room.tape)
        qkv, attended = at(tape, room.tape_qkv), at(tape, room.tape_attended)
        normalize(stream, tape, at(tape, room.tape_scales), n, row, c)
        product(space, tape, row, one, w, 3 * row, qkv, 3 * row, n, c, 3 * row, zero)  # (N, 3C)
        first, looks = 0, at(tape, room.tape_looks)
        for i in range(documents):
            t = starts[i + 1] - starts[i] - 1
            attend(
                shape, room, space, at(qkv, first * 3 * row), looks, at(attended, first * row), t
            )
            columns = (t + WIDTH - 1) // WIDTH * WIDTH
            looks = at(looks, shape.n_head * columns * columns)
            first += t
        w = at(w, 3 * row * row)
        product(space, attended, row, one, w, row, stream, row, n, c, row, one)  # (N, C)
        w = at(w, row * row)
        normed, activations = at(tape, room.tape_mlp), at(tape, room.tape_hidden)
        normalize(stream, normed, at(tape, room.tape_mlp_scales), n, row, c)
        product(
            space, normed, row, one, w, hidden, activations, hidden, n, c, hidden, zero
        )  # (N, 4C)
        for i in range(0, n * hidden, WIDTH):
            store(activations, i, maximum(splat(0.0), load(activations, i)))
        w = at(w, hidden * row)
        product(space, activations, hidden, one, w, row, stream, row, n, 4 * c, row, one)  # (N, C)

    logits, v = at(space, room.logits), shape.logits
    product(
        space, stream, row, one, at(turned, shape.lm_head), v, logits, v, n, c, v, zero
    )  # (N, V)
    first = 0
    for i in range(documents):
        t = starts[i + 1] - starts[i] - 1
        targets = int_at(tokens, starts[i] + 1)
        losses_here, logits_here = at(losses, first), at(logits, first * v)
        cross_entropy(logits_here, v, shape.vocab_size, targets, losses_here, t, n)
        first += t
    return n


@njit
def backward(  # type: ignore[no-untyped-def]
    shape, room, weights, gradients, space, tokens, starts, documents, n
):
    """After `forward` of the same batch: d(mean loss)/d(weight), replacing earlier gradients."""
    apart()
    zero, one = int64(0), int64(1)
    row, hidden, c, v = shape.row, shape.hidden, shape.n_embd, shape.logits
    stream, d_logits = at(space, room.stream), at(space, room.logits)
    dx, dy = at(space, room.d_stream), at(space, room.d_normed)  # (N, C)
    d_hidden, d_qkv = at(space, room.d_hidden), at(space, room.d_qkv)
    d_attended = at(space, room.d_attended)
    vocab_size = shape.vocab_size
    product(
        space,
        d_logits,
        one,
        v,
        stream,
        row,
        at(gradients, shape.lm_head),
        row,
        vocab_size,
        n,
        row,
        zero,
    )
    product(
        space, d_logits, v, one, at(weights, shape.lm_head), row, dx, row, n, vocab_size, row, zero
    )

    for layer in range(shape.n_layer - 1, -1, -1):
        place = shape.layers + layer * shape.layer
        tape = at(space, room.tapes + layer * room.tape)
        wo, fc1 = place + 3 * row * row, place + 4 * row * row
        fc2 = fc1 + hidden * row

        normed, activations = at(tape, room.tape_mlp), at(tape, room.tape_hidden)
        product(
            space, dx, one, row, activations, hidden, at(gradients, fc2), hidden, c, n, hidden, zero
        )
        product(space, dx, row, one, at(weights, fc2), hidden, d_hidden, hidden, n, c, hidden, zero)
        for i in range(0, n * hidden, WIDTH):
            store(d_hidden, i, where_positive(load(activations, i), load(d_hidden, i)))
        product(
            space, d_hidden, one, hidden, normed, row, at(gradients, fc1), row, 4 * c, n, row, zero
        )
        product(space, d_hidden, hidden, one, at(weights, fc1), row, dy, row, n, 4 * c, row, zero)
        normalize_backward(normed, at(tape, room.tape_mlp_scales), dy, dx, dx, n, row, c)

        qkv, attended = at(tape, room.tape_qkv), at(tape, room.tape_attended)
        product(space, dx, one, row, attended, row, at(gradients, wo), row, c, n, row, zero)
        product(space, dx, row, one, at(weights, wo), row, d_attended, row, n, c, row, zero)
        first, looks = 0, at(tape, room.tape_looks)
        for i in range(documents):
            t = starts[i + 1] - starts[i] - 1
            attend_backward(
                shape, room, space, at(qkv, first * 3 * row), looks,
                at(d_attended, first * row), at(d_qkv, first * 3 * row), t,
            )  # fmt: skip
            columns = (t + WIDTH - 1) // WIDTH * WIDTH
            looks = at(looks, shape.n_head * columns * columns)
            first += t
        product(
            space, d_qkv, one, 3 * row, tape, row, at(gradients, place), row, 3 * row, n, row, zero
        )
        product(space, d_qkv, 3 * row, one, at(weights, place), row, dy, row, n, 3 * row, row, zero)
        normalize_backward(tape, at(tape, room.tape_scales), dy, dx, dx, n, row, c)

    clear(dy, zero, n * row)
    normalize_backward(at(space, room.embedded), at(space, room.scales), dx, dy, dx, n, row, c)
    clear(gradients, zero, shape.lm_head)  # wte and wpe: each token adds to a row of either
    first = 0
    for i in range(documents):
        for position in range(starts[i + 1] - starts[i] - 1):
            token = tokens[starts[i] + position]
            for j in range(0, row, WIDTH):
                change = load(dx, first + j)
                of_token, of_position = token * row + j, shape.wpe + position * row + j
                store(gradients, of_token, load(gradients, of_token) + change)
                store(gradients, of_position, load(gradients, of_position) + change)
            first += row


@njit
def adam(  # type: ignore[no-untyped-def]
    weights, gradients, first_moment, second_moment, size, rate, step, beta1, beta2, eps
):
    """Adam (Kingma & Ba 2014, arXiv:1412.6980), with the two bias corrections taken out of the
    loop as at the end of its section 2: into the rate, and into eps. step counts from 0."""
    apart()
    root2 = math.sqrt(1.0 - beta2 ** (step + 1))
    rates = splat(-rate * root2 / (1.0 - beta1 ** (step + 1)))
    floor = splat(max(eps * root2, 5e-324))
    keep1, take1, keep2, take2 = splat(beta1), splat(1.0 - beta1), splat(beta2), splat(1.0 - beta2)
    for i in range(0, size, WIDTH):
        g = load(gradients, i)
        m = muladd(keep1, load(first_moment, i), take1 * g)
        v = muladd(keep2, load(second_moment, i), take2 * g * g)
        store(first_moment, i, m)
        store(second_moment, i, v)
        store(weights, i, load(weights, i) + rates * m / (root(v) + floor))
