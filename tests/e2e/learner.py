"""A learner who goes through a lesson in a real terminal, with keys alone.

The learner knows nothing of the lesson but its tasks, as keys: it answers each question wrongly as
often as that is possible, is shown the answer, goes back, and then answers rightly.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from tests.e2e.terminal import Terminal

TITLE = re.compile(r"^━ (.+) · (\d+) of (\d+) · 0 to the panels and back ━", re.M)
GO_ON = re.compile(r"enter (go on|the next lesson)")
ASKED = "enter that is my answer"
ELSEWHERE = "0 gives the keys to the lesson"
STEP = re.compile(r"step ([0-9,]+)/")
Keys = Sequence[str | int]
TRIES = 3
"""Wrong answers after which the right one is shown."""
FINE = 1e4
"""The inverse of the smallest number that an answer may be, about."""
SLOW = 60
"""Seconds that a task may take, on an idle machine."""


class Learner:
    """Goes through the lesson that is open in a terminal."""

    def __init__(self, terminal: Terminal, keys: Mapping[int, Keys]) -> None:
        self.terminal = terminal
        self.keys = keys
        self.right: list[int] = []
        """The steps whose question was answered rightly in the end."""
        self.wrong: list[int] = []
        """Those of which a wrong answer was refused."""
        self.screens: list[str] = []
        """Each step as it was when it was first seen whole."""

    def go_through(self) -> None:
        """Go through the lesson to its end."""
        seen, last = -1, 10**6
        while seen < last - 1:
            screen = self._see(partial(self._ready, seen))
            seen, last = at(screen)
            self.screens.append(screen)
            self._step(seen)
            self._see(GO_ON.search)
            self.press("Enter")
        self._see(lambda screen: "The lesson is over" in screen)

    def _see(self, what: Callable[[str], object]) -> str:
        """Wait for something on the screen; the lesson gets the keys if it has not got them."""
        screen = self.terminal.wait_for(lambda screen: what(screen) or ELSEWHERE in screen, SLOW)
        if ELSEWHERE in screen and not what(screen):
            self.press("0")
            screen = self.terminal.wait_for(what, SLOW)
        return screen

    def _ready(self, before: int, screen: str) -> bool:
        """True if another step is on screen, with all that it says."""
        title = TITLE.search(screen)
        whole = ASKED in screen or "To do." in screen or GO_ON.search(screen) is not None
        return title is not None and int(title.group(2)) - 1 > before and whole

    def press(self, *keys: str) -> None:
        self.terminal.press(*keys)

    def _step(self, index: int) -> None:
        screen = self.terminal.screen
        if ASKED in screen:
            self._answer(index)
        elif "To do." in screen:
            self._do(self.keys[index])

    # ------------------------------------------------------------ tasks

    def _do(self, keys: Keys) -> None:
        if "look inside" in self.terminal.screen and keys and keys[0] == "i":
            self.press("q")  # the microscope is open already, and i would close it
            self.terminal.wait_for(lambda screen: "look inside" not in screen, SLOW)
        for key in keys:
            if key == "0" and ELSEWHERE not in self.terminal.settle():
                continue  # the lesson has taken the keys back by itself
            if isinstance(key, int):
                self.terminal.wait_for(lambda screen, to=key: step_of(screen) >= to, SLOW)  # type: ignore[misc]
            elif key == "~":
                self.terminal.settle(1.5)
                self.terminal.wait_for(
                    lambda screen: "◌" not in screen and "so far" not in screen, SLOW
                )
            else:
                self.press(_TMUX.get(key, key))
                self.terminal.settle()

    # ------------------------------------------------------------ questions

    def _answer(self, index: int) -> None:
        """Answer wrongly as often as that is possible, and then rightly. What the run itself shows
        is judged once."""
        kind = self._kind()
        answers = {
            "choose": self._choices, "number": self._numbers, "cell": self._cells,
            "curve": self._curves,
        }[kind]()  # fmt: skip
        for attempt, point in enumerate(answers):
            point()
            self.press("Enter")
            self._be_sure()
            self._wait_until_taken(attempt)
            if self._judged(index):
                return
            self.wrong.append(index)
            if VERDICT.search(self.terminal.screen):
                return
        raise AssertionError(f"step {index} is never right\n{self.terminal.screen}")

    def _kind(self) -> str:
        keys = next(line for line in self.terminal.screen.splitlines() if ASKED in line)
        for kind, sign in (("choose", " choose"), ("number", "type a number"), ("curve", "draw")):
            if sign in keys:
                return kind
        return "cell"

    def _choices(self) -> Iterator[Callable[[], None]]:
        """From the last one on: the wrong ones are struck out."""
        found = re.search(r"1-(\d) choose", self.terminal.screen)
        assert found is not None
        for choice in range(int(found.group(1)), 0, -1):
            yield lambda choice=choice: self.press(str(choice))  # type: ignore[misc]

    def _numbers(self) -> Iterator[Callable[[], None]]:
        """Far too much, far too little, and then what lies between, closer and closer."""
        low, high = -987654.0, 987654.0
        for value in (high, low):
            yield lambda value=value: self._type(f"{value:.0f}")  # type: ignore[misc]
        for _ in range(60):
            middle = math.sinh((math.asinh(low * FINE) + math.asinh(high * FINE)) / 2) / FINE
            middle = round(middle) if high - low < 20_000 and abs(middle) > 30 else middle
            yield lambda middle=middle: self._type(f"{middle:.6g}")  # type: ignore[misc]
            if "Too high" in self.terminal.screen:
                high = middle
            else:
                low = middle

    def _type(self, text: str) -> None:
        self.terminal.type(text)
        self.terminal.wait_for(
            lambda screen: any(line.split()[:1] == [text] for line in screen.splitlines()), SLOW
        )

    def _cells(self) -> Iterator[Callable[[], None]]:
        """All of them, row by row."""
        yield lambda: self._press_and_settle("Right")
        yield lambda: self._press_and_settle("Left")
        way = "Right"
        for _ in range(1600):
            before = self.terminal.screen
            yield lambda way=way: self._press_and_settle(way)  # type: ignore[misc]
            if self.terminal.screen == before:
                way = "Left" if way == "Right" else "Right"
                yield lambda: self._press_and_settle("Down")

    def _press_and_settle(self, key: str) -> None:
        self.press(key)
        self.terminal.settle()

    def _curves(self) -> Iterator[Callable[[], None]]:
        """A line through the middle, as it is begun."""

        def draw() -> None:
            line = next(
                line
                for line in self.terminal.screen.splitlines()
                if "┊" in line and line.startswith("  ")
            )
            places = sum(line.partition("│")[2].count(sign) for sign in "┊·●")
            for place in range(places):
                self.press("Up")
                if place < places - 1:
                    self.press("Right")
            self.terminal.settle()

        yield draw

    def _wait_until_taken(self, attempt: int) -> None:
        """Wait until the answer is judged, or kept for later. attempt: how many wrong ones there
        were before, by which what is said to this one is told from what was said to them."""
        if attempt >= TRIES:
            self.terminal.settle()
            return
        said = f"After {TRIES - 1 - attempt} more" if attempt + 1 < TRIES else "? show me"
        self.terminal.wait_for(
            lambda screen: (
                said in screen or VERDICT.search(screen) or "Your answer is kept" in screen
            ),
            SLOW,
        )

    def _be_sure(self) -> None:
        """Say how sure the learner is, the first time that it is asked."""
        screen = self.terminal.wait_for(
            lambda screen: (
                "How sure are you?" in screen
                or "Your answer is kept" in screen
                or VERDICT.search(screen)
                or REFUSED.search(screen)
            ),
            SLOW,
        )
        if "How sure are you?" in screen:
            self.press("2")

    def _judged(self, index: int) -> bool:
        """True if the answer was right; does what lets it be judged first."""
        screen = self.terminal.wait_for(
            lambda screen: (
                VERDICT.search(screen) or REFUSED.search(screen) or "Your answer is kept" in screen
            ),
            SLOW,
        )
        if "Your answer is kept" in screen:
            self._do(self.keys[index])
            if not VERDICT.search(self.terminal.settle()):
                self.press("Space")  # the question was asked anew, further on
            screen = self.terminal.wait_for(VERDICT, SLOW)
        verdict = VERDICT.search(screen)
        if verdict is not None and verdict.group(0).strip().startswith("✓"):
            self.right.append(index)
            return True
        return False


VERDICT = re.compile(r"^ (✓ Right|✗ You said|The answer is|[✓✗] Yours is)", re.M)
REFUSED = re.compile(r"^ (No\.|Too high\.|Too low\.)", re.M)
_TMUX = {
    "full_stop": ".", "comma": ",", "minus": "-",
    "enter": "Enter", "escape": "Escape", "space": "Space", "plus": "+", "slash": "/",
    "right_square_bracket": "]", "left_square_bracket": "[", "left": "Left", "right": "Right",
    "up": "Up", "down": "Down", "end": "End", "home": "Home", "tab": "Tab",
}  # fmt: skip


def at(screen: str) -> tuple[int, int]:
    """(the step of the lesson on screen, counted from 0; how many there are)."""
    title = TITLE.search(screen)
    return (int(title.group(2)) - 1, int(title.group(3))) if title else (-1, 0)


def step_of(screen: str) -> int:
    """Training steps done."""
    found = STEP.search(screen)
    return int(found.group(1).replace(",", "")) if found else -1
