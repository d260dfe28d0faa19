"""What the microscope is told of a small model that was trained in a second: true numbers."""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import microgpt
from microgpt.anatomy import dissect
from microgpt.config import PARTS, ModelConfig, ModelPart, OptimizerConfig
from microgpt.parameters import initial_weights
from microgpt.surgery import HeadWrite, Operation
from microgpt.trainer import Trainer, shuffle
from microgpt.vector_engine import VectorEngine
from playground.api import UnknownTextError
from playground.hooks.manager import load
from playground.hooks.sources import PluginSources
from playground.lab.inside.look import Microscope, Moment
from playground.lab.inside.surgery import Work, difference
from playground.lab.protocol.inside import Inside, Look
from playground.lab.protocol.score import Scored
from playground.lab.protocol.step import StepReading
from playground.lab.protocol.surgery import Difference
from playground.lab.score.work import finished
from playground.lab.session import Session
from playground.lab.spec import RunSpec

NAMES = ["emma", "olivia", "ava", "isabella", "sophia", "mia", "charlotte", "amelia", "evelyn"]
LETTERS = "abcdefghijklmnopqrstuvwxyz"
BOS = len(LETTERS)
SYMBOLS = [*LETTERS, "·"]


@cache
def trained(
    steps: int = 60,
    n_embd: int = 16,
    n_head: int = 4,
    n_layer: int = 1,
    block_size: int = 16,
    parts: tuple[ModelPart, ...] = PARTS,
) -> tuple[ModelConfig, tuple[float, ...]]:
    """A model after so many steps on a few names, and its weights."""
    config = ModelConfig(BOS + 1, n_embd, n_head, n_layer, block_size, parts)
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
        for place, letter in enumerate(text):
            if letter not in LETTERS:
                raise UnknownTextError(text, place)
        return [LETTERS.index(letter) for letter in text]

    def display(self, token: int) -> str:
        return SYMBOLS[token]


class ScriptedMicroscope(Microscope):
    """The lab's own microscope on one model."""

    def __init__(self, config: ModelConfig, weights: Sequence[float]) -> None:
        super().__init__(config, Letters(), NAMES)  # type: ignore[arg-type]
        self.config = config
        self.weights = array("d", weights)

    def see(self, look: Look, document: str, step: int = 0, epoch: int = 0) -> Inside:
        """What is seen if this is the document of the last step."""
        return self.look(look, Moment(self.weights, step, epoch, document), last_step)


class ScriptedTrials:
    """Trials on the names, which need no engine."""

    def __init__(self, config: ModelConfig, weights: Sequence[float], names: Sequence[str]) -> None:
        self._config, self._weights = config, weights
        self._documents = [encode(name) for name in names]

    def trying(self, operations: Sequence[Operation | HeadWrite]) -> Work[Difference]:
        found = []
        for done in ((), operations):
            losses = []
            for place, tokens in enumerate(self._documents):
                losses.append([*dissect(self._config, self._weights, tokens, done).losses])
                yield place + 1, len(self._documents)
            found.append(losses)
        return difference(*found)


@cache
def session(steps: int = 12) -> Session:
    """A run of the built-in names after so many steps."""
    spec = {"steps": 40, "model": {"n_embd": 8, "n_head": 2}, "engine": "vector"}
    opened = Session.open(RunSpec.parse(spec), load(PluginSources(entry_points=False)))
    while opened.step < steps:
        opened.advance(steps - opened.step)
    taken_apart: dict[object, StepReading] = {}

    def last_step(look: Look) -> StepReading:
        """A key changes the look and not the step: what was taken apart once is not again."""
        key = (opened.step, look.text, look.weight)
        if key not in taken_apart:
            taken_apart[key] = Session._last_step(opened, look)
        return taken_apart[key]

    opened._last_step = last_step  # type: ignore[method-assign]
    return opened


@cache
def last_step(look: Look) -> StepReading:
    """The last step of a run of another text, taken apart."""
    reading = session().look_inside(look).reading
    assert isinstance(reading, StepReading)
    return reading


@cache
def scored(samples: int, seed: int, rule: str | None) -> Scored:
    """The score of a small run of names, two of which a terminal must not obey."""
    names = Path(microgpt.__file__).with_name("names.txt").read_text().split()[:150]
    names[-2:] = ["[b]mia[/b]", "漢字かな"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "text.txt"
        path.write_text("\n".join(names), encoding="utf-8")
        spec = {
            "dataset": {"name": "text-file", "options": {"path": str(path)}},
            "steps": 60,
            "holdout": 0.2,
            "model": {"n_embd": 8, "n_head": 2},
        }
        run = Session.open(RunSpec.model_validate(spec), load(PluginSources(entry_points=False)))
        while not run.finished:
            run.advance(60)
        return finished(run.scoring(samples, seed, rule))


def microscope(steps: int = 60, **sizes: Any) -> ScriptedMicroscope:
    return ScriptedMicroscope(*trained(steps, **sizes))
