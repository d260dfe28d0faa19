"""The gate between what others wrote and the terminal, for all that is drawn.

Words, toasts and fields make visible what a terminal would obey, in the cells that it takes then.
`Gate` stands behind them: each line that the screen draws goes through it, whoever made the line.
"""

from __future__ import annotations

from rich.highlighter import Highlighter
from rich.segment import Segment
from rich.text import Text
from textual.color import Color
from textual.content import Content
from textual.filter import LineFilter
from textual.widgets import Input
from typing_extensions import override

from microgpt.terminal import OBEYED, printable
from playground.tui.widgets.text import visible
from playground.widths import cell_len

STAND_IN = "\N{REPLACEMENT CHARACTER}"


def shown(content: Content) -> Content:
    """The content with stand-ins for all that a terminal would obey; line ends stay line ends."""
    plain = content.plain
    if plain.isprintable():
        return content
    found = [one for one in OBEYED.finditer(plain) if one[0] not in "\n\t"]
    if not found:
        return content
    parts: list[Content] = []
    end = 0
    for one in found:
        parts.append(content[end : one.start()])
        # The styles of the character go on to its stand-in.
        spans = content[one.start() : one.end()].spans
        stand_in = Content(visible(one[0]))
        for span in spans:
            stand_in = stand_in.stylize(span.style)
        parts.append(stand_in)
        end = one.end()
    return Content("").join([*parts, content[end:]])


def plain(text: str) -> Content:
    """A text of others as words: visible, line by line, and with its brackets as they are."""
    return Content("\n".join(visible(line) for line in text.split("\n")))


def markup(text: str) -> str:
    """The same for a place of Textual that takes its texts for markup alone."""
    return plain(text).markup


def to_be_pasted(text: str) -> str:
    """A text for the clipboard: it may be pasted into a terminal, which obeys what it is sent."""
    return printable(text, keep="\n\t")


class Gate(LineFilter):
    """Lets no character pass that a terminal obeys, and no link that data could have made.

    A character of no cell is left out; another one gives its cells to a stand-in, so that the rest
    of the line stays in its place.
    """

    @override
    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        for text, style, control in segments:
            if control or (style is not None and style.link) or _harms(text):
                return [_harmless(segment) for segment in segments if not segment.control]
        return segments


def _harms(text: str) -> bool:
    return not text.isprintable() and OBEYED.search(text) is not None


def _harmless(segment: Segment) -> Segment:
    text, style, _ = segment
    if style is not None and style.link:
        style = style.update_link(None)
    return Segment(OBEYED.sub(lambda found: STAND_IN * cell_len(found[0]), text), style)


class Literal(Highlighter):
    """Draws the value of a field with one stand-in for each character that a terminal would obey.
    The value itself stays as it is: a name that is not changed is kept, letter by letter."""

    def __init__(self, field: Input) -> None:
        self._field = field

    @override
    def __call__(self, text: str | Text) -> Text:
        value = self._field.value
        if isinstance(text, Text) and value.isprintable():
            return text
        return Text(OBEYED.sub(STAND_IN, value), no_wrap=True, overflow="ignore", end="")

    @override
    def highlight(self, text: Text) -> None:
        """Leave a text as it is; `__call__` makes another one."""
