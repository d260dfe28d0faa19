"""Two runs side by side: where they part, and what a lost worker or a failing side costs."""

from __future__ import annotations

import os
import signal
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from microgpt.surgery import Component, Operation
from playground.hooks.sources import PluginSources
from playground.lab.client.lab import Lab
from playground.lab.fork import Setting, forked
from playground.lab.protocol.failures import LabError
from playground.lab.protocol.frames import Metrics
from playground.lab.protocol.run import Recording
from playground.lab.protocol.sampling import Link, Sampling
from playground.lab.race import Entrant, Gap, Race
from playground.lab.race.comparison import Comparison, Track
from playground.lab.session import Session
from playground.lab.spec import RunSpec
from playground.lab.store.store import Store
from tests.lab.client.test_lab import pid_of
from tests.lab.conftest import QUICK, text_run, until, within

RATE = "optimizer.learning_rate"
SOURCES = PluginSources(entry_points=False)


# ---------------------------------------------------------------- comparing


def metrics(losses: list[float], first: int = 1) -> Metrics:
    return Metrics(first, array("d", losses), array("d", losses), ())


def tracks(left: list[float], right: list[float]) -> tuple[Track, Track, Comparison]:
    one, other = Track(), Track()
    one.grow(metrics(left))
    other.grow(metrics(right))
    comparison = Comparison(one, other)
    comparison.update()
    return one, other, comparison


def test_series_that_are_the_same_bits_have_not_parted() -> None:
    _, _, comparison = tracks([3.0, 2.0, 1.0], [3.0, 2.0])
    assert (comparison.step, comparison.parted, comparison.largest) == (2, None, None)


def test_it_is_noted_when_a_difference_by_rounding_has_grown() -> None:
    one, other, comparison = tracks([2.0, 2.0, 2.0], [2.0, 2.0 + 2**-51, 2.0 + 3e-9])
    assert comparison.beyond == {1e-9: 3}
    one.grow(metrics([2.0, 2.0, 2.0], first=4))
    other.grow(metrics([2.0, 1.9, 1.5], first=4))
    comparison.update()
    assert comparison.beyond == {1e-9: 3, 0.01: 5, 0.1: 6}
    comparison.rewound(5)
    assert comparison.beyond == {1e-9: 3, 0.01: 5}
    comparison.rewound(2)
    comparison.update()
    assert comparison.beyond[0.1] == 6, "what is recorded still counts"


def test_the_first_step_that_differs_is_found_in_the_last_bit() -> None:
    _, other, comparison = tracks([3.0, 2.0, 1.0, 0.5], [3.0, 2.0, 1.0 + 2**-52])
    assert comparison.parted == Gap(3, 1.0, 1.0 + 2**-52)
    assert comparison.parted.difference == 2**-52
    other.grow(metrics([1.5], first=4))
    comparison.update()
    assert comparison.parted.step == 3, "the first stays the first"
    assert comparison.largest == Gap(4, 0.5, 1.5)
    assert list(comparison.difference) == [0, 0, 2**-52, 1.0]


def test_a_comparison_in_pieces_gives_what_the_whole_gives() -> None:
    left, right = [3.0, 2.5, 2.0, 1.9], [3.0, 2.6, 2.9, 1.7]
    _, _, whole = tracks(left, right)
    one, other, pieces = tracks(left[:1], right[:1])
    for at in range(1, 4):
        one.grow(metrics(left[at : at + 1], at + 1))
        other.grow(metrics(right[at - 1 : at + 1], at))  # one loss comes twice
        pieces.update()
    assert pieces.difference == whole.difference and pieces.average(4) == whole.average(4)
    assert (pieces.parted, pieces.largest) == (whole.parted, whole.largest)


def test_going_back_takes_back_the_differences_of_later_steps() -> None:
    one, other, comparison = tracks([3.0, 2.0, 1.0, 0.5], [3.0, 2.5, 1.0, 2.5])
    assert comparison.largest == Gap(4, 0.5, 2.5)
    comparison.rewound(one.again(metrics([3.0, 2.0])))
    comparison.rewound(other.again(metrics([3.0, 2.5])))
    comparison.update()
    assert comparison.step == 2 and comparison.largest == Gap(2, 2.0, 2.5)
    comparison.rewound(one.again(metrics([3.0])))
    comparison.update()
    assert comparison.parted is None and comparison.largest is None


def test_another_past_is_compared_from_the_first_step_that_changed() -> None:
    one, _, comparison = tracks([3.0, 2.0, 1.0], [3.0, 2.0, 1.0])
    assert one.again(metrics([3.0, 2.5, 1.0])) == 1
    comparison.rewound(1)
    comparison.update()
    assert comparison.parted == Gap(2, 2.5, 2.0)


def test_only_the_steps_that_both_recorded_are_compared() -> None:
    one, other = Track(), Track()
    one.grow(metrics([3.0, 2.0, 1.0]))
    other.grow(metrics([1.25, 1.0], first=3))
    comparison = Comparison(one, other)
    comparison.update()
    assert comparison.first == 2 and list(comparison.difference) == [0.25]


# ---------------------------------------------------------------- real processes


@asynccontextmanager
async def racing(left: Entrant, right: Entrant, store: Path | None = None) -> AsyncIterator[Race]:
    """An open race with real workers, closed at the end."""
    race = Race(
        left,
        right,
        make_lab=lambda listener: Lab(SOURCES, listener=listener, limits=QUICK, store=store),
    )
    try:
        await within(30, race.open())
        yield race
    finally:
        await race.close()


def entrants(session: Session, changes: dict[str, object], **sampling: object) -> list[Entrant]:
    """Two entrants: the session as it stands, and its fork with these changes."""
    checkpoint = session.checkpoint()
    how = Sampling(**{"count": 3, "every": 0, "seed": 5, **sampling})  # type: ignore[arg-type]
    fork, at = forked(checkpoint, changes)
    return [
        Entrant("as it is", checkpoint.spec, checkpoint, how),
        Entrant("changed", fork, at),
    ]


async def finished(race: Race, seconds: float = 30) -> None:
    await until(lambda: not race.state.running, seconds)


async def test_a_fork_races_its_parent_step_by_step_and_parts_where_it_was_changed(
    session: Session,
) -> None:
    session.go_to(40)
    async with racing(*entrants(session, {RATE: 0.05}, every=20)) as race:
        state = race.state
        assert [side.step for side in state.sides] == [40, 40] and state.start == 40
        assert state.settings == (Setting(RATE, 0.01, 0.05),)
        assert state.parted is None and state.ahead is None, "nothing has happened yet"

        pictures: set[tuple[int, int]] = set()
        race.changed = lambda: pictures.add((race.state.sides[0].step, race.state.sides[1].step))
        await race.run(lockstep=True)
        await finished(race)
        assert {one - other for one, other in pictures} == {0}, "at one step in every picture"
        assert (400, 400) in pictures and len(pictures) > 3

        state = race.state
        session.go_to(400)
        straight = session.frame().metrics
        assert list(state.sides[0].losses) == list(straight.losses), "a race changes nothing"
        assert state.sides[0].evaluations == straight.evaluations
        session.go_to(40)
        session.edit({RATE: 0.05})
        session.go_to(400)
        edited = list(session.frame().metrics.losses)
        assert list(state.sides[1].losses) == edited
        # The change is at work in the update of step 41, so step 42 is the first to differ.
        assert state.parted == Gap(42, straight.losses[41], edited[41])
        gaps = [abs(b - a) for a, b in zip(straight.losses, edited, strict=True)]
        assert state.largest is not None and state.largest.step == gaps.index(max(gaps)) + 1
        assert list(state.difference)[:41] == [0.0] * 41

        steps = [pair.step for pair in state.samples]
        assert steps == sorted(steps, reverse=True) and {60, 400} <= {*steps}
        assert all(pair.left and pair.right for pair in state.samples)

        await race.go_to_start()
        state = race.state
        assert [side.step for side in state.sides] == [40, 40] and state.ahead is None
        assert state.recorded == 400, "going back takes nothing away"
        await race.step()
        await race.step()
        assert [side.step for side in race.state.sides] == [42, 42] and race.state.ahead == 0
        assert race.state.parted == Gap(42, straight.losses[41], edited[41])


async def test_flat_out_each_side_trains_to_its_own_end_and_its_losses_are_the_same(
    session: Session,
) -> None:
    session.go_to(40)
    async with racing(*entrants(session, {"steps": 300}, every=50)) as race:
        await race.run(lockstep=False)
        await finished(race)
        state = race.state
        assert [side.step for side in state.sides] == [400, 300]
        assert [side.status for side in state.sides] == ["finished", "finished"]
        assert state.step == 300 and len(state.difference) == 300
        session.go_to(400)
        assert list(state.sides[0].losses) == list(session.frame().metrics.losses)
        # Texts are sampled at one step: the side ahead goes back to it and returns.
        await race.sample()
        state = race.state
        assert state.samples[0].step == 300
        assert [side.step for side in state.sides] == [400, 300]
        assert len(state.sides[0].losses) == 400


async def test_the_same_weights_write_the_same_texts_and_other_texts_when_sampled_again(
    session: Session,
) -> None:
    session.go_to(40)
    async with racing(*entrants(session, {"seed": 8})) as race:
        await race.sample()
        await race.sample()
        second, first = race.state.samples
        for pair in (first, second):
            assert pair.left is not None and pair.right is not None
            assert [t.text for t in pair.left.texts] == [t.text for t in pair.right.texts]
        assert first.left is not None and second.left is not None
        assert [t.text for t in first.left.texts] != [t.text for t in second.left.texts]
        await race.set_prompt("ca")
        await race.sample()
        newest = race.state.samples[0]
        assert newest.prompt == "ca" and newest.right is not None
        assert all(text.text.startswith("ca") for text in newest.right.texts)
        with pytest.raises(LabError) as caught:
            await race.set_prompt("é")
        assert "as it is" in caught.value.failure.title and race.state.prompt == "ca"
        likeliest = (Link("top-k", {"top_k": 1}),)
        tried = await race.preview(likeliest)
        assert tried.chances[0].after == 1
        assert race.sampling.chain != likeliest, "trying a chain keeps nothing"
        await race.set_chain(likeliest)
        await race.sample()
        newest = race.state.samples[0]
        for made in (newest.left, newest.right):
            assert made is not None and len({text.text for text in made.texts}) == 1
        # A fresh worker counts its batches anew, so it samples until it has made as many.
        os.kill(pid_of(race._sides[1].lab), signal.SIGKILL)
        await race.sample()
        newest = race.state.samples[0]
        assert newest.left is not None and newest.right is not None
        assert newest.left.texts == newest.right.texts
        assert any("other documents" in remark for remark in race.state.remarks)
        kept = await race.checkpoint(1)
        assert kept.step == 40 and RunSpec.parse(kept.spec).seed == 8


async def test_a_killed_worker_comes_back_and_the_race_is_as_if_nothing_had_been(
    session: Session,
) -> None:
    session.go_to(40)
    async with racing(*entrants(session, {RATE: 0.05})) as race:
        killed: list[int] = []

        def kill_once() -> None:
            other = race._sides[1]
            if not killed and other.step >= 60:
                killed.append(other.step)
                os.kill(pid_of(other.lab), signal.SIGKILL)

        race.changed = kill_once
        await race.run(lockstep=True)
        await finished(race, 60)
        state = race.state
        assert killed and [side.step for side in state.sides] == [400, 400]
        assert any("It goes on from step" in note for note in state.sides[1].notes)
        session.edit({RATE: 0.05})
        session.go_to(400)
        assert list(state.sides[1].losses) == list(session.frame().metrics.losses)


async def test_texts_that_come_again_with_another_worker_are_shown_once(
    words: Path, tmp_path: Path
) -> None:
    spec, how = text_run(words, steps=60).to_json(), Sampling(count=2, every=20, seed=5)
    sides = Entrant("one", spec, sampling=how), Entrant("other", spec, sampling=how)
    async with racing(*sides, tmp_path / "runs.sqlite") as race:
        for _ in range(2):
            await race.run(lockstep=False)
            await finished(race)
            for side in race._sides:
                os.kill(pid_of(side.lab), signal.SIGKILL)
            await race.go_to(0)
        steps = [pair.step for pair in race.state.samples]
        assert steps and len(steps) == len({*steps})
        assert race.state.trouble is None


async def test_a_side_that_is_given_up_leaves_the_other_going(session: Session) -> None:
    session.go_to(40)
    async with racing(*entrants(session, {RATE: 0.05})) as race:
        killed: set[int] = set()

        def kill_again_and_again() -> None:
            link = race._sides[1].lab.open_run.link
            if race.state.running and link is not None and link.process.pid not in killed:
                killed.add(link.process.pid)
                os.kill(link.process.pid, signal.SIGKILL)

        race.changed = kill_again_and_again
        await race.run(lockstep=True)
        await finished(race, 60)
        left, right = race.state.sides
        assert len(killed) > 1 and (left.status, left.step) == ("finished", 400)
        assert right.status == "down" and right.trouble is not None
        assert "Open the run again" in right.trouble.message
        await race.sample()
        newest = race.state.samples[0]
        assert newest.left is not None and newest.right is None
        assert (await race.checkpoint(1)).step >= 40, "what is known of it can be gone on with"


async def test_two_recorded_runs_race_from_where_each_stood_and_neither_is_touched(
    spec: RunSpec, tmp_path: Path
) -> None:
    store = tmp_path / "runs.sqlite"
    lab = Lab(SOURCES, limits=QUICK, store=store)
    try:
        await within(20, lab.open(spec.replace({"steps": 120}).to_json()))
        await lab.advance(60)
        while (record := (await lab.frame()).record) is None or record.run is None:
            pass
    finally:
        await lab.close()
    looked_at = [Recording(str(store), record.run, at, looking=True) for at in (20, 50)]
    left, right = (Entrant(f"at {one.at}", "", recording=one) for one in looked_at)
    async with racing(left, right) as race:
        assert [side.step for side in race.state.sides] == [20, 50] and race.state.step == 20
        await race.run(lockstep=True)
        await finished(race)
        state = race.state
        assert [side.step for side in state.sides] == [120, 120] and state.parted is None
        await race.go_to_start()
        await race.step()
        assert [side.step for side in race.state.sides] == [1, 1]
    with Store.open(store) as kept:
        assert kept.record(record.run).row.step == 60


async def test_a_side_that_diverges_leaves_the_other_going(session: Session) -> None:
    session.go_to(40)
    async with racing(*entrants(session, {RATE: 1e12})) as race:
        await race.run(lockstep=True)
        await finished(race)
        left, right = race.state.sides
        assert left.status == "finished" and left.step == 400
        assert right.status == "failed" and right.step < 400
        assert right.trouble is not None and right.trouble.kind == "diverged"


async def test_a_side_that_cannot_be_opened_is_named_and_nothing_is_left_behind(
    session: Session,
) -> None:
    left, right = entrants(session, {})
    bad = replace(right, spec=RunSpec.parse(right.spec).replace({"engine": "nosuch"}).to_json(),
                  checkpoint=None)  # fmt: skip
    race = Race(left, bad, SOURCES)
    with pytest.raises(LabError) as caught:
        await within(30, race.open())
    assert caught.value.failure.title.startswith("changed: ")
    with pytest.raises(LabError):
        await race._sides[0].lab.frame()


async def test_a_run_races_itself_with_a_head_held_at_zero(session: Session) -> None:
    session.go_to(40)
    checkpoint, how = session.checkpoint(), Sampling(count=1, every=0, seed=5)
    spec, start = forked(checkpoint, {}, held=[Operation(Component("head", 0, 1))])
    left = Entrant("as it is", checkpoint.spec, checkpoint, how)
    right = Entrant("held", spec, start, how)
    async with racing(left, right) as race:
        assert race.state.settings == (Setting("held", None, "head 1 of layer 0"),)
        for _ in range(5):
            await race.step()
        state = race.state
        assert [side.step for side in state.sides] == [45, 45]
        assert state.parted is not None and state.parted.step == 41
    session.surgeon.hold([Operation(Component("head", 0, 1))])
    session.go_to(45)
    assert list(state.sides[1].losses) == list(session.training.series.losses)
