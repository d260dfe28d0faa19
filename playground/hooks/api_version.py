"""Which versions of the plugin interface a plugin is written for, read without running it.

A single file says it in a literal at its top level, a version or the first and the last one:

    MICROGPT_API = 1
    MICROGPT_API = (1, 2)

An installed package says it in an entry point of its own, for its metadata can be read without
importing it:

    [project.entry-points.microgpt_play_api]
    versions = "1..2"

One that says nothing is taken as it is.
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
"""Of a file, in which the literal is looked for."""

Range = tuple[int, int]
"""The first and the last version, both included."""


class VersionError(Exception):
    """A range that is none, or that leaves out the version there is."""


def check(wanted: Range | None, version: int) -> None:
    """Raises VersionError if a plugin is written for another version of the interface."""
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
    """How the source of a file, or of a package's folder, begins; nothing if it cannot be read,
    or is a pipe that one would wait for."""
    try:
        source = path / "__init__.py" if path.is_dir() else path
        if not source.is_file():
            return b""
        with source.open("rb") as file:
            return file.read(HEAD_BYTES)
    except (OSError, ValueError):
        return b""


def of_path(path: Path) -> Range | None:
    """What a plugin's file says, or a package's __init__.py; None if nothing, or if there is
    nothing to read: the import will tell. Raises VersionError."""
    head = head_of(path)
    if NAME.encode() not in head:
        return None  # nearly always: the rest costs some ms
    literal = _literal(head)
    return None if literal is None else _of_literal(literal)


def _literal(head: bytes) -> str | None:
    """The source of the literal: what stands behind NAME = in a line of the top level."""
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
    except (tokenize.TokenError, SyntaxError):  # cut off within a text, or no Python
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
