"""What a command that fails costs: it is told, and nothing else ends."""

from __future__ import annotations

import asyncio

import pytest

from playground.lab.protocol.failures import Failure, LabError
from playground.tui.control.tasks import BackgroundTasks

HUNG = Failure("A plugin hangs", "It has not returned.", kind="hung")


@pytest.mark.parametrize("wait", [1, 2])
async def test_a_failure_at_any_wait_is_told_and_no_defect(wait: int) -> None:
    told, defects = list[Failure](), list[BaseException]()
    tasks = BackgroundTasks(told.append, defects.append)
    loop = asyncio.get_running_loop()
    waits = [loop.create_future() for _ in range(wait)]

    async def work() -> None:
        for one in waits:
            await one

    task = tasks.attend(work())
    assert task is not None
    for one in waits[:-1]:
        one.set_result(None)
        await asyncio.sleep(0)
    waits[-1].set_exception(LabError(HUNG))
    await asyncio.gather(task, return_exceptions=True)
    assert (told, defects) == ([HUNG], [])
