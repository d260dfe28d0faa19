"""The estimate of a step's cost. `make bench` measures how near the estimate comes."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from microgpt import ModelConfig
from playground.lab import estimate
from playground.lab.estimate import estimate_step_ms

ENGINES = ("vector", "scalar")
BASE = ModelConfig(27)


@pytest.fixture(autouse=True)
def one_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of fixed speed, since these tests compare estimates with each other."""
    monkeypatch.setattr(estimate, "_machine", lambda _: 1.0)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("change", "least", "most"),
    [
        ({"n_layer": 4}, 2, 7),
        ({"n_embd": 64}, 8, 40),
        ({"vocab_size": 500}, 1.5, 12),
    ],
)
def test_more_model_costs_more(
    engine: str, change: dict[str, int], least: float, most: float
) -> None:
    ratio = estimate_step_ms(replace(BASE, **change), 7, engine) / estimate_step_ms(BASE, 7, engine)
    assert least < ratio < most


def test_one_value_a_number_costs_far_more_than_rows() -> None:
    ratio = estimate_step_ms(BASE, 7, "scalar") / estimate_step_ms(BASE, 7, "vector")
    assert 20 < ratio < 120


def test_a_document_costs_no_more_than_the_model_sees() -> None:
    assert estimate_step_ms(BASE, 1000) == estimate_step_ms(BASE, 16)
    assert estimate_step_ms(BASE, 7, batch_size=8) > 4 * estimate_step_ms(BASE, 7)


def test_a_plugins_engine_is_not_guessed_at() -> None:
    assert math.isnan(estimate_step_ms(BASE, 7, "numpy"))


@pytest.mark.parametrize("engine", ENGINES)
def test_the_speed_of_the_real_machine_is_a_number(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    assert 0 < estimate_step_ms(BASE, 7, engine) < math.inf
