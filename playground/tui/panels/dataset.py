"""Panel 1: what the model learns from, and how much each token of it surprised it."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from playground.lab.protocol import DocumentFrame, RunInfo
from playground.tui.model import PlaygroundModel
from playground.tui.panels.panel import Panel
from playground.tui.widgets.text import fit, visible
from playground.tui.widgets.tiles import Tile, TokenTiles

SURPRISE_SCALE = 5.0
"""Nats at which a tile is full: e ** -5 is a chance below 1 %."""


class DatasetPanel(Panel):
    """Counts, the document of the last step as tiles, its neighbours, the vocabulary."""

    NUMBER = 1
    TITLE = "Data set"

    def compose(self) -> ComposeResult:
        yield Static(id="dataset-counts", markup=False)
        yield Static(id="dataset-notices", markup=False)
        with VerticalScroll(id="dataset-documents", can_focus=True):
            yield Static(id="dataset-before", markup=False)
            yield Static(id="dataset-current", markup=False)
            yield TokenTiles(id="dataset-tiles")
            yield Static(id="dataset-beyond", markup=False)
            yield Static(id="dataset-after", markup=False)
        yield Static(id="dataset-vocabulary", markup=False)

    def show(self, model: PlaygroundModel) -> None:
        info = model.info
        if info is None:
            return
        self._show_info(info)
        document = model.frame.document if model.frame else None
        if document is not None:
            self._show_document(document, model.step)

    def _show_info(self, info: RunInfo) -> None:
        if getattr(self, "_shown", None) is info and self._width == self.size.width:
            return
        self._shown, self._width = info, self.size.width
        held = f" · {info.heldout_documents:,} held out" if info.heldout_documents else ""
        self.query_one("#dataset-counts", Static).update(
            Content.assemble(
                (visible(info.dataset_title), "bold"),
                f"  {info.documents:,} documents\n",
                (f"{info.train_documents:,} train{held}", "$text-muted"),
            )
        )
        notices = self.query_one("#dataset-notices", Static)
        notices.display = bool(info.notices)
        notices.update(
            Content("\n").join(
                Content.assemble(("! ", "bold $text-warning"), (notice.text, "$text-warning"))
                for notice in info.notices
            )
        )
        shown = [token for token in info.vocabulary if token]
        more = info.vocab_size - len(shown)
        self.query_one("#dataset-vocabulary", Static).update(
            Content.assemble(
                (f"{info.vocab_size:,} tokens\n", "$text-muted"),
                " ".join(visible(token) for token in shown[:200]),
                (f" … {more + max(0, len(shown) - 200):,} more" if len(shown) > 200 else ""),
            )
        )

    def _show_document(self, document: DocumentFrame, step: int) -> None:
        width = max(8, self.size.width - 4)
        first = document.position + 1

        def line(number: int, text: str) -> Content:
            label = f"{number:>6,} "
            return Content.assemble(
                (label, "$text-muted"), (fit(visible(text), width - len(label)), "$text-muted")
            )

        before = self.query_one("#dataset-before", Static)
        start = first - len(document.before)
        before.update(
            Content("\n").join(line(start + i, text) for i, text in enumerate(document.before))
        )
        before.display = bool(document.before)
        what = "step learnt from" if document.losses else "will learn from"
        mean = (
            f"  {sum(document.losses) / len(document.losses):.2f} nats" if document.losses else ""
        )
        self.query_one("#dataset-current", Static).update(
            Content.assemble(
                (f"{first:>6,} ", "bold $text-accent"),
                (f"step {max(step, 1):,} {what}"[: width - 8] if step else "the first step", ""),
                (mean, "$text-muted"),
            )
        )
        losses: list[float | None] = list(document.losses) or [None] * len(document.tokens)
        self.query_one(TokenTiles).set_tiles(
            [
                Tile(text, loss, False)
                for text, loss in zip(document.tokens, losses, strict=False)
            ],
            SURPRISE_SCALE,
        )
        beyond = self.query_one("#dataset-beyond", Static)
        beyond.display = bool(document.beyond)
        beyond.update(
            Content.assemble(
                ("never seen: ", "$text-muted"),
                (fit(visible("".join(document.beyond)), width - 12), "$text-muted strike"),
            )
        )
        self.query_one("#dataset-after", Static).update(
            Content("\n").join(line(first + 1 + i, text) for i, text in enumerate(document.after))
        )
