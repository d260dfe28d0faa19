"""The next token's chances, in words and as bars: in the panel, and beside the chain of strategies
that a person is trying."""

from __future__ import annotations

from textual.content import Content

from playground.lab.protocol.failures import Failure
from playground.lab.protocol.sampling import Preview
from playground.tui.control.plugins import cure
from playground.tui.styles import CAUTION, MUTED
from playground.tui.widgets.bars import GHOST, Bar, Bars
from playground.tui.widgets.text import fit, visible

RAW = "raw"
"""The name of a token's chance before the chain changes it; the help explains it."""


def heading(preview: Preview, room: int) -> Content:
    """Which token the bars are of, and the legend if `room` columns have room for it."""
    prompt = visible(preview.prompt)
    where = f"after “{fit(prompt, 14).rstrip()}”" if prompt else "at the start"
    said = Content.assemble("next token ", (where, MUTED))
    legend = Content.styled(f" {GHOST} {RAW}", MUTED)
    return said + legend if said.cell_length + legend.cell_length <= room else said


def trouble_words(trouble: Failure) -> Content:
    """Why there are no chances, and what to do about it."""
    return Content.assemble(
        ("! ", CAUTION), (visible(f"{trouble.title}. {trouble.message}{cure(trouble)}"), CAUTION)
    )


def show_bars(bars: Bars, preview: Preview) -> None:
    """Let the bars show these chances."""
    bars.set_rows(
        [
            Bar(visible(chance.display, spaces=True), chance.after, chance.before)
            for chance in preview.chances
        ],
        rest=(preview.rest_count, preview.rest),
    )
