"""One run beside the list: its losses, what it is unlike, what it wrote, how its answers
changed."""

from __future__ import annotations

from collections.abc import Iterator

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content

from playground.lab import runlist
from playground.lab.probing import ProbeChange, compare, summary
from playground.lab.runabout import About, Outline
from playground.tui.screens.dialog import MUTED, Line
from playground.tui.screens.probe_answers import ChangeList
from playground.tui.widgets.chart import Chart, Series
from playground.tui.widgets.text import visible

_TEXTS = 8
"""Samples that are shown."""


class RunDetail(Vertical):
    """Shows what was asked of the store; asks for nothing itself."""

    DEFAULT_CSS = """
    RunDetail {
        #run-title { height: 1; text-style: bold; text-wrap: nowrap; text-overflow: ellipsis; }
        #run-chart { height: 1fr; min-height: 4; max-height: 24; }
        #run-scroll { height: 1fr; min-height: 3; }
        #run-scroll:focus { background: $foreground 5%; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._outline: Outline | None = None
        self._about: About | None = None

    def compose(self) -> ComposeResult:
        yield Line(id="run-title")
        yield Chart(id="run-chart", placeholder="no steps yet")
        with VerticalScroll(id="run-scroll"):
            yield Line(id="run-words")
            yield ChangeList(id="run-answers")

    def clear(self, words: str = "") -> None:
        """Show nothing, or why there is nothing."""
        self._outline = self._about = None
        self.query_one("#run-title", Line).say("")
        self.query_one("#run-words", Line).say(visible(words))
        self.query_one("#run-answers", ChangeList).show((), {})
        self._draw_chart()

    def show_curve(self, outline: Outline) -> None:
        """Draw the losses; what is known of them but the loss comes with `show`."""
        self._outline, self._about = outline, None
        self._draw_chart()

    def show(self, about: About) -> None:
        """Say all the rest."""
        self._about = about
        self._draw_chart()
        row = about.row
        title = f"Run {row.id}" + (f"  {visible(row.name)}" if row.name else "")
        self.query_one("#run-title", Line).say(title)
        self.query_one("#run-words", Line).say(Content("\n").join(self._words(about)))
        changes: tuple[ProbeChange, ...] = ()
        if about.first_answers is not None and about.last_answers is not None:
            changes = compare(about.first_answers, about.last_answers, about.prompts)
        self.query_one("#run-answers", ChangeList).show(changes, {})

    def _draw_chart(self) -> None:
        series: list[Series] = []
        if self._outline is not None:
            line = self._outline
            series.append(Series.of("loss", line.steps, line.losses, "envelope", "raw"))
            if line.averages:
                series.append(Series.of("average", line.average_steps, line.averages, role="ema"))
        if self._about is not None and self._about.evaluations:
            steps, losses = zip(*self._about.evaluations, strict=True)
            series.append(Series.of("held out", steps, losses, "points", "val"))
        self.query_one(Chart).set_data(series)

    def _words(self, about: About) -> Iterator[Content]:
        row = about.row
        if row.note:
            yield Content.styled(f"“{visible(row.note)}”", "italic")
        yield _pair("model", f"{runlist.shape(row)}, {row.parameters:,} parameters")
        yield _pair("seed", f"{row.seed}, batches of {row.batch_size}, {row.schedule} schedule")
        if row.parent is not None:
            name = f" ({visible(about.parent_name)})" if about.parent_name else ""
            step = f" after step {row.fork_step:,}" if row.fork_step is not None else ""
            yield _pair("forked", f"from run {row.parent}{name}{step}")
        for one in about.different:
            yield Content.assemble(
                (f"{visible(one.field)}  ", MUTED),
                f"{_value(one.left)} → {_value(one.right)}",
                (f"  unlike {about.compared_with}", MUTED),
            )
        if not about.different:
            yield Content.styled(f"set as {about.compared_with}", MUTED)
        for edit in about.edits:
            field = edit.field.replace("_", " ")
            yield _pair(f"step {edit.step:,}", f"{field} set to {_value(edit.value)} by hand")
        yield from _samples(about)
        first, last = about.first_answers, about.last_answers
        if first is not None and last is not None:
            said = summary(compare(first, last, about.prompts))
            yield Content.styled(f"probes, step {first.step:,} to {last.step:,}: {said}", "bold")
        elif first is not None:
            yield Content.styled(f"probes were asked once, after step {first.step:,}", MUTED)


def _samples(about: About) -> Iterator[Content]:
    if about.samples is None:
        return
    batch = about.samples.batch
    texts = [visible(text.text, spaces=False) for text in batch.texts[:_TEXTS]]
    yield _pair(f"samples, step {batch.step:,}", "  ·  ".join(texts) or visible(batch.note))


def _pair(label: str, text: str) -> Content:
    return Content.assemble((f"{visible(label)}  ", MUTED), visible(text))


def _value(value: object) -> str:
    text = "–" if value is None else str(value)
    return visible(text if len(text) <= 60 else text[:57] + "…")
