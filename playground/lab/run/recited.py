"""Tells a sampled text that stands in the data from a new one.

A text is recited if the data hold it word for word, in one of two ways:

- it was cut at the end of the context, and a document begins with it: then the text is all that
  the model ever saw of that document;
- it has LONG characters or more, and stands anywhere within a document.

A shorter text that ended by itself is new even if it is a part of a longer document: "ann" is not
recited because there is an "annabel".
"""

from __future__ import annotations

from collections.abc import Iterable

LONG = 12
"""Characters from which on a part of a document is recited, wherever it stands in the document."""
SHORT = 4
"""A text of fewer characters is never recited: hardly any text that short is missing in the
data."""
JOINED = 64_000_000
"""The most characters of documents that are joined into one text, which is searched about five
times as fast as the documents one by one. Joined documents take their size in memory once more."""
REMEMBERED = 4096
"""How many answers are remembered: a model that has learnt little by heart repeats itself."""
_END = "\0"
"""Stands before each document in the joined text."""
_UNFINISHED = "\ufffd"
"""What a tokenizer of bytes makes of the first bytes of a character that was cut."""


class KnownTexts:
    """The different documents of a data set, held out or not. `in` tells whether a text is one."""

    def __init__(self, documents: Iterable[str]) -> None:
        self._documents = frozenset(documents)
        self._joined: str | None = None
        self._looked = False
        """True once it was tried to join the documents; the first search does that."""
        self._answers: dict[tuple[str, bool], bool] = {}

    def __contains__(self, text: object) -> bool:
        return text in self._documents

    def __len__(self) -> int:
        """How many different documents there are."""
        return len(self._documents)

    def recited(self, text: str, complete: bool) -> bool:
        """True if the text is no document, but recited from one. complete: False if the text was
        cut at the end of the context."""
        if text in self._documents:
            return False
        if not complete:
            text = text.rstrip(_UNFINISHED)
        if len(text) >= LONG:
            return self._remembered(text, False)
        return not complete and len(text) >= SHORT and self._remembered(text, True)

    def _remembered(self, text: str, begins: bool) -> bool:
        asked = (text, begins)
        found = self._answers.get(asked)
        if found is None:
            found = self._found(text, begins)
            if len(self._answers) >= REMEMBERED:
                self._answers.clear()
            self._answers[asked] = found
        return found

    def _found(self, text: str, begins: bool) -> bool:
        """True if a document has the text, at its beginning if `begins`."""
        if not self._looked:
            self._looked, self._joined = True, _join(self._documents)
        if self._joined is not None:
            return _END not in text and (_END + text if begins else text) in self._joined
        if begins:
            return any(one.startswith(text) for one in self._documents)
        return any(text in one for one in self._documents)


def _join(documents: Iterable[str]) -> str | None:
    """All documents, each after an end mark; None if that would be too large, or if a document
    holds the mark itself."""
    size = 0
    for one in documents:
        size += len(one) + 1
        if size > JOINED or _END in one:
            return None
    return _END + _END.join(documents)
