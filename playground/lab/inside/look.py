"""Answers a Look: reads the text, takes the model apart, and has the view's file read it out."""

from __future__ import annotations

import math
import time
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from microgpt.anatomy import Anatomy, dissect
from microgpt.config import ModelConfig, ModelPart, absent
from microgpt.graph import NoSuchNumberError
from microgpt.trace import LARGEST, TooLargeError
from playground.api import UnknownTextError
from playground.lab.inside.attention import attention
from playground.lab.inside.credit import credit
from playground.lab.inside.depth import depth
from playground.lab.inside.flow import flow
from playground.lab.inside.lines import lines
from playground.lab.inside.neurons import Neurons
from playground.lab.inside.number import Numbers
from playground.lab.protocol.failures import LabError
from playground.lab.protocol.inside import (
    MEAN,
    Inside,
    Look,
    NumberReading,
    Position,
    Reading,
    Shape,
    View,
)
from playground.lab.protocol.step import StepReading
from playground.lab.run.data import Encoder

_OF_A_PART: Mapping[View, ModelPart] = {"attention": "attention", "neurons": "mlp"}
"""The views that show a part of the model that may have been left out."""
MOST_WORK = 60_000_000
"""Weights times tokens that a look takes apart, in about two seconds: with more, a text is cut. The
default model never comes near; one of ten million weights is looked at over five tokens."""
_MOST_CHARACTERS = 1_000
"""Characters of a text that go back to the screen."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The model at one step, and the document it is at."""

    weights: array[float]
    """Flat, in parameter order; never changed afterwards."""
    step: int
    epoch: int
    document: str
    """The document of the last step; before the first one, of the next."""


class Microscope:
    """Looks inside one run. It reads weights and texts, and changes nothing."""

    def __init__(self, config: ModelConfig, encoder: Encoder, documents: Sequence[str]) -> None:
        """documents: the texts that the model learns from."""
        self._config = config
        self._encoder = encoder
        self._neurons = Neurons(config, encoder, documents)
        self._numbers = Numbers(config, self.display)
        self._displays: dict[int, str] = {}
        self._seen: tuple[bytes, tuple[int, ...], Anatomy] | None = None

    def look(self, look: Look, moment: Moment, autopsy: Callable[[Look], StepReading]) -> Inside:
        """What the microscope shows. A text that cannot be read, a number that is not there, a step
        that cannot be done again and a model that is too large for a view give `trouble`.

        autopsy: takes the step apart that led to this moment. Raises PluginError for a tokenizer or
        an engine that fails.
        """
        began, noting = time.perf_counter(), self._numbers.noting
        config = self._config
        shape = Shape(
            config.vocab_size, config.block_size, config.n_embd, config.n_head, config.n_layer,
            config.parts,
        )  # fmt: skip
        text = moment.document if look.text is None else look.text
        nothing = Inside(
            look, moment.step, moment.epoch, text[:_MOST_CHARACTERS], shape, (), 0, None
        )
        try:
            ids = self._read(text, look.text is not None)
        except UnknownTextError as error:
            words = (
                f"The model does not know {error.character!r}: its vocabulary has no such token."
            )
            return replace(nothing, trouble=words)
        cut = max(0, len(ids) - 2 - config.block_size)  # without BOS at both ends
        ids = ids[: config.block_size + 1]
        affordable = max(1, MOST_WORK // len(moment.weights))
        short = max(0, len(ids) - 1 - affordable)
        ids = ids[: affordable + 1]
        anatomy = self.dissected(ids, moment.weights)
        positions = self._positions(anatomy)
        look = self._inside(look, anatomy)
        notices = []
        if short:
            notices.append(
                f"only the first {affordable:,} tokens are taken apart: the microscope makes each "
                f"number in pure Python, and this model has {len(moment.weights):,} weights for "
                "each token"
            )
        elif cut:
            notices.append(
                f"the context is {config.block_size} tokens: the model sees nothing of this text "
                "behind them"
            )
        if not all(map(math.isfinite, anatomy.losses)):
            notices.append("the model has numbers that are not finite (nan, inf): it has diverged")
        reading, trouble = None, ""
        wanted = _OF_A_PART.get(look.view)
        try:
            if wanted is None or wanted in config.parts:
                reading = self._reading(look, anatomy, moment, autopsy)
            else:
                words = absent(wanted)
                trouble = f"{words[:1].upper()}{words[1:]}: there is nothing to see here."
        except TooLargeError as error:
            trouble = (
                f"This view makes each number one by one. There would be about "
                f"{error.estimate:,} of them, and {LARGEST:,} are the most: a shorter text or a "
                "smaller model has fewer."
            )
        except LabError as error:
            trouble = f"{error.failure.title}. {error.failure.message}"
        except NoSuchNumberError:
            trouble = f"This text has no number called {look.name[:100]!r}."
        except OSError:
            trouble = (
                "This view reads the source of the scalar engine, which is not installed here."
            )
        if isinstance(reading, NumberReading):
            look = replace(look, node=reading.nodes[0].node)
        return replace(
            nothing,
            look=look,
            positions=positions,
            cut=cut + short,
            reading=reading,
            trouble=trouble,
            notices=tuple(notices),
            seconds=time.perf_counter() - began - (self._numbers.noting - noting),
        )

    def dissected(self, ids: Sequence[int], weights: array[float]) -> Anatomy:
        """The anatomy of one document, kept until another one or other weights are asked for."""
        now = weights.tobytes()
        if self._seen is None or self._seen[0] != now or self._seen[1] != tuple(ids):
            self._seen = (now, tuple(ids), dissect(self._config, weights, ids))
        return self._seen[2]

    def display(self, token: int) -> str:
        """A short name for one token. Raises PluginError."""
        if token not in self._displays:
            self._displays[token] = self._encoder.display(token)
        return self._displays[token]

    def _read(self, text: str, typed: bool) -> list[int]:
        """The ids, BOS at both ends, at most one more than the model reads and predicts."""
        if not typed:
            return self._encoder.document(text)
        bos = self._encoder.bos_id
        return [bos, *self._encoder.prompt(text), bos]

    def _inside(self, look: Look, anatomy: Anatomy) -> Look:
        """The look with every number inside the text and the model."""
        config, last = self._config, len(anatomy.tokens) - 1
        position = last if look.position < 0 else min(look.position, last)
        token = look.token
        if token is None or not 0 <= token < config.vocab_size:
            token = anatomy.targets[position]
        against = look.against
        if against is not None and against != MEAN and not 0 <= against < config.vocab_size:
            against = None
        return replace(
            look,
            position=position,
            layer=_between(look.layer, config.n_layer),
            head=_between(look.head, config.n_head),
            source=_between(look.source, position + 1),
            token=token,
            against=against,
            neuron=None if look.neuron is None else _between(look.neuron, 4 * config.n_embd),
        )

    def _positions(self, anatomy: Anatomy) -> tuple[Position, ...]:
        found = []
        for p, (token, target) in enumerate(zip(anatomy.tokens, anatomy.targets, strict=True)):
            probs = anatomy.probs[p]
            best = likeliest(probs)
            found.append(
                Position(
                    self.display(token), token, self.display(target), target,
                    probs[target], anatomy.losses[p], self.display(best), best, probs[best],
                )
            )  # fmt: skip
        return tuple(found)

    def _reading(
        self,
        look: Look,
        anatomy: Anatomy,
        moment: Moment,
        autopsy: Callable[[Look], StepReading],
    ) -> Reading:
        views: dict[str, Callable[[], Reading]] = {
            "flow": lambda: flow(look, anatomy),
            "attention": lambda: attention(look, anatomy, self.display),
            "depth": lambda: depth(look, anatomy, self.display),
            "credit": lambda: credit(look, anatomy, self.display),
            "neurons": lambda: self._neurons.reading(look, anatomy, moment.weights, self.display),
            "lines": lambda: lines(anatomy, look.position),
            "number": lambda: self._numbers.reading(
                look, moment.weights, [*anatomy.tokens, anatomy.targets[-1]]
            ),
            "step": lambda: autopsy(look),
        }
        return views[look.view]()


def likeliest(probs: Sequence[float]) -> int:
    """The token with the largest probability, the first of several; 0 if none is a number."""
    return max(range(len(probs)), key=lambda i: probs[i] if probs[i] == probs[i] else -1.0)


def _between(number: int, count: int) -> int:
    return max(0, min(number, count - 1))
