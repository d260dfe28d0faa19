"""The parts of a frame that show the model and its data."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from operator import sub

from microgpt.engine import Engine
from microgpt.parameters import parameter_layout
from microgpt.trainer import StepResult
from playground.hooks.errors import PluginError
from playground.lab.data import BEYOND
from playground.lab.opening import Opened
from playground.lab.protocol import DocumentFrame, MatrixFrame, MatrixView

_SHOWN = 200
"""Characters of a neighbouring document that are shown."""


def document_frame(
    opened: Opened, last: StepResult | None, coming: int, history: int
) -> DocumentFrame | None:
    """The document that `last` learnt from, or the one to come, and its neighbours."""
    texts, encoder = opened.train, opened.encoder
    index = last.document_indices[0] if last else coming
    losses = last.token_losses[0] if last else ()
    try:
        ids = opened.documents.shown(index)[1:]
        reach = min(opened.config.block_size, len(ids))
        shown = tuple(map(encoder.display, ids[:reach]))
        beyond = tuple(map(encoder.display, ids[reach:-1][:BEYOND]))
    except PluginError:  # training has said so already, or is about to
        shown, beyond, losses = (), (), ()
    count = len(texts)
    reachable = min(history, (count - 1) // 2)
    done = min(reachable, index) if last is None or last.step <= count else reachable
    return DocumentFrame(
        position=index,
        tokens=shown,
        losses=tuple(losses),
        beyond=beyond,
        before=_cut(texts[(index - i) % count] for i in range(done, 0, -1)),
        after=_cut(texts[(index + i) % count] for i in range(1, reachable + 1)),
    )


def _cut(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(text[:_SHOWN] for text in texts)


def matrix_frames(
    engine: Engine, views: Sequence[MatrixView], before: array[float] | None
) -> tuple[MatrixFrame, ...]:
    """The matrices that are on screen. before: the weights before the last step, if known;
    without them the update is all zeros. Unknown names are left out."""
    if not views:
        return ()
    layout = {matrix.name: matrix for matrix in parameter_layout(engine.config)}
    states: dict[str, array[float]] = {}
    frames = []
    for view in views:
        matrix = layout.get(view.name)
        if matrix is None:
            continue
        kind = "weights" if view.kind == "update" else view.kind
        if kind not in states:
            states[kind] = engine.read(kind)
        values = states[kind][matrix.slice]
        if view.kind == "update":
            old = before[matrix.slice] if before is not None else values
            values = array("d", map(sub, values, old))
        frames.append(MatrixFrame(matrix.name, view.kind, matrix.rows, matrix.columns, values))
    return tuple(frames)
