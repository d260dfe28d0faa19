"""The reference engine: one Value per number. Slow, and meant to be read from top to bottom.

It is microgpt.py's model and optimizer, line by line, on weights that stay the same Values from
step to step; parts of the model can be left out, and SGD can take Adam's place. Shapes stand beside
the lines that change one: V vocab_size, C n_embd, H n_head, D head_dim, T tokens seen so far.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from microgpt.autograd import Value, power
from microgpt.checks import check_length, check_second_moment, check_token, inputs_and_targets
from microgpt.config import ModelConfig, OptimizerConfig
from microgpt.engine import StateKind
from microgpt.parameters import parameter_layout

Vector = list[Value]
Matrix = list[Vector]


def linear(x: Vector, w: Matrix) -> Vector:
    """Multiply w (n_out, n_in) by x (n_in): n_out dot products."""
    return [sum_values([wi * xi for wi, xi in zip(row, x, strict=True)]) for row in w]


def softmax(logits: Vector) -> Vector:
    """Logits to probabilities; the maximum is taken off first, so that exp cannot overflow."""
    max_val = max(logit.data for logit in logits)
    exps = [(logit - max_val).exp() for logit in logits]
    total = sum_values(exps)
    return [e / total for e in exps]


def rmsnorm(x: Vector) -> Vector:
    """Scale x to a root mean square of 1 (Zhang & Sennrich 2019, arXiv:1910.07467; no gain)."""
    mean_square = sum_values([xi * xi for xi in x]) / len(x)
    scale = (mean_square + 1e-5) ** -0.5
    return [xi * scale for xi in x]


def unchanged(x: Vector) -> Vector:
    """x itself: what stands in for rmsnorm in a model without norm."""
    return x


def sum_values(values: Vector) -> Value:
    """The sum of `values`, from left to right."""
    total = values[0]
    for value in values[1:]:
        total = total + value
    return total


class KVCache:
    """The keys and values of the tokens read so far, per layer: [layer][T][C]."""

    def __init__(self, n_layer: int) -> None:
        self.keys: list[Matrix] = [[] for _ in range(n_layer)]
        self.values: list[Matrix] = [[] for _ in range(n_layer)]


class ScalarEngine:
    """Engine over a graph of Values. Fulfils `microgpt.engine.Engine`.

    weights: parameter_count float64 in parameter order; copied. ValueError for another length.
    """

    def __init__(
        self, config: ModelConfig, optimizer: OptimizerConfig, weights: array[float]
    ) -> None:
        check_length(weights, config)
        self.config = config
        self.optimizer = optimizer
        self._params = [Value(weight) for weight in weights]
        self._first_moment = [0.0] * len(weights)
        self._second_moment = [0.0] * len(weights)
        self._state_dict: dict[str, Matrix] = {}
        for spec in parameter_layout(config):
            flat = self._params[spec.slice]
            self._state_dict[spec.name] = [
                flat[i : i + spec.columns] for i in range(0, spec.size, spec.columns)
            ]

    def gpt(self, token: int, position: int, cache: KVCache) -> Vector:
        """Logits (V) for what follows `token` at `position`; adds its key and value to the cache.

        Source: microgpt.py, `gpt`.
        """
        weights = self._state_dict
        head_dim = self.config.head_dim
        parts = self.config.parts
        norm = rmsnorm if "norm" in parts else unchanged
        if "positions" in parts:
            embeddings = zip(weights["wte"][token], weights["wpe"][position], strict=True)
            x = [t + p for t, p in embeddings]  # (C)
        else:
            x = weights["wte"][token]  # (C)
        x = norm(x)

        for layer in range(self.config.n_layer):
            # 1) attention: gather what the tokens before have to say
            if "attention" in parts:
                x_residual = x
                x = norm(x)
                q = linear(x, weights[f"layer{layer}.attn_wq"])  # (C)
                cache.keys[layer].append(linear(x, weights[f"layer{layer}.attn_wk"]))  # (T, C)
                cache.values[layer].append(linear(x, weights[f"layer{layer}.attn_wv"]))  # (T, C)
                x_attn: Vector = []
                for h in range(self.config.n_head):
                    head = slice(h * head_dim, (h + 1) * head_dim)
                    q_h = q[head]  # (D)
                    k_h = [k[head] for k in cache.keys[layer]]  # (T, D)
                    v_h = [v[head] for v in cache.values[layer]]  # (T, D)
                    attn_logits = [attn / head_dim**0.5 for attn in linear(q_h, k_h)]  # (T)
                    attn_weights = softmax(attn_logits)  # (T)
                    v_columns = [list(column) for column in zip(*v_h, strict=True)]  # (D, T)
                    x_attn.extend(linear(attn_weights, v_columns))  # H times (D), at last (C)
                x = linear(x_attn, weights[f"layer{layer}.attn_wo"])  # (C)
                if "residual" in parts:
                    x = [a + b for a, b in zip(x, x_residual, strict=True)]

            # 2) MLP: work out what follows from that
            if "mlp" in parts:
                x_residual = x
                x = norm(x)
                x = linear(x, weights[f"layer{layer}.mlp_fc1"])  # (4C)
                x = [xi.relu() for xi in x]
                x = linear(x, weights[f"layer{layer}.mlp_fc2"])  # (C)
                if "residual" in parts:
                    x = [a + b for a, b in zip(x, x_residual, strict=True)]

        return linear(x, weights["lm_head"])  # (V)

    def _forward(self, document: Sequence[int]) -> Vector:
        """The losses (T), -log p(target), of one document, in nats."""
        inputs, targets = inputs_and_targets(document, self.config)
        cache = KVCache(self.config.n_layer)
        losses = []
        for position, (token, target) in enumerate(zip(inputs, targets, strict=True)):
            probs = softmax(self.gpt(token, position, cache))
            losses.append(-probs[target].log())
        return losses

    def loss_and_gradients(self, documents: Sequence[Sequence[int]]) -> list[list[float]]:
        """See Engine. Builds the graph of the whole batch, then walks it back once."""
        losses = [self._forward(document) for document in documents]
        every_loss = [loss for document_losses in losses for loss in document_losses]
        if not every_loss:
            raise ValueError("a batch needs at least one document")
        mean = sum_values(every_loss) / len(every_loss)
        for p in self._params:
            p.grad = 0.0
        mean.backward()
        return [[loss.data for loss in document_losses] for document_losses in losses]

    def losses(self, documents: Sequence[Sequence[int]]) -> list[list[float]]:
        """See Engine. The graph is built, but nothing walks it."""
        return [[loss.data for loss in self._forward(document)] for document in documents]

    def adam_step(self, learning_rate: float, step: int) -> None:
        """See Engine. Adam (Kingma & Ba 2014, arXiv:1412.6980, algorithm 1), or SGD."""
        if self.optimizer.name == "sgd":
            for p in self._params:
                p.data -= learning_rate * p.grad
            return
        beta1, beta2, eps = self.optimizer.beta1, self.optimizer.beta2, self.optimizer.eps
        m, v = self._first_moment, self._second_moment
        for i, p in enumerate(self._params):
            m[i] = beta1 * m[i] + (1 - beta1) * p.grad
            v[i] = beta2 * v[i] + (1 - beta2) * p.grad * p.grad
            m_hat = m[i] / (1 - beta1 ** (step + 1))
            v_hat = v[i] / (1 - beta2 ** (step + 1))
            p.data -= learning_rate * m_hat / (power(v_hat, 0.5) + eps)

    def decoder(self) -> ScalarDecoder:
        """See Engine."""
        return ScalarDecoder(self)

    def read(self, kind: StateKind) -> array[float]:
        """See Engine."""
        if kind == "weights":
            return array("d", [p.data for p in self._params])
        if kind == "gradients":
            return array("d", [p.grad for p in self._params])
        return array("d", self._first_moment if kind == "first_moment" else self._second_moment)

    def write(self, kind: StateKind, values: array[float]) -> None:
        """See Engine."""
        check_length(values, self.config)
        if kind == "weights":
            for p, value in zip(self._params, values, strict=True):
                p.data = value
        elif kind == "gradients":
            for p, value in zip(self._params, values, strict=True):
                p.grad = value
        elif kind == "first_moment":
            self._first_moment = list(values)
        else:
            check_second_moment(values)
            self._second_moment = list(values)


class ScalarDecoder:
    """One text being continued. Fulfils `microgpt.engine.Decoder`."""

    def __init__(self, engine: ScalarEngine) -> None:
        self._engine = engine
        self._cache = KVCache(engine.config.n_layer)
        self._position = 0

    def push(self, token: int) -> list[float]:
        """See Decoder."""
        check_token(token, self._position, self._engine.config)
        logits = self._engine.gpt(token, self._position, self._cache)
        self._position += 1
        return [logit.data for logit in logits]
