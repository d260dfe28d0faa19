"""Tokenizers after training, and texts to try them on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from playground.api import UnknownTextError
from playground.testing.corpora import CORPORA, NAMES, random_texts
from playground.testing.subject import Setting, Subject


def trainings(subject: Subject) -> Iterator[tuple[str, Setting, tuple[str, ...]]]:
    """(words, setting, documents): every corpus with the defaults, one with every other setting."""
    first, *others = subject.settings
    for name, documents in CORPORA.items():
        if not subject.smoke or name in ("names", "many scripts"):
            yield f"trained on {name}", first, documents
    for setting in others:
        yield f"trained on names, {setting.words}", setting, NAMES


def trained_ones(subject: Subject) -> Iterator[tuple[str, tuple[str, ...], Any]]:
    """(words, documents, tokenizer trained on them). Made once, for most checks change nothing of
    what a tokenizer has learnt."""
    if "trained" not in subject.memo:
        subject.memo["trained"] = [
            (words, documents, train(subject, setting, documents))
            for words, setting, documents in trainings(subject)
        ]
    yield from subject.memo["trained"]


def train(subject: Subject, setting: Setting, documents: tuple[str, ...]) -> Any:
    """A fresh tokenizer, trained on these."""
    tokenizer = subject.make(setting)
    tokenizer.train(iter(documents))  # an iterable, which is all that is promised
    return tokenizer


def texts_for(subject: Subject, documents: tuple[str, ...], tokenizer: Any) -> list[str]:
    """Documents, and random texts of their characters, that the tokenizer can spell."""
    texts = [*documents]
    if is_fixed(subject):
        texts = [text for text in texts if spells(tokenizer, text)]
        letters = sorted({c for text in documents for c in text})
        own = [letter for letter in letters if spells(tokenizer, letter)]
        texts += random_texts(own, 20)
    else:
        some = random_texts(sorted({c for text in documents for c in text}), 20)
        texts += [text for text in some if spells(tokenizer, text)]
    return texts


def spells(tokenizer: Any, text: str) -> bool:
    """Whether the tokenizer knows all of the text."""
    try:
        tokenizer.encode(text)
    except UnknownTextError:
        return False
    return True


def is_fixed(subject: Subject) -> bool:
    """Whether the vocabulary is the same whatever it was trained on: then documents may hold
    characters that it does not have."""
    sizes = {made.vocab_size for words, _, made in trained_ones(subject) if ", " not in words}
    return len(sizes) == 1
