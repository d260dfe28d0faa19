"""The worker writes the rows of the film while the run stands, and lets commands go first."""

from __future__ import annotations

import asyncio

from playground.lab.protocol.film import FilmFrame, has_row
from playground.lab.protocol.frames import FrameRequest
from playground.lab.session import Session
from playground.lab.spec import RunSpec
from tests.calibrated import PATIENCE
from tests.lab.client.test_lab import opened
from tests.lab.conftest import MakeLab, Watched


async def film(watched: Watched, count: int) -> FilmFrame:
    """The film as soon as it has so many rows and none waits, however often it is asked for."""
    async with asyncio.timeout(PATIENCE * 20):
        while True:
            found = (await watched.lab.frame(FrameRequest(film_since=0))).film
            assert found is not None
            if found.count >= count and not found.waiting:
                return found


async def test_the_first_row_is_there_before_the_first_step(labs: MakeLab, spec: RunSpec) -> None:
    watched = await opened(labs, spec)
    assert [row.step for row in (await film(watched, 1)).rows] == [0]
    assert (await watched.lab.frame()).step == 0


async def test_a_run_that_pauses_has_every_row_of_a_session(
    labs: MakeLab, spec: RunSpec, session: Session
) -> None:
    watched = await opened(labs, spec)
    await watched.lab.advance(123)
    while session.step < 123:
        assert session.advance(123 - session.step)
    session.camera.finish()
    steps = [step for step in range(124) if has_row(step)]
    rows = {row.step: row for row in (await film(watched, len(steps))).rows}
    assert rows == session.camera.rows and sorted(rows) == steps


async def test_a_run_that_trains_at_a_pace_has_its_rows_at_once(
    labs: MakeLab, spec: RunSpec
) -> None:
    watched = await opened(labs, spec)
    await watched.lab.run(100)
    await watched.reaches(21)
    found = await film(watched, 5)
    assert {0, 5, 10, 15, 20} <= {row.step for row in found.rows}
    await watched.lab.pause()
