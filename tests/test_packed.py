"""Documents in little memory are the documents that went in."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from playground import packed
from playground.lab.run.distinct import Distinct
from playground.lab.run.split import shuffled
from playground.packed import PackedTexts, Rows

ANY = st.text(st.characters(codec=None) | st.sampled_from("ab\n\0\x1e"), max_size=8)


@given(st.lists(ANY, max_size=30), st.integers(1, 40), st.integers(0, 9))
def test_what_goes_in_comes_out(documents: list[str], piece: int, characters: int) -> None:
    texts, size = PackedTexts(), packed._PIECE
    texts.extend(documents[:7])
    texts.extend(documents[7:])
    packed._PIECE = piece
    try:
        assert [*texts] == documents == texts[:]
        assert b"".join(texts.run(0, 5)) == packed.END.join(
            text.encode("utf-8", "surrogatepass") for text in documents[:5]
        )
    finally:
        packed._PIECE = size
    for place, text in enumerate(documents):
        assert texts[place] == text == texts[place - len(documents)]
        assert texts.beginning(place, characters) == text[:characters]
    backwards = Rows(texts, [*range(len(documents))][::-1])
    assert [*backwards] == backwards[:] == documents[::-1]


@given(st.lists(st.text("aé😀", max_size=3), max_size=200))
def test_repeats_are_found(documents: list[str]) -> None:
    distinct = Distinct(PackedTexts(documents))
    assert len(distinct) == len({*documents})
    assert all(text in distinct for text in documents)
    assert "aaaa" not in distinct and None not in distinct
    first = [place for place, text in enumerate(documents) if text not in documents[:place]]
    assert [place for place, known in enumerate(distinct.repeats) if not known] == first
    places = {text: [i for i, t in enumerate(documents) if t == text] for text in documents}
    several = [rows for rows in places.values() if len(rows) > 1]
    assert sorted(map(list, distinct.alike())) == sorted(several)


@given(st.integers(0, 3000), st.integers(0, 2**53))
def test_the_order_is_that_of_random_shuffle(count: int, seed: int) -> None:
    rows, rng = [*range(count)], random.Random(seed)
    rng.shuffle(rows)
    order, stream = shuffled(count, seed)
    assert [*order] == rows
    assert stream.getstate() == rng.getstate()
