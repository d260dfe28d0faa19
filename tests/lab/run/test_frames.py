"""What a frame says of the gradients of whole matrices, and how often that is computed."""

from __future__ import annotations

import math
from array import array
from random import Random

import pytest

from microgpt.config import ModelConfig, OptimizerConfig
from microgpt.parameters import initial_weights, parameter_layout
from microgpt.vector_engine import VectorEngine
from playground.lab.protocol.frames import (
    WHOLE,
    MatrixFrame,
    MatrixView,
    SmallViews,
    Window,
)
from playground.lab.run import frames
from playground.lab.run.frames import LargeMatrices, Pulls, windowed

CONFIG = ModelConfig(7, n_embd=4, n_head=2, n_layer=2, block_size=5)


def engine() -> VectorEngine:
    weights = array("d", initial_weights(CONFIG, Random(1)))
    made = VectorEngine(CONFIG, OptimizerConfig(), weights)
    made.loss_and_gradients([[6, 1, 2, 3, 6]])
    return made


def test_the_pull_at_a_matrix_is_the_root_mean_square_of_its_gradients() -> None:
    made = engine()
    pulls = Pulls().of(made, 1)
    gradients = made.read("gradients")
    assert list(pulls) == [matrix.name for matrix in parameter_layout(CONFIG)]
    for matrix in parameter_layout(CONFIG):
        part = gradients[matrix.slice]
        mean = math.fsum(g * g for g in part) / len(part)
        assert pulls[matrix.name] == pytest.approx(math.sqrt(mean), rel=1e-12)
    assert pulls["wte"] > 0


def test_pulls_take_a_tenth_of_the_time_however_large_the_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [100.0]
    monkeypatch.setattr(frames.time, "monotonic", lambda: now[0])
    made, read = engine(), []

    class Slow:
        config = CONFIG

        def read(self, kind: str) -> array[float]:
            now[0] += 0.2
            read.append(kind)
            return made.read("gradients")

    pulls = Pulls()
    for step in range(120):  # in 2.4 seconds, each with a frame
        pulls.of(Slow(), step)  # type: ignore[arg-type]
        now[0] += 0.02
    assert len(read) == 2, "0.2 s in 2 s"
    pulls.of(Slow(), 119)  # type: ignore[arg-type]
    assert len(read) == 2, "nothing is new"


# ---------------------------------------------------------------- large models


@pytest.mark.parametrize("shape", [(384, 1536), (200_000, 16), (8, 500_000), (3000, 3000)])
def test_of_a_large_matrix_a_megabyte_around_the_cursor_is_sent(shape: tuple[int, int]) -> None:
    rows, columns = shape
    for cell in ((0, 0), (rows - 1, columns - 1), (rows // 2, columns // 3)):
        window = Window.around(cell, rows, columns)
        assert window.rows * window.columns <= WHOLE
        assert window.top <= cell[0] < window.top + window.rows <= rows
        assert window.left <= cell[1] < window.left + window.columns <= columns
        reach = min(rows, 120), min(columns, 16)
        assert window.rows >= reach[0] and window.columns >= reach[1]


def test_a_window_has_the_numbers_of_the_matrix() -> None:
    rows, columns = 384, 1536
    whole = MatrixFrame("m", "weights", rows, columns, array("d", range(rows * columns)))
    part = windowed(whole, (383, 700))
    assert len(part.values) <= WHOLE and part.at(0, 0) is None
    for cell in ((383, 700), (300, 600), (200, 900)):
        assert part.at(*cell) == whole.at(*cell) == cell[0] * columns + cell[1]


def test_a_large_matrix_is_read_once_a_step_and_seldom_while_it_trains(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, read = [100.0], []
    monkeypatch.setattr(frames.time, "monotonic", lambda: now[0])

    def make(views: object) -> tuple[MatrixFrame, ...]:
        now[0] += 0.2
        read.append(views)
        return (MatrixFrame("m", "weights", 1, 1, array("d", [len(read)])),)

    shown, views = LargeMatrices(), [MatrixView("m", "weights")]
    for step in range(120):  # in 2.4 seconds, each with a frame
        (frame,) = shown.of(views, (step, 0), True, make)
        assert frame.step is None or frame.step < step, "an older one says so"
        now[0] += 0.02
    assert len(read) == 2, "0.2 s in 2 s"
    (frame,) = shown.of(views, (119, 0), False, make)
    assert frame.step is None and len(read) == 3, "a run that stands shows its present step"
    assert shown.of(views, (119, 0), False, make) == (frame,) and len(read) == 3


def test_of_all_matrices_of_a_large_model_some_columns_are_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made, view = engine(), SmallViews("weights", 4, 2)
    every = frames._small(made, view, None, None)
    assert {one.apart for one in every} == {1}
    monkeypatch.setattr(frames, "MOST_LOOKED_AT", 300)
    some = frames._small(made, view, None, None)
    assert {one.apart for one in some} == {2}
    for one, other in zip(some, every, strict=True):
        assert (one.name, one.rows) == (other.name, other.rows) and one.largest <= other.largest


def test_the_number_farthest_from_0_stands_for_its_block() -> None:
    far = frames._farthest
    assert far([array("d", [1, -3]), array("d", [2, 0])]) == -3
    assert far([array("d", [1, 2]), array("d", [2, 4])]) == 4
    assert far([array("d", [-1, -2])]) == -2
    assert math.isnan(far([array("d", [1, math.nan]), array("d", [-9, 4])]))
