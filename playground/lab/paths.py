"""Paths: where this system keeps the program's files, and where a file that a person named goes.

MICROGPT_PLAY_HOME puts all of the program's files into one folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

from playground.files import read_file
from playground.hooks.sources import expanded

APP = "microgpt-play"
MOST = 16 * 1024 * 1024
"""Bytes of the largest text file that a run keeps a copy of."""


def _home() -> Path | None:
    home = os.environ.get("MICROGPT_PLAY_HOME")
    return expanded(home) if home else None


def data_folder() -> Path:
    """The folder of runs and caches; whoever writes there first makes it."""
    home = _home()
    if home is not None:
        return home / "data"
    from platformdirs import user_data_path

    return user_data_path(APP, appauthor=False)


def config_folder() -> Path:
    """The folder of settings and of the user's plugins."""
    home = _home()
    if home is not None:
        return home / "config"
    from platformdirs import user_config_path

    return user_config_path(APP, appauthor=False)


def plugin_folder() -> Path:
    """The folder of the user's plugins, which are loaded at the start."""
    return config_folder() / "plugins"


def config_file() -> Path:
    """The file of a person's choices; see playground.hooks.switched_off."""
    return config_folder() / "config.json"


def loading_folder() -> Path:
    """The folder of markers for plugins that are being loaded; see playground.hooks.quarantine."""
    return data_folder() / "loading"


def last_run() -> Path:
    """The checkpoint of the run that was open when the playground was left."""
    return data_folder() / "last-run.safetensors"


def store_file() -> Path:
    """The file of the recorded runs; see playground.lab.store."""
    return data_folder() / "runs.sqlite"


def is_store(path: Path) -> bool:
    """True if `path` is the store, which nothing may overwrite."""
    with contextlib.suppress(OSError):
        return path.samefile(store_file())
    return False


def target_of(path: str | os.PathLike[str]) -> Path:
    """The path to write to: `~` is the home, and a link to a file is followed, so that the link
    stays. Raises OSError, ValueError."""
    target = expanded(path)
    to_a_file = target.is_symlink() and (target.is_file() or not target.exists())
    return target.resolve() if to_a_file else target


def hindrance(target: Path) -> tuple[str, str] | None:
    """Why nothing can be written to `target`, as (title, message); None if nothing stands in the
    way. Raises OSError where the system refuses to tell, and ValueError."""
    # rename(2) puts the file in place, and would replace /dev/null as well.
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


def sha256_of(path: str) -> str:
    """The SHA-256 of a text file; "" if the file cannot be read or has more than MOST bytes."""
    data = text_of(path)
    return hashlib.sha256(data).hexdigest() if data is not None else ""


def text_of(path: str) -> bytes | None:
    """The bytes of a text file; None if it cannot be read or has more than MOST bytes."""
    with contextlib.suppress(OSError, ValueError):
        return read_file(expanded(path), MOST)
    return None
