"""Files that cannot be trained on, gone on from, sampled or written: what, why, what to do."""

from __future__ import annotations

import errno
import json
import os
import struct
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import STEPS, Done, Play

LONG = "a" * 300


def refused(done: Done, *words: str) -> None:
    """Exit code 1, one clear message, nothing on standard output."""
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("microgpt-play: ") and "Traceback" not in done.err
    for word in words:
        assert word in done.err


@pytest.mark.parametrize(
    ("contents", "said"),
    [
        (b"", ["The file is empty", "0 bytes"]),
        (b"\xef\xbb\xbf", ["no text"]),
        (b"\n  \n\t\n\r\n", ["only blank lines"]),
        (b"anna\nJos\xe9\n", ["not UTF-8", "0xe9 at offset 8", "line 2, byte 4", "iconv"]),
        (b"anna\nJo\0\n", ["NUL byte at offset 7", "line 2"]),
        ("anna\n".encode("utf-16"), ["UTF-16", "iconv"]),
        (b"a" * 10_000_000, ["one endless line", "10,000,000 characters", "--split windows"]),
    ],
    ids=["empty", "mark", "blank", "latin-1", "nul", "utf-16", "endless"],
)
def test_contents_that_cannot_be(words: Path, play: Play, contents: bytes, said: list[str]) -> None:
    words.write_bytes(contents)
    refused(play("train", words, *STEPS), *said)


def test_the_way_out_of_an_endless_line(words: Path, play: Play) -> None:
    words.write_text("ab" * 100_000)
    assert play("train", words, *STEPS, "--split", "windows").code == 0


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("nowhere.txt", "does not exist"),
        ("words.txt/inside", "Not a directory"),
        (".", "is a directory"),
        (LONG, "name is too long"),
        ("a/" * 3000, "name is too long"),
        ("~nobody-of-that-name/x", "does not exist"),
        ("/dev/zero", "is a pipe, a socket or a device"),
        ("pipe", "is a pipe, a socket or a device"),
        ("loop", "cannot be opened"),
    ],
    ids=lambda value: value[:20],
)
def test_places_where_no_file_is(words: Path, play: Play, path: str, said: str) -> None:
    os.mkfifo(words.with_name("pipe"))
    words.with_name("loop").symlink_to("loop")
    refused(play("train", path, *STEPS), said)


@pytest.mark.skipif(not Path("/dev/fd").is_dir(), reason="a shell has no <(...) here")
@pytest.mark.parametrize("command", ["train", "sample", "play"])
def test_a_pipe_of_the_shell_is_called_a_pipe(
    words: Path, play: Play, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    reader, writer = os.pipe()
    os.write(writer, words.read_bytes())
    os.close(writer)
    try:
        refused(play(command, f"/dev/fd/{reader}"), f"/dev/fd/{reader}", "is a pipe")
    finally:
        os.close(reader)


def test_a_name_that_is_no_text(words: Path, play: Play) -> None:
    words.rename(os.fsdecode(b"a\xff.txt"))
    refused(play("train", os.fsdecode(b"a\xff.txt"), *STEPS), "a\\udcff.txt", "Rename")


def test_a_file_that_may_not_be_read(
    words: Path, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = os.open

    monkeypatch.setattr("os.access", lambda *_: False)

    def deny(path: Any, *rest: Any, **more: Any) -> int:
        if str(path) == str(words):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return really(path, *rest, **more)

    monkeypatch.setattr("microgpt.documents.os.open", deny)  # root may read everything
    refused(play("train", words, *STEPS), "no permission", "chmod +r")


@pytest.mark.usefixtures("words")
def test_standard_input_is_no_file(play: Play) -> None:
    done = play("train", "-", *STEPS)
    assert done.code == 2
    assert "standard input" in done.err


# ---------------------------------------------------------------- saved models


def test_a_saved_model_that_was_cut_short(saved: Path, play: Play) -> None:
    whole = saved.read_bytes()
    for length in (4, 500, len(whole) // 2, len(whole) - 8):
        saved.write_bytes(whole[:length])
        for word in ("sample", "train"):
            refused(play(word, saved), "cut short")


def test_a_saved_model_of_another_program(saved: Path, play: Play) -> None:
    header = json.dumps({"x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    saved.write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
    refused(play("sample", saved), "some other program")
    refused(play("train", saved), "some other program")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("nowhere.safetensors", "does not exist"),
        (".", "is a folder"),
        ("words.txt", "not a .safetensors file"),
        (LONG, "name too long"),
        ("/dev/zero", "is a pipe, a socket or a device"),
        ("pipe", "is a pipe, a socket or a device"),
        ("~nobody-of-that-name/x", "does not exist"),
    ],
    ids=lambda value: value[:20],
)
def test_what_is_no_saved_model(words: Path, play: Play, path: str, said: str) -> None:
    os.mkfifo(words.with_name("pipe"))
    refused(play("sample", path), said)


def test_data_that_changed_since(saved: Path, words: Path, play: Play) -> None:
    words.write_text("Ängström\n" * 30)
    refused(play("train", saved), "The data have changed", "'Ä'", "microgpt-play sample")


# ---------------------------------------------------------------- where to save


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("nowhere/m.safetensors", "does not exist"),
        (".", "is a folder"),
        ("words.txt/m.safetensors", "does not exist"),
        (LONG, "name too long"),
        ("pipe", "is a pipe, a socket or a device"),
    ],
    ids=lambda value: value[:20],
)
def test_a_place_that_cannot_be_is_refused_before_the_training(
    words: Path, play: Play, path: str, said: str
) -> None:
    os.mkfifo(words.with_name("pipe"))
    done = play("train", words, *STEPS, "--save", path)
    refused(done, said)
    assert "step" not in done.err


def test_the_data_are_never_overwritten_by_the_model(words: Path, play: Play) -> None:
    before = words.read_bytes()
    words.with_name("link.txt").symlink_to(words)
    for name in ("words.txt", "./words.txt", "link.txt"):
        refused(play("train", words, *STEPS, "--save", name), "another name", ".safetensors")
    assert words.read_bytes() == before


def test_nor_by_the_model_of_a_run_that_is_gone_on_with(
    saved: Path, words: Path, play: Play
) -> None:
    before = words.read_bytes()
    for run in ([saved], ["--run", 1]):
        refused(play("train", *run, "--save", "words.txt"), "another name", ".safetensors")
    assert words.read_bytes() == before


def test_a_folder_that_may_not_be_written(
    words: Path, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = os.access

    def deny(path: Any, mode: int) -> bool:
        return mode != os.W_OK and really(path, mode)

    monkeypatch.setattr("playground.lab.checkpoint.os.access", deny)  # root may write anywhere
    refused(play("train", words, *STEPS, "--save", "m.safetensors"), "no permission to write")


def test_a_full_disk_leaves_no_half_a_file(
    words: Path, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("playground.lab.checkpoint.os.fsync", full)
    done = play("train", words, *STEPS, "--save", "m.safetensors")
    assert done.code == 1
    assert "could not be written" in done.err and "No space left" in done.err
    left = sorted(path.name for path in words.parent.iterdir() if path.name != "home")
    assert left == ["words.txt"]
