"""Text -> documents. A file is read whole or refused in words; nothing is repaired in silence."""

from __future__ import annotations

import codecs
import contextlib
import errno
import io
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from microgpt.shell import new_name, shell_word

MIB = 1024 * 1024
_CHUNK = MIB


class DocumentsError(Exception):
    """A text that cannot be used: what happened, why, and what to do about it."""

    def __init__(self, title: str, message: str) -> None:
        super().__init__(f"{title}: {message}")
        self.title = title
        """What happened, in a few words."""
        self.message = message
        """Why, and what to do, in sentences."""


def read_text(
    path: str | os.PathLike[str],
    progress: Callable[[int, int], None] | None = None,
    max_bytes: int = 256 * MIB,
) -> str:
    """The text of a UTF-8 file, without its BOM, every line end (LF, CRLF, CR) a newline.

    progress: called with (bytes done, bytes in all) after each chunk.
    Raises DocumentsError for whatever cannot be trained on.
    """
    return text_in(read_bytes(path, progress, max_bytes), path)


def text_in(data: bytes | bytearray, path: str | os.PathLike[str]) -> str:
    """The text in the bytes of the file at `path`, as `read_text` has it. Raises DocumentsError."""
    return "".join(text_pieces(data, path))


def text_pieces(
    data: bytes | bytearray,
    path: str | os.PathLike[str],
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[str]:
    """The same text in pieces of about a MiB, which end anywhere.

    progress: called with (bytes done, bytes in all) before each piece but the first.
    Raises DocumentsError, also after some pieces.
    """
    name = os.fspath(path)
    if not data:
        raise DocumentsError("The file is empty", f"{name} has 0 bytes. Choose a file with text.")
    if b"\0" in data:
        _refuse(data, name)
    utf8 = codecs.getincrementaldecoder("utf-8")()
    decoder = io.IncrementalNewlineDecoder(utf8, translate=True)  # CRLF and CR become LF
    blank = True
    start = len(codecs.BOM_UTF8) if data.startswith(codecs.BOM_UTF8) else 0
    for at in range(start, len(data), _CHUNK):
        if at > start and progress is not None:
            progress(at, len(data))
        try:
            piece = decoder.decode(data[at : at + _CHUNK], final=at + _CHUNK >= len(data))
        except UnicodeDecodeError:
            _refuse(data, name)
            raise
        blank = blank and (not piece or piece.isspace())
        yield piece
    if blank:
        raise DocumentsError(
            "The file holds no text", f"{name} has only blank lines. Choose a file with text."
        )


def _refuse(data: bytes | bytearray, name: str) -> None:
    """Raise DocumentsError if the bytes are not UTF-8, or not a text."""
    from microgpt.encodings import refusal  # seldom needed, and read_text always

    refused = refusal(data, name)
    if refused is not None:
        raise DocumentsError(refused.title, refused.message)


def read_bytes(
    path: str | os.PathLike[str],
    progress: Callable[[int, int], None] | None = None,
    max_bytes: int = 256 * MIB,
) -> bytearray:
    """The bytes of a file, read once; arguments and errors as of `read_text`."""
    name = os.fspath(path)
    try:
        if Path(name).is_dir():
            raise DocumentsError(
                "This is a directory", f"{name} is a directory. Choose one file in it."
            )
        # Without O_NONBLOCK, opening a named pipe would wait for a writer for ever.
        descriptor = os.open(name, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        raise DocumentsError(
            "There is no such file", f"{name} does not exist. Check the path."
        ) from None
    except PermissionError as error:
        raise may_not_be_read(name, error) from None
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
            raise DocumentsError(
                "The file's name is too long",
                f"No system has a file of such a name: {name[:60]}... Check the path.",
            ) from None
        raise DocumentsError("The file cannot be opened", f"{name}: {error}.") from error
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise DocumentsError(
                "This is not a file",
                f"{name} is a pipe, a socket or a device, and a run must find its data again. "
                "Write what comes from there to a file, and choose that file.",
            )
        total = status.st_size
        data = bytearray()
        while total <= max_bytes and len(data) <= max_bytes:
            try:
                chunk = file.read(_CHUNK)
            except OSError as error:
                raise DocumentsError(
                    "The file cannot be read", f"{name}, after {len(data)} bytes: {error}."
                ) from error
            if not chunk:
                return data
            data += chunk
            if progress is not None:
                progress(len(data), max(total, len(data)))
    raise too_large(name, max(total, len(data)), max_bytes)


def may_not_be_read(path: str | os.PathLike[str], error: PermissionError) -> DocumentsError:
    """The error of a file without permission. error: what the system said of it."""
    if error.errno == errno.EACCES and error.strerror != os.strerror(errno.EACCES):
        # Not the system's own words: something keeps the file closed whatever its owner grants.
        return DocumentsError("The file may not be read", f"{os.fspath(path)}: {error.strerror}.")
    return DocumentsError(
        "The file may not be read",
        f"You have no permission to read {os.fspath(path)}. Its owner can grant it: "
        f"chmod +r {shell_word(path)}",
    )


def too_large(path: str | os.PathLike[str], size: int, max_bytes: int) -> DocumentsError:
    """The error of a file of more than max_bytes."""
    end = max_bytes
    with contextlib.suppress(OSError, ValueError), Path(path).open("rb") as file:
        start = max(0, max_bytes - 4)
        file.seek(start)
        # The part ends before a character, not within it.
        following = file.read(max_bytes + 1 - start)
        while end > start and following[end - start] & 0xC0 == 0x80:
            end -= 1
    return DocumentsError(
        "The file is too large",
        f"{os.fspath(path)} has {size:,} bytes, the limit is {max_bytes:,}. Train on a part of it: "
        f"head -c {end} {shell_word(path)} > {new_name('part.txt')}",
    )


def split_lines(text: str) -> list[str]:
    """One document a line: stripped, blank lines left out.

    Source: microgpt.py, `[line.strip() for line in ... if line.strip()]`.
    """
    return [stripped for line in text.split("\n") if (stripped := line.strip())]


def split_paragraphs(text: str) -> list[str]:
    """One document a paragraph (blank lines between them): stripped, inner newlines kept."""
    return [stripped for part in _BLANK_LINE.split(text) if (stripped := part.strip())]


_BLANK_LINE = re.compile(r"\n[^\S\n]*\n")


def whole_lines(pieces: Iterable[str]) -> Iterator[str]:
    """The same text in pieces that end where a line ends."""
    return _whole(pieces, lambda piece: piece.rfind("\n") + 1)


def whole_paragraphs(pieces: Iterable[str]) -> Iterator[str]:
    """The same text in pieces that end where a paragraph ends."""

    def end(piece: str) -> int:
        return max((match.end() for match in _BLANK_LINE.finditer(piece)), default=0)

    return _whole(whole_lines(pieces), end)


def _whole(pieces: Iterable[str], end: Callable[[str], int]) -> Iterator[str]:
    """end: how much of a piece is whole; 0 if none of it ends there."""
    held: list[str] = []
    for piece in pieces:
        if size := end(piece):
            yield "".join([*held, piece[:size]])
            held = [piece[size:]]
        else:
            held.append(piece)
    if any(held):
        yield "".join(held)


def split_windows(text: str, size: int) -> list[str]:
    """Consecutive windows of `size` characters, nothing left out; the last may be shorter.

    Raises ValueError if size is below 1.
    """
    if size < 1:
        raise ValueError(f"size must be 1 or more, not {size}")
    return [text[i : i + size] for i in range(0, len(text), size)]


@dataclass(frozen=True, slots=True)
class DocumentStats:
    """Documents in figures, in characters (tokens, for CharTokenizer; BOS not counted)."""

    count: int
    """Number of documents."""
    characters: int
    """Characters of all documents."""
    longest: int
    """Characters of the longest document."""
    too_long: int
    """Documents of more than block_size characters: longer than the model looks."""
    unseen: int
    """Characters beyond the first block_size of their document: never trained on."""
    with_control: int
    """Documents that hold control characters other than newline and tab."""

    @property
    def unseen_share(self) -> float:
        """Part of the text that is never trained on, 0 ... 1."""
        return self.unseen / self.characters if self.characters else 0.0


def describe(documents: Iterable[str], block_size: int) -> DocumentStats:
    """Count what a person should know before training on these documents."""
    lengths: list[int] = []
    with_control = 0
    control = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]").search
    for document in documents:
        lengths.append(len(document))
        # isprintable is fast and almost always true; only then look closer.
        if not document.isprintable() and control(document):
            with_control += 1
    beyond = [length - block_size for length in lengths if length > block_size]
    return DocumentStats(
        count=len(lengths),
        characters=sum(lengths),
        longest=max(lengths, default=0),
        too_long=len(beyond),
        unseen=sum(beyond),
        with_control=with_control,
    )


def default_names_path() -> Path:
    """The embedded data set: U.S. given names of 2017, see NAMES.md."""
    return Path(__file__).with_name("names.txt")


def load_names() -> list[str]:
    """The embedded names, one a document, in their published order."""
    return split_lines(read_text(default_names_path()))
