"""Both sides of a race answer the same probes at the same steps, and neither is held up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from playground.hooks.registry import Registry
from playground.lab.client.lab import Lab
from playground.lab.fork import forked
from playground.lab.protocol.commands import ProbesState
from playground.lab.protocol.observation import Observation
from playground.lab.protocol.probes import ProbeAnswers, ProbeSet
from playground.lab.protocol.run import Recording
from playground.lab.protocol.sampling import Sampling
from playground.lab.race import Entrant, RaceProbes
from playground.lab.race import probes as probes_module
from playground.lab.race.probes import RaceProbing
from playground.lab.race.side import Side
from playground.lab.session import Session
from playground.lab.spec import RunSpec
from playground.lab.store.store import Store
from tests.lab.conftest import QUICK, within
from tests.lab.race.test_race import RATE, SOURCES, finished, racing

ABC = ProbeSet(("a", "b", ""), seed=3, every=20, count=2)
OTHER = ProbeSet(("z",), every=50)
NONE = ProbeSet()


class Stand:
    """A side without a run: tests set its step, and the answers that it has given."""

    def __init__(self, probes: ProbeSet | None = None, carries: ProbeSet = NONE) -> None:
        self.step = self.lowest = self.earliest = 0
        self.usable = True
        self.frame = SimpleNamespace(state="paused")
        self.entrant = SimpleNamespace(probes=probes)
        self.lab = self.open_run = self
        self.observation = Observation(probes=carries)
        self.known: dict[int, ProbeAnswers] = {}
        self.questions: list[bool] = []
        """The `now` of each request for answers: whether the side had to answer at its step."""

    async def ask(self, question: Callable[[], Awaitable[Any]]) -> Any:
        return await question()

    async def observe(self, probes: ProbeSet) -> None:
        self.observation = Observation(probes=probes)

    def answer(self, step: int) -> None:
        """Let the worker of the side have asked the probes at this step by itself."""
        texts = (("t",),) * len(self.observation.probes.prompts)
        self.known[step] = ProbeAnswers(step, texts, self.observation.probes.questions)

    async def probes(self, since: int, now: bool) -> ProbesState:
        self.questions.append(now)
        if now and self.step not in self.known:
            self.answer(self.step)
        told = (one for step, one in sorted(self.known.items()) if since < step <= self.step)
        return ProbesState(self.observation.probes, (*told,))


async def each(sides: Sequence[Side], work: Callable[[Side], Awaitable[None]]) -> None:
    for side in sides:
        await work(side)


async def settled(left: Stand, right: Stand) -> RaceProbing:
    probing = RaceProbing((cast(Side, left), cast(Side, right)), each)
    await probing.settle()
    return probing


def newest(probing: RaceProbing, step: int) -> int | None:
    probes = probing.state(step)
    assert probes is not None
    return probes.newest.step if probes.newest is not None else None


@pytest.mark.parametrize(
    ("left", "right", "asked"),
    [
        (Stand(ABC), Stand(OTHER), ABC),
        (Stand(NONE), Stand(OTHER), OTHER),
        (Stand(OTHER), Stand(carries=ABC), OTHER),
        (Stand(), Stand(carries=ABC), ABC),
        (Stand(carries=OTHER), Stand(carries=ABC), OTHER),
    ],
)
async def test_both_sides_are_asked_the_probes_of_the_left_else_the_right_else_a_record(
    left: Stand, right: Stand, asked: ProbeSet
) -> None:
    probing = await settled(left, right)
    assert left.observation.probes == right.observation.probes == probing.probes == asked


async def test_without_prompts_no_side_is_asked() -> None:
    left, right = Stand(NONE), Stand()
    probing = await settled(left, right)
    await probing.hear(at_once=True)
    await probing.ask()
    assert probing.state(10) is None and left.questions == right.questions == []
    assert probing.before(300) == 300


async def test_where_both_sides_stand_and_one_was_asked_the_other_is_asked_too() -> None:
    left, right = Stand(ABC), Stand()
    probing = await settled(left, right)
    left.step = right.step = 20
    right.answer(20)  # the worker of the left side had no time to ask
    await probing.hear(at_once=True)
    assert newest(probing, 20) == 20 and left.questions[-1] is True
    assert newest(probing, 19) is None, "who stands before it has not been asked"


async def test_sides_that_found_time_at_different_steps_are_asked_together_at_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    left, right = Stand(ABC), Stand()
    probing = await settled(left, right)
    left.step = right.step = 40
    left.answer(20)
    right.answer(40)
    await probing.hear(at_once=True)
    assert newest(probing, 40) == 40
    left.step = right.step = 80
    left.answer(60)
    monkeypatch.setattr(probes_module, "PAUSE", 0.0)
    await probing.hear()
    assert newest(probing, 80) == 80


async def test_sides_at_different_steps_are_compared_where_both_were_asked() -> None:
    left, right = Stand(ABC), Stand()
    probing = await settled(left, right)
    for step in (20, 40, 60):
        left.answer(step)
    for step in (20, 40, 80):
        right.answer(step)
    left.step, right.step = 70, 90
    await probing.hear(at_once=True)
    probes = probing.state(70)
    assert probes is not None and probes.newest is not None and probes.before is not None
    assert (probes.newest.step, probes.before.step) == (40, 20)
    own = [(first.step, last.step) for first, last in filter(None, probes.own)]
    assert own == [(20, 60), (20, 80)]


async def test_a_fast_race_asks_its_workers_a_few_times_a_second_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr(probes_module, "time", SimpleNamespace(monotonic=lambda: now))
    left, right = Stand(ABC), Stand()
    probing = await settled(left, right)
    before = len(left.questions)
    for _ in range(500):  # five seconds, in which both pass 10,000 steps
        now += 0.01
        left.step = right.step = probing.before(left.step + 37)
        if left.step % ABC.every == 0:
            left.answer(left.step)
            right.answer(left.step)
        await probing.hear()
    assert 10 <= len(left.questions) - before <= 5 / probes_module.PAUSE
    assert newest(probing, left.step) is not None


async def test_answers_from_after_going_back_are_heard_too() -> None:
    left, right = Stand(ABC), Stand()
    probing = await settled(left, right)
    for side in (left, right):
        side.step = 100
        side.answer(100)
    await probing.hear(at_once=True)
    assert newest(probing, 100) == 100
    for side in (left, right):
        side.step = side.lowest = 30
    await probing.hear(at_once=True)
    assert newest(probing, 30) is None, "the answers are those of where both stand"
    for side in (left, right):
        side.step = 60
        side.answer(60)
    await probing.hear(at_once=True)
    assert newest(probing, 60) == 60


# ---------------------------------------------------------------- real processes


def straight(session: Session, step: int) -> dict[int, ProbeAnswers]:
    """The answers of a run, by step, trained straight to `step`."""
    while session.step < step and session.advance(step - session.step):
        pass
    return {one.step: one for one in session.probes().answers}


async def test_both_sides_answer_what_each_would_have_answered_alone(
    session: Session, registry: Registry
) -> None:
    session.go_to(40)
    checkpoint = session.checkpoint()
    fork, at = forked(checkpoint, {RATE: 0.05})
    how = Sampling(count=1, every=0)
    left = Entrant("as it is", checkpoint.spec, checkpoint, how)
    async with racing(left, Entrant("changed", fork, at, probes=ABC)) as race:
        assert (probes := race.state.probes) is not None and probes.asked == ABC
        assert probes.newest is None and probes.own == (None, None)
        await race.run(lockstep=True)
        await finished(race)
        probes = race.state.probes
        assert probes is not None and probes.newest is not None and probes.before is not None
        assert probes.newest.step == 400 and probes.before.step % 20 == 0
        session.observe(ABC)
        alone = straight(session, 400)
        assert probes.newest.left == alone[400]
        other = Session.open(
            RunSpec.parse(fork), registry, checkpoint=at, observation=Observation(probes=ABC)
        )
        assert probes.newest.right == straight(other, 400)[400] != alone[400]

        # Sampling asks on demand, at any step; going back shows the answers from before.
        await race.go_to(45)
        await race.sample()
        probes = race.state.probes
        assert probes is not None and probes.newest is not None and probes.newest.step == 45
        await race.go_to(44)
        probes = race.state.probes
        assert probes is not None and probes.newest is not None and probes.newest.step == 40
        same = [one.answers for one in (probes.newest.left, probes.newest.right)]
        assert same[0] == same[1], "the change is at work from the next step on"
        assert _own_steps(probes) == [(40, 40), (40, 40)]


def _own_steps(probes: RaceProbes) -> list[tuple[int, int]]:
    return [(first.step, last.step) for first, last in filter(None, probes.own)]


async def test_a_fork_is_asked_what_the_run_before_was_asked_last(spec: RunSpec) -> None:
    lab = Lab(SOURCES, limits=QUICK)
    try:
        await within(20, lab.open(spec.to_json(), observation=Observation(probes=ABC)))
        await lab.observe(OTHER)
        fork, start = forked(await lab.checkpoint(), {RATE: 0.05})
        await within(20, lab.open(fork, checkpoint=start))
        assert lab.open_run.observation.probes == (await lab.probes()).probes == OTHER
    finally:
        await lab.close()


async def test_a_side_that_is_opened_later_is_asked_and_sampled_as_in_the_race(
    spec: RunSpec, tmp_path: Path
) -> None:
    store = tmp_path / "runs.sqlite"
    recording, how = Recording(str(store)), Sampling(count=2, every=30)
    left = Entrant("A", spec.to_json(), sampling=how, recording=recording, probes=ABC)
    async with racing(left, Entrant("B", spec.to_json(), recording=recording)) as race:
        for _ in range(3):
            await race.step()
        async with asyncio.timeout(60):
            while (run := race.state.sides[1].run) is None:
                await race.go_to(3)
    lab = Lab(SOURCES, limits=QUICK, store=store)
    try:
        info = await within(20, lab.open_recorded(run))
        assert (info.observation.sampling.every, info.observation.probes) == (30, ABC)
        assert [one.step for one in (await lab.probes()).answers] == [0]
    finally:
        await lab.close()


async def test_recorded_runs_bring_their_probes_and_what_they_answered(
    spec: RunSpec, tmp_path: Path
) -> None:
    store = tmp_path / "runs.sqlite"
    lab = Lab(SOURCES, limits=QUICK, store=store)
    try:
        await within(
            20,
            lab.open(spec.replace({"steps": 120}).to_json(), observation=Observation(probes=ABC)),
        )
        assert lab.open_run.observation.probes == ABC
        await lab.advance(60)
        while (record := (await lab.frame()).record) is None or record.run is None:
            pass
    finally:
        await lab.close()
    with Store.open(store) as kept:
        recorded = kept.probes(record.run)
    assert [one.step for one in recorded] == [0, 20, 40, 60]
    looked_at = [Recording(str(store), record.run, at, looking=True) for at in (20, 50)]
    left, right = (Entrant(f"at {one.at}", "", recording=one) for one in looked_at)
    async with racing(left, right) as race:
        probes = race.state.probes
        assert probes is not None and probes.asked == ABC and probes.newest is not None
        assert probes.newest.left == probes.newest.right == recorded[1]
        assert _own_steps(probes) == [(0, 20), (0, 40)]
        await race.run(lockstep=True)
        await finished(race)
        probes = race.state.probes
        assert probes is not None and probes.newest is not None and probes.newest.step == 120
    with Store.open(store) as kept:
        assert kept.probes(record.run) == recorded
