"""Panel 2: the loss, its average, the held-out loss, baselines; below, metrics and timeline."""

from __future__ import annotations

import math

from textual.app import ComposeResult
from textual.content import Content

from playground.tui.model import PlaygroundModel
from playground.tui.panels.panel import Panel
from playground.tui.styles import MUTED
from playground.tui.widgets.chart import LEGEND_FROM, Chart
from playground.tui.widgets.lanes import Lane
from playground.tui.widgets.scrubber import Mark, Scrubber
from playground.tui.widgets.series import GLYPHS, Baseline, Series
from playground.tui.widgets.text import visible

WINDOWS: tuple[int | None, ...] = (None, 1000, 200, 50)
"""How many of the last steps the chart shows; None for all."""


class LossPanel(Panel):
    """A chart and a timeline; the frame tells the values of all series at the chart's cursor."""

    NUMBER = 2
    TITLE = "Loss"

    def compose(self) -> ComposeResult:
        yield Chart(id="loss-chart")
        yield Scrubber(id="timeline")

    def show(self, model: PlaygroundModel) -> None:
        self._model = model
        chart = self.query_one(Chart)
        series = [
            Series("loss", model.loss, "envelope", "raw"),
            Series("ema", model.ema, "line", "ema"),
            Series("held out", model.evaluations, "points", "val"),
        ]
        # A low chart has no line for its legend; the frame shows the legend instead.
        low = 0 < chart.size.height < LEGEND_FROM
        self._entitle("  ".join(f"{GLYPHS[one.kind]} {one.name}" for one in series) if low else "")
        frame = model.frame
        chart.reach = None if frame is None else (frame.earliest, model.head)
        chart.set_data(
            series,
            self._lines(model),
            [Lane(label, curve) for label, curve in model.measured],
        )
        self._read_out()
        self._show_timeline(model)

    @staticmethod
    def _lines(model: PlaygroundModel) -> list[Baseline]:
        """The baselines on the documents of the hold-out loss; on the training documents, and
        named so, if none are held out."""
        if model.info is None or model.frame is None:  # the frame says on how many documents
            return []
        own = "" if model.info.heldout_documents else " on train"
        lines = model.info.baselines_on(model.frame.evaluated)
        return [
            Baseline(line.name + (own if line.name != "uniform" else ""), line.nats)
            for line in lines
        ]

    def _show_timeline(self, model: PlaygroundModel) -> None:
        scrubber, frame = self.query_one(Scrubber), model.frame
        if frame is None:
            return
        marks = [Mark(step, "edit") for step, _ in frame.edits]
        marks += [Mark(step, "fork") for step in model.forks]
        marks += [Mark(batch.step, "sample") for batch in model.batches]
        scrubber.set_state(frame.earliest, model.head, frame.steps, frame.step, marks)
        scrubber.set_ruler(self.query_one(Chart).ruler)
        if not model.seeking:
            scrubber.forget_target()

    def _entitle(self, legend: str) -> None:
        """Set the title, with the chart's legend if there is one."""
        if legend != self._legend:
            self._legend = legend
            title = Content.assemble((f"{self.NUMBER} ", MUTED), self.TITLE, (f"  {legend}", MUTED))
            self.border_title = title.markup if legend else self.heading

    _legend = ""

    def on_chart_cursor_moved(self, event: Chart.CursorMoved) -> None:
        event.stop()
        self._read_out()

    def on_chart_ruler_moved(self, event: Chart.RulerMoved) -> None:
        event.stop()
        self.query_one(Scrubber).set_ruler(event.chart.ruler)

    def _read_out(self) -> None:
        cursor = self.query_one(Chart).cursor
        if cursor is None:
            step, head = self._model.step, self._model.head
            back = f"step {step:,} of {head:,} recorded   " if step < head else ""
            self.subtitle(f"{back}nats a token", back.rstrip(), "nats a token")
            return
        step = round(cursor)
        parts = [f"step {step:,}"]
        for name, curve in (
            ("loss", self._model.loss),
            ("ema", self._model.ema),
            ("held out", self._model.evaluations),
            *((visible(label), curve) for label, curve in self._model.measured),
        ):
            value = curve.value_at(step)
            if value is not None and math.isfinite(value):
                error = self._model.held_out_error(step) if name == "held out" else ""
                parts.append(f"{name} {value:.3f}{error}")
        # The parts that do not fit are left out, from the last on.
        self.subtitle(*("  ".join(parts[:count]) for count in range(len(parts), 0, -1)))

    def toggle_log(self) -> bool:
        """Switch between a linear and a logarithmic axis; returns True if it is logarithmic now."""
        chart = self.query_one(Chart)
        chart.log_y = not chart.log_y
        return chart.log_y

    def next_window(self) -> int | None:
        """Show the next number of last steps of WINDOWS; returns that number."""
        chart = self.query_one(Chart)
        at = WINDOWS.index(chart.last_n) if chart.last_n in WINDOWS else 0
        chart.last_n = WINDOWS[(at + 1) % len(WINDOWS)]
        return chart.last_n

    def clear_cursor(self) -> bool:
        """Take the cursor away; False if there was none."""
        chart = self.query_one(Chart)
        if chart.cursor is None:
            return False
        chart.cursor = None
        self._read_out()
        return True
