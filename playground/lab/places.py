"""Where things are kept on this system. MICROGPT_PLAY_HOME puts all of it into one folder."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from playground.hooks.sources import expanded

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
    """What the person decided; see playground.hooks.settings."""
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
