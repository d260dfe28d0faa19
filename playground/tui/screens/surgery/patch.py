"""Two texts, and which activation carries the difference between what the model makes of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input, Static
from typing_extensions import override

from playground.lab.protocol.commands import Patch
from playground.lab.protocol.surgery import Patching
from playground.tui.control.controller import Controller
from playground.tui.screens.inside.page import (
    Page,
    cell_text,
    lines_words,
    num,
    part_words,
    plus,
    quoted,
)
from playground.tui.screens.sheet_dialog import SheetDialog
from playground.tui.screens.surgery.drawing import fixed
from playground.tui.widgets.literal_input import LiteralInput
from playground.tui.widgets.matrix import window
from playground.tui.widgets.sheet import Ink, Line, Sheet
from playground.tui.widgets.text import fit, visible

LABEL = 22
"""Columns of a stage's name, at most."""
CELLS = (6, 5, 4, 3)
"""Columns of a cell, as much as has room; from 5 on it holds its share."""
NUMBERED = 5
LONGEST = 1_000
"""Characters of a text that is typed."""


class PatchScreen(SheetDialog[None]):
    """Asks for two texts, and shows stages by positions."""

    HEADING = "Patch: which activation carries the difference"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "accept", "patch", id="patch.patch",
                tooltip="Compare the two texts; in the map, change them"),
        Binding("left", "move(0, -1)", "cell", key_display="←↑→↓", id="patch.left",
                tooltip="Choose an activation, and read its numbers below"),
        Binding("right", "move(0, 1)", "right", id="patch.right", show=False),
        Binding("up", "move(-1, 0)", "up", id="patch.up", show=False),
        Binding("down", "move(1, 0)", "down", id="patch.down", show=False),
        Binding("tab", "app.focus_next", "field", id="patch.tab", tooltip="To the other text"),
        Binding("question_mark,f1", "help", "help", key_display="?", id="patch.help"),
        Binding("escape", "cancel", "close", key_display="esc", id="patch.cancel",
                tooltip="Give up what is under way, and close"),
    ]  # fmt: skip
    DEFAULT_CSS = """
    PatchScreen {
        #dialog { height: 100%; padding: 0 1; max-width: 130; }
        &.-high #dialog { height: 85%; }
        &.-low #dialog-foot { margin: 0; }
        #dialog-body { height: 1fr; }
        .patch-row { height: 1; }
        .patch-label { width: 12; color: $text-muted; }
        .patch-row Input { width: 1fr; }
        #patch-sheet { height: 1fr; }
    }
    """

    def __init__(self, controller: Controller, clean: str = "") -> None:
        """clean: the text that the difference is explained of, to begin with."""
        super().__init__()
        self._controller = controller
        self._surgery = controller.surgery
        self._clean = clean
        self._problem = ""
        """What is wrong with the answers that were typed."""
        self._row = self._column = self._top = self._left = 0

    def body(self) -> Iterable[Widget]:
        yield Horizontal(
            Static("clean text", classes="patch-label", markup=False),
            LiteralInput(self._clean, compact=True, id="patch-clean", max_length=LONGEST),
            classes="patch-row",
        )
        yield Horizontal(
            Static("other text", classes="patch-label", markup=False),
            LiteralInput(
                placeholder="as many tokens, one or two of them another",
                compact=True, id="patch-other", max_length=LONGEST,
            ),
            classes="patch-row",
        )  # fmt: skip
        yield Horizontal(
            Static("answers", classes="patch-label", markup=False),
            LiteralInput(
                placeholder="the likeliest after each; or two tokens, as: a e",
                compact=True, id="patch-answers", max_length=LONGEST,
            ),
            classes="patch-row",
        )  # fmt: skip
        yield Sheet(id="patch-sheet")

    def on_mount(self) -> None:
        self.set_focus(self.query_one("#patch-other" if self._clean else "#patch-clean"))
        self._surgery.patched = self._surgery.patching.trouble = None
        self.draw()

    def on_unmount(self) -> None:
        self._surgery.patching.give_up()

    # ------------------------------------------------------------ drawing

    @override
    def draw_page(self, page: Page) -> None:
        patching, patched = self._surgery.patching, self._surgery.patched
        if self._problem:
            page.say(f"✗ {visible(self._problem)}", "bad", most=6)
        elif patching.trouble is not None:
            trouble = patching.trouble
            page.say(f"✗ {visible(trouble.title)}. {visible(trouble.message)}", "bad", most=6)
        elif (progress := patching.progress) is not None:
            share = progress.done / progress.total if progress.total else 0.0
            page.add(("◌ each activation is put in alone  ", "muted"), *page.bar(share, 20),
                     (f" {progress.done:,}/{progress.total:,}", "text"))  # fmt: skip
        elif patched is None:
            page.say("Type a text that differs from the clean one in a letter or two and has as "
                     "many tokens; enter compares them.", "muted")  # fmt: skip
        else:
            self._map(page, patched)

    def _map(self, page: Page, patched: Patching) -> None:
        shares, stages, count = patched.recovered, patched.stages, len(patched.clean)
        self._row = min(max(self._row, 0), len(stages) - 1)
        self._column = min(max(self._column, 0), count - 1)
        page.add(
            (f"{quoted(patched.answer[1])} against {quoted(patched.other[1])}", "strong"),
            (f" at step {patched.step:,}: logit difference clean ", "muted"),
            (plus(patched.difference_clean, 3), "text"),
            (", other ", "muted"),
            (plus(patched.difference_corrupt, 3), "text"),
        )
        label = min(LABEL, max(map(len, stages)) + 3)
        room = page.width - label
        cell = next((one for one in CELLS if one * count <= room), CELLS[-1])
        columns = min(count, max(1, room // cell))
        self._left = window(self._column, self._left, columns, count)
        shown = range(self._left, self._left + columns)
        for name, tokens in (("clean", patched.clean), ("other", patched.corrupt)):
            line: Line = [(fit(f"  {name}", label), "muted")]
            for p in shown:
                differs = patched.clean[p] != patched.corrupt[p]
                ink: Ink = "pointed" if p == self._column else "strong" if differs else "muted"
                line.append((cell_text(tokens[p], cell), ink))
            page.add(*line)
        tall = min(len(stages), max(1, page.room - 4))
        self._top = window(self._row, self._top, tall, len(stages))
        for k in range(self._top, self._top + tall):
            here = k == self._row
            mark: Ink = "pointed" if here else "text"
            line = [(fit(f"{'▸ ' if here else '  '}{stages[k]}", label), mark)]
            for p in shown:
                share = shares[k][p]
                text = fixed(share, 2) if cell >= NUMBERED else ""
                chosen = here and p == self._column
                line += [page.sign(text, share, 1.0, cell - 1, chosen), (" ", "text")]
            page.hit(label, label + columns * cell, ("cell", k, self._left), cell)
            page.add(*line)
        hidden = [
            lines_words(tall, self._top, len(stages), "stages"),
            part_words(columns, self._left, count, "positions"),
        ]
        page.add((", ".join(one for one in hidden if one), "caution"))
        self._read_out(page, patched, shares[self._row][self._column])

    def _read_out(self, page: Page, patched: Patching, share: float) -> None:
        """The chosen cell with the numbers plugged in."""
        clean, corrupt = patched.difference_clean, patched.difference_corrupt
        found = patched.differences[self._row][self._column]
        page.say(
            f"{patched.stages[self._row]} at {self._column} "
            f"{quoted(patched.clean[self._column])} put in: ({num(found, 3)} - "
            f"{num(corrupt, 3)}) / ({num(clean, 3)} - {num(corrupt, 3)}) = {fixed(share, 3)} "
            "of the way back",
            "text",
            most=3,
        )

    # ------------------------------------------------------------ keys

    @property
    def _mapped(self) -> bool:
        """True while the cursor is in the map."""
        return self._surgery.patched is not None and self.focused is None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "move":
            return self._mapped
        return super().check_action(action, parameters)

    def action_move(self, down: int, across: int) -> None:
        self._row += down
        self._column += across
        self.draw()

    @on(Sheet.Pressed)
    def _pressed(self, event: Sheet.Pressed) -> None:
        event.stop()
        _, self._row, self._column = event.what
        self.set_focus(None)
        self.draw()

    @override
    def accept(self) -> None:
        """Compare the texts; in the map, back to the field."""
        if self.focused is None:
            self.set_focus(self.query_one("#patch-other"))
            return
        names = ("clean", "other", "answers")
        clean, other, answers = (self.query_one(f"#patch-{one}", Input).value for one in names)
        self._problem, self._row, self._column = "", 0, 0
        try:
            ids = self._answers(answers)
        except ValueError as error:
            self._problem = str(error)
        else:
            self.set_focus(None)
            self._surgery.patch(Patch(clean, other, *ids))
        self.draw()

    def _answers(self, text: str) -> tuple[int | None, int | None]:
        """The tokens that the person names as answers; None twice for the likeliest. Raises
        ValueError, in words, for other texts."""
        info, named = self._controller.model.info, text.split()
        if not named or info is None:
            return None, None
        if len(named) != 2:
            raise ValueError("Name two answers with a space between, or none.")
        for one in named:
            if one not in info.vocabulary:
                raise ValueError(f"{one} is no token of this model.")
        first, second = (info.vocabulary.index(one) for one in named)
        return first, second

    def action_help(self) -> None:
        from playground.tui.screens.help import HelpScreen
        from playground.tui.screens.surgery.words import PATCH

        keys = [one for one in self.BINDINGS if isinstance(one, Binding)]
        self.app.push_screen(HelpScreen(keys, about=("Patch", PATCH)))
