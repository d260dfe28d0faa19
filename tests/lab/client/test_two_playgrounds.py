"""Two playgrounds that record in one store at the same time."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from array import array
from pathlib import Path

import pytest

from playground.lab.client.events import Limits
from playground.lab.client.lab import Lab
from playground.lab.protocol.failures import LabError
from playground.lab.protocol.frames import FrameRequest
from playground.lab.store.store import Store
from tests.lab.conftest import text_run
from tests.lab.crashing import NONE, SMALL

UNHURRIED = Limits(close=30.0)
"""Limits that leave a closing worker the time to write its last steps on a busy machine."""


async def trained(lab: Lab, words: Path, seed: int, steps: int) -> tuple[int, array[float]]:
    """Train a run at full speed while its frames are asked for; return its number and losses."""
    await lab.open(text_run(words, model=SMALL, steps=steps, seed=seed).to_json())
    await lab.run()
    frame = await lab.frame()
    while frame.state == "running":
        frame = await lab.frame(FrameRequest(since_step=frame.step))
        assert frame.record is not None and frame.record.trouble is None
    frame = await lab.frame()
    assert frame.step == steps and frame.record is not None and frame.record.run is not None
    return frame.record.run, frame.metrics.losses


async def test_two_playgrounds_that_train_on_one_store_lose_nothing(
    words: Path, tmp_path: Path
) -> None:
    path = tmp_path / "runs.sqlite"
    one, other = (Lab(NONE, store=path, limits=UNHURRIED) for _ in range(2))
    try:
        async with asyncio.timeout(180):
            results = await asyncio.gather(
                trained(one, words, 1, 1000), trained(other, words, 2, 1000)
            )
        run, _ = results[0]
        with pytest.raises(LabError) as caught:
            await other.open_recorded(run)
        assert "open elsewhere" in caught.value.failure.title
        assert (await other.frame()).step == 1000, "and what was open there still is"
    finally:
        await asyncio.gather(one.close(), other.close())
    with Store.open(path) as store:
        assert store.check() == []
        assert len(store.runs()) == 2
        for run, losses in results:
            assert store.record(run).losses == losses
            assert store.row(run).owner == "", "it was closed in an orderly way"


async def test_closing_waits_for_a_store_that_another_program_is_writing_to(
    words: Path, tmp_path: Path
) -> None:
    path = tmp_path / "runs.sqlite"
    lab = Lab(NONE, store=path)
    try:
        await lab.open(text_run(words, model=SMALL, steps=60).to_json())
        await lab.advance(30)
        async with asyncio.timeout(20):
            while (record := (await lab.frame()).record) is None or record.run is None:
                await asyncio.sleep(0)
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            await lab.advance(20)
            closing = asyncio.create_task(lab.close())
            asyncio.get_running_loop().call_later(1.3, other.execute, "ROLLBACK")
            await closing
    finally:
        await lab.close()
    with Store.open(path) as store:
        assert [(row.step, row.owner) for row in store.runs()] == [(50, "")]
