"""The formulas: each piece of the model, forward and backward.

Each function below is called once for a number of documents B and a length T. The function makes
the arrays and the views that its formulas need, and returns the formulas themselves as functions
without arguments, which run once a step. At the default size a NumPy call costs more than the
arithmetic in it, so nothing is made, sliced or transposed in the formulas; every result goes
into an array that is there already.

Shapes: B documents, T tokens of each, N = B T, V vocab_size, C n_embd, H n_head, D head_dim.
`product(x, w.T, y)` is y = x wᵀ; then dx = dy w, and dw = dyᵀ x. `x` is the residual stream
(N, C) and `dx` is d(mean loss)/dx; both are changed in place, from block to block.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from microgpt_play_numpy.memory import Arena, Array, Block, Ids, aligned
from microgpt_play_numpy.products import product

Formula = Callable[[], None]
Pair = tuple[Formula, Formula]
"""The formulas forward and backward."""

_LONG = 64
"""Tokens from which on attention is computed in strips."""
_STRIP = 64
"""Tokens in a strip: with 256 tokens before them and 8 bytes a number, 128 KB."""
_SAFE = 600.0
"""With scores within ±600, exp cannot overflow, nor all of a row underflow, so the maximum need not
be taken off first. For few scores, one product is enough to tell: the sum of their squares. The row
maxima would cost six times as much."""
_FEW_SCORES = 8192
"""So few scores have a sum of squares that tells as much as their minimum and maximum, sooner."""
_ONE_HOT = 16384
"""Up to this many floats, N V, tokens are gathered by a product with a one-hot matrix."""

_FEW = 512
"""Up to this many numbers, a mean is computed once for each use of it: the product that computes
the copies costs less than a division of an array by a column."""


def constant(value: float) -> Array:
    """The value as an array without dimensions, which a ufunc takes faster than a Python float."""
    return np.array(value)


def filled(value: float, *shape: int) -> Array:
    """An array with that value everywhere; a product with such an array takes sums."""
    array = aligned(*shape)
    array.fill(value)
    return array


def row_sums(array: Array, sums: Array) -> Callable[[], object]:
    """sums (..., 1) = the sums over the last axis of (..., n)."""
    n = array.shape[-1]
    return product(array.reshape(-1, n), filled(1, n, 1), sums.reshape(-1, 1))


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
    mean_of_squares = product(products, filled(1 / n_embd, n_embd, width), root)
    minus_mean = product(products, filled(-1 / n_embd, n_embd, width), mean)
    eps = constant(1e-5)

    def forward() -> None:
        multiply(x, x, products)
        mean_of_squares()  # (N, 1), or the same in all of (N, C)
        add(root, eps, root)
        sqrt(root, root)
        divide(x, root, y)

    def backward(out: Array) -> None:
        multiply(dy, y, products)
        minus_mean()
        multiply(y, mean, products)
        add(products, dy, products)
        divide(products, root, out)

    return forward, backward


def softmax(arena: Arena, scores: Array, mask: Array | None = None) -> Formula:
    """Over the last axis, in place: e^score / Σ e^score.

    mask: (T, T), 1 where a token may look and 0 elsewhere.
    """
    exp, multiply, divide = np.exp, np.multiply, np.divide
    flat = scores.ravel()
    totals = arena.take(*scores.shape[:-1], 1)
    total = row_sums(scores, totals)
    few = len(flat) <= _FEW_SCORES
    hidden = None if mask is None else np.where(mask > 0, 0.0, -np.inf)

    def without_maximum() -> None:
        """Take the maxima off, so that exp cannot overflow; hidden scores become -inf."""
        if hidden is not None:
            np.add(scores, hidden, scores)
        np.subtract(scores, scores.max(axis=-1, keepdims=True), scores)

    def forward() -> None:
        # NaN is not safe, and the comparison with NaN is False.
        if not (flat.dot(flat) < _SAFE**2 if few else -_SAFE < flat.min() <= flat.max() < _SAFE):
            without_maximum()
        exp(scores, scores)
        if mask is not None:
            multiply(scores, mask, scores)
        total()
        divide(scores, totals, scores)

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
    first = np.arange(rows) * len(wte)
    gather = product(one_hot.T, d_summed, d_wte)
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
            gather()  # (V, C)
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

    x and x_before may be the same array; dx holds d/dx before backward, d/dx_before after it.
    """
    rows, n_embd = x.shape
    add = np.add
    y, dy, qkv, d_qkv = (arena.take(rows, width * n_embd) for width in (1, 1, 3, 3))
    attended, d_attended, out = (arena.take(rows, n_embd) for _ in range(3))
    heads = Heads(
        *by_heads(qkv, batch, n_head, 3), *by_heads(d_qkv, batch, n_head, 3),
        *by_heads(attended, batch, n_head), *by_heads(d_attended, batch, n_head),
    )  # fmt: skip
    kind = looking if rows // batch < _LONG else looking_in_strips
    look, look_backward = kind(arena, heads)

    norm_forward, norm_backward = norm(arena, x_before, y, dy)
    make_qkv = product(y, block.qkv.T, qkv)  # (N, 3C)
    project = product(attended, block.wo.T, out)  # (N, C)
    project_dw = product(dx.T, attended, d_block.wo)  # (C, C)
    project_dx = product(dx, block.wo, d_attended)  # (N, C)
    make_qkv_dw = product(d_qkv.T, y, d_block.qkv)  # (3C, C)
    make_qkv_dx = product(d_qkv, block.qkv, dy)  # (N, C)

    def forward() -> None:
        norm_forward()
        make_qkv()
        look()
        project()
        add(x_before, out, x)

    def backward() -> None:
        project_dw()
        project_dx()
        look_backward()
        make_qkv_dw()
        make_qkv_dx()
        norm_backward(dy)
        add(dx, dy, dx)

    return forward, backward


class Heads(NamedTuple):
    """What the heads of B documents read and write, each a view (B, H, T, D)."""

    q: Array
    k: Array
    v: Array
    dq: Array
    dk: Array
    dv: Array
    found: Array
    d_found: Array

    @property
    def scale(self) -> Array:
        """1 / √D, without dimensions."""
        return constant(1 / math.sqrt(self.q.shape[-1]))


def by_heads(matrix: Array, batch: int, n_head: int, thirds: int = 1) -> list[Array]:
    """The thirds of (N, 3C), or the whole of (N, C) -> (B, H, T, D) each, as views."""
    rows, width = matrix.shape
    heads = matrix.reshape(batch, rows // batch, thirds, n_head, width // thirds // n_head)
    return [heads[:, :, part].transpose(0, 2, 1, 3) for part in range(thirds)]


def looking(arena: Arena, heads: Heads) -> Pair:
    """found = softmax(q kᵀ / √D) v (Vaswani et al. 2017, arXiv:1706.03762, equation 1), for all
    heads and documents in each call."""
    q, k, v, dq, dk, dv, found, d_found = heads
    batch, n_head, length, _ = q.shape
    multiply, subtract, scale = np.multiply, np.subtract, heads.scale
    looks, d_looks, products = (arena.take(batch, n_head, length, length) for _ in range(3))
    sums = arena.take(batch, n_head, length, 1)
    looks_t, d_looks_t = looks.swapaxes(2, 3), d_looks.swapaxes(2, 3)

    compare = product(q, k.swapaxes(2, 3), looks)  # (B, H, T, T): who looks at whom how much
    softmax_forward = softmax(arena, looks, np.tri(length))
    attend = product(looks, v, found)  # (B, H, T, D), which is (N, C)
    attend_dv = product(looks_t, d_found, dv)
    attend_d_looks = product(d_found, v.swapaxes(2, 3), d_looks)  # (B, H, T, T)
    sum_products = row_sums(products, sums)  # (B, H, T, 1)
    compare_dq, compare_dk = product(d_looks, k, dq), product(d_looks_t, q, dk)

    def forward() -> None:
        compare()
        multiply(looks, scale, looks)
        softmax_forward()
        attend()

    def backward() -> None:
        attend_dv()
        attend_d_looks()
        multiply(looks, d_looks, products)
        sum_products()
        subtract(d_looks, sums, d_looks)  # d(softmax): looks (d_looks - Σ looks d_looks)
        multiply(d_looks, looks, d_looks)
        multiply(d_looks, scale, d_looks)
        compare_dq()
        compare_dk()

    return forward, backward


def looking_in_strips(arena: Arena, heads: Heads) -> Pair:
    """As `looking`, for long documents: head by head, a strip of tokens at a time with all before
    them. What comes later is not computed, and a strip stays in the processor's second cache."""
    batch, n_head, length, head_dim = heads.q.shape
    room = aligned(2, _STRIP * length), aligned(length, head_dim)
    pairs = [
        strip(arena, Heads(*(m[place] for m in heads)), start, room)
        for place in np.ndindex(batch, n_head)
        for start in range(0, length, _STRIP)
    ]

    def forward() -> None:
        for one, _ in pairs:
            one()

    def backward() -> None:
        for _, one in pairs:
            one()

    return forward, backward


def strip(arena: Arena, head: Heads, start: int, room: tuple[Array, Array]) -> Pair:
    """The tokens of one head from `start` on, as many as a strip has. All of `head` is (T, D).
    room: for what is needed within one call, shared by all strips."""
    multiply, subtract, divide = np.multiply, np.subtract, np.divide
    exp, add, matmul = np.exp, np.add, np.matmul
    end = min(start + _STRIP, len(head.q))
    q, dq, found, d_found = (m[start:end] for m in (head.q, head.dq, head.found, head.d_found))
    k, v = head.k[:end], head.v[:end]
    looks, scale = arena.take(end - start, end), head.scale
    d_looks, products = (m[: looks.size].reshape(looks.shape) for m in room[0])
    before, here, more = looks[:, :start], looks[:, start:], room[1][:start]
    d_before, d_here = d_looks[:, :start], d_looks[:, start:]
    later = np.triu(np.full(here.shape, -np.inf), 1)
    sums = aligned(end - start, 1)

    def forward() -> None:
        matmul(q, k.T, looks)
        multiply(looks, scale, looks)
        add(here, later, here)
        looks.max(1, out=sums[:, 0])
        subtract(looks, sums, looks)
        exp(looks, looks)
        looks.sum(1, out=sums[:, 0])
        divide(looks, sums, looks)
        matmul(looks, v, found)

    def backward() -> None:
        matmul(d_found, v.T, d_looks)
        multiply(looks, d_looks, products)
        products.sum(1, out=sums[:, 0])
        subtract(d_looks, sums, d_looks)  # d(softmax): looks (d_looks - Σ looks d_looks)
        multiply(d_looks, looks, d_looks)
        multiply(d_looks, scale, d_looks)
        matmul(d_looks, k, dq)
        # The first strip that a token is seen from is its own: that writes, the others add.
        matmul(here.T, d_found, head.dv[start:end])
        matmul(d_here.T, q, head.dk[start:end])
        if start:
            matmul(before.T, d_found, more)
            add(head.dv[:start], more, head.dv[:start])
            matmul(d_before.T, q, more)
            add(head.dk[:start], more, head.dk[:start])

    return forward, backward


def mlp(arena: Arena, block: Block, d_block: Block, x: Array, dx: Array) -> Pair:
    """x += fc2 relu(fc1 norm(x))."""
    rows, n_embd = x.shape
    multiply, add, maximum, sign = np.multiply, np.add, np.maximum, np.sign
    y, dy, out = (arena.take(rows, n_embd) for _ in range(3))
    hidden, d_hidden = (arena.take(rows, 4 * n_embd) for _ in range(2))
    zeros = aligned(rows, 4 * n_embd)  # an array is four times as fast here as a number
    norm_forward, norm_backward = norm(arena, x, y, dy)
    widen = product(y, block.fc1.T, hidden)  # (N, 4C)
    narrow = product(hidden, block.fc2.T, out)  # (N, C)
    narrow_dw = product(dx.T, hidden, d_block.fc2)  # (C, 4C)
    narrow_dx = product(dx, block.fc2, d_hidden)  # (N, 4C)
    widen_dw = product(d_hidden.T, y, d_block.fc1)  # (4C, C)
    widen_dx = product(d_hidden, block.fc1, dy)  # (N, C)

    def forward() -> None:
        norm_forward()
        widen()
        maximum(hidden, zeros, out=hidden)  # relu
        narrow()
        add(x, out, x)

    def backward() -> None:
        narrow_dw()
        narrow_dx()
        sign(hidden, hidden)  # d(relu): 1 where it let through, 0 elsewhere
        multiply(d_hidden, hidden, d_hidden)
        widen_dw()
        widen_dx()
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
    probs, at_target = arena.take(rows, vocab_size), arena.take(rows)
    zero, one = constant(0.0), constant(1.0)
    make_logits = product(x, lm_head.T, probs)  # (N, V)
    softmax_forward = softmax(arena, probs)
    make_logits_dw = product(probs.T, x, d_lm_head)  # (V, C)
    make_logits_dx = product(probs, lm_head, dx)  # (N, C)

    def forward(targets: Ids) -> None:
        make_logits()
        softmax_forward()
        probs.take(targets, None, at_target, "clip")
        log(at_target, losses)
        subtract(zero, losses, losses)  # a certain token costs 0.0, not -0.0

    def backward(targets: Ids, weight: Array) -> None:
        # d(cross-entropy)/d(logits): the probabilities, less 1 at the target.
        subtract(at_target, one, at_target)
        probs.put(targets, at_target)
        multiply(probs, weight, probs)
        make_logits_dw()
        make_logits_dx()

    return forward, backward
