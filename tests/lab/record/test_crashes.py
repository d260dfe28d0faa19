"""A kill -9 of the worker loses nothing of a run; of the screen or both, half a second at most.

tools/soak_crashes.py runs many more of these tests.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from pathlib import Path

import pytest

from playground.hooks.registry import Registry
from playground.lab.client.lab import Lab
from playground.lab.protocol.frames import Frame
from playground.lab.store.store import Store
from tests.calibrated import a_second, in_time
from tests.lab.conftest import until
from tests.lab.crashing import (
    NONE,
    PATIENT,
    Playground,
    check,
    do,
    go_on,
    spec_of,
    wait_until_gone,
)
from tests.lab.walks import RATE, Straight

pytestmark = pytest.mark.skipif(os.name != "posix", reason="there is no kill -9")


def test_killing_the_screen_or_both_at_random_loses_half_a_second_of_record_at_most(
    words: Path, registry: Registry, tmp_path: Path
) -> None:
    dice = random.Random(11)
    store = tmp_path / "runs.sqlite"
    straight = Straight(spec_of(words), registry)
    run = 0
    for number in range(8):
        what = ("screen", "both")[number % 2]
        playground = Playground(store, words, "vector", run, number)
        moment = playground.kill(what, dice.randint(1, 60))
        worker_ended = wait_until_gone(playground.worker)
        assert in_time(worker_ended, 3.0), "nobody is there to see what it does"
        assert playground.complaints == []
        heads = check(store, {"vector": straight})
        forgotten = playground.forgotten(moment, 1.0)
        assert forgotten is None or playground.forgotten(moment, a_second()) is None
        run = playground.seen[-1][2]
        if not run:
            continue
        assert playground.found_again(run, moment), "it is offered at the next start"
        lost = playground.lost(heads[run], run, moment)
        assert in_time(lost, 1.0), "half a second, on an idle machine"
        if number % 3 == 2:  # other runs go on where they were killed
            go_on(store, run, registry, straight)
            run = 0


async def test_killing_the_worker_at_random_loses_nothing_of_the_run(
    words: Path, registry: Registry, tmp_path: Path
) -> None:
    dice = random.Random(12)
    store = tmp_path / "runs.sqlite"
    straight = Straight(spec_of(words), registry)
    lab = Lab(NONE, store=store, limits=PATIENT)
    try:
        await lab.open(spec_of(words).to_json())
        for _ in range(4):
            await lab.run(dice.choice((100, 300)))
            doing = asyncio.create_task(do(lab, dice, 10_000))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(doing), dice.uniform(0.05, 0.6))
            link = lab.open_run.link
            assert link is not None
            os.kill(link.process.pid, signal.SIGKILL)
            await until(lambda link=link: lab.open_run.link not in (None, link), 20)  # type: ignore[misc]
            doing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await doing
            check(store, {"vector": straight})
        await lab.pause()
        frame = await lab.frame()
        await lab.advance(frame.steps)
        frame = await lab.frame()
        assert frame.state == "finished" and frame.record is not None
        run = frame.record.run
    finally:
        await lab.close()
    heads = check(store, {"vector": straight})
    assert run is not None and heads[run] == frame.steps


def ends(path: Path) -> list[tuple[int, int, bool, float]]:
    """By run in the store: its last step, where it stands, whether it is open, and its rate."""
    with Store.open(path) as store:
        rows = store.runs()
    return sorted((row.step, row.at, bool(row.owner), row.learning_rate) for row in rows)


async def after_a_kill(lab: Lab) -> Frame:
    """Kill the worker; return the first frame of the worker that takes over."""
    link = lab.open_run.link
    assert link is not None
    os.kill(link.process.pid, signal.SIGKILL)
    await until(lambda: lab.open_run.link not in (None, link), 20)
    return await lab.frame()


async def test_a_worker_killed_during_a_look_at_the_past_loses_neither_future_nor_edit(
    words: Path, tmp_path: Path
) -> None:
    store = tmp_path / "runs.sqlite"
    lab = Lab(NONE, store=store, limits=PATIENT)
    try:
        await lab.open(spec_of(words).to_json())
        await lab.advance(60)
        await lab.go_to(20)
        await until(lambda: ends(store) == [(60, 20, True, 0.01)])
        before = await lab.frame()
        there = await after_a_kill(lab)
        assert (there.step, there.head) == (20, 60)
        assert there.metrics == before.metrics and there.record is not None
        first = there.record.run
        with Store.open(store) as opened:
            assert [row.id for row in opened.runs()] == [first]

        await lab.edit({RATE: 0.02})  # the edit begins a fork, which no frame has told yet
        await until(lambda: ends(store) == [(20, 20, True, 0.02), (60, 20, False, 0.01)])
        there = await after_a_kill(lab)
        assert (there.step, there.head, there.base_learning_rate) == (20, 20, 0.02)
        assert there.record is not None and there.record.run != first
        assert (there.record.parent, there.record.fork_step) == (first, 20)
        with Store.open(store) as opened:
            assert len(opened.runs()) == 2, "one of them, and not another one each time"
    finally:
        await lab.close()
