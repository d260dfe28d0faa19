"""Letters that look alike or like nothing: found in a text, and made one.

A model takes é in one piece and e with an accent for different letters, and an invisible character
for a letter like any other. `Look` finds such texts; `tidy` is the cure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from itertools import takewhile

_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_NOTHING = (
    f"\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b\u2060-\u2064\u206a-\u206f{_BIDI}"
    "\u3164\ufeff\uffa0\ufff9-\ufffb\U000e0001"
)
_SPACES = "\u00a0\u1680\u2000-\u200a\u202f\u205f"
"""Spaces that look like the ordinary one. The wide space of East Asia (U+3000) does not."""
# A joiner is a part of a word in Arabic and Indic scripts, and of an emoji. It shows nothing behind
# a Latin, Greek or Cyrillic letter, or behind a space.
_UNSEEN = re.compile(f"[{_NOTHING}]|(?:(?<=[\x00-\u058f])|^)[\u200c\u200d]")
_SPACE = re.compile(f"[{_SPACES}]")
_NAMED = 3
"""Characters that `Look.unseen` names at most."""


def tidy(text: str) -> str:
    """The text composed (NFC), without invisible characters, every space the ordinary one."""
    return unicodedata.normalize("NFC", _SPACE.sub(" ", _UNSEEN.sub("", text)))


class Look:
    """What a person should know of the letters of a text, found piece by piece."""

    def __init__(self) -> None:
        self._unseen: dict[str, None] = {}  # in the order of appearance
        self._spaces: dict[str, None] = {}
        self._composed = ""
        self._decomposed = ""
        self._never_composed: set[str] = set()

    def take(self, text: str, characters: AbstractSet[str] | None = None) -> None:
        """Look at a piece of the text. characters: those in it, if they are known."""
        if text.isascii():
            return
        characters = characters or set(text)
        shown = characters - {"\n", "\t"}
        if not all(map(str.isprintable, shown)) or not _HIDDEN.isdisjoint(characters):
            self._unseen |= dict.fromkeys(_UNSEEN.findall(text))
            self._spaces |= dict.fromkeys(_SPACE.findall(text))
        if not self._composed or not self._decomposed:
            self._take_forms(text, characters)

    def _take_forms(self, text: str, characters: AbstractSet[str]) -> None:
        for character in sorted(characters) if not self._composed else ():
            if character > "\xbf" and len(unicodedata.normalize("NFD", character)) > 1:
                if unicodedata.is_normalized("NFC", character):
                    self._composed = character
                    break
                self._never_composed.add(character)
        if not self._decomposed and not unicodedata.is_normalized("NFC", text):
            self._decomposed = _first_that_composes(text)

    def unseen(self) -> str:
        """The invisible characters in words: "U+FEFF (byte order mark)"; "" if there are none."""
        return _named(self._unseen)

    def spaces(self) -> str:
        """The spaces that look like the ordinary one, in words; "" if there are none."""
        return _named(self._spaces)

    def mixed(self, texts: Iterable[str]) -> str:
        """A letter as it is written in two ways: "é and e + U+0301"; "" if letters are written in
        one way.

        texts: the whole text, looked at again where it has letters that Unicode never composes.
        """
        if self._composed and self._decomposed:
            return _two_ways(self._decomposed)
        parts = {unicodedata.normalize("NFD", one): one for one in self._never_composed}
        if parts:
            pattern = re.compile("|".join(map(re.escape, sorted(parts))))
            for text in texts:
                if not text.isascii() and (found := pattern.search(text)):
                    return _two_ways(parts[found.group()])
        return ""


_HIDDEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
"""Those of the invisible characters that Python calls printable."""
_WORDS = {
    "\u00ad": "soft hyphen",
    "\u00a0": "no-break space",
    "\u202f": "narrow no-break space",
    "\u200b": "zero width space",
    "\ufeff": "byte order mark",
}


def _named(characters: Iterable[str]) -> str:
    named = [
        f"U+{ord(one):04X} ({_WORDS.get(one) or unicodedata.name(one, 'unnamed').lower()})"
        for one in characters
    ]
    more = len(named) - _NAMED
    return ", ".join(named[:_NAMED]) + (f" and {more} more" if more > 0 else "")


_CLUSTER = re.compile(r"\w[^\w\s\x00-\x7f]+|[\u1100-\u1112][\u1161-\u1175][\u11a8-\u11c2]?")
"""A letter with what may be its marks, or a syllable of Hangul in pieces."""


def _first_that_composes(text: str) -> str:
    """The first letter that is written in pieces and could be in one; "" if there is none."""
    for match in _CLUSTER.finditer(text):
        letter = match.group()
        piece = letter[0] + "".join(takewhile(_is_joined, letter[1:]))
        composed = unicodedata.normalize("NFC", piece)
        if len(composed) < len(piece):
            return composed
    return ""


def _is_joined(character: str) -> bool:
    return unicodedata.category(character)[0] == "M" or "\u1161" <= character <= "\u11c2"


def _two_ways(letter: str) -> str:
    pieces = unicodedata.normalize("NFD", letter)
    base, marks = pieces[0], pieces[1:]
    if base.isprintable() and all(unicodedata.category(mark)[0] == "M" for mark in marks):
        return f"{letter} and {' + '.join([base, *(f'U+{ord(mark):04X}' for mark in marks)])}"
    return f"{letter} and {' + '.join(f'U+{ord(piece):04X}' for piece in pieces)}"


def in_known_form(text: str, is_known: Callable[[str], bool]) -> str:
    """The text with its letters composed or decomposed, so that as much of it is known as can be.

    The whole is tried first, then each word by itself, then each letter of a word that is not
    known.
    """
    return _known(text, is_known, (_WORDS_AND_SPACES, _LETTERS))


_WORDS_AND_SPACES = re.compile(r"\s+|\S+")
_LETTERS = re.compile(rf"(?:{_CLUSTER.pattern})|.", re.DOTALL)


def _known(text: str, is_known: Callable[[str], bool], smaller: tuple[re.Pattern[str], ...]) -> str:
    forms = (text, *(unicodedata.normalize(form, text) for form in ("NFC", "NFD")))
    for form in dict.fromkeys(forms):
        if is_known(form):
            return form
    if not smaller:
        return text
    return "".join(_known(part, is_known, smaller[1:]) for part in smaller[0].findall(text))
