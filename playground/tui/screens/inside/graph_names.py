"""By which names view 7 opens the numbers that other views show.

The graph calls a number as the source of `gpt` does: the name that the statement gave it, the loops
that the statement is in, and `#2` where the name is given for the second time there. Where a part
was left out of the model, its statements are not run, and the name is given fewer times.
"""

from __future__ import annotations

from functools import cache

from playground.lab.protocol.inside import FlowStage

_OWN = {"q": "q", "k": "cache.keys[layer]", "v": "cache.values[layer]"}
_ATTENTION = ("x_attn", "head", "x_mid")
_MLP = ("x_mlp", "pre_activation", "activation", "mlp", "x_out")


@cache
def in_layer(parts: tuple[str, ...]) -> dict[str, str]:
    """The names by stage of a layer. What one head writes is no number of the graph, which adds up
    all heads at once: its numbers lead to those of that sum.

    parts: those that the model has. Each stage but q, k and v is called x, one time after the
    other; without residual the stream after a block is what the block wrote, under that name.
    """
    names, count = dict(_OWN), 0
    for part, stages in (("attention", _ATTENTION), ("mlp", _MLP)):
        for stage in stages if part in parts else ():
            count += stage not in ("x_mid", "x_out") or "residual" in parts
            names[stage] = f"x#{count}" if count > 1 else "x"
    return names


CACHED = ("k", "v")
"""Stages that are the last row of what is kept of all positions."""


def stage_number(
    stage: FlowStage, position: int, token: int, index: int, parts: tuple[str, ...]
) -> str:
    """One number of a stage of Flow. token: the one that the position reads. parts: those that the
    model has."""
    simple = {
        "wte[token]": f"wte[{token}]",
        "wpe[position]": f"wpe[{position}]",
        "embeddings": f"x position {position} ",
        "x": f"x#2 position {position} ",
        "logits": f"logits[{position}]",
        "probs": f"probs[{position}]",
    }
    if stage.layer < 0:
        return f"{simple[stage.name]}[{index}]" if stage.name in simple else ""
    if stage.name == "attn_weights":
        return attention_number(stage.layer, stage.head, position, index)
    name = in_layer(parts).get(stage.name)
    if name is None:
        return ""
    row = f"[{position}]" if stage.name in CACHED else ""
    return f"{name} layer {stage.layer} position {position} {row}[{index}]"


def attention_number(layer: int, head: int, position: int, source: int) -> str:
    """The weight that a head has at a position for a source."""
    return f"attn_weights layer {layer} h {head} position {position} [{source}]"


def neuron_number(layer: int, neuron: int, position: int, parts: tuple[str, ...]) -> str:
    """What a hidden neuron makes at a position, after relu. parts: those that the model has."""
    return f"{in_layer(parts)['activation']} layer {layer} position {position} [{neuron}]"
