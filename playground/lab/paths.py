"""Paths: where this system keeps the program's files, and where a file that a person named goes.

MICROGPT_PLAY_HOME puts all of the program's files into one folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path
from typing import Literal

from playground.files import read_file
from playground.hooks.sources import PluginSources, expanded
from playground.lab.protocol.failures import Failure, LabError

APP = "microgpt-play"
MOST = 16 * 1024 * 1024
"""Bytes of the largest text file that a run keeps a copy of."""


VARIABLE = "MICROGPT_PLAY_HOME"
"""The environment variable that names the folder of all the program's files."""
CHOOSE = f"Set {VARIABLE} to a folder that is yours"
"""What to do, in words, where no file can be kept."""


def data_folder() -> Path:
    """The folder of runs and caches; whoever writes there first makes it. Raises LabError if this
    system has no such folder."""
    return _folder("data")


def config_folder() -> Path:
    """The folder of settings and of the user's plugins. Raises LabError as `data_folder` does."""
    return _folder("config")


def _folder(kind: Literal["data", "config"]) -> Path:
    home = os.environ.get(VARIABLE)
    if home:
        path = expanded(home)
        if home.startswith("~") and path == Path(home):
            raise _homeless(f"{VARIABLE} is {home}, and there is no such home folder.")
        return path / kind
    from platformdirs import user_config_path, user_data_path

    of_user = user_data_path if kind == "data" else user_config_path
    # Somebody without a home folder, as in a container, gets an error; or a path that begins where
    # the person happens to be, from an older platformdirs.
    with contextlib.suppress(RuntimeError):
        path = of_user(APP, appauthor=False)
        if path.is_absolute():
            return path
    home = os.environ.get("HOME")
    said = f"HOME is {home}, which is no path from the root" if home else "HOME is not set"
    raise _homeless(f"{said}, and this system knows no home folder of this user.")


def _homeless(why: str) -> LabError:
    advice = f"{CHOOSE}, for example: export {VARIABLE}=/tmp/{APP}"
    return LabError(Failure("There is no folder for runs and settings", f"{why} {advice}"))


def plugin_folder() -> Path:
    """The folder of the user's plugins, which are loaded at the start."""
    return config_folder() / "plugins"


def config_file() -> Path:
    """The file of a person's choices; see playground.hooks.switched_off."""
    return config_folder() / "config.json"


def usual_plugins(files: tuple[str, ...] = (), without: tuple[str, ...] = ()) -> PluginSources:
    """Where plugins come from: installed packages, the user's folder, and these files. without:
    names of plugins that are left out. Raises LabError as `data_folder` does."""
    return PluginSources(
        files=files,
        folder=str(plugin_folder()),
        disabled=without,
        config=str(config_file()),
        loading=str(loading_folder()),
    )


def loading_folder() -> Path:
    """The folder of markers for plugins that are being loaded; see playground.hooks.quarantine."""
    return data_folder() / "loading"


def last_run() -> Path:
    """The checkpoint of the run that was open when the playground was left."""
    return data_folder() / "last-run.safetensors"


def store_file() -> Path:
    """The file of the recorded runs; see playground.lab.store."""
    return data_folder() / "runs.sqlite"


def tour_store() -> Path:
    """The file of the runs of lessons, which are nobody's own runs; a store like the other."""
    return data_folder() / "tour.sqlite"


def tour_journal() -> Path:
    """The file of what a learner did in the tour; see playground.lab.store.journal."""
    return data_folder() / "tour.jsonl"


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
