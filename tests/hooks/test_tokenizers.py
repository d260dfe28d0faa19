"""The contract of a tokenizer, held against those built in."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from playground.api import Tokenizer, UnknownTextError
from playground.hooks.manager import load
from playground.hooks.sources import PluginSources

REGISTRY = load(PluginSources(entry_points=False))
NAMES = [entry.name for entry in REGISTRY.catalog().of("tokenizer")]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


def trained(name: str, documents: list[str]) -> Tokenizer:
    tokenizer = REGISTRY.make("tokenizer", name)
    tokenizer.train(documents)
    return tokenizer


def test_there_are_three():
    assert NAMES == ["char", "byte", "word"]


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=80, deadline=None)
@given(texts=st.lists(TEXT, min_size=1, max_size=4))
@example(texts=["don't stop, l’été!", "a  b\n\n\tc", "e\u0301 \u2028 \U0001f600\u200d"])
def test_round_trip_and_ids_over_unicode(name: str, texts: list[str]):
    tokenizer = trained(name, texts)
    for text in texts:
        ids = tokenizer.encode(text)
        assert all(type(i) is int and 0 <= i < tokenizer.vocab_size for i in ids)
        assert tokenizer.bos_id not in ids
        assert tokenizer.decode(ids) == text
        assert tokenizer.decode([tokenizer.bos_id, *ids, tokenizer.bos_id]) == text
    assert 0 <= tokenizer.bos_id < tokenizer.vocab_size


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40, deadline=None)
@given(texts=st.lists(TEXT, min_size=1, max_size=4))
def test_its_state_goes_through_json(name: str, texts: list[str]):
    tokenizer = trained(name, texts)
    again = REGISTRY.make("tokenizer", name)
    again.load_state_dict(json.loads(json.dumps(tokenizer.state_dict())))
    assert again.vocab_size == tokenizer.vocab_size
    assert [again.encode(text) for text in texts] == [tokenizer.encode(text) for text in texts]


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40, deadline=None)
@given(texts=st.lists(TEXT, min_size=1, max_size=4))
@example(texts=["\x1b[31m\x00\x07 \u0301 \u202e", "\t \r\n  " * 30])
def test_every_token_has_a_short_printable_name(name: str, texts: list[str]):
    tokenizer = trained(name, texts)
    for token in range(tokenizer.vocab_size):
        shown = tokenizer.display(token)
        assert shown and shown.isprintable() and len(shown) <= 24


@pytest.mark.parametrize("name", NAMES)
def test_the_same_documents_give_the_same_ids(name: str):
    documents = ["the cat", "a dog, a cat"]
    first, second = trained(name, documents), trained(name, documents)
    assert [first.encode(d) for d in documents] == [second.encode(d) for d in documents]


@pytest.mark.parametrize("name", NAMES)
def test_ids_out_of_range_are_refused(name: str):
    tokenizer = trained(name, ["ab"])
    for wrong in (-1, tokenizer.vocab_size):
        with pytest.raises(ValueError):
            tokenizer.decode([wrong])
        with pytest.raises(ValueError):
            tokenizer.display(wrong)


@pytest.mark.parametrize("name", NAMES)
def test_the_state_of_another_tokenizer_is_refused(name: str):
    tokenizer = trained(name, ["ab"])
    with pytest.raises(ValueError):
        tokenizer.load_state_dict({"type": "something else"})


def test_char_says_which_character_it_does_not_know():
    with pytest.raises(UnknownTextError) as caught:
        trained("char", ["abc"]).encode("abxc")
    assert (caught.value.character, caught.value.position) == ("x", 2)


def test_byte_has_257_tokens_and_shows_them():
    byte = trained("byte", [])
    assert (byte.vocab_size, byte.bos_id) == (257, 256)
    assert byte.encode("é") == [0xC3, 0xA9]
    assert [byte.display(i) for i in (0x61, 0xC3, 0x20, 0x0A, 256)] == ["a", "\\xc3", "␠", "⏎", "·"]
    assert byte.decode([0x61, 0xC3]) == "a\N{REPLACEMENT CHARACTER}"


def test_byte_refuses_a_lone_surrogate_with_its_place():
    with pytest.raises(UnknownTextError) as caught:
        trained("byte", []).encode("ab\ud800")
    assert caught.value.position == 2


def test_word_keeps_words_spaces_and_signs_apart():
    word = trained("word", ["Don't go,  there!"])
    shown = [word.display(i) for i in word.encode("Don't go,  there!")]
    assert shown == ["Don't", "␠", "go", ",", "␠␠", "there", "!"]


def test_word_names_the_word_and_its_place_and_never_guesses():
    with pytest.raises(UnknownTextError, match="the word 'zebra' at character 4") as caught:
        trained("word", ["the cat"]).encode("the zebra")
    assert caught.value.position == 4


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("नमस्ते दुनिया", ["नमस्ते", " ", "दुनिया"]),
        ("தமிழ் மொழி!", ["தமிழ்", " ", "மொழி", "!"]),
        ("ชื่อ ผู้ที่", ["ชื่อ", " ", "ผู้ที่"]),
        ("שָׁלוֹם עוֹלָם", ["שָׁלוֹם", " ", "עוֹלָם"]),
        ("مُحَمَّد سَلَام", ["مُحَمَّد", " ", "سَلَام"]),
        ("cafe\u0301 l’e\u0301te\u0301", ["cafe\u0301", " ", "l’e\u0301te\u0301"]),
        ("\u1112\u1161\u11ab \u1100", ["\u1112\u1161\u11ab", " ", "\u1100"]),
        ("می\u200cخواهم क्\u200dष", ["می\u200cخواهم", " ", "क्\u200dष"]),
        ("👩\u200d💻❤\ufe0f👍🏽🇩🇪!?", ["👩\u200d💻", "❤\ufe0f", "👍🏽", "🇩🇪", "!", "?"]),
        ("snake_case don't", ["snake_case", " ", "don't"]),
    ],
)
def test_word_keeps_the_marks_of_a_letter_in_its_word(text: str, pieces: list[str]) -> None:
    word = trained("word", [text])
    assert [word.decode([i]) for i in word.encode(text)] == pieces
    assert "◌" not in "".join(word.display(i) for i in word.encode(text))


OLD = {"type": "word", "words": [" ", "\u0906", "\u0915", "\u093e", "\u093f"]}
"""As a version stored it that cut words at every mark."""


def test_words_that_were_stored_when_marks_cut_them_stay_so() -> None:
    word = REGISTRY.make("tokenizer", "word")
    word.load_state_dict(OLD)
    assert word.encode("कि आ") == [2, 4, 0, 1]
    assert json.dumps(word.state_dict()) == json.dumps(OLD)  # nothing is added to what is stored
    word.train(["कि आ"])
    assert [word.decode([i]) for i in word.encode("कि आ")] == ["कि", " ", "आ"]


def test_words_cut_in_a_way_of_the_future_are_refused() -> None:
    for number in (0, 3, True, "2", None):
        with pytest.raises(ValueError, match="not known here"):
            REGISTRY.make("tokenizer", "word").load_state_dict({**OLD, "pieces": number})
