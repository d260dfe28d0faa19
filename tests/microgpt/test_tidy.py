"""Letters that look alike or like nothing: found, made one, and read in either form."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microgpt.tidy import Look, in_known_form, tidy
from microgpt.tokenizer import CharTokenizer, UnknownTextError


def look(*texts: str) -> Look:
    seen = Look()
    for text in texts:
        seen.take(text)
    return seen


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("two files\n\ufeffjoined", "U+FEFF (byte order mark)"),
        ("zero\u200bwidth", "U+200B (zero width space)"),
        ("hyphen\u00adation", "U+00AD (soft hyphen)"),
        ("word\u2060joiner", "U+2060 (word joiner)"),
        ("\u200eleft", "U+200E (left-to-right mark)"),
        ("over\u202eride", "U+202E (right-to-left override)"),
        ("filled\u3164", "U+3164 (hangul filler)"),
        ("a\u200cb", "U+200C (zero width non-joiner)"),
        ("a \u200d", "U+200D (zero width joiner)"),
    ],
)
def test_what_cannot_be_seen_is_named_and_dropped(text: str, named: str) -> None:
    assert look("plain", text).unseen() == named
    assert look(tidy(text)).unseen() == ""
    assert tidy(text).isprintable() or "\n" in text


@pytest.mark.parametrize(
    "text",
    ["می\u200cخواهم", "क्\u200dष", "👩\u200d💻 ❤\ufe0f", "日本\u3000語", "Zoë", "שָׁלוֹם", "ฝน\tก"],
)
def test_what_belongs_to_a_script_is_neither_told_nor_touched(text: str) -> None:
    seen = look(text)
    assert (seen.unseen(), seen.spaces(), seen.mixed([text])) == ("", "", "")
    assert unicodedata.normalize("NFC", text) == tidy(text)


def test_of_many_only_some_are_named() -> None:
    named = look("\ufeff\u200b\u00ad\u2060\u200e").unseen()
    assert named.count("U+") == 3 and named.endswith(" and 2 more")


def test_spaces_that_look_like_the_ordinary_one_are_told_and_made_it() -> None:
    assert look("10\u00a0km, 10\u202fkm").spaces().startswith("U+00A0 (no-break space), U+202F")
    assert tidy("10\u00a0km") == "10 km"


@pytest.mark.parametrize(
    ("texts", "ways"),
    [
        (["Zoë", "Zoe\u0308"], "ë and e + U+0308"),
        (["e\u0323\u0302", "ệ"], "ệ and e + U+0323 + U+0302"),
        (["한글", "\u1112\u1161\u11ab"], "한 and U+1112 + U+1161 + U+11AB"),
        (["\u09df", "\u09af\u09bc"], "\u09df and \u09af + U+09BC"),  # Unicode never composes it
        (["が", "か\u3099"], "が and か + U+3099"),
    ],
)
def test_letters_written_in_two_ways_are_told_and_made_one(texts: list[str], ways: str) -> None:
    assert look(*texts).mixed(texts) == look(*reversed(texts)).mixed(texts) == ways
    made = [tidy(text) for text in texts]
    assert look(*made).mixed(made) == ""
    assert all(look(text).mixed([text]) == "" for text in texts)


@given(st.text())
def test_a_tidied_text_needs_no_tidying(text: str) -> None:
    made = tidy(text)
    assert tidy(made) == made
    seen = look(made)
    assert (seen.unseen(), seen.spaces(), seen.mixed([made])) == ("", "", "")


TYPED = st.text(st.sampled_from("aZoeëéệがか한글का \u0308\u0301"), max_size=12)


@settings(max_examples=50, deadline=None)
@given(TYPED, st.sampled_from(["NFC", "NFD"]), st.sampled_from(["NFC", "NFD"]))
def test_a_prompt_is_read_in_whichever_form_it_was_typed(text: str, data: str, typed: str) -> None:
    tokenizer = CharTokenizer(unicodedata.normalize(data, text))  # type: ignore[arg-type]

    def is_known(part: str) -> bool:
        try:
            tokenizer.encode(part)
        except UnknownTextError:
            return False
        return True

    prompt = unicodedata.normalize(typed, text)  # type: ignore[arg-type]
    made = in_known_form(prompt, is_known)
    assert is_known(made)
    assert unicodedata.normalize("NFC", made) == unicodedata.normalize("NFC", text)
    with pytest.raises(UnknownTextError) as refused:
        tokenizer.encode(in_known_form(f"{prompt}!", is_known))
    assert refused.value.character == "!"  # what no form makes known, and nothing else
