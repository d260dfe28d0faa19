"""In a locale without UTF-8 the program's own signs are plain letters, and no letter stops it."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microgpt.plain import SIGNS, can_write, encoding_of, prepare


def stream(encoding: str) -> tuple[io.TextIOWrapper, io.BytesIO]:
    written = io.BytesIO()
    return io.TextIOWrapper(written, encoding=encoding, write_through=True), written


def written(text: str, encoding: str) -> bytes:
    text_stream, bytes_stream = stream(encoding)
    prepare(text_stream)
    text_stream.write(text)
    return bytes_stream.getvalue()


@pytest.mark.parametrize("encoding", ["ascii", "US-ASCII", "646"])
def test_signs_are_what_a_person_would_type(encoding: str) -> None:
    said = "It reads as “a” – and ‘b’ … 3 × 4 → 12 · ✓ ✗ ━━──"
    assert written(said, encoding) == b"It reads as \"a\" - and 'b' ... 3 x 4 -> 12 . + x ----"


def test_a_sign_that_the_encoding_has_stays() -> None:
    assert written("naïve ×·² “x”", "latin-1") == 'naïve ×·² "x"'.encode("latin-1")
    assert written("“é漢”\udcff", "utf-8") == "“é漢”\\udcff".encode()


def test_a_letter_of_a_text_is_a_code_because_another_letter_is_another_text() -> None:
    assert written("é漢\U0001f600", "ascii") == rb"\xe9\u6f22\U0001f600"


@given(st.text(), st.sampled_from(["ascii", "latin-1", "cp437", "koi8-r", "gb18030", "utf-8"]))
def test_every_text_can_be_written_everywhere(text: str, encoding: str) -> None:
    found = written(text, encoding)
    if text.isascii():
        assert found.replace(b"\r\n", b"\n").decode("ascii") == text


def test_what_stands_for_a_sign_can_be_written() -> None:
    assert all(plain.isascii() for plain in SIGNS.values())


def test_click_writes_to_a_stream_in_ascii_what_print_writes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Click takes ASCII for a mistake of the system's, and would write UTF-8."""
    text_stream, bytes_stream = stream("ascii")
    prepare(text_stream)
    monkeypatch.setattr(sys, "stdout", text_stream)
    click.echo("“é”")
    print("“é”")
    assert bytes_stream.getvalue() == b'"\\xe9"\n"\\xe9"\n'
    assert encoding_of(text_stream) == "ascii" and not can_write(text_stream, "─")


def test_the_script_writes_plain_letters_too(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_bytes("“Grüße”, sagt er, und geht.\n".encode("cp1252") * 3)
    done = subprocess.run(
        [sys.executable, "-m", "microgpt", text],
        capture_output=True,
        env={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    )
    assert done.returncode == 1
    assert done.stderr.isascii() and b"\\u20" not in done.stderr and b"Traceback" not in done.stderr
    assert b'"' in done.stderr
