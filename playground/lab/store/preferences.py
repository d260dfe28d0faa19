"""What a person prefers, and what the playground remembers from one start to the next.

    {"notify": "bell", "sentence": false}

A value is kept under a name, in one JSON file; names that this version does not know stay in it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

from playground.files import read_file, write_whole
from playground.lab.paths import config_folder
from playground.lab.protocol.failures import LabError
from playground.strict import parsed

_MOST = 100_000
"""Bytes of the largest file of preferences."""

Plain = TypeVar("Plain", bool, int, float, str)


class Preferences:
    """The preferences of this user. Nothing that is wrong with their file keeps the playground from
    starting: `trouble` says it in words, and every preference has its default then."""

    def __init__(self, path: Path | None, values: dict[str, Any], trouble: str = "") -> None:
        self._path = path
        self._values = values
        self.trouble = trouble
        """What is wrong with the file, and what to do; "" if nothing is."""

    @classmethod
    def load(cls, path: Path | None = None) -> Preferences:
        """Read the preferences; without a file all have their defaults. path: another file than the
        user's own."""
        try:
            path = path or preferences_file()
        except LabError as error:
            return cls(None, {}, f"{error.failure.title}. {error.failure.message}")
        values, trouble = _read(path)
        return cls(path, values, trouble)

    def get(self, name: str, default: Plain) -> Plain:
        """The value under this name; the default if there is none, or one of another type."""
        value = self._values.get(name, default)
        return value if type(value) is type(default) else default

    def set(self, name: str, value: bool | int | float | str) -> bool:
        """Remember a value, at once and for the next start; True if it was written to the file.

        A damaged file is left as it is, for a person to mend. What another playground wrote
        meanwhile is kept. If nothing can be written, `trouble` says why.
        """
        self._values[name] = value
        if self._path is None:
            return False
        there, self.trouble = _read(self._path)
        if self.trouble:
            return False
        there[name] = value
        self.trouble = _write(self._path, there)
        return not self.trouble


def preferences_file() -> Path:
    """The file of the preferences. Raises LabError if this system has no folder for it."""
    return config_folder() / "preferences.json"


def _read(path: Path) -> tuple[dict[str, Any], str]:
    """(the values in the file, what is wrong with it)."""
    try:
        text = read_file(path, _MOST).decode("utf-8-sig")
        content = parsed(text, "it", most=_MOST)
    except (FileNotFoundError, NotADirectoryError):
        return {}, ""
    except OSError as error:
        why = error.strerror or error
        return {}, f"{path} cannot be read ({why}). Make it readable, or remove it."
    except ValueError as error:
        return {}, f"{path} is damaged ({error}). Mend it, or remove it to begin anew."
    if not isinstance(content, dict):
        return {}, f"{path} holds no JSON object. Mend it, or remove it to begin anew."
    return content, ""


def _write(path: Path, values: dict[str, Any]) -> str:
    """Write all values in one go; returns why that is impossible, or ""."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(values, indent=2, ensure_ascii=False) + "\n"
        # A link to a file kept elsewhere stays a link.
        write_whole(path.resolve(), text.encode("utf-8"), mode=0o600)
    except (OSError, UnicodeEncodeError, RuntimeError) as error:
        return f"{path} cannot be written ({error}). Make room, or the folder writable."
    return ""
