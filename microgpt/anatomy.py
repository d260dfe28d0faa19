"""Everything that the model computes for one text, as plain numbers, and what each part adds.

`dissect` is `scalar_engine.gpt` for a whole document at once, with the names of that function, and
it keeps all that it makes. The shapes: V vocab_size, C n_embd, H n_head, D head_dim, T positions.

microgpt has no norm before lm_head. The residual stream, and with it every logit, is therefore a
plain sum: of the token's and the position's embedding, of what each head read at each position,
and of what each hidden neuron wrote. `attribution` lists the terms of that sum.

What a left-out part would make is not there: its rows are empty. In a model without residual each
block's output takes the place of the stream, so that a logit is the sum of what the last block
wrote, and of nothing before it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from microgpt import kernels
from microgpt.checks import check_length, inputs_and_targets
from microgpt.config import ModelConfig, absent
from microgpt.kernels import Row, Rows
from microgpt.parameters import parameter_layout
from microgpt.surgery import HeadWrite, Operation, operate

Matrices = Mapping[str, Rows]
"""The weight matrices by name, each as its rows."""


@dataclass(frozen=True, slots=True)
class LayerAnatomy:
    """What one layer makes: attention, then MLP. Where one of them was left out of the model, what
    it would make is empty, and the stream after it is the one before it."""

    x: Rows
    """The residual stream that the layer reads, (T, C)."""
    x_attn: Rows
    """x after rmsnorm: what attention reads, (T, C)."""
    q: Rows
    k: Rows
    v: Rows
    """Queries, keys and values, (T, C) each, the heads side by side."""
    attn_logits: Sequence[Rows]
    """q · k / √D, [H][T]: position t has one for each position 0 ... t."""
    attn_weights: Sequence[Rows]
    """softmax(attn_logits), [H][T], 1 to T numbers."""
    heads: Sequence[Rows]
    """What each head writes: its columns of attn_wo times Σ attn_weights v, [H] (T, C)."""
    x_mid: Rows
    """The residual stream after attention: x plus what the heads write, (T, C). Without residual
    it is what the heads write."""
    x_mlp: Rows
    """x_mid after rmsnorm: what the MLP reads, (T, C)."""
    pre_activation: Rows
    """mlp_fc1 x_mlp, (T, 4C)."""
    activation: Rows
    """relu(pre_activation), (T, 4C)."""
    mlp: Rows
    """What the MLP writes: mlp_fc2 activation, (T, C)."""
    x_out: Rows
    """The residual stream after the layer: x_mid + mlp, (T, C); mlp without residual."""


@dataclass(frozen=True, slots=True)
class Anatomy:
    """All that the model computes for one document."""

    config: ModelConfig
    weights: Matrices
    tokens: Sequence[int]
    """The ids that the model reads, (T)."""
    targets: Sequence[int]
    """The ids that it should predict, (T)."""
    embeddings: Rows
    """wte[token] + wpe[position], (T, C)."""
    scales: Row
    """The factor by which rmsnorm scales each embedding, (T); 1 without norm."""
    x: Rows
    """The residual stream before the first layer: rmsnorm(embeddings), (T, C)."""
    layers: Sequence[LayerAnatomy]
    logits: Rows
    """(T, V)"""
    probs: Rows
    """softmax(logits), (T, V)"""
    losses: Row
    """-log probs[target], in nats, (T)."""
    replaced: frozenset[tuple[int, int]] = frozenset()
    """The heads, as (layer, head), that write something else than what they find."""


def dissect(
    config: ModelConfig,
    weights: Sequence[float],
    tokens: Sequence[int],
    operations: Sequence[Operation | HeadWrite] = (),
) -> Anatomy:
    """Run the model over one document, and keep everything.

    weights: flat, in the order of `parameter_layout`. tokens: ids with BOS at both ends, cut to
    block_size predictions as in training. operations: what is cut out or put in; the weights that
    were given stay as they are. Equal to what `scalar_engine.gpt` computes up to rounding; numbers
    that are not finite flow through. ValueError for another number of weights, fewer than two
    tokens, an id out of range, or weights that the model has not; IndexError for a head that it
    has not. Source: microgpt.py, `gpt`.
    """
    check_length(weights, config)
    cuts = [one for one in operations if isinstance(one, Operation)]
    if cuts:
        weights = operate(config, weights, cuts)
    writes = {(one.layer, one.head): one.rows for one in operations if isinstance(one, HeadWrite)}
    for layer, head in writes:
        _index(layer, config.n_layer, "layer")
        _columns(config, head)
    matrices = split(config, weights)
    inputs, targets = inputs_and_targets(tokens, config)
    embeddings: Rows = [matrices["wte"][token] for token in inputs]
    if "positions" in config.parts:
        embeddings = kernels.add(config.n_embd)(embeddings, matrices["wpe"][: len(inputs)])
    x: Rows
    x, scales = _normalized(config, embeddings)
    start = x
    layers = []
    for layer in range(config.n_layer):
        layers.append(run_layer(config, matrices, layer, x, writes))
        x = layers[-1].x_out
    logits = linear(x, matrices["lm_head"])
    probs = [softmax(row) for row in logits]
    losses = [_surprise(p[target]) for p, target in zip(probs, targets, strict=True)]
    return Anatomy(
        config, matrices, inputs, targets, embeddings, scales, start, layers, logits, probs, losses,
        frozenset(writes),
    )  # fmt: skip


def run_layer(
    config: ModelConfig, weights: Matrices, layer: int, x: Rows,
    writes: Mapping[tuple[int, int], Rows] | None = None, past: tuple[Rows, Rows] = ((), ()),
) -> LayerAnatomy:  # fmt: skip
    """One layer of the model, from the residual stream that it reads to the one that it leaves.

    x: (T, C). writes: what heads write in the place of what they find, by (layer, head). past: the
    keys and the values of the positions before the first one of x, if there are any.
    """
    head_dim, parts = config.head_dim, config.parts
    add = kernels.add(config.n_embd)
    first = len(past[0])
    replaced = writes or {}

    # 1) attention: gather what the tokens before have to say
    x_attn: Rows = ()
    q: Rows = ()
    k: Rows = ()
    v: Rows = ()
    if "attention" in parts:
        x_attn = _normalized(config, x)[0]
        q = linear(x_attn, weights[f"layer{layer}.attn_wq"])
        k = linear(x_attn, weights[f"layer{layer}.attn_wk"])
        v = linear(x_attn, weights[f"layer{layer}.attn_wv"])
    all_k, all_v = ([*past[0], *k], [*past[1], *v]) if first else (k, v)
    attn_logits: list[Rows] = []
    attn_weights: list[Rows] = []
    heads: list[Rows] = []
    for h in range(config.n_head) if "attention" in parts else ():
        head = slice(h * head_dim, (h + 1) * head_dim)
        q_h, k_h, v_h = ([row[head] for row in rows] for rows in (q, all_k, all_v))
        # A position reads those before it and itself: nothing later is there yet.
        scores = [
            [dot / head_dim**0.5 for dot in linear([q_t], k_h[: t + 1])[0]]
            for t, q_t in enumerate(q_h, first)
        ]
        looks = [softmax(row) for row in scores]
        found = kernels.combinations(head_dim)(looks, v_h)  # (T, D)
        wrote: Rows = linear(found, [row[head] for row in weights[f"layer{layer}.attn_wo"]])
        if (layer, h) in replaced:
            rows = replaced[layer, h]
            wrote = [rows[min(t, len(rows) - 1)] for t in range(first, first + len(x))]
        attn_logits.append(scores)
        attn_weights.append(looks)
        heads.append(wrote)
    x_mid: Rows = x
    if heads and "residual" not in parts:
        x_mid = [(0.0,) * config.n_embd] * len(x)
    for wrote in heads:
        x_mid = add(x_mid, wrote)

    # 2) MLP: work out what follows from that
    if "mlp" not in parts:
        return LayerAnatomy(
            x, x_attn, q, k, v, attn_logits, attn_weights, heads, x_mid, (), (), (), (), x_mid
        )
    x_mlp, pre_activation, activation, mlp = run_mlp(config, weights, layer, x_mid)
    x_out: Rows = add(x_mid, mlp) if "residual" in parts else mlp
    return LayerAnatomy(
        x, x_attn, q, k, v, attn_logits, attn_weights, heads,
        x_mid, x_mlp, pre_activation, activation, mlp, x_out,
    )  # fmt: skip


def run_mlp(
    config: ModelConfig, weights: Matrices, layer: int, x_mid: Rows
) -> tuple[Rows, Rows, Rows, Rows]:
    """(what the MLP reads, before and after the activation, what it writes): (T, C), (T, 4C) twice,
    (T, C). x_mid: the residual stream after attention, (T, C)."""
    x_mlp, _ = _normalized(config, x_mid)
    pre_activation = linear(x_mlp, weights[f"layer{layer}.mlp_fc1"])
    activation = [[0.0 if z <= 0 else z for z in row] for row in pre_activation]
    # Each neuron that fires writes its column of mlp_fc2; the others cost nothing.
    columns = list(zip(*weights[f"layer{layer}.mlp_fc2"], strict=True))
    mlp = kernels.combinations(config.n_embd)(activation, columns)
    return x_mlp, pre_activation, activation, mlp


def _normalized(config: ModelConfig, x: Rows) -> tuple[Rows, Row]:
    """(rmsnorm(x), the scale of each row); x itself in a model without norm."""
    if "norm" in config.parts:
        return kernels.normalize(config.n_embd)(x)
    return x, [1.0] * len(x)


# ---------------------------------------------------------------- what each part adds to a logit

PartKind = Literal["wte", "wpe", "head", "neuron"]


@dataclass(frozen=True, slots=True)
class Part:
    """One term of the sum that a logit is."""

    kind: PartKind
    value: float
    layer: int = -1
    """The layer of a head or neuron, counted from 0."""
    index: int = -1
    """The head of its layer, or the hidden neuron, counted from 0."""
    source: int = -1
    """The position that a head reads, counted from 0; -1 for a head whose write was replaced."""


def attribution(
    anatomy: Anatomy, position: int, token: int, against: int | Sequence[float] | None = None
) -> list[Part]:
    """What each part adds to the logit of `token` after `position`, the largest in size first.

    against: another token, or a probability for each token: the parts then add up to the logit of
    `token` minus that of the other token, or minus the mean logit under these probabilities.
    With the model's own probabilities this is what explains the loss: its gradient by the logits.
    The values add up to the logit, or the difference, up to rounding. IndexError for a position or
    token that is not there. Source: Elhage et al. 2021, "A Mathematical Framework for Transformer
    Circuits", direct logit attribution.
    """
    config, weights = anatomy.config, anatomy.weights
    _index(position, len(anatomy.tokens), "position")
    reads = unembedding(anatomy, token, against)
    scaled = [anatomy.scales[position] * u for u in reads]
    last = _last_block(config)
    parts = []
    if last is None:
        parts.append(Part("wte", kernels.dot(scaled, weights["wte"][anatomy.tokens[position]])))
        if "positions" in config.parts:
            parts.append(Part("wpe", kernels.dot(scaled, weights["wpe"][position])))
    for number, layer in enumerate(anatomy.layers):
        for h in range(len(layer.heads)) if last in (None, (number, "attention")) else ():
            if (number, h) in anatomy.replaced:  # it reads nothing for what it writes
                write = kernels.dot(reads, layer.heads[h][position])
                parts.append(Part("head", write, number, h))
                continue
            values = head_pushes(anatomy, number, h, position, reads)
            parts += [Part("head", value, number, h, source) for source, value in enumerate(values)]
        if "mlp" not in config.parts or last not in (None, (number, "mlp")):
            continue
        writes = zip(*weights[f"layer{number}.mlp_fc2"], strict=True)
        parts += [
            Part("neuron", activation * kernels.dot(reads, column), number, j)
            for j, (activation, column) in enumerate(
                zip(layer.activation[position], writes, strict=True)
            )
            if activation  # nan is true: it goes on, to be seen
        ]
    return sorted(parts, key=lambda part: -abs(part.value))


def _last_block(config: ModelConfig) -> tuple[int, str] | None:
    """The block whose output is all that lm_head reads, as (layer, "attention" or "mlp"), in a
    model without residual; None where every block adds to what lm_head reads, or none is there."""
    blocks = [part for part in ("attention", "mlp") if part in config.parts]
    if "residual" in config.parts or not blocks:
        return None
    return config.n_layer - 1, blocks[-1]


def unembedding(
    anatomy: Anatomy, token: int, against: int | Sequence[float] | None = None
) -> list[float]:
    """The direction that a logit reads from the residual stream: the token's row of lm_head, minus
    what it is compared with, as in `attribution`. (C)"""
    lm_head = anatomy.weights["lm_head"]
    own = lm_head[_index(token, len(lm_head), "token")]
    if against is None:
        return list(own)
    if isinstance(against, int):
        other = lm_head[_index(against, len(lm_head), "token")]
    else:
        other = [kernels.dot(against, column) for column in zip(*lm_head, strict=True)]
    return [u - w for u, w in zip(own, other, strict=True)]


def head_pushes(anatomy: Anatomy, layer: int, head: int, position: int, reads: Row) -> list[float]:
    """What a head adds in the direction `reads` (C) at a position, by the position that it reads:
    attn_weights[s] · reads · W_O v_s, for s from 0 to the position."""
    at = anatomy.layers[layer]
    columns = _columns(anatomy.config, head)
    wo = [row[columns] for row in anatomy.weights[f"layer{layer}.attn_wo"]]  # (C, D)
    through = [kernels.dot(reads, column) for column in zip(*wo, strict=True)]  # (D)
    looks = at.attn_weights[head][_index(position, len(at.x), "position")]
    return [look * kernels.dot(through, v[columns]) for look, v in zip(looks, at.v, strict=False)]


def head_sizes(anatomy: Anatomy, layer: int, head: int, position: int) -> list[float]:
    """How much a head writes for each position that it reads: the length of
    attn_weights[s] W_O v_s, for s from 0 to the position."""
    at = anatomy.layers[layer]
    columns = _columns(anatomy.config, head)
    wo = [row[columns] for row in anatomy.weights[f"layer{layer}.attn_wo"]]
    wrote = linear([v[columns] for v in at.v[: position + 1]], wo)
    looks = at.attn_weights[head][_index(position, len(at.x), "position")]
    return [look * math.sqrt(kernels.dot(row, row)) for look, row in zip(looks, wrote, strict=True)]


# ---------------------------------------------------------------- the logit lens


@dataclass(frozen=True, slots=True)
class Stage:
    """The residual stream at one depth, or with one head's write alone."""

    name: str
    x: Rows
    """(T, C)"""


def stages(anatomy: Anatomy) -> list[Stage]:
    """The residual stream through the depth: the embedding, then for each layer the stream with
    each head's write alone added, after attention as a whole, and after the MLP. Without residual
    a head's write alone is the stream. What was left out has no stage."""
    parts = anatomy.config.parts
    add = kernels.add(anatomy.config.n_embd)
    found = [Stage("embedding", anatomy.x)]
    for number, layer in enumerate(anatomy.layers):
        name = f"layer {number}"
        found += [
            Stage(f"{name} head {h}", add(layer.x, wrote) if "residual" in parts else wrote)
            for h, wrote in enumerate(layer.heads)
        ]
        if "attention" in parts:
            found.append(Stage(f"{name} attention", layer.x_mid))
        if "mlp" in parts:
            found.append(Stage(f"{name} mlp", layer.x_out))
    return found


def lens(anatomy: Anatomy, x: Rows) -> list[list[float]]:
    """What the model would say if the depth ended at x (T, C): softmax(lm_head x), (T, V).

    Exact here, for no norm stands before lm_head. Source: nostalgebraist 2020, "interpreting GPT:
    the logit lens".
    """
    return [softmax(row) for row in linear(x, anatomy.weights["lm_head"])]


# ---------------------------------------------------------------- the functions of the model


def linear(x: Rows, w: Rows) -> list[list[float]]:
    """Each row of x (T, n_in) times w (n_out, n_in): (T, n_out)."""
    return kernels.dots(len(w[0]))(x, w)


def softmax(logits: Row) -> list[float]:
    """Logits to probabilities; the maximum is taken off first, so that exp cannot overflow."""
    max_val = max(logits)
    exps = [math.exp(logit - max_val) for logit in logits]
    total = sum(exps)
    return [e / total for e in exps]


def split(config: ModelConfig, weights: Sequence[float]) -> dict[str, Rows]:
    """Flat weights as matrices by name, each a list of rows."""
    matrices: dict[str, Rows] = {}
    for spec in parameter_layout(config):
        numbers = iter(weights[spec.slice])
        matrices[spec.name] = list(zip(*[numbers] * spec.columns, strict=True))
    return matrices


def _columns(config: ModelConfig, head: int) -> slice:
    if "attention" not in config.parts:
        raise IndexError(f"there is no head {head}: {absent('attention')}")
    _index(head, config.n_head, "head")
    return slice(head * config.head_dim, (head + 1) * config.head_dim)


def _index(index: int, count: int, what: str) -> int:
    if not 0 <= index < count:
        raise IndexError(f"there is no {what} {index}: they are 0 ... {count - 1}")
    return index


def _surprise(p: float) -> float:
    return -math.log(p) if p > 0 else math.inf if p == 0 else math.nan
