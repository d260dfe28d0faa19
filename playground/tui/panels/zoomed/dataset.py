"""The data set zoomed: the last documents that were learnt from, letter by letter."""

from __future__ import annotations

from playground.lab.protocol.frames import SeenDocument
from playground.tui.model import PlaygroundModel
from playground.tui.panels.zoomed.letters import Letter, tiled
from playground.tui.panels.zoomed.reading import Reading
from playground.tui.widgets.sheet import Line
from playground.tui.widgets.text import fit, visible
from playground.tui.widgets.tiles import number_text

NUMBER = 8
"""Cells for the number of a step and the space after it."""


class SeenDocuments(Reading):
    """The last documents, the newest first, each with the surprise at each of its letters."""

    _shown: object = None

    def show(self, model: PlaygroundModel, scale: float) -> None:
        """Draw them. scale: the nats at which a tile is full."""
        width, frame = self.columns, model.frame
        coming = frame.document if frame is not None else None
        key = (tuple(one.step for one in model.seen), width, coming, model.step)
        if key == self._shown:
            return
        self._shown = key
        lines: list[Line] = []
        if coming is not None:
            own = "".join(coming.tokens if coming.beyond else coming.tokens[:-1])
            ahead = coming.after if model.step else (own, *coming.after)
            names = "  ".join(visible(text) for text in ahead[:12])
            lines.append(
                [(f"{'next':>{NUMBER - 1}} ", "muted"), (fit(names, width - NUMBER), "muted")]
            )
        after = model.step + 1
        for one in reversed(model.seen):
            if after - one.step > 1:
                lines.append([(f"{'⋮':>{NUMBER - 1}} ", "muted"), (_between(one, after), "muted")])
            lines += _lines(one, scale, width)
            after = one.step
        if not model.seen:
            lines.append([(fit("No document was read yet: s reads the first.", width), "text")])
        self.say(lines)


def _lines(one: SeenDocument, scale: float, width: int) -> list[Line]:
    letters = [
        Letter(text, number_text(nats), nats / scale)
        for text, nats in zip(one.tokens, one.losses, strict=True)
    ]
    mean = sum(one.losses) / max(1, len(one.losses))
    tail = f"{'… ' if one.cut else ''}{mean:.2f} nats"
    return tiled((f"{one.step:>{NUMBER - 1},} ", "pointed"), letters, (tail, "strong"), width)


def _between(one: SeenDocument, after: int) -> str:
    count = after - one.step - 1
    return f"{count:,} step{'s'[: count != 1]} of which no document is known"
