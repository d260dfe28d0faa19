"""A run changes its engine between two steps and loses nothing, whatever the engine does."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from playground.hooks.manager import load
from playground.hooks.registry import Registry
from playground.hooks.sources import PluginSources
from playground.lab.checkpoint import read_checkpoint
from playground.lab.client.events import WorkerBack, WorkerLost
from playground.lab.client.lab import Lab
from playground.lab.protocol.failures import LabError, Progress
from playground.lab.protocol.frames import FrameRequest, MatrixView
from playground.lab.protocol.sampling import Sampling
from playground.lab.session import Session
from playground.lab.spec import RunSpec
from playground.lab.timeline import SPACING
from tests.lab import plugins
from tests.lab.conftest import MakeLab, text_run, within

UPDATE = FrameRequest(matrices=(MatrixView("wte", "update"), MatrixView("wte", "first_moment")))


def registry_with(*files: Path) -> Registry:
    return load(PluginSources(files=tuple(map(str, files)), entry_points=False))


@pytest.fixture
def quick(tmp_path: Path) -> Registry:
    """The built-ins and an engine named quick, which takes many steps a call."""
    return registry_with(plugins.engine(tmp_path))


def losses(session: Session) -> list[float]:
    return list(session.frame().metrics.losses)


def straight(words: Path, registry: Registry, steps: int) -> list[float]:
    """The losses of a run that never changed its engine."""
    session = Session.open(text_run(words), registry)
    while session.step < steps:
        session.advance()
    return losses(session)


# ---------------------------------------------------------------- in a session


def test_a_switched_run_has_the_losses_of_a_straight_one(words: Path, quick: Registry) -> None:
    session = Session.open(text_run(words), quick)
    for name in ("quick", "scalar", "vector", "quick", "vector", "scalar", "quick"):
        session.use_engine(name)
        assert session.frame().engine.endswith(name)
        target = session.step + 7
        while session.step < target:
            assert session.advance(target - session.step)
    assert losses(session) == pytest.approx(straight(words, quick, 49), rel=1e-9)


def test_switching_keeps_step_weights_moments_and_gradients(words: Path, quick: Registry) -> None:
    session = Session.open(text_run(words), quick)
    for _ in range(20):
        session.advance()
    before = session.checkpoint()
    session.use_engine("quick")
    after = session.checkpoint()
    for field in ("step", "weights", "first_moment", "second_moment", "gradients", "losses"):
        assert getattr(after, field) == getattr(before, field), field
    assert after.edits.engines == ((20, "quick:quick"),)
    session.use_engine("quick")
    assert session.checkpoint().edits == after.edits, "that is the engine at work already"


def test_many_steps_a_call_are_the_same_run(
    words: Path, quick: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("playground.lab.run.training.AT_A_TIME", 0.1)  # a busy machine is slow
    single = Session.open(text_run(words), quick)
    while not single.finished:
        single.advance()
    bulk = Session.open(text_run(words, engine="quick"), quick)
    calls = 0
    while not bulk.finished:
        assert bulk.advance(10_000)
        calls += 1
    assert calls < 200, "and far fewer calls than steps"
    here, there = bulk.frame(UPDATE), single.frame(UPDATE)
    assert here.metrics == there.metrics
    assert here.document == there.document
    assert here.tokens_seen == there.tokens_seen
    assert here.matrices == there.matrices
    assert here.batches == there.batches
    assert bulk.checkpoint().weights == single.checkpoint().weights


def test_the_update_of_a_call_of_many_steps_is_that_of_its_last_step(
    words: Path, quick: Registry
) -> None:
    single = Session.open(text_run(words), quick)
    bulk = Session.open(text_run(words, engine="quick"), quick)
    for session in (single, bulk):
        session.frame(UPDATE)  # somebody looks at the update
    for _ in range(6):
        bulk.advance(10_000)
        while single.step < bulk.step:
            single.advance()
        assert bulk.frame(UPDATE).matrices == single.frame(UPDATE).matrices


def test_going_back_brings_back_the_engine_of_then_and_the_same_bits(
    words: Path, quick: Registry
) -> None:
    session = Session.open(text_run(words), quick)
    states: dict[int, tuple[bytes, str]] = {}
    for step in range(90):
        states[step] = session.checkpoint().weights, session.frame().engine
        if step in (30, 64):
            session.use_engine("quick" if step == 30 else "scalar")
            states[step] = states[step][0], session.frame().engine
        session.advance()
    for step in (89, 63, 30, 29, 65, 3, 64, 31):
        session.go_to(step)
        assert (session.checkpoint().weights, session.frame().engine) == states[step], step


def test_another_engine_further_back_makes_another_future(words: Path, quick: Registry) -> None:
    session = Session.open(text_run(words), quick)
    for _ in range(40):
        session.advance()
    session.use_engine("quick")
    for _ in range(20):
        session.advance()
    session.go_to(35)
    session.use_engine("scalar")
    assert session.checkpoint().edits.engines == ((35, "scalar"),)
    for _ in range(10):
        session.advance()
    assert session.frame().engine == "scalar"
    assert losses(session) == pytest.approx(straight(words, quick, 45), rel=1e-9)


def test_a_saved_run_remembers_its_engines(words: Path, quick: Registry, tmp_path: Path) -> None:
    session = Session.open(text_run(words), quick)
    for step in range(60):
        if step == 40:
            session.use_engine("quick")
        session.advance()
    path = tmp_path / "saved.safetensors"
    session.save(str(path))
    checkpoint = read_checkpoint(path)
    again = Session.open(RunSpec.parse(checkpoint.spec), quick, checkpoint=checkpoint)
    assert again.frame().engine == "quick:quick"
    for one in (session, again):
        for _ in range(10):
            one.advance()
        one.go_to(39)
    assert again.frame().engine == "vector"
    there, here = (replace(one.checkpoint(), epoch=0) for one in (session, again))
    assert here == there


def test_a_saved_run_whose_engine_is_not_here_goes_on_with_another(
    words: Path, quick: Registry, registry: Registry
) -> None:
    session = Session.open(text_run(words, engine="quick"), quick)
    for _ in range(30):
        session.advance()
    checkpoint = session.checkpoint()
    again = Session.open(session.spec, registry, checkpoint=checkpoint)
    assert again.frame().engine == "vector"
    assert "no engine 'quick'" in again.info.notices[0].text
    assert again.frame().earliest == 30, "what it did before cannot be done again here"
    for one in (session, again):
        for _ in range(5):
            one.advance()
    assert losses(again) == pytest.approx(losses(session), rel=1e-9)
    with pytest.raises(LabError, match="quick"):
        Session.open(session.spec, registry)


def test_a_run_that_diverges_in_the_middle_of_a_call_stands_at_the_last_good_step(
    words: Path, quick: Registry
) -> None:
    sessions = []
    for engine in ("vector", "quick"):
        spec = text_run(words, engine=engine, optimizer={"learning_rate": 1e12})
        session = Session.open(spec, quick)
        while session.advance(10_000):
            pass
        sessions.append(session)
    here, there = (session.frame() for session in sessions)
    assert here.state == "failed" and here.trouble == there.trouble
    assert (here.step, here.metrics) == (there.step, there.metrics)


def test_an_edit_and_its_replay_hold_for_many_steps_a_call_too(
    words: Path, quick: Registry
) -> None:
    sessions = []
    for engine in ("vector", "quick"):
        session = Session.open(text_run(words, engine=engine), quick)
        for until, rate in ((37, 0.03), (61, 0.002), (90, 0.01)):
            while session.step < until:
                session.advance(until - session.step)
            session.edit({"optimizer.learning_rate": rate})
        session.go_to(20)
        while session.step < 90:
            session.advance(90 - session.step)
        sessions.append(session)
    assert sessions[0].frame().metrics == sessions[1].frame().metrics


def test_keyframes_of_a_fast_engine_are_as_far_apart_as_it_goes_in_a_moment(
    words: Path, tmp_path: Path
) -> None:
    registry = registry_with(plugins.engine(tmp_path))
    session = Session.open(text_run(words, engine="quick", steps=20_000, eval_every=0), registry)
    while session.step < 4_000:
        session.advance(10_000)
    steps = session.training.timeline.steps
    # A busy machine makes some stretches look slow, so the limit is twice the number at full speed.
    assert len(steps) <= 2 * session.step / SPACING + 2


def test_automatic_samples_do_not_hold_up_a_fast_engine(words: Path, quick: Registry) -> None:
    session = Session.open(text_run(words, engine="quick", steps=20_000, eval_every=0), quick)
    session.observe(Sampling(every=1))
    while session.step < 1_000:
        assert session.advance(10_000)
    taken = len(session.frame().batches)
    assert 0 < taken < 500


# ---------------------------------------------------------------- engines that fail


def test_an_engine_that_does_not_take_the_state_leaves_the_one_at_work(
    words: Path, tmp_path: Path
) -> None:
    odd = "if kind == 'second_moment' and any(values): raise MemoryError('too much')"
    registry = registry_with(plugins.engine(tmp_path, "odd", write=odd))
    session = Session.open(text_run(words), registry)
    for _ in range(5):
        session.advance()
    with pytest.raises(LabError, match="too much"):
        session.use_engine("odd")
    assert session.frame().engine == "vector"
    session.advance()
    assert losses(session) == straight(words, registry, 6)


def test_an_engine_that_fails_in_a_step_can_be_left_for_another(
    words: Path, tmp_path: Path
) -> None:
    broken = "if Quick.steps > 30: raise RuntimeError('worn out')"
    registry = registry_with(plugins.engine(tmp_path, "frail", step=broken))
    session = Session.open(text_run(words, engine="frail"), registry)
    while session.advance():
        pass
    assert session.trouble is not None
    assert "worn out" in session.trouble.message and "frail" in session.trouble.message
    good = session.step
    session.use_engine("vector")
    assert session.trouble is None and session.step == good
    for _ in range(10):
        assert session.advance()
    assert losses(session) == pytest.approx(straight(words, registry, good + 10), rel=1e-9)


def test_what_an_engine_lacks_is_said_before_anything_is_tried(words: Path, tmp_path: Path) -> None:
    registry = registry_with(plugins.engine(tmp_path, "heavy", requires=("no_such_module",)))
    (entry,) = [entry for entry in registry.catalog().of("engine") if entry.name == "heavy"]
    assert entry.missing.startswith("needs no_such_module, which is not installed; to add it: ")
    assert "pip install" in entry.missing
    with pytest.raises(LabError, match="no_such_module") as caught:
        Session.open(text_run(words, engine="heavy"), registry)
    assert "cannot be used here" in caught.value.failure.title
    session = Session.open(text_run(words), registry)
    with pytest.raises(LabError, match="no_such_module"):
        session.use_engine("heavy")


# ---------------------------------------------------------------- in a worker


async def switched(lab: Lab, name: str) -> list[str]:
    """Change the engine; return the stages that were told, as "stage done/total"."""
    told: list[str] = []

    def tell(progress: Progress) -> None:
        told.append(f"{progress.stage} {progress.done}/{progress.total}")

    await within(20, lab.use_engine(name, tell))
    return told


async def test_the_engine_changes_while_training_goes_on(
    labs: MakeLab, words: Path, tmp_path: Path
) -> None:
    prepare = """
        for i in range(3):
            progress("compiling, once", i, 3)
            gate = threading.Event()
            while not os.path.exists(os.environ["MICROGPT_PLAY_HOME"] + f"/gate{i}"):
                gate.wait(0.005)"""
    file = plugins.engine(tmp_path, prepare=prepare.strip())
    watched = labs(file)
    lab = watched.lab
    await lab.open(text_run(words, steps=100_000, eval_every=0).to_json())
    await lab.run()
    await watched.reaches(20)
    told: list[str] = []
    change = asyncio.create_task(lab.use_engine("quick", lambda p: told.append(p.stage)))
    home = Path(os.environ["MICROGPT_PLAY_HOME"])
    home.mkdir(exist_ok=True)
    for i in range(3):
        seen = (await lab.frame()).step
        await watched.reaches(seen + 20)  # the run goes on
        assert (await lab.frame()).engine == "vector"
        (home / f"gate{i}").touch()
    await within(10, change)
    frame = await lab.frame()
    assert frame.engine == "quick:quick" and frame.state == "running"
    assert told == ["quick:quick: compiling, once"] * 3
    await watched.reaches(frame.step + 200)
    await lab.pause()


@pytest.mark.parametrize(
    ("vice", "said"),
    [
        ({"make": "import no_such_library"}, "no_such_library"),
        ({"prepare": "raise RuntimeError('cannot compile for this machine')"}, "cannot compile"),
        ({"make": "raise SystemExit(4)"}, "end the program"),
        ({"make": "return None"}, "quick"),
    ],
)
async def test_an_engine_that_cannot_be_made_is_refused_and_the_run_goes_on(
    labs: MakeLab, words: Path, tmp_path: Path, vice: dict[str, str], said: str
) -> None:
    watched = labs(plugins.engine(tmp_path, **vice))
    lab = watched.lab
    await lab.open(text_run(words, steps=100_000, eval_every=0).to_json())
    await lab.run()
    await watched.reaches(10)
    with pytest.raises(LabError) as caught:
        await switched(lab, "quick")
    assert said in caught.value.failure.message
    frame = await lab.frame()
    assert (frame.state, frame.engine) == ("running", "vector")
    await watched.reaches(frame.step + 10)


async def test_an_engine_chosen_meanwhile_takes_the_place_of_the_first_choice(
    labs: MakeLab, words: Path, tmp_path: Path
) -> None:
    file = plugins.engine(tmp_path, prepare="time.sleep(60)")
    watched = labs(file)
    lab = watched.lab
    await lab.open(text_run(words).to_json())
    slow = asyncio.create_task(lab.use_engine("quick", lambda _: None))
    await lab.frame()
    await switched(lab, "scalar")
    with pytest.raises(LabError) as caught:
        await within(5, slow)
    assert caught.value.failure.kind == "cancelled"
    assert (await lab.frame()).engine == "scalar"


async def test_an_engine_that_crashes_while_it_is_made_costs_nothing(
    labs: MakeLab, words: Path, tmp_path: Path
) -> None:
    file = plugins.engine(tmp_path, prepare="os.kill(os.getpid(), 11)")
    watched = labs(file)
    lab = watched.lab
    await lab.open(text_run(words).to_json())
    await lab.advance(33)
    with pytest.raises(LabError) as caught:
        await switched(lab, "quick")
    assert caught.value.failure.kind == "dead"
    back = await watched.event(WorkerBack)
    assert (back.step, back.note) == (33, "")
    assert (await lab.frame()).engine == "vector"
    await lab.advance(2)


@pytest.mark.parametrize("vice", ["os.kill(os.getpid(), 11)", "os._exit(9)"])
async def test_an_engine_that_crashes_at_work_gives_way_to_the_vector_engine(
    labs: MakeLab, words: Path, tmp_path: Path, vice: str
) -> None:
    file = plugins.engine(tmp_path, step=f"if Quick.steps > 40: {vice}")
    watched = labs(file)
    lab = watched.lab
    await lab.open(text_run(words, steps=4000).to_json())
    await lab.advance(10)
    await switched(lab, "quick")
    await lab.run()
    await watched.event(WorkerLost)
    back = await watched.event(WorkerBack)
    assert "'quick'" in back.note and "vector" in back.note
    frame = await lab.frame()
    assert frame.engine == "vector" and frame.step >= 10
    await lab.advance(60)
    assert (await lab.frame()).step == frame.step + 60


async def test_a_killed_worker_comes_back_with_the_engine_it_had(
    labs: MakeLab, words: Path, tmp_path: Path
) -> None:
    watched = labs(plugins.engine(tmp_path))
    lab = watched.lab
    spec = text_run(words)
    await lab.open(spec.to_json())
    await lab.advance(30)
    await switched(lab, "quick")
    await lab.advance(5)
    link = lab.open_run.link
    assert link is not None
    await lab._rescue.keep_checkpoint(link)
    os.kill(link.process.pid, signal.SIGKILL)
    back = await watched.event(WorkerBack)
    assert back.note == ""
    assert (await lab.frame()).engine == "quick:quick"
    await lab.advance(20)
    session = Session.open(spec, registry_with(plugins.engine(tmp_path)))
    for _ in range(55):
        session.advance()
    there = await lab.frame()
    assert list(there.metrics.losses) == pytest.approx(losses(session), rel=1e-12)
