"""Where a file that a person named is to be written, and what may stand in the way."""

from __future__ import annotations

import os
from pathlib import Path

from playground.hooks.sources import expanded
from playground.lab.places import is_store


def target_of(path: str | os.PathLike[str]) -> Path:
    """The file itself where `path` is a link to one, so that the link stays one; `~` is the
    home. Raises OSError, ValueError."""
    target = expanded(path)
    to_a_file = target.is_symlink() and (target.is_file() or not target.exists())
    return target.resolve() if to_a_file else target


def hindrance(target: Path) -> tuple[str, str] | None:
    """Why nothing can be written there, as (title, message); None if nothing is seen to hinder
    it. Raises OSError, for what the system refuses, ValueError."""
    # A file is replaced by rename(2), and that would replace /dev/null as well.
    if target.exists() and not target.is_file() and not target.is_dir():
        return "This is not a file", f"{target} is a pipe, a socket or a device. Name a file."
    if is_store(target):
        return "This is the store of runs", f"{target} keeps all runs. Name another file."
    if not target.parent.is_dir():
        return (
            "There is no such folder",
            f"{target.parent} does not exist. Make it first, or choose another place.",
        )
    return None
