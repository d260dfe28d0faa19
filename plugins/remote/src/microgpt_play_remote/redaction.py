"""Secrets, and their removal from texts that others wrote.

A server may repeat a key: in an error, in an answer, cut into pieces, escaped or in base64. What is
shown, kept or logged goes through a `Redactor` first.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable

WORD = "[the key]"
"""What stands where a secret was."""
SHORTEST = 8
"""Characters. Shorter secrets are not taken, because their removal would tear ordinary words."""
_ESCAPE = re.compile(
    r"%([0-9a-f]{2})|\\u([0-9a-f]{4})|\\x([0-9a-f]{2})|&#x([0-9a-f]{1,5});|&#([0-9]{1,6});|\\(/)",
    re.IGNORECASE,
)
_BEGUN = re.compile(
    r"(?:%[0-9a-f]?|\\(?:u[0-9a-f]{0,3}|x[0-9a-f]?)?|&(?:#x?[0-9a-f]{0,6})?)\Z", re.I
)
"""Matches an escape at the end of a text that is not whole yet."""


class Secret:
    """A key, which neither `repr` nor `str` shows."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The key itself."""
        return self._text

    def __repr__(self) -> str:
        return WORD

    def __reduce__(self) -> tuple[type[Secret], tuple[str]]:
        raise TypeError("a secret is not written down")


class Redactor:
    """Replaces secrets by a word, wherever `SHORTEST` characters of one stand in a row: in upper or
    lower case, behind escapes of URLs, JSON and HTML, in base64 and in hexadecimal."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """secrets: those shorter than SHORTEST are passed over."""
        self._forms = {
            _lower(form)
            for secret in secrets
            if len(secret) >= SHORTEST
            for form in _forms(secret)
            if len(form) >= SHORTEST
        }
        self._parts = {
            form[at : at + SHORTEST]
            for form in self._forms
            for at in range(len(form) - SHORTEST + 1)
        }

    def __repr__(self) -> str:
        return "Redactor()"

    def __call__(self, text: str) -> str:
        """The text without the secrets."""
        return _replaced(text, self._spans(text))

    def settled(self, text: str) -> tuple[str, str]:
        """(the beginning of a text without the secrets, the rest of the text as it is), where the
        rest may become a secret by what follows."""
        if not self._parts:
            return text, ""
        begun = _BEGUN.search(text)
        held = begun.start() if begun else len(text)
        for end in {len(text), held}:
            for plain, places in _readings(text[:end]):
                held = min(held, places[len(plain) - self._open(plain)])
        for start, end in reversed(self._spans(text)):
            if end >= held:  # what follows may belong to the same secret
                held = min(held, start)
        return self(text[:held]), text[held:]

    def _open(self, plain: str) -> int:
        """Characters at the end of a text with which a part of a secret may begin."""
        for length in range(min(SHORTEST - 1, len(plain)), 0, -1):
            if any(plain[-length:] in form for form in self._forms):
                return length
        return 0

    def _spans(self, text: str) -> list[tuple[int, int]]:
        """Where the secrets stand: (start, end) pairs, in order and apart."""
        found: list[tuple[int, int]] = []
        if not self._parts:
            return found
        for plain, places in _readings(text):
            found.extend(
                (places[at], places[at + SHORTEST])
                for at in range(len(plain) - SHORTEST + 1)
                if plain[at : at + SHORTEST] in self._parts
            )
        merged: list[tuple[int, int]] = []
        for start, end in sorted(found):
            if merged and start <= merged[-1][1]:
                merged[-1] = merged[-1][0], max(end, merged[-1][1])
            else:
                merged.append((start, end))
        return merged


def _forms(secret: str) -> Iterable[str]:
    yield secret
    data = secret.encode("utf-8", "surrogatepass")
    yield data.hex()
    for shift in range(3):  # what stands before the secret shifts its base64
        packed = base64.b64encode(b"\0" * shift + data).decode("ascii").rstrip("=")
        # The first and the last characters hold bits of what stands around the secret.
        inner = packed[(0, 2, 3)[shift] : -1 if (shift + len(data)) % 3 else None]
        yield inner
        yield inner.replace("+", "-").replace("/", "_")


def _readings(text: str) -> Iterable[tuple[str, list[int]]]:
    """The text as it is, and the text without its escapes: each in lower case, with the place in
    the text of each character and of the end."""
    yield _lower(text), list(range(len(text) + 1))
    if _ESCAPE.search(text) is None:
        return
    plain: list[str] = []
    places: list[int] = []
    at = 0
    for escape in _ESCAPE.finditer(text):
        plain.extend(text[at : escape.start()])
        places.extend(range(at, escape.start()))
        percent, unicode, byte, hexadecimal, decimal, slash = escape.groups()
        code = (
            int(decimal) if decimal else int(percent or unicode or byte or hexadecimal or "2f", 16)
        )
        plain.append("/" if slash else chr(code) if code < 0x110000 else "?")
        places.append(escape.start())
        at = escape.end()
    plain.extend(text[at:])
    places.extend(range(at, len(text) + 1))
    yield _lower("".join(plain)), places


def _lower(text: str) -> str:
    """The text with its ASCII letters in lower case; its length stays."""
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)


def _replaced(text: str, spans: list[tuple[int, int]]) -> str:
    parts: list[str] = []
    at = 0
    for start, end in spans:
        parts += text[at:start], WORD
        at = end
    return "".join((*parts, text[at:]))
