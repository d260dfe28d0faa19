"""The same mathematics as scalar_engine.py, row by row, with the backward pass derived by hand.

Where the reference has a graph of 55,000 Values, this has lists of rows, and for each operation
of the forward pass the formula of its derivative, in reverse order. Three habits make it fast:
the inner loops are written out (kernels.py); the tokens of a batch are one matrix (N, C), so that
each operation runs once a batch; and hidden units that relu silenced are skipped.

Shapes stand beside the lines that change one: N tokens in the batch, T tokens of one document,
V vocab_size, C n_embd, H n_head, D head_dim. A product with a weight matrix w is `dots(x, w)`,
each row of x with each row of w; its derivatives are dx = dots(dy, w transposed) and
dw = dots(dy transposed, x transposed).
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from microgpt import kernels
from microgpt.checks import check_length, check_second_moment, check_token, inputs_and_targets
from microgpt.config import ModelConfig, OptimizerConfig
from microgpt.engine import STATE_KINDS, StateKind
from microgpt.kernels import Row, Rows
from microgpt.parameters import parameter_layout

_EVALUATED_AT_ONCE = 16
"""Documents that `losses` takes through the model together: enough, without filling memory."""


@dataclass(slots=True)
class Block:
    """One layer's weights. Rows are (C) wide, so mlp_fc2 is kept transposed. A part that was left
    out of the model has no rows."""

    qkv: Rows  # (3C, C): attn_wq, attn_wk, attn_wv, one below the other
    wo: Rows  # (C, C)
    fc1: Rows  # (4C, C)
    fc2_t: Rows  # (4C, C)


@dataclass(slots=True)
class BlockTape:
    """What one layer's backward pass needs of its forward pass. A part that was left out of the
    model leaves nothing."""

    x_attn: Rows = ()  # (N, C), normalized
    scale_attn: Row = ()  # (N)
    queries: Rows = ()  # (N, C)
    keys: Rows = ()  # (N, C)
    values: Rows = ()  # (N, C)
    looks: Sequence[Sequence[Rows]] = ()  # per document (T, 1 ... T, H): who looks at whom
    attended: Rows = ()  # (N, C), what the heads found
    x_mlp: Rows = ()  # (N, C), normalized
    scale_mlp: Row = ()  # (N)
    activations: Rows = ()  # (N, 4C), after relu


class VectorEngine:
    """Engine by rows. Fulfils `microgpt.engine.Engine`.

    weights: parameter_count float64 in parameter order; copied. ValueError for another length.
    """

    def __init__(
        self, config: ModelConfig, optimizer: OptimizerConfig, weights: array[float]
    ) -> None:
        self.config = config
        self.optimizer = optimizer
        parts = config.parts
        self._attention, self._mlp = "attention" in parts, "mlp" in parts
        self._positions, self._residual = "positions" in parts, "residual" in parts
        self._norm = "norm" in parts
        self._normalize = kernels.normalize(config.n_embd) if self._norm else _as_they_are
        self._places: dict[str, slice] = {}  # of each matrix among the rows
        start = 0
        for spec in parameter_layout(config):
            stop = start + spec.size // config.n_embd
            self._places[spec.name] = slice(start, stop)
            start = stop
        self._zero: Row = (0.0,) * config.n_embd
        """Stands for every row of zeros in `_rows`, so that `adam` sees at once where there is
        nothing to do."""
        zeros = array("d", bytes(8 * len(weights)))
        self._rows: dict[StateKind, list[Row]] = {}
        for kind in STATE_KINDS:
            self.write(kind, weights if kind == "weights" else zeros)

    def loss_and_gradients(self, documents: Sequence[Sequence[int]]) -> list[list[float]]:
        """See Engine."""
        batch = Batch(documents, self.config)
        if not batch.inputs:
            raise ValueError("a batch needs at least one document")
        x0, scale0 = self._embed(batch)
        x = x0
        blocks, tapes = self._blocks(), []
        for block in blocks:
            x, tape = self._forward_block(block, x, batch)
            tapes.append(tape)
        losses, dlogits = _cross_entropy(self._logits(x), batch.targets)

        # Matrix by matrix in place, so that the memory of the old gradients serves for the new.
        gradients, places = self._rows["gradients"], self._places
        lm_head = self._rows["weights"][places["lm_head"]]
        gradients[places["lm_head"]] = _product_backward(dlogits, x)
        dx: Rows = kernels.dots(self.config.vocab_size)(dlogits, _transposed(lm_head))  # (N, C)
        for layer in reversed(range(self.config.n_layer)):
            dx, block_gradients = self._backward_block(blocks[layer], tapes[layer], dx, batch)
            gradients[self._layer(layer)] = block_gradients
        self._backward_embed(batch, x0, scale0, dx, gradients)
        return batch.by_document(losses)

    def losses(self, documents: Sequence[Sequence[int]]) -> list[list[float]]:
        """See Engine."""
        losses = []
        for batch, x in self._forward(documents):
            losses += batch.by_document(_cross_entropy(self._logits(x), batch.targets)[0])
        return losses

    def next_logits(self, documents: Sequence[Sequence[int]]) -> list[list[float]]:
        """Forward only: the logits (V) of what follows the last token that is read of each
        document. documents: as `losses` takes them; of each the last token is not read."""
        logits = []
        for batch, x in self._forward(documents):
            logits += self._logits([x[document.stop - 1] for document in batch.documents])
        return logits

    def _forward(self, documents: Sequence[Sequence[int]]) -> Iterator[tuple[Batch, Rows]]:
        """Some documents at a time, with the residual stream (N, C) that the last layer leaves."""
        blocks = self._blocks()
        for start in range(0, len(documents), _EVALUATED_AT_ONCE):
            batch = Batch(documents[start : start + _EVALUATED_AT_ONCE], self.config)
            x, _ = self._embed(batch)
            for block in blocks:
                x, _ = self._forward_block(block, x, batch)
            yield batch, x

    def _embed(self, batch: Batch) -> tuple[Rows, Row]:
        """Token and position embeddings, summed and normalized: (N, C), and their scales."""
        weights, places = self._rows["weights"], self._places
        wte = weights[places["wte"]]
        x: Rows = [wte[i] for i in batch.inputs]
        if self._positions:
            wpe = weights[places["wpe"]]
            x = kernels.add(self.config.n_embd)(x, [wpe[i] for i in batch.positions])
        return self._normalize(x)

    def _backward_embed(
        self, batch: Batch, x0: Rows, scale0: Row, dx: Rows, gradients: list[Row]
    ) -> None:
        """Add each token's gradient to the token's row of wte and the position's row of wpe."""
        zero = self._zero
        add = kernels.add(self.config.n_embd)
        dx = self._normalize_backward(x0, scale0, dx, None)
        for name, ids in (("wte", batch.inputs), ("wpe", batch.positions)):
            if name not in self._places:
                continue
            place = self._places[name]
            sums = [zero] * (place.stop - place.start)
            for i, row in zip(ids, dx, strict=True):
                known = sums[i]
                sums[i] = row if known is zero else add([known], [row])[0]
            gradients[place] = sums

    def _logits(self, x: Rows) -> list[list[float]]:
        """(N, C) -> (N, V)"""
        lm_head = self._rows["weights"][self._places["lm_head"]]
        return kernels.dots(self.config.n_embd)(x, lm_head)

    def _forward_block(self, block: Block, x: Rows, batch: Batch) -> tuple[Rows, BlockTape]:
        """One transformer block: x + attention, then x + MLP. (N, C) -> (N, C)"""
        n_embd, head_dim = self.config.n_embd, self.config.head_dim
        dots, tape = kernels.dots(n_embd), BlockTape()
        if self._attention:
            attention = kernels.attention(self.config.n_head, head_dim)
            x_attn, tape.scale_attn = self._normalize(x)
            tape.x_attn = x_attn
            queries, keys, values = tape.queries, tape.keys, tape.values = [  # (N, C) each
                dots(x_attn, block.qkv[i : i + n_embd]) for i in (0, n_embd, 2 * n_embd)
            ]
            looks: list[Sequence[Rows]] = []
            attended: list[Row] = []
            for document in batch.documents:
                document_looks, found = attention(  # (T, 1 ... T, H), (T, C)
                    queries[document], keys[document], values[document]
                )
                looks.append(document_looks)
                attended += found
            tape.looks, tape.attended = looks, attended
            written = dots(attended, block.wo)
            x = kernels.add(n_embd)(x, written) if self._residual else written
        if self._mlp:
            tape.x_mlp, tape.scale_mlp = self._normalize(x)
            stream = x if self._residual else [self._zero] * len(x)
            tape.activations, x = kernels.mlp(n_embd)(tape.x_mlp, stream, block.fc1, block.fc2_t)
        return x, tape

    def _backward_block(
        self, block: Block, tape: BlockTape, dx: Rows, batch: Batch
    ) -> tuple[Rows, list[Row]]:
        """d/d(output) -> d/d(input), and the gradients of the block's rows in their order."""
        d_mlp: list[Row] = []
        if self._mlp:
            dx, d_mlp = self._backward_mlp(block, tape, dx)
        if not self._attention:
            return dx, d_mlp
        n_embd = self.config.n_embd
        attention_backward = kernels.attention_backward(self.config.n_head, self.config.head_dim)
        d_wo = _product_backward(dx, tape.attended)
        d_attended = kernels.dots(n_embd)(dx, _transposed(block.wo))
        d_qkv: list[Row] = []
        for document, looks in zip(batch.documents, tape.looks, strict=True):
            d_qkv += attention_backward(
                tape.queries[document],
                tape.keys[document],
                tape.values[document],
                looks,
                d_attended[document],
            )
        d_w_qkv = _product_backward(d_qkv, tape.x_attn)
        dy = kernels.dots(3 * n_embd)(d_qkv, _transposed(block.qkv))
        dx = self._normalize_backward(tape.x_attn, tape.scale_attn, dy, dx)
        return dx, [*d_w_qkv, *d_wo, *d_mlp]

    def _backward_mlp(self, block: Block, tape: BlockTape, dx: Rows) -> tuple[Rows, list[Row]]:
        """As `_backward_block`, of the MLP."""
        n_embd = self.config.n_embd
        dz_t, d_fc1, d_fc2_t = kernels.mlp_backward(n_embd)(
            dx, _transposed(tape.activations), tape.x_mlp, block.fc2_t, self._zero
        )
        dy = kernels.combinations(n_embd)(_transposed(dz_t), block.fc1)  # (N, C)
        return (
            self._normalize_backward(tape.x_mlp, tape.scale_mlp, dy, dx),
            [*d_fc1, *d_fc2_t],
        )

    def _normalize_backward(self, y: Rows, scale: Row, dy: Rows, dx: Rows | None) -> Rows:
        """d/d(what the norm reads), by dy through the norm and by dx past it: the residual. dx is
        None where nothing goes past."""
        if dx is None or not self._residual:
            dx = [self._zero] * len(dy)
        n_embd = self.config.n_embd
        if self._norm:
            return kernels.normalize_backward(n_embd)(y, scale, dy, dx)
        return kernels.add(n_embd)(dy, dx)

    def adam_step(self, learning_rate: float, step: int) -> None:
        """See Engine. Adam (Kingma & Ba 2014, arXiv:1412.6980), with the two bias corrections
        taken out of the loop as at the end of its section 2: into the rate, and into eps. Or SGD.
        """
        optimizer, rows = self.optimizer, self._rows
        if optimizer.name == "sgd":
            kernels.sgd(self.config.n_embd)(
                rows["weights"], rows["gradients"], self._zero, learning_rate
            )
            return
        correction1 = 1 - optimizer.beta1 ** (step + 1)
        root2 = math.sqrt(1 - optimizer.beta2 ** (step + 1))
        kernels.adam(self.config.n_embd)(
            rows["weights"],
            rows["gradients"],
            rows["first_moment"],
            rows["second_moment"],
            self._zero,
            optimizer.beta1,
            optimizer.beta2,
            learning_rate * root2 / correction1,
            optimizer.eps * root2 or 5e-324,
        )

    def decoder(self) -> VectorDecoder:
        """See Engine."""
        weights, places = self._rows["weights"], self._places
        return VectorDecoder(
            self.config,
            weights[places["wte"]],
            weights[places["wpe"]] if self._positions else (),
            weights[places["lm_head"]],
            self._blocks(),
        )

    def read(self, kind: StateKind) -> array[float]:
        """See Engine."""
        flat = array("d")
        for name, place in self._places.items():
            rows = self._rows[kind][place]
            flat.extend(
                chain.from_iterable(_transposed(rows) if name.endswith("mlp_fc2") else rows)
            )
        return flat

    def write(self, kind: StateKind, values: array[float]) -> None:
        """See Engine."""
        check_length(values, self.config)
        if kind == "second_moment":
            check_second_moment(values)
        rows: list[Row] = []
        for spec in parameter_layout(self.config):
            flat = tuple(values[spec.slice])
            matrix = [flat[i : i + spec.columns] for i in range(0, spec.size, spec.columns)]
            rows += _transposed(matrix) if spec.name.endswith("mlp_fc2") else matrix
        self._rows[kind] = [row if any(row) else self._zero for row in rows]

    def _blocks(self) -> list[Block]:
        """The weights as they are now, as layers."""
        rows, places, blocks = self._rows["weights"], self._places, []
        for i in range(self.config.n_layer):
            block = Block((), (), (), ())
            if self._attention:
                start, stop = places[f"layer{i}.attn_wq"].start, places[f"layer{i}.attn_wv"].stop
                block.qkv, block.wo = rows[start:stop], rows[places[f"layer{i}.attn_wo"]]
            if self._mlp:
                block.fc1, block.fc2_t = (
                    rows[places[f"layer{i}.{name}"]] for name in ("mlp_fc1", "mlp_fc2")
                )
            blocks.append(block)
        return blocks

    def _layer(self, layer: int) -> slice:
        """Where all matrices of a layer lie among the rows; they are neighbours."""
        places = [at for name, at in self._places.items() if name.startswith(f"layer{layer}.")]
        return slice(places[0].start, places[-1].stop) if places else slice(0, 0)


class Batch:
    """Documents laid end to end: N tokens to read, N to predict."""

    def __init__(self, documents: Sequence[Sequence[int]], config: ModelConfig) -> None:
        self.inputs: list[int] = []
        self.targets: list[int] = []
        self.positions: list[int] = []
        self.documents: list[slice] = []
        """Where each document lies among the N tokens."""
        for document in documents:
            inputs, targets = inputs_and_targets(document, config)
            start = len(self.inputs)
            self.inputs += inputs
            self.targets += targets
            self.positions += range(len(inputs))
            self.documents.append(slice(start, len(self.inputs)))

    def by_document(self, values: list[float]) -> list[list[float]]:
        """(N) -> one list a document."""
        return [values[document] for document in self.documents]


def _as_they_are(x: Rows) -> tuple[Rows, Row]:
    """(x, no scales): what stands in for `kernels.normalize` in a model without norm."""
    return x, ()


def _softmax(products: Row, head_dim: int) -> list[float]:
    """Products q · k -> attention weights: softmax(q · k / √D)."""
    scale = 1 / math.sqrt(head_dim)
    largest = max(products)
    exps = [math.exp((product - largest) * scale) for product in products]
    total = sum(exps)
    return [e / total for e in exps]


def _cross_entropy(
    logits: list[list[float]], targets: Sequence[int]
) -> tuple[list[float], list[list[float]]]:
    """Losses (N) in nats, -log softmax(logits)[target], and d(their mean)/d(logits) (N, V).

    The derivative is (p - 1 at the target) / N. A probability that underflows to 0 has loss inf.
    """
    n = len(targets)
    losses, dlogits = [], []
    for row, target in zip(logits, targets, strict=True):
        largest = max(row)
        exps = [math.exp(logit - largest) for logit in row]
        total = sum(exps)
        p = exps[target] / total
        losses.append(-math.log(p) if p > 0 else math.inf if p == 0 else math.nan)
        scale = 1 / (total * n)
        drow = [e * scale for e in exps]
        drow[target] -= 1 / n
        dlogits.append(drow)
    return losses, dlogits


def _product_backward(dy: Rows, x: Rows) -> Rows:
    """y = x wᵀ: dw = dyᵀ x. (N, out), (N, in) -> (out, in)"""
    tokens, n = len(x), len(x[0])
    if tokens * n <= kernels.SMALL:
        return kernels.product(tokens, n)(_transposed(dy), x)
    return kernels.dots(tokens)(_transposed(dy), _transposed(x))


def _transposed(rows: Rows) -> list[Row]:
    """(n, m) -> (m, n)"""
    return list(zip(*rows, strict=True))


class VectorDecoder:
    """One text being continued, over the weights as they were. See `microgpt.engine.Decoder`."""

    def __init__(
        self, config: ModelConfig, wte: Rows, wpe: Rows, lm_head: Rows, blocks: Iterable[Block]
    ) -> None:
        self._config = config
        self._wte, self._wpe, self._lm_head = wte, wpe, lm_head
        heads = range(config.n_head)
        self._layers: list[tuple[Block, list[tuple[list[Row], list[Row]]]]] = [
            (block, [([], []) for _ in heads]) for block in blocks
        ]
        """Each block, and per head its KV cache: keys (T, D), values (T, D)."""
        self._position = 0

    def push(self, token: int) -> list[float]:
        """See Decoder."""
        n_embd, parts = self._config.n_embd, self._config.parts
        check_token(token, self._position, self._config)
        dots, add = kernels.dots(n_embd), kernels.add(n_embd)
        normalize = kernels.normalize(n_embd) if "norm" in parts else _as_they_are
        nothing: Rows = ((0.0,) * n_embd,)
        x: Rows = [self._wte[token]]
        if "positions" in parts:
            x = add(x, [self._wpe[self._position]])
        self._position += 1
        x, _ = normalize(x)  # (1, C)
        for block, heads in self._layers:
            if "attention" in parts:
                (qkv,) = dots(normalize(x)[0], block.qkv)  # (3C)
                written = dots([self._attended(qkv, heads)], block.wo)
                x = add(x, written) if "residual" in parts else written
            if "mlp" in parts:
                stream = x if "residual" in parts else nothing
                _, x = kernels.mlp(n_embd)(normalize(x)[0], stream, block.fc1, block.fc2_t)
        return dots(x, self._lm_head)[0]

    def _attended(self, qkv: Row, heads: Sequence[tuple[list[Row], list[Row]]]) -> list[float]:
        """What the heads find (C); the key and value of this token join their caches."""
        n_embd, head_dim = self._config.n_embd, self._config.head_dim
        attended: list[float] = []
        for i, (keys, values) in zip(range(0, n_embd, head_dim), heads, strict=True):
            q, k, v = (qkv[j : j + head_dim] for j in (i, i + n_embd, i + 2 * n_embd))
            keys.append(k)
            values.append(v)
            weights = _softmax(kernels.dots(head_dim)([q], keys)[0], head_dim)
            attended += kernels.combinations(head_dim)([weights], values)[0]
        return attended
