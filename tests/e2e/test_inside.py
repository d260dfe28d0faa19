"""The microscope in a real terminal: every view, every text, back in time and forward again."""

from __future__ import annotations

import re

import pytest

from tests.e2e.conftest import Launch
from tests.e2e.terminal import Terminal

pytestmark = pytest.mark.e2e
SIZES = [(120, 40), (80, 24)]
SHOWS = {  # what each view shows that no other one does
    "1": "embeddings", "2": "head 0", "3": "embedding", "4": "sum", "5": "neuron",
    "6": "self.config.head_dim", "7": "Σ", "8": "gradient check",
}  # fmt: skip


def given(screen: str) -> str:
    """The line of the probabilities that the tokens of the text were given."""
    found = re.search(r"^ given +([ .\d]+)$", screen, re.M)
    assert found is not None, screen
    return found.group(1)


def chosen(screen: str) -> str:
    """The line of view 7 that the cursor is in."""
    return next((line for line in screen.split("\n") if line.startswith(" ›")), "")


def fold(line: str) -> str:
    return line.replace("▾", "▸")


def opened(terminal: Terminal, text: str = "") -> str:
    terminal.press("i")
    return terminal.wait_for(lambda screen: "look inside" in screen and " given " in screen
                             and text in screen)  # fmt: skip


def test_a_trained_model_is_looked_into_at_any_step(launch: Launch) -> None:
    terminal = launch("--steps", "200", "--seed", "5", size=SIZES[0])
    terminal.wait_for("step 0/")
    terminal.press("+", "Space")
    terminal.wait_for("✓ finished", 30)
    opened(terminal)

    for size in SIZES:
        terminal.resize(*size)
        for key, shown in SHOWS.items():
            terminal.press(key)
            screen = terminal.wait_for(lambda screen, shown=shown, key=key: shown in screen
                                       and f"‹{key}" in screen)  # fmt: skip
            assert all(len(line) <= size[0] for line in screen.split("\n"))
            terminal.press("Down", "Left", "x", "9", "F5")  # two that move, three mean nothing
            terminal.wait_for(f"‹{key}")
    terminal.press("2")
    terminal.wait_for(lambda screen: "‹2" in screen and "head 3" in screen)
    terminal.press("z")
    terminal.wait_for(lambda screen: "head 3" not in screen)
    terminal.press("z")
    terminal.wait_for("head 3")

    # A text of one's own, and texts that cannot be read.
    for text, said in [
        ("emmanuella", "emmanuella"), ("émile", "does not know"), ("ab" * 12, "context is 16"),
        ("", "reads"),
    ]:  # fmt: skip
        terminal.press("/")
        terminal.press("C-u")
        terminal.type(text)
        terminal.press("Enter")
        terminal.wait_for(said)

    # Other numbers at an earlier step, and the same ones again.
    terminal.press("/", "C-u")
    terminal.type("anna")
    terminal.press("Enter")
    late = given(terminal.wait_for(re.compile(r"step 200/.*anna")))
    terminal.press("q")
    terminal.wait_for("✓ finished")
    terminal.press("Home")
    terminal.wait_for("step 0/")
    terminal.press(*["s"] * 50)
    terminal.wait_for("step 50/")
    opened(terminal, "anna")
    early = given(terminal.wait_for(re.compile(r"step 50/.*anna")))
    assert early != late
    terminal.press("q")
    terminal.wait_for("step 50/")
    terminal.press("End")
    terminal.wait_for("✓ finished")
    opened(terminal, "anna")
    assert given(terminal.wait_for(re.compile(r"step 200/.*anna"))) == late

    # From the loss down to a weight on keys alone, to its place in its matrix, and back.
    terminal.resize(*SIZES[0])
    terminal.press("7")
    terminal.wait_for("loss")
    for _ in range(60):  # down the first child, until a weight of a matrix is reached
        line = chosen(terminal.screen)
        if re.search(r" weight ", line):
            break
        if "constant" not in line:
            terminal.press("Enter")
            terminal.wait_for(lambda screen: "▾" in chosen(screen))
        terminal.press("Down")
        terminal.wait_for(
            lambda screen, line=line: chosen(screen).replace("▸", "▾") != line.replace("▸", "▾")
        )
    assert re.search(r" weight ", chosen(terminal.screen)), terminal.screen
    terminal.press("Enter")
    terminal.wait_for("3 Parameters")  # the weight, where it lies in its matrix
    opened(terminal)
    terminal.wait_for("‹7")
    # The last step taken apart, down to that weight; not of a text that it did not learn from.
    terminal.press("8")
    terminal.wait_for("Press d to return")
    terminal.press("7")
    terminal.wait_for(lambda screen: "‹7" in screen and " weight " in chosen(screen))
    terminal.press("u")  # the weight, below the products that it is a factor of
    terminal.wait_for(lambda screen: "‹7" in screen and "↖ ×" in screen
                      and " weight " in chosen(screen))  # fmt: skip
    terminal.press("8")
    terminal.wait_for("Press d to return")
    terminal.press("d")
    terminal.wait_for("step 200 learnt from the text above")
    terminal.wait_for(re.compile(r"moved by.*together", re.S))
    terminal.press("Escape")
    terminal.wait_for("held out, most better")
    terminal.press("C-c")
    assert terminal.wait_for_exit() == 0
    assert terminal.errors == ""
