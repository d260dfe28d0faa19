"""The char tokenizer: characters to ids and back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgpt import CharTokenizer, UnknownTextError


@pytest.fixture
def tokenizer() -> CharTokenizer:
    tokenizer = CharTokenizer()
    tokenizer.train(iter(["bob", "cab\n"]))
    return tokenizer


def test_ids_are_the_sorted_characters_and_bos_is_last(tokenizer):
    assert tokenizer.encode("abc") == [1, 2, 3]
    assert tokenizer.bos_id == 5
    assert tokenizer.vocab_size == 6
    assert tokenizer.decode([5, 3, 1, 2, 5]) == "cab"


@given(st.text())
def test_what_was_trained_on_comes_back_whole(text):
    tokenizer = CharTokenizer()
    tokenizer.train([text])
    assert tokenizer.decode(tokenizer.encode(text)) == text
    copy = CharTokenizer()
    copy.load_state_dict(json.loads(json.dumps(tokenizer.state_dict())))
    assert copy.encode(text) == tokenizer.encode(text)
    assert copy.vocab_size == tokenizer.vocab_size


def test_a_stranger_is_named_with_its_place():
    tokenizer = CharTokenizer("acf")
    with pytest.raises(UnknownTextError) as caught:
        tokenizer.encode("café")
    assert str(caught.value) == "'é' at character 3 of 'café' is not in the vocabulary"
    assert (caught.value.text, caught.value.position, caught.value.character) == ("café", 3, "é")


def test_a_long_text_is_excerpted_around_the_stranger():
    text = "a" * 1000 + "é" + "a" * 1000
    with pytest.raises(UnknownTextError) as caught:
        CharTokenizer("a").encode(text)
    message = str(caught.value)
    assert "'é' at character 1000 of" in message
    assert "aéa" in message and "…" in message and len(message) < 120
    assert caught.value.text == text


@pytest.mark.parametrize("ids", [[6], [-1], [0, 99]])
def test_ids_out_of_range_have_no_text(tokenizer, ids):
    with pytest.raises(ValueError, match=r"ids must be in 0 \.\.\. 5"):
        tokenizer.decode(ids)


def test_every_token_can_be_shown():
    tokenizer = CharTokenizer("a \n\t\x07\u200b\u0301é")
    shown = {tokenizer.display(i) for i in range(tokenizer.vocab_size)}
    assert shown == {"a", "␠", "⏎", "⇥", "\\x07", "\\u200b", "◌\u0301", "é", "·"}
    assert tokenizer.display(tokenizer.bos_id) == "·"
    with pytest.raises(ValueError, match="token must be in"):
        tokenizer.display(-1)


@pytest.mark.parametrize(
    "state",
    [{}, {"characters": "abc"}, {"characters": ["ab"]}, {"characters": ["b", "a"]},
     {"characters": ["a", "a"]}, {"type": "bpe", "characters": []}, None],
)  # fmt: skip
def test_an_impossible_state_is_refused_and_changes_nothing(tokenizer, state):
    with pytest.raises(ValueError):
        tokenizer.load_state_dict(state)
    assert tokenizer.encode("cab") == [3, 1, 2]
