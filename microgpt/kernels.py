"""The inner loops of the vector engine, written out for one width each.

Python spends most of a dot product on going round the loop. Written out, `a0*b0 + a1*b1 + ...`
over local variables is two to three times as fast, so each function here builds the source of one
such loop for the width it is asked for, compiles it once, and keeps it. The formula stands in
its docstring; `each("a#*b#", 3, "+")` writes `a0*b0+a1*b1+a2*b2`.

Rows are sequences of floats, all of one width. No kernel raises for numbers that are not finite.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from operator import mul
from typing import Any

Row = Sequence[float]
Rows = Sequence[Row]

RMS_EPS = 1e-5
"""Added to the mean square before the root. Source: microgpt.py, `rmsnorm`."""

_sumprod: Callable[[Row, Row], float] | None = getattr(math, "sumprod", None)  # Python 3.12
_WRITTEN_OUT = 16 if _sumprod else 192
"""Up to this length a dot product is written out; beyond it, C code that loops is faster."""


SMALL = 256
"""The most numbers in local variables of `product` before Python's instructions grow."""


def dot(a: Row, b: Row) -> float:
    """a · b, by the fastest loop in the standard library."""
    return _sumprod(a, b) if _sumprod else sum(map(mul, a, b))


@cache
def dots(k: int) -> Callable[[Rows, Rows], list[list[float]]]:
    """(a, b) -> [[x · y for y in b] for x in a]: a (n, k) times b (m, k) transposed, (n, m)."""
    if k > _WRITTEN_OUT:
        return lambda a, b: [[dot(x, y) for y in b] for x in a]
    return _compiled(
        f"""
def kernel(a, b):
    flat = [{each("a#*b#", k, "+")} for {each("a#", k)} in a for {each("b#", k)} in b]
    m = len(b)
    return [flat[i:i+m] for i in range(0, len(flat), m)]
"""
    )


@cache
def product(k: int, n: int) -> Callable[[Rows, Rows], list[Row]]:
    """(a, b) -> a b: a (m, k) times b (k, n), (m, n).

    All of b waits in local variables, so that only the rows of a are taken apart: for a small b.
    """
    columns = (each(f"a#*b#_{column}", k, "+") for column in range(n))
    return _compiled(
        f"""
def kernel(a, b):
    {"".join(f"({each(f'b{row}_#', n)})," for row in range(k))} = b
    out = []
    for {each("a#", k)} in a:
        out.append(({"".join(column + "," for column in columns)}))
    return out
"""
    )


@cache
def add(n: int) -> Callable[[Iterable[Row], Iterable[Row]], list[Row]]:
    """(a, b) -> a + b, element by element, both (t, n)."""
    return _compiled(
        f"""
def kernel(a, b):
    out = []
    for ({each("a#", n)}), ({each("b#", n)}) in zip(a, b):
        out.append(({each("a#+b#", n)}))
    return out
"""
    )


@cache
def combinations(n: int) -> Callable[[Iterable[Row], Rows], list[list[float]]]:
    """(c, rows) -> [Σ c[i][t] rows[t] over t, for i]: c (m, k) times rows (k, n), (m, n).

    Zeros in c cost next to nothing, and a c[i] shorter than rows uses the first of them.
    """
    return _compiled(
        f"""
def kernel(coefficients, rows):
    out = []
    for row in coefficients:
        {each("s#", n, "=")} = 0.0
        for c, x in zip(row, rows):
            if c:
                {each("x#", n)} = x
                {each("s#+=c*x#", n, ";")}
        out.append(({each("s#", n)}))
    return out
"""
    )


@cache
def normalize(n: int) -> Callable[[Rows], tuple[list[list[float]], list[float]]]:
    """x (t, n) -> (y, scale): y = x scale, scale = (mean(x²) + eps) ** -0.5, row by row."""
    return _compiled(
        f"""
def kernel(rows):
    out, scales = [], []
    for {each("x#", n)} in rows:
        scale = (({each("x#*x#", n, "+")}) / {n} + {RMS_EPS}) ** -0.5
        scales.append(scale)
        out.append(({each("x#*scale", n)}))
    return out, scales
"""
    )


@cache
def normalize_backward(n: int) -> Callable[[Rows, Row, Rows, Rows], list[list[float]]]:
    """(y, scale, dy, residual) -> residual + dx, where y = normalize(x).

    dx = scale (dy - y mean(y dy)): moving along y itself changes nothing, for y is rescaled.
    """
    return _compiled(
        f"""
def kernel(rows, scales, gradients, residuals):
    out = []
    for ({each("y#", n)}), scale, ({each("g#", n)}), ({each("r#", n)}) in zip(
        rows, scales, gradients, residuals
    ):
        mean = ({each("y#*g#", n, "+")}) / {n}
        out.append(({each("r#+scale*(g#-y#*mean)", n)}))
    return out
"""
    )


@cache
def mlp(n: int) -> Callable[[Rows, Rows, Rows, Rows], tuple[list[list[float]], list[list[float]]]]:
    """(x, residual, fc1, fc2 transposed) -> (f, out): f = relu(fc1 x), out = residual + fc2 f.

    Seen from a hidden unit j: it reads x through row j of fc1, and if it fires it writes row j of
    fc2 transposed. Half of them do not fire, and cost only the reading.
    """
    read, product = _reading(n)
    return _compiled(
        f"""
def kernel(rows, residuals, fc1, fc2_t):
    activations, out = [], []
    for {read.replace("w", "x")}, ({each("s#", n)}) in zip(rows, residuals):
        f = []
        for {read}, writes in zip(fc1, fc2_t):
            z = {product}
            if z <= 0:  # nan is not: it goes on, to be seen
                f.append(0.0)
            else:
                f.append(z)
                {each("w#", n)} = writes
                {each("s#+=z*w#", n, ";")}
        activations.append(f)
        out.append(({each("s#", n)}))
    return activations, out
"""
    )


@cache
def mlp_backward(n: int) -> Callable[[Rows, Rows, Rows, Rows, Row], tuple[list[Row], ...]]:
    """(dout, f transposed, x, fc2 transposed, zero) -> (dz transposed, d_fc1, d_fc2 transposed).

    Again unit by unit: where unit j fired on token t, dz[t][j] = fc2_t[j] · dout[t], else 0;
    d_fc1[j] = Σ dz[t][j] x[t], d_fc2_t[j] = Σ f[t][j] dout[t]. A unit that fired on no token gets
    `zero` itself, for `adam` to know it by.
    """
    read, product = _reading(n)
    return _compiled(
        f"""
def kernel(gradients, activations, rows, fc2_t, zero):
    dz, d_fc1, d_fc2_t = [], [], []
    for {read}, fired in zip(fc2_t, activations):
        if not any(fired):
            dz.append(fired)
            d_fc1.append(zero)
            d_fc2_t.append(zero)
            continue
        column = []
        {each("r#", n, "=")} = 0.0
        {each("s#", n, "=")} = 0.0
        for f, x, row in zip(fired, gradients, rows):
            if f:
                {each("x#", n)} = x
                z = {product}
                column.append(z)
                {each("s#+=f*x#", n, ";")}
                {each("x#", n)} = row
                {each("r#+=z*x#", n, ";")}
            else:
                column.append(0.0)
        dz.append(column)
        d_fc1.append(({each("r#", n)}))
        d_fc2_t.append(({each("s#", n)}))
    return dz, d_fc1, d_fc2_t
"""
    )


@cache
def attention(
    n_head: int, head_dim: int
) -> Callable[[Rows, Rows, Rows], tuple[list[list[Row]], list[Row]]]:
    """(q, k, v), each (T, C) -> (a, out): what each head looks at, and what it finds.

    a[t][u] (H) = softmax of q_t · k_u / √D over u = 0 ... t, head by head (Vaswani et al. 2017,
    arXiv:1706.03762, equation 1); out[t] (C) = Σ a[t][u] v_u, the heads side by side.
    """
    n = n_head * head_dim
    logits = _by_head("({})*" + str(head_dim**-0.5), "q#*k#", n_head, head_dim)
    keep_largest = "\n            ".join(f"if l{h} > max{h}: max{h} = l{h}" for h in range(n_head))
    return _compiled(
        f"""
def kernel(queries, keys, values):
    weights, out = [], []
    for {each("q#", n)} in queries:
        logits, exps, looks = [], [], []
        {each("max#", n_head, "=")} = -inf
        for {each("k#", n)} in keys[:len(out) + 1]:
            {each("l#", n_head)} = row = ({logits})
            logits.append(row)
            {keep_largest}
        {each("sum#", n_head, "=")} = 0.0
        for {each("l#", n_head)} in logits:
            {each("l#", n_head)} = row = ({each("exp(l#-max#)", n_head)})
            exps.append(row)
            {each("sum#+=l#", n_head, ";")}
        {each("s#", n, "=")} = 0.0
        for ({each("a#", n_head)}), ({each("v#", n)}) in zip(exps, values):
            {each("a#", n_head)} = row = ({each("a#/sum#", n_head)})
            looks.append(row)
            {_heads("s#+=a@*v#", n_head, head_dim)}
        weights.append(looks)
        out.append(({each("s#", n)}))
    return weights, out
"""
    )


@cache
def attention_backward(
    n_head: int, head_dim: int
) -> Callable[[Rows, Rows, Rows, Sequence[Sequence[Row]], Rows], list[Row]]:
    """(q, k, v, a, dout) -> dq, dk, dv side by side: (T, 3C), back through attention.

    With s = q · k / √D and a = softmax(s): da[t][u] = dout_t · v_u, head by head, and
    ds = a (da - Σ a da), since the weights of a row always sum to 1. Then
    dq_t = Σ ds[t][u] k_u / √D, dk_u = Σ ds[t][u] q_t / √D, dv_u = Σ a[t][u] dout_t.
    """
    n = n_head * head_dim
    scaled = "a#*(d#-mean#)*" + str(head_dim**-0.5)
    back = f"({each('d#', n_head)} {each('a#', n_head)}), ({each('q#', n)}), ({each('g#', n)})"
    return _compiled(
        f"""
def kernel(queries, keys, values, weights, gradients):
    d_queries, out = [], []
    columns = [[] for _ in keys]  # of each key: ds and a of those who looked at it
    for looks, ({each("g#", n)}) in zip(weights, gradients):
        da = []
        {each("mean#", n_head, "=")} = 0.0
        for ({each("a#", n_head)}), ({each("v#", n)}) in zip(looks, values):
            {each("d#", n_head)} = row = ({_by_head("{}", "g#*v#", n_head, head_dim)})
            da.append(row)
            {each("mean#+=a#*d#", n_head, ";")}
        {each("s#", n, "=")} = 0.0
        for ({each("a#", n_head)}), ({each("d#", n_head)}), ({each("k#", n)}), column in zip(
            looks, da, keys, columns
        ):
            {each("d#=" + scaled, n_head, ";")}
            column.append(({each("d#", n_head)} {each("a#", n_head)}))
            {_heads("s#+=d@*k#", n_head, head_dim)}
        d_queries.append(({each("s#", n)}))
    for u, (dq, column) in enumerate(zip(d_queries, columns)):
        {each("s#", n, "=")} = 0.0
        {each("r#", n, "=")} = 0.0
        for {back} in zip(column, queries[u:], gradients[u:]):
            {_heads("s#+=d@*q#", n_head, head_dim)}
            {_heads("r#+=a@*g#", n_head, head_dim)}
        out.append((*dq, {each("s#", n)} {each("r#", n)}))
    return out
"""
    )


@cache
def adam(n: int) -> Callable[..., None]:
    """(p, g, m, v, zero, beta1, beta2, rate, eps): puts new rows in the place of p's, m's and v's.

    m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g²;  p = p - rate m / (√v + eps)

    written so that Python makes few numbers only to throw them away: m = (m beta1/(1 - beta1) + g)
    (1 - beta1), and the rate comes last.

    Where the row of g is the very object `zero`, there is less to do, with the same result; where
    those of m and v are too, nothing: a token or a position that was never seen.
    """
    return _compiled(
        f"""
def kernel(weights, gradients, first, second, zero, beta1, beta2, rate, eps, sqrt=sqrt):
    c1, c2 = 1 - beta1, 1 - beta2
    ratio = beta1 / c1
    for i, (p, g, m, v) in enumerate(zip(weights, gradients, first, second)):
        if g is zero:
            if m is zero and v is zero:
                continue
            {each("m#", n)} = m
            {each("v#", n)} = v
            first[i] = ({each("(m#:=m#*ratio*c1)", n)})
            second[i] = ({each("(v#:=beta2*v#)", n)})
        else:
            {each("g#", n)} = g
            {each("m#", n)} = m
            {each("v#", n)} = v
            # Row by row, so that the numbers of a row lie side by side in memory.
            first[i] = ({each("(m#:=(m#*ratio+g#)*c1)", n)})
            second[i] = ({each("(v#:=beta2*v#+c2*g#*g#)", n)})
        {each("p#", n)} = p
        weights[i] = ({each("p#-m#/(sqrt(v#)+eps)*rate", n)})
"""
    )


@cache
def sgd(n: int) -> Callable[..., None]:
    """(p, g, zero, rate): puts p - rate g in the place of each row of p, where g is not `zero`."""
    return _compiled(
        f"""
def kernel(weights, gradients, zero, rate):
    for i, (p, g) in enumerate(zip(weights, gradients)):
        if g is not zero:
            {each("p#", n)} = p
            {each("g#", n)} = g
            weights[i] = ({each("p#-rate*g#", n)})
"""
    )


def each(term: str, n: int, separator: str = ",") -> str:
    """`term` n times, # counting from 0; a comma also at the end, so that one is still a tuple."""
    terms = [term.replace("#", str(i)) for i in range(n)]
    if separator == "+":  # summed in groups, for Python limits how deep an expression nests
        groups = ["+".join(terms[i : i + 64]) for i in range(0, n, 64)]
        return groups[0] if len(groups) == 1 else "+".join(f"({group})" for group in groups)
    return separator.join(terms) + ("," if separator == "," else "")


def _heads(term: str, n_head: int, head_dim: int) -> str:
    """Statements: `term` for each column, # its number and @ that of its head."""
    columns = range(n_head * head_dim)
    return ";".join(term.replace("#", str(i)).replace("@", str(i // head_dim)) for i in columns)


def _by_head(around: str, term: str, n_head: int, head_dim: int) -> str:
    """A tuple's items: for each head the sum of `term` over its columns, put into `around`."""
    columns = each(term, n_head * head_dim, " ").split()
    sums = ("+".join(columns[h * head_dim : (h + 1) * head_dim]) for h in range(n_head))
    return "".join(around.format(total) + "," for total in sums)


def _reading(n: int) -> tuple[str, str]:
    """How a loop takes a row w (n), and the product w · x: written out, or whole."""
    if n > _WRITTEN_OUT:
        return "w", "dot(x, w)"
    return f"({each('w#', n)})", each("x#*w#", n, "+")


def _compiled(source: str) -> Callable[..., Any]:
    namespace: dict[str, Any] = {
        "dot": _sumprod or dot,
        "exp": math.exp,
        "sqrt": math.sqrt,
        "inf": math.inf,
    }
    exec(source, namespace)
    kernel: Callable[..., Any] = namespace["kernel"]
    return kernel
