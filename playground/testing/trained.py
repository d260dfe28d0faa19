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
    """(words, documents, tokenizer trained on the documents). Tokenizers are trained once, since
    most checks change nothing that a tokenizer has learnt."""
    if "trained" not in subject.memo:
        subject.memo["trained"] = [
            (words, documents, train(subject, setting, documents))
            for words, setting, documents in trainings(subject)
        ]
    yield from subject.memo["trained"]


def train(subject: Subject, setting: Setting, documents: tuple[str, ...]) -> Any:
    """A fresh tokenizer, trained on `documents`."""
    tokenizer = subject.make(setting)
    tokenizer.train(iter(documents))  # no more than an iterable is promised
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
    """True if the tokenizer can encode all of the text."""
    try:
        tokenizer.encode(text)
    except UnknownTextError:
        return False
    return True


def is_fixed(subject: Subject) -> bool:
    """True if the vocabulary has one size whatever it was trained on. The documents may then hold
    characters that the vocabulary lacks."""
    sizes = {made.vocab_size for words, _, made in trained_ones(subject) if ", " not in words}
    return len(sizes) == 1
