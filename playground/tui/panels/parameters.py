"""Panel 3: any weight matrix as a heat map, and what the number under the cursor means."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message

from playground.lab.protocol.run import MatrixKind
from playground.tui.explain.words import KIND_SENTENCES, SENTENCES
from playground.tui.model import (
    KIND_LABELS,
    KIND_NAMES,
    PlaygroundModel,
    describe_row_and_column,
    row_labels,
)
from playground.tui.panels.architecture import ArchitectureMap
from playground.tui.panels.panel import Panel
from playground.tui.panels.zoomed.matrices import AllMatrices
from playground.tui.styles import MUTED, POINTED, STRONG
from playground.tui.widgets.heatmap import HeatMap
from playground.tui.widgets.sheet import Sheet
from playground.tui.widgets.static_text import Words


class ParametersPanel(Panel):
    """One matrix in one view, or in two where there is room, and the numbers at the cursor."""

    NUMBER = 3
    TITLE = "Parameters"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._scales: dict[str, tuple[object, float]] = {}
        """By the heat map's selector: what it shows, and the number at which its colour is full."""
        self._labels: tuple[object, str, tuple[str, ...]] = (None, "", ())
        """The labels of the rows, and the run and the matrix that they are of."""

    class MatrixChosen(Message):
        """The person chose a matrix, by its place in the run's list."""

        def __init__(self, place: int) -> None:
            super().__init__()
            self.place = place

    class KindChosen(Message):
        """The person clicked on a view."""

        def __init__(self, kind: MatrixKind) -> None:
            super().__init__()
            self.kind = kind

    def compose(self) -> ComposeResult:
        yield MatrixLine(id="parameters-line")
        with Horizontal(id="parameters-body"):
            yield AllMatrices(id="parameters-all")
            with Vertical(id="parameters-chosen"):
                yield Words(id="parameters-name")
                yield HeatMap(id="parameters-map")
            with Vertical(id="parameters-other"):
                yield Words(id="parameters-other-name")
                yield HeatMap(id="parameters-other-map")
            yield Words(id="parameters-readout")
            yield ArchitectureMap(id="parameters-architecture")

    def set_zoomed(self, zoomed: bool) -> None:
        super().set_zoomed(zoomed)
        model = getattr(self, "_model", None)
        whole = zoomed and model is not None and model.all_matrices
        self.query_one(AllMatrices).display = whole
        self.query_one("#parameters-chosen").display = not whole
        # Where there is no room for one of these, the style sheet hides it.
        for name in ("#parameters-other", "#parameters-readout", "#parameters-architecture"):
            self.query_one(name).set_class(whole, "-hidden")

    def show(self, model: PlaygroundModel) -> None:
        self._model = model
        if model.info is None:
            return
        if self.query_one(AllMatrices).display:
            self.query_one(AllMatrices).show(model)
        self.query_one(MatrixLine).show(model)
        self._show_map("#parameters-map", model.kind)
        if self.query_one("#parameters-other").display:
            for selector, kind in (
                ("#parameters-name", model.kind),
                ("#parameters-other-name", model.beside),
            ):
                self.query_one(selector, Words).say(Content.styled(KIND_NAMES[kind], MUTED))
            self._show_map("#parameters-other-map", model.beside)
        self._read_out()
        architecture = self.query_one(ArchitectureMap)
        model.map_shown = bool(architecture.display)
        if model.map_shown and model.frame is not None:
            architecture.show_map(
                model.info.matrices, model.frame.pulls, model.matrix, model.left_out
            )

    def _show_map(self, selector: str, kind: MatrixKind) -> None:
        matrix = self._model.matrix_frame(kind)
        if matrix is None:
            return
        heat_map = self.query_one(selector, HeatMap)
        scale = self._scale(selector, kind, matrix.largest)
        info = self._model.info
        if info is not None and (self._labels[0] is not info or self._labels[1] != matrix.name):
            self._labels = (info, matrix.name, row_labels(info, matrix.name))
        part = matrix.window
        place = None if part is None else (part.top, part.left, part.rows, part.columns)
        labels = self._labels[2]
        heat_map.set_matrix(matrix.values, matrix.rows, matrix.columns, scale, labels, place)
        if heat_map.cursor != self._model.cell:
            with self.prevent(HeatMap.CellHighlighted):
                heat_map.cursor = self._model.cell

    def _scale(self, place: str, kind: MatrixKind, largest: float) -> float:
        """The number at which a colour is full. The scale follows the largest number with room to
        spare, so that a view does not flicker: it changes once numbers exceed it, or fall below a
        quarter of it.
        """
        key = (self._model.info, self._model.matrix_name, kind)
        known, scale = self._scales.get(place, (None, 0.0))
        if known != key:
            scale = 0.0
        if largest > scale or largest < scale / 4:
            scale = largest * 1.1
        self._scales[place] = (key, scale)
        return scale or 1.0

    def on_sheet_pressed(self, event: Sheet.Pressed) -> None:
        event.stop()
        self.post_message(self.MatrixChosen(event.what[1]))

    def on_heat_map_cell_highlighted(self, event: HeatMap.CellHighlighted) -> None:
        event.stop()
        self._model.cell = (event.row, event.col)
        self.show(self._model)
        shown = self._model.matrix_frame(self._model.kind)
        if shown is not None and shown.window is not None:  # another part may be wanted
            self.post_message(self.MatrixChosen(self._model.matrix))

    def _read_out(self) -> None:
        model = self._model
        info = model.info
        matrix = model.matrix_frame(model.kind)
        if info is None or matrix is None:
            return
        if self.query_one(AllMatrices).display:
            scales = "each on a scale of its own"
            small = model.frame.small if model.frame is not None else ()
            apart = small[0].apart if small else 1
            some = "" if apart == 1 else f" of each {apart} columns one was looked at;"
            several = "several in one: the farthest from 0"
            self.subtitle(f"{scales};{some} {several}", f"{scales};{some}".rstrip(";"), scales)
            return
        row, column = (min(model.cell[0], matrix.rows - 1), min(model.cell[1], matrix.columns - 1))
        meaning = describe_row_and_column(info, matrix.name, row, column)
        numbers = {}
        for kind in dict.fromkeys(("weights", "gradients", model.kind)):
            frame = model.matrix_frame(kind)
            if frame is not None and (value := frame.at(row, column)) is not None:
                numbers[kind] = f"{value:+.5f}"
        old = "" if matrix.step is None else f"  at step {matrix.step:,}"
        lines = [
            Content.assemble((f"[{row}, {column}]", STRONG), (old, MUTED)),
            *(
                Content.assemble((f"{KIND_NAMES[kind]:<9}", MUTED), value)
                for kind, value in numbers.items()
            ),
            Content(""),
            Content.assemble(("row  ", MUTED), meaning[0]),
            Content.assemble(("col  ", MUTED), meaning[1]),
        ]
        readout = self.query_one("#parameters-readout", Words)
        known = Content("\n").join(lines)
        told = Content.assemble(known, "\n\n", (self._explanation(matrix.name), MUTED))
        width, height = readout.size
        fits = told.get_height({}, max(1, width)) <= height
        readout.say(told if fits else known)
        weight, gradient = numbers.get("weights", ""), numbers.get("gradients", "")
        # If the readout beside the map has no room, the frame tells the numbers.
        beside = self.query_one("#parameters-readout").display
        cell = f"[{row}, {column}] {weight}{old}"
        self.subtitle(*([] if beside else [f"{cell}  grad {gradient}", cell]))

    def on_all_matrices_chosen(self, event: AllMatrices.Chosen) -> None:
        event.stop()
        self.post_message(self.MatrixChosen(event.place))

    def _explanation(self, name: str) -> str:
        """What the matrix and the view of it are, in words."""
        words = (SENTENCES.get(name.rpartition(".")[2], ""), KIND_SENTENCES[self._model.kind])
        return "\n\n".join(filter(None, words))


class MatrixLine(Words):
    """Which matrix, its shape, and which view of it; each view can be clicked."""

    def show(self, model: PlaygroundModel) -> None:
        if model.info is None:
            return
        matrix = model.info.matrices[model.matrix]
        labels = [
            (f"‹{KIND_LABELS[kind]}›" if kind == model.kind else KIND_LABELS[kind], kind)
            for kind in model.kinds
        ]
        shape = f" {matrix.rows}×{matrix.columns}"
        for shown, gap in ((shape, 2), (shape, 1), ("", 1)):
            length = len(matrix.name + shown) + sum(gap + len(label) for label, _ in labels)
            if length <= self.size.width:
                break
        else:  # the chosen view alone, and which of how many it is
            at = model.kinds.index(model.kind)
            labels = [(f"{labels[at][0]} {at + 1} of {len(labels)}", model.kind)]
        parts: list[str | tuple[str, str]] = [(matrix.name, STRONG), (shown, MUTED)]
        self._places: list[tuple[int, int, MatrixKind]] = []
        x = Content.assemble(*parts).cell_length
        for label, kind in labels:
            parts += (" " * gap, (label, POINTED if kind == model.kind else MUTED))
            x += gap
            self._places.append((x - 1, x + len(label) + gap - 1, kind))
            x += len(label)
        self.say(Content.assemble(*parts))

    def on_click(self, event: events.Click) -> None:
        for start, end, kind in getattr(self, "_places", []):
            if start <= event.x < end:
                self.post_message(ParametersPanel.KindChosen(kind))
