"""The autopsy of a step: its parts add up to what the engine did."""

from __future__ import annotations

import math
import random
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microgpt import (
    STATE_KINDS,
    ModelConfig,
    OptimizerConfig,
    ScalarEngine,
    VectorEngine,
    parameter_count,
    parameter_layout,
)
from microgpt.autopsy import (
    Update,
    cosine,
    foretold,
    norm,
    remembered,
    take_apart,
    token_gradients,
)

CONFIG = ModelConfig(vocab_size=6, n_embd=8, n_head=2, n_layer=1, block_size=5)
OPTIMIZER = OptimizerConfig()
DOCUMENTS = [[5, 0, 3, 1, 5], [5, 2, 5], [5, 4, 4, 0, 1, 2, 3, 5], [5, 1, 5], [5, 3, 0, 5]]


def trained(steps: int, make: type = VectorEngine) -> tuple[VectorEngine, list[array[float]]]:
    """An engine after so many steps, and the gradients of each."""
    dice = random.Random(3)
    weights = array("d", [dice.gauss(0, 0.3) for _ in range(parameter_count(CONFIG))])
    engine, gradients = make(CONFIG, OPTIMIZER, weights), []
    for step in range(steps):
        engine.loss_and_gradients([DOCUMENTS[step % len(DOCUMENTS)]])
        gradients.append(engine.read("gradients"))
        engine.adam_step(0.01, step)
    return engine, gradients


def apart(engine: VectorEngine, step: int, rate: float = 0.01) -> tuple[Update, list[float]]:
    """The next step of the engine: as it is foreseen, and as the weights then moved."""
    document = DOCUMENTS[step % len(DOCUMENTS)]
    update = take_apart(
        OPTIMIZER,
        rate,
        step,
        engine.read("first_moment"),
        engine.read("second_moment"),
        token_gradients(engine, document),
    )
    before = engine.read("weights")
    engine.loss_and_gradients([document])
    engine.adam_step(rate, step)
    after = engine.read("weights")
    return update, [b - a for a, b in zip(before, after, strict=True)]


@pytest.mark.parametrize("make", [ScalarEngine, VectorEngine])
def test_the_gradient_of_each_token_is_that_of_its_loss_alone(make: type) -> None:
    engine, _ = trained(3, make)
    state = [engine.read(kind) for kind in STATE_KINDS]
    rows = token_gradients(engine, DOCUMENTS[2])
    assert [engine.read(kind) for kind in STATE_KINDS] == state
    assert len(rows) == CONFIG.block_size
    # By finite differences of one token's loss, along a random direction.
    dice = random.Random(1)
    direction, h = [dice.gauss(0, 1) for _ in rows[0]], 1e-5

    def losses(sign: int) -> list[float]:
        engine.write("weights", array("d", [w + sign * h * d for w, d in zip(
            state[0], direction, strict=True)]))  # fmt: skip
        return engine.losses([DOCUMENTS[2]])[0]

    slopes = [(b - a) / (2 * h) for a, b in zip(losses(-1), losses(1), strict=True)]
    assert [math.fsum(map(float.__mul__, row, direction)) for row in rows] == pytest.approx(
        slopes, rel=1e-5, abs=1e-6
    )


@pytest.mark.parametrize("step", [0, 1, 12])
def test_the_parts_of_an_update_add_up_to_it(step: int) -> None:
    engine, _ = trained(step)
    update, moved = apart(engine, step)
    assert list(update.delta) == pytest.approx(moved, abs=1e-12)
    for spec in parameter_layout(CONFIG):
        shares = update.shares(spec.slice)
        assert shares.memory + math.fsum(shares.tokens) == pytest.approx(1, abs=1e-9)
        if step == 0:
            assert shares.memory == 0


def test_the_memory_of_a_weight_is_a_sum_over_the_steps_before() -> None:
    engine, gradients = trained(14)
    moment = engine.read("first_moment")
    update, _ = apart(engine, 14)
    for place in (0, 7, 60, 200, len(moment) - 1):
        earlier = [one[place] for one in reversed(gradients)]
        parts, rest = remembered(OPTIMIZER, update.memory[place], moment[place], earlier)
        assert rest == pytest.approx(0, abs=1e-15), "all the steps there were"
        ten, older = remembered(OPTIMIZER, update.memory[place], moment[place], earlier[:10])
        assert ten == parts[:10]
        assert math.fsum([*ten, older]) == pytest.approx(update.memory[place], abs=1e-15)


@settings(max_examples=15)
@given(st.integers(0, 20), st.floats(1e-7, 1e-5))
def test_the_foretold_change_is_the_true_one_as_the_step_gets_short(step: int, rate: float) -> None:
    engine, _ = trained(step)
    document = DOCUMENTS[step % len(DOCUMENTS)]

    def loss() -> float:
        (losses,) = engine.losses([document])
        return math.fsum(losses) / len(losses)

    before = loss()
    update, _ = apart(engine, step, rate)
    gradient = engine.read("gradients")
    change = foretold(gradient, update)
    # What is left is of second order: it falls with the square of the step.
    assert loss() - before == pytest.approx(change, abs=100 * norm(update.delta) ** 2 + 1e-13)


def test_lengths_and_angles() -> None:
    assert norm([3.0, 4.0]) == 5
    assert cosine([1.0, 0.0], [2.0, 2.0]) == pytest.approx(math.sqrt(0.5))
    assert math.isnan(cosine([0.0], [1.0]))
    with pytest.raises(ValueError, match="one token at least"):
        take_apart(OPTIMIZER, 0.01, 0, [], [], [])
