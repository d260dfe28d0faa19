"""Merges, texts that come back unchanged, and the errors for text that cannot be spelt."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import microgpt_play_bpe
from microgpt import load_names
from microgpt_play_bpe import BytePairKnobs, bpe, make_tokenizer
from microgpt_play_bpe.bpe import BytePairTokenizer
from playground.api import UnknownTextError

STRANGE = [
    "  two  spaces  ",
    "tab\tnewline\nreturn\r\n",
    "e\u0301 is é in two",
    "\u0301first a mark",
    "👩‍👩‍👧‍👦 and 🇩🇪",
    "नमस्ते दुनिया",
    "<bos></s>[UNK]<|endoftext|>",
    "Ġ is how a space is written with bytes",
    "\x00\x1b[31m\x7f\u202e",
    "don't we'll 123,456.78",
    "",
]


def trained(documents: list[str], **knobs) -> BytePairTokenizer:
    tokenizer = make_tokenizer(BytePairKnobs(**knobs))
    tokenizer.train(iter(documents))
    return tokenizer


def pieces(tokenizer: BytePairTokenizer, text: str) -> list[str]:
    return [tokenizer.decode([token]) for token in tokenizer.encode(text)]


@pytest.fixture(scope="module")
def of_names() -> BytePairTokenizer:
    return trained(load_names()[:3000])


def test_the_playground_finds_it_as_an_installed_plugin():
    (entry,) = (e for e in entry_points(group="microgpt_play") if e.name == "bpe")
    assert entry.load() is microgpt_play_bpe


def test_the_library_is_not_imported_before_a_tokenizer_is_made():
    code = (
        "import sys, microgpt_play_bpe as plugin\n"
        "list(plugin.microgpt_tokenizers())\n"
        "sys.exit('tokenizers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_pair_that_is_seen_most_is_merged_first():
    tokenizer = trained(["aab aab aab", "xy xy"])
    assert tokenizer.state_dict()["merges"][:2] == [["a", "a"], ["aa", "b"]]
    assert pieces(tokenizer, "aab") == ["aab"]
    assert pieces(tokenizer, "baa") == ["b", "aa"]


def test_a_pair_seen_once_is_no_token():
    assert trained(["abcdefg"]).state_dict()["merges"] == []


def test_no_token_reaches_from_one_word_into_the_next():
    tokenizer = trained(["of the of the of the"] * 9)
    assert pieces(tokenizer, "of the of the") == ["of", " the", " of", " the"]


def test_a_mark_stays_with_the_letter_that_it_sits_on():
    tokenizer = trained(["e\u0301te\u0301"] * 9)
    assert pieces(tokenizer, "e\u0301te\u0301") == ["e\u0301te\u0301"]


def test_the_vocabulary_has_the_size_that_was_asked_for(of_names):
    assert of_names.vocab_size == 200
    assert of_names.bos_id == 199
    assert trained(load_names()[:3000], size=120).vocab_size == 120


def test_names_become_shorter_and_in_likely_syllables(of_names):
    names = load_names()[:3000]
    tokens = sum(len(of_names.encode(name)) for name in names)
    assert tokens < 0.6 * sum(map(len, names))
    assert {"an", "el", "ia"} <= {of_names.display(i) for i in range(199)}


def test_an_alphabet_larger_than_the_vocabulary_is_kept_whole():
    text = "".join(chr(0x4E00 + number) for number in range(300))
    tokenizer = trained([text], size=50)
    assert tokenizer.vocab_size == 301
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_with_bytes_there_are_256_and_bos_at_least():
    tokenizer = trained(["hello"], alphabet="bytes", size=50)
    assert tokenizer.vocab_size == 257
    assert sorted(tokenizer.encode("".join(map(chr, range(128))))) == sorted(
        {tokenizer.encode(chr(byte))[0] for byte in range(128)}
    )


@pytest.mark.parametrize("alphabet", ["characters", "bytes"])
def test_every_text_of_the_data_comes_back_whole(alphabet):
    tokenizer = trained(STRANGE * 3, alphabet=alphabet, size=400)
    assert tokenizer.state_dict()["merges"]
    for text in STRANGE:
        ids = tokenizer.encode(text)
        assert tokenizer.decode(ids) == text
        assert tokenizer.decode([tokenizer.bos_id, *ids, tokenizer.bos_id]) == text
        assert tokenizer.bos_id not in ids


BYTES = trained(STRANGE * 3, alphabet="bytes", size=400)


@settings(max_examples=100, deadline=None)
@given(st.text())
def test_with_bytes_every_text_at_all_comes_back_whole(text):
    assert BYTES.decode(BYTES.encode(text)) == text


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(), min_size=1, max_size=5))
def test_whatever_it_was_trained_on_it_can_spell(documents):
    tokenizer = trained(documents * 2, size=60)
    assert [tokenizer.decode(tokenizer.encode(text)) for text in documents] == documents


def test_an_unknown_character_is_named_with_its_place(of_names):
    with pytest.raises(UnknownTextError) as caught:
        of_names.encode("emma🙂 and ß")
    assert (caught.value.position, caught.value.character) == (4, "🙂")


@pytest.mark.parametrize("alphabet", ["characters", "bytes"])
def test_half_a_surrogate_is_refused_with_its_place(alphabet):
    tokenizer = trained(["ab"], alphabet=alphabet)
    with pytest.raises(UnknownTextError) as caught:
        tokenizer.encode("ab\ud800")
    assert caught.value.position == 2
    with pytest.raises(UnknownTextError):
        tokenizer.train(["a\udfff"])
    assert tokenizer.decode(tokenizer.encode("ab")) == "ab", "what it had learnt is gone"


@pytest.mark.parametrize("alphabet", ["characters", "bytes"])
def test_before_training_there_is_only_bos(alphabet):
    tokenizer = make_tokenizer(BytePairKnobs(alphabet=alphabet))
    assert (tokenizer.vocab_size, tokenizer.bos_id) == (1, 0)
    assert tokenizer.encode("") == []
    with pytest.raises(UnknownTextError):
        tokenizer.encode("a")
    tokenizer.load_state_dict(tokenizer.state_dict())


def test_training_twice_gives_the_same_in_any_order_and_any_process(of_names):
    names = load_names()[:3000]
    assert trained(names[::-1]).state_dict() == of_names.state_dict()
    code = (
        "import json; from microgpt import load_names; from microgpt_play_bpe.bpe import *\n"
        "tokenizer = BytePairTokenizer(); tokenizer.train(load_names()[:3000])\n"
        "print(json.dumps(tokenizer.state_dict()))"
    )
    for seed in ("1", "2"):
        result = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        )
        assert json.loads(result.stdout) == of_names.state_dict()


@pytest.mark.parametrize("alphabet", ["characters", "bytes"])
def test_its_state_goes_through_json(alphabet):
    tokenizer = trained(STRANGE * 3, alphabet=alphabet, size=400)
    other = make_tokenizer(BytePairKnobs())
    other.load_state_dict(json.loads(json.dumps(tokenizer.state_dict())))
    assert other.state_dict() == tokenizer.state_dict()
    assert (other.vocab_size, other.bos_id) == (tokenizer.vocab_size, tokenizer.bos_id)
    for text in STRANGE:
        assert other.encode(text) == tokenizer.encode(text)


@pytest.mark.parametrize(
    "damage",
    [
        {"type": "char"},
        {"alphabet": "letters"},
        {"tokens": None},
        {"tokens": ["a", "a"]},
        {"tokens": ["a", ""]},
        {"tokens": ["a", "ab"], "merges": []},
        {"merges": [["a"]]},
        {"merges": [["a", "ẞ"]]},
        {"merges": "ab"},
        {"alphabet": "bytes"},
    ],
    ids=str,
)
def test_a_damaged_state_is_refused_and_changes_nothing(damage):
    tokenizer = trained(["abab abab"])
    before = tokenizer.state_dict()
    with pytest.raises(ValueError):
        tokenizer.load_state_dict({**before, **damage})
    assert tokenizer.state_dict() == before
    assert tokenizer.decode(tokenizer.encode("abab")) == "abab"


@pytest.mark.parametrize("alphabet", ["characters", "bytes"])
def test_every_token_can_be_shown(alphabet):
    tokenizer = trained([*STRANGE * 3, "-" * 5000 + " " + "-" * 5000], alphabet=alphabet, size=500)
    for token in range(tokenizer.vocab_size):
        shown = tokenizer.display(token)
        assert shown and shown.isprintable() and " " not in shown and len(shown) <= 24
    assert tokenizer.display(tokenizer.bos_id) == "·"
    with pytest.raises(ValueError):
        tokenizer.display(-1)


def test_a_space_is_shown_and_a_part_of_a_character_in_hexadecimal():
    words = trained(["of the of the"])
    assert "␠the" in [words.display(token) for token in range(words.vocab_size)]
    parts = trained(["x"], alphabet="bytes")
    assert [parts.display(token) for token in parts.encode("é")] == ["\\xc3", "\\xa9"]


def test_the_documents_are_read_one_by_one_and_their_errors_pass_through():
    read: list[int] = []

    class Cancelled(Exception):
        pass

    def documents() -> Iterator[str]:
        for number in range(1_000_000):
            read.append(number)
            if number == 5_000:
                raise Cancelled
            yield "document"

    tokenizer = trained(["before"])
    with pytest.raises(Cancelled):
        tokenizer.train(documents())
    assert len(read) == 5_001
    assert tokenizer.decode(tokenizer.encode("before")) == "before"


def test_of_large_data_the_beginning_decides_and_the_rest_can_be_spelt(monkeypatch):
    monkeypatch.setattr(bpe, "_LEARNT_FROM", 100)
    first = ["abab"] * 20 + [f"{number:x}" for number in range(200)]
    tokenizer = trained([*first, *["zzzz yyyy"] * 50])
    merges = tokenizer.state_dict()["merges"]
    assert merges and not any("z" in "".join(pair) for pair in merges)
    assert tokenizer.decode(tokenizer.encode("zzzz yyyy")) == "zzzz yyyy"
    assert list(bpe._to_learn_from(iter(["zy"] * 500))) == ["zy"] * 500, (
        "words that come again cost nothing, and all of them count"
    )


@pytest.mark.parametrize("length", [16, 1_000_000])
def test_data_in_which_nothing_comes_again_do_not_take_for_ever(length):
    rng = random.Random(1)
    documents = ("".join(rng.choices("acgt", k=length)) for _ in range(1_000_000 // length))
    given = sum(map(len, bpe._to_learn_from(documents)))
    assert bpe._LEARNT_FROM <= given <= bpe._LEARNT_FROM + bpe._AT_ONCE + 4


def test_an_id_that_is_none_is_refused(of_names):
    for wrong in (-1, 200):
        with pytest.raises(ValueError, match=r"token ids are 0 \.\.\. 199"):
            of_names.decode([0, wrong])
