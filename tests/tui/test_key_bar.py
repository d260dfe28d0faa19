"""The line of keys follows the focus, and always names help, the way out and the palette."""

from __future__ import annotations

from playground.tui.bindings import MAIN_BINDINGS
from playground.tui.panels.keybar import KeyBar, _fitting, _Key
from playground.tui.widgets.static_text import Words
from tests.tui.watched import playing, seen

ALWAYS = ("? help", "q quit", "^p find")
IN_A_FIELD = ("F1 help", "^q quit", "^p find")


PLACES = (
    (("1",), ("w windows", "d data"), ALWAYS),
    (("2",), ("←→ cursor", "d data", "i inside"), ALWAYS),
    (("2", "right"), ("enter go there", "esc no cursor"), ALWAYS),
    (("2", "tab"), ("←→ go to a step",), ALWAYS),
    (("3",), ("cell", "[ ] matrix"), ALWAYS),
    (("4",), ("←→ value", "/ prompt"), ALWAYS),
    (("5",), ("5 another", "3 parameters"), ALWAYS),
    (("slash",), ("enter sample", "esc leave the field"), IN_A_FIELD),
    (("4", "enter"), ("enter set", "esc as before"), IN_A_FIELD),
    (("2", "full_stop"), ("←→ word", "tab next panel", "esc end"), ALWAYS),
    (("2", "z"), ("z all panels",), ALWAYS),
)
"""The keys that lead to a place, what is named there, and what is named everywhere."""


async def test_the_line_of_keys_is_as_wide_as_the_window_is_now() -> None:
    async with playing(size=(120, 40)) as (app, pilot):
        bar = KeyBar()
        await app.main.mount(bar)  # no screen draws this one again
        keys = [one for one in MAIN_BINDINGS if one.show]
        bar.show_bindings(keys, False)
        wide = bar.words
        await pilot.resize_terminal(80, 24)
        await seen(pilot, lambda: len(bar.words.rstrip()) <= 78 and "? help" in bar.words)
        await pilot.resize_terminal(120, 40)
        await seen(pilot, lambda: bar.words == wide)


async def test_the_line_of_keys_names_what_works_where_the_focus_is() -> None:
    async with playing(size=(80, 24)) as (app, pilot):
        await pilot.press("s")
        await seen(pilot, lambda: app.model.step == 1)
        line = app.main.query_one("#keys", Words)
        for keys, wanted, always in PLACES:
            await pilot.press(*keys)
            await pilot.pause()
            for one in (*wanted, *always):
                assert one in line.words, (keys, line.words)
            assert len(line.words.rstrip()) <= 78
            if always is IN_A_FIELD:
                assert "step" not in line.words, "a letter is text in a field"
            await pilot.press("escape")


async def test_a_click_on_a_key_of_the_focus_does_what_the_key_does() -> None:
    async with playing() as (app, pilot):
        await pilot.press("s", "s")
        await seen(pilot, lambda: app.model.step == 2)
        await pilot.press("2")
        line = app.text("#keys")
        await pilot.click("#keys", (line.index("←→ cursor") + 2, 0))
        await seen(pilot, lambda: "enter go there" in app.text("#keys"))


async def test_quit_and_help_work_in_the_field_by_the_keys_that_are_named() -> None:
    async with playing(size=(80, 24)) as (app, pilot):
        await pilot.press("slash", "a", "f1")
        await pilot.pause()
        assert app.screen.__class__.__name__ == "HelpScreen"


async def test_only_one_word_of_the_line_changes_while_the_run_trains() -> None:
    async with playing() as (app, pilot):
        line = app.main.query_one("#keys", Words)
        await seen(pilot, lambda: "space run" in line.words)
        before = line.words.split()
        assert ". explain" in line.words, "what a word means is offered from the start"
        await pilot.press("space")
        await seen(pilot, lambda: "space pause" in line.words)
        assert len(line.words.rstrip()) <= line.size.width
        assert [{"pause": "run"}.get(word, word) for word in line.words.split()] == before


def test_a_key_that_is_too_long_makes_room_for_a_less_important_one() -> None:
    keys = [
        _Key(rank, "x", words, words, len(words))
        for rank, words in enumerate(("help", "a very long hint", "quit"))
    ]
    assert [key.words for key in _fitting(keys, 16)] == ["help", "quit"]
    assert [key.words for key in _fitting(keys, 60)] == ["help", "a very long hint", "quit"]
