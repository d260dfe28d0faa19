"""The learning rate follows its schedule; a schedule that fails stops the run before the step."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from microgpt.config import linear_decay
from playground.hooks.manager import load
from playground.hooks.registry import Registry
from playground.hooks.sources import PluginSources
from playground.lab.checkpoint import from_bytes, to_bytes
from playground.lab.protocol.failures import LabError
from playground.lab.session import Session
from playground.lab.spec import RunSpec
from tests.lab.conftest import MakeLab, Watched, text_run

_PLUGIN = """
import itertools
from microgpt.engine import Steps
from microgpt.vector_engine import VectorEngine
from playground.api import Contribution, hookimpl
from array import array

class Bad:
    def factor(self, step, steps):
        if step == 7:
            {vice}
        return 0.5

class Bulk(VectorEngine):
    def train(self, documents, rates, first):
        size = len(documents) // len(rates)
        losses, tokens = array("d"), 0
        for at, rate in enumerate(rates):
            given = self.loss_and_gradients(documents[at * size : (at + 1) * size])
            tokens += sum(map(len, given))
            losses.append(sum(map(sum, given)) / sum(map(len, given)))
            self.adam_step(rate, first + at)
        return Steps(losses, given, tokens)

@hookimpl
def microgpt_schedules():
    yield Contribution(name="bad", summary="not well", factory=Bad)

@hookimpl
def microgpt_engines():
    yield Contribution(name="bulk", summary="many at once", factory=Bulk)
"""

Make = Callable[[str], Path]


@pytest.fixture
def plugin(tmp_path: Path) -> Make:
    """Writes a plugin: a schedule that runs `vice` at 0-based step 7, and an engine "bulk"."""

    def write(vice: str) -> Path:
        path = tmp_path / "wayward.py"
        path.write_text(_PLUGIN.format(vice=vice), encoding="utf-8")
        return path

    return write


def rates(session: Session) -> list[float]:
    while session.advance(1000):
        pass
    return list(session.frame().metrics.learning_rates)


def scheduled(words: Path, name: str, steps: int = 20, **options: float) -> RunSpec:
    return text_run(words, steps=steps, schedule={"name": name, "options": options})


def test_the_default_schedule_is_the_line_of_microgpt_to_the_last_bit(
    words: Path, registry: Registry
) -> None:
    session = Session.open(text_run(words, steps=300), registry)
    assert rates(session) == [linear_decay(0.01, step, 300) for step in range(300)]


def test_a_constant_rate_stays(words: Path, registry: Registry) -> None:
    assert set(rates(Session.open(scheduled(words, "constant"), registry))) == {0.01}


def test_a_cosine_rises_falls_gently_and_keeps_its_floor(words: Path, registry: Registry) -> None:
    spec = scheduled(words, "cosine", steps=100, warmup=10, floor=0.1)
    seen = rates(Session.open(spec, registry))
    assert seen[:10] == pytest.approx([0.001 * step for step in range(1, 11)])
    assert seen[10] == 0.01
    assert seen[55] == pytest.approx(0.0055)  # half way down
    assert 0.001 <= seen[-1] < 0.0011
    assert all(before > after for before, after in pairwise(seen[10:]))


def test_a_warm_up_as_long_as_the_run_only_rises(words: Path, registry: Registry) -> None:
    seen = rates(Session.open(scheduled(words, "cosine", steps=20, warmup=1000), registry))
    assert seen == sorted(seen) and seen[-1] == 0.01


def test_the_frame_tells_the_rate_of_the_step_to_come(words: Path, registry: Registry) -> None:
    session = Session.open(scheduled(words, "cosine", warmup=10), registry)
    told = []
    for _ in range(12):
        told.append(session.frame().learning_rate)
        session.advance()
    assert told == list(session.frame().metrics.learning_rates)


def test_a_schedule_changes_what_is_learnt_and_comes_again_after_going_back(
    words: Path, registry: Registry
) -> None:
    session, straight = (
        Session.open(scheduled(words, name, steps=60), registry) for name in ("cosine", "linear")
    )
    for one in (session, straight):
        rates(one)
    losses = list(session.frame().metrics.losses)
    assert losses != list(straight.frame().metrics.losses)
    session.go_to(30)
    rates(session)
    assert list(session.frame().metrics.losses) == losses


def test_a_saved_run_goes_on_with_its_schedule(words: Path, registry: Registry) -> None:
    spec = scheduled(words, "constant")
    session = Session.open(spec, registry)
    session.advance()
    checkpoint = from_bytes(to_bytes(session.checkpoint()))
    again = Session.open(RunSpec.parse(checkpoint.spec), registry, checkpoint=checkpoint)
    assert set(rates(again)) == {0.01}


def test_settings_from_before_there_were_schedules_are_linear() -> None:
    values = RunSpec().model_dump()
    del values["schedule"]
    assert RunSpec.parse(values) == RunSpec()
    assert RunSpec().schedule.name == "linear"


def test_an_unknown_schedule_is_refused_by_name(words: Path, registry: Registry) -> None:
    with pytest.raises(LabError) as caught:
        Session.open(scheduled(words, "cosin"), registry)
    assert "cosine" in caught.value.failure.message
    assert "schedule.name" in caught.value.failure.problems


@pytest.mark.parametrize("engine", ["vector", "bulk"])
@pytest.mark.parametrize(
    ("vice", "said"),
    [
        ("raise RuntimeError('lost')", "RuntimeError: lost"),
        ("raise SystemExit", "tried to end the program"),
        ("return float('nan')", "nan"),
        ("return -1", "-1.0"),
        ("return float('inf')", "inf"),
        ("return None", "TypeError"),
        ("return 'half'", "'half'"),
        ("return True", "True"),
    ],
)
def test_a_schedule_that_fails_stops_the_run_before_its_step_and_is_named(
    words: Path, plugin: Make, engine: str, vice: str, said: str
) -> None:
    registry = load(PluginSources(files=(str(plugin(vice)),), entry_points=False))
    session = Session.open(scheduled(words, "bad").replace({"engine": engine}), registry)
    assert rates(session) == [0.005] * 7
    assert session.step == 7 and session.state == "failed"
    assert session.trouble is not None
    assert "'wayward'" in session.trouble.title
    assert "'bad'" in session.trouble.message and said in session.trouble.message
    session.go_to(3)
    assert session.step == 3 and session.trouble is None


async def test_a_schedule_that_hangs_is_found_and_the_run_is_put_back(
    words: Path, plugin: Make, labs: MakeLab
) -> None:
    from playground.lab.client.events import WorkerBack, WorkerLost
    from tests.lab.client.test_recovery import kept

    watched: Watched = labs(plugin("while True: pass"))
    lab = watched.lab
    await lab.open(scheduled(words, "bad").to_json())
    await lab.advance(5)
    await kept(lab)
    await lab.run(None)
    lost = await watched.event(WorkerLost)
    assert lost.failure.kind == "hung"
    assert "'bad'" in lost.failure.title + lost.failure.message
    back = await watched.event(WorkerBack)
    assert "linear one goes on" in back.note
    frame = await lab.frame()
    assert frame.step == frame.earliest, "what it steered cannot be done again"
    assert 5 <= frame.step <= 7, "the state kept last: that of step 5, or of one before the hang"
    await lab.advance(15)
    assert (await lab.frame()).step == 20
