"""Activation patching: which activation carries the difference between two texts.

Two texts of the same number of tokens lead the model to two answers. One activation of the first,
"clean" run is put into the second, "corrupt" one, at one position, and the rest is computed from
there: what is left of the way from the corrupt answer to the clean one says how much this
activation carries. Source: Zhang & Nanda 2023, "Towards Best Practices of Activation Patching in
Language Models".

What is put in is the residual stream at the stages of `anatomy.stages` that have no head in their
name, and what the head writes at the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from microgpt import kernels
from microgpt.anatomy import Anatomy, run_layer, run_mlp, stages
from microgpt.kernels import Row, Rows


def logit_difference(anatomy: Anatomy, answer: int, other: int) -> float:
    """The logit of `answer` minus that of `other` after the last position."""
    return anatomy.logits[-1][answer] - anatomy.logits[-1][other]


def stage_names(anatomy: Anatomy) -> tuple[str, ...]:
    """The stages whose activations are put in, in the order of the depth."""
    return tuple(stage.name for stage in stages(anatomy))


def patches(
    clean: Anatomy, corrupt: Anatomy, answer: int, other: int
) -> Iterator[tuple[int, int, float]]:
    """(stage, position, logit difference of the patched run) for every stage, counted as
    `stage_names` has them, and every position.

    clean, corrupt: of the same weights, with as many positions. answer, other: the ids whose logits
    are compared after the last position. ValueError for another number of positions or another
    model; IndexError for an id that is not there.
    """
    if len(clean.tokens) != len(corrupt.tokens):
        raise ValueError(
            f"the texts have {len(clean.tokens):,} and {len(corrupt.tokens):,} positions; both "
            "must have the same number"
        )
    if clean.config != corrupt.config or clean.weights != corrupt.weights:
        raise ValueError("the texts were read by two models")
    rows = corrupt.weights["lm_head"]
    reads = [u - w for u, w in zip(rows[answer], rows[other], strict=True)]
    untouched = logit_difference(corrupt, answer, other)
    last, stage = len(corrupt.tokens) - 1, 0

    def patched(layer: int, position: int, x: Row) -> float:
        """The difference if `layer` reads x (C) at this position; a layer after the last one is
        lm_head."""
        here = _run_on(corrupt, layer, position, x)
        return untouched if here is None else kernels.dot(reads, here)

    for position in range(last + 1):
        yield stage, position, patched(0, position, clean.x[position])
    for number, (good, bad) in enumerate(zip(clean.layers, corrupt.layers, strict=True)):
        final = number == len(corrupt.layers) - 1
        mids: list[Sequence[Row]] = [
            [
                _replaced(_stream(corrupt, bad.x[p]), bad.heads, h, good.heads[h][p], p)
                for p in range(last + 1)
            ]
            for h in range(len(bad.heads))
        ]
        for writes in (*mids, good.x_mid) if mids else ():
            stage += 1
            for position in range(last + 1):
                if final and position < last:  # nothing that follows reads this position
                    yield stage, position, untouched
                else:
                    x = _after_mlp(corrupt, number, writes[position])
                    yield stage, position, patched(number + 1, position, x)
        if not bad.mlp:
            continue
        stage += 1
        for position in range(last + 1):
            yield stage, position, patched(number + 1, position, good.x_out[position])


def recovered(difference: float, clean: float, corrupt: float) -> float:
    """The share of the way from the corrupt run's logit difference to the clean one's that a
    patched run makes: 0 for the one and 1 for the other; nan if these are the same."""
    way = clean - corrupt
    return (difference - corrupt) / way if way else float("nan")


def _replaced(x: Row, heads: Sequence[Rows], head: int, write: Row, position: int) -> Row:
    """The residual stream (C) after attention at one position, if the head wrote this."""
    for h, wrote in enumerate(heads):
        x = [a + b for a, b in zip(x, write if h == head else wrote[position], strict=True)]
    return x


def _after_mlp(anatomy: Anatomy, layer: int, x_mid: Row) -> Row:
    """The residual stream (C) that the layer leaves at a position where it has x_mid after
    attention."""
    if "mlp" not in anatomy.config.parts:
        return x_mid
    *_, mlp = run_mlp(anatomy.config, anatomy.weights, layer, [x_mid])
    return [a + b for a, b in zip(_stream(anatomy, x_mid), mlp[0], strict=True)]


def _stream(anatomy: Anatomy, x: Row) -> Row:
    """What a block adds to: the residual stream (C), or nothing in a model without residual."""
    return x if "residual" in anatomy.config.parts else [0.0] * len(x)


def _run_on(anatomy: Anatomy, layer: int, position: int, x: Row) -> Row | None:
    """The residual stream (C) before lm_head at the last position, if `layer` and those after it
    run again with x at `position`; None if nothing of x gets there."""
    last = len(anatomy.tokens) - 1
    layers = anatomy.layers[layer:]
    if not layers:
        return x if position == last else None
    rows: Rows = [x, *layers[0].x[position + 1 :]]
    for number, was in enumerate(layers, layer):
        past = was.k[:position], was.v[:position]
        rows = run_layer(anatomy.config, anatomy.weights, number, rows, past=past).x_out
    return rows[-1]
