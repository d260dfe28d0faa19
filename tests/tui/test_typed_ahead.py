"""Keys that are typed ahead land where the focus will be: each script is sent in one go, from the
main screen, before the first of its keys is heard."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from textual.widgets import OptionList, TextArea

from playground.lab.protocol.commands import ProbesState
from playground.tui.screens.files.paths import PathInput
from playground.tui.screens.settings.run_form import RunForm
from tests.tui.monkey import press
from tests.tui.watched import WatchedApp, playing

Screen = Any
Script = tuple[str, Callable[[Screen], object], object]


def number(dotted: str) -> Callable[[Screen], object]:
    """The text of a row of the settings or of a fork."""
    return lambda screen: isinstance(screen, RunForm) and screen.numbers[dotted].text


def chosen(kind: str) -> Callable[[Screen], object]:
    """The contribution that a row stands at."""
    return lambda screen: isinstance(screen, RunForm) and screen.contributed[kind].choice.chosen


def highlighted(screen: Screen) -> object:
    """The place in the list of a picker."""
    return screen.query_one("#picker-list", OptionList).highlighted


def path(screen: Screen) -> object:
    """The end of the path in a dialog about files."""
    return screen.query_one(PathInput).value[-12:]


RATE = "optimizer.learning_rate"
SCRIPTS: list[Script] = [
    ("h down down 3", number("model.n_layer"), "3"),
    ("h tab tab 3", number("model.n_layer"), "3"),
    ("h 3 2 down 8 down 2", number("model.n_head"), "8"),
    ("h right down right", number("model.n_head"), "5"),
    ("h down down down down down 7 backspace 8 0", number("steps"), "80"),
    ("h end backspace 2", number("model.n_embd"), "12"),
    ("h up space down down 0", number("eval_every"), "0"),
    ("h down down down down down down down down down right", chosen("schedule"), "cosine"),
    ("f 0 . 0 5", number(RATE), "0.05"),
    ("f up space", number(RATE), "0.02"),
    ("f ctrl+n down down 7", number("batch_size"), "7"),
    ("s f down 9 0 0", number("steps"), "900"),
    ("d a b c", path, "abc"),
    ("d down", highlighted, 1),
    ("t down down", highlighted, 2),
    ("e down", highlighted, 1),
    ("x down", path, "-step1.jsonl"),
    ("ctrl+s home x", lambda screen: screen.query_one(PathInput).value[0], "x"),
    ("c down space", lambda screen: [link.enabled for link in screen._links[:2]], [True, False]),
    ("c a end enter", lambda screen: screen._links[1].name, "greedy"),
    ("m down space", lambda screen: "perplexity" in screen._on, True),
    ("y a n enter m a", lambda screen: screen.query_one(TextArea).text, "an\nma"),
    ("question_mark pagedown", lambda s: s.query_one("#help-scroll").scroll_target_y > 0, True),
]


async def until(app: WatchedApp, holds: Callable[[], object], seconds: float = 20) -> bool:
    """Wait until the condition holds; False after so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            while not holds():
                await asyncio.sleep(0.01)
    except TimeoutError:
        return False
    return app.is_running


async def test_keys_that_are_sent_at_once_land_where_the_focus_will_be() -> None:
    async with playing() as (app, _):
        asked = app.lab.probes

        async def slowly() -> ProbesState:
            await asyncio.sleep(0.05)  # the dialog of probes waits for the worker's answer
            return await asked()

        app.lab.probes = slowly  # type: ignore[method-assign]
        wrong = []
        for script, looked_at, wanted in SCRIPTS:
            seen: list[object] = []

            def landed(
                looked_at: Callable[[Screen], object] = looked_at,
                wanted: object = wanted,
                seen: list[object] = seen,
            ) -> bool:
                if app.screen is app.main or not app.screen.is_mounted:
                    return False
                seen[:] = [looked_at(app.screen)]
                return seen == [wanted]

            press(app, *script.split())
            if not await until(app, landed, 5):
                wrong.append((script, wanted, *seen))
            press(app, "escape")
            assert await until(app, lambda: app.screen is app.main), script
        assert wrong == []
