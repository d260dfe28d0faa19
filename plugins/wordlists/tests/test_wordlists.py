"""The lists hold what they say, each entry once, and the knobs do what they say."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import microgpt_play_wordlists
from microgpt_play_wordlists import dataset as dataset_module
from microgpt_play_wordlists.dataset import plain
from microgpt_play_wordlists.lists import LISTS
from playground.api import DatasetError

NAMES = [words.name for words in LISTS]


def dataset(name: str, **knobs: bool):
    (found,) = (c for c in microgpt_play_wordlists.microgpt_datasets() if c.name == name)
    return found.factory(found.knobs(**knobs))


def entries(name: str, **knobs: bool) -> list[str]:
    return list(dataset(name, **knobs).documents())


def test_the_playground_finds_it_as_an_installed_plugin():
    (entry,) = (e for e in entry_points(group="microgpt_play") if e.name == "wordlists")
    assert entry.load() is microgpt_play_wordlists


@pytest.mark.parametrize("words", LISTS, ids=NAMES)
def test_a_list_has_as_many_entries_as_it_says(words):
    assert len(entries(words.name)) == dataset(words.name).count() == words.entries


@pytest.mark.parametrize("name", NAMES)
def test_no_entry_comes_twice_however_it_is_written(name):
    found = [plain(entry).lower() for entry in entries(name, lower=False)]
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("name", NAMES)
def test_an_entry_is_words_of_letters_and_nothing_else(name):
    for entry in entries(name, lower=False):
        # The spellings go no further than "St." and "Guinea-Bissau".
        assert re.fullmatch(r"[^\W\d_]+\.?(?:[ -][^\W\d_]+)*", entry), entry
        assert unicodedata.is_normalized("NFC", entry), entry
        assert entry[0].isupper(), entry


@pytest.mark.parametrize("words", LISTS, ids=NAMES)
def test_the_checksum_is_that_of_the_file(words):
    path = Path(dataset_module.__file__).with_name(f"{words.name}.txt")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == words.sha256
    assert dataset(words.name).provenance.sha256 == words.sha256


@pytest.mark.parametrize("words", LISTS, ids=NAMES)
def test_only_lists_with_accents_have_a_switch_for_them(words):
    accented = not "".join(entries(words.name)).isascii()
    (found,) = (c for c in microgpt_play_wordlists.microgpt_datasets() if c.name == words.name)
    assert ("plain" in found.knobs.model_fields) is accented


@pytest.mark.parametrize("name", ["countries", "dinosaurs", "rivers"])
def test_it_is_in_the_order_of_the_alphabet(name):
    found = entries(name, **({} if name == "dinosaurs" else {"plain": True}))
    assert found == sorted(found)


def test_the_elements_stand_at_their_numbers():
    found = entries("elements", lower=False)
    numbers = {
        1: "Hydrogen", 2: "Helium", 6: "Carbon", 10: "Neon", 18: "Argon", 26: "Iron",
        36: "Krypton", 47: "Silver", 54: "Xenon", 57: "Lanthanum", 71: "Lutetium", 79: "Gold",
        86: "Radon", 89: "Actinium", 92: "Uranium", 103: "Lawrencium", 118: "Oganesson",
    }  # fmt: skip
    assert {number: found[number - 1] for number in numbers} == numbers


def test_no_letter_stands_for_too_many_countries():
    """Counted by hand from the list of members: a slip of the pen would show."""
    found = [entry[0] for entry in entries("countries", lower=False)]
    assert {letter: found.count(letter) for letter in "AFJLOQUVYZ"} == {
        "A": 11, "F": 3, "J": 3, "L": 9, "O": 1, "Q": 1, "U": 7, "V": 4, "Y": 1, "Z": 2,
    }  # fmt: skip


def test_they_come_in_lower_case_unless_it_is_switched_off():
    assert entries("elements")[0] == "hydrogen"
    assert entries("elements", lower=False)[0] == "Hydrogen"
    assert not any(letter.isupper() for name in NAMES for letter in "".join(entries(name)))


def test_accents_stay_unless_only_a_to_z_is_wanted():
    assert "são francisco" in entries("rivers")
    assert "sao francisco" in entries("rivers", plain=True)
    assert "kizilirmak" in entries("rivers", plain=True)
    for name in ("countries", "rivers"):
        assert "".join(entries(name, plain=True)).isascii()
        assert len(entries(name, plain=True)) == len(entries(name))


def test_a_list_that_someone_changed_is_refused_in_words(tmp_path, monkeypatch):
    (tmp_path / "elements.txt").write_text("phlogiston\n")
    monkeypatch.setattr(dataset_module, "files", lambda package: tmp_path)  # noqa: ARG005
    with pytest.raises(DatasetError, match="was changed") as caught:
        dataset("elements").prepare(tmp_path, lambda *_: None)
    assert "install microgpt-play-wordlists again" in caught.value.message


def test_a_list_that_is_gone_is_missed_in_words(tmp_path, monkeypatch):
    monkeypatch.setattr(dataset_module, "files", lambda package: tmp_path)  # noqa: ARG005
    with pytest.raises(DatasetError, match="is missing"):
        dataset("rivers").prepare(tmp_path, lambda *_: None)
