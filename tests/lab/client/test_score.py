"""The score of the open run, as the screen asks a real worker for it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from playground.lab.client.lab import Lab
from playground.lab.protocol.failures import LabError, Progress
from tests.cli.conftest import Play, play  # noqa: F401
from tests.lab.conftest import text_run, within
from tests.lab.crashing import NONE, PATIENT


async def test_the_score_of_a_run_is_that_of_the_command_and_can_be_given_up(
    words: Path,
    tmp_path: Path,
    play: Play,  # noqa: F811
) -> None:
    store = tmp_path / "home" / "data" / "runs.sqlite"
    lab = Lab(NONE, store=store, limits=PATIENT)
    spec = text_run(words, holdout=0.3)
    told: list[Progress] = []
    first = asyncio.Event()

    def tell(progress: Progress) -> None:
        told.append(progress)
        first.set()

    try:
        await lab.open(spec.to_json())
        await lab.advance(10)
        with pytest.raises(LabError, match="no regular expression"):
            await lab.score(tell, rule="(")
        await lab.run(5)  # it trains on while it is scored
        given_up = asyncio.create_task(lab.score(tell, samples=1000))
        await within(20, first.wait())
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        assert (await lab.frame()).state == "running"
        await lab.pause()
        await lab.go_to(10)
        scored = await lab.score(tell, samples=20, rule="[a-m]+")
        assert scored.step == 10
    finally:
        await lab.close()
    assert {progress.stage for progress in told} >= {"sampling"}
    done = play("score", 1, "--json", "--samples", 20, "--rule", "[a-m]+")
    assert done.code == 0, done.err
    shown = json.loads(done.out)
    assert shown.pop("model")["step"] == 10
    assert shown == json.loads(json.dumps(dict(scored.values)))
