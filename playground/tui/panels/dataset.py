"""Panel 1: the text that the model learns from, and how much each token surprised the model."""

from __future__ import annotations

import re
from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Size

from playground.lab.protocol.frames import DocumentFrame
from playground.lab.protocol.run import Notice, RunInfo
from playground.tui.model import PlaygroundModel
from playground.tui.panels.panel import Panel
from playground.tui.panels.zoomed.dataset import SeenDocuments
from playground.tui.styles import CAUTION, MUTED, POINTED, STRONG
from playground.tui.widgets.static_text import Words
from playground.tui.widgets.text import visible
from playground.tui.widgets.tiles import Tile, TokenTiles
from playground.widths import cell_len, fit, wrap
from playground.words import many

SURPRISE_SCALE = 5.0
"""Nats at which a tile is full: e ** -5 is a chance below 1 %."""
NUMBER_WIDTH = 7
"""Cells for a document's number and the space after it."""
SHOWN_TOKENS = 400
"""Tokens of the vocabulary that are shown, at most."""
WHY = ("  1 z: why", "\n1 z: why", "  1 z")
"""What stands behind a note in brief, or beneath it: the keys that show it whole."""
HINTS = {"split:windows": "press w: "}
"""What to press, by the action that a notice names."""


class Documents(Vertical, can_focus=True):
    """The documents in the order of training: the present one as tiles, and its neighbours."""

    def compose(self) -> ComposeResult:
        yield Words(id="dataset-before")
        yield Words(id="dataset-current")
        yield TokenTiles(id="dataset-tiles")
        yield Words(id="dataset-beyond")
        yield Words(id="dataset-after")

    def show(self, document: DocumentFrame) -> None:
        """Draw the present document, and as many of its neighbours as there is room for."""
        width = max(NUMBER_WIDTH + 4, self.size.width)
        number = document.position + 1
        tiles = self.query_one(TokenTiles)
        losses: list[float | None] = list(document.losses) or [None] * len(document.tokens)
        tiles.set_tiles(
            [Tile(text, nats) for text, nats in zip(document.tokens, losses, strict=False)],
            SURPRISE_SCALE,
        )
        beyond = self.query_one("#dataset-beyond", Words)
        beyond.display = bool(document.beyond)
        rest = "".join(document.beyond).replace("◌", "")
        tail = fit(visible(rest), max(4, width - 20)).rstrip()
        beyond.say(Content.assemble((f"{'':7}not seen: ", MUTED), (tail, f"{MUTED} strike")))

        room = max(0, self.size.height - 1 - max(1, tiles.size.height) - len(document.beyond[:1]))
        above = min(len(document.before), room // 3 + 1 if room > 2 else room // 2)
        self._lines(
            "#dataset-before",
            number - above,
            document.before[len(document.before) - above :],
            width,
        )
        self._lines("#dataset-after", number + 1, document.after[: room - above], width)

        # The last token is BOS, unless the document goes on beyond the context.
        text = "".join(document.tokens if document.beyond else document.tokens[:-1])
        # A space needs a sign on a tile, and a mark a base; neither needs them in a line.
        text = text.replace("␠", " ").replace("◌", "")
        mean = (
            f"{sum(document.losses) / len(document.losses):.2f} nats"
            if document.losses
            else "up next"
        )
        space = max(4, width - NUMBER_WIDTH - len(mean) - 1)
        self.query_one("#dataset-current", Words).say(
            Content.assemble(
                (f"{number:>6,} ", POINTED),
                (fit(visible(text), space), STRONG),
                (f" {mean}", MUTED),
            )
        )

    def _lines(self, selector: str, first: int, texts: tuple[str, ...], width: int) -> None:
        lines = self.query_one(selector, Words)
        lines.display = bool(texts)
        lines.say(
            Content("\n").join(
                Content.styled(f"{first + i:>6,} {fit(visible(text), width - NUMBER_WIDTH)}", MUTED)
                for i, text in enumerate(texts)
            )
        )


class DatasetPanel(Panel):
    """Counts, notices, the document of the last step, its neighbours, the vocabulary."""

    NUMBER = 1
    TITLE = "Data set"

    _shown: tuple[RunInfo, Size, bool] | None = None

    def compose(self) -> ComposeResult:
        yield Words(id="dataset-counts")
        yield Words(id="dataset-notices")
        yield Documents(id="dataset-documents")
        yield SeenDocuments(id="dataset-seen")
        yield Words(id="dataset-vocabulary")

    def set_zoomed(self, zoomed: bool) -> None:
        super().set_zoomed(zoomed)
        self.query_one(Documents).display = not zoomed
        self.query_one(SeenDocuments).display = zoomed

    def show(self, model: PlaygroundModel) -> None:
        info = model.info
        if info is None:
            return
        seen = (info, self.size, self.has_class("-zoomed"))
        if self._shown != seen:
            self._shown = seen
            self._show_info(info)
        if self.has_class("-zoomed"):
            self.query_one(SeenDocuments).show(model, SURPRISE_SCALE)
            return
        documents = self.query_one(Documents)
        if model.frame is not None and model.frame.document is not None:
            documents.show(model.frame.document)

    def _show_info(self, info: RunInfo) -> None:
        width = max(12, self.size.width)
        count = f"{info.documents:,} document{'s'[: info.documents != 1]}"
        if 0 < info.distinct_documents < info.documents:
            longer = f"{count}, {info.distinct_documents:,} different"
            if len(longer) + cell_len(visible(info.dataset_title)) + 2 <= width:
                count = longer
        title = fit(visible(info.dataset_title), max(4, width - len(count) - 2)).rstrip()
        self.query_one("#dataset-counts", Words).say(
            Content.assemble((title, STRONG), f"  {count}")
        )
        train = f"{info.train_documents:,} train"
        held = f"{train} · {info.heldout_documents:,} held out" if info.heldout_documents else train
        short = f"{info.train_documents:,} + {info.heldout_documents:,} held out"
        told: tuple[str, ...] = (held, *([short] if info.heldout_documents else []), train)
        if self.has_class("-zoomed"):
            tiles = f"tiles: surprise in nats, full colour from {SURPRISE_SCALE:g}"
            # A text is held out with all its repeats, and tested on once.
            again = info.documents - info.train_documents - info.heldout_documents
            repeats = f" · {many(again, 'repeat')} of these" if again > 0 else ""
            told = (f"{tiles} · {held}{repeats}", f"{held}{repeats}", *told)
        self.subtitle(*told)
        notices = self.query_one("#dataset-notices", Words)
        notices.display = bool(info.notices)
        notices.say(self._notices(info, width))
        tokens = [visible(token, spaces=True) for token in info.vocabulary[:SHOWN_TOKENS]]
        more = info.vocab_size - len(tokens)
        self.query_one("#dataset-vocabulary", Words).say(
            Content.assemble(
                (f"vocabulary  {info.vocab_size:,} tokens\n", MUTED),
                " ".join(tokens),
                (f"  and {more:,} more" if more else "", MUTED),
            )
        )

    def _notices(self, info: RunInfo, width: int) -> Content:
        """The notices: all of them where the panel is zoomed, else the lines that there is room
        for, and the key that shows the rest. A note is shown beneath them in brief."""
        notes = [notice for notice in info.notices if notice.note]
        cautions = [notice for notice in info.notices if not notice.note]
        zoomed = self.has_class("-zoomed")
        texts = [HINTS.get(notice.action, "") + visible(notice.text) for notice in cautions]
        shown = [Content.assemble(("! ", f"bold {CAUTION}"), (text, CAUTION)) for text in texts]
        low = self.screen.has_class("-low") or self.screen.has_class("-tiny")
        room = max(1, 2 if low else int(self.size.height * 0.4))
        if texts and not zoomed and Content("\n").join(shown).get_height({}, width) > room:
            lines, rest = abridged(cautions, width, room)
            shown = [Content.assemble(("\n".join(lines), CAUTION), (rest, f"bold {CAUTION}"))]
        for note in notes:
            brief = visible(note.brief or note.text)
            texts = [visible(note.text)] if zoomed else [brief + key for key in WHY]
            for text in texts:
                longer = [*shown, Content.styled(text, MUTED)]
                whole = all(cell_len(line) <= width for line in text.split("\n"))
                if zoomed or (whole and Content("\n").join(longer).get_height({}, width) <= room):
                    shown = longer
                    break
        return Content("\n").join(shown)


def abridged(notices: Sequence[Notice], width: int, room: int) -> tuple[list[str], str]:
    """Notices that do not all fit as they are: (lines, what stands behind the last one).

    As many notices as `room` lines of `width` cells hold, in order, each as a whole sentence; what
    stands behind them names the key that shows the notices as they are.
    """
    forms = [_forms(notice) for notice in notices]
    for count in range(len(forms), 0, -1):
        rest = " · 1 z: more" if count == len(forms) else f" · 1 z: all {len(forms)}"
        chosen = [texts[-1] for texts in forms[:count]]
        best = _laid(chosen, rest, width, room)
        if best is None:
            continue
        for place, texts in enumerate(forms[:count]):
            for text in texts:
                longer = _laid([*chosen[:place], text, *chosen[place + 1 :]], rest, width, room)
                if longer is not None:
                    best, chosen[place] = longer, text
                    break
        return best, rest
    for rest in (f"! {many(len(forms), 'notice')}, 1 z shows them", f"! {len(forms)}: 1 z", "!"):
        if cell_len(rest) <= width:
            break
    return [], rest


def _forms(notice: Notice) -> list[str]:
    """What a notice may say, from the longest to the shortest."""
    hint, text = HINTS.get(notice.action, ""), visible(notice.text)
    ends = [match.start() for match in _CLAUSES.finditer(text)]
    forms = [hint + text, *(hint + text[:end] for end in reversed(ends))]
    if notice.brief:
        brief = hint + visible(notice.brief)
        forms = [form for form in forms if cell_len(form) > cell_len(brief)] + [brief]
    return forms


_CLAUSES = re.compile(r"[;:.] |, which ")
"""Where a sentence may end before its end."""


def _laid(texts: Sequence[str], rest: str, width: int, room: int) -> list[str] | None:
    """The lines of the texts if there is room for them and for `rest` behind them."""
    lines = [line for text in texts for line in wrap(f"! {text}", width)]
    if cell_len(lines[-1]) + cell_len(rest) > width:
        lines.append("")
    return lines if len(lines) <= room else None
