"""What is remembered from one start to the next, whatever stands in the file."""

import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.lab.paths import VARIABLE
from playground.lab.store.preferences import Preferences, preferences_file

VALUES = st.one_of(st.booleans(), st.integers(-(2**53), 2**53), st.text(),
                   st.floats(allow_nan=False, allow_infinity=False))  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "preferences.json"


def test_without_a_file_every_preference_has_its_default_and_no_file_is_made(file: Path):
    preferences = Preferences.load(file)
    assert preferences.get("bell", "never") == "never"
    assert preferences.get("welcomed", False) is False
    assert preferences.trouble == "" and not file.exists()


def test_the_next_start_finds_what_was_set(file: Path):
    assert Preferences.load(file).set("welcomed", True)
    assert Preferences.load(file).get("welcomed", False) is True


def test_the_file_is_the_users_own_and_lies_beside_the_other_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert Preferences.load().set("bell", "long")
    assert preferences_file() == tmp_path / "config" / "preferences.json"
    assert stat.S_IMODE(preferences_file().stat().st_mode) == 0o600
    assert list((tmp_path / "config").iterdir()) == [preferences_file()]  # no draft is left


@given(st.dictionaries(st.text(max_size=20), VALUES, max_size=5), st.text(max_size=20), VALUES)
def test_setting_one_keeps_all_others_known_or_not(
    tmp_path_factory: pytest.TempPathFactory, others: dict, name: str, value
):
    # Halves of a pair are no text that a file could hold.
    others = {key: one for key, one in others.items() if _writable(key) and _writable(one)}
    if not (_writable(name) and _writable(value)):
        return
    file = tmp_path_factory.mktemp("preferences") / "preferences.json"
    nested = {"plugins": {"disabled": ["bad"]}, **others}
    file.write_text(json.dumps(nested), encoding="utf-8")
    assert Preferences.load(file).set(name, value)
    assert json.loads(file.read_text(encoding="utf-8")) == {**nested, name: value}
    assert Preferences.load(file).get(name, value) == value


def _writable(value: object) -> bool:
    return not isinstance(value, str) or value == value.encode("utf-8", "ignore").decode()


def test_two_playgrounds_do_not_forget_for_each_other(file: Path):
    one, other = Preferences.load(file), Preferences.load(file)
    one.set("welcomed", True)
    other.set("bell", "always")
    both = Preferences.load(file)
    assert both.get("welcomed", False) is True and both.get("bell", "never") == "always"


def test_a_value_of_another_type_is_as_good_as_none(file: Path):
    file.parent.mkdir()
    file.write_text('{"welcomed": "yes", "bell": 3, "count": true}')
    preferences = Preferences.load(file)
    assert preferences.get("welcomed", False) is False
    assert preferences.get("bell", "never") == "never"
    assert preferences.get("count", 7) == 7  # to Python True is a whole number


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"bell": ', "damaged"),
        ("[1, 2]", "no JSON object"),
        ("\xff", "damaged"),
        ("[" * 5000, "damaged"),
        ("{}" + " " * 200_000, "more than 100,000 bytes"),
    ],
)
def test_a_damaged_file_is_told_ignored_and_left_for_a_person_to_mend(
    file: Path, content: str, said: str
):
    file.parent.mkdir()
    file.write_bytes(content.encode("latin-1"))
    preferences = Preferences.load(file)
    assert said in preferences.trouble and str(file) in preferences.trouble
    assert preferences.get("bell", "never") == "never"
    assert preferences.set("bell", "always") is False
    assert preferences.get("bell", "never") == "always"  # until the playground is left
    assert file.read_bytes() == content.encode("latin-1")


def test_nobody_waits_for_a_pipe(file: Path):
    file.parent.mkdir()
    os.mkfifo(file)
    assert "a pipe" in Preferences.load(file).trouble


def test_where_nothing_can_be_written_it_is_said(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    preferences = Preferences.load(tmp_path / "file" / "preferences.json")
    assert preferences.trouble == ""
    assert preferences.set("bell", "always") is False
    assert "cannot be written" in preferences.trouble
    assert preferences.get("bell", "never") == "always"


def test_without_a_home_there_are_defaults_and_a_word(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(VARIABLE, "~nobody-of-this-name")
    preferences = Preferences.load()
    assert "There is no folder" in preferences.trouble
    assert preferences.set("bell", "always") is False
    assert preferences.get("bell", "never") == "always"
