"""Runs and Labs for the tests of the lab, with real worker processes. No test sleeps: tests await
events with a deadline, in seconds of an idle machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest

from playground.hooks.manager import load
from playground.hooks.registry import Registry
from playground.hooks.sources import PluginSources
from playground.lab.client.events import LabEvent, Limits
from playground.lab.client.lab import Lab
from playground.lab.run import setup
from playground.lab.run.baselines import Survey
from playground.lab.run.data import Encoder, Report
from playground.lab.run.speed import Ration
from playground.lab.session import Session
from playground.lab.spec import RunSpec
from tests.calibrated import PATIENCE

T = TypeVar("T")
WORDS = [
    "ant",
    "bee",
    "cat",
    "dog",
    "elk",
    "fox",
    "gnu",
    "hen",
    "ibis",
    "jay",
    "kiwi",
    "lark",
    "mole",
    "newt",
    "owl",
    "pig",
    "rat",
    "seal",
    "toad",
]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder for one test, so that no test writes to the folders of the user."""
    folder = tmp_path / "home"
    monkeypatch.setenv("MICROGPT_PLAY_HOME", str(folder))
    return folder


@pytest.fixture(autouse=True)
def time_for_all_that_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every sample, metric and probe be made that is asked for, however busy the machine is.
    Tests of the time that these may take set their own limit."""
    monkeypatch.setattr(Ration, "BEGINNING", 1e9)


survey = setup.survey
surveyed: dict[object, Survey] = {}


def survey_once(texts: Sequence[str], encoder: Encoder, report: Report) -> Survey:
    """What is found in the built-in names, surveyed once in a process and not once in each session.
    It is only read, and depends on the names, their order, their tokens and the block alone."""
    entry = encoder.guard.entry
    if len(texts) < 10_000 or (entry.plugin, entry.name) != ("builtin", "char"):
        return survey(texts, encoder, report)
    key = (hash(tuple(texts)), len(texts), encoder.vocab_size, encoder.block_size)
    if key not in surveyed:
        surveyed[key] = survey(texts, encoder, report)
    return surveyed[key]


# The survey is a third of what opening a session on the names takes, and there are a hundred.
setup.survey = survey_once


@pytest.fixture(scope="session")
def registry() -> Registry:
    """The built-in contributions, without plugins."""
    return load(PluginSources(entry_points=False))


@pytest.fixture
def words(tmp_path: Path) -> Path:
    """A small text file, one word a line."""
    path = tmp_path / "words.txt"
    path.write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    return path


def text_run(path: Path, **changes: Any) -> RunSpec:
    """The spec of a small, fast run on a text file."""
    return RunSpec.parse(
        {
            "dataset": {"name": "text-file", "options": {"path": str(path)}},
            "model": {"n_embd": 8, "n_head": 2, "n_layer": 1, "block_size": 8},
            "steps": 400,
            "seed": 7,
            "eval_every": 20,
            "holdout_by": "text",
            **changes,
        }
    )


@pytest.fixture
def spec(words: Path) -> RunSpec:
    return text_run(words)


@pytest.fixture
def session(spec: RunSpec, registry: Registry) -> Session:
    return Session.open(spec, registry)


QUICK = Limits(ping=0.1, plugin=2.0, silence=3.0, checkpoint=0.1, share=1.0)
"""Shorter than the limits for people, yet long enough that a busy machine passes for no hang."""


class Watched:
    """A Lab, and the events that it sent."""

    def __init__(self, sources: PluginSources, limits: Limits, store: Path | None = None) -> None:
        self.events: list[LabEvent] = []
        self._arrived = asyncio.Event()
        self.lab = Lab(sources, listener=self._hear, limits=limits, store=store)

    def _hear(self, event: LabEvent) -> None:
        self.events.append(event)
        self._arrived.set()

    async def event(self, kind: type[T], seconds: float = 10.0) -> T:
        """Take the next event of this kind from `events`; wait for it if none is there."""
        async with asyncio.timeout(PATIENCE * seconds):
            while True:
                for event in self.events:
                    if isinstance(event, kind):
                        self.events.remove(event)
                        return event
                self._arrived.clear()
                await self._arrived.wait()

    async def reaches(self, step: int, seconds: float = 20.0) -> None:
        """Wait until the run has made so many steps."""
        async with asyncio.timeout(PATIENCE * seconds):
            while (await self.lab.frame()).step < step:
                pass


MakeLab = Callable[..., Watched]


@pytest.fixture
async def labs() -> AsyncIterator[MakeLab]:
    """A function that makes Labs with these plugin files; the Labs are closed after the test."""
    made: list[Watched] = []

    def make(*plugins: Path, limits: Limits = QUICK, store: Path | None = None) -> Watched:
        sources = PluginSources(files=tuple(map(str, plugins)), entry_points=False)
        made.append(Watched(sources, limits, store))
        return made[-1]

    yield make
    await asyncio.gather(*(watched.lab.close() for watched in made))


async def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Let the event loop go round until the condition holds."""
    async with asyncio.timeout(PATIENCE * seconds):
        while not condition():
            await asyncio.sleep(0)


async def within(seconds: float, work: Awaitable[T]) -> T:
    """The result of `work`. Raises TimeoutError after so many seconds."""
    async with asyncio.timeout(PATIENCE * seconds):
        return await work
