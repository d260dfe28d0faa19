"""How good the model of the open run is: the dialog, its views and keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.widget import Widget
from typing_extensions import override

from playground.lab.protocol.failures import Progress
from playground.lab.protocol.score import read_words
from playground.tui.control.controller import Controller
from playground.tui.screens.inside.page import Page
from playground.tui.screens.score import drawing
from playground.tui.screens.sheet_dialog import TALL, ScrolledSheet, scroll_keys
from playground.tui.widgets.sheet import Ink, Line, Sheet
from playground.tui.widgets.text import fit, visible
from playground.widths import cell_len

View = Callable[[Page, Mapping[str, Any]], None]
VIEWS: tuple[tuple[str, View], ...] = (
    ("Losses", drawing.losses),
    ("Calibration", drawing.calibration),
    ("Worst", drawing.worst),
    ("Samples", drawing.samples),
)
ROOMY = 24
"""Lines from which on there is room for a blank one."""
BAR = 24
"""Columns of the bar that tells how far the scoring is, at most."""
_RULE = "What a valid sample matches from end to end"


class ScoreScreen(ScrolledSheet[None]):
    """Scores the run where it stands, and shows the last score."""

    HEADING = "How good the model is"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(str(place), f"view({place - 1})", name.lower(), id=f"score.view-{place}",
                    show=False, tooltip=f"Show {name.lower()}")
            for place, (name, _) in enumerate(VIEWS, 1)
        ),
        Binding("right,tab", "turn(1)", "view", key_display="1-4 ←→", id="score.next",
                tooltip="The next view"),
        Binding("left,shift+tab", "turn(-1)", "view before", id="score.before", show=False),
        *scroll_keys("score"),
        Binding("e", "rule", "rule", id="score.rule",
                tooltip="A regular expression that a valid sample matches"),
        Binding("r", "again", "score again", id="score.again",
                tooltip="Score the model as it stands by now"),
        Binding("question_mark,f1", "help", "help", key_display="?", id="score.help"),
        Binding("escape", "cancel", "close", key_display="esc", id="score.cancel",
                tooltip="Give up what is under way, and close"),
    ]  # fmt: skip

    def __init__(self, controller: Controller) -> None:
        super().__init__()
        self._controller = controller
        self._scoring = controller.scoring
        self._view = 0

    def body(self) -> Iterable[Widget]:
        yield Sheet(id="score-sheet")

    def on_mount(self) -> None:
        if self._scoring.up_to_date:
            self._scoring.asking.trouble = None
        elif not self._scoring.asking.busy:
            self._scoring.begin()
        self.draw()

    def on_unmount(self) -> None:
        self._scoring.asking.give_up()

    # ------------------------------------------------------------ drawing

    @override
    def draw_page(self, page: Page) -> None:
        asking, scored = self._scoring.asking, self._scoring.scored
        if asking.trouble is not None:
            trouble = asking.trouble
            page.say(f"✗ {visible(trouble.title)}. {visible(trouble.message)}", "bad", most=6)
        if asking.progress is not None:
            self._progress(page, asking.progress)
        if scored is None:
            self._cut = False
            return
        values = scored.values
        page.say(visible(values["verdict"]), "strong", most=4)
        self._of_when(page, scored.step)
        self._tabs(page)
        if page.height >= ROOMY:
            page.blank()
        full = page.part(page.width, TALL)
        VIEWS[self._view][1](full, values)
        full.blank()
        full.say(read_words(values["heldout"], values["training"]))
        self.lay(page, full)

    def _progress(self, page: Page, progress: Progress) -> None:
        on = "training goes on" if self._controller.model.running else "the run stands meanwhile"
        ends = f"  {on}; esc gives up"
        stage = visible(progress.stage)
        room = page.width - len("◌   ") - len("100 %")
        line: Line = [("◌ ", "muted")]
        if cell_len(stage) + BAR + len(ends) > room:
            page.add(*line, (fit(stage, page.width - 2).rstrip(), "text"))
            line = [("  ", "text")]
        else:
            line.append((f"{stage}  ", "text"))
        share = drawing.share_of(progress.done, progress.total)
        line += page.bar(share, min(BAR, max(4, page.width - len(ends) - 9)))
        line += [(f" {share:4.0%}", "text"), (ends, "muted")]
        page.add(*line)

    def _of_when(self, page: Page, step: int) -> None:
        if self._scoring.up_to_date:
            page.add((f"at step {step:,}", "muted"))
        else:
            now = self._controller.model.step
            page.say(f"at step {step:,}, and the run is at step {now:,}: r scores it", "caution")

    def _tabs(self, page: Page) -> None:
        line: Line = []
        start = 0
        for place, (name, _) in enumerate(VIEWS):
            here = place == self._view
            text = f"{'▸' if here else ' '}{place + 1} {name}"
            ink: Ink = "pointed" if here else "muted"
            page.hit(start, start + len(text), ("view", place, 0))
            line += [(text, ink), ("  ", "text")]
            start += len(text) + 2
        page.add(*line)

    # ------------------------------------------------------------ keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("view", "turn"):
            return self._scoring.scored is not None
        if action == "again":
            return not self._scoring.asking.busy
        return super().check_action(action, parameters)

    def action_view(self, place: int) -> None:
        self._view, self._top = place, 0
        self.draw()

    def action_turn(self, by: int) -> None:
        self.action_view((self._view + by) % len(VIEWS))

    def action_again(self) -> None:
        self._scoring.begin()
        self.draw()

    def action_rule(self) -> None:
        """Ask for the rule, and score the samples by it."""
        from playground.tui.screens.runs.ask import AskLine

        def answered(rule: str | None) -> None:
            if rule is not None:
                self._scoring.rule = rule or None
                self.action_again()

        present = self._scoring.rule or ""
        self.app.push_screen(AskLine(_RULE, present, "as [a-z]+ ; nothing for the run's"), answered)

    @on(Sheet.Pressed)
    def _pressed(self, event: Sheet.Pressed) -> None:
        event.stop()
        self.action_view(event.what[1])

    def action_help(self) -> None:
        from playground.tui.screens.help import HelpScreen
        from playground.tui.screens.score.words import SCORE

        keys = [one for one in self.BINDINGS if isinstance(one, Binding)]
        self.app.push_screen(HelpScreen(keys, about=(self.HEADING, SCORE)))
