"""Compares numbers: which count as the same, and in which words a difference is told."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence

from microgpt.config import ModelConfig
from microgpt.parameters import parameter_layout
from playground.testing.contract import ContractError

REL = 1e-9
"""The largest relative difference from the reference: that of the same sums in another order."""
FLOOR = 1e-12
"""The largest absolute difference of losses in nats, since near 0 only rounding is left."""

GRADIENT_FLOOR = 1e-15
"""The largest absolute difference of gradients: only rounding is left if all terms of one cancel
(attention to a single token)."""

Rows = Sequence[Sequence[float]]


def close(a: float, b: float, rel: float = REL, floor: float = FLOOR) -> bool:
    """True if both are nan, or equal, or within `rel` of the larger or within `floor`."""
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    return a == b or abs(a - b) <= max(rel * max(abs(a), abs(b)), floor)


def check_numbers(
    what: str,
    mine: Sequence[float],
    expected: Sequence[float],
    advice: str,
    rel: float = REL,
    floor: float = FLOOR,
) -> None:
    """Raise ContractError at the first number that differs. rel 0, floor 0: bit for bit, nearly
    (0.0 and -0.0 are the same, and one nan is like another)."""
    if len(mine) != len(expected):
        raise ContractError(f"{what}: {len(mine)} numbers instead of {len(expected)}", advice)
    for i, (a, b) in enumerate(zip(mine, expected, strict=True)):
        if not close(a, b, rel, floor):
            raise ContractError(f"{what}, number {i}: {a!r} instead of {b!r}", advice)


def check_rows(
    what: str, mine: Rows, expected: Rows, advice: str, rel: float = REL, floor: float = FLOOR
) -> None:
    """Raise ContractError if two lists of token losses, one a document, differ."""
    lengths, others = [len(row) for row in mine], [len(row) for row in expected]
    if lengths != others:
        raise ContractError(f"{what}: lists of {lengths} losses instead of {others}", advice)
    for i, (a, b) in enumerate(zip(mine, expected, strict=True)):
        check_numbers(f"{what}, document {i}", a, b, advice, rel, floor)


def check_gradients(
    what: str,
    config: ModelConfig,
    mine: array[float],
    expected: array[float],
    advice: str,
    rel: float = REL,
    floor: float = GRADIENT_FLOOR,
) -> None:
    """Raise ContractError for the matrix in which the gradients differ: by more than `rel` of the
    largest in it, and by more than `floor`."""
    for spec in parameter_layout(config):
        x, y = mine[spec.slice], expected[spec.slice]
        limit = rel * max(map(abs, y)) + floor
        for i, (a, b) in enumerate(zip(x, y, strict=True)):
            if not abs(a - b) <= limit:
                place = f"{spec.name}[{i // spec.columns}, {i % spec.columns}]"
                raise ContractError(
                    f"{what}: the gradient of {place} is {a!r} instead of {b!r}", advice
                )
