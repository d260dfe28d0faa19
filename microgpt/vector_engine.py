"""The same mathematics as scalar_engine.py, row by row, with the backward pass derived by hand."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from operator import mul

from microgpt.checks import check_length, check_second_moment, check_token, inputs_and_targets
from microgpt.config import ModelConfig, OptimizerConfig
from microgpt.engine import StateKind
from microgpt.parameters import MatrixSpec, parameter_layout

Row = list[float]
Rows = list[Row]


def matmul(a: Rows, b: Rows) -> Rows:
    """a (n, k) times b (m, k) transposed: (n, m)."""
    return [[sum(map(mul, x, y)) for y in b] for x in a]


def transposed(rows: Rows) -> Rows:
    return [list(c) for c in zip(*rows, strict=True)]


def rmsnorm(x: Row) -> tuple[Row, float]:
    scale = 1 / math.sqrt(sum(map(mul, x, x)) / len(x) + 1e-5)
    return [xi * scale for xi in x], scale


def rmsnorm_backward(y: Row, scale: float, dy: Row) -> Row:
    mean = sum(map(mul, y, dy)) / len(y)
    return [scale * (d - yi * mean) for d, yi in zip(dy, y, strict=True)]


def softmax(logits: Row) -> Row:
    largest = max(logits)
    exps = [math.exp(x - largest) for x in logits]
    total = sum(exps)
    return [e / total for e in exps]


def add(a: Rows, b: Rows) -> Rows:
    return [[x + y for x, y in zip(r, s, strict=True)] for r, s in zip(a, b, strict=True)]


class VectorEngine:
    """Engine by rows. Fulfils `microgpt.engine.Engine`."""

    def __init__(
        self, config: ModelConfig, optimizer: OptimizerConfig, weights: array[float]
    ) -> None:
        check_length(weights, config)
        self.config = config
        self.optimizer = optimizer
        self._layout: dict[str, MatrixSpec] = {s.name: s for s in parameter_layout(config)}
        self._state: dict[StateKind, list[float]] = {
            "weights": list(weights),
            "gradients": [0.0] * len(weights),
            "first_moment": [0.0] * len(weights),
            "second_moment": [0.0] * len(weights),
        }

    def rows(self, name: str) -> Rows:
        spec = self._layout[name]
        flat = self._state["weights"][spec.slice]
        return [flat[i : i + spec.columns] for i in range(0, spec.size, spec.columns)]

    def loss_and_gradients(self, documents: Sequence[Sequence[int]]) -> list[list[float]]:
        """See Engine."""
        return self._run(documents, backward=True)

    def losses(self, documents: Sequence[Sequence[int]]) -> list[list[float]]:
        """See Engine."""
        return self._run(documents, backward=False) if documents else []

    def _run(self, documents: Sequence[Sequence[int]], backward: bool) -> list[list[float]]:
        config = self.config
        hd = config.head_dim
        pairs = [inputs_and_targets(d, config) for d in documents]
        if not pairs:
            raise ValueError("a batch needs at least one document")
        n_tokens = sum(len(i) for i, _ in pairs)
        grads = {n: [[0.0] * s.columns for _ in range(s.rows)] for n, s in self._layout.items()}
        w = {n: self.rows(n) for n in self._layout}
        wt = {n: transposed(r) for n, r in w.items()}
        out = []
        for inputs, targets in pairs:
            n = len(inputs)
            x = [
                [a + b for a, b in zip(w["wte"][t], w["wpe"][p], strict=True)]
                for p, t in enumerate(inputs)
            ]
            normed = [rmsnorm(r) for r in x]
            x0 = x = [y for y, _ in normed]
            s0 = [s for _, s in normed]
            tape = []
            for layer in range(config.n_layer):
                name = f"layer{layer}."
                normed = [rmsnorm(r) for r in x]
                h1, s1 = [y for y, _ in normed], [s for _, s in normed]
                q, k, v = (matmul(h1, w[name + m]) for m in ("attn_wq", "attn_wk", "attn_wv"))
                o: Rows = [[] for _ in range(n)]
                att = []
                for h in range(config.n_head):
                    c = slice(h * hd, h * hd + hd)
                    a_h = []
                    for t in range(n):
                        a = softmax(
                            [sum(map(mul, q[t][c], k[u][c])) / hd**0.5 for u in range(t + 1)]
                        )
                        o[t] += [
                            sum(a[u] * v[u][j] for u in range(t + 1))
                            for j in range(c.start, c.stop)
                        ]
                        a_h.append(a)
                    att.append(a_h)
                x1 = add(x, matmul(o, w[name + "attn_wo"]))
                normed = [rmsnorm(r) for r in x1]
                h2, s2 = [y for y, _ in normed], [s for _, s in normed]
                f = [[z if z > 0 else z * 0.0 for z in r] for r in matmul(h2, w[name + "mlp_fc1"])]
                x = add(x1, matmul(f, w[name + "mlp_fc2"]))
                tape.append((h1, s1, q, k, v, o, att, h2, s2, f))
            probs = [softmax(r) for r in matmul(x, w["lm_head"])]
            ps = [p[t] for p, t in zip(probs, targets, strict=True)]
            out.append([-math.log(p) if p > 0 else math.inf if p == 0 else math.nan for p in ps])
            if not backward:
                continue
            dl = [
                [(p - (j == t)) / n_tokens for j, p in enumerate(r)]
                for r, t in zip(probs, targets, strict=True)
            ]

            def accumulate(name: str, dy: Rows, x: Rows) -> None:
                grads[name] = add(grads[name], matmul(transposed(dy), transposed(x)))

            accumulate("lm_head", dl, x)
            dx = matmul(dl, wt["lm_head"])
            for layer in reversed(range(config.n_layer)):
                name = f"layer{layer}."
                h1, s1, q, k, v, o, att, h2, s2, f = tape[layer]
                accumulate(name + "mlp_fc2", dx, f)
                df = [
                    [d if z > 0 else 0.0 for d, z in zip(r, fr, strict=True)]
                    for r, fr in zip(matmul(dx, wt[name + "mlp_fc2"]), f, strict=True)
                ]
                accumulate(name + "mlp_fc1", df, h2)
                dh2 = matmul(df, wt[name + "mlp_fc1"])
                dx = add(dx, [rmsnorm_backward(*z) for z in zip(h2, s2, dh2, strict=True)])
                accumulate(name + "attn_wo", dx, o)
                do = matmul(dx, wt[name + "attn_wo"])
                dq, dk, dv = ([[0.0] * config.n_embd for _ in range(n)] for _ in range(3))
                for h in range(config.n_head):
                    for t in range(n):
                        a = att[h][t]
                        js = range(h * hd, h * hd + hd)
                        da = [sum(do[t][j] * v[u][j] for j in js) for u in range(t + 1)]
                        mean = sum(map(mul, a, da))
                        for u in range(t + 1):
                            g = a[u] * (da[u] - mean) / hd**0.5
                            for j in js:
                                dq[t][j] += g * k[u][j]
                                dk[u][j] += g * q[t][j]
                                dv[u][j] += a[u] * do[t][j]
                dh1: Rows = [[0.0] * config.n_embd for _ in range(n)]
                for m, d in (("attn_wq", dq), ("attn_wk", dk), ("attn_wv", dv)):
                    accumulate(name + m, d, h1)
                    dh1 = add(dh1, matmul(d, wt[name + m]))
                dx = add(dx, [rmsnorm_backward(*z) for z in zip(h1, s1, dh1, strict=True)])
            for p, (t, y, s, d) in enumerate(zip(inputs, x0, s0, dx, strict=True)):
                g0 = rmsnorm_backward(y, s, d)
                for i, g in enumerate(g0):
                    grads["wte"][t][i] += g
                    grads["wpe"][p][i] += g
        if backward:
            self._state["gradients"] = [g for m in grads.values() for r in m for g in r]
        return out

    def adam_step(self, learning_rate: float, step: int) -> None:
        """See Engine. Adam (Kingma & Ba 2014, arXiv:1412.6980, algorithm 1)."""
        beta1, beta2, eps = self.optimizer.beta1, self.optimizer.beta2, self.optimizer.eps
        state = self._state
        c1, c2 = 1 - beta1, 1 - beta2
        g = state["gradients"]
        m = [beta1 * mi + c1 * gi for mi, gi in zip(state["first_moment"], g, strict=True)]
        v = [beta2 * vi + c2 * gi * gi for vi, gi in zip(state["second_moment"], g, strict=True)]
        b1, b2 = 1 - beta1 ** (step + 1), 1 - beta2 ** (step + 1)
        state["weights"] = [
            p - learning_rate * (mi / b1) / (math.sqrt(vi / b2) + eps)
            for p, mi, vi in zip(state["weights"], m, v, strict=True)
        ]
        state["first_moment"], state["second_moment"] = m, v

    def decoder(self) -> VectorDecoder:
        """See Engine."""
        return VectorDecoder(self)

    def read(self, kind: StateKind) -> array[float]:
        """See Engine."""
        return array("d", self._state[kind])

    def write(self, kind: StateKind, values: array[float]) -> None:
        """See Engine."""
        check_length(values, self.config)
        if kind == "second_moment":
            check_second_moment(values)
        self._state[kind] = list(values)


class VectorDecoder:
    """One text being continued. Fulfils `microgpt.engine.Decoder`."""

    def __init__(self, engine: VectorEngine) -> None:
        self._config = engine.config
        self._w = {s.name: engine.rows(s.name) for s in parameter_layout(engine.config)}
        self._keys: list[Rows] = [[] for _ in range(engine.config.n_layer)]
        self._values: list[Rows] = [[] for _ in range(engine.config.n_layer)]
        self._position = 0

    def push(self, token: int) -> list[float]:
        """See Decoder."""
        config, w, hd = self._config, self._w, self._config.head_dim
        check_token(token, self._position, config)
        x, _ = rmsnorm(
            [a + b for a, b in zip(w["wte"][token], w["wpe"][self._position], strict=True)]
        )
        self._position += 1
        for layer in range(config.n_layer):
            name = f"layer{layer}."
            h, _ = rmsnorm(x)
            q, k, v = (matmul([h], w[name + m])[0] for m in ("attn_wq", "attn_wk", "attn_wv"))
            keys, values = self._keys[layer], self._values[layer]
            keys.append(k)
            values.append(v)
            o: Row = []
            for i in range(0, config.n_embd, hd):
                c = slice(i, i + hd)
                a = softmax([sum(map(mul, q[c], r[c])) / hd**0.5 for r in keys])
                o += matmul([a], transposed([r[c] for r in values]))[0]
            x = add([x], matmul([o], w[name + "attn_wo"]))[0]
            h, _ = rmsnorm(x)
            f = [max(0.0, z) for z in matmul([h], w[name + "mlp_fc1"])[0]]
            x = add([x], matmul([f], w[name + "mlp_fc2"]))[0]
        return matmul([x], w["lm_head"])[0]
