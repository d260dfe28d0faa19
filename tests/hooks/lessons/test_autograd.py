"""Lesson 5, taken by a learner who asks the microscope's graph and the scalar engine."""

from __future__ import annotations

import re
from typing import Any

import pytest

from microgpt.scalar_engine import ScalarEngine
from playground.lab.protocol.inside import Look, NumberReading
from playground.lab.protocol.lessons import GuideStep
from playground.lab.session import Session
from tests.hooks.lessons.conftest import ODD, Taught
from tests.hooks.lessons.learner import Learner, look, step_on

ACTIONS = {6: look("number"), 8: step_on, 10: look("lines")}


def told(step: GuideStep, pattern: str) -> float:
    """A number that the question tells."""
    [found] = re.findall(pattern, step.text)
    return float(found)


def squared(_: Session, step: GuideStep) -> float:
    x, h = told(step, r"with a = (\d+\.\d+)"), 1e-6
    return ((x + h) ** 2 - (x - h) ** 2) / (2 * h)


def chance(_: Session, step: GuideStep) -> float:
    """The gradient of the first probability, in the graph of the scalar engine."""
    tokens, p = told(step, r"of (\d+) tokens"), told(step, r"p = (\d+\.\d+)")
    return -1 / (tokens * p)


def users(session: Session, step: GuideStep) -> int:
    """How many numbers the microscope's graph makes from the weight that the question names."""
    [name] = re.findall(r"weight (wte\['.*?'\]\[0\])", step.text)
    reading = session.look_inside(Look("number", name=name)).reading
    assert isinstance(reading, NumberReading)
    return reading.nodes[0].users


def scalar_rows(session: Session, matrix: str, index: int) -> list[bool]:
    """Whether each row of a matrix has a gradient from a document, by the scalar engine."""
    prepared = session._prepared
    engine = ScalarEngine(
        prepared.config, prepared.spec.optimizer.config(), session.training.engine.read("weights")
    )
    engine.loss_and_gradients([prepared.documents[index]])
    at, values = 0, engine.read("gradients")
    for one in session.info.matrices:
        if one.name == matrix:
            return [any(values[at + r * one.columns :][: one.columns]) for r in range(one.rows)]
        at += one.rows * one.columns
    raise AssertionError(matrix)


def heads(session: Session, _: GuideStep) -> str:
    rows = scalar_rows(session, "lm_head", session.training.document)
    return "all of them" if all(rows) else "only those of tokens in it"


def silent(session: Session, step: GuideStep) -> int:
    """A row of one matrix and a column of the other for each row without a gradient."""
    [name] = re.findall("^The text “(.*?)…?”", step.text)
    index = next(at for at, text in enumerate(session._prepared.train) if text.startswith(name))
    rows = scalar_rows(session, "layer0.mlp_fc1", index).count(False)
    return 2 * rows * session.spec.model.n_embd


def too_early(_: Session, step: GuideStep) -> float:
    """d = c · a alone: what c should hand on comes too late. The question tells the right one."""
    x = told(step, r", a = (\d+\.\d+)")
    right = ((2 * (x + 1e-6)) * (x + 1e-6) - (2 * (x - 1e-6)) * (x - 1e-6)) / 2e-6
    assert told(step, r"4a = (\d+\.\d+)") == pytest.approx(right, abs=0.01)
    return 2 * x


TRUTHS = {
    1: lambda *_: (2 * 1.5 - 2 * 0.5) / 1.0,
    2: lambda *_: 1.0,
    3: squared,
    4: too_early,
    5: chance,
    7: users,
    8: heads,
    9: silent,
}


@pytest.mark.parametrize(("text", "settings"), ODD)
def test_taken(taught: Taught, text: str, settings: dict[str, Any]) -> None:
    Learner(taught("autograd", text, **settings), "autograd", ACTIONS, TRUTHS).walk()
