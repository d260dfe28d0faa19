"""What the screen asks of a run's past: a step left out, and what taught a prediction."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from playground.lab.client.lab import Lab
from playground.lab.protocol.commands import Influence
from playground.lab.protocol.failures import LabError, Progress
from tests.lab.conftest import text_run, within
from tests.lab.crashing import NONE, PATIENT


async def opened(words: Path, steps: int) -> Lab:
    lab = Lab(NONE, limits=PATIENT)
    await lab.open(text_run(words, holdout=0.3, steps=200).to_json())
    await lab.advance(steps)
    return lab


async def test_a_step_is_left_out_and_a_prediction_traced_and_the_run_stays_as_it_was(
    words: Path,
) -> None:
    lab = await opened(words, 30)
    told: list[Progress] = []
    try:
        before = await lab.checkpoint()
        cost = await lab.cost(4)
        assert 0 < cost.steps <= 30 and cost.seconds > 0
        found = await lab.without(4, told.append)
        assert (found.step, found.at) == (4, 30) and found.own.delta and found.heldout
        traced = await lab.influence(Influence("an", 1), told.append)
        assert traced.steps == 30 and len(traced.most) == 30
        assert {one.stage for one in told} == {"replaying without step 4", "tracing"}
        after = await lab.checkpoint()
        assert (after.weights, after.first_moment, after.step) == (
            before.weights, before.first_moment, before.step
        )  # fmt: skip
        with pytest.raises(LabError, match="There is no step 31"):
            await lab.without(31, told.append)
        with pytest.raises(LabError, match="does not know"):
            await lab.influence(Influence("X"), told.append)
    finally:
        await lab.close()


@pytest.mark.parametrize("end", ["give up", "cancel"])
async def test_what_is_traced_is_given_up_while_the_run_trains_on(words: Path, end: str) -> None:
    lab = await opened(words, 120)
    try:
        await lab.run(2.0)
        begun = asyncio.Event()
        task = asyncio.ensure_future(lab.influence(Influence("an"), lambda _: begun.set()))
        await within(10, begun.wait())
        await within(5, lab.frame())  # other commands come between
        if end == "give up":
            await lab.give_up("influence")
        else:
            task.cancel()
        with pytest.raises((LabError, asyncio.CancelledError)):
            await within(5, task)
        assert (await lab.frame()).state == "running"
    finally:
        await lab.close()
