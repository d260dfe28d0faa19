"""Tells a sampled text that stands in the data from a new one.

A text is recited if the data hold it word for word, in one of two ways:

- it was cut at the end of the context, and a document begins with it: then the text is all that
  the model ever saw of that document;
- it has LONG characters or more, and stands anywhere within a document.

A shorter text that ended by itself is new even if it is a part of a longer document: "ann" is not
recited because there is an "annabel".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from playground.lab.run.distinct import Distinct
from playground.packed import PackedTexts

LONG = 12
"""Characters from which on a part of a document is recited, wherever it stands in the document."""
SHORT = 4
"""A text of fewer characters is never recited: hardly any text that short is missing in the
data."""
REMEMBERED = 4096
"""How many answers are remembered: a model that has learnt little by heart repeats itself."""
_UNFINISHED = "\ufffd"
"""What a tokenizer of bytes makes of the first bytes of a character that was cut."""


class KnownTexts:
    """The different documents of a data set, held out or not. `in` tells whether a text is one."""

    def __init__(
        self, documents: Iterable[str], told: Callable[[int], None] = lambda _: None
    ) -> None:
        """told: called with the documents done so far."""
        packed = documents if isinstance(documents, PackedTexts) else PackedTexts(documents)
        self._documents = packed
        self.distinct = Distinct(packed, told)
        self._answers: dict[tuple[str, bool], bool] = {}

    def __contains__(self, text: object) -> bool:
        return text in self.distinct

    def recited(self, text: str, complete: bool) -> bool:
        """True if the text is no document, but recited from one. complete: False if the text was
        cut at the end of the context."""
        if text in self.distinct:
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
            found = self._documents.holds(text, begins)
            if len(self._answers) >= REMEMBERED:
                self._answers.clear()
            self._answers[asked] = found
        return found
