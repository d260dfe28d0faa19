"""The difference of two texts, in signs as well as in colours. Pure functions.

The signs are those of `wdiff`: `ka[-m-]{+r+}on` has what is gone in square brackets and what is new
in curly ones. A difference can then be read in print, in one colour, and aloud.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Literal

from textual.content import Content

from playground.tui.widgets.text import visible
from playground.widths import cell_len

Kind = Literal["same", "gone", "new"]
Piece = tuple[Kind, str]

GONE, NEW = ("[-", "-]"), ("{+", "+}")
GONE_STYLE, NEW_STYLE = "$text-error strike", "$text-success bold"
SAME, DIFFERENT = "│", "≠"
"""The sign between two columns, for texts that are the same and for texts that differ."""

MOST_PARTS = 400
"""The most words that are compared with those of the other text. In a longer text, all between the
first and the last difference is one change, since the time grows with the square of the words."""
_ALIKE = 0.5
"""The ratio of likeness (0..1) from which two words are compared letter by letter."""
_NARROWEST = 7
"""The fewest cells of a line: two for each column, as a wide character needs, three between."""

_JOINER = "\u200d"


def word_difference(before: str, after: str) -> list[Piece]:
    """How `before` becomes `after`, in order: pieces that stay, go, and come.

    Texts are compared by words, and words that are much alike by letters. "same" and "gone"
    together are `before`, "same" and "new" are `after`; no piece is empty, and no two neighbours
    are of one kind. A character keeps its combining marks.
    """
    return _merged(_compare(_parts(before), _parts(after)))


def difference_content(before: str, after: str, *, signs: bool = True) -> Content:
    """One text with what is gone struck through and what is new in bold, each in its brackets if
    `signs`. Neither text is taken for markup."""
    return _content(word_difference(before, after), signs)


def side_by_side(
    left: Sequence[str], right: Sequence[str], width: int, *, signs: bool = True
) -> list[Content]:
    """Two columns of texts, item beside item, in lines of `width` cells (at least 7).

    Each side marks what the other lacks, and `≠` stands between two texts that differ. A long text
    goes on in the next line.
    """
    column = (max(width, _NARROWEST) - 3) // 2
    # An odd cell goes to the right, so that every line is `width` cells wide.
    rest = max(width, _NARROWEST) - 3 - column
    lines: list[Content] = []
    for a, b in zip_longest(left, right):
        pieces = word_difference(a or "", b or "")
        both = [
            _folded(_content([p for p in pieces if p[0] != "new"], signs), column),
            _folded(_content([p for p in pieces if p[0] != "gone"], signs), rest),
        ]
        sign, style = (SAME, "$foreground 40%") if a == b else (DIFFERENT, "bold")
        for one, other in zip_longest(*both, fillvalue=Content("")):
            lines.append(
                Content.assemble(
                    _padded(one, column), " ", (sign, style), " ", _padded(other, rest)
                )
            )
            sign, style = SAME, "$foreground 40%"
    return lines


# -- comparing -----------------------------------------------------------------------------------


def _clusters(text: str) -> list[str]:
    """The characters of `text`, each with its combining marks and what is joined to it."""
    if text.isascii():
        return list(text)
    out: list[str] = []
    for character in text:
        joined = character == _JOINER or unicodedata.category(character).startswith("M")
        if out and (joined or out[-1].endswith(_JOINER)):
            out[-1] += character
        else:
            out.append(character)
    return out


def _parts(text: str) -> list[str]:
    """The words of `text`, and the single characters between words."""
    out: list[str] = []
    word = False
    for cluster in _clusters(text):
        now = cluster[0].isalnum() or cluster[0] == "_"
        if now and word:
            out[-1] += cluster
        else:
            out.append(cluster)
        word = now
    return out


def _compare(before: Sequence[str], after: Sequence[str]) -> list[Piece]:
    """The difference of two lists of words, refined within words that are alike."""
    shared = min(len(before), len(after))
    start = 0
    while start < shared and before[start] == after[start]:
        start += 1
    stop = 0
    while stop < shared - start and before[-1 - stop] == after[-1 - stop]:
        stop += 1
    a, b = before[start : len(before) - stop], after[start : len(after) - stop]
    out: list[Piece] = [("same", "".join(before[:start]))]
    if max(len(a), len(b)) > MOST_PARTS:
        out += [("gone", "".join(a)), ("new", "".join(b))]
    else:
        for op, a0, a1, b0, b1 in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
            if op == "equal":
                out.append(("same", "".join(a[a0:a1])))
            else:
                out += _replaced(a[a0:a1], b[b0:b1])
    out.append(("same", "".join(before[len(before) - stop :])))
    return out


def _replaced(before: Sequence[str], after: Sequence[str]) -> list[Piece]:
    """The difference of a stretch of words and the stretch that replaced it."""
    old, new = "".join(before), "".join(after)
    if len(before) == len(after) == 1 and max(len(old), len(new)) <= MOST_PARTS:
        a, b = _clusters(old), _clusters(new)
        matcher = SequenceMatcher(None, a, b, autojunk=False)
        if matcher.ratio() >= _ALIKE:
            return _letters(a, b, matcher)
    return [("gone", old), ("new", new)]


def _letters(
    before: Sequence[str], after: Sequence[str], matcher: SequenceMatcher[str]
) -> list[Piece]:
    """The difference by letters. A single equal letter between two changes counts as changed,
    since `{+k+}a[-nn-]` is hard to read."""
    out: list[Piece] = []
    codes = matcher.get_opcodes()
    for index, (op, a0, a1, b0, b1) in enumerate(codes):
        island = op == "equal" and a1 - a0 == 1 and 0 < index < len(codes) - 1
        if op == "equal" and not island:
            out.append(("same", "".join(before[a0:a1])))
        else:
            out += [("gone", "".join(before[a0:a1])), ("new", "".join(after[b0:b1]))]
    return out


def _merged(pieces: Iterable[Piece]) -> list[Piece]:
    """The pieces without empty ones; between two that stay, all that is gone, then all new."""
    out: list[Piece] = []
    gone = new = ""
    for kind, text in [*pieces, ("same", "")]:
        if kind == "gone":
            gone += text
        elif kind == "new":
            new += text
        elif text:
            out += _change(gone, new)
            gone = new = ""
            if out and out[-1][0] == "same":
                out[-1] = ("same", out[-1][1] + text)
            else:
                out.append(("same", text))
    return out + _change(gone, new)


def _change(gone: str, new: str) -> list[Piece]:
    out: list[Piece] = [("gone", gone), ("new", new)]
    return [piece for piece in out if piece[1]]


# -- showing -------------------------------------------------------------------------------------


def _content(pieces: Iterable[Piece], signs: bool) -> Content:
    out: list[str | tuple[str, str]] = []
    for kind, text in pieces:
        shown = visible(text)
        if kind == "same":
            out.append(shown)
            continue
        opened, closed = (GONE if kind == "gone" else NEW) if signs else ("", "")
        out.append((f"{opened}{shown}{closed}", GONE_STYLE if kind == "gone" else NEW_STYLE))
    return Content.assemble(*out)


def _folded(content: Content, width: int) -> list[Content]:
    """`content` in lines of at most `width` cells (at least 2), broken after a space in the
    second half of the line, or else between characters."""
    lines: list[Content] = []
    start, text = 0, content.plain
    while start < len(text):
        end = _line_end(text, start, width)
        lines.append(content[start:end])
        start = end
    return lines or [Content("")]


def _line_end(text: str, start: int, width: int) -> int:
    """The end of the line that begins at `start`, always beyond `start`."""
    cells, end = 0, start
    for cluster in _clusters(text[start : start + 4 * width]):
        cells += cell_len(cluster)
        if cells > width and end > start:
            break
        end += len(cluster)
    if end < len(text):
        space = text.rfind(" ", start + (end - start) // 2, end)
        if space > start:
            return space + 1
    return end


def _padded(content: Content, width: int) -> Content:
    return content.pad_right(max(0, width - content.cell_length))
