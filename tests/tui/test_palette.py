"""The palette finds a command by the words that people bring with them."""

from __future__ import annotations

import pytest
from textual.widgets import OptionList

from playground.tui.bindings import MAIN_BINDINGS, action_name
from playground.tui.palette import SYNONYMS
from tests.tui.watched import playing, seen


async def test_a_command_is_found_first_by_other_words_for_it() -> None:
    wanted = {
        "race": "Fork (f)  race",
        "atten": "Inside (i)  attention",
        "exit": "Quit (q)  exit",
        "checkpoint": "Save (ctrl+s)  checkpoint",
        "rate": "Settings (h)  learning rate",
        "shortcuts": "Help (?)  shortcuts",
        "Trace": "What is wrong (!)  traceback",
    }
    async with playing() as (app, pilot):
        for query, first in wanted.items():
            await pilot.press("ctrl+p", *query)

            def found(first: str = first) -> bool:
                options = app.screen.query_one(OptionList)
                return (
                    bool(options.option_count)
                    and first == (str(options.get_option_at_index(0).prompt).split("\n")[0])
                )

            await seen(pilot, found)
            await pilot.press("escape")


@pytest.mark.parametrize("name", SYNONYMS)
def test_every_command_with_other_words_is_there(name: str) -> None:
    assert name in {action_name(binding.action) for binding in MAIN_BINDINGS}
