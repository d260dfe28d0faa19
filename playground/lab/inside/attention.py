"""View 2: what the heads of one layer read, and the arithmetic of one cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from microgpt import kernels
from microgpt.anatomy import Anatomy, head_pushes, head_sizes, unembedding
from playground.lab.inside.compared import compared_with
from playground.lab.protocol.inside import AttentionCell, AttentionReading, Look


def attention(look: Look, anatomy: Anatomy, display: Callable[[int], str]) -> AttentionReading:
    """All heads of the layer, as the measure says; for `push`, on the explained logit, which
    every position would read in the same direction."""
    assert look.token is not None
    reads = unembedding(anatomy, look.token, compared_with(look, anatomy))
    positions = range(len(anatomy.tokens))
    at = anatomy.layers[look.layer]

    def cells(head: int, position: int) -> Sequence[float]:
        if look.measure == "size":
            return head_sizes(anatomy, look.layer, head, position)
        if look.measure == "push":
            return head_pushes(anatomy, look.layer, head, position, reads)
        return at.attn_weights[head][position]

    heads = tuple(
        tuple(tuple(cells(head, position)) for position in positions)
        for head in range(anatomy.config.n_head)
    )
    head_dim = anatomy.config.head_dim
    columns = slice(look.head * head_dim, (look.head + 1) * head_dim)
    query = tuple(at.q[look.position][columns])
    key = tuple(at.k[look.source][columns])
    cell = AttentionCell(
        query=query,
        key=key,
        value=tuple(at.v[look.source][columns]),
        dot=kernels.dot(query, key),
        score=at.attn_logits[look.head][look.position][look.source],
        weight=at.attn_weights[look.head][look.position][look.source],
        size=head_sizes(anatomy, look.layer, look.head, look.position)[look.source],
        push=head_pushes(anatomy, look.layer, look.head, look.position, reads)[look.source],
    )
    return AttentionReading(look.measure, heads, cell, display(look.token))
