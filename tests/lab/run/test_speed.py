"""Time beside training is rationed; speed is that of the last second of running time."""

from __future__ import annotations

import pytest

from playground.lab.run.speed import Ration, Speedometer


@pytest.fixture(autouse=True)
def as_in_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the beginning that a person has, and not that of the other tests."""
    monkeypatch.setattr(Ration, "BEGINNING", 0.5)


def test_a_tenth_of_the_training_time_is_left_for_looking() -> None:
    ration = Ration()
    ration.spend(1.5)
    ration.earn(9.0)
    assert not ration.left, "1.5 s were spent; 0.5 s were given, and 0.9 s are earned"
    ration.earn(2.0)
    assert ration.left


def test_time_that_nobody_used_does_not_pile_up() -> None:
    ration = Ration()
    ration.earn(3600.0)
    ration.spend(0.6)
    assert not ration.left


def test_time_that_is_used_up_to_the_end_is_none() -> None:
    ration = Ration()
    ration.spend(0.5)
    assert not ration.left


def test_the_speed_is_that_of_about_the_last_second() -> None:
    meter = Speedometer()
    assert meter.steps_per_second == meter.tokens_per_second == 0.0
    for _ in range(40):
        meter.add(0.25, tokens=5)
    assert meter.steps_per_second == pytest.approx(4) and meter.tokens_per_second == 20
    assert 1.0 <= meter.seconds <= 1.5
    for _ in range(8):
        meter.add(0.25, tokens=50, steps=10)
    assert meter.steps_per_second == pytest.approx(40) and meter.tokens_per_second == 200
