"""The parameters zoomed: all matrices at once, each in small and on a scale of its own."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message

from playground.lab.protocol.frames import SmallMatrix
from playground.lab.protocol.run import Matrix
from playground.tui.model import PlaygroundModel
from playground.tui.styles import MUTED, POINTED, STRONG
from playground.tui.widgets.heatmap import HeatMap
from playground.tui.widgets.line_widget import monochrome
from playground.tui.widgets.static_text import Words

NARROWEST = 37
"""Cells of a small matrix, at least."""
LOWEST = 8
"""Lines of a small matrix, at least: its name, the picture, its scale and a blank one."""


class Small(Vertical):
    """One matrix in small, under its name and shape; the last line of the picture is its scale."""

    DEFAULT_CSS = """
    Small { padding: 0 2 1 0; }
    Small > Words { height: 1; }
    Small > HeatMap { height: 1fr; }
    """

    def __init__(self, place: int, matrix: Matrix) -> None:
        super().__init__()
        self.place, self.matrix = place, matrix
        self._shown: tuple[SmallMatrix | None, bool] = (None, False)

    def compose(self) -> ComposeResult:
        yield Words()
        picture = HeatMap(fit=True, pointing=False)
        picture.can_focus = False
        yield picture

    def on_mount(self) -> None:
        self._draw()

    def show(self, small: SmallMatrix | None, chosen: bool) -> None:
        """Draw the matrix; its name alone before the first frame has brought it."""
        self._shown = (small, chosen)
        if self.is_mounted:
            self._draw()

    def _draw(self) -> None:
        small, chosen = self._shown
        one, pooled = self.matrix, ""
        if small is not None and (small.rows, small.columns) != (one.rows, one.columns):
            down, across = -(-one.rows // small.rows), -(-one.columns // small.columns)
            pooled = f"  {down}×{across} in one"
        self.query_one(Words).say(
            Content.assemble(
                (f"{'▸' if chosen else ' '} {one.name}", POINTED if chosen else STRONG),
                (f" {one.rows}×{one.columns}{pooled}", MUTED),
            )
        )
        if small is not None:
            scale = small.largest or 1.0
            self.query_one(HeatMap).set_matrix(small.values, small.rows, small.columns, scale)

    def on_click(self, event: events.Click) -> None:
        event.stop()
        self.post_message(AllMatrices.Chosen(self.place))


class AllMatrices(VerticalScroll, can_focus=True):
    """All matrices in a grid. The arrow keys and a click choose one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "choose(-1, 0)", "before", id="matrices.left", show=False,
                tooltip="The matrix at the left"),
        Binding("right", "choose(1, 0)", "next", id="matrices.right", show=False,
                tooltip="The matrix at the right"),
        Binding("up", "choose(0, -1)", "above", id="matrices.up", show=False,
                tooltip="The matrix above"),
        Binding("down", "choose(0, 1)", "below", id="matrices.down", show=False,
                tooltip="The matrix below"),
    ]  # fmt: skip
    DEFAULT_CSS = """
    AllMatrices { layout: grid; scrollbar-size-vertical: 1; }
    """

    class Chosen(Message):
        """A matrix was chosen, by its place in the run's list."""

        def __init__(self, place: int) -> None:
            super().__init__()
            self.place = place

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._matrices: tuple[Matrix, ...] = ()
        self._small: list[Small] = []
        self._across = 1
        self._chosen = -1

    def show(self, model: PlaygroundModel) -> None:
        if model.info is None or not self.size.height:
            return
        if model.info.matrices != self._matrices:
            self._matrices = model.info.matrices
            self.remove_children()
            self._small = [Small(place, one) for place, one in enumerate(self._matrices)]
            self.mount_all(self._small)
        count, (width, height) = len(self._matrices), self.size
        self._across = max(1, min(count, width // NARROWEST))
        lines = max(LOWEST, height // -(-count // self._across))
        self.styles.grid_size_columns = self._across
        self.styles.grid_rows = str(lines)
        in_a_line = 1 if monochrome(self.app) else 2
        model.small_room = (in_a_line * (lines - 3), max(1, width // self._across - 3))
        frames = model.frame.small if model.frame is not None else ()
        known = {one.name: one for one in frames if one.kind == model.kind}
        for small in self._small:
            small.show(known.get(small.matrix.name), small.place == model.matrix)
        if self._chosen != model.matrix:
            self._chosen = model.matrix
            self.call_after_refresh(self._reveal)

    def _reveal(self) -> None:
        if 0 <= self._chosen < len(self._small):
            self.scroll_to_widget(self._small[self._chosen], animate=False)

    def action_choose(self, right: int, down: int) -> None:
        place = self._chosen + right + down * self._across
        if 0 <= place < len(self._matrices):
            self.post_message(self.Chosen(place))
