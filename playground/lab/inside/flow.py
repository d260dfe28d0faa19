"""View 1: the machine as a map, with the numbers of one position at every stage."""

from __future__ import annotations

from collections.abc import Sequence

from microgpt.anatomy import Anatomy, LayerAnatomy
from playground.lab.protocol.inside import FlowReading, FlowStage, Look, View

MOST = 256
"""Numbers of a stage that are sent."""


def flow(look: Look, anatomy: Anatomy) -> FlowReading:
    """Every stage at the chosen position, in the order of the computation. What was left out of the
    model has none."""
    p = look.position
    token, weights = anatomy.tokens[p], anatomy.weights
    stages = [_stage("wte[token]", weights["wte"][token], matrix="wte", row=token)]
    if "wpe" in weights:
        stages.append(_stage("wpe[position]", weights["wpe"][p], matrix="wpe", row=p))
    stages += [
        _stage("embeddings", anatomy.embeddings[p]),
        _stage("x", anatomy.x[p], view="depth"),
    ]
    for number, layer in enumerate(anatomy.layers):
        stages += _layer(number, layer, p)
    stages += [
        _stage("logits", anatomy.logits[p], matrix="lm_head", view="credit"),
        _stage("probs", anatomy.probs[p], view="depth"),
    ]
    return FlowReading(tuple(stages))


def _layer(number: int, layer: LayerAnatomy, p: int) -> list[FlowStage]:
    def stage(
        name: str,
        values: Sequence[float],
        matrix: str = "",
        view: View | None = None,
        head: int = -1,
    ) -> FlowStage:
        full = f"layer{number}.{matrix}" if matrix else ""
        return _stage(name, values, layer=number, head=head, matrix=full, view=view)

    found = []
    if layer.heads:
        found += [
            stage("x_attn", layer.x_attn[p]),
            stage("q", layer.q[p], "attn_wq"),
            stage("k", layer.k[p], "attn_wk"),
            stage("v", layer.v[p], "attn_wv"),
        ]
    for h, (looks, writes) in enumerate(zip(layer.attn_weights, layer.heads, strict=True)):
        found += [
            stage("attn_weights", looks[p], view="attention", head=h),
            stage("head", writes[p], "attn_wo", "attention", h),
        ]
    if layer.heads:
        found.append(stage("x_mid", layer.x_mid[p], view="depth"))
    if layer.mlp:
        found += [
            stage("x_mlp", layer.x_mlp[p]),
            stage("activation", layer.activation[p], "mlp_fc1", "neurons"),
            stage("mlp", layer.mlp[p], "mlp_fc2", "neurons"),
            stage("x_out", layer.x_out[p], view="depth"),
        ]
    return found


def _stage(
    name: str,
    values: Sequence[float],
    *,
    layer: int = -1,
    head: int = -1,
    matrix: str = "",
    row: int = -1,
    view: View | None = None,
) -> FlowStage:
    return FlowStage(name, f"({len(values)})", tuple(values[:MOST]), layer, head, matrix, row, view)
