"""Sampling zoomed, as a film: the same texts every so many steps, from gibberish on."""

from __future__ import annotations

import math
from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Region
from typing_extensions import override

from playground.lab.protocol.film import FilmRow, next_row
from playground.tui.model import PlaygroundModel
from playground.tui.panels.zoomed.reading import Reading
from playground.tui.styles import CAUTION, MUTED
from playground.tui.widgets.bars import bar_cells
from playground.tui.widgets.sheet import Line, Sheet
from playground.tui.widgets.static_text import Words
from playground.tui.widgets.text import fit, visible
from playground.widths import cell_len, wrap
from playground.words import many

GAP = 2
"""Cells between two columns."""
HEADING = "what the model wrote after so many steps: no prompt, the same dice"
AVERAGES = "bars: how far the loss is below a blind guess"
LEAST, MOST = 12, 80
"""Cells of the bar of a loss."""
NUMBER = 5
"""Cells of its number."""


class FilmRows(Reading):
    """The rows, the newest at the bottom. The row where the run stands stays in sight, unless the
    person scrolls away from it."""

    _marked = 0
    """The line of the row where the run stands."""
    _top = 0
    """The first line in sight, as it was last brought about here."""
    _follows = True
    """True as long as the person has not scrolled that row out of sight since they went there."""

    @override
    def compose(self) -> ComposeResult:
        yield Sheet(id="film-sheet")

    def show_rows(self, lines: Sequence[Line], marked: int) -> None:
        """Show the lines. marked: the one where the run stands."""
        top = round(self.scroll_y)
        if top != self._top:  # the person scrolled
            self._top, self._follows = top, top <= self._marked < top + self.size.height
        if marked < self._marked:  # the person went back in time
            self._follows = True
        self.say(lines)
        self._marked = marked
        self.call_after_refresh(self._reveal)

    def on_mount(self) -> None:
        # New rows have a place only after a layout, which may come after the next refresh.
        self.watch(self, "virtual_size", self._laid_out, init=False)

    def on_resize(self) -> None:
        self._laid_out()

    def _laid_out(self) -> None:
        self.call_after_refresh(self._reveal)

    def _reveal(self) -> None:
        """Bring the row where the run stands into sight, unless the person scrolled away."""
        if self._follows:
            here = Region(0, self._marked, 1, 1)
            self.scroll_to_region(here, animate=False, force=True, immediate=True)
            self._top = round(self.scroll_y)


class FilmStrip(Vertical):
    """The rows of the film under a line that says what they are."""

    DEFAULT_CSS = """
    FilmStrip { display: none; height: 1fr; }
    FilmStrip > Words { height: auto; }
    FilmStrip > FilmRows { height: 1fr; }
    """

    _shown: object = None

    def compose(self) -> ComposeResult:
        yield Words(id="film-heading")
        yield FilmRows(id="film-rows")

    def show(self, model: PlaygroundModel) -> None:
        """Draw the film of the model."""
        rows = self.query_one(FilmRows)
        width = rows.columns
        size = width, rows.size.height
        key = (tuple(model.film), size, model.step, model.film_waiting, model.film_trouble)
        if key == self._shown:
            return
        self._shown = key
        film = [model.film[step] for step in sorted(model.film)]
        columns = _columns(film, width)
        self.query_one("#film-heading", Words).say(self._heading(model, film, columns, width))
        here = max((row.step for row in film if row.step <= model.step), default=None)
        lines = [
            _line(row, columns, model.step, row.step == here, width)
            + _loss(model, row.step, columns.bar)
            for row in film
        ]
        marked = next((at for at, row in enumerate(film) if row.step == here), len(lines))
        rows.show_rows(lines, marked)

    def _heading(
        self, model: PlaygroundModel, film: Sequence[FilmRow], columns: _Columns, width: int
    ) -> Content:
        """What the rows are, and what a person should know of them."""
        said = [HEADING]
        if columns.bar:
            said.append(AVERAGES)
        whole = max((len(row.texts) for row in film), default=0)
        if len(columns.texts) < whole:
            said.append(f"{len(columns.texts)} of {whole} texts fit here")
        if model.film_waiting:
            said.append(f"{many(model.film_waiting, 'row')} still to be written")
        if not film and not model.film_waiting:
            said.append(f"no row yet: the next one is that of step {next_row(model.step):,}")
        parts = [Content.styled("\n".join(wrap("; ".join(said), width)), MUTED)]
        trouble = model.film_trouble
        if trouble is not None:
            words = visible(f"No more rows: {trouble.title}. {trouble.message}")
            parts.append(Content.styled("\n".join(wrap(words, width)), CAUTION))
        return Content("\n").join(parts)


class _Columns:
    """How wide the step is, and each of the texts that there is room for."""

    def __init__(self, step: int, texts: Sequence[int], left: int, told: bool) -> None:
        """left: the cells that are left of a line. told: whether the heading has room to say in
        one line what a bar is."""
        self.step, self.texts = step, texts
        bar = min(MOST, left - 2 * GAP - NUMBER - 1) if told else 0
        self.bar = bar if bar >= LEAST and texts else 0
        """Cells of the bar of a loss; 0 for none."""


def _columns(film: Sequence[FilmRow], width: int) -> _Columns:
    """The columns of these rows: as many texts as fit whole, one at least."""
    step = max((len(f"{row.step:,}") for row in film), default=1)
    room = width - 1 - step - GAP
    most = max((len(row.texts) for row in film), default=0)
    texts: list[int] = []
    for place in range(most):
        wanted = max(
            cell_len(visible(row.texts[place].text)) + 1 for row in film if place < len(row.texts)
        )
        left = room - sum(texts) - GAP * len(texts)
        if texts and wanted > left:
            break
        texts.append(max(1, min(wanted, left)))
    told = cell_len(f"{HEADING}; {AVERAGES}") <= width
    return _Columns(step, texts, room - sum(texts) - GAP * len(texts), told)


def _loss(model: PlaygroundModel, step: int, bar: int) -> Line:
    """The average loss after a step, and a bar for how far it is below a blind guess, which is the
    whole bar at a loss of 0; nothing where the loss is not known."""
    known = model.ema.xs
    if not bar or model.info is None or not known or not known[0] <= step <= known[-1]:
        return []
    value = model.ema.value_at(step)
    if value is None or not math.isfinite(value):
        return []
    cells = bar_cells(1 - value / math.log(max(2, model.info.vocab_size)), bar)
    number = f"{value:.3f}"[:NUMBER]
    return [
        (" " * 2 * GAP + f"{number} ", "faint" if step > model.step else "muted"),
        (cells, "faint"),
    ]


def _line(row: FilmRow, columns: _Columns, now: int, here: bool, width: int) -> Line:
    """A row. now: where the run stands. here: it stands at this row, or after it and before the
    next."""
    ink = "pointed" if here else "faint" if row.step > now else "text"
    quiet = ink if ink != "text" else "muted"
    line: Line = [
        ("▸" if here else " ", quiet),
        (f"{row.step:>{columns.step},}", quiet),
    ]
    if row.note:
        room = width - 1 - columns.step - GAP
        room -= columns.bar and columns.bar + 2 * GAP + NUMBER + 1
        note = "caution" if ink == "text" else ink
        return [*line, (" " * GAP + fit(visible(row.note), room), note)]
    for place, size in enumerate(columns.texts):
        if place >= len(row.texts):
            line.append((" " * (GAP + size), "text"))
            continue
        text = row.texts[place]
        words = visible(text.text)
        length = cell_len(words)
        line.append((" " * GAP, "text"))
        if length + 1 > size:
            line.append((fit(words, size), ink))
        else:
            line += [(words, ink), (text.sign, quiet), (" " * (size - length - 1), "text")]
    return line
