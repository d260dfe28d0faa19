"""View 3: the logit lens, stages by positions."""

from __future__ import annotations

from collections.abc import Callable

from microgpt.anatomy import Anatomy, lens, stages
from playground.lab.protocol.inside import DepthCell, DepthReading, Look

_PRODUCTS = 2_000_000
"""Multiplications of one reading, at most: about 50 ms."""


def depth(look: Look, anatomy: Anatomy, display: Callable[[int], str]) -> DepthReading:
    """The likeliest token at every stage, at as many positions around the chosen one as may be
    read at once: all of them unless the vocabulary is large."""
    assert look.token is not None
    config = anatomy.config
    found = stages(anatomy)
    each = len(found) * config.vocab_size * config.n_embd
    count = max(1, min(len(anatomy.tokens), _PRODUCTS // each))
    first = max(0, min(look.position - count // 2, len(anatomy.tokens) - count))
    rows = []
    for stage in found:
        cells = []
        for place, probs in enumerate(lens(anatomy, stage.x[first : first + count])):
            best = max(range(len(probs)), key=probs.__getitem__)
            target = anatomy.targets[first + place]
            cells.append(
                DepthCell(display(best), best, probs[best], probs[target], probs[look.token])
            )
        rows.append(tuple(cells))
    names = tuple(stage.name for stage in found)
    return DepthReading(names, tuple(rows), first, display(look.token))
