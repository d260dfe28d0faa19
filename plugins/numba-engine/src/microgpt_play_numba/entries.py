"""The functions that Python calls, compiled once for every shape of model.

The functions take addresses (`Memory`), not arrays, since an array costs a microsecond to unpack.
The caller keeps the memory alive, and has checked every token id.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from numba import njit, typeof, types

from microgpt_play_numba.functions import normalize, softmax_row
from microgpt_play_numba.lanes import (
    apart,
    at,
    double_pointer,
    flush_tiny,
    int_at,
    int_pointer,
    load,
    maximum,
    pointer,
    restore,
    splat,
    store,
    up,
    width,
)
from microgpt_play_numba.model import (
    adam,
    attention_backward,
    attention_gradients,
    backward,
    clear,
    embedding_backward,
    embedding_gradients,
    forward,
    head_backward,
    head_gradients,
    mlp_backward,
    mlp_gradients,
    share,
    turn,
)
from microgpt_play_numba.products import WORTH_COPYING, product
from microgpt_play_numba.shape import Memory, Memory32, Room, Shape


def batch_pass(  # type: ignore[no-untyped-def]
    shape, room, memory, tokens, starts, documents, losses, derive
):
    """One batch forward, and backward too if derive is 1. Writes the token losses."""
    mode = flush_tiny(memory)
    weights, turned = pointer(memory, memory.weights), pointer(memory, memory.turned)
    space, losses_ = pointer(memory, memory.space), double_pointer(losses)
    tokens_, starts_ = int_pointer(tokens), int_pointer(starts)
    n = starts_[documents] - starts_[0] - documents
    if n < WORTH_COPYING:
        turn(shape, weights, turned, int_pointer(memory.stale))
    forward(shape, room, weights, turned, space, tokens_, starts_, documents, losses_, n)
    if derive:
        gradients = pointer(memory, memory.gradients)
        backward(shape, room, weights, gradients, space, tokens_, starts_, documents, n)
    restore(memory, mode)


def update(shape, memory, rate, step, beta1, beta2, eps):  # type: ignore[no-untyped-def]
    """One step of Adam."""
    mode = flush_tiny(memory)
    zero = types.int64(0)
    adam(shape, memory, zero, rate, step, beta1, beta2, eps, zero, shape.size)
    restore(memory, mode)


def part_pass(  # type: ignore[no-untyped-def]
    shape, room, memory, tokens, starts, documents, losses, whole, derive
):
    """Some documents of a batch, on one of several threads, with a space of its own: forward, and
    back to the derivatives of all that was computed if derive is 1. whole: tokens to predict in
    the batch, of which these documents have 32 or more."""
    mode = flush_tiny(memory)
    weights, turned = pointer(memory, memory.weights), pointer(memory, memory.turned)
    space, losses_ = pointer(memory, memory.space), double_pointer(losses)
    tokens_, starts_ = int_pointer(tokens), int_pointer(starts)
    n = starts_[documents] - starts_[0] - documents
    forward(shape, room, weights, turned, space, tokens_, starts_, documents, losses_, whole)
    if derive:
        head_backward(shape, room, weights, space, n)
        for layer in range(shape.n_layer - 1, -1, -1):
            mlp_backward(shape, room, weights, space, layer, n)
            attention_backward(shape, room, weights, space, layer, starts_, documents, n)
        embedding_backward(shape, room, space, n)
    restore(memory, mode)


def part_gradients(  # type: ignore[no-untyped-def]
    shape, room, memory, spaces, tokens, starts, edges, part, parts
):
    """Some rows of each gradient, over all tokens, after `part_pass` of all parts.

    spaces: the address of each part's space. edges: the first document of each part, and the
    number of documents. Each sum is taken over the parts in order, as one thread takes it.
    """
    mode = flush_tiny(memory)
    gradients, scratch = pointer(memory, memory.gradients), pointer(memory, memory.space)
    spaces_, edges_, tokens_ = int_pointer(spaces), int_pointer(edges), int_pointer(tokens)
    row = shape.row
    left, right = share(scratch, row, part, parts)
    for r in range(0, shape.lm_head, row):
        clear(gradients, r + left, r + right)
    for i in range(parts):
        space, onto = pointer(memory, spaces_[i]), types.int64(1 if i else 0)
        documents, starts_ = edges_[i + 1] - edges_[i], int_at(int_pointer(starts), edges_[i])
        n = starts_[documents] - starts_[0] - documents
        head_gradients(shape, room, gradients, scratch, space, n, part, parts, onto)
        for layer in range(shape.n_layer):
            mlp_gradients(shape, room, gradients, scratch, space, layer, n, part, parts, onto)
            attention_gradients(shape, room, gradients, scratch, space, layer, n, part, parts, onto)
        embedding_gradients(shape, room, gradients, space, tokens_, starts_, documents, left, right)
    restore(memory, mode)


def part_update(  # type: ignore[no-untyped-def]
    shape, memory, rate, step, beta1, beta2, eps, part, parts
):
    """One step of Adam, for some of the weights."""
    mode = flush_tiny(memory)
    first, last = share(pointer(memory, memory.weights), shape.size, part, parts)
    adam(shape, memory, types.int64(0), rate, step, beta1, beta2, eps, first, last)
    restore(memory, mode)


_COMPENSATED = sys.version_info >= (3, 12)
"""True if Python's `sum` makes up for rounding; `sum_of` then does too, for equal means."""


@njit
def sum_of(numbers, n):  # type: ignore[no-untyped-def]
    """The sum of n numbers, bit for bit what `sum` says on this Python."""
    apart()
    result, lost = 0.0, 0.0
    for i in range(n):
        x = numbers[i]
        larger = result + x
        lost += (result - larger) + x if abs(result) >= abs(x) else (x - larger) + result
        result = larger
    return result + lost if _COMPENSATED and math.isfinite(lost) else result


def train(  # type: ignore[no-untyped-def]
    shape, room, memory, tokens, starts, documents, rates, steps, step, beta1, beta2, eps,
    means, losses, sums,
):  # fmt: skip
    """Do `steps` steps with equally many documents each. Returns how many have a mean loss.

    If the last mean loss is not finite, its update was not made. losses: of the last step.
    sums: room for one number a document.
    """
    mode = flush_tiny(memory)
    weights, gradients = pointer(memory, memory.weights), pointer(memory, memory.gradients)
    turned, space = pointer(memory, memory.turned), pointer(memory, memory.space)
    losses_, sums_ = double_pointer(losses), double_pointer(sums)
    tokens_, rates_, means_ = int_pointer(tokens), double_pointer(rates), double_pointer(means)
    done = steps
    for i in range(steps):
        starts_ = int_at(int_pointer(starts), i * documents)
        n = starts_[documents] - starts_[0] - documents
        few = n < WORTH_COPYING
        if few:
            turn(shape, weights, turned, int_pointer(memory.stale))
        forward(shape, room, weights, turned, space, tokens_, starts_, documents, losses_, n)
        backward(shape, room, weights, gradients, space, tokens_, starts_, documents, n)
        first = 0
        for j in range(documents):
            some = starts_[j + 1] - starts_[j] - 1
            sums_[j] = sum_of(at(losses_, first), some)
            first += some
        mean = sum_of(sums_, documents) / n
        means_[i] = mean
        if not math.isfinite(mean):
            done = i + 1
            break
        adam(
            shape, memory, types.int64(1 if few else 0), rates_[i], step + i, beta1, beta2, eps,
            types.int64(0), shape.size,
        )  # fmt: skip
    restore(memory, mode)
    return done


def push(shape, memory, keys, values, work, token, position):  # type: ignore[no-untyped-def]
    """Read one more token of a text; its logits are then at the beginning of `work`.

    keys: (n_layer, C, block_size), a token a column; values: (n_layer, block_size, C); both
    padded. work: of `push_room` numbers.
    """
    zero, one = types.int64(0), types.int64(1)
    row, hidden, c, d = shape.row, shape.hidden, shape.n_embd, shape.head_dim
    seen = position + 1
    mode = flush_tiny(memory)
    weights, turned = pointer(memory, memory.weights), pointer(memory, memory.turned)
    logits = pointer(memory, work)
    columns = up(logits, shape.block_size)
    turn(shape, weights, turned, int_pointer(memory.stale))
    stream = at(logits, shape.logits)
    normed = at(stream, row)
    scale = at(normed, row)
    qkv = at(scale, width(scale))
    look = at(qkv, 3 * row)
    found = at(look, columns)
    activations = at(found, row + width(found))
    for j in range(0, row, width(stream)):
        position_row = load(weights, shape.wpe + position * row + j)
        store(stream, j, load(weights, token * row + j) + position_row)
    normalize(stream, stream, scale, one, row, c)
    for layer in range(shape.n_layer):
        w = at(turned, shape.layers + layer * shape.layer)
        layer_keys = at(pointer(memory, keys), layer * row * columns)
        layer_values = at(pointer(memory, values), layer * (row * columns + width(logits)))
        normalize(stream, normed, scale, one, row, c)
        product(
            logits, normed, row, one, w, 3 * row, one, qkv, 3 * row, one, c, 3 * row, zero
        )  # (3C)
        for j in range(row):
            layer_keys[j * columns + position] = qkv[row + j]
            layer_values[position * row + j] = qkv[2 * row + j]
        for h in range(shape.n_head):
            head = h * d
            product(
                logits, at(qkv, head), row, one, at(layer_keys, head * columns), columns, one, look,
                columns, one, d, seen, zero,
            )  # fmt: skip
            softmax_row(look, seen, 1.0 / math.sqrt(d))
            product(
                logits, look, columns, one, at(layer_values, head), row, one, at(found, head), row,
                one, seen, d, zero,
            )  # fmt: skip
        w = at(w, 3 * row * row)
        product(logits, found, row, one, w, row, one, stream, row, one, c, row, one)  # (C)
        w = at(w, row * row)
        normalize(stream, normed, scale, one, row, c)
        product(
            logits, normed, row, one, w, hidden, one, activations, hidden, one, c, hidden, zero
        )  # (4C)
        for j in range(0, hidden, width(logits)):
            store(activations, j, maximum(splat(logits, 0.0), load(activations, j)))
        w = at(w, hidden * row)
        product(
            logits, activations, hidden, one, w, row, one, stream, row, one, 4 * c, row, one
        )  # (C)
    head = at(turned, shape.lm_head)
    product(
        logits, stream, row, one, head, shape.logits, one, logits, row, one, c, shape.logits, zero
    )  # (V)
    restore(memory, mode)


_shape = typeof(Shape(*[0] * len(Shape._fields)))
_room = typeof(Room(*[0] * len(Room._fields)))
_int, _float = types.int64, types.float64


class Entry(NamedTuple):
    """A function that Python calls."""

    function: Any
    signature: Callable[[Any], Any]
    """From Numba's type of a Memory to the signature that the function is compiled for."""


ENTRIES = {
    "update": Entry(
        update, lambda memory: types.void(_shape, memory, _float, _int, _float, _float, _float)
    ),
    "batch_pass": Entry(
        batch_pass,
        lambda memory: types.void(_shape, _room, memory, _int, _int, _int, _int, _int),
    ),
    "push": Entry(push, lambda memory: types.void(_shape, memory, _int, _int, _int, _int, _int)),
    "train": Entry(
        train,
        lambda memory: _int(
            _shape, _room, memory, _int, _int, _int, _int, _int, _int, _float, _float, _float,
            _int, _int, _int,
        ),
    ),
}  # fmt: skip
PART_ENTRIES = {
    "part_pass": Entry(
        part_pass,
        lambda memory: types.void(_shape, _room, memory, _int, _int, _int, _int, _int, _int),
    ),
    "part_gradients": Entry(
        part_gradients,
        lambda memory: types.void(_shape, _room, memory, _int, _int, _int, _int, _int, _int),
    ),
    "part_update": Entry(
        part_update,
        lambda memory: types.void(
            _shape, memory, _float, _int, _float, _float, _float, _int, _int
        ),
    ),
}  # fmt: skip
"""What several threads call, each for its part."""
MEMORIES = {
    "float64": typeof(Memory(*[0] * len(Memory._fields))),
    "float32": typeof(Memory32(*[0] * len(Memory._fields))),
}
"""Numba's type of a memory, by precision."""
