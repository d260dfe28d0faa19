"""The details beside the list of runs, of one run, of two or of several.

Shown are the losses; of one run and of two the settings that differ, samples, and how the answers
to probes changed; of several which is best at the chart's cursor.
"""

from __future__ import annotations

from collections.abc import Iterator

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content

from playground.lab.edits import WEIGHTS, Edits
from playground.lab.probe_answers import ProbeChange, compare, summary
from playground.lab.store import runlist
from playground.lab.store.overlay import Overlay
from playground.lab.store.records import RunRow
from playground.lab.store.summaries import About, Outline, Pair
from playground.tui.panels.zoomed.loss import TITLES
from playground.tui.screens.dialog import MUTED, Line
from playground.tui.screens.probes.answers import ChangeList
from playground.tui.screens.runs.overlay import Curves, View
from playground.tui.widgets.chart import Chart, Series
from playground.tui.widgets.text import visible
from playground.words import many, number, plus_minus

_SCROLL_BAR = 2
"""Cells of the scroll bar, which comes and goes beside the words."""
_TEXTS = 8
"""Samples that are shown of a batch."""


class RunDetail(Vertical):
    """Draws what the screen has read from the store."""

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
        self._curves: Curves | None = None
        """Several runs over each other; None if one run is shown, or none."""
        self._more: tuple[Content, ...] = ()
        """What is said of these runs below their table."""

    def compose(self) -> ComposeResult:
        yield Line(id="run-title")
        yield Chart(id="run-chart", placeholder="no steps yet")
        with VerticalScroll(id="run-scroll"):
            yield Line(id="run-words")
            yield ChangeList(id="run-answers")

    def clear(self, words: str = "") -> None:
        """Show no run; words: why there is none."""
        self._outline = self._about = None
        self.query_one("#run-title", Line).say("")
        self.query_one("#run-words", Line).say(visible(words))
        self.query_one("#run-answers", ChangeList).show((), {})
        self._draw_chart()

    def show_curve(self, outline: Outline) -> None:
        """Draw the losses of a run; `show` adds everything else."""
        self._outline, self._about = outline, None
        self._draw_chart()

    def show(self, about: About, told: str = "") -> None:
        """Add what is known of the run beside its losses. told: what tells a run without a name
        from the others."""
        self._about = about
        self._draw_chart()
        row = about.row
        title = f"Run {row.id}  {visible(row.name or told)}".rstrip()
        self.query_one("#run-title", Line).say(title)
        self.query_one("#run-words", Line).say(Content("\n").join(self._words(about)))
        changes: tuple[ProbeChange, ...] = ()
        if about.first_answers is not None and about.last_answers is not None:
            changes = compare(about.first_answers, about.last_answers, about.prompts)
        self.query_one("#run-answers", ChangeList).show(changes, {})

    def show_several(self, overlay: Overlay, view: View, marked: int, pair: Pair | None) -> None:
        """Show several runs over each other. marked: how many were asked for. pair: what else is
        known if there are two."""
        self._outline = self._about = None
        self._curves = Curves(overlay, view)
        chart = self.query_one(Chart)
        chart.display = True
        chart.unit = TITLES[view.axis] if view.axis != "steps" else ""
        chart.set_data(self._curves.series())
        title = f"{many(len(overlay.runs))} over each other"
        changes: tuple[ProbeChange, ...] = ()
        self._more = tuple(self._curves.remarks(marked))
        if pair is not None:
            left, right = pair.left, pair.right
            names = [visible(f"{one.row.id}  {one.row.name}".rstrip()) for one in (left, right)]
            title = f"Runs {names[0]}  and  {names[1]}"
            before, after = left.newest_answers, right.newest_answers
            if before is not None and after is not None and before.questions == after.questions:
                changes = compare(before, after, left.prompts)
            self._more += tuple(_pair_words(pair, changes))
        self.query_one("#run-title", Line).say(title)
        self.query_one("#run-answers", ChangeList).show(changes, {})
        self._read_out()

    def _read_out(self) -> None:
        """Write the runs that are over each other as a table of their values at the cursor."""
        curves = self._curves
        if curves is not None:
            cursor = self.query_one(Chart).cursor
            width = self.query_one("#run-scroll").size.width - _SCROLL_BAR
            lines = [Content.styled(curves.heading(cursor), MUTED), *curves.table(cursor, width)]
            self.query_one("#run-words", Line).say(Content("\n").join([*lines, *self._more]))

    def on_chart_cursor_moved(self, event: Chart.CursorMoved) -> None:
        event.stop()
        self._read_out()

    def on_resize(self) -> None:
        self.call_after_refresh(self._read_out)

    def _draw_chart(self) -> None:
        self._curves = None
        self.query_one(Chart).unit = ""
        self.query_one(Chart).display = self._outline is not None
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
        yield _pair("model", runlist.model_words(row))
        if about.evaluations or row.bits_per_character is not None:
            yield _pair("held out", _held_out_exactly(about))
        yield _pair("seed", f"{row.seed}, batches of {row.batch_size}, {row.schedule} schedule")
        if row.parent is not None:
            name = f" ({visible(about.parent_name)})" if about.parent_name else ""
            step = f" after step {row.fork_step:,}" if row.fork_step is not None else ""
            yield _pair("forked", f"from run {row.parent}{name}{step}")
        for one in about.different:
            yield Content.assemble(
                (f"{visible(_plain(one.field))}  ", MUTED),
                f"{_value(one.left, one.field)} → {_value(one.right, one.field)}",
                (f"  unlike {about.compared_with}", MUTED),
            )
        if not about.different:
            yield Content.styled(f"set as {about.compared_with}", MUTED)
        for at, words in _by_hand(about):
            yield _pair(f"step {at:,}", words)
        if about.measured:
            values = (f"{visible(label)} {value:.4g}" for label, value in about.measured)
            yield _pair("measured", "  ·  ".join(values))
        yield from _samples(about)
        first, last = about.first_answers, about.last_answers
        if first is not None and last is not None:
            said = summary(compare(first, last, about.prompts))
            yield Content.styled(f"probes, step {first.step:,} to {last.step:,}: {said}", "bold")
        elif first is not None:
            yield Content.styled(f"probes were asked once, after step {first.step:,}", MUTED)


def _held_out(row: RunRow) -> str:
    """The latest hold-out loss, by the token and by the character."""
    return f"{number(row.heldout)} nats a token, {number(row.bits_per_character)} bits a character"


def _held_out_exactly(about: About) -> str:
    """As `_held_out`, with the standard error and the step, where they are known."""
    if not about.evaluations:
        return _held_out(about.row)
    at, loss = about.evaluations[-1]
    bits = about.row.bits_per_character
    characters = "" if bits is None else f", {number(bits)} bits a character"
    error = plus_minus(about.held_out_error, 4)
    return f"{loss:.4f}{error} nats a token{characters}, after step {at:,}"


def _plain(field: str) -> str:
    """A dotted setting in words: "learning rate" for "optimizer.learning_rate"."""
    part = field.removeprefix("optimizer.").removeprefix("model.")
    return part.replace(".options.", " ").replace("_", " ")


def _by_hand(about: About) -> Iterator[tuple[int, str]]:
    """(step, words) of each change by hand."""
    edits = Edits.of(about.edits)
    for edit in about.edits:
        if edit.field in WEIGHTS:
            words = edits.words(edit)
        else:
            words = f"{edit.field.replace('_', ' ')} set to {_value(edit.value)} by hand"
        if words:
            yield edit.step, words


def _pair_words(pair: Pair, changes: tuple[ProbeChange, ...]) -> Iterator[Content]:
    left, right = pair.left, pair.right
    if pair.parted is None:
        yield Content("their losses are the same, as far as both go")
    else:
        yield _pair("losses", f"differ from step {pair.parted:,} on")
    for about in (left, right):
        if about.row.bits_per_character is not None:
            yield _pair(f"run {about.row.id}, held out", _held_out(about.row))
    for one in pair.different:
        yield Content.assemble(
            (f"{visible(one.field)}  ", MUTED),
            " | ".join(_value(value, one.field) for value in (one.left, one.right)),
        )
    if not pair.different:
        yield Content.styled("set alike", MUTED)
    for about in (left, right):
        for step, words in _by_hand(about):
            yield _pair(f"run {about.row.id}, step {step:,}", words)
    for about in (left, right):
        yield from _samples(about, f"run {about.row.id}, ")
    before, after = left.newest_answers, right.newest_answers
    if changes and before is not None and after is not None:
        yield Content.styled(
            f"probes, run {left.row.id} at step {before.step:,} and run {right.row.id} at step "
            f"{after.step:,}: {summary(changes)}",
            "bold",
        )
    elif before is not None and after is not None:
        yield Content.styled("they were asked other probes", MUTED)


def _samples(about: About, whose: str = "") -> Iterator[Content]:
    """A line with the newest samples of a run, if it has any; whose: words for its label."""
    if about.samples is None:
        return
    batch = about.samples.batch
    texts = [visible(text.text, spaces=False) for text in batch.texts[:_TEXTS]]
    yield _pair(f"{whose}samples, step {batch.step:,}", "  ·  ".join(texts) or visible(batch.note))


def _pair(label: str, text: str) -> Content:
    return Content.assemble((f"{visible(label)}  ", MUTED), visible(text))


def _value(value: object, field: str = "") -> str:
    """field: the dotted setting that has the value."""
    from playground.lab.fork import value_words

    text = value_words(field, value)
    return visible(text if len(text) <= 60 else text[:57] + "…")
