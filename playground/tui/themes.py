"""The two themes of the playground, and the choice of a theme, which a file remembers."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from textual.theme import Theme

from playground.files import read_file, write_whole
from playground.lab.paths import config_folder
from playground.strict import parsed

_MOST = 10_000
"""Bytes of the largest file that remembers a theme."""

DARK = Theme(
    name="microgpt-dark",
    primary="#e0a458",
    secondary="#7fa7c9",
    accent="#e0a458",
    foreground="#d8d8d2",
    background="#14161a",
    surface="#1a1d22",
    panel="#22262d",
    success="#8fb573",
    warning="#d9b15c",
    error="#d9705f",
    dark=True,
    variables={"border-blurred": "#3a404a", "border": "#e0a458"},
)
LIGHT = Theme(
    name="microgpt-light",
    primary="#9a5b00",
    secondary="#2f6690",
    accent="#9a5b00",
    foreground="#23262b",
    background="#faf9f6",
    surface="#f3f1ec",
    panel="#e8e5de",
    success="#3f7a2e",
    warning="#8a6100",
    error="#b3392b",
    dark=False,
    variables={"border-blurred": "#c9c4b8", "border": "#9a5b00"},
)


def choose_theme(wanted: str | None, available: Mapping[str, Any]) -> str:
    """The wanted theme, or the one of last time, or the dark one, whichever is available first."""
    for name in (wanted, _remembered()):
        if name is not None and name in available:
            return name
    return DARK.name


def _file() -> Path:
    return config_folder() / "theme.json"


def _remembered() -> str | None:
    with contextlib.suppress(OSError, ValueError):
        match parsed(read_file(_file(), _MOST).decode(), "the theme", most=_MOST):
            case {"theme": str(name)}:
                return name
    return None


def remember_theme(name: str) -> None:
    """Keep the theme's name for next time; without the right to write, nothing is kept."""
    with contextlib.suppress(OSError, RuntimeError):
        path = _file()
        path.parent.mkdir(parents=True, exist_ok=True)
        # What stands there may be a pipe, which nobody reads; a link to a file stays a link.
        write_whole(path.resolve(), json.dumps({"theme": name}).encode())
