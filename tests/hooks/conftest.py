"""Plugins are written to disk and loaded as a person's would be."""

from __future__ import annotations

import random
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from playground.api import SampleContext
from playground.hooks.manager import load
from playground.hooks.registry import Registry
from playground.hooks.sources import PluginSources

HEAD = """\
from playground.api import *
from playground.api import Contribution, Knob, Knobs, hookimpl

class Same:
    def __init__(self, knobs=None):
        self.knobs = knobs
    def transform(self, logits, context):
        return list(logits)

"""

WritePlugin = Callable[..., Path]
LoadPlugin = Callable[..., Registry]
MakeContext = Callable[..., SampleContext]


@pytest.fixture
def write_plugin(tmp_path: Path) -> WritePlugin:
    """write_plugin(body, name="mine.py") -> its path; the usual imports stand above."""

    def write(body: str, name: str = "mine.py", head: str = HEAD) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(head + textwrap.dedent(body), encoding="utf-8")
        return path

    return write


@pytest.fixture
def load_plugin(write_plugin: WritePlugin) -> LoadPlugin:
    """load_plugin(body) -> the registry with built-ins and this one file."""

    def load_it(body: str, name: str = "mine.py", head: str = HEAD) -> Registry:
        path = write_plugin(body, name, head)
        return load(PluginSources(files=(str(path),), entry_points=False))

    return load_it


@pytest.fixture(scope="session")
def builtins() -> Registry:
    return load(PluginSources(entry_points=False))


@pytest.fixture
def context() -> MakeContext:
    """context(vocab_size, tokens=..., seed=...) -> what a strategy may look at."""

    def make(
        vocab_size: int, tokens: tuple[int, ...] = (), seed: int = 0, block_size: int = 16
    ) -> SampleContext:
        bos = vocab_size - 1
        return SampleContext(
            tokens=(bos, *tokens),
            prompt_length=1,
            bos_id=bos,
            vocab_size=vocab_size,
            block_size=block_size,
            step=0,
            rng=random.Random(seed),
        )

    return make
