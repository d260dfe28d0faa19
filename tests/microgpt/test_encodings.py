"""Texts that are not UTF-8: what they are called, and that the advice works as it is given."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgpt import DocumentsError, read_text
from microgpt.encodings import refusal
from microgpt.shell import shell_word

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the advice is for a POSIX shell")

FRENCH = "José\nRenée\nnaïve\nÅsa\n"
ENGLISH = "it’s a dog’s life\n“quoted” — yes\nplain\n"
POLISH = "Łukasz\nZażółć gęślą jaźń\nŻaneta\n"
TURKISH = "Gülşah\nİbrahim\nÇağrı\nIşıl\n"
HUNGARIAN = "Győző\nŐrs\nkönyv\nhűség\n"
RUSSIAN = "мир\nпривет\nАнна\nМороз и солнце; день чудесный!\n"
UKRAINIAN = "Київ\nЇжак\nЄва\nліс\n"
GREEK = "Γιώργος\nΜαρία\nΕλένη\nκαλημέρα\n"
HEBREW = "שלום עולם\nאברהם\n"
ARABIC = "مرحبا بالعالم\nمحمد\n"
THAI = "สวัสดี\nกรุงเทพ\n"
CHINESE = "床前明月光\n疑是地上霜\n举头望明月\n"
MIXED_CHINESE = "如何使用GPU训练模型,第3章\n深度学习Python入门\n"
TRADITIONAL = "床前明月光\n疑是地上霜\n舉頭望明月\n"
JAPANESE = "古池や\n蛙飛びこむ\n水の音\nカタカナ\n"
KOREAN = "안녕하세요\n김민준\n이서연\n"


def advice(path: Path) -> str:
    """The command that `read_text` advises: what follows the last colon, up to the end."""
    with pytest.raises(DocumentsError) as caught:
        read_text(path)
    found = re.search(r": ((?:iconv|head) .*)$", caught.value.message)
    assert found is not None, caught.value.message
    return found[1]


def follow(path: Path, folder: Path, result: str = "utf8.txt") -> str:
    """The text in the file that the advised command makes, in `folder`, where it was given."""
    subprocess.run(["bash", "-c", advice(path)], cwd=folder, capture_output=True, check=True)
    return read_text(folder / result)


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path / "my notes.txt"


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        *((FRENCH, codec) for codec in ("latin-1", "cp1252", "cp850", "mac_roman")),
        ("¿Qué tal?\n¡Hola! Año nuevo\n", "latin-1"),
        ("Äpfel\nÄhre\nÜbung\nGrößen\n", "latin-1"),
        (ENGLISH, "cp1252"),
        ("Preis: 5 €\nkostet 3€\n", "cp1252"),
        ("Microsoft™\nOffice™ 4\n", "cp1252"),
        ("• one\n• two\n", "cp1252"),
        ("« Où vas-tu ? »\nl’été, à la mer\nça coûte 5 €\nvoilà\ngarçon\n", "cp1252"),
        ("São Paulo\nnão\navó\npões\ncoração\n", "latin-1"),
        ("það\nþú\nÍsland\nsæl\n", "latin-1"),
        ("un œuf, deux œufs…\nŠkoda\nŽižek\n", "cp1252"),
        ("‘single’ and ‚low‘ and „German“\n", "cp1252"),
        ("5‰ – 10°\n", "cp1252"),
        (POLISH, "cp1250"),
        (POLISH, "iso8859-2"),
        (TURKISH, "cp1254"),
        (HUNGARIAN, "cp1250"),
        *((RUSSIAN, codec) for codec in ("cp1251", "koi8-r", "cp866", "iso8859-5")),
        ("привет\nмир\n", "cp1251"),
        ("привет\nмир\n", "koi8-r"),
        (UKRAINIAN, "cp1251"),
        (UKRAINIAN, "koi8-u"),
        (GREEK, "cp1253"),
        (HEBREW, "cp1255"),
        (ARABIC, "cp1256"),
        (THAI, "cp874"),
        (CHINESE, "gbk"),
        (MIXED_CHINESE, "gbk"),
        ("张伟\n王芳\n李娜\n", "gbk"),
        (TRADITIONAL, "big5"),
        (JAPANESE, "cp932"),
        (JAPANESE, "euc-jp"),
        (KOREAN, "cp949"),
        *(
            (text, codec)
            for text in (FRENCH, RUSSIAN, CHINESE)
            for codec in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be")
        ),
    ],
)
def test_the_advice_makes_the_text_of_the_file(file, tmp_path, text, codec):
    file.write_bytes(text.encode(codec))
    assert follow(file, tmp_path) == text


@pytest.mark.parametrize("codec", ["utf-8", "gbk", "utf-16", "utf-16-le", "utf-32", "utf-32-be"])
def test_a_last_character_that_is_cut_off_is_named_and_left_out(file, tmp_path, codec):
    file.write_bytes((CHINESE + "月").encode(codec)[:-1])
    with pytest.raises(DocumentsError) as caught:
        read_text(file)
    assert "is cut off" in caught.value.message
    assert "8859" not in caught.value.message
    assert follow(file, tmp_path) == CHINESE


def test_ascii_with_one_cut_character_is_no_latin_1(file, tmp_path):
    file.write_bytes("anna\nJosé".encode()[:-1])
    assert follow(file, tmp_path) == "anna\nJos"


def test_where_the_last_byte_may_be_either_both_are_said(file, tmp_path):
    file.write_bytes(b"un caf\xe9")
    with pytest.raises(DocumentsError, match=r"cut off, get the whole file.*Latin-1.*“un café”"):
        read_text(file)
    assert follow(file, tmp_path) == "un café"


def test_a_stray_byte_in_utf_8_does_not_make_latin_1_of_the_text(file, tmp_path):
    file.write_bytes(FRENCH.encode() + b"Jos\xe9\n" + RUSSIAN.encode())
    with pytest.raises(DocumentsError, match="not UTF-8 throughout") as caught:
        read_text(file)
    assert "line 5, byte 4" in caught.value.message
    assert follow(file, tmp_path) == FRENCH + "Jos\n" + RUSSIAN


def test_readings_that_are_as_good_are_quoted_for_a_person_to_choose(file):
    file.write_bytes(RUSSIAN.encode("cp1251"))
    with pytest.raises(DocumentsError, match=r"Windows-1251.*“мир”.*Greek.*“μθπ”"):
        read_text(file)


def test_what_is_quoted_cannot_steer_the_terminal(file):
    file.write_bytes(b"\x1b[31mcaf\xe9\n")
    with pytest.raises(DocumentsError, match="“\ufffd") as caught:
        read_text(file)
    assert "\x1b" not in caught.value.message


def test_the_advice_overwrites_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "utf8.txt"
    file.write_bytes(FRENCH.encode("latin-1"))
    assert follow(file, tmp_path, "utf8-2.txt") == FRENCH
    assert file.read_bytes() == FRENCH.encode("latin-1")


def test_a_text_with_a_nul_byte_is_not_taken_for_utf_16(file):
    for data in (b"anna\nbe\0lla", b"a\0b", b"anna bella\0carla dora\0" * 9, bytes(99)):
        file.write_bytes(data)
        with pytest.raises(DocumentsError, match="looks binary"):
            read_text(file)


@given(st.binary(max_size=200))
def test_all_bytes_are_text_or_refused_in_words(data):
    refused = refusal(data, "x.txt")
    try:
        data.decode()
    except UnicodeDecodeError:
        assert refused is not None and "x.txt" in refused.message
    else:
        assert (refused is None) == (b"\0" not in data)


@given(st.text(max_size=99))
def test_text_in_utf_8_is_never_refused_where_it_is_cut_in_reading(text):
    data = text.replace("\0", "").encode()
    for end in range(len(data) + 1):
        assert refusal(data[:end], "x.txt", whole=False) is None


@pytest.mark.parametrize(
    "name",
    [
        b"plain",
        b"my notes",
        b"it's",
        b"$(touch x)",
        b"-rf",
        b"a\nb",
        b"caf\xe9'\\x",
        b"\x1b[1m",
        b"~",
    ],
)
def test_every_name_is_one_word_of_a_shell(tmp_path, name):
    path = tmp_path / os.fsdecode(name)
    path.write_bytes(b"here")
    for word in (shell_word(path), shell_word(path.name)):
        assert word.isprintable()
        command = ["bash", "-c", f"cat {word}"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
        assert done.stdout == b"here"
    assert list(tmp_path.iterdir()) == [path]
