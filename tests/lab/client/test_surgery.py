"""Surgery as the screen asks for it: done, held, taken back, tried, ranked, patched, put in."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from microgpt.surgery import Component, Operation
from playground.lab.client.lab import Lab
from playground.lab.protocol.commands import Patch
from playground.lab.protocol.failures import LabError, Progress
from playground.lab.protocol.surgery import MeanWrite, RankProgress, Surgical
from playground.lab.spec import RunSpec
from playground.lab.store.store import Store
from tests.lab.conftest import text_run, until, within
from tests.lab.crashing import NONE, PATIENT

CUT = Operation(Component("head", 0, 1))


def unheard(_: Progress) -> None:
    pass


@pytest.fixture
def sliced(words: Path) -> RunSpec:
    return text_run(words, holdout=0.3)


async def opened(spec: RunSpec, store: Path | None = None) -> Lab:
    lab = Lab(NONE, store=store, limits=PATIENT)
    await lab.open(spec.to_json())
    return lab


async def number_of(lab: Lab) -> int:
    """The number of the open run, as soon as its row is written."""
    while True:
        record = (await lab.frame()).record
        if record is not None and record.run is not None:
            return record.run


async def test_what_is_done_and_held_is_told_in_words_and_taken_back_to_the_bit(
    sliced: RunSpec,
) -> None:
    lab = await opened(sliced)
    try:
        await lab.advance(10)
        before = await lab.checkpoint()
        await lab.operate([CUT, Operation(Component("position", index=3), (0.5,))])
        await lab.hold([CUT])
        frame = await lab.frame()
        assert frame.by_hand == (
            "held: head 1 of layer 0 at 0",
            "head 1 of layer 0 cut, position 3 set to 0.5",
        )
        assert frame.held == "head 1 of layer 0" and await lab.held() == (CUT,)
        assert frame.edits == tuple((10, words) for words in sorted(frame.by_hand))
        cut = await lab.checkpoint()
        assert cut.weights != before.weights and cut.before == before.weights
        await lab.advance(5)
        assert (await lab.frame()).by_hand == ()
        await lab.go_to(10)
        await lab.undo()
        assert (await lab.frame()).held == ""
        await lab.undo()
        frame, back = await lab.frame(), await lab.checkpoint()
        assert (frame.by_hand, frame.edits) == ((), ())
        assert back.weights == before.weights and back.before == b""
        with pytest.raises(LabError, match="nothing to take back"):
            await lab.undo()
        with pytest.raises(LabError, match="there is no head 7"):
            await lab.operate([Operation(Component("head", 0, 7))])
        with pytest.raises(LabError, match="cannot be set to nan"):
            await lab.operate([Operation(Component("head", 0, 1), (float("nan"),))])
        assert (await lab.checkpoint()).weights == before.weights
    finally:
        await lab.close()


async def test_a_trial_tells_what_would_be_and_changes_nothing_while_the_run_trains_on(
    sliced: RunSpec,
) -> None:
    lab = await opened(sliced)
    try:
        await lab.advance(20)
        before = await lab.checkpoint()
        tried = await lab.try_out([CUT], "an", unheard)
        assert tried.step == 20
        assert tried.heldout is not None and tried.heldout.delta != 0
        assert len(tried.tokens) == len(tried.losses_before) == len(tried.losses_after) == 3
        assert sum(one.after for one in tried.next) == pytest.approx(1)
        mean = await lab.try_out([MeanWrite(0, 1)], None, unheard)
        assert mean.heldout is not None and mean.heldout.delta != tried.heldout.delta
        told: list[Progress] = []
        ranked = await lab.rank((), told.append)
        assert len(ranked.cuts) > 40
        so_far = [cut for one in told if isinstance(one, RankProgress) for cut in one.found]
        assert so_far and set(so_far) <= set(ranked.cuts), "parts are told while others are tried"
        assert len(so_far) == len(set(so_far)), "each part once"
        deltas = [one.delta for _, one in ranked.cuts]
        assert deltas == sorted(deltas, reverse=True)
        assert dict(ranked.cuts)[CUT.component] == tried.heldout
        patching = await lab.patch(Patch("cat", "cot", 0, 1), unheard)
        assert len(patching.recovered) == len(patching.stages) == 5
        assert patching.recovered[-1][-1] == pytest.approx(1)
        assert (await lab.checkpoint()).weights == before.weights
        with pytest.raises(LabError, match="does not know"):
            await lab.try_out([CUT], "X", unheard)
        with pytest.raises(LabError, match="not of the same length"):
            await lab.patch(Patch("cat", "at"), unheard)
    finally:
        await lab.close()


async def test_a_ranking_is_given_up_when_asked_and_when_its_task_is_and_another_replaces_it(
    sliced: RunSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = await opened(sliced)
    try:
        await lab.run(2.0)
        for end in ("give up", "cancel", "replace"):
            begun = asyncio.Event()
            everything = [Component("head", 0, 0)] * 5_000
            task = asyncio.ensure_future(
                lab.rank(everything, lambda _, begun=begun: begun.set())  # type: ignore[misc]
            )
            await within(10, begun.wait())
            await within(5, lab.frame())  # other commands come between
            if end == "give up":
                await lab.give_up("rank")
            elif end == "cancel":
                given_up = asyncio.Event()

                async def give_up(what: Surgical, given_up: asyncio.Event = given_up) -> None:
                    await Lab.give_up(lab, what)
                    given_up.set()

                monkeypatch.setattr(lab, "give_up", give_up)
                task.cancel()
                await within(5, given_up.wait())
            else:
                await within(10, lab.rank([Component("head", 0, 0)], unheard))
            with pytest.raises((LabError, asyncio.CancelledError)):
                await within(5, task)
        assert (await lab.frame()).state == "running"
    finally:
        await lab.close()


async def test_a_part_is_put_in_from_another_step_and_from_another_run_of_this_shape(
    sliced: RunSpec, tmp_path: Path
) -> None:
    store = tmp_path / "runs.sqlite"
    lab = await opened(sliced, store)
    part = Component("matrix", matrix="wte")
    try:
        await lab.advance(30)
        await lab.go_to(12)
        early = await lab.part_at(part, 12, unheard)
        await lab.go_to(30)
        before = await lab.checkpoint()
        assert await lab.part_at(part, 12, unheard) == early
        assert await lab.checkpoint() == before, "there and back, to the bit"
        run = await within(10, number_of(lab))
        await lab.open(text_run(Path(sliced.dataset.options["path"]), seed=3).to_json())
        await lab.advance(3)
        assert await lab.part_at(part, 12, unheard, run) == early
        await lab.operate([early])
        assert (await lab.frame()).by_hand == ("wte put in",)
        wide = {"n_embd": 4, "n_head": 2, "n_layer": 1, "block_size": 8}
        await lab.open(sliced.replace({f"model.{k}": v for k, v in wide.items()}).to_json())
        with pytest.raises(LabError, match="another shape"):
            await lab.part_at(part, 12, unheard, run)
    finally:
        await lab.close()


async def test_the_way_to_another_step_can_be_given_up_and_the_run_stays_where_it_is(
    sliced: RunSpec,
) -> None:
    lab = await opened(sliced.replace({"steps": 1_000_000}))
    try:
        await lab.advance(5)
        begun = asyncio.Event()
        far = lab.part_at(Component("head", 0, 0), 900_000, lambda _: begun.set())
        task = asyncio.ensure_future(far)
        await within(10, begun.wait())
        assert (await within(5, lab.frame())).step == 5
        await lab.give_up("part")
        with pytest.raises(LabError, match="given up"):
            await within(5, task)
        assert (await lab.frame()).step == 5
    finally:
        await lab.close()


async def test_an_operation_in_the_past_forks_and_survives_the_death_of_its_worker(
    sliced: RunSpec, tmp_path: Path
) -> None:
    store = tmp_path / "runs.sqlite"
    lab = await opened(sliced, store)
    try:
        await lab.advance(30)
        await lab.go_to(10)
        await lab.operate([CUT])
        await lab.hold([CUT])
        before = await lab.checkpoint()
        link = lab.open_run.link
        assert link is not None
        os.kill(link.process.pid, signal.SIGKILL)
        await until(lambda: lab.open_run.link not in (None, link), 20)
        after = await lab.checkpoint()
        assert (after.weights, after.before) == (before.weights, before.before)
        frame = await lab.frame()
        assert frame.held and frame.record is not None and frame.record.fork_step == 10
    finally:
        await lab.close()
    with Store.open(store) as kept:
        assert sorted((row.step, row.parent is None) for row in kept.runs()) == [
            (10, False),
            (30, True),
        ]
