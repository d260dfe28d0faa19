"""The contract of a data set, and what a person is told about a text that will not do."""

from __future__ import annotations

import hashlib
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from microgpt import default_names_path
from playground.api import Dataset, DatasetError
from playground.hooks.registry import Registry


def quiet(what: str, done: int, total: int) -> None:
    pass


@pytest.fixture
def opened(builtins: Registry, tmp_path: Path):
    """opened(content or path, **options) -> a prepared text-file data set."""

    def open_it(content: Any, follows: Any = None, **options: Any) -> Dataset:
        path = tmp_path / "text.txt"
        if isinstance(content, Path):
            path = content
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        dataset = builtins.make("dataset", "text-file", {"path": str(path), **options}, follows)
        dataset.prepare(tmp_path, quiet)
        return dataset

    return open_it


def refusal(opened, content: Any, **options: Any) -> DatasetError:
    with pytest.raises(DatasetError) as caught:
        opened(content, **options)
    assert caught.value.title and caught.value.message
    return caught.value


def test_the_names_are_those_their_provenance_says(builtins: Registry, tmp_path: Path):
    names = builtins.make("dataset", "names")
    names.prepare(tmp_path, quiet)
    documents = list(names.documents())
    assert len(documents) == names.count() == 32_469
    assert documents == list(names.documents())
    assert all(documents)
    digest = hashlib.sha256(default_names_path().read_bytes()).hexdigest()
    assert names.provenance.sha256 == digest
    assert names.provenance.licence == "public domain"


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("lines", ["one", "two", "three"]),
        ("paragraphs", ["one\ntwo", "three"]),
        ("windows", ["one\n", "two\n", "\nthr", "ee\n"]),
    ],
)
def test_a_text_is_split_as_asked_and_the_same_each_time(opened, split, expected):
    dataset = opened("one\ntwo\n\nthree\n", split=split, window=4)
    assert list(dataset.documents()) == list(dataset.documents()) == expected
    assert dataset.count() == len(expected)


def test_windows_follow_the_model_until_they_are_told(opened):
    text = "x" * 100
    assert opened(text, {"block_size": 8}, split="windows").count() == 13
    assert opened(text, {"block_size": 8}, split="windows", window=50).count() == 2
    assert opened(text, split="windows").count() == 7  # 16, microgpt's own


def test_bom_and_crlf_do_not_show_but_the_checksum_is_of_the_bytes(opened):
    data = b"\xef\xbb\xbfone\r\ntwo\r\n"
    dataset = opened(data)
    assert list(dataset.documents()) == ["one", "two"]
    assert dataset.provenance.sha256 == hashlib.sha256(data).hexdigest()
    assert dataset.provenance.source.endswith("text.txt")


def test_reading_reports_progress_and_lets_a_cancel_through(builtins: Registry, tmp_path: Path):
    path = tmp_path / "a.txt"
    path.write_text("some text\n")
    seen: list[tuple[str, int, int]] = []
    dataset = builtins.make("dataset", "text-file", {"path": str(path)})
    dataset.prepare(tmp_path, lambda *said: seen.append(said))
    assert seen and seen[-1] == ("reading a.txt", 10, 10)

    class Cancelled(Exception):
        pass

    def cancel(*_: object) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        dataset.prepare(tmp_path, cancel)


def test_a_missing_file_is_named(opened, tmp_path: Path):
    assert "gone.txt" in refusal(opened, tmp_path / "gone.txt").message


def test_a_folder_is_no_text(opened, tmp_path: Path):
    assert str(tmp_path) in refusal(opened, tmp_path).message


@pytest.mark.parametrize("content", [b"", b"\n \n\t\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"])
def test_a_text_without_text_is_refused(opened, content):
    refusal(opened, content)


def test_bytes_that_are_not_utf8_are_named_with_their_offset(opened):
    said = refusal(opened, "abc caf\xe9\n".encode("latin-1"))
    assert "0xe9" in said.message and "offset 7" in said.message


def test_nul_bytes_are_named_with_their_offset(opened):
    assert "offset 2" in refusal(opened, b"ab\x00c").message


def test_a_file_that_may_not_be_read_is_said(opened, monkeypatch):
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("microgpt.documents.os.open", refuse)  # root may read everything
    assert "permission" in refusal(opened, "text").message.lower()


@pytest.mark.parametrize("split", ["lines", "paragraphs"])
def test_one_endless_line_is_refused_with_the_way_out(opened, split):
    said = refusal(opened, "ab " * 40_000, split=split)
    assert "endless" in said.title and "split=windows" in said.message
    assert opened("ab " * 40_000, split="windows").count() == 7_500


@pytest.mark.parametrize("end", ["", "\n", "\r"])
def test_an_endless_line_is_refused_without_putting_it_together(
    builtins: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str
):
    monkeypatch.setattr("microgpt.documents._CHUNK", 4096)
    path = tmp_path / "text.txt"
    path.write_bytes(("ab 🦊" * 150_000 + end).encode())
    dataset = builtins.make("dataset", "text-file", {"path": str(path)})
    tracemalloc.start()
    with pytest.raises(DatasetError, match=r"single line of 600,00\d characters"):
        dataset.prepare(tmp_path, quiet)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.6 * path.stat().st_size  # the line alone would have four bytes a letter


def test_a_long_line_among_others_is_fine(opened):
    assert opened("a" * 100_001 + "\nb\n").count() == 2


def test_no_path_and_no_prepare_are_said(builtins: Registry, tmp_path: Path):
    dataset = builtins.make("dataset", "text-file")
    with pytest.raises(DatasetError, match="No file is chosen"):
        dataset.prepare(tmp_path, quiet)
    with pytest.raises(DatasetError, match="not read yet"):
        dataset.documents()


def test_a_million_lines_are_read(opened):
    assert opened(b"ab\n" * 1_000_000).count() == 1_000_000
