"""The contract of a tokenizer: what `playground.api.Tokenizer` promises."""

from __future__ import annotations

import json
import random
import time
from contextlib import suppress
from typing import Any

from playground.api import UnknownTextError
from playground.testing.contract import ContractError, said
from playground.testing.corpora import CORPORA, NAMES, STRANGERS
from playground.testing.subject import Clause, Subject, clause, made_with_every_setting, manners
from playground.testing.trained import spells, texts_for, train, trained_ones, trainings
from playground.testing.watching import global_random_at

MANY = 2000
SECONDS = 3.0
"""Seconds that training on MANY names may take."""
LONGEST = 64
"""The most characters of a display."""


@clause(
    "trains",
    "train takes any iterable of documents, and there is a vocabulary after it",
    essential=True,
    smoke=True,
)
def trains(subject: Subject) -> None:
    """Trains on several small corpora, each read once."""
    for words, _, tokenizer in trained_ones(subject):
        size, bos = tokenizer.vocab_size, tokenizer.bos_id
        for name, value in (("vocab_size", size), ("bos_id", bos)):
            if not isinstance(value, int) or isinstance(value, bool):
                raise ContractError(
                    f"{name} is {value!r} ({words})", "give an int; a property if it is computed"
                )
        if not 0 <= bos < size:
            raise ContractError(
                f"bos_id is {bos}, vocab_size {size} ({words})", "count BOS in vocab_size"
            )


@clause(
    "round-trip",
    "decode(encode(text)) is the text: of every document, and of other texts that encode takes",
    essential=True,
    smoke=True,
)
def round_trip(subject: Subject) -> None:
    """Tries names, sentences, many scripts, emoji, and random texts of the same characters."""
    for words, documents, tokenizer in trained_ones(subject):
        texts = texts_for(subject, documents, tokenizer)
        if not texts:
            texts = [chr(code) for code in range(32, 127) if spells(tokenizer, chr(code))]
            if not texts:
                raise ContractError(
                    f"no text can be encoded ({words})", "learn the characters of the documents"
                )
        for text in texts:
            back = tokenizer.decode(tokenizer.encode(text))
            if back != text:
                raise ContractError(
                    f"{text!r} comes back as {back!r} ({words})",
                    "lose nothing: no normalizing, no stripping, no change of case",
                )


@clause("ids-in-range", "encode gives a list of ints from 0 up to vocab_size", smoke=True)
def ids_in_range(subject: Subject) -> None:
    """Checks lists, types and range; another check is about BOS."""
    for words, documents, tokenizer in trained_ones(subject):
        size = tokenizer.vocab_size
        for text in texts_for(subject, documents, tokenizer):
            ids = tokenizer.encode(text)
            if not isinstance(ids, list):
                raise ContractError(f"a {type(ids).__name__} ({words})", "return a list of ints")
            for token in ids:
                if type(token) is not int:
                    raise ContractError(
                        f"an id that is a {type(token).__name__} ({words})", "give plain ints"
                    )
                if not 0 <= token < size:
                    raise ContractError(
                        f"the id {token} of {text!r}, where vocab_size is {size} ({words})",
                        "let vocab_size be the largest id and 1, BOS included",
                    )


@clause("bos-apart", "encode never gives BOS, and decode leaves it out", smoke=True)
def bos_apart(subject: Subject) -> None:
    """Decodes BOS alone, before a text, and twice after it."""
    for words, documents, tokenizer in trained_ones(subject):
        bos = tokenizer.bos_id
        for text in texts_for(subject, documents, tokenizer):
            ids = tokenizer.encode(text)
            if bos in ids:
                raise ContractError(
                    f"the ids of {text!r} hold {bos}, which is BOS ({words})",
                    "leave BOS to the playground, and give no text its id",
                )
            back = tokenizer.decode([bos, *ids, bos, bos])
            if back != text:
                raise ContractError(
                    f"BOS and {text!r} are decoded as {back!r} ({words})", "pass over BOS in decode"
                )
        if tokenizer.decode([bos]) != "":
            raise ContractError(
                f"BOS alone is decoded as {tokenizer.decode([bos])!r} ({words})",
                "pass over BOS in decode",
            )


@clause("empty-text", "the empty text has no ids, and no ids are the empty text", smoke=True)
def empty_text(subject: Subject) -> None:
    """Tries every corpus and setting."""
    for words, _, tokenizer in trained_ones(subject):
        ids, text = tokenizer.encode(""), tokenizer.decode([])
        if ids != []:
            raise ContractError(f"encode('') is {ids!r} ({words})", "return []")
        if text != "":
            raise ContractError(f"decode([]) is {text!r} ({words})", "return ''")


@clause(
    "same-documents-same-ids",
    "training twice on the same documents gives the same ids",
    smoke=True,
)
def same_documents_same_ids(subject: Subject) -> None:
    """Trains the second time with the global random stream at another place."""
    for (words, setting, documents), trained in zip(
        trainings(subject), trained_ones(subject), strict=True
    ):
        tokenizer = trained[2]
        with global_random_at(len(words)):
            other = train(subject, setting, documents)
        advice = "sort what comes out of sets, and break ties always alike"
        _alike(subject, words, documents, tokenizer, other, advice)


def _alike(
    subject: Subject, words: str, documents: tuple[str, ...], mine: Any, other: Any, advice: str
) -> None:
    """Raise ContractError if two tokenizers differ in a result of any method."""
    for name in ("vocab_size", "bos_id"):
        a, b = getattr(mine, name), getattr(other, name)
        if a != b:
            raise ContractError(f"{name} is {a}, and then {b} ({words})", advice)
    for text in texts_for(subject, documents, mine):
        ids = mine.encode(text)
        try:
            others = other.encode(text)
        except UnknownTextError as error:
            others = said(error)
        if ids != others:
            raise ContractError(f"{text!r} is {ids}, and then {others} ({words})", advice)
        if other.decode(ids) != text:
            raise ContractError(
                f"{text!r} is decoded, and then {other.decode(ids)!r} ({words})", advice
            )
    for token in range(min(mine.vocab_size, 2000)):
        if mine.display(token) != other.display(token):
            raise ContractError(
                f"token {token} is displayed as {mine.display(token)!r}, and then as"
                f" {other.display(token)!r} ({words})",
                advice,
            )


@clause(
    "state-through-json",
    "state_dict survives JSON, and a fresh object that loads it is the same tokenizer",
    smoke=True,
)
def state_through_json(subject: Subject) -> None:
    """Takes the state through JSON as a checkpoint does, for every corpus."""
    for (words, setting, documents), trained in zip(
        trainings(subject), trained_ones(subject), strict=True
    ):
        tokenizer = trained[2]
        state = tokenizer.state_dict()
        try:
            text = json.dumps(dict(state), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ContractError(
                f"json.dumps(state_dict()): {said(error)} ({words})",
                "give dicts with text keys, lists, text, numbers, true, false and None",
            ) from error
        fresh = subject.make(setting)
        fresh.load_state_dict(json.loads(text))
        advice = "put into state_dict all that encode, decode and display need"
        _alike(subject, f"{words}, saved and loaded", documents, tokenizer, fresh, advice)


@clause(
    "display-can-be-shown",
    "display gives every token, BOS included, a short name of printable characters on one line",
    smoke=True,
)
def display_can_be_shown(subject: Subject) -> None:
    """Displays the tokens of every corpus, combining marks and control characters included."""
    for words, _, tokenizer in trained_ones(subject):
        for token in range(min(tokenizer.vocab_size, 5000)):
            name = tokenizer.display(token)
            where = f"token {token} ({words})"
            if not isinstance(name, str):
                raise ContractError(f"a {type(name).__name__} for {where}", "return text")
            if not name:
                raise ContractError(f"no name for {where}", "return a stand-in: '·', '␠'")
            if not name.isprintable():
                raise ContractError(
                    f"{name!r} for {where}", "escape what is not printable, as repr does"
                )
            if len(name) > LONGEST:
                raise ContractError(
                    f"{len(name)} characters for {where}", f"cut it off: {LONGEST} at most"
                )


@clause(
    "unknown-text",
    "text that cannot be encoded raises UnknownTextError naming the text and the place; all other"
    " text comes back from decode",
    smoke=True,
)
def unknown_text(subject: Subject) -> None:
    """Tries a character that no document has: alone, before, after and between words."""
    for words, documents, tokenizer in trained_ones(subject):
        known = [text for text in texts_for(subject, documents, tokenizer) if text][:3]
        for stranger in STRANGERS:
            for text in known:
                for before, after in ((text, text), ("", text), (text, ""), ("", "")):
                    _unknown(tokenizer, before, stranger, after, words)
                if spells(tokenizer, f"{text} ") and spells(tokenizer, " "):
                    _unknown(tokenizer, f"{text} ", stranger, f" {text}", words)


def _unknown(tokenizer: Any, before: str, stranger: str, after: str, words: str) -> None:
    text = before + stranger + after
    place = len(before)
    try:
        ids = tokenizer.encode(text)
    except UnknownTextError as error:
        position = error.position
        # If units are words, the unknown one may begin before the strange character.
        first = max(before.rfind(" ") + 1, 0)
        if error.text != text or not first <= position <= place:
            raise ContractError(
                f"position {position} in {error.text!r} for {stranger!r} at {place} in {text!r}"
                f" ({words})",
                "raise UnknownTextError(text, position) with the whole text, and count from 0",
            ) from None
        with suppress(UnknownTextError):
            tokenizer.encode(text[position:])
            raise ContractError(
                f"position {position} of {text!r}, but from there on it can be encoded ({words})",
                "name the first place that cannot be encoded",
            ) from None
        return
    except Exception as error:
        raise ContractError(
            f"{said(error)} for {stranger!r} in {text!r} ({words})",
            "raise playground.api.UnknownTextError(text, position)",
        ) from error
    back = tokenizer.decode(ids)
    if back != text:
        raise ContractError(
            f"{text!r} is encoded, and comes back as {back!r} ({words})",
            "guess nothing: raise UnknownTextError for what is not in the vocabulary",
        )


@clause("vocabulary-stays", "vocab_size and bos_id stay the same after training")
def vocabulary_stays(subject: Subject) -> None:
    """Encodes, decodes and displays known and unknown text in between."""
    for documents in CORPORA.values():
        tokenizer = train(subject, subject.settings[0], documents)
        before = tokenizer.vocab_size, tokenizer.bos_id
        for text in (*documents, *STRANGERS, ""):
            with suppress(UnknownTextError):
                tokenizer.decode(tokenizer.encode(text))
        tokenizer.display(tokenizer.bos_id)
        after = tokenizer.vocab_size, tokenizer.bos_id
        if after != before:
            raise ContractError(
                f"vocab_size and bos_id were {before} and are {after}",
                "let only train and load_state_dict change the vocabulary",
            )


@clause("trains-quickly", f"training on {MANY:,} names takes less than {SECONDS:g} seconds")
def trains_quickly(subject: Subject) -> None:
    """Takes the better of two attempts, if the first is too slow."""
    rng = random.Random(2017)
    names = [
        "".join(rng.choice("aeinorstlmd") for _ in range(rng.randint(3, 10))) for _ in range(MANY)
    ]
    seconds = []
    for _ in range(2):
        tokenizer = subject.make()
        began = time.perf_counter()
        tokenizer.train(iter(names))
        seconds.append(time.perf_counter() - began)
        if seconds[-1] <= SECONDS:
            return
    raise ContractError(
        f"{min(seconds):.1f} seconds", "count pairs and words once, not anew for each document"
    )


def _use(subject: Subject) -> None:
    for setting in subject.settings:
        tokenizer = train(subject, setting, NAMES)
        with suppress(UnknownTextError):
            tokenizer.decode(tokenizer.encode(NAMES[0]))
        with suppress(UnknownTextError):
            tokenizer.encode(STRANGERS[0])
        tokenizer.display(tokenizer.bos_id)
        subject.make(setting).load_state_dict(tokenizer.state_dict())


CLAUSES: tuple[Clause, ...] = (
    made_with_every_setting(
        "a tokenizer", ("train", "encode", "decode", "display", "state_dict", "load_state_dict")
    ),
    trains,
    round_trip,
    ids_in_range,
    bos_apart,
    empty_text,
    unknown_text,
    display_can_be_shown,
    state_through_json,
    same_documents_same_ids,
    *manners(_use, "learn by counting; if chance is needed, use a random.Random(seed) of your own"),
    vocabulary_stays,
    trains_quickly,
)
