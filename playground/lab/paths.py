"""Where things are kept on this system. MICROGPT_PLAY_HOME puts all of it into one folder.

Where a file that a person named is to be written, and what may stand in the way.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from playground.hooks.sources import expanded

if TYPE_CHECKING:
    pass


MOST = 16 * 1024 * 1024
"""Bytes of a text file up to which it is kept."""


def sha256_of(path: str) -> str:
    """Of the file's bytes; "" if it cannot be read or is too large to be kept."""
    data = text_of(path)
    return hashlib.sha256(data).hexdigest() if data is not None else ""


def text_of(path: str) -> bytes | None:
    """The file's bytes, if it is one that is kept."""
    with contextlib.suppress(OSError, ValueError):
        source = expanded(path)
        if source.is_file() and source.stat().st_size <= MOST:
            return source.read_bytes()
    return None


APP = "microgpt-play"


def _home() -> Path | None:
    home = os.environ.get("MICROGPT_PLAY_HOME")
    return expanded(home) if home else None


def data_folder() -> Path:
    """Runs and caches; made on first use by whoever writes there."""
    home = _home()
    if home is not None:
        return home / "data"
    from platformdirs import user_data_path

    return user_data_path(APP, appauthor=False)


def config_folder() -> Path:
    """Settings and the user's plugins."""
    home = _home()
    if home is not None:
        return home / "config"
    from platformdirs import user_config_path

    return user_config_path(APP, appauthor=False)


def plugin_folder() -> Path:
    """Single-file plugins: every *.py here is loaded at the start."""
    return config_folder() / "plugins"


def config_file() -> Path:
    """What the person decided; see playground.hooks.switched_off."""
    return config_folder() / "config.json"


def loading_folder() -> Path:
    """What was being loaded when a process ended; see playground.hooks.quarantine."""
    return data_folder() / "loading"


def last_run() -> Path:
    """The run that was open when the playground was left."""
    return data_folder() / "last-run.safetensors"


def store_file() -> Path:
    """The runs that were recorded; see playground.lab.store."""
    return data_folder() / "runs.sqlite"


def is_store(path: Path) -> bool:
    """Whether that is the file of all runs, which nothing else may be written over."""
    with contextlib.suppress(OSError):
        return path.samefile(store_file())
    return False


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
