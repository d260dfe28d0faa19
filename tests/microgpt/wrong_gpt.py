"""Mistakes in `gpt` that leave every loss as it is, and make the gradients wrong."""

from __future__ import annotations

import inspect
from typing import Any

from microgpt import ScalarEngine, scalar_engine

RESIDUAL = "x = [a + b for a, b in zip(x, x_residual, strict=True)]\n\n"
CUT = "x = [a + Value(b.data) for a, b in zip(x, x_residual, strict=True)]\n\n"
CUT_KEYS = "a head's K-gradient cut to the current position"
"""A mistake of two public ports of microgpt to C, which still learn."""
WRONG = {
    CUT_KEYS:
        ("[k[head] for k in cache.keys[layer]]",
         "[*([Value(n.data) for n in k[head]] for k in cache.keys[layer][:-1]), "
         "cache.keys[layer][-1][head]]"),
    "no gradient through the values of earlier positions":
        ("[v[head] for v in cache.values[layer]]",
         "[*([Value(n.data) for n in v[head]] for v in cache.values[layer][:-1]), "
         "cache.values[layer][-1][head]]"),
    "no gradient around attention":
        (f"{RESIDUAL}            # 2)", f"{CUT}            # 2)"),
    "no gradient around the MLP":
        (f"{RESIDUAL}        return", f"{CUT}        return"),
    "no gradient for the positions":
        ("t + p for t, p", "t + p.data for t, p"),
    "no gradient through the queries":
        ("q_h = q[head]", "q_h = [Value(n.data) for n in q[head]]"),
    "attention weights taken for constants":
        ("= softmax(attn_logits)", "= [Value(n.data) for n in softmax(attn_logits)]"),
    "a relu that lets every gradient pass":
        ("[xi.relu() for xi in x]", "[xi + (max(xi.data, 0.0) - xi.data) for xi in x]"),
    "scores whose scale the gradient forgets":
        ("attn / head_dim**0.5", "attn + (attn.data / head_dim**0.5 - attn.data)"),
    "a first norm taken for a constant scale":
        ("x = norm(x)\n\n        for",
         "x = [a * (b.data / a.data) for a, b in zip(x, rmsnorm(x), strict=True)]\n\n        for"),
}  # fmt: skip
"""Ten mistakes, each as what stands in `gpt`, and what stands there instead."""


def wrong_engine(name: str) -> type[ScalarEngine]:
    """The scalar engine with one of these mistakes."""
    old, new = WRONG[name]
    source = inspect.getsource(ScalarEngine.gpt)
    assert old in source
    made: dict[str, Any] = dict(vars(scalar_engine))
    exec(f"class Wrong(ScalarEngine):\n{source.replace(old, new, 1)}", made)
    wrong: type[ScalarEngine] = made["Wrong"]
    return wrong
