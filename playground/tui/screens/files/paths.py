"""Paths as people type them: ~, completion by Tab, a suggestion while typing, and a word about
what writing there would do."""

from __future__ import annotations

import asyncio
import contextlib
import os
from itertools import islice
from pathlib import Path
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.suggester import Suggester

from playground.tui.widgets.ordered_input import OrderedInput
from playground.tui.widgets.text import visible

LOOKED_AT = 20_000
"""Entries of one folder that completion looks through."""


def absolute(typed: str) -> Path:
    """The path that was typed, from the root. "~" is the home folder."""
    path = Path(typed)
    with contextlib.suppress(RuntimeError):  # no such user: the name is meant as it stands
        path = path.expanduser()
    try:
        return Path.cwd() / path
    except OSError:  # the working folder was deleted under us
        return path


def here() -> Path:
    """The working folder, or the home folder if there is none any more."""
    try:
        return Path.cwd()
    except OSError:
        return Path.home()


def is_folder(path: Path) -> bool:
    """Path.is_dir, but False for names that cannot be."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def obstacle(path: Path) -> str:
    """Why no file can be written there, in a sentence; empty if one can."""
    try:
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
    """What the typed path may go on to be, folders with a slash at the end, sorted.

    Hidden entries only once their dot was typed. Empty if the folder cannot be read.
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
                    continue  # an Input has one line; the file browser reaches these
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
    """`typed` with all that its candidates have in common."""
    if typed == "~":
        return "~/"
    found = candidates(typed)
    if not found:
        return typed
    low, high = found[0], found[-1]  # sorted: what these two share, all share
    same = next((n for n, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), len(low))
    return low[:same]


class PathSuggester(Suggester):
    """Suggests the first candidate; the disk is read in a thread."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        if not value:
            return None
        found = await asyncio.to_thread(candidates, value)
        return found[0] if found else None


class PathInput(OrderedInput):
    """A line for a path. Tab completes; where there is nothing to add it moves on."""

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

    async def action_complete(self) -> None:
        typed = self.value
        longer = await asyncio.to_thread(completed, typed) if typed else typed
        if longer != typed and self.value == typed:
            self.value = longer
            self.cursor_position = len(longer)
        else:
            self.screen.focus_next()
