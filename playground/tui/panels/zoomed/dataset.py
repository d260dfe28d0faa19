"""The data set zoomed: the last documents that were learnt from, letter by letter."""

from __future__ import annotations

from playground.lab.protocol.frames import SeenDocument
from playground.tui.model import PlaygroundModel
from playground.tui.panels.zoomed.letters import Letter, side_by_side, tiled
from playground.tui.panels.zoomed.reading import Reading
from playground.tui.widgets.sheet import Line
from playground.tui.widgets.text import fit, visible
from playground.tui.widgets.tiles import number_text

NUMBER = 8
"""Cells for the number of a step and the space after it."""
TILE = 4
"""Cells of a letter with its surprise, and of the gap after it."""
MEAN = 12
"""Cells of a document's mean surprise, and of the gap after it."""


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
        longest = model.info.block_size if model.info is not None else width
        count = max(1, width // (NUMBER + TILE * (longest + 1) + MEAN))
        after, row = model.step + 1, list[list[Line]]()
        for one in reversed(model.seen):
            missing = after - one.step > 1
            if missing or len(row) == count:
                lines += side_by_side(row, width // count)
                row = []
            if missing:
                lines.append([(f"{'⋮':>{NUMBER - 1}} ", "muted"), (_between(one, after), "muted")])
            row.append(_lines(one, scale, width // count))
            after = one.step
        lines += side_by_side(row, width // count)
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
