"""A learner who goes through a lesson in a real terminal, with keys alone.

The learner knows nothing of the lesson but its tasks, as keys: it answers each question wrongly as
often as that is possible, is shown the answer, goes back, and then answers rightly.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial

from tests.e2e.terminal import Terminal

TITLE = re.compile(r"^━ (.+) · (\d+) of (\d+) · 0 goes here and back ━", re.M)
GO_ON = re.compile(r"enter (go on|the next lesson)")
ASKED = "enter that is my answer"
STEP = re.compile(r"step ([0-9,]+)/")
Keys = Sequence[str | int]
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
            screen = self.terminal.wait_for(partial(self._ready, seen), SLOW)
            seen, last = at(screen)
            self.screens.append(screen)
            self._step(seen)
            screen = self.terminal.wait_for(GO_ON, SLOW)
            self.press("Enter")
        self.terminal.wait_for("The lesson is over")

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
            if isinstance(key, int):
                self.terminal.wait_for(lambda screen, to=key: step_of(screen) >= to, SLOW)  # type: ignore[misc]
            elif key == "~":
                self.terminal.wait_for(lambda screen: "◌" not in screen, SLOW)
            else:
                self.press(_TMUX.get(key, key))
                self.terminal.settle()

    # ------------------------------------------------------------ questions

    def _answer(self, index: int) -> None:
        """Answer wrongly until the answer is shown, and then rightly."""
        kind = self._kind()
        if kind == "choose":
            self._choose(index)
            return
        for attempt in range(4):
            self._give(kind, attempt)
            if self._judged(index):
                break
            self.wrong.append(index)
            if VERDICT.search(self.terminal.screen):
                break  # what the run itself has shown is judged once
            if attempt >= 2:
                self.press("?")
                break
        truth = self._truth()
        if index in self.right or kind == "curve":
            return
        self._back_to(index)
        self._give_truth(kind, truth)
        assert self._judged(index), f"step {index}: {truth} was not taken\n{self.terminal.screen}"

    def _back_to(self, index: int) -> None:
        """Go back a step, whatever it is, and to this question again."""
        self.press("BSpace")
        self.terminal.wait_for(lambda screen: at(screen)[0] == index - 1, SLOW)
        self.terminal.wait_for(
            lambda screen: ASKED in screen or "To do." in screen or GO_ON.search(screen), SLOW
        )
        before = self.terminal.screen
        if ASKED in before:
            self._answer(index - 1)
        elif "To do." in before:
            self._do(self.keys[index - 1])
        self.terminal.wait_for(GO_ON, SLOW)
        self.press("Enter")
        self.terminal.wait_for(lambda screen: at(screen)[0] == index and ASKED in screen, SLOW)

    def _kind(self) -> str:
        screen = self.terminal.screen
        for kind, sign in (("choose", " choose"), ("number", "type a number"), ("curve", "draw")):
            if sign in _keys_line(screen):
                return kind
        return "cell"

    def _choose(self, index: int) -> None:
        """Take the choices from the last one on: the wrong ones are struck out. What the run itself
        shows is judged once: then the right choice is taken when the question comes again."""
        found = re.search(r"1-(\d) choose", self.terminal.screen)
        assert found is not None
        for choice in range(int(found.group(1)), 0, -1):
            if self._chosen(index, choice):
                return
            screen = self.terminal.screen
            if VERDICT.search(screen):
                right = re.search(r"✓ (\d) ", screen)
                assert right is not None, screen
                self._back_to(index)
                assert self._chosen(index, int(right.group(1))), self.terminal.screen
                return

    def _chosen(self, index: int, choice: int) -> bool:
        """Take a choice; True if it is right."""
        self.press(str(choice), "Enter")
        self._be_sure()
        self._wait_until_taken(f"▸ {choice} ")
        right = self._judged(index)
        if not right:
            self.wrong.append(index)
        return right

    def _give(self, kind: str, attempt: int) -> None:
        """Give an answer that is most likely wrong."""
        typed = ""
        if kind == "number":
            typed = ("987654", "-987654", "123456.5")[attempt % 3]
            self.terminal.type(typed)
        elif kind == "curve":
            places = len(re.findall(r"┊", self.terminal.screen)) and self._places()
            for place in range(places):
                self.press("Up")
                if place < places - 1:
                    self.press("Right")
        else:
            self.press(("Right", "Down", "Right")[attempt % 3])
            self.terminal.settle()
        self.press("Enter")
        self._be_sure()
        self._wait_until_taken(typed)

    def _wait_until_taken(self, answer: str) -> None:
        """Wait until an answer is judged, or kept for later: what was said to the one before is on
        the screen until then."""
        if answer:
            self.terminal.wait_for(
                lambda screen: (
                    answer not in screen
                    or VERDICT.search(screen)
                    or "Your answer is kept" in screen
                ),
                SLOW,
            )
        else:
            self.terminal.settle()

    def _places(self) -> int:
        """How many places a curve has: the dots and the cursor of one line of it."""
        lines = [line for line in self.terminal.screen.splitlines() if "┊" in line]
        return lines[0].count("┊") + lines[0].count(" · ")

    def _give_truth(self, kind: str, truth: str) -> None:
        if kind == "number":
            self.terminal.type(truth.replace(",", "").split()[0])
        else:
            self._point_at(truth)
        self.press("Enter")
        self._be_sure()

    def _point_at(self, truth: str) -> None:
        """Point at a cell by its labels, line by line."""
        truth = truth.partition(" (and ")[0]
        self.press("Right", "Left")
        for down in range(40):
            for right in range(40):
                if truth in self.terminal.screen.splitlines()[-4:][0] or any(
                    line.strip() == truth for line in self.terminal.screen.splitlines()
                ):
                    return
                before = self.terminal.screen
                self.press("Right" if down % 2 == 0 else "Left")
                self.terminal.settle()
                if self.terminal.screen == before:
                    break
                assert right < 39
            self.press("Down")
            self.terminal.settle()
        raise AssertionError(f"there is no cell {truth}")

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
            screen = self.terminal.wait_for(VERDICT, SLOW)
        verdict = VERDICT.search(screen)
        if verdict is not None and verdict.group(0).strip().startswith("✓"):
            self.right.append(index)
            return True
        return False

    def _truth(self) -> str:
        screen = self.terminal.wait_for(VERDICT, SLOW)
        words = " ".join(screen[VERDICT.search(screen).start() :].split())  # type: ignore[union-attr]
        found = re.search(r"(?:it is|The answer is|Exactly:) (.+?)\.(?: |$)", words)
        return found.group(1) if found else ""


VERDICT = re.compile(r"^ (✓ Right|✗ You said|The answer is|[✓✗] Yours is)", re.M)
REFUSED = re.compile(r"^ (No\.|Too high\.|Too low\.)", re.M)
_TMUX = {
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


def _keys_line(screen: str) -> str:
    return next((line for line in screen.splitlines() if ASKED in line), "")
