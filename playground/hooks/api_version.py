"""Which versions of the plugin interface a plugin is written for, read without running it.

A single file names a version, or the first and the last one, in a literal at its top level:

    MICROGPT_API = 1
    MICROGPT_API = (1, 2)

An installed package names them in an entry point, because metadata is read without an import:

    [project.entry-points.microgpt_play_api]
    versions = "1..2"

A plugin that names no version is loaded.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from pathlib import Path

from playground.hooks.errors import excerpt

NAME = "MICROGPT_API"
GROUP = "microgpt_play_api"
HEAD_BYTES = 65_536
"""How much of a file is searched for the literal."""

Range = tuple[int, int]
"""The first and the last version, both included."""


class VersionError(Exception):
    """A range that cannot be read, or that leaves out this playground's version."""


def check(wanted: Range | None, version: int) -> None:
    """Raise VersionError if a plugin is written for another version of the interface."""
    if wanted is None or wanted[0] <= version <= wanted[1]:
        return
    first, last = wanted
    said = f"version {first}" if first == last else f"versions {first} to {last}"
    cure = "Update the playground" if first > version else "Look for a newer version of the plugin"
    raise VersionError(
        f"it is written for {said} of the plugin interface, and this playground has"
        f" version {version}. {cure}, or leave this one out"
    )


def of_text(text: str) -> Range:
    """The range in "1" or "1..2". Raises VersionError."""
    match = re.fullmatch(r"\s*(\d{1,6})(?:\.\.(\d{1,6}))?\s*", text, re.ASCII)
    if match is None:
        raise VersionError(
            f"its entry point in {GROUP} says {excerpt(text)}, which names no version of the"
            ' plugin interface; write "1" or "1..2"'
        )
    return _ordered(int(match[1]), int(match[2] or match[1]))


def head_of(path: Path) -> bytes:
    """The first HEAD_BYTES of a plugin's file, or of a package's __init__.py; nothing if there is
    no file to read. A pipe is not opened, because its reader would wait."""
    try:
        source = path / "__init__.py" if path.is_dir() else path
        if not source.is_file():
            return b""
        with source.open("rb") as file:
            return file.read(HEAD_BYTES)
    except (OSError, ValueError):
        return b""


def of_path(path: Path) -> Range | None:
    """The range that a plugin's file, or a package's __init__.py, names. None if it names none, or
    cannot be read: the import then says why. Raises VersionError."""
    head = head_of(path)
    if NAME.encode() not in head:
        return None  # nearly every plugin; the rest costs some ms
    literal = _literal(head)
    return None if literal is None else _of_literal(literal)


def _literal(head: bytes) -> str | None:
    """The source text behind `NAME =` in a line of the top level; None if there is no such line."""
    try:
        text = head.decode(tokenize.detect_encoding(io.BytesIO(head).readline)[0], "replace")
    except (SyntaxError, LookupError):
        return None
    begins = True  # of a logical line
    line: list[str] = []
    taken = False
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type in (tokenize.NL, tokenize.COMMENT):
                continue
            if token.type in (tokenize.NEWLINE, tokenize.ENDMARKER):
                if taken:
                    break
                begins = True
                continue
            if begins and token.type not in (tokenize.INDENT, tokenize.DEDENT):
                taken = token.string == NAME and token.start[1] == 0
                begins = False
                line = []
            elif taken:
                line.append(token.string)
    except (tokenize.TokenError, SyntaxError):  # cut off inside a string, or no Python
        if not taken:
            return None
    if not taken or "=" not in line:
        return None
    return " ".join(line[line.index("=") + 1 :])


def _of_literal(source: str) -> Range:
    try:
        value = ast.literal_eval(source)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        value = None
    if type(value) is int:
        return _ordered(value, value)
    if isinstance(value, tuple) and [type(part) for part in value] == [int, int]:
        return _ordered(*value)
    raise VersionError(
        f"its {NAME} is {excerpt(source)}; write the version of the plugin interface, 1, or the"
        " first and the last that will do, (1, 2)"
    )


def _ordered(first: int, last: int) -> Range:
    if first > last:
        raise VersionError(f"its range of versions begins at {first} and ends before, at {last}")
    return first, last
