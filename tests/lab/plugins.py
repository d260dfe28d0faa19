"""Plugin files with one vice each, written into a test's folder."""

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


def _write(folder: Path, name: str, text: str) -> Path:
    path = folder / f"{name}.py"
    path.write_text(text, encoding="utf-8")
    return path


def tokenizer(folder: Path, name: str, train: str = "pass", encode: str = "pass") -> Path:
    """A char tokenizer that does something first; `Bad.calls` counts what it has encoded."""
    return _write(folder, name, _TOKENIZER.format(name=name, train=train, encode=encode))


def strategy(folder: Path, name: str, transform: str) -> Path:
    """A strategy that changes nothing, but does something first."""
    return _write(folder, name, _STRATEGY.format(name=name, transform=transform))


def dataset(folder: Path, name: str, documents: str, prepare: str = "pass") -> Path:
    """A data set with these lines for a body."""
    return _write(folder, name, _DATASET.format(name=name, documents=documents, prepare=prepare))
