"""A learner who goes through a lesson in a real terminal, with keys alone.

The learner does each task by its keys, answers each question wrongly, and then rightly: the right
answers come from a twin of the run in this process. Where the run is to show the answer, only one
can be given, and it is the right one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from playground.lab.protocol.lessons import Given, GuideStep
from playground.tui.control.tour import LEVELS, TRIES
from playground.tui.widgets.text import visible
from tests.e2e.terminal import Terminal
from tests.hooks.lessons.twin import Twin

TITLE = re.compile(r"^━ .+ · (\d+) of (\d+) · 0 ", re.M)
GO_ON = re.compile(r"enter (go on|the next lesson)")
VERDICT = re.compile(r"^ (✓ Right|✗ You said|The answer is|[✓✗] Yours is)", re.M)
STEP = re.compile(r"step ([0-9,]+)/")
ELSEWHERE = "0 gives the keys to the lesson"
KEPT = "Your answer is kept"
SLOW = 15
"""Seconds that a task may take, on an idle machine."""
Keys = Sequence[str | int]
Seen = Callable[[str], object]


class Learner:
    """Goes through the lesson that is open in a terminal."""

    def __init__(self, terminal: Terminal, twin: Twin) -> None:
        self.terminal = terminal
        self.twin = twin
        self.questions = 0
        self.wrong = 0
        """Wrong answers that were refused."""
        self.right = 0
        """Right answers that were judged right when they were first given."""
        self.screens: dict[str, str] = {}
        """Each step as it was when it was first seen whole, and each verdict."""

    def go_through(self) -> None:
        """Go through the lesson to its end. Raises AssertionError with the screen."""
        for index in range(self.twin.length):
            screen = self._see(
                lambda screen, at=index: place_of(screen) == at and step_of(screen) >= 0
            )  # type: ignore[misc]
            shown = self.twin.come_to(index, step_of(screen))
            self.screens[f"{index:02}"] = self._see(
                lambda screen, shown=shown: _says(screen, shown)
            )  # type: ignore[misc]
            if shown.kind == "do":
                self._do(index)
            elif shown.kind != "tell":
                self._answer(index, shown)
            self._see(lambda screen: GO_ON.search(screen) and _stands(screen))
            self._press("Enter")
        self.screens["over"] = self._see(lambda screen: "The lesson is over" in screen)

    def _see(self, what: Seen) -> str:
        """Wait for something on the screen, and for the lesson to have the keys."""
        screen = self.terminal.wait_for(
            lambda screen: what(screen) or (ELSEWHERE in screen and _known(screen)), SLOW
        )
        if not what(screen):
            self._press("0")
            screen = self.terminal.wait_for(what, SLOW)
        return screen

    def _press(self, *keys: str) -> None:
        self.terminal.press(*keys)

    # ------------------------------------------------------------ tasks

    def _do(self, index: int) -> None:
        self._work(self.twin.keys[index])
        self._see(lambda screen: "✓ Done." in screen and GO_ON.search(screen))
        self.twin.act()

    def _work(self, keys: Keys) -> None:
        """Press the keys of a task; the program hears each once the one before has taken effect."""
        if keys[0] == "i" and "look inside" in self.terminal.screen:
            keys = keys[1:]  # the microscope is open already, and i would close it
        waiting: list[str] = []
        before = self.terminal.screen
        for key in [*keys, 0]:
            if isinstance(key, str) and key not in ("~", "✓", "⟲", "escape"):
                waiting.append(self.twin.letter if key == "letter" else _TMUX.get(key, key))
                continue
            if waiting:
                before = self.terminal.screen
                self._press(*waiting)
                waiting = []
            if key == "~":
                self.terminal.wait_for(lambda screen, old=before: screen != old, SLOW)  # type: ignore[misc]
                self.terminal.wait_for(_rests, SLOW)
                while not _rests(self.terminal.settle(0.3)):
                    self.terminal.wait_for(_rests, SLOW)
            elif key == "⟲":
                self.terminal.wait_for(lambda screen: step_of(screen) == 0, SLOW)
            elif key == "✓":
                self.terminal.wait_for("✓ Done.", SLOW)
            elif key == "escape":  # a key that follows at once would be alt and that key
                before = self.terminal.settle(0.2)
                self._press("Escape")
                self.terminal.wait_for(lambda screen, old=before: screen != old, SLOW)  # type: ignore[misc]
            elif key:
                self.terminal.wait_for(lambda screen, to=key: step_of(screen) >= to, SLOW)  # type: ignore[misc]

    # ------------------------------------------------------------ questions

    def _answer(self, index: int, shown: GuideStep) -> None:
        """Answer wrongly as long as that can be told, and then rightly."""
        truth = self.twin.truth()
        self.questions += 1
        wrong = [] if shown.waits else self.twin.wrong(shown, truth)
        sure = False
        for number, (answer, off) in enumerate(wrong):
            self._give(shown, answer)
            if not sure:
                self._be_sure()
                sure = True
            self.terminal.wait_for(_refused(shown, answer, off, TRIES - 1 - number), SLOW)
            self.wrong += 1
        self._give(shown, truth)
        if not sure:
            self._be_sure()
        screen = self.terminal.wait_for(
            lambda screen: VERDICT.search(screen) or KEPT in screen, SLOW
        )
        if KEPT in screen:
            self._work(self.twin.keys[index])
            screen = self._see(VERDICT.search)
        verdict = VERDICT.search(screen)
        assert verdict is not None and verdict.group(1).startswith("✓"), (
            f"{truth} is not right\n{screen}"
        )
        self.right += 1
        judged = self.twin.take(truth)
        assert judged.right
        if not shown.waits:
            screen = self._see(lambda screen: _has(screen, judged.why))
        self.screens[f"{index:02}-judged"] = screen

    def _be_sure(self) -> None:
        """Say how sure the learner is, which is asked once for each question."""
        self.terminal.wait_for("How sure are you?", SLOW)
        self._press("2")

    def _give(self, shown: GuideStep, answer: Given) -> None:
        if shown.kind == "choose":
            assert isinstance(answer, int)
            self._press(str(answer + 1))
        elif shown.kind == "number":
            assert isinstance(answer, int | float)
            self.terminal.type(f"{answer:.6g}")
        elif shown.kind == "cell":
            assert isinstance(answer, tuple)
            self._point(int(answer[0]), int(answer[1]))
        else:
            assert isinstance(answer, tuple)
            self._draw(shown, answer)
        self._press("Enter")

    def _point(self, row: int, column: int) -> None:
        """Point at a cell, from the first one on, to which enough keys lead from anywhere."""
        far = 41
        self._press(*["Up"] * far, *["Left"] * far, *["Down"] * row, *["Right"] * column)

    def _draw(self, shown: GuideStep, curve: Sequence[float]) -> None:
        """Draw the curve in the levels that there are: the first key at a place begins in the
        middle, and later beside the place before."""
        each = (shown.high - shown.low) / LEVELS
        at = LEVELS // 2
        for place, value in enumerate(curve):
            to = round((value - shown.low) / each)
            keys = ["Up" if to > at else "Down"] * abs(to - at)
            if place == 0:
                keys = ["Up", *keys]
            self._press(*(keys or ["Up", "Down"]), "Right")
            at = to


def _refused(shown: GuideStep, answer: Given, off: str, left: int) -> Seen:
    """Whether the screen refuses this wrong answer. left: how many more wrong ones there must be
    before the right one is shown."""
    if shown.kind == "choose":
        assert isinstance(answer, int)
        return lambda screen: f"✗ {answer + 1} " in _guide(screen)
    if shown.kind == "number":
        return lambda screen: f"Too {off}." in screen
    said = f"After {left} more" if left > 0 else "? show me"
    return lambda screen: said in _plain(_guide(screen))


_TMUX = {
    "full_stop": ".", "comma": ",", "minus": "-",
    "enter": "Enter", "space": "Space", "plus": "+", "slash": "/",
    "right_square_bracket": "]", "left_square_bracket": "[", "left": "Left", "right": "Right",
    "up": "Up", "down": "Down", "end": "End", "home": "Home", "tab": "Tab",
}  # fmt: skip


def _guide(screen: str) -> str:
    """What the guide says."""
    title = TITLE.search(screen)
    return screen[title.end() :] if title else ""


def _plain(text: str) -> str:
    return " ".join(text.split())


def _has(screen: str, words: str) -> bool:
    """True if the guide says all of this, however it is wrapped."""
    return "".join(visible(words).split()) in "".join(_guide(screen).split())


def _says(screen: str, shown: GuideStep) -> bool:
    """True if the guide says all of this step."""
    return place_of(screen) == shown.place.index and all(
        _has(screen, words) for words in (shown.text, *shown.choices)
    )


def _known(screen: str) -> bool:
    """True if the task is done, or the answer judged."""
    return "✓ Done." in screen or VERDICT.search(screen) is not None


def _rests(screen: str) -> bool:
    """True if a sheet is open, and nothing under way in it."""
    return "esc close" in screen and "◌" not in screen


def _stands(screen: str) -> bool:
    """True if the run trains no more, so that what the next step asks about is on screen."""
    return "▶" not in "".join(screen.splitlines()[:2])


def place_of(screen: str) -> int:
    """The step of the lesson on screen, counted from 0; -1 if there is none."""
    title = TITLE.search(screen)
    return int(title.group(1)) - 1 if title else -1


def step_of(screen: str) -> int:
    """Training steps done; -1 if they are not on screen."""
    found = STEP.search(screen)
    return int(found.group(1).replace(",", "")) if found else -1
