"""Reading and splitting texts, and the messages about files that cannot be read."""

from __future__ import annotations

import hashlib
import os
import shlex
import subprocess
import time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from microgpt import (
    DocumentsError,
    default_names_path,
    describe,
    documents,
    load_names,
    read_text,
    split_lines,
    split_paragraphs,
    split_windows,
)
from microgpt.documents import text_in, text_pieces, whole_lines, whole_paragraphs


def refusal(path, **options) -> DocumentsError:
    with pytest.raises(DocumentsError) as caught:
        read_text(path, **options)
    assert str(path) in caught.value.message
    assert caught.value.title and caught.value.message.endswith((".", "txt", str(path), "'"))
    return caught.value


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "text"

    def write(data: bytes):
        path.write_bytes(data)
        return path

    return write


@pytest.mark.parametrize(
    "data",
    [b"one\ntwo\n", b"one\r\ntwo\r\n", b"one\rtwo\r", b"\xef\xbb\xbfone\ntwo\n"],
    ids=["lf", "crlf", "cr", "bom"],
)
def test_every_line_end_is_read_as_a_newline_and_the_bom_is_no_text(file, data):
    assert read_text(file(data)) == "one\ntwo\n"


def test_a_name_is_a_name_in_every_script(file):
    assert split_lines(read_text(file("née\nЮля\n美咲\n🦊\n".encode()))) == [
        "née",
        "Юля",
        "美咲",
        "🦊",
    ]


def test_reading_reports_how_far_it_is(file):
    size = 3 * 2**20 + 5
    seen = []
    read_text(file(b"a" * size), progress=lambda done, total: seen.append((done, total)))
    assert [done for done, _ in seen] == [2**20, 2 * 2**20, 3 * 2**20, size]
    assert {total for _, total in seen} == {size}


def test_an_exception_from_progress_stops_the_reading(file):
    def cancel(*_):
        raise RuntimeError("cancelled")

    with pytest.raises(RuntimeError, match="cancelled"):
        read_text(file(b"text"), progress=cancel)


def test_a_missing_file_is_refused(tmp_path):
    assert refusal(tmp_path / "nowhere.txt").title == "There is no such file"
    below_a_file = tmp_path / "file"
    below_a_file.write_text("x")
    assert "Not a directory" in refusal(below_a_file / "inside").message


def test_a_directory_is_refused(tmp_path):
    assert refusal(tmp_path).title == "This is a directory"


@pytest.mark.parametrize("name", ["a" * 300, "a/" * 3000], ids=["name", "path"])
def test_a_name_that_is_too_long_is_refused(tmp_path, name):
    with pytest.raises(DocumentsError, match="The file's name is too long") as caught:
        read_text(tmp_path / name)
    assert len(caught.value.message) < 200


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_is_refused_without_waiting_for_a_writer(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    assert refusal(path).title == "This is not a file"


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="no devices here")  # noqa: PTH110
def test_an_endless_device_is_refused():
    assert refusal("/dev/zero").title == "This is not a file"


def test_a_file_without_permission_is_refused(file, monkeypatch):
    path = file(b"secret")

    def deny(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", deny)  # root may read everything
    assert refusal(path).title == "The file may not be read"
    path = path.rename(path.with_name("it's mine"))
    assert refusal(path).message.endswith(f"chmod +r {shlex.quote(str(path))}")


def test_an_impossible_path_is_refused():
    with pytest.raises(DocumentsError, match=r"null byte|cannot be opened"):
        read_text("a\0b")


def test_an_empty_file_is_refused(file):
    assert refusal(file(b"")).title == "The file is empty"


@pytest.mark.parametrize("data", [b"\n\n", b" \r\n\t\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"])
def test_a_file_of_blank_lines_is_refused(file, data):
    assert refusal(file(data)).title == "The file holds no text"


def test_latin_1_is_named_with_its_place_and_a_way_out(file):
    path = file("anna\njosé\n".encode("latin-1"))
    message = refusal(path).message
    assert "the byte 0xe9 at offset 8 (line 2, byte 4 of it)" in message
    assert f"iconv -f ISO-8859-1 -t UTF-8 {path} > utf8.txt" in message


def test_utf_16_is_named(file):
    assert "iconv -f UTF-16" in refusal(file("anna".encode("utf-16"))).message


def test_nul_bytes_look_binary(file):
    error = refusal(file(b"anna\nbe\0lla"))
    assert error.title == "The file looks binary"
    assert "offset 7 (line 2, byte 3 of it)" in error.message


def test_a_file_beyond_the_limit_is_refused_before_it_is_read(file):
    seen = []
    error = refusal(file(b"0123456789" * 2), max_bytes=19, progress=lambda *args: seen.append(args))
    assert error.title == "The file is too large"
    assert "20 bytes, the limit is 19" in error.message
    assert seen == []
    assert read_text(file(b"0123456789"), max_bytes=10) == "0123456789"


@pytest.mark.skipif(os.name == "nt", reason="the advice is for a POSIX shell")
@pytest.mark.parametrize("most", range(6, 14))
def test_the_part_of_a_file_that_is_too_large_is_cut_between_characters(
    tmp_path, monkeypatch, most
):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "my notes.txt"
    path.write_text("annaé月🦊 and more", encoding="utf-8")
    command = refusal(path, max_bytes=most).message.partition("part of it: ")[2]
    subprocess.run(["sh", "-c", command], check=True)
    part = read_text(tmp_path / "part.txt", max_bytes=most)
    assert "annaé月🦊 ".startswith(part) and most - len(part.encode()) < 4


def test_lines_are_stripped_and_blank_ones_left_out():
    assert split_lines("  anna \n\n\t\nbella\n") == ["anna", "bella"]


def test_paragraphs_keep_their_inner_newlines():
    text = "\n\nroses are red\nviolets\n \n\n\nsugar\n"
    assert split_paragraphs(text) == ["roses are red\nviolets", "sugar"]


def test_windows_leave_nothing_out():
    assert split_windows("abc de\nfg", 4) == ["abc ", "de\nf", "g"]
    assert split_windows("", 4) == []
    with pytest.raises(ValueError, match="size must be 1 or more"):
        split_windows("abc", 0)


def test_figures_say_what_will_never_be_seen():
    stats = describe(["a" * 10, "b" * 30, "c\x07", "d\te\nf"], block_size=16)
    assert (stats.count, stats.characters, stats.longest) == (4, 47, 30)
    assert (stats.too_long, stats.unseen, stats.with_control) == (1, 14, 1)
    assert stats.unseen_share == 14 / 47
    assert describe([], 16).unseen_share == 0.0


def test_two_million_lines_and_one_endless_line_do_not_make_anyone_wait(file):
    start = time.process_time()
    lines = split_lines(read_text(file(b"some name\n" * 2_000_000)))
    assert describe(lines, 16).count == 2_000_000
    (line,) = split_lines(read_text(file(b"x" * 10_000_000)))
    assert describe([line], 16).unseen_share > 0.99
    assert len(split_windows(line, 16)) == 625_000
    assert time.process_time() - start < 20  # about 1 second; quadratic code would take minutes


def test_the_embedded_names_are_the_published_list():
    names = load_names()
    assert len(names) == 32_469
    assert names[:3] == ["emma", "olivia", "ava"]
    assert set("".join(names)) == set("abcdefghijklmnopqrstuvwxyz")
    digest = hashlib.sha256(default_names_path().read_bytes()).hexdigest()
    assert digest in default_names_path().with_name("NAMES.md").read_text()


@given(st.text(st.sampled_from("ab é😀\n\r\t\x85"), max_size=60), st.integers(1, 9))
def test_a_text_in_pieces_gives_the_documents_of_the_whole(text: str, size: int) -> None:
    assume(text.strip())
    data = text.encode()
    whole = text.replace("\r\n", "\n").replace("\r", "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(documents, "_CHUNK", size)
        assert "".join(text_pieces(data, "a.txt")) == whole == text_in(data, "a.txt")
        lines = [*whole_lines(text_pieces(data, "a.txt"))]
        paragraphs = [*whole_paragraphs(text_pieces(data, "a.txt"))]
    assert "".join(lines) == "".join(paragraphs) == whole
    assert [one for piece in lines for one in split_lines(piece)] == split_lines(whole)
    assert [one for piece in paragraphs for one in split_paragraphs(piece)] == split_paragraphs(
        whole
    )


@given(st.text(st.sampled_from("ab \n\t\x85"), max_size=30))
def test_a_paragraph_is_a_run_of_lines_that_are_not_blank(text: str) -> None:
    found: list[list[str]] = [[]]
    for line in text.split("\n"):
        if line.strip():
            found[-1].append(line)
        else:
            found.append([])
    assert split_paragraphs(text) == ["\n".join(lines).strip() for lines in found if lines]


def test_bytes_that_are_not_utf8_are_refused_wherever_they_stand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(documents, "_CHUNK", 4)
    with pytest.raises(DocumentsError, match="offset 9"):
        [*text_pieces(b"abcd\nefgh\xe9\nab", "a.txt")]
    with pytest.raises(DocumentsError):
        [*text_pieces("abc€".encode()[:-1], "a.txt")]
