"""Values and exceptions of plugins that end the program, lie or raise when they are looked at."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from playground.hooks.errors import traceback_text
from playground.hooks.isolation import interrupts_by_keyboard
from playground.hooks.manager import load
from playground.hooks.registry import Registry
from playground.hooks.sources import PluginSources
from playground.lab.protocol import pipe
from playground.lab.protocol.commands import Write
from playground.lab.protocol.failures import LabError, Progress
from playground.lab.protocol.frames import FrameRequest, PanelView
from playground.lab.protocol.lessons import LessonPlace
from playground.lab.protocol.sampling import Link, Measuring, MetricChoice, Sampling
from playground.lab.protocol.writing import WriterChoice
from playground.lab.run import writing
from playground.lab.run.guard import Activity
from playground.lab.session import Session
from playground.lab.spec import RunSpec
from tests.hostile.kinds import LOADED, VALUES, Kind, write
from tests.lab.conftest import text_run


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    folder = tmp_path_factory.mktemp("kinds")
    write(folder, VALUES | LOADED)
    try:
        return load(PluginSources(folder=str(folder), entry_points=False))
    except BaseException as error:
        escaped = traceback_text(error)
    pytest.fail(f"an exception escaped: {escaped}", pytrace=False)


@pytest.fixture(autouse=True)
def as_in_a_command() -> Iterator[None]:
    """A command knows ctrl+c from a KeyboardInterrupt that a plugin raises. What a plugin does to
    modules and streams is undone for the tests that follow."""
    before, modules = signal.getsignal(signal.SIGINT), dict(sys.modules)
    streams = sys.stdout, sys.stderr
    interrupts_by_keyboard()
    yield
    signal.signal(signal.SIGINT, before)
    sys.modules.update(modules)
    sys.stdout, sys.stderr = streams


@pytest.fixture
def spec(tmp_path: Path) -> RunSpec:
    path = tmp_path / "words.txt"
    path.write_text("anna\nbob\ncleo\nfred\n" * 2, encoding="utf-8")
    return text_run(path, steps=3)


Work = Callable[[Session, str, Path], None]


def samples(session: Session, name: str, _: Path) -> None:
    session.observe(Sampling(chain=(Link(name),), count=2))
    session.sample()


def measures(session: Session, name: str, _: Path) -> None:
    session.observe(Measuring((MetricChoice(name),), every=1))
    trains(session, name, _)
    (meter,) = session.measurer.meters
    if meter.trouble is not None:
        raise LabError(meter.trouble)


def draws(session: Session, name: str, _: Path) -> None:
    panel = session.frame(FrameRequest(panel=PanelView(name, {}, 30, 5))).panel
    assert panel is not None
    if panel.trouble is not None:
        raise LabError(panel.trouble)


def exports(session: Session, name: str, folder: Path) -> None:
    session.export(str(folder / "out.txt"), name, {})


def teaches(session: Session, name: str, _: Path) -> None:
    step = session.teacher.step(LessonPlace(name, 0))
    if step.kind != "tell":
        assert session.teacher.judge(step.place, 3).right


def writes(registry: Registry, name: str) -> None:
    activity, choice = Activity(), WriterChoice(name)
    agreed = writing.leaving(registry, choice, activity)
    told: list[Progress] = []
    written = writing.write(registry, Write(choice, "an", agreed), told.append, activity)
    for sent in (agreed, *told, written):
        assert pipe.receive_from(pipe.pack(sent)) == sent


def trains(session: Session, _: str, __: Path) -> None:
    while session.advance():
        pass
    if session.trouble is not None:
        raise LabError(session.trouble)
    session.sample()
    session.checkpoint()


def does(session: Session, kind: Kind, name: str, folder: Path) -> None:
    """Have the plugin do its work. Raises LabError."""
    looking: dict[str, Work] = {
        "strategy": samples,
        "metric": measures,
        "panel": draws,
        "exporter": exports,
        "lesson": teaches,
    }
    looking.get(kind.contributes, trains)(session, name, folder)


def opened(spec: RunSpec, registry: Registry, kind: Kind, name: str) -> Session:
    """A run with the plugin. Raises LabError."""
    if kind.contributes == "engine":
        spec = spec.replace({"engine": name})
    elif kind.contributes in ("tokenizer", "dataset", "schedule"):
        spec = spec.replace({kind.contributes: {"name": name, "options": {}}})
    return Session.open(spec, registry)


@pytest.mark.parametrize("name", sorted(VALUES))
def test_a_hostile_value_or_exception_is_named_or_read_and_the_run_goes_on(
    registry: Registry, spec: RunSpec, name: str, tmp_path: Path
) -> None:
    kind, told = VALUES[name], ""
    session: Session | None = None
    try:
        if kind.contributes == "writer":  # which has a process of its own, without a run
            writes(registry, name)
        else:
            session = opened(spec, registry, kind, name)
            does(session, kind, name, tmp_path)
    except LabError as error:
        failure = error.failure
        told = f"{failure.title} {failure.message}"
        pipe.receive_from(pipe.pack(failure))
        assert name in told or name.replace("-", "_") in told, told
    except BaseException as error:  # pytest's own report of it would run the plugin's code
        escaped = traceback_text(error)
        pytest.fail(f"an exception escaped: {escaped}", pytrace=False)
    assert any(part in told for part in kind.said.split("|")), told
    assert bool(told) == bool(kind.said), told
    if kind.contributes in ("strategy", "metric", "panel", "exporter", "lesson"):
        assert session is not None
        session.observe(Sampling())
        trains(session, name, tmp_path)  # the run is unharmed
        assert session.step == 3


@pytest.mark.parametrize("name", sorted(LOADED))
def test_a_plugin_that_is_hostile_while_it_is_loaded_is_named(
    registry: Registry, name: str
) -> None:
    told = [one.message for one in registry.problems if one.plugin == name.replace("-", "_")]
    assert any(part in text for text in told for part in LOADED[name].said.split("|")), told


def test_the_others_are_loaded_without_a_word(registry: Registry) -> None:
    blamed = {problem.plugin for problem in registry.problems}
    assert blamed == {name.replace("-", "_") for name in LOADED}


def test_the_catalog_reaches_the_screen_without_a_class_of_a_plugin(registry: Registry) -> None:
    catalog = pipe.receive_from(pipe.pack(registry.catalog()))
    entry = catalog.find("strategy", "evil-name")
    assert entry is not None and type(entry.name) is str and entry.summary == "x"
    assert len(VALUES) + len(LOADED) >= 70
