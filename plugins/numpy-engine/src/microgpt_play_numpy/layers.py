"""The formulas: each piece of the model, forward and backward.

Each function below is called once for a number of documents B and a length T. It makes the
arrays and the views that its formulas need, and returns the formulas themselves as functions
without arguments, which run once a step. At the default size a NumPy call costs more than the
arithmetic in it, so nothing is made, sliced or transposed in the formulas; every result goes
into an array that is there already.

Shapes: B documents, T tokens of each, N = B T, V vocab_size, C n_embd, H n_head, D head_dim.
`x.dot(w_t, y)` is y = x wᵀ; then dx = dy w, and dw = dyᵀ x. `x` is the residual stream (N, C)
and `dx` is d(mean loss)/dx; both are changed in place, from block to block.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from microgpt_play_numpy.memory import Arena, Array, Block, Ids, aligned

Formula = Callable[[], None]
Pair = tuple[Formula, Formula]
"""Forward, backward."""

_SAFE = 600.0**2
"""Scores whose squares add up to less than this all lie within ±600: exp can neither overflow
nor all of a row underflow, and the maximum need not be taken off first. One product with
itself tells; the row maxima would cost six times as much."""

_ONE_HOT = 16384
"""Up to this many floats, N V, tokens are gathered by a product with a one-hot matrix."""

_FEW = 512
"""Up to this many numbers, a mean is made as many times as it is used: the product that makes
them costs less than a division of an array by a column."""


def constant(value: float) -> Array:
    """As an array without dimensions, which a ufunc takes faster than a Python float."""
    return np.array(value)


def filled(value: float, *shape: int) -> Array:
    """That value everywhere; with it, a product takes sums."""
    array = aligned(*shape)
    array.fill(value)
    return array


def norm(arena: Arena, x: Array, y: Array, dy: Array) -> tuple[Formula, Callable[[Array], None]]:
    """RMSNorm (Zhang & Sennrich 2019, arXiv:1910.07467; no gain): y = x / √(mean(x²) + 1e-5).

    backward(out) writes dx = (dy - y mean(dy y)) / √(mean(x²) + 1e-5) into `out`, which may be
    `dy`. All (N, C).
    """
    rows, n_embd = x.shape
    multiply, add, divide, sqrt = np.multiply, np.add, np.divide, np.sqrt
    width = n_embd if x.size <= _FEW else 1
    products, root, mean = (
        arena.take(rows, n_embd),
        arena.take(rows, width),
        arena.take(rows, width),
    )
    mean_of, minus_mean_of = (filled(sign / n_embd, n_embd, width) for sign in (1, -1))
    eps = constant(1e-5)

    def forward() -> None:
        multiply(x, x, products)
        products.dot(mean_of, root)  # (N, 1), or the same in all of (N, C)
        add(root, eps, root)
        sqrt(root, root)
        divide(x, root, y)

    def backward(out: Array) -> None:
        multiply(dy, y, products)
        products.dot(minus_mean_of, mean)
        multiply(y, mean, products)
        add(products, dy, products)
        divide(products, root, out)

    return forward, backward


def softmax(scores: Array, totals: Array, mask: Array | None = None) -> Formula:
    """Over the last axis, in place: e^score / Σ e^score.

    totals: room for a sum a row. mask: (T, T), 1 where a token may look and 0 elsewhere.
    """
    exp, multiply, divide = np.exp, np.multiply, np.divide
    flat, rows = scores.ravel(), scores.reshape(-1, scores.shape[-1])
    totals_flat, totals_column = totals.ravel(), totals[..., None]
    ones = filled(1, scores.shape[-1])
    hidden = None if mask is None else np.where(mask > 0, 0.0, -np.inf)

    def without_maximum() -> None:
        """exp cannot overflow after this. A hidden score becomes -inf: e to it is 0."""
        if hidden is not None:
            np.add(scores, hidden, scores)
        np.subtract(scores, scores.max(axis=-1, keepdims=True), scores)

    def forward() -> None:
        if not flat.dot(flat) < _SAFE:  # NaN is not safe either
            without_maximum()
        exp(scores, scores)
        if mask is not None:
            multiply(scores, mask, scores)
        rows.dot(ones, totals_flat)
        divide(scores, totals_column, scores)

    return forward


def embedding(
    arena: Arena,
    wte: Array,
    wpe: Array,
    d_wte: Array,
    d_wpe: Array,
    y: Array,
    dy: Array,
    batch: int,
) -> tuple[Callable[[Ids], None], Callable[[Ids], None]]:
    """y = norm(wte[token] + wpe[position]); both take the token ids (N)."""
    rows, n_embd = y.shape
    length = rows // batch
    add = np.add
    summed = arena.take(rows, n_embd)
    by_document = summed.reshape(batch, length, n_embd)
    positions, d_positions, d_beyond = wpe[:length], d_wpe[:length], d_wpe[length:]
    d_summed = d_positions if batch == 1 else arena.take(rows, n_embd)
    d_by_document = d_summed.reshape(batch, length, n_embd)
    one, zero = np.ones(1), np.zeros(1)
    one_hot = aligned(rows, len(wte) if rows * len(wte) <= _ONE_HOT else 0)
    one_hot_t, first = one_hot.T, np.arange(rows) * len(wte)
    norm_forward, norm_backward = norm(arena, summed, y, dy)

    def forward(tokens: Ids) -> None:
        wte.take(tokens, 0, summed, "clip")  # the ids are checked; "raise" would copy
        add(by_document, positions, by_document)
        norm_forward()

    def backward(tokens: Ids) -> None:
        norm_backward(d_summed)
        if batch > 1:
            d_by_document.sum(0, out=d_positions)
        d_beyond.fill(0)
        if one_hot.size:
            at = first + tokens
            one_hot.put(at, one)
            one_hot_t.dot(d_summed, d_wte)  # (V, C)
            one_hot.put(at, zero)
        else:
            d_wte.fill(0)
            add.at(d_wte, tokens, d_summed)

    return forward, backward


def attention(
    arena: Arena,
    block: Block,
    d_block: Block,
    x_before: Array,
    x: Array,
    dx: Array,
    batch: int,
    n_head: int,
) -> Pair:
    """x = x_before + wo attend(wq y, wk y, wv y), y = norm(x_before).

    The two may be the same array; dx holds d/dx before backward, d/dx_before after it.
    """
    rows, n_embd = x.shape
    length, head_dim = rows // batch, n_embd // n_head
    multiply, add, subtract, matmul = np.multiply, np.add, np.subtract, np.matmul

    y, dy, qkv, d_qkv = (arena.take(rows, width * n_embd) for width in (1, 1, 3, 3))
    attended, d_attended, out = (arena.take(rows, n_embd) for _ in range(3))
    looks, d_looks, products = (arena.take(batch, n_head, length, length) for _ in range(3))
    totals = arena.take(batch, n_head, length)
    totals_flat, totals_column = totals.ravel(), totals[..., None]
    products_rows = products.reshape(-1, length)

    def by_head(matrix: Array, part: int = 0) -> Array:
        """(N, C) or one third of (N, 3C) -> (B, H, T, D), a view."""
        heads = matrix.reshape(batch, length, -1, n_head, head_dim)
        return heads[:, :, part].transpose(0, 2, 1, 3)

    q, k, v = (by_head(qkv, part) for part in range(3))
    dq, dk, dv = (by_head(d_qkv, part) for part in range(3))
    attended_h, d_attended_h = by_head(attended), by_head(d_attended)
    k_t, v_t, looks_t, d_looks_t = (a.swapaxes(2, 3) for a in (k, v, looks, d_looks))
    qkv_t, wo_t, d_qkv_t, dx_t = block.qkv.T, block.wo.T, d_qkv.T, dx.T
    scale = constant(1 / math.sqrt(head_dim))
    softmax_forward = softmax(looks, totals, np.tri(length))
    norm_forward, norm_backward = norm(arena, x_before, y, dy)
    qkv_w, wo, d_qkv_w, d_wo = block.qkv, block.wo, d_block.qkv, d_block.wo
    ones = filled(1, length)

    def forward() -> None:
        norm_forward()
        y.dot(qkv_t, qkv)  # (N, 3C)
        matmul(q, k_t, looks)  # (B, H, T, T): who looks at whom how much
        multiply(looks, scale, looks)
        softmax_forward()
        matmul(looks, v, attended_h)  # (B, H, T, D), which is (N, C)
        attended.dot(wo_t, out)
        add(x_before, out, x)

    def backward() -> None:
        dx_t.dot(attended, d_wo)  # (C, C)
        dx.dot(wo, d_attended)  # (N, C)
        matmul(looks_t, d_attended_h, dv)
        matmul(d_attended_h, v_t, d_looks)  # (B, H, T, T)
        multiply(looks, d_looks, products)
        products_rows.dot(ones, totals_flat)
        subtract(d_looks, totals_column, d_looks)  # d(softmax): looks (d_looks - Σ looks d_looks)
        multiply(d_looks, looks, d_looks)
        multiply(d_looks, scale, d_looks)
        matmul(d_looks, k, dq)
        matmul(d_looks_t, q, dk)
        d_qkv_t.dot(y, d_qkv_w)  # (3C, C)
        d_qkv.dot(qkv_w, dy)  # (N, C)
        norm_backward(dy)
        add(dx, dy, dx)

    return forward, backward


def mlp(arena: Arena, block: Block, d_block: Block, x: Array, dx: Array) -> Pair:
    """x += fc2 relu(fc1 norm(x))."""
    rows, n_embd = x.shape
    multiply, add, maximum, sign = np.multiply, np.add, np.maximum, np.sign
    y, dy, out = (arena.take(rows, n_embd) for _ in range(3))
    hidden, d_hidden = (arena.take(rows, 4 * n_embd) for _ in range(2))
    zeros = aligned(rows, 4 * n_embd)  # an array: four times as fast as a number here
    norm_forward, norm_backward = norm(arena, x, y, dy)
    fc1, fc2, d_fc1, d_fc2 = block.fc1, block.fc2, d_block.fc1, d_block.fc2
    fc1_t, fc2_t, dx_t, d_hidden_t = fc1.T, fc2.T, dx.T, d_hidden.T

    def forward() -> None:
        norm_forward()
        y.dot(fc1_t, hidden)  # (N, 4C)
        maximum(hidden, zeros, out=hidden)  # relu
        hidden.dot(fc2_t, out)  # (N, C)
        add(x, out, x)

    def backward() -> None:
        dx_t.dot(hidden, d_fc2)  # (C, 4C)
        dx.dot(fc2, d_hidden)  # (N, 4C)
        sign(hidden, hidden)  # d(relu): 1 where it let through, 0 elsewhere
        multiply(d_hidden, hidden, d_hidden)
        d_hidden_t.dot(y, d_fc1)  # (4C, C)
        d_hidden.dot(fc1, dy)  # (N, C)
        norm_backward(dy)
        add(dx, dy, dx)

    return forward, backward


def head(
    arena: Arena, lm_head: Array, d_lm_head: Array, x: Array, dx: Array, losses: Array
) -> tuple[Callable[[Ids], None], Callable[[Ids, Array], None]]:
    """losses (N) = -log softmax(lm_head x)[target], in nats.

    Both take the targets (N) as indices into the flat (N, V) logits; backward also takes the
    weight of each loss in the mean, as a constant or as a column (N, 1).
    """
    rows, vocab_size = x.shape[0], lm_head.shape[0]
    multiply, subtract, log = np.multiply, np.subtract, np.log
    probs, at_target, totals = arena.take(rows, vocab_size), arena.take(rows), arena.take(rows)
    lm_head_t, probs_t = lm_head.T, probs.T
    zero, one = constant(0.0), constant(1.0)
    softmax_forward = softmax(probs, totals)

    def forward(targets: Ids) -> None:
        x.dot(lm_head_t, probs)  # (N, V)
        softmax_forward()
        probs.take(targets, None, at_target, "clip")
        log(at_target, losses)
        subtract(zero, losses, losses)  # a certain token costs 0.0, not -0.0

    def backward(targets: Ids, weight: Array) -> None:
        # d(cross-entropy)/d(logits): the probabilities, less 1 at the target.
        subtract(at_target, one, at_target)
        probs.put(targets, at_target)
        multiply(probs, weight, probs)
        probs_t.dot(x, d_lm_head)  # (V, C)
        probs.dot(lm_head, dx)  # (N, C)

    return forward, backward
