"""All parts of the model, by what it costs to take them out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.widget import Widget
from typing_extensions import override

from microgpt.surgery import Component, ComponentKind
from playground.lab.protocol.failures import Progress
from playground.lab.protocol.surgery import Cut, Difference
from playground.tui.control.controller import Controller
from playground.tui.screens.inside.page import Page, largest, lines_words
from playground.tui.screens.sheet_dialog import SheetDialog
from playground.tui.screens.surgery import drawing
from playground.tui.widgets.matrix import window
from playground.tui.widgets.sheet import Ink, Sheet
from playground.tui.widgets.text import fit, visible
from playground.words import plus_minus

KINDS: tuple[tuple[ComponentKind, str], ...] = (
    ("head", "heads"), ("neuron", "neurons"), ("matrix", "matrices"), ("position", "positions"),
)  # fmt: skip
FIGURES = 17
"""Columns of a difference with its error."""
NOISE = len("  within the noise")
ROOMY = 16
"""Lines from which on there is room for a blank one."""
SHORTEST_BAR = 8
"""Columns of the bar that tells how far the ranking is, at least."""


class RankScreen(SheetDialog[Component | None]):
    """Ranks the parts; dismissed with the one to open the sheet for, or None."""

    HEADING = "What each part is worth"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "accept", "cut", id="rank.cut", tooltip="The sheet for this part"),
        Binding("up", "move(-1)", "part", key_display="↑↓", id="rank.up", tooltip="Choose a part"),
        Binding("down", "move(1)", "part below", id="rank.down", show=False),
        Binding("pageup", "move(-10)", "up 10", id="rank.page-up", show=False),
        Binding("pagedown", "move(10)", "down 10", id="rank.page-down", show=False),
        Binding("home", "move(-9999)", "first", id="rank.first", show=False),
        Binding("end", "move(9999)", "last", id="rank.last", show=False),
        Binding("f", "kind", "kind", id="rank.kind",
                tooltip="Heads, neurons, matrices or positions alone, or all of them"),
        Binding("r", "again", "rank again", id="rank.again",
                tooltip="Rank the model as it stands by now"),
        Binding("question_mark,f1", "help", "help", key_display="?", id="rank.help"),
        Binding("escape", "cancel", "close", key_display="esc", id="rank.cancel",
                tooltip="Give up what is under way, and close"),
    ]  # fmt: skip
    DEFAULT_CSS = """
    RankScreen {
        #dialog { height: 100%; padding: 0 1; }
        &.-high #dialog { height: 80%; }
        &.-low #dialog-foot { margin: 0; }
        #dialog-body { height: 1fr; }
        #rank-sheet { height: 1fr; }
    }
    """

    def __init__(self, controller: Controller) -> None:
        super().__init__()
        self._controller = controller
        self._surgery = controller.surgery
        self._kind = -1
        """Which of KINDS is shown alone; -1 for all."""
        self._at = 0
        self._pinned: Component | None = None
        """The part under the cursor, which the cursor stays with while others are found; None for
        the dearest so far."""
        self._first = 0
        self._goes_on = False
        """True once a part is chosen: the ranking goes on while the person looks at it."""

    def body(self) -> Iterable[Widget]:
        yield Sheet(id="rank-sheet")

    def on_mount(self) -> None:
        if self._surgery.ranked_now is None and not self._surgery.ranking_now:
            self._surgery.rank()
        self.draw()

    def on_unmount(self) -> None:
        if not self._goes_on:
            self._surgery.ranking.give_up()

    # ------------------------------------------------------------ what is ranked

    @property
    def _all(self) -> Sequence[Cut]:
        """The parts of every kind, the dearest first: of the last ranking, or so far."""
        surgery = self._surgery
        if surgery.ranking.busy:
            return surgery.ranked_so_far
        model, ranked = self._controller.model, surgery.ranked
        if ranked is None or model.info is None or surgery.ranked_at[:1] != (model.info,):
            return ()  # none yet, or of another run
        return ranked.cuts

    @property
    def cuts(self) -> list[Cut]:
        """The parts that are shown, the dearest first."""
        kind = KINDS[self._kind][0] if self._kind >= 0 else ""
        return [one for one in self._all if not kind or one[0].kind == kind]

    @override
    def draw_page(self, page: Page) -> None:
        ranking, ranked, cuts = self._surgery.ranking, self._surgery.ranked, self.cuts
        if ranking.trouble is not None:
            trouble = ranking.trouble
            page.say(f"✗ {visible(trouble.title)}. {visible(trouble.message)}", "bad", most=6)
            return
        if (progress := ranking.progress) is not None:
            so_far(page, progress, len(self._surgery.ranked_so_far))
            if page.height >= ROOMY:
                page.blank()  # the bar of the progress is none of the bars below
        elif ranked is None:
            page.add(("r ranks the parts of the model as it stands", "muted"))
            return
        else:
            self._head(page, cuts)
        parts = [part for part, _ in cuts]
        if self._pinned in parts:
            self._at = parts.index(self._pinned)
        self._at = min(max(self._at, 0), max(0, len(cuts) - 1))
        shown = max(1, page.room - 1)
        self._first = window(self._at, self._first, shown, len(cuts))
        scale = largest([one.delta for _, one in cuts])
        for place in range(self._first, min(self._first + shown, len(cuts))):
            part, one = cuts[place]
            self._line(page, place, part, one, scale)
        words = lines_words(min(shown, len(cuts)), self._first, len(cuts), "parts")
        page.add((words, "caution"))

    def _head(self, page: Page, cuts: list[Cut]) -> None:
        ranked = self._surgery.ranked
        assert ranked is not None
        what = KINDS[self._kind][1] if self._kind >= 0 else "parts"
        texts = f" on {cuts[0][1].documents:,} held-out texts" if cuts else ""
        old = "" if self._surgery.ranked_now is not None else ", not of now: r ranks again"
        page.add(
            (f"{len(cuts):,} {what}", "strong"),
            (f" at step {ranked.step:,}", "muted"),
            (old, "caution"),
            (f": the loss without each, nats{'' if old else texts}", "muted"),
        )

    def _line(self, page: Page, place: int, part: Component, one: Difference, scale: float) -> None:
        here = place == self._at
        quiet = drawing.judged(one)
        mark: Ink = "pointed" if here else "faint" if quiet else "text"
        name = min(30, max(16, page.width - FIGURES - NOISE - 14))
        words = drawing.part_words(part, self._controller.model, name)
        bad = not math.isfinite(one.delta)
        digits = 4 if abs(one.delta) < 10 else 3  # most parts cost less than a thousandth of a nat
        figures = (
            "no number"
            if bad
            else f"{drawing.fixed(one.delta, digits, '+')}{plus_minus(one.error, digits)}"
        )
        noise = f"  {quiet}" if quiet else ""
        ink: Ink = "faint" if quiet else "minus" if one.delta < 0 else "plus"
        room = page.width - 2 - name - FIGURES - NOISE - 1
        page.add(
            ("▸ " if here else "  ", mark),
            (fit(words, name), mark),
            (f"{figures:>{FIGURES - 1}} ", "bad" if bad else mark),
            *page.bar(1.0 if bad else abs(one.delta) / scale, max(2, room), ink),
            (noise, "faint"),
            what=("part", place, 0),
        )

    # ------------------------------------------------------------ keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("accept", "move", "kind"):
            return bool(self.cuts) or (action == "kind" and self._kind >= 0)
        if action == "again":
            return not self._surgery.ranking.busy
        return super().check_action(action, parameters)

    def action_move(self, by: int) -> None:
        self._point(self._at + by)
        self.draw()

    def _point(self, place: int) -> None:
        """Move the cursor to a line. At the first one, it is on whatever is dearest."""
        cuts = self.cuts
        self._at = min(max(place, 0), max(0, len(cuts) - 1))
        self._pinned = cuts[self._at][0] if cuts and self._at else None

    def action_kind(self) -> None:
        """Another kind alone; kinds of which this model has none are passed over."""
        there = {part.kind for part, _ in self._all}
        kinds = [-1, *(place for place, (kind, _) in enumerate(KINDS) if kind in there)]
        at = kinds.index(self._kind) if self._kind in kinds else -1
        self._kind = kinds[(at + 1) % len(kinds)]
        self._point(0)
        self.draw()

    def action_again(self) -> None:
        self._surgery.rank()
        self.draw()

    @override
    def accept(self) -> None:
        cuts = self.cuts
        if cuts:
            self._goes_on = True
            self.dismiss(cuts[min(self._at, len(cuts) - 1)][0])

    @on(Sheet.Pressed)
    def _pressed(self, event: Sheet.Pressed) -> None:
        event.stop()
        again = self._at == event.what[1]
        self._point(event.what[1])
        self.accept() if again else self.draw()

    def action_help(self) -> None:
        from playground.tui.screens.help import HelpScreen
        from playground.tui.screens.surgery.words import RANK

        keys = [one for one in self.BINDINGS if isinstance(one, Binding)]
        self.app.push_screen(HelpScreen(keys, about=(self.HEADING, RANK)))


def so_far(page: Page, progress: Progress, done: int) -> None:
    """Draw how far the ranking is, in one line. done: the parts that are ranked."""
    total = progress.total
    counted = f"so far {done:,} of {total:,} parts" if total else "so far no part"
    rest, out = ": each is taken out and put in again", "  esc gives up"
    room = page.width - len(counted) - len(out) - len("◌   ")
    if room < len(rest) + SHORTEST_BAR:
        rest = ""
    bar = page.bar(done / total if total else 0.0, max(SHORTEST_BAR, min(30, room - len(rest))))
    page.add(("◌ ", "muted"), (counted, "strong"), (rest, "muted"), ("  ", "text"), *bar,
             (out, "muted"))  # fmt: skip
