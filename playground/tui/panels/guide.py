"""The guide: what the present step of a lesson says, and the learner's answer, below the panels.

The guide draws the tour, and hands it the keys that belong to a lesson; every other key passes to
the screen. It lies on the main screen and on the microscope alike, and covers neither.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from textual import events
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

import microgpt
from playground.lab.protocol.lessons import Given, GuideStep, Judged
from playground.lab.store.journal import SURE
from playground.tui.control.sums import SIGNS, goes_on, is_a_sum
from playground.tui.control.tasks import BackgroundTasks
from playground.tui.control.tour import TRIES, Tour
from playground.tui.panels.focus_keys import is_typed_into
from playground.tui.widgets.ahead import BOTH, CAME, MINE, ahead
from playground.tui.widgets.sheet import Hit, Ink, Line, Sheet
from playground.tui.widgets.text import visible
from playground.widths import cell_len, fit, wrap

SIGN = "▸"
WHOLE = 9
"""Lines that the longest text of a lesson takes on 80 columns."""
CURVE, TABLE = 7, 8
"""Lines of a curve that is drawn ahead, its places included; rows of a table."""
TIGHTEST = WHOLE + TABLE
"""By how many lines each part may be shorter than it would be."""
LEAST, SHARED = 11, 2
"""Lines that the guide may have where the screen is that high; more lines that what lies above it
has once the guide has LEAST."""
NUMBER_KEYS = frozenset("0123456789.,-+_(")
"""What a number or a sum may begin with; SIGNS may stand in it too."""
SUMS = "a number, or a sum: 2/3, ln 5, e^-2"
_SENTENCE = re.compile(r"(?<=[.?!]) ")
TITLE = 38
"""Columns of what is said after the title of a lesson."""

Where = Literal["main", "inside"]
AROUND: Mapping[Where, int] = {"main": 6, "inside": 11}
"""Lines of a screen that are not the guide's in any case, its border among them."""
Heard = Literal["here", "field", "elsewhere"]
"""Who has the keys: the guide, a field that takes each of them as text, or another widget."""


class Guide(Sheet, can_focus=True):
    """A strip of lines, as high as what it says."""

    DEFAULT_CSS = """
    Guide {
        height: auto; padding: 0 1; background: $background;
        border-top: heavy $border-blurred;
        border-title-color: $foreground; border-subtitle-color: $text-muted;
        &:focus { border-top: heavy $primary; border-title-color: $text-primary; }
    }
    """

    class Left(Message):
        """The learner leaves the lesson that is over, or chooses another one."""

    class Grown(Message):
        """The guide has another height, and what lies above it another room."""

    def __init__(self, tour: Tour, tasks: BackgroundTasks, where: Where) -> None:
        super().__init__(id="guide")
        self._tour = tour
        self._tasks = tasks
        self._where = where
        self._drawn_for: object = None
        """What `_tight` was found for."""
        self._tight = 0
        """See _Drawing."""
        self._told: Heard = "here"
        """Who has the keys, as it was drawn last."""

    def on_mount(self) -> None:
        self.draw()
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self._listen())

    # Textual says that the focus comes or goes before it has done so.

    def on_focus(self) -> None:
        self.call_later(self.draw)

    def on_blur(self) -> None:
        self.call_later(self.draw)

    def _listen(self) -> None:
        """Draw anew once the focus has moved into a field or out of one."""
        if self._heard != self._told:
            self.draw()

    @property
    def _heard(self) -> Heard:
        """Who has the keys."""
        if self.has_focus:
            return "here"
        return "field" if is_typed_into(self.screen.focused) else "elsewhere"

    def on_resize(self) -> None:
        self.call_after_refresh(self.draw)
        self.post_message(self.Grown())

    # ------------------------------------------------------------ drawing

    def draw(self) -> None:
        """Draw the tour as it stands."""
        tour, width = self._tour, max(20, self.size.width or self.app.size.width - 2)
        self._told = self._heard
        height = self.screen.size.height
        height -= AROUND[self._where]
        room = max(min(LEAST, height), height - SHARED)
        drawn_for = (tour.step, tour.phase, width, room)
        if drawn_for != self._drawn_for:
            self._drawn_for, self._tight = drawn_for, 0
        while True:
            drawing = _Drawing(width, self._told, self._tight)
            getattr(self, f"_draw_{tour.phase}")(drawing)
            if len(drawing.lines) <= room or self._tight == TIGHTEST:
                break
            self._tight += 1
        self.border_title = Content(f" {drawing.title(tour)} ").markup
        self.border_subtitle = ""
        self.show(drawing.lines, drawing.hits)

    def _draw_none(self, to: _Drawing) -> None:
        to.say("Choose a lesson.")
        to.keys([("enter", "the list of lessons")])

    def _draw_opening(self, to: _Drawing) -> None:
        to.say("One moment: the lesson begins.", "muted")

    def _draw_read(self, to: _Drawing) -> None:
        self._text(to)
        to.keys([("enter", "go on"), *self._backwards()])

    def _draw_task(self, to: _Drawing) -> None:
        step = self._text(to)
        if step is None:
            return
        if step.done:
            to.keys([("enter", "go on"), *self._backwards()], before=("✓ Done.", "good"))
            return
        if self._tour.helped and step.help:
            to.say(visible(step.help), "muted", most=4)
        help_key = [("?", "which keys")] if step.help and not self._tour.helped else []
        to.keys([*help_key, *self._backwards()], before=("○ To do.", "caution"))

    def _draw_ask(self, to: _Drawing) -> None:
        tour, step = self._tour, self._text(to)
        if step is None:
            return
        if tour.hidden:
            to.keys([("enter", "show the choices" if step.choices else "take the answer")])
            return
        self._draw_answer(to, step, None)
        if tour.hint:
            left = TRIES - tour.tries
            more = (
                f"After {left} more {'try' if left == 1 else 'tries'} ? shows the answer."
                if tour.tries and left > 0
                else ""
            )
            to.say_both(visible(tour.hint), more, "caution", most=4)
        keys = {
            "choose": [(f"1-{len(step.choices)}", "choose")],
            "number": [("0-9", "type a number")],
            "cell": [("←→↑↓", "point at a cell")],
            "curve": [("←→", "a place"), ("↑↓", "draw")],
        }[step.kind]
        give_up = [("?", "show me")] if tour.tries >= TRIES else []
        to.keys([*keys, ("enter", "that is my answer"), *give_up, *self._backwards()])

    def _draw_sure(self, to: _Drawing) -> None:
        step = self._text(to)
        if step is not None:
            self._draw_answer(to, step, None)
        to.keys(
            [*((str(number), words) for number, words in SURE.items()), ("⌫", "change it")],
            before=("How sure are you?", "strong"),
        )

    def _draw_wait(self, to: _Drawing) -> None:
        step = self._text(to)
        if step is None:
            return
        self._draw_answer(to, step, None)
        to.say(visible(step.help) or "The run will show it.", most=4)
        to.keys(
            self._backwards(), before=("○ Your answer is kept. Let the run show it.", "caution")
        )

    def _draw_known(self, to: _Drawing) -> None:
        tour, judged = self._tour, self._tour.judged
        step = tour.step
        if step is None or judged is None:
            self._text(to)
            return
        to.say_end(visible(step.text), "strong", most=1 if step.kind == "curve" else 2)
        self._draw_answer(to, step, judged)
        to.say(self._verdict(step, judged), "good" if judged.right else "caution", most=2)
        to.say(visible(judged.why), most=WHOLE)
        after = "begin the lesson" if tour.testing and not judged.right else "go on"
        to.keys([("enter", after), *self._backwards()])

    def _draw_over(self, to: _Drawing) -> None:
        tour = self._tour
        card = tour.card
        record = tour.journal.of(card.name) if card else None
        first = [one.first_try for one in record.answers.values()] if record else []
        words = "The lesson is over."
        if record is not None and record.skipped and not record.finished:
            words = "The lesson is skipped: its hardest question was answered at the first try."
        elif first:
            words += f" {sum(first)} of {len(first)} questions were right at the first try."
        to.say(words, "strong")
        to.keys([("enter", "the next lesson, or another"), ("q", "leave the tour")])

    def _draw_broken(self, to: _Drawing) -> None:
        failure = self._tour.trouble
        if failure is not None:
            message = f"{failure.message.rstrip('.')}. {_line_of(failure.detail)}"
            to.say(visible(f"✗ {failure.title}. {message}"), "bad", most=WHOLE)
        to.say("Nothing else is harmed: the run and the other lessons are as they were.", "muted")
        to.keys([("enter", "choose another lesson"), ("q", "leave the tour")])

    def _text(self, to: _Drawing, most: int = WHOLE) -> GuideStep | None:
        step = self._tour.step
        if step is None:
            to.say("One moment …", "muted")
        else:
            to.say(visible(step.text), "text" if step.kind == "tell" else "strong", most=most)
        return step

    def _backwards(self) -> list[tuple[str, str]]:
        tour = self._tour
        typing = tour.phase == "ask" and (tour.typed or tour.erasing)
        return [("⌫", "back")] if tour.index and not tour.testing and not typing else []

    def _draw_answer(self, to: _Drawing, step: GuideStep, judged: Judged | None) -> None:
        """What can be answered, what is, and what is right once that is known."""
        tour = self._tour
        given = tour.given if judged is not None or tour.phase in ("sure", "wait") else None
        if step.kind == "choose":
            right = judged.choice if judged is not None else None
            chosen = given if isinstance(given, int) else tour.picked
            to.choices(step.choices, chosen, set(tour.struck), right)
        elif step.kind == "number":
            if judged is None:
                self._draw_number(to, step, given)
        elif step.kind == "cell":
            cells = judged.cells if judged is not None else ()
            to.table(step, tour.cell, cells)
        else:
            came = judged.curve if judged is not None else ()
            mine: Sequence[float | None] = given if isinstance(given, tuple) else tour.curve
            cursor_at = -1 if given is not None else tour.column
            height = max(4, CURVE - to.tight)
            for line in ahead(
                step.xs, mine, came, step.low, step.high, cursor_at, to.width, height
            ):
                to.line(line)
            if judged is None and given is None and mine[tour.column : tour.column + 1]:
                to.told = _drawn(step, mine, tour.column)

    def _draw_number(self, to: _Drawing, step: GuideStep, given: Given | None) -> None:
        """The field, what a sum in it makes, and the numbers that were too high or too low."""
        tour = self._tour
        typed = tour.typed if given is None else self._said
        line: Line = [("  ", "text"), (visible(typed), "pointed"),
                      (" ", "cursor" if given is None else "text")]  # fmt: skip
        if step.unit:
            line.append((f" {_cut(visible(step.unit), to.width // 3)}", "muted"))
        if given is None and tour.value is not None:
            line.append((f"  = {_figure(tour.value)}", "text"))
        room = to.width - sum(cell_len(text) for text, _ in line)
        tried = [f"   ✗ {visible(said)} too {off}" for said, off in tour.refused]
        while tried and sum(map(cell_len, tried)) > room:
            tried.pop(0)
        if tried:
            line += [(text, "faint") for text in tried]
        elif given is None and not tour.typed and cell_len(SUMS) + 3 <= room:
            line.append((f"   {SUMS}", "faint"))
        to.line(line)

    @property
    def _said(self) -> str:
        """The number that was answered, as it was typed."""
        given = self._tour.given
        if self._tour.said or not isinstance(given, int | float):
            return self._tour.said
        return f"{given:.15g}"

    def _verdict(self, step: GuideStep, judged: Judged) -> str:
        given, truth = self._tour.given, visible(judged.truth)
        if given is None:
            return f"The answer is {truth}."
        if step.kind == "curve":
            unit = visible(step.unit)
            return (
                f"{'✓' if judged.right else '✗'} Yours is {judged.distance or 0:.3g} {unit} away "
                f"on average: {MINE} yours, {CAME} the run's, {BOTH} both."
            )
        said = ""
        if isinstance(given, tuple) and step.kind == "cell":
            row, column = int(given[0]), int(given[1])
            said = f"{visible(step.rows[row])}, {visible(step.columns[column])}"
        elif isinstance(given, int) and step.choices:
            said = visible(step.choices[given])
        elif isinstance(given, int | float):
            said = self._said
            said += f" = {_figure(given)}" if is_a_sum(said) else ""
        if judged.right:
            same = step.kind != "number" or truth.split()[:1] == said.split()[-1:]
            exact = "" if same else f" Exactly: {truth}."
            return f"✓ Right: {said}.{exact}"
        if step.kind == "choose":  # the choices may be whole sentences
            return f"✗ You said: {said}. The answer is: {truth}."
        return f"✗ You said {said}; it is {truth}."

    # ------------------------------------------------------------ keys and mouse

    def on_key(self, event: events.Key) -> None:
        if self.press(event.key, event.character):
            event.stop()
            event.prevent_default()

    def press(self, key: str, character: str | None = None) -> bool:
        """Do what a key means to the lesson; False if it means nothing to it now."""
        work = self._work(key, character or "")
        if work is None:
            return False
        done = work()
        if done is not None:
            self._tasks.do(done)
        return True

    def _work(
        self, key: str, character: str
    ) -> Callable[[], Coroutine[Any, Any, None] | None] | None:
        tour = self._tour
        step, phase = tour.step, tour.phase
        if phase in ("none", "over", "broken"):
            return (lambda: _none(self.post_message(self.Left()))) if key == "enter" else None
        if step is None:
            return None
        if key == "backspace" and phase == "ask" and (tour.typed or tour.erasing):
            return lambda: tour.erase()
        if key == "backspace" and phase == "sure":
            return lambda: tour.change()
        if key == "backspace" and not (phase == "task" and self._where == "inside"):
            return (lambda: _none(tour.back())) if self._backwards() else None
        if phase in ("read", "known") or (phase == "task" and step.done):
            return (lambda: tour.forward()) if key == "enter" else None
        if phase == "task":
            asks = key == "question_mark" and step.help and not tour.helped
            return (lambda: tour.help()) if asks else None
        if phase == "sure":
            if key in ("1", "2", "3"):
                return lambda: tour.be_sure(int(key))
            # Another digit is a slip, and not meant for the panel of that number.
            return (lambda: None) if key.isdigit() else None
        return self._answering(key, character, step) if phase == "ask" else None

    def _answering(
        self, key: str, character: str, step: GuideStep
    ) -> Callable[[], Coroutine[Any, Any, None] | None] | None:
        tour = self._tour
        if tour.hidden:
            return (lambda: tour.show_choices()) if key == "enter" else None
        if key == "enter":
            return lambda: tour.confirm()
        if key == "question_mark" and tour.tries >= TRIES:
            return lambda: tour.show()
        moves = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
        if key in moves and step.kind != "number":
            right, down = moves[key]
            return lambda: tour.point(right, down)
        if step.kind == "choose" and key.isdigit() and key != "0":
            return lambda: tour.pick(int(key) - 1)
        if step.kind == "number" and self._is_typed(character):
            return lambda: tour.type(character)
        return None

    def _is_typed(self, character: str) -> bool:
        """True if a character goes on with the number or the sum that is typed."""
        typed = self._tour.typed
        return character != "" and (
            character in NUMBER_KEYS
            or (bool(typed) and character in SIGNS)
            or goes_on(typed, character)
        )

    @property
    def reckons(self) -> bool:
        """True if a sum can go on with any of SIGNS."""
        tour = self._tour
        asked = tour.phase == "ask" and tour.step is not None and tour.step.kind == "number"
        return asked and not tour.hidden and tour.typed != ""

    def on_sheet_pressed(self, event: Sheet.Pressed) -> None:
        event.stop()
        self.focus()
        name, first, second = event.what
        if name == "choice":
            self._tour.pick(first)
        elif name == "cell":
            self._tour.put(first, second)
        elif name == "key":
            self.press(_PRESSED[first])


_PRESSED = ("enter", "backspace", "question_mark", "1", "2", "3")
_KEY_OF = {"enter": 0, "⌫": 1, "?": 2, "1": 3, "2": 4, "3": 5}


_OURS = (str(Path(__file__).parents[2]), str(Path(microgpt.__file__ or "").parent))


def _line_of(trace: str) -> str:
    """ "Line 12.": the innermost line of the plugin's file in which a traceback begins; "" without
    a traceback, and for code of ours."""
    places = re.findall(r'^  File "(.*)", line (\d+)', trace, re.MULTILINE)
    own = [line for file, line in places if file == places[0][0]]
    return f"Line {own[-1]}." if own and not places[0][0].startswith(_OURS) else ""


def _none(_: object) -> None:
    """Nothing, whatever a call gave."""


def reckons(focused: Widget | None) -> bool:
    """True if the guide has the keys, and a slash divides in it."""
    return isinstance(focused, Guide) and focused.reckons


def _figure(value: float) -> str:
    """What a sum makes, in four significant digits."""
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def _drawn(step: GuideStep, mine: Sequence[float | None], column: int) -> str:
    """Where the cursor of a curve is, and what is drawn there."""
    value = mine[column]
    drawn = "nothing yet" if value is None else f"{value:.2f} {visible(step.unit)}"
    return f"{step.xs[column]:,.6g}: {drawn}"


class _Drawing:
    """Lines of the guide, `width` columns wide, and the places that can be clicked."""

    def __init__(self, width: int, heard: Heard, tight: int) -> None:
        """heard: who has the keys; if it is not the guide, it tells how it gets them. tight: by how
        many lines each part is shorter than it may be, so that all parts have room."""
        self.width, self.tight = width, tight
        self._heard = heard
        self.told = ""
        """What the line of keys begins with, if nothing else is said there."""
        self.lines: list[Line] = []
        self.hits: list[Hit] = []

    def title(self, tour: Tour) -> str:
        """Which lesson, and how far."""
        card = tour.card
        if card is None:
            return "The tour"
        name = _cut(visible(card.title), self.width - TITLE)
        if tour.testing:
            return f"{name} · its hardest question"
        at = "" if tour.phase in ("over", "broken") else f" · {tour.index + 1} of {len(card.steps)}"
        return f"{name}{at} · 0 to the panels and back"

    def line(self, pieces: Line) -> None:
        self.lines.append(pieces)

    def say(self, text: str, ink: Ink = "text", most: int = 6) -> None:
        """Words, wrapped to the width, in at most `most` lines."""
        most = max(1, most - self.tight)
        lines = wrap(text, self.width)
        if len(lines) > most:
            lines = [*lines[: most - 1], fit(" ".join(lines[most - 1 :]), self.width)]
        for one in lines:
            self.line([(one, ink)])

    def say_both(self, text: str, more: str, ink: Ink, most: int) -> None:
        """Words, and a sentence after them that is not broken over two lines."""
        last = wrap(text, self.width)[-1:]
        if more and last and cell_len(f"{last[0]} {more}") <= self.width:
            self.say(f"{text} {more}", ink, most)
            return
        self.say(text, ink, most - 1 if more else most)
        if more:
            self.say(more, ink, 1)

    def say_end(self, text: str, ink: Ink, most: int) -> None:
        """Words in at most `most` lines. The first sentences give way: the last one asks."""
        shown, sentences = text, _SENTENCE.split(text)
        while len(wrap(shown, self.width)) > most and len(sentences) > 1:
            del sentences[0]
            shown = "… " + " ".join(sentences)
        self.say(shown, ink, most)

    def keys(self, keys: Sequence[tuple[str, str]], before: tuple[str, Ink] | None = None) -> None:
        """A line of keys and what they do, which can be clicked; those at its end may have no
        room."""
        if self._heard == "field":
            keys = [("esc", "leaves the field; then 0 gives the keys to the lesson")]
        elif self._heard == "elsewhere":
            keys = [("0", "gives the keys to the lesson")]
        before = before or ((self.told, "pointed") if self.told else None)
        if before:  # it leaves room for the first key
            first = sum(map(cell_len, keys[0])) + 4 if keys else 0
            before = (_cut(before[0], max(8, self.width - first)), before[1])
        line: Line = [(f"{before[0]}  ", before[1])] if before else []
        x = cell_len(before[0]) + 2 if before else 0
        for key, words in keys:
            width = cell_len(key) + 1 + cell_len(words)
            if x and x + width > self.width:
                break
            if key in _KEY_OF:
                self.hits.append(Hit(len(self.lines), x, x + width, ("key", _KEY_OF[key], 0)))
            line += [(key, "pointed"), (f" {words}   ", "muted")]
            x += width + 3
        self.line(line)

    def choices(
        self, choices: Sequence[str], chosen: int | None, struck: set[int], right: int | None
    ) -> None:
        """The choices: side by side if they have room on one line, else one a line."""
        texts = [f"{number} {visible(text)}" for number, text in enumerate(choices, 1)]
        beside = sum(cell_len(text) + 5 for text in texts) <= self.width
        line: Line = []
        x = 0
        shown = range(len(texts))
        if not beside:  # what has no room moves with what is pointed at
            down = max(3, len(texts) - max(0, self.tight - WHOLE // 2))
            shown = _window(len(texts), down, chosen if right is None else right)
        for place in shown:
            text = texts[place]
            sign, ink = "  ", "text"
            if place == right:
                sign, ink = "✓ ", "good"
            elif place in struck or (right is not None and place == chosen):
                sign, ink = "✗ ", "faint"
            elif place == chosen:
                sign, ink = f"{SIGN} ", "pointed"
            text = _cut(text, self.width - 2)
            width = cell_len(text) + 2
            self.hits.append(Hit(len(self.lines), x, x + width, ("choice", place, 0)))
            line += [(sign, ink), (text, ink)]
            if beside:
                line.append(("   ", "text"))
                x += width + 3
            else:
                self.line(line)
                line = []
        if line:
            self.line(line)

    def table(
        self, step: GuideStep, chosen: tuple[int, int] | None, right: Sequence[tuple[int, int]]
    ) -> None:
        """The cells to point at; what has no room moves with the cursor."""
        row, column = chosen or (right[0] if right else (0, 0))
        widest = self.width // 4
        each = min(widest, max(3, max(cell_len(visible(one)) for one in step.columns) + 1))
        margin = min(widest, max(cell_len(visible(one)) for one in step.rows) + 1)
        across = max(1, (self.width - margin - 4) // each)
        shown = _window(len(step.columns), across, column)
        head: Line = [(" " * margin, "text")]
        for at in shown:
            name = fit(visible(step.columns[at]), each - 1, right=True)
            head.append((f" {name}", "pointed" if at == column and chosen else "muted"))
        self.line(head)
        for at_row in _window(len(step.rows), max(1, TABLE - self.tight), row):
            name = fit(visible(step.rows[at_row]), margin - 1, right=True)
            ink: Ink = "pointed" if chosen and at_row == row else "muted"
            line: Line = [(f"{name} ", ink)]
            self.hits.append(
                Hit(len(self.lines), margin, margin + each * len(shown),
                    ("cell", at_row, shown.start), each)
            )  # fmt: skip
            for at in shown:
                here = chosen == (at_row, at)
                true = (at_row, at) in right
                sign = "✓" if true else SIGN if here else "·"
                cell: Ink = "good" if true else "cursor" if here else "faint"
                line += [(" " * (each - 1), "text"), (sign, cell)]
            self.line(line)
        if chosen:
            self.say(
                f"{visible(step.row_name)} {visible(step.rows[row])}, "
                f"{visible(step.column_name)} {visible(step.columns[column])}",
                "pointed",
                most=2,
            )


def _cut(text: str, most: int) -> str:
    """The text in `most` columns at most."""
    return fit(text, min(cell_len(text), most))


def _window(count: int, shown: int, around: int | None) -> range:
    """The places that are shown where only `shown` of `count` have room."""
    start = min(max(0, (around or 0) - shown // 2), max(0, count - shown))
    return range(start, min(count, start + shown))
