"""Tokenizers with one fault each."""

from __future__ import annotations

import random
import time

from microgpt import CharTokenizer
from playground.api import UnknownTextError


class Right(CharTokenizer):
    """The base of the others, without a fault."""


class NoDisplay:
    vocab_size, bos_id = 1, 0

    def train(self, documents):
        pass

    encode = decode = state_dict = load_state_dict = train


class ReadsTwice(Right):
    def train(self, documents):
        longest = max(len(document) for document in documents)
        super().train(document[:longest] for document in documents)


class BosBeyondTheVocabulary(Right):
    @property
    def bos_id(self):
        return self.vocab_size


class LowersCase(Right):
    def train(self, documents):
        super().train(document.lower() for document in documents)

    def encode(self, text):
        return super().encode(text.lower())


class ForgetsTheLastDocument(Right):
    def train(self, documents):
        super().train(list(documents)[:-1])


class KnowsNothing(Right):
    def train(self, documents):
        pass


class GivesTuples(Right):
    def encode(self, text):
        return tuple(super().encode(text))


class IdsFromOne(Right):
    """Shifts ids in encode and back in decode, so that only their range tells."""

    def encode(self, text):
        return [token + 1 + self.vocab_size for token in super().encode(text)]

    def decode(self, ids):
        size = self.vocab_size
        return super().decode([i - 1 - size if i > size else i for i in ids])


class BeginsWithBos(Right):
    def encode(self, text):
        ids = super().encode(text)
        return [self.bos_id, *ids] if ids else ids


class SpellsBos(Right):
    def decode(self, ids):
        return "".join("·" if i == self.bos_id else super(SpellsBos, self).decode([i]) for i in ids)


class EndsWithAnEnd(Right):
    def encode(self, text):
        return super().encode(text) or [0]


class HasOneForUnknown(Right):
    """Gives unknown characters the id 0."""

    def encode(self, text):
        return [token for c in text for token in (self._ids.get(c, 0),)]


class CountsFromOne(Right):
    def encode(self, text):
        try:
            return super().encode(text)
        except UnknownTextError as error:
            raise UnknownTextError(text + " ", error.position + 1) from None


class AlwaysTheFirst(Right):
    def encode(self, text):
        try:
            return super().encode(text)
        except UnknownTextError:
            raise UnknownTextError(text, 0) from None


class RaisesKeyError(Right):
    def encode(self, text):
        return [self._ids[c] for c in text]


class ShowsControlCharacters(Right):
    def display(self, token):
        return "·" if token == self.bos_id else self._characters[token]


class NoNameForBos(Right):
    def display(self, token):
        return "" if token == self.bos_id else super().display(token)


class StateOfBytes(Right):
    def state_dict(self):
        return {"characters": "".join(self._characters).encode()}


class LosesTheOrder(Right):
    def load_state_dict(self, state):
        super().load_state_dict(state)
        self._characters.reverse()
        self._ids = {c: i for i, c in enumerate(self._characters)}


class InAnyOrder(Right):
    def train(self, documents):
        super().train(documents)
        random.Random(time.perf_counter_ns()).shuffle(self._characters)
        self._ids = {c: i for i, c in enumerate(self._characters)}


class InAnyOrderAndLoaded(InAnyOrder):
    """Has ids in random order, as from an unsorted set, but loads any state."""

    def load_state_dict(self, state):
        self._characters = list(state["characters"])
        self._ids = {c: i for i, c in enumerate(self._characters)}


class Seeds(Right):
    def train(self, documents):
        random.seed(0)
        super().train(documents)


class Talks(Right):
    def train(self, documents):
        print("training ...")
        super().train(documents)


class LearnsOn(Right):
    """Makes every unknown character a token."""

    def encode(self, text):
        for c in text:
            if c not in self._ids:
                self._ids[c] = len(self._characters)
                self._characters.append(c)
        return super().encode(text)
