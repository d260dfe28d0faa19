"""The gate behind all that is drawn: nothing that a terminal obeys passes, and nothing moves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.app import App, ComposeResult
from textual.color import Color
from textual.content import Content

from microgpt.terminal import OBEYED
from playground.tui.widgets.gate import STAND_IN, Gate, markup, plain, shown
from playground.tui.widgets.literal_input import LiteralInput
from tests.hostile.texts import ATTACKS, evil

LINK = Style(bold=True, link="file:///evil")
anything = st.text(st.characters() | st.sampled_from([chr(one) for one in range(0xA0)]))


def drawn(text: str, style: Style | None = None) -> list[Segment]:
    return Gate().apply([Segment("before"), Segment(text, style)], Color(0, 0, 0))


@given(anything)
def test_nothing_that_is_obeyed_passes_and_each_cell_stays_in_its_place(text: str) -> None:
    before, after = drawn(text)
    assert before.text == "before"
    assert OBEYED.search(after.text) is None
    assert cell_len(after.text) == cell_len(text)
    if OBEYED.search(text) is None:
        assert after.text == text


def test_a_link_and_codes_of_control_do_not_pass_and_the_style_stays() -> None:
    (_, after) = drawn("go", LINK)
    assert after.style is not None
    assert after.style.link is None and after.style.bold
    control = Segment("\x1b[2J", None, [(1,)])  # type: ignore[list-item]
    assert Gate().apply([control, Segment("a")], Color(0, 0, 0)) == [Segment("a")]


@pytest.mark.parametrize("attack", ATTACKS, ids=ascii)
def test_words_show_an_attack_in_the_style_of_the_words(attack: str) -> None:
    words = shown(Content.assemble("a ", (attack, "bold"), "\nb"))
    assert OBEYED.sub("", words.plain.replace("\n", "").replace("\t", "")) == words.plain.replace(
        "\n", ""
    ).replace("\t", "")
    assert words.plain.startswith("a ") and words.plain.endswith("\nb")
    assert all(span.style == "bold" for span in words.spans)
    assert shown(words).plain == words.plain


def test_brackets_stay_brackets() -> None:
    text = "[red]r[/red] [@click=app.bell]c[/] [link=x]l[/link] [/no]"
    assert plain(text).plain == text
    assert Content.from_markup(markup(text)).plain == text
    assert Content.from_markup(markup(text)).spans == []


async def test_a_field_draws_an_attack_as_text_and_keeps_its_value() -> None:
    value = evil("name").replace("\ud800", "")

    class OneField(App[None]):
        def compose(self) -> ComposeResult:
            yield LiteralInput(value)

    app = OneField()
    async with app.run_test(size=(400, 5)) as pilot:
        field = app.query_one(LiteralInput)
        line = "".join(segment.text for segment in field.render_line(0))
        assert STAND_IN in line and "evil" in line
        assert OBEYED.search(line) is None
        await pilot.press("home", "x", "end")
        assert field.value == f"x{value}"
