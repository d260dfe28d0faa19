"""By which names view 7 opens the numbers that other views show.

The graph calls a number as the source of `gpt` does: the name that the statement gave it, the loops
that the statement is in, and `#2` where the name is given for the second time there.
"""

from __future__ import annotations

from playground.lab.protocol.inside import FlowStage

IN_LAYER = {
    "x_attn": "x", "q": "q", "k": "cache.keys[layer]", "v": "cache.values[layer]", "head": "x#2",
    "x_mid": "x#3", "x_mlp": "x#4", "activation": "x#6", "mlp": "x#7", "x_out": "x#8",
}  # fmt: skip
"""By stage of a layer. What one head writes is no number of the graph, which adds up all heads at
once: its numbers lead to those of that sum."""
CACHED = ("k", "v")
"""Stages that are the last row of what is kept of all positions."""


def stage_number(stage: FlowStage, position: int, token: int, index: int) -> str:
    """One number of a stage of Flow. token: the one that the position reads."""
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
    if stage.name not in IN_LAYER:
        return ""
    row = f"[{position}]" if stage.name in CACHED else ""
    return f"{IN_LAYER[stage.name]} layer {stage.layer} position {position} {row}[{index}]"


def attention_number(layer: int, head: int, position: int, source: int) -> str:
    """The weight that a head has at a position for a source."""
    return f"attn_weights layer {layer} h {head} position {position} [{source}]"


def neuron_number(layer: int, neuron: int, position: int) -> str:
    """What a hidden neuron makes at a position, after relu."""
    return f"{IN_LAYER['activation']} layer {layer} position {position} [{neuron}]"
