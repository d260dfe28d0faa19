"""A worker that dies or hangs is reported at once and replaced, and the losses of the run are those
of an undisturbed one."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from playground.lab.client.events import Limits, WorkerBack, WorkerGone, WorkerLost
from playground.lab.client.lab import Lab
from playground.lab.client.recovery import CheckpointKeeper, RestartBudget
from playground.lab.protocol.failures import LabError
from playground.lab.protocol.sampling import Link, Measuring, MetricChoice, Sampling
from playground.lab.session import Session
from playground.lab.spec import RunSpec
from tests.calibrated import in_time
from tests.lab import plugins
from tests.lab.client.test_lab import opened, pid_of
from tests.lab.conftest import QUICK, MakeLab, text_run, until, within
from tests.lab.test_session import walk


async def kept(lab: Lab) -> None:
    """Wait until the Lab holds a checkpoint of the present state."""
    await until(
        lambda: (
            not lab._keeper.changed.is_set()
            and lab.open_run.link is not None
            and not lab.open_run.link.busy
        )
    )


def test_what_is_kept_piece_by_piece_is_the_whole_checkpoint(session: Session) -> None:
    session.observe(Measuring((MetricChoice("perplexity"),), every=5))
    keeper = CheckpointKeeper(QUICK)

    def keep(requests: int = 1) -> int:
        """Keep what is new; return how many losses that were."""
        asked = [keeper.request() for _ in range(requests)]
        for each in asked:
            reply = session.checkpoint(each.series, each.since_step, each.epoch)
            keeper.keep(reply)
        assert keeper.latest() == session.checkpoint()
        return len(reply.losses) // 8

    walk(session, 20)
    assert keep() == 20
    walk(session, 25)
    assert keep(requests=2) == 25, "both at once bring the same"
    session.go_to(10)
    session.edit({"optimizer.learning_rate": 0.02})
    walk(session, 35)  # as many losses as before, but others
    assert keep() == 45
    keeper.another_worker()
    assert keep() == 45


async def test_a_killed_worker_is_replaced_and_the_losses_are_those_of_an_unkilled_run(
    labs: MakeLab, spec: RunSpec, session: Session
) -> None:
    watched = await opened(labs, spec)
    lab = watched.lab
    await lab.run(200)
    await watched.reaches(80)
    os.kill(pid_of(lab), signal.SIGKILL)
    lost = await watched.event(WorkerLost, 5)
    assert lost.failure.kind == "dead" and "SIGKILL" in lost.failure.message
    with pytest.raises(LabError) as caught:
        await within(0.5, lab.frame())
    assert caught.value.failure.kind == "dead"

    back = await watched.event(WorkerBack)
    assert back.running and back.step > 0 and back.sampling is None
    info = lab.open_run.info
    assert info is not None and info.resumed_at > 0, "it went on from a checkpoint"
    await watched.reaches(400)
    while session.advance():
        pass
    there, here = await lab.frame(), session.frame()
    assert there.metrics == here.metrics
    assert there.tokens_seen == here.tokens_seen


async def test_a_worker_killed_while_paused_comes_back_paused_at_the_same_step(
    labs: MakeLab, spec: RunSpec, session: Session
) -> None:
    watched = await opened(labs, spec)
    lab = watched.lab
    await lab.advance(30)
    await lab.edit({"optimizer.learning_rate": 0.03})
    await lab.advance(7)
    await lab.go_to(33)
    before = await lab.frame()
    await kept(lab)
    os.kill(pid_of(lab), signal.SIGKILL)
    back = await watched.event(WorkerBack)
    assert (back.step, back.running) == (33, False)
    after = await lab.frame()
    assert after.state == "paused" and after.epoch > before.epoch
    assert after.metrics == before.metrics
    assert after.base_learning_rate == 0.03
    await lab.go_to(12)  # the keyframes before the checkpoint died with the worker
    assert (await lab.frame()).metrics.losses == before.metrics.losses[:12]
    session.go_to(12)
    assert (await lab.frame()).metrics == session.frame().metrics


async def test_a_run_whose_worker_is_killed_before_the_first_step_begins_again(
    labs: MakeLab, spec: RunSpec
) -> None:
    watched = await opened(labs, spec)
    os.kill(pid_of(watched.lab), signal.SIGKILL)
    back = await watched.event(WorkerBack)
    assert (back.step, back.running) == (0, False)
    await watched.lab.advance(2)


async def test_a_plugin_that_ends_the_process_is_reported_with_its_last_words(
    labs: MakeLab, spec: RunSpec, tmp_path: Path
) -> None:
    file = plugins.tokenizer(
        tmp_path, "rude", encode="if Bad.calls == 90: print('I quit'); os._exit(3)"
    )
    watched = await opened(labs, spec.replace({"tokenizer.name": "rude"}), file)
    await watched.lab.run()
    lost = await watched.event(WorkerLost)
    assert "3" in lost.failure.message and "I quit" in lost.failure.message
    back = await watched.event(WorkerBack)
    assert not back.running, "a plugin may be to blame, so a person decides"
    assert (await watched.lab.frame()).state in ("paused", "ready")


async def test_a_plugin_that_hangs_while_training_is_named_and_the_run_comes_back_paused(
    labs: MakeLab, spec: RunSpec, tmp_path: Path
) -> None:
    file = plugins.tokenizer(tmp_path, "sleepy", encode="while Bad.calls > 120: time.sleep(0.01)")
    watched = await opened(labs, spec.replace({"tokenizer.name": "sleepy"}), file)
    lab = watched.lab
    await lab.run(300)
    lost = await watched.event(WorkerLost, 5)
    assert lost.failure.kind == "hung"
    assert "sleepy" in lost.failure.message and "encode" in lost.failure.message
    back = await watched.event(WorkerBack)
    assert not back.running
    await lab.advance(5)


async def test_a_strategy_that_hangs_is_switched_off(
    labs: MakeLab, spec: RunSpec, tmp_path: Path
) -> None:
    file = plugins.strategy(tmp_path, "lost", "while True: pass")
    watched = await opened(labs, spec, file)
    lab = watched.lab
    await lab.observe(Sampling(chain=(Link("lost"),)))
    with pytest.raises(LabError) as caught:
        await within(5, lab.sample())
    assert caught.value.failure.kind == "hung" and "'lost'" in caught.value.failure.message
    back = await watched.event(WorkerBack)
    assert "switched off" in back.note
    off = Sampling(chain=(Link("lost", enabled=False),))
    assert back.sampling == lab.open_run.observation.sampling == off
    assert (await lab.sample()).texts


async def test_a_strategy_that_hangs_costs_no_step(
    labs: MakeLab, spec: RunSpec, tmp_path: Path
) -> None:
    file = plugins.strategy(tmp_path, "lost", "while True: pass")
    seldom = replace(QUICK, checkpoint=60.0)
    watched = labs(file, limits=seldom)
    lab = watched.lab
    await lab.open(spec.to_json())
    await lab.run(200)
    await watched.reaches(30)
    await lab.pause()
    seen = (await lab.frame()).step
    await lab.observe(Sampling(chain=(Link("lost"),)))
    with pytest.raises(LabError):
        await within(5, lab.sample())
    back = await watched.event(WorkerBack)
    assert back.step == (await lab.frame()).step == seen


async def test_a_stopped_worker_counts_as_hung(labs: MakeLab, spec: RunSpec) -> None:
    watched = await opened(labs, spec)
    os.kill(pid_of(watched.lab), signal.SIGSTOP)
    with pytest.raises(LabError) as caught:
        await within(5, watched.lab.frame())
    assert caught.value.failure.kind == "hung"
    await watched.event(WorkerBack)
    await watched.lab.advance(1)


SPEED = 200
"""Steps a second."""


ENDS = ("SIGKILL", "SIGSEGV", "SIGALRM", "SIGHUP", "SIGABRT", "SIGSTOP")
"""Whether a run is recorded has nothing to do with how its worker is lost: the two ways of losing
it, a signal and silence, are tried on both kinds, every signal on a recorded run."""


@pytest.mark.parametrize(
    ("number", "recorded"),
    [*((one, True) for one in ENDS), ("SIGKILL", False), ("SIGSTOP", False)],
)
async def test_a_worker_that_is_lost_while_it_trains_comes_back_training_where_it_was(
    labs: MakeLab, spec: RunSpec, tmp_path: Path, number: str, recorded: bool
) -> None:
    usual = Limits()
    watched = labs(limits=replace(QUICK, checkpoint=usual.checkpoint, share=usual.share))
    lab = watched.lab
    if recorded:
        lab.open_run._store = str(tmp_path / "runs.sqlite")
    await lab.open(spec.replace({"steps": 100_000}).to_json())
    await lab.run(SPEED)
    await watched.reaches(2 * SPEED)
    before = (await lab.frame()).step
    os.kill(pid_of(lab), getattr(signal, number))
    back = await watched.event(WorkerBack, 20)
    assert back.running, "nothing that trains was at fault"
    lost = (before - back.step) / SPEED
    assert in_time(lost, 1), "half a second, and what a busy machine adds"
    await watched.reaches(back.step + 20)


async def test_a_strategy_that_hangs_stops_no_training(
    labs: MakeLab, spec: RunSpec, tmp_path: Path
) -> None:
    file = plugins.strategy(tmp_path, "lost", "while True: pass")
    watched = await opened(labs, spec.replace({"steps": 100_000}), file)
    lab = watched.lab
    await lab.run(SPEED)
    await watched.reaches(30)
    await lab.observe(Sampling(chain=(Link("lost"),), every=50))
    back = await watched.event(WorkerBack)
    assert back.running and "switched off" in back.note
    await watched.reaches(back.step + 20)


async def test_a_worker_that_dies_again_at_once_stays_down_and_can_be_opened_again(
    labs: MakeLab, spec: RunSpec
) -> None:
    watched = await opened(labs, spec)
    lab = watched.lab
    await lab.advance(20)
    await until(lambda: lab.last_checkpoint is not None)
    os.kill(pid_of(lab), signal.SIGKILL)
    await watched.event(WorkerBack)
    os.kill(pid_of(lab), signal.SIGKILL)
    gone = await watched.event(WorkerGone)
    assert "Open the run again" in gone.failure.message
    with pytest.raises(LabError) as caught:
        await within(0.5, lab.frame())
    assert caught.value.failure == gone.failure
    checkpoint = lab.last_checkpoint
    assert checkpoint is not None and checkpoint.step == 20
    await within(20, lab.open(spec.to_json(), checkpoint=checkpoint))
    frame = await lab.frame()
    assert (frame.step, len(frame.metrics.losses)) == (20, 20)


async def test_a_run_with_a_large_state_is_taken_up_again_from_its_record(
    labs: MakeLab, spec: RunSpec, tmp_path: Path
) -> None:
    watched = labs(limits=replace(QUICK, largest=1000), store=tmp_path / "runs.sqlite")
    lab = watched.lab
    await within(20, lab.open(spec.to_json()))
    await lab.advance(20)
    await kept(lab)
    while (record := (await lab.frame()).record) is None or record.run is None:
        await asyncio.sleep(0)
    assert lab.last_checkpoint is None, "the state stays with the worker"
    os.kill(pid_of(lab), signal.SIGKILL)
    back = await watched.event(WorkerBack)
    frame = await lab.frame()
    assert back.step == frame.step == 20 and len(frame.metrics.losses) == 20
    assert frame.record is not None and frame.record.run == 1


async def test_another_run_can_be_opened_while_the_lost_one_is_being_restarted(
    labs: MakeLab, spec: RunSpec, words: Path
) -> None:
    watched = await opened(labs, spec)
    lab = watched.lab
    os.kill(pid_of(lab), signal.SIGKILL)
    await watched.event(WorkerLost)
    other = text_run(words, seed=8)
    await within(20, lab.open(other.to_json()))
    await lab.advance(1)
    assert lab.open_run.info is not None and lab.open_run.info.spec == other.to_json()
    assert not any(isinstance(event, WorkerGone) for event in watched.events)


async def test_long_series_are_kept_piece_by_piece(labs: MakeLab, spec: RunSpec) -> None:
    watched = await opened(labs, spec)
    lab = watched.lab
    asked: list[int] = []
    keep = lab._keeper.keep

    def count(checkpoint: object) -> None:
        asked.append(len(checkpoint.losses) // 8)  # type: ignore[attr-defined]
        keep(checkpoint)  # type: ignore[arg-type]

    lab._keeper.keep = count  # type: ignore[method-assign,assignment]
    await lab.run(250)
    await watched.reaches(300)
    await lab.pause()
    await kept(lab)
    last = lab.last_checkpoint
    assert last is not None
    assert len(last.losses) == 8 * last.step and sum(asked) == last.step and len(asked) > 3


@pytest.mark.parametrize(
    ("lifetimes", "expected"),
    [
        ([None], [True]),
        ([None, 2.0], [True, False]),
        ([None, 20.0, 20.0], [True, True, False]),
        ([None, 20.0, 100.0, 20.0, 20.0], [True, True, True, True, False]),
    ],
)
def test_a_run_is_brought_back_as_long_as_its_workers_live_long_enough(
    lifetimes: list[float | None], expected: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = 0.0
    monkeypatch.setattr("playground.lab.client.recovery.time.monotonic", lambda: clock)
    guard, got = RestartBudget(Limits()), []
    for lived in lifetimes:
        if lived is not None:
            guard.begin()
            clock += lived
        got.append(guard.spend())
    assert got == expected
