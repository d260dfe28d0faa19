"""Lesson 1, taken by a scripted learner."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.hooks.lessons.conftest import ODD, Taught
from tests.hooks.lessons.learner import Learner


@pytest.mark.parametrize(("text", "settings"), ODD)
def test_taken(taught: Taught, text: str, settings: dict[str, Any]) -> None:
    session = taught("count", text, **settings)
    Learner(session, "count", {}, {1: lambda session, _: math.log(session.info.vocab_size)}).walk()
