"""What the microscope is told of a small model that was trained in a second: true numbers."""

from __future__ import annotations

import inspect
import math
import textwrap
from array import array
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import microgpt
from microgpt import scalar_engine
from microgpt.anatomy import Anatomy
from microgpt.config import ModelConfig, OptimizerConfig
from microgpt.parameters import initial_weights
from microgpt.trainer import Trainer, shuffle
from microgpt.vector_engine import VectorEngine
from playground.api import UnknownTextError
from playground.lab.inside.look import Microscope, Moment
from playground.lab.protocol.inside import (
    Inside,
    LinesReading,
    Look,
    Made,
    NumberNode,
    NumberReading,
    Reading,
    RunLine,
)

NAMES = ["emma", "olivia", "ava", "isabella", "sophia", "mia", "charlotte", "amelia", "evelyn"]
LETTERS = "abcdefghijklmnopqrstuvwxyz"
BOS = len(LETTERS)
SYMBOLS = [*LETTERS, "·"]


@cache
def trained(
    steps: int = 60, n_embd: int = 16, n_head: int = 4, n_layer: int = 1, block_size: int = 16
) -> tuple[ModelConfig, tuple[float, ...]]:
    """A model after so many steps on a few names, and its weights."""
    config = ModelConfig(BOS + 1, n_embd, n_head, n_layer, block_size)
    names = Path(microgpt.__file__).with_name("names.txt").read_text().split()[:2000]
    rng = shuffle(names, 42)
    documents = [encode(name) for name in names]
    engine = VectorEngine(config, OptimizerConfig(), initial_weights(config, rng))
    if steps:
        Trainer(engine, documents, OptimizerConfig(), steps).train(steps)
    return config, tuple(engine.read("weights"))


def encode(text: str) -> list[int]:
    return [BOS, *(LETTERS.index(letter) for letter in text), BOS]


class Letters:
    """The encoder of a run whose tokens are the letters."""

    bos_id = BOS

    def document(self, text: str) -> list[int]:
        return [BOS, *self.prompt(text), BOS]

    def prompt(self, text: str) -> list[int]:
        for letter in text:
            if letter not in LETTERS:
                raise UnknownTextError(letter)
        return [LETTERS.index(letter) for letter in text]

    def display(self, token: int) -> str:
        return SYMBOLS[token]


class ScriptedMicroscope(Microscope):
    """The lab's own microscope on one model; the families of numbers are made by hand."""

    def __init__(self, config: ModelConfig, weights: Sequence[float]) -> None:
        super().__init__(config, Letters(), NAMES)  # type: ignore[arg-type]
        self.weights = array("d", weights)

    def see(self, look: Look, document: str, step: int = 0, epoch: int = 0) -> Inside:
        """What is seen if this is the document of the last step."""
        return self.look(look, Moment(self.weights, step, epoch, document))

    def _reading(self, look: Look, anatomy: Anatomy, moment: Moment) -> Reading:
        if look.view == "lines":
            return self._lines(anatomy, look)
        if look.view == "number":
            return self._number(anatomy, look)
        return super()._reading(look, anatomy, moment)

    def _lines(self, anatomy: Anatomy, look: Look) -> Reading:
        source = tuple(
            textwrap.dedent(inspect.getsource(scalar_engine.ScalarEngine.gpt)).splitlines()
        )
        at = look.position

        def line(words: str) -> int:
            return next(k for k, one in enumerate(source) if words in one)

        w = anatomy.weights
        first = next(k for k, one in enumerate(source) if "wte" in one)
        runs = [
            RunLine(first, first, "", (Made("tok_emb", "(16)", tuple(w["wte"][anatomy.tokens[at]]),
                                            17),)),
            RunLine(first + 1, first + 1, "", (Made("pos_emb", "(16)", tuple(w["wpe"][at]), 18),)),
        ]  # fmt: skip
        for number, layer in enumerate(anatomy.layers):
            runs.append(RunLine(line("rmsnorm(x)"), line("rmsnorm(x)"), f"layer {number}",
                                (Made("x", "(16)", tuple(layer.x_attn[at]), 40),
                                 Made("head", "", words="slice(0, 4)"))))  # fmt: skip
        runs.append(RunLine(len(source) - 1, len(source) - 1, "",
                            (Made("return", "(27)", tuple(anatomy.logits[at]), 99),)))  # fmt: skip
        return LinesReading(source, tuple(runs))

    def _number(self, anatomy: Anatomy, look: Look) -> Reading:
        """A family made by hand, of true numbers."""
        at = look.position
        p, q = anatomy.probs[at][anatomy.targets[at]], anatomy.losses[at]
        count = len(anatomy.tokens)
        loss = sum(anatomy.losses) / count
        nodes = [NumberNode(900, "loss", "×", loss, 1.0, None, 0, 2, 0, True)]
        nodes.append(
            NumberNode(899, "", "Σ", loss * count, 1 / count, 1 / count, 1, count, 1, True)
        )
        for k in sorted(range(count), key=lambda k: -anatomy.losses[k]):
            nodes.append(NumberNode(
                800 + k, f"losses[{k}]", "×", anatomy.losses[k], 1 / count, 1.0, 2, 2, 1,
                800 + k in look.unfolded, anatomy.losses[k],
            ))  # fmt: skip
            if 800 + k in look.unfolded:
                nodes.append(NumberNode(700 + k, f"probs[{k}]", "log", math.log(p), -1.0, -1.0, 3,
                                        1, 1, False))  # fmt: skip
        w = anatomy.weights["wte"][anatomy.tokens[0]][3]
        weight = NumberNode(3, f"wte[{SYMBOLS[BOS]!r}][3]", "weight", w, None, 0.5, 1, 0, 12, False,
                            matrix="wte", row=BOS, column=3)  # fmt: skip
        nodes.append(weight)
        assert q >= 0
        if look.name and "attn_weights" in look.name:
            nodes = [NumberNode(500, look.name, "×", 0.25, 0.125, None, 0, 2, 3, True), weight]
        users = (NumberNode(901, "user", "Σ", 1.5, 0.5, 1.0, 0, 4, 1, False),)
        return NumberReading(tuple(nodes), 0, users if look.node != 900 else (), 4242)


def microscope(steps: int = 60, **sizes: int) -> ScriptedMicroscope:
    return ScriptedMicroscope(*trained(steps, **sizes))
