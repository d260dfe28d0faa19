"""What a run would be without a step, and the steps that taught a prediction: two dialogs."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.widget import Widget
from typing_extensions import override

from playground.lab.protocol.commands import Influence
from playground.lab.protocol.influence import Influences, Influential, LeftOut
from playground.lab.protocol.surgery import Difference
from playground.tui.control.controller import Controller
from playground.tui.control.influence import Replaying
from playground.tui.screens.inside.page import (
    Page,
    largest,
    lines_words,
    num,
    plus,
    quoted,
    token_text,
)
from playground.tui.screens.inside.words import INFLUENCE, WITHOUT_STEP
from playground.tui.screens.sheet_dialog import SheetDialog
from playground.tui.widgets.matrix import window
from playground.tui.widgets.sheet import Ink, Line, Sheet
from playground.tui.widgets.text import fit, visible
from playground.words import many, replay_words

STEP = 8
"""Columns of a step's number."""
FIGURE = 11
"""Columns of a figure in nats."""


class _Replay(SheetDialog[int | None]):
    """A question about the past: what it will take, how far it is, and what came."""

    DEFAULT_CSS = """
    _Replay {
        #dialog { height: 100%; padding: 0 1; }
        &.-high #dialog { height: 80%; }
        &.-low #dialog-foot { margin: 0; }
        #dialog-body { height: 1fr; }
        #replay-sheet { height: 1fr; }
    }
    """
    ABOUT: ClassVar[str] = ""
    """How to read it."""

    def __init__(self, controller: Controller) -> None:
        super().__init__()
        self._controller = controller
        self.replaying = Replaying(controller.context, controller.tasks)

    def body(self) -> Iterable[Widget]:
        yield Sheet(id="replay-sheet")

    def on_mount(self) -> None:
        self.ask()
        self.draw()

    def on_unmount(self) -> None:
        self.replaying.give_up()

    def ask(self) -> None:
        """Ask the worker."""
        raise NotImplementedError

    @override
    def draw_page(self, page: Page) -> None:
        asked = self.replaying
        if asked.trouble is not None:
            words = f"✗ {visible(asked.trouble.title)}. {visible(asked.trouble.message)}"
            page.say(words, "bad", most=6)
        elif asked.found is not None:
            self.draw_found(page)
        elif asked.waits and asked.cost is not None:
            cost = replay_words(asked.cost.steps, asked.cost.seconds)
            page.say(f"{cost}. The run trains on meanwhile, if it runs.", "text")
        elif (progress := asked.progress) is not None and progress.total:
            share = progress.done / progress.total
            page.add(
                (f"◌ {fit(visible(progress.stage), 30).rstrip()}  ", "muted"),
                *page.bar(share, max(8, min(30, page.width - 50))),
                (f" {share:4.0%}", "text"),
            )
        else:
            page.add(("◌ measuring the pace of a replay", "muted"))

    def draw_found(self, page: Page) -> None:
        """Draw what came."""
        raise NotImplementedError

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "go_on":
            return self.replaying.waits
        return super().check_action(action, parameters)

    def action_go_on(self) -> None:
        self.replaying.go_on()
        self.draw()

    def action_help(self) -> None:
        from playground.tui.screens.help import HelpScreen

        keys = [one for one in self.BINDINGS if isinstance(one, Binding)]
        self.app.push_screen(HelpScreen(keys, about=(self.HEADING, self.ABOUT)))


class WithoutScreen(_Replay):
    """The run without the step at which it stands, where it is known to lead."""

    HEADING = "Without this step"
    ABOUT = WITHOUT_STEP
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "go_on", "replay", id="without.go-on",
                tooltip="Make the run again without this step"),
        Binding("question_mark,f1", "help", "help", key_display="?", id="without.help"),
        Binding("escape", "cancel", "close", key_display="esc", id="without.cancel",
                tooltip="Give up the replay, and close"),
    ]  # fmt: skip

    def __init__(self, controller: Controller, step: int) -> None:
        super().__init__(controller)
        self._step = step

    @override
    def ask(self) -> None:
        self.replaying.without(self._step, self._controller.model.head)

    @override
    def draw_found(self, page: Page) -> None:
        found = self.replaying.found
        assert isinstance(found, LeftOut)
        learnt = fit(_documents(found.texts), max(8, page.width - 24)).rstrip()
        page.add((f"step {found.step:,}", "strong"), (f" learnt from {learnt}", "muted"))
        page.say(f"The same run without it, after step {found.at:,}:", "muted")
        page.blank()
        own = "its text" if len(found.texts) == 1 else "its texts"
        _difference(page, own, found.own)
        if found.heldout is not None:
            _difference(page, "held out", found.heldout)
        page.add(("weights     ", "muted"), (num(found.apart, 4), "strong"),
                 (f" apart, {found.ratio:.2g} of their length", "muted"))  # fmt: skip
        page.blank()
        left, right = page.part((page.width - 2) // 2), page.part((page.width - 2) // 2)
        for part, title, batch in (
            (left, "samples with it", found.samples),
            (right, "without it, the same dice", found.samples_without),
        ):
            part.add((title, "muted"))
            if batch.note:
                part.say(visible(batch.note), "caution", most=2)
            for text in batch.texts[: max(0, part.room - 2)]:
                words = visible(text.text, spaces=True) or "∅"
                part.add((f" {fit(words, part.width - 1).rstrip()}", "text"))
        page.beside([left, right])
        page.blank()
        pace = f"{many(found.replayed, 'step')} made again in {found.seconds:.2g} s"
        page.add((fit(pace, page.width).rstrip(), "faint"))


class InfluenceScreen(_Replay):
    """The steps that taught a prediction; dismissed with the one to go to, or None."""

    HEADING = "Who taught it this"
    ABOUT = INFLUENCE
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "go_on", "replay", id="influence.go-on",
                tooltip="Find what taught the model this"),
        Binding("enter", "accept", "go to its step", id="influence.go-to",
                tooltip="Go back to this step, and take it apart"),
        Binding("up", "move(-1)", "step", key_display="↑↓", id="influence.up",
                tooltip="Choose a step"),
        Binding("down", "move(1)", "step below", id="influence.down", show=False),
        Binding("pageup", "move(-10)", "up 10", id="influence.page-up", show=False),
        Binding("pagedown", "move(10)", "down 10", id="influence.page-down", show=False),
        Binding("home", "move(-9999)", "first", id="influence.first", show=False),
        Binding("end", "move(9999)", "last", id="influence.last", show=False),
        Binding("question_mark,f1", "help", "help", key_display="?", id="influence.help"),
        Binding("escape", "cancel", "close", key_display="esc", id="influence.cancel",
                tooltip="Give up what is under way, and close"),
    ]  # fmt: skip

    def __init__(self, controller: Controller, asked: Influence) -> None:
        super().__init__(controller)
        self._asked = asked
        self._at = 0
        self._first = 0

    @override
    def ask(self) -> None:
        self.replaying.influence(self._asked)

    @property
    def steps(self) -> tuple[Influential, ...]:
        """The steps of the list; none before it came."""
        found = self.replaying.found
        return found.most if isinstance(found, Influences) else ()

    @override
    def draw_found(self, page: Page) -> None:
        found, steps = self.replaying.found, self.steps
        assert isinstance(found, Influences)
        read = fit("".join(map(token_text, found.tokens)), max(8, page.width - 45)).rstrip()
        page.add(
            ("after ", "muted"), (read, "text"), (f" comes {quoted(found.target)}", "strong"),
            (f", p {math.exp(-found.loss):.3f}, {num(found.loss, 3)} nats at step {found.at:,}",
             "muted"),
        )  # fmt: skip
        since = f" from step {found.first:,} on" if found.first > 1 else ""
        page.say(
            f"What it would cost more without a step, of {many(found.steps, 'step')}{since}: above "
            "0 the step taught it this.",
            most=2,
        )
        page.add((f"  {'step':<{STEP}}{'formula':>{FIGURE}}{'replayed':>{FIGURE}}  text", "muted"))
        foot = page.part(page.width, 3)
        foot.say(_agreement(found), most=2)
        shown = max(1, page.room - len(foot.lines) - 1)
        self._at = min(max(self._at, 0), max(0, len(steps) - 1))
        self._first = window(self._at, self._first, shown, len(steps))
        scale = largest([one.formula for one in steps])
        for place in range(self._first, min(self._first + shown, len(steps))):
            self._line(page, place, steps[place], scale)
        hidden = lines_words(min(shown, len(steps)), self._first, len(steps), "steps")
        page.add((hidden, "caution"))
        page.below(foot)

    def _line(self, page: Page, place: int, one: Influential, scale: float) -> None:
        here = place == self._at
        mark: Ink = "pointed" if here else "text"
        done = "" if one.replayed is None else plus(one.replayed, 4)
        bar = 12 if page.width >= 70 else 0
        line: Line = [
            ("▸ " if here else "  ", mark),
            (f"{one.step:<{STEP},}", mark),
            (f"{plus(one.formula, 4):>{FIGURE}}", mark),
            (f"{done:>{FIGURE}}  ", "strong" if not here else mark),
        ]
        room = page.width - 4 - STEP - 2 * FIGURE - bar - 1
        line.append((fit(_documents(one.texts), max(4, room)), mark))
        if bar:
            ink: Ink = "plus" if one.formula > 0 else "minus"
            line += [(" ", "text"), *page.bar(abs(one.formula) / scale, bar, ink)]
        page.add(*line, what=("step", place, 0))

    # ------------------------------------------------------------ keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("accept", "move"):
            return bool(self.steps)
        return super().check_action(action, parameters)

    def action_move(self, by: int) -> None:
        self._at = min(max(self._at + by, 0), max(0, len(self.steps) - 1))
        self.draw()

    @override
    def accept(self) -> None:
        if self.steps:
            self.dismiss(self.steps[min(self._at, len(self.steps) - 1)].step)

    @on(Sheet.Pressed)
    def _pressed(self, event: Sheet.Pressed) -> None:
        event.stop()
        again, self._at = self._at == event.what[1], event.what[1]
        self.accept() if again else self.draw()


def _documents(texts: Iterable[str]) -> str:
    """The documents of a step, on one line."""
    return " + ".join(visible(text, spaces=True) or "∅" for text in texts)


def _difference(page: Page, label: str, one: Difference) -> None:
    """What is added to a loss, and whether that is more than noise."""
    error = "" if one.error is None else f" ± {num(one.error, 4)}"
    line: Line = [
        (fit(label, 12), "muted"),
        (f"{num(one.before, 4)} → {num(one.after, 4)} nats, ", "muted"),
        (f"{plus(one.delta, 4)}{error}", "strong"),
    ]
    if one.within_noise:
        line.append((", within the noise", "faint"))
    if one.documents > 1:
        line.append((f" on {many(one.documents, 'text')}", "muted"))
    while len(line) > 3 and sum(len(text) for text, _ in line) > page.width:
        line.pop()
    page.add(*line)


def _agreement(found: Influences) -> str:
    """How far the formula is from what the replays found."""
    done = [one for one in found.most if one.replayed is not None]
    same = sum((one.replayed or 0.0) * one.formula > 0 for one in done)
    words = f"Of the {len(done):,} that were replayed, {same:,} have the sign of the formula"
    if math.isfinite(found.correlation):
        words += f"; the ranks correlate by {found.correlation:+.2f} (Spearman)"
    return f"{words}."
