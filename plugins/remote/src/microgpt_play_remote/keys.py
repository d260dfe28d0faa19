"""Where a key comes from, and whether it can be one. Nothing here repeats a key."""

from __future__ import annotations

import os
import re
from typing import Literal

from microgpt_play_remote.redaction import SHORTEST, Secret
from playground.api import WriterError

Source = Literal["environment", "keyring", "none"]
USER = "microgpt-play"
"""The name of the user under which the key lies in the keyring."""
LONGEST = 4096
"""Characters of a key; servers take headers of about 8,000 bytes."""
_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_BEGINNINGS = re.compile(
    r"(?:(?:sk|pk|rk|gsk|xai|hf|r8|pplx|nvapi)[-_]|AIza|AKIA)[\w-]{12,}|Bearer\s.+", re.IGNORECASE
)
_ROW = re.compile(r"[A-Za-z0-9+=]{16,}")


def looks_like_key(text: str) -> bool:
    """True for a text that begins as keys do, or that is one long row of letters and digits."""
    if _BEGINNINGS.fullmatch(text):
        return True
    return bool(_ROW.fullmatch(text)) and sum(map(str.isdigit, text)) >= 3


def checked_name(name: str) -> str:
    """The name under which the key is found. Raises ValueError, whose words do not repeat what
    was given, because a person may have given the key."""
    name = name.strip()
    # Only keys without small letters could pass for names; "HF_TOKEN" begins as some keys do.
    if not _NAME.fullmatch(name) or _ROW.fullmatch(name) or sum(map(str.isdigit, name)) >= 8:
        raise ValueError(
            "must be the name under which the key is found, as OPENAI_API_KEY is: 1 to 64 of "
            "A to Z, 0 to 9 and _, a letter first; never the key itself, for knobs are kept on disk"
        )
    return name


def checked_model(name: str) -> str:
    """The name of a model. Raises ValueError, whose words do not repeat it."""
    name = name.strip()
    if looks_like_key(name):
        raise ValueError("must be the name of a model; what was given looks like a key")
    if not 0 < len(name) <= 200 or not name.isprintable():
        raise ValueError("must be the name of a model, of 1 to 200 characters")
    return name


def source_in_words(source: Source, name: str) -> str:
    """Where the key comes from; "" if none is sent."""
    if source == "environment":
        return f"the environment variable {name}"
    if source == "keyring":
        return f"the system's keyring, service {name}, user {USER}"
    return ""


def read_key(source: Source, name: str) -> Secret | None:
    """The key; None if none is to be sent. Raises WriterError."""
    if source == "none":
        return None
    key = Secret((_from_environment if source == "environment" else _from_keyring)(name).strip())
    if wrong := _wrong(key, source, name):
        raise wrong
    return key


def _wrong(key: Secret, source: Source, name: str) -> WriterError | None:
    """Why this cannot be a key; None if it can be one."""
    where = source_in_words(source, name)
    if not (text := key.reveal()):
        return WriterError("There is no key", f"{_capital(where)} is empty. {_how(source, name)}")
    if any(not "!" <= letter <= "~" for letter in text):
        return WriterError(
            "That is no key",
            f"What {where} holds has a space, a line end or a character beyond ASCII, which no "
            "header may have. Copy the key once more.",
        )
    if not SHORTEST <= len(text) <= LONGEST:
        return WriterError(
            "That is no key",
            f"What {where} holds has {len(text)} characters; a key has {SHORTEST} to {LONGEST:,}. "
            "For a server that needs no key, set key_from to none.",
        )
    return None


def _from_environment(name: str) -> str:
    key = os.environ.get(name)
    if key is None:
        raise WriterError(
            "There is no key",
            f"The environment variable {name} is not set. {_how('environment', name)}",
        )
    return key


def _from_keyring(name: str) -> str:
    try:
        import keyring
    except ImportError:
        missing = True
    else:
        missing = False
    if missing:
        raise WriterError(
            "The keyring cannot be read",
            "The library keyring is not installed. Install it with: python -m pip install keyring "
            "- or set key_from to environment.",
        )
    kind = ""
    key: str | None = None
    try:
        key = keyring.get_password(name, USER)
    except Exception as error:  # each backend has exceptions of its own
        kind = type(error).__name__
    if kind:
        raise WriterError(
            "The keyring cannot be read",
            f"The system's keyring failed ({kind}): it may be locked, or this machine has none. "
            "Unlock it, or set key_from to environment.",
        )
    if key is None:
        raise WriterError(
            "There is no key",
            f"The keyring holds none for service {name}, user {USER}. {_how('keyring', name)}",
        )
    return key


def _how(source: Source, name: str) -> str:
    if source == "keyring":
        return f"Store it with: python -m keyring set {name} {USER}"
    return (
        f"Set {name} before the playground is started, or set key_from to keyring - or to none "
        "for a server that needs no key."
    )


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
