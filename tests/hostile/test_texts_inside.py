"""Texts that attack a terminal, in all that the microscope shows: none of it is obeyed.

The views and the two dialogs about the past are drawn without an app, on readings of small models
each of whose texts is hostile. What a page says goes to the terminal as it is.
"""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from typing_extensions import override

from playground.lab.inside.surgery import finished
from playground.lab.protocol import influence, inside, step
from playground.lab.protocol.commands import Influence
from playground.lab.protocol.failures import Failure, Progress
from playground.lab.protocol.inside import VIEWS, Inside
from playground.tui.screens.inside.influence import InfluenceScreen, WithoutScreen
from playground.tui.screens.inside.page import Page
from tests.hostile.messages import forgotten, hostile
from tests.hostile.texts import harm_in_a_command
from tests.tui.readings import session
from tests.tui.screens.inside.test_views import Bench, text_of


class HostileBench(Bench):
    """The views, of a microscope that attacks."""

    @property
    @override
    def inside(self) -> Inside:
        # The screen shows its trouble and its notices: test_texts_on_screen.py looks there.
        seen = replace(super().inside, trouble="It fails", notices=("It was cut",))
        return replace(hostile(seen), look=seen.look)  # what was asked for is the screen's own


PRESSED = {
    "flow": ["down", "down", "right"],
    "attention": ["n", "n", "enter"],
    "depth": ["t", "down"],
    "credit": ["t", "down", "n"],
    "neurons": ["down", "enter"],
    "lines": ["down", "down", "t"],
    "number": ["down", "enter", "down", "enter", "u"],
    "step": ["down", "enter", "full_stop"],
}
"""Keys that lead through each view."""


def is_harmless(words: str, where: object) -> None:
    """Nothing of it is obeyed, and an attack is in sight."""
    harm = harm_in_a_command(words.encode("utf-8", "surrogatepass"))
    assert not harm, f"{where}: {harm[:3]}"
    assert "\\x" in words, where


def dialogs() -> list[tuple[Any, Any]]:
    """The two dialogs about the past, each with what it is told."""
    controller: Any = SimpleNamespace(context=None, tasks=None)
    asked = Influence(None, 1, 3)
    return [
        (WithoutScreen(controller, 3), finished(session().replays.without(3))),
        (InfluenceScreen(controller, asked), finished(session().influence.tracing(asked))),
    ]


@pytest.mark.parametrize("size", [(80, 24), (200, 60)])
def test_no_text_of_the_microscope_is_obeyed(size: tuple[int, int]) -> None:
    for view in VIEWS:
        bench = HostileBench(size, mono=False)
        bench.press(str(VIEWS.index(view) + 1))
        for key in ["home", *PRESSED[view]]:
            bench.press(key)
            is_harmless(f"{bench.top()}\n{bench.words()}", (view, key))

    def drawn(dialog: Any) -> str:
        page = Page(size[0] - 4, size[1] - 6)
        dialog.draw_page(page)
        return text_of(page)

    for dialog, found in dialogs():
        asking = dialog.replaying.asking
        asking.progress = hostile(Progress("replaying", 1, 2))
        is_harmless(drawn(dialog), "progress")
        dialog.replaying.found = hostile(found)
        is_harmless(drawn(dialog), type(found))
        asking.trouble = hostile(Failure("It failed", "For a reason."))
        is_harmless(drawn(dialog), "trouble")
    assert forgotten((influence, inside, step)) == []
