"""Paths in commands that a person may paste into a shell."""

from __future__ import annotations

import os
import shlex
from pathlib import Path


def shell_word(path: str | os.PathLike[str]) -> str:
    """The path as one word of a shell's command: as it is where the shell takes it so, else quoted.

    A name that begins with a hyphen gets `./` before it, so that no command takes it for an option.
    Unprintable characters, and bytes that are no text, are written $'\\n', $'\\xff', which bash,
    zsh and ksh read; they would not survive on a screen.
    """
    text = os.fspath(path)
    if text.startswith("-"):
        text = f"./{text}"
    if text.isprintable():
        return shlex.quote(text)
    escaped = "".join(
        f"\\{char}"
        if char in "\\'"
        else char
        if char.isprintable()
        else "".join(f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogateescape"))
        for char in text
    )
    return f"$'{escaped}'"


def new_name(name: str) -> str:
    """The name, or the first like it with a number that no file in the working folder has."""
    path, number = Path(name), 1
    while os.path.lexists(path):
        number += 1
        path = Path(name).with_stem(f"{Path(name).stem}-{number}")
    return str(path)
