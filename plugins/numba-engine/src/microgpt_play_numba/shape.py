"""The places in memory: of the padded matrices of a model, and of the room for a batch."""

from __future__ import annotations

from typing import NamedTuple

from microgpt.config import ModelConfig

WIDTHS = {"float64": 8, "float32": 16}
"""Numbers that the kernels take at once, by their precision: 64 bytes."""
BLOCK_DEPTH = 256
"""The most columns of the left matrix in a block of a product: 16 columns of the right one are 32
KB then."""
BLOCK_ROWS = 264
"""The most rows of the left matrix in a block: 400 KB, which fit the second cache. A multiple of
the rows of every tile."""


def scratch(width: int) -> int:
    """Numbers that `products.product` needs room for."""
    return BLOCK_DEPTH * (2 * width + BLOCK_ROWS) + width * width


def padded(n: int, width: int) -> int:
    """n, rounded up to a multiple of the width: the length of a row in memory."""
    return -(-n // width) * width


class Shape(NamedTuple):
    """A model's measures, as the kernels need them. All offsets count numbers."""

    width: int
    """Numbers side by side, as in WIDTHS."""
    n_layer: int
    n_head: int
    head_dim: int
    n_embd: int
    vocab_size: int
    block_size: int
    row: int
    """n_embd, padded."""
    hidden: int
    """4 n_embd, padded."""
    logits: int
    """vocab_size, padded."""
    wpe: int
    """The place where wpe begins; wte begins at 0."""
    lm_head: int
    layers: int
    """The place where the first layer begins."""
    layer: int
    """Numbers in a layer: attn_wq, attn_wk, attn_wv, attn_wo, mlp_fc1, mlp_fc2."""
    size: int
    """Numbers of the whole model."""


def shape_of(config: ModelConfig, width: int) -> Shape:
    """The shape of a model: each matrix has padded rows, and a padded number of rows."""
    row, hidden = padded(config.n_embd, width), padded(4 * config.n_embd, width)
    logits = padded(config.vocab_size, width)
    wpe = logits * row
    lm_head = wpe + padded(config.block_size, width) * row
    layers = lm_head + logits * row
    layer = 4 * row * row + 2 * hidden * row
    return Shape(
        width=width,
        n_layer=config.n_layer,
        n_head=config.n_head,
        head_dim=config.head_dim,
        n_embd=config.n_embd,
        vocab_size=config.vocab_size,
        block_size=config.block_size,
        row=row,
        hidden=hidden,
        logits=logits,
        wpe=wpe,
        lm_head=lm_head,
        layers=layers,
        layer=layer,
        size=layers + config.n_layer * layer,
    )


class Memory(NamedTuple):
    """Addresses, of float64 unless the type is named; 0 for what a function does not use."""

    weights: int
    turned: int
    """The weights, each matrix transposed."""
    stale: int
    """One int64: 0 if `turned` is made from the weights as they are, and 1 if not."""
    gradients: int = 0
    first_moment: int = 0
    second_moment: int = 0
    space: int = 0
    """The buffer that `Room` divides up."""


class Memory32(Memory):
    """As Memory, of float32. The kernels see by the type of a memory which precision is meant."""

    __slots__ = ()


class Room(NamedTuple):
    """The places that the kernels write to while a batch goes through the model.

    Offsets into one buffer, which begins with `scratch` numbers for `product`. Matrices of N
    rows have a width of rows more, for blocks that reach beyond the end. Results that the backward
    pass needs are kept once a layer.
    """

    stream: int
    """(N, row): the residual stream."""
    embedded: int
    """(N, row): the embeddings, normalized."""
    scales: int
    """(N): the scales of that normalization."""
    logits: int
    """(N, logits), then their derivatives."""
    d_normed: int
    d_attended: int
    """(N, row) each"""
    d_out: int
    """(N, row): the derivatives of what the first layer gets, and, d_layer further, of what it
    makes; another d_layer further, of what the second makes, and so on."""
    d_middle: int
    """(N, row): of what a layer has after attention"""
    d_qkv: int
    """(N, 3 row)"""
    d_hidden: int
    """(N, hidden)"""
    d_layer: int
    """From a layer's derivatives to the next layer's; 0 if all layers take the same place in turn,
    since the gradients of one are made before the next."""
    turned: int
    """Four matrices (row, T): input and result of one document's attention, a token a column."""
    turned_size: int
    """Numbers in each of the four matrices."""
    d_looks: int
    looks_turned: int
    """(T, T) each, one head's."""
    tapes: int
    """The place where the first layer's tape begins."""
    tape: int
    """Numbers in one layer's tape. The offsets below are within the tape."""
    tape_scales: int
    """(N), of the normalization before attention; before it, at 0, (N, row) normalized."""
    tape_qkv: int
    """(N, 3 row)"""
    tape_attended: int
    """(N, row)"""
    tape_mlp: int
    """(N, row), normalized before the MLP"""
    tape_mlp_scales: int
    tape_hidden: int
    """(N, hidden), after relu"""
    tape_looks: int
    """Per document (H, T, T): who is looked at, by whom, how much."""
    size: int


def room_for(shape: Shape, tokens: int, documents: int, longest: int, keep: bool = False) -> Room:
    """Room for a batch of so many tokens to predict in so many documents, the longest of which
    has `longest`. keep: the derivatives of all layers, so that gradients can be made later."""
    width, row = shape.width, shape.row
    n, t = padded(tokens, width) + width, padded(longest, width)
    begin = scratch(width)
    end = 0

    def take(size: int) -> int:
        nonlocal end
        start, end = end, end + padded(size, width)
        return start

    shared = {
        "stream": take(begin + n * row) + begin,
        "embedded": take(n * row),
        "scales": take(n),
        "logits": take(n * shape.logits),
        "d_normed": take(n * row),
        "d_attended": take(n * row),
        "turned": take(4 * row * t),
        "turned_size": row * t,
        "d_looks": take(t * t),
        "looks_turned": take(t * t),
        "d_out": take(n * row),
        "d_middle": take(n * row),
        "d_qkv": take(n * 3 * row),
        "d_hidden": take(n * shape.hidden),
    }
    shared["d_layer"] = end - shared["d_out"] if keep else 0
    if keep:
        take(shape.n_layer * shared["d_layer"])
    shared["tapes"] = end
    end = 0
    take(n * row)
    tape = {
        "tape_scales": take(n),
        "tape_qkv": take(n * 3 * row),
        "tape_attended": take(n * row),
        "tape_mlp": take(n * row),
        "tape_mlp_scales": take(n),
        "tape_hidden": take(n * shape.hidden),
        "tape_looks": take(documents * shape.n_head * t * t),
        "tape": end,
    }
    return Room(**shared, **tape, size=shared["tapes"] + shape.n_layer * end)


def push_room(shape: Shape) -> int:
    """Numbers of the work memory of `entries.push`."""
    width = shape.width
    wide = shape.logits + 6 * shape.row + shape.hidden + padded(shape.block_size, width)
    return wide + 2 * width


def cache_room(shape: Shape) -> int:
    """Numbers in a decoder's keys, or its values: some more a layer, since a head of fewer than
    a width is read together with the numbers after it."""
    width = shape.width
    return shape.n_layer * (shape.row * padded(shape.block_size, width) + width)
