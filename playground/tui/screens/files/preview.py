"""The beginning of a text file, cut into documents. At most HEAD bytes are read; no widgets."""

from __future__ import annotations

import codecs
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from microgpt import documents as texts
from playground.tui.screens.files.recipes import Shape, shape_of

HEAD = 64 * 1024
"""The most bytes that are read of a file."""
TOO_LARGE = 256 * texts.MIB
"""Bytes beyond which `read_text` refuses a file."""
SHOWN = 40
"""The most documents of a preview."""


@dataclass(frozen=True, slots=True)
class TextPreview:
    """What a person is told of a file before opening it."""

    size: int
    """Bytes of the whole file."""
    documents: tuple[str, ...]
    """The first SHOWN documents."""
    count: int
    """Documents in the part that was read."""
    whole: bool
    """True if the whole file was read, so that `count` is exact."""
    estimate: int
    """Documents in the whole file: `count` if `whole`, else an estimate by bytes."""
    unseen: float
    """Share of the text that lies beyond the first block_size characters of a document, 0..1."""
    shape: Shape
    """What the part that was read looks like."""
    endless: bool
    """True if one document fills all that was read of a longer file."""


def preview_text(path: Path, split: str, window: int, block_size: int) -> TextPreview:
    """Read the beginning of a file. Raises microgpt.documents.DocumentsError in a person's words.

    window: characters in a document, for split == "windows". Never waits for a pipe or a device;
    reads the disk, so call it in a thread.
    """
    size = _size(path)
    if size <= HEAD:
        text, whole = _whole(path), True
    elif size > TOO_LARGE:
        raise texts.too_large(path, size, TOO_LARGE)
    else:
        text, whole = _head(path), False
    if split == "lines":
        parts = texts.split_lines(text)
    elif split == "paragraphs":
        parts = texts.split_paragraphs(text)
    else:
        parts = texts.split_windows(text, max(1, window))
    endless = not whole and len(parts) == 1
    if not whole and len(parts) > 1:
        parts.pop()  # the end of what was read cuts the last document
    stats = texts.describe(parts, block_size)
    estimate = len(parts) if whole else round(len(parts) * size / max(1, len(text.encode())))
    shape = shape_of(text)
    return TextPreview(
        size, tuple(parts[:SHOWN]), len(parts), whole, estimate, stats.unseen_share, shape, endless
    )


def _whole(path: Path) -> str:
    try:
        return texts.read_text(path, max_bytes=HEAD)
    except (OSError, ValueError) as problem:  # the name is too long, or holds a NUL
        raise texts.DocumentsError("The file cannot be opened", f"{problem}.") from problem


def _size(path: Path) -> int:
    """Bytes of a regular file; 0 for anything else, so that `read_text` says what is there."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else 0


def _head(path: Path) -> str:
    """The first HEAD bytes as text; a character cut at the end is left out."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            data = file.read(HEAD) or b""
    except PermissionError as problem:
        raise texts.may_not_be_read(path, problem) from None
    except OSError as problem:
        raise texts.DocumentsError("The file cannot be opened", f"{path}: {problem}.") from problem
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(data, final=False)
    except UnicodeDecodeError:
        text = ""
    if not text or b"\0" in data:
        from microgpt.encodings import refusal

        refused = refusal(data, str(path), whole=False)
        if refused is not None:
            raise texts.DocumentsError(refused.title, refused.message)
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if not text or text.isspace():
        raise texts.DocumentsError(
            "The file begins with no text", f"The first {HEAD:,} bytes of {path} are blank."
        )
    return text
