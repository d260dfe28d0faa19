"""Panel 2: the loss, its average, the held-out loss, baselines; below, metrics and timeline."""

from __future__ import annotations

import math
from collections.abc import Callable

from textual.app import ComposeResult
from textual.content import Content

from playground.tui.model import Axis, PlaygroundModel
from playground.tui.panels.panel import Panel
from playground.tui.panels.zoomed.loss import TITLES, Rescaled
from playground.tui.styles import MUTED
from playground.tui.widgets.chart import LEGEND_FROM, Chart
from playground.tui.widgets.curve import Curve
from playground.tui.widgets.lanes import Lane
from playground.tui.widgets.plot import Ruler
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

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._model = PlaygroundModel()
        self._window: int | None = None
        """How many of the last steps are shown; None for all."""
        self._rescaled: dict[int, Rescaled] = {}
        """The curves over another axis than steps, by the identity of the model's curve."""

    def show(self, model: PlaygroundModel) -> None:
        self._model = model
        chart = self.query_one(Chart)
        over = self._over(model)
        chart.unit = TITLES[model.axis] if self._axis(model) != "steps" else ""
        series = [
            Series("loss", over(model.loss), "envelope", "raw"),
            Series("ema", over(model.ema), "line", "ema"),
            Series("held out", over(model.evaluations), "points", "val"),
        ]
        self._show_window(model, chart)
        # A low chart has no line for its legend; the frame shows the legend instead.
        low = 0 < chart.size.height < LEGEND_FROM
        self._entitle("  ".join(f"{GLYPHS[one.kind]} {one.name}" for one in series) if low else "")
        frame = model.frame
        by_step = frame is not None and self._axis(model) == "steps"
        chart.reach = (frame.earliest, model.head) if frame is not None and by_step else None
        chart.set_data(
            series,
            self._lines(model),
            [Lane(label, over(curve)) for label, curve in model.measured],
        )
        self._read_out()
        self._show_timeline(model)

    # ------------------------------------------------------------ what x counts

    def _axis(self, model: PlaygroundModel) -> Axis:
        """Beside other panels, steps: the timeline beneath counts them too."""
        return model.axis if self.has_class("-zoomed") else "steps"

    def _over(self, model: PlaygroundModel) -> Callable[[Curve], Curve]:
        """A function that gives a curve of the model over the axis that is shown."""
        axis = self._axis(model)
        if axis == "steps":
            self._rescaled.clear()
            return lambda curve: curve

        def over(curve: Curve) -> Curve:
            if id(curve) not in self._rescaled:
                self._rescaled[id(curve)] = Rescaled(curve)
            return self._rescaled[id(curve)].follow(model.clock, axis)

        return over

    def step_at(self, x: float) -> int:
        """The step at a place of the chart's axis."""
        rescaled = self._rescaled.get(id(self._model.loss))
        step = rescaled.step_at(x) if rescaled is not None else None
        return round(x) if step is None else step

    def _show_window(self, model: PlaygroundModel, chart: Chart) -> None:
        """Let the chart begin at the first of the last steps that were asked for."""
        axis, last = self._axis(model), self._window
        if last is None or axis == "steps" or not len(model.loss):
            chart.last_n = last
            return
        end = model.loss.xs[-1]
        first, now = model.clock.at(end - last), model.clock.at(end)
        at = 0 if axis == "tokens" else 1
        chart.last_n = None if first is None or now is None else now[at] - first[at]

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
        scrubber.set_ruler(self._ruler)
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
        self.query_one(Scrubber).set_ruler(self._ruler)

    @property
    def _ruler(self) -> Ruler | None:
        """The chart's columns by step, which the timeline takes over; None where x is no step."""
        return self.query_one(Chart).ruler if self._axis(self._model) == "steps" else None

    def _read_out(self) -> None:
        cursor = self.query_one(Chart).cursor
        if cursor is None:
            step, head, measures = self._model.step, self._model.head, self._measures()
            back = f"step {step:,} of {head:,} recorded" if step < head else ""
            both = [f"{back}   {one}" for one in measures] if back else []
            self.subtitle(*both, *([back] if back else []), *measures)
            return
        step = self.step_at(cursor)
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

    def _measures(self) -> tuple[str, ...]:
        """What both axes measure, and where nothing is known of the one that is chosen."""
        model = self._model
        axis, known = self._axis(model), next(iter(model.clock.steps), 0)
        if axis == "steps":
            return ("nats a token, by steps", "nats a token")
        told = f"nats a token over {TITLES[axis]}"
        if len(model.loss) and known > model.loss.xs[0]:
            return (f"{told}; not known before step {known:,.0f}", told)
        return (told,)

    def toggle_log(self) -> bool:
        """Switch between a linear and a logarithmic axis; returns True if it is logarithmic now."""
        chart = self.query_one(Chart)
        chart.log_y = not chart.log_y
        return chart.log_y

    def next_window(self) -> int | None:
        """Show the next number of last steps of WINDOWS; returns that number."""
        self._window = WINDOWS[(WINDOWS.index(self._window) + 1) % len(WINDOWS)]
        self._show_window(self._model, self.query_one(Chart))
        return self._window

    def clear_cursor(self) -> bool:
        """Take the cursor away; False if there was none."""
        chart = self.query_one(Chart)
        if chart.cursor is None:
            return False
        chart.cursor = None
        self._read_out()
        return True
