"""Writes plugin files that misbehave in one way each into the folder of a test."""

from __future__ import annotations

from pathlib import Path

_TOKENIZER = """
import os, sys, time
from microgpt.tokenizer import CharTokenizer
from playground.api import Contribution, hookimpl

class Bad(CharTokenizer):
    calls = 0
    def train(self, documents):
        {train}
        super().train(documents)
    def encode(self, text):
        Bad.calls += 1
        {encode}
        return super().encode(text)

@hookimpl
def microgpt_tokenizers():
    yield Contribution(name="{name}", summary="not well", factory=Bad)
"""

_STRATEGY = """
from playground.api import Contribution, hookimpl

class Bad:
    def transform(self, logits, context):
        {transform}
        return list(logits)

@hookimpl
def microgpt_sampling_strategies():
    yield Contribution(name="{name}", summary="not well", factory=Bad)
"""

_PANEL = """
from playground.api import Contribution, hookimpl

class Mine:
    def render(self, facts, width, height):
        {render}

@hookimpl
def microgpt_panels():
    yield Contribution(name="{name}", summary="not well", factory=Mine)
"""

_EXPORTER = """
from playground.api import Contribution, ExportError, hookimpl

class Mine:
    def export(self, run, path, progress):
        {export}

@hookimpl
def microgpt_exporters():
    yield Contribution(name="{name}", summary="not well", factory=Mine)
"""

_DATASET = """
from playground.api import Contribution, DatasetError, Provenance, hookimpl

class Bad:
    provenance = Provenance("here", "none")
    def prepare(self, cache, progress):
        {prepare}
    def documents(self):
        {documents}
    def count(self):
        return None

@hookimpl
def microgpt_datasets():
    yield Contribution(name="{name}", summary="not well", factory=Bad)
"""

_ENGINE = """
import os, threading, time
from array import array
from microgpt.engine import Steps
from microgpt.vector_engine import VectorEngine
from playground.api import Contribution, hookimpl

class Quick(VectorEngine):
    "The vector engine, many steps a call."
    steps = 0
    def __init__(self, config, optimizer, weights):
        {make}
        super().__init__(config, optimizer, weights)
    def prepare(self, progress):
        {prepare}
    def loss_and_gradients(self, documents):
        {step}
        Quick.steps += 1
        return super().loss_and_gradients(documents)
    def write(self, kind, values):
        {write}
        super().write(kind, values)
    def train(self, documents, learning_rates, step):
        size = len(documents) // len(learning_rates)
        losses, tokens = array("d"), 0
        for i, rate in enumerate(learning_rates):
            each = self.loss_and_gradients(documents[i * size : (i + 1) * size])
            count = sum(map(len, each))
            losses.append(sum(map(sum, each)) / count)
            tokens += count
            if losses[-1] - losses[-1] != 0:
                break
            self.adam_step(rate, step + i)
        return Steps(losses, each, tokens)

@hookimpl
def microgpt_engines():
    yield Contribution(name="{name}", summary="many at once", factory=Quick, requires={requires})
"""


def _write(folder: Path, name: str, text: str) -> Path:
    path = folder / f"{name}.py"
    path.write_text(text, encoding="utf-8")
    return path


def tokenizer(folder: Path, name: str, train: str = "pass", encode: str = "pass") -> Path:
    """A char tokenizer. `train` and `encode` are statements that run first in these methods;
    `Bad.calls` counts the calls of encode."""
    return _write(folder, name, _TOKENIZER.format(name=name, train=train, encode=encode))


def strategy(folder: Path, name: str, transform: str) -> Path:
    """A strategy that runs the statement `transform`, and changes no logit."""
    return _write(folder, name, _STRATEGY.format(name=name, transform=transform))


def panel(folder: Path, name: str, render: str) -> Path:
    """A panel whose `render` has these lines for a body."""
    return _write(folder, name, _PANEL.format(name=name, render=render))


def exporter(folder: Path, name: str, export: str) -> Path:
    """An exporter whose `export` has these lines for a body."""
    return _write(folder, name, _EXPORTER.format(name=name, export=export))


def dataset(folder: Path, name: str, documents: str, prepare: str = "pass") -> Path:
    """A data set whose `documents` and `prepare` have these lines for bodies."""
    return _write(folder, name, _DATASET.format(name=name, documents=documents, prepare=prepare))


def engine(
    folder: Path,
    name: str = "quick",
    *,
    make: str = "pass",
    prepare: str = "pass",
    step: str = "pass",
    write: str = "pass",
    requires: tuple[str, ...] = (),
) -> Path:
    """An engine that takes many steps a call; each argument is a statement that runs first in one
    method."""
    return _write(
        folder,
        name,
        _ENGINE.format(
            name=name, make=make, prepare=prepare, step=step, write=write, requires=requires
        ),
    )
