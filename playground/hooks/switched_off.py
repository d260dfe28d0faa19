"""The plugins that a person switched off: a list in the configuration file.

    {"plugins": {"disabled": ["bad", "llm-words"]}}

The file is JSON because the playground writes it as well as a person; all else in it is kept.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from playground.files import read_file, write_whole
from playground.strict import parsed

_MOST = 1_000_000
"""Bytes of the largest configuration file."""


class SettingsError(Exception):
    """A configuration file that cannot be read or written; the message says what to do."""


def read_disabled(path: Path) -> tuple[str, ...]:
    """The names in the file; none if there is no file. Raises SettingsError."""
    return _disabled(_read(path), path)


def set_enabled(path: Path, name: str, enabled: bool) -> bool:
    """Switch a plugin on or off from the next start on; True if that changed the file.

    A damaged file is left as it is, for a person to mend. Raises SettingsError.
    """
    content = _read(path)
    disabled = list(_disabled(content, path))
    if enabled == (name not in disabled):
        return False
    disabled = [other for other in disabled if other != name] + ([] if enabled else [name])
    content.setdefault("plugins", {})["disabled"] = disabled
    _write(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    return True


def _read(path: Path) -> dict[str, Any]:
    try:
        content = parsed(read_file(path, _MOST).decode("utf-8-sig"), "it", most=_MOST, nan=True)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be read ({error.strerror or error}). Make it readable, or remove it."
        ) from None
    except ValueError as error:
        raise SettingsError(
            f"{path} is damaged ({error}). Mend it, or remove it to begin anew."
        ) from None
    if not isinstance(content, dict):
        raise SettingsError(f"{path} holds no JSON object. Mend it, or remove it to begin anew.")
    return content


def _disabled(content: dict[str, Any], path: Path) -> tuple[str, ...]:
    plugins = content.get("plugins", {})
    names = plugins.get("disabled", []) if isinstance(plugins, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise SettingsError(
            f'{path} must hold {{"plugins": {{"disabled": ["name", ...]}}}}. Mend it, or remove'
            " it to begin anew."
        )
    return tuple(names)


def _write(path: Path, text: str) -> None:
    """Write the whole file at once: a reader sees the old text or the new one, never a part."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # A link to a file kept elsewhere stays a link.
        write_whole(path.resolve(), text.encode("utf-8"), mode=0o600)
    except (OSError, UnicodeEncodeError, RuntimeError) as error:
        raise SettingsError(
            f"{path} cannot be written ({error}). Make room, or the folder writable."
        ) from None
