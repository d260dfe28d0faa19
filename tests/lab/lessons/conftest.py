"""Lessons made for one test, at a real session."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from playground.api import Contribution, Lesson
from playground.hooks.manager import load
from playground.hooks.registry import Registered, Registry
from playground.hooks.sources import PluginSources
from playground.hooks.validation import entry_of
from playground.lab.session import Session
from tests.lab.conftest import text_run

Teach = Callable[..., Session]


def registered(name: str, factory: Callable[[], Any]) -> Registered:
    """The lesson of a plugin called "school"."""
    contribution = Contribution(name=name, summary="made for a test", factory=factory)
    return Registered(entry_of("lesson", "school", "school.py", contribution), contribution)


@pytest.fixture
def teach(words: Path) -> Teach:
    """Open a small run with a lesson of these steps, which is "school:it"."""

    def taught(
        steps: Sequence[Any], factory: Callable[[], Any] | None = None, **run: Any
    ) -> Session:
        registry: Registry = load(PluginSources(entry_points=False))
        make = factory or (lambda: Lesson("It", list(steps)))
        registry.exchange("school", [registered("it", make)], [])
        return Session.open(text_run(words, **run), registry)

    return taught
