"""Commands that a person may paste into a shell: paths, and the name of the program."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
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


def program(name: str = "microgpt-play") -> str:
    """The program as a person can start it again from here: by its name if that is on PATH, else by
    the path by which it was started, as after `make play`."""
    started = sys.argv[0] if sys.argv else ""
    if Path(started).name != name or os.sep not in started:
        return name
    found = shutil.which(name)
    if found is not None and os.path.realpath(found) == os.path.realpath(started):
        return name
    return shell_word(started)
