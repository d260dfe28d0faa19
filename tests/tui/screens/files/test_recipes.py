"""What a text looks like, and the ways to train on it that are offered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.tui.screens.files.recipes import LEAST, MOST, recipes, shape_of

POEM = "the old pond\na frog leaps in\nsound of water\n"


@pytest.mark.parametrize(
    ("text", "kind", "first"),
    [
        ("emma\nolivia\nava\n" * 9, "names", "lines of 8"),
        ("maria del carmen\nludwig van beethoven\n" * 9, "lines with spaces", "lines of 21"),
        (f"{POEM}\n" * 9, "poems", "paragraphs of 64"),
        ("It was the best of times, it was the worst of times, and so on. " * 9, "prose",
         "windows of 32"),
    ],
)  # fmt: skip
def test_a_text_is_told_by_its_looks_and_gets_the_recipe_for_it(
    text: str, kind: str, first: str
) -> None:
    shape = shape_of(text)
    assert (shape.kind, recipes(shape)[0].words) == (kind, first)


@given(st.text(st.sampled_from("ab \n"), min_size=1).filter(str.strip))
def test_every_text_gets_one_to_three_recipes_of_a_usual_context(text: str) -> None:
    found = recipes(shape_of(text))
    assert 1 <= len(found) <= 3 and len(set(found)) == len(found)
    assert all(LEAST <= one.block_size <= MOST for one in found)
    assert all(0 < one.tokens <= one.block_size for one in found)
