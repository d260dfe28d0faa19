"""Paths as a person types them: "~", Tab that completes, suggestions, and what keeps a file from
being written."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shlex
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import ClassVar
from urllib.parse import unquote

from textual import events
from textual.binding import Binding, BindingType
from textual.suggester import Suggester

from playground.fence import shows
from playground.hooks.sources import expanded
from playground.tui.widgets.literal_input import LiteralInput
from playground.tui.widgets.text import visible

OUTSIDE = "This lies outside the folders of this session"
"""What stands against a path that the fence of this process keeps out."""
LOOKED_AT = 20_000
"""The most entries of a folder that completion looks through."""


def absolute(typed: str) -> Path:
    """The typed path from the root, with the home folder for "~".

    Terminals write a file that is dropped on them as a word of a shell, or as a file: address.
    Such a path is taken for what it means where no file has the name as it stands, and one has the
    other.
    """
    path = _from_root(typed)
    if not typed.strip() or _exists(path):
        return path
    others = [_from_root(meant) for meant in _meanings(typed)]
    there = [other for other in others if _exists(other)]
    # A file that is to be written is in no folder yet, but its folder is there.
    there += [other for other in others if not is_folder(path.parent) and is_folder(other.parent)]
    return there[0] if there else path


def _meanings(typed: str) -> Iterator[str]:
    """The paths that a terminal may have written as the typed one."""
    typed = typed.strip()
    address = re.fullmatch(r"file:(?://(?:localhost)?)?(/.*)", typed)
    if address:
        yield unquote(address[1])
    with contextlib.suppress(ValueError):  # no closing quote
        words = shlex.split(typed)
        if len(words) == 1:
            yield words[0]
    yield typed


def _exists(path: Path) -> bool:
    try:
        return shows(path) and path.exists()
    except (OSError, ValueError):
        return False


def dropped(text: str) -> str:
    """The path of the file that a terminal pasted because the file was dropped on it; "" if the
    text is none. Such paths begin at the root."""
    line = text.strip()
    if "\n" in line or not line:
        return ""
    for meant in (line, *_meanings(line)):
        if meant.startswith("/") and meant.isprintable() and _exists(Path(meant)):
            return meant
    return ""


def _from_root(typed: str) -> Path:
    path = Path(typed)
    with contextlib.suppress(RuntimeError):  # there is no such user: "~name" is a file's name
        path = path.expanduser()
    try:
        return Path.cwd() / path
    except OSError:  # the working folder was deleted
        return path


def here() -> Path:
    """The working folder; if that was deleted the home folder, or the root without one."""
    try:
        return Path.cwd()
    except OSError:
        home = expanded("~")
        return home if home.is_absolute() else Path(os.sep)


def is_folder(path: Path) -> bool:
    """Path.is_dir, but False for a name that no file can have."""
    try:
        return shows(path) and path.is_dir()
    except (OSError, ValueError):
        return False


def obstacle(path: Path) -> str:
    """A sentence on why no file can be written at this path; "" if one can."""
    try:
        if not shows(path):
            return f"{OUTSIDE}. Give a name alone."
        if path.is_dir():
            return f"{visible(str(path))} is a folder. Add a file name."
        if path.exists() and not path.is_file():
            return f"{visible(str(path))} is a pipe, a socket or a device. Choose another name."
        folder = path.parent
        if not folder.is_dir():
            return f"There is no folder {visible(str(folder))}. Make it first, or choose another."
        if not os.access(folder, os.W_OK | os.X_OK):
            return f"You may not write into {visible(str(folder))}. Choose another folder."
        if path.exists() and not os.access(path, os.W_OK):
            return f"You may not replace {visible(path.name)}. Choose another name."
    except (OSError, ValueError) as problem:
        return f"This path cannot be used: {visible(str(problem))}."
    return ""


def candidates(typed: str) -> list[str]:
    """The paths that begin as the typed one does, sorted; a folder has a slash at its end.

    A hidden entry is among them once its dot was typed. Empty if the folder cannot be read.
    """
    head, _, prefix = typed.rpartition("/")
    folder = absolute(head + "/" if "/" in typed else ".")
    start = typed[: len(typed) - len(prefix)]
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in islice(entries, LOOKED_AT):
                name = entry.name
                if not name.startswith(prefix) or (name.startswith(".") and not prefix):
                    continue
                if not name.isprintable():
                    continue  # a line break has no place in an Input; the tree reaches the file
                found.append(start + name + ("/" if _is_folder(entry) else ""))
    except (OSError, ValueError):
        return []
    return sorted(found)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def completed(typed: str) -> str:
    """The typed path, and after it what all its candidates have in common."""
    if typed == "~":
        return "~/"
    found = candidates(typed)
    if not found:
        return typed
    low, high = found[0], found[-1]  # they are sorted: what the first and the last share, all share
    same = next((n for n, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), len(low))
    return low[:same]


class PathSuggester(Suggester):
    """Suggests the first candidate. A thread reads the disk."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        if not value:
            return None
        found = await asyncio.to_thread(candidates, value)
        return found[0] if found else None


class PathInput(LiteralInput):
    """A line for a path. Tab completes the path; if there is nothing to add, Tab moves on."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "complete", "complete", id="path.complete",
                tooltip="Complete the path, or go to the next field"),
    ]  # fmt: skip

    def __init__(self, value: str = "", *, placeholder: str = "", id: str | None = None) -> None:
        super().__init__(
            value,
            placeholder,
            id=id,
            compact=True,
            suggester=PathSuggester(),
            select_on_focus=False,
        )

    def on_paste(self, event: events.Paste) -> None:
        """A file that is dropped on the terminal takes the place of what the line held."""
        path = dropped(event.text)
        if path:
            event.stop()
            event.prevent_default()
            self.value = path
            self.cursor_position = len(path)

    async def action_complete(self) -> None:
        typed = self.value
        longer = await asyncio.to_thread(completed, typed) if typed else typed
        if longer != typed and self.value == typed:
            self.value = longer
            self.cursor_position = len(longer)
        else:
            self.screen.focus_next()
