"""Which parts of the model a place on the screen is about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from microgpt.surgery import Component
from playground.lab.protocol.run import Matrix, RunInfo


def existing(parts: Iterable[Component], matrices: Sequence[Matrix]) -> tuple[Component, ...]:
    """Those of these parts that a model with these matrices has, each once."""
    names = {matrix.name for matrix in matrices}
    return tuple(one for one in dict.fromkeys(parts) if _written_in(one) in names)


def _written_in(part: Component) -> str:
    """The matrix in which a part is cut."""
    match part.kind:
        case "head":
            return f"layer{part.layer}.attn_wo"
        case "neuron":
            return f"layer{part.layer}.mlp_fc2"
        case "position":
            return "wpe"
        case "token":
            return "wte"
        case _:
            return part.matrix


def parts_at(matrix: str, row: int, column: int, head_dim: int) -> tuple[Component, ...]:
    """A weight, then the head, neuron, token or position that it belongs to, then its matrix."""
    weight = Component("weight", index=row, matrix=matrix, column=column)
    return (weight, *_around(matrix, row, column, head_dim), Component("matrix", matrix=matrix))


def _around(matrix: str, row: int, column: int, head_dim: int) -> tuple[Component, ...]:
    layer, _, name = matrix.rpartition(".")
    number = int(layer.removeprefix("layer")) if layer else -1
    match name:
        case "wte":
            return (Component("token", index=row),)
        case "wpe":
            return (Component("position", index=row),)
        case "attn_wq" | "attn_wk" | "attn_wv":
            return (Component("head", number, row // head_dim),)
        case "attn_wo":
            return (Component("head", number, column // head_dim),)
        case "mlp_fc1":
            return (Component("neuron", number, row),)
        case "mlp_fc2":
            return (Component("neuron", number, column),)
        case _:
            return ()


def head_dim(info: RunInfo) -> int:
    """The width of a head."""
    return max(1, info.matrices[0].columns // max(1, info.n_head))
