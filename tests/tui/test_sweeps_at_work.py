"""The processes that train sweeps for the playground: begun, and stopped when it is left."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from playground.lab.client.async_store import AsyncStore
from playground.lab.store.sweeps import Glance, glance
from playground.tui.control.sweeps import Sweeps
from tests.lab.sweep.recorded import plan_of

DEADLINE = 90.0


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not await true():
            await asyncio.sleep(0.02)


async def test_a_sweep_stops_when_the_playground_is_left_and_keeps_what_is_recorded(
    home: Path,
) -> None:
    store = AsyncStore(home / "data" / "runs.sqlite")
    sweeps = Sweeps(store)
    rates = [f"0.0{number}" for number in range(10, 60)]
    sweep = await sweeps.begin(plan_of({"learning_rate": rates}, seeds=3, steps=10), jobs=1)

    async def now() -> Glance:
        return await store.ask(lambda opened: glance(opened, sweep))

    async def works() -> bool:
        return (await now()).recorded > 0

    try:
        await until(works)
        assert sweeps.works_on(sweep) and (await now()).at_work
    finally:
        await sweeps.close()
    found = await now()
    assert 0 < found.recorded < 150 and not found.at_work
    assert not sweeps.works_on(sweep) and sweeps.trouble(sweep) == ""
    said, command = sweeps.farewell
    kept = f"{found.recorded} run{'s' if found.recorded > 1 else ''} of it"
    assert said.startswith(f"Sweep {sweep} was at work, and has stopped: {kept}")
    assert command.endswith(f"sweep --resume {sweep} --jobs 1")
    store.close()


async def test_a_process_that_gives_a_sweep_up_is_told_by_its_own_words(home: Path) -> None:
    store = AsyncStore(home / "data" / "runs.sqlite")
    sweeps = Sweeps(store)
    await store.runs()  # makes the store, without a sweep
    await sweeps.go_on(7, jobs=1)

    async def ended() -> bool:
        return not sweeps.works_on(7)

    await until(ended)
    assert "There is no such sweep" in sweeps.trouble(7)
    await sweeps.close()
    assert sweeps.farewell == ()
    store.close()
