"""Sampling zoomed: how sure the model was of each letter of each sample when it drew the letter."""

from __future__ import annotations

from playground.lab.protocol.sampling import SampleBatch, SampleText
from playground.tui.model import PlaygroundModel
from playground.tui.panels.zoomed.letters import Letter, tiled
from playground.tui.panels.zoomed.reading import Reading
from playground.tui.widgets.sheet import Line
from playground.tui.widgets.text import fit, visible
from playground.widths import wrap

SHOWN_LINES = 600
"""Lines that are shown; older samples are left out."""
HEADING = "under a letter: its chance when it was drawn, in %"
UNKNOWN = "no chances: these were sampled before any were kept"


class Confidence(Reading):
    """The samples, the newest batch first, each letter shaded by its chance."""

    _shown: object = None

    def show(self, model: PlaygroundModel) -> None:
        width = self.columns
        key = (tuple((batch.number, batch.step) for batch in model.texts), width)
        if key == self._shown:
            return
        self._shown = key
        lines: list[Line] = [[(one, "muted")] for one in wrap(HEADING, width)]
        for batch in model.texts:
            if len(lines) >= SHOWN_LINES:
                break
            lines += batch_lines(batch, width)
        if not model.texts:
            lines.append([("g samples now", "text")])
        self.say(lines)


def batch_lines(batch: SampleBatch, width: int) -> list[Line]:
    """A batch letter by letter, with the chance of each letter where it is known."""
    head: Line = [(f"step {batch.step:,}", "pointed")]
    if batch.texts and not any(text.chances for text in batch.texts):
        head.append((fit(f"  {UNKNOWN}", width - len(head[0][0])), "muted"))
    lines = [head]
    if batch.note:
        lines += [[(one, "caution")] for one in wrap(visible(batch.note), width)]
    for text in batch.texts:
        lines += _text_lines(batch.prompt, text, width)
    return lines


def _text_lines(prompt: str, text: SampleText, width: int) -> list[Line]:
    ink = "good" if text.mark == "new" else "muted"
    tail = (f"{'' if text.complete else '… '}{text.mark}", ink)
    if not text.chances:
        letters = [Letter(one) for one in text.text]
        return tiled(("  ", "text"), letters, tail, width)
    letters = [Letter(one) for one in prompt]
    letters += [
        Letter(piece, _percent(chance), chance)
        for piece, chance in zip(text.letters, text.chances, strict=True)
    ]
    return tiled(("  ", "text"), letters, tail, width)


def _percent(chance: float) -> str:
    """A chance in %: 100 and 0 only where it is that to the last digit."""
    if chance in (0.0, 1.0):
        return f"{chance * 100:.0f}"
    if chance < 0.005:
        return "<1"
    return str(min(99, round(chance * 100)))
