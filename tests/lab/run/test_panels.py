"""Panels are drawn in the worker, and a panel that fails never fails the run."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from pathlib import Path

import pytest

from microgpt.anatomy import dissect
from playground.api import PanelFacts
from playground.hooks.manager import load
from playground.hooks.registry import Registry
from playground.hooks.sources import PluginSources
from playground.lab.client.events import PluginSaved, WorkerBack, WorkerLost
from playground.lab.protocol.frames import FrameRequest, PanelFrame, PanelView
from playground.lab.run.guard import Activity
from playground.lab.run.panels import Panels
from playground.lab.session import Session
from playground.lab.spec import RunSpec
from tests.lab import plugins
from tests.lab.client.test_lab import opened
from tests.lab.conftest import MakeLab, within


def drawn(session: Session, name: str, width: int = 60, height: int = 12, **knobs) -> PanelFrame:
    frame = session.frame(FrameRequest(panel=PanelView(name, knobs, width, height)))
    assert frame.panel is not None
    return frame.panel


@pytest.fixture
def with_panel(tmp_path: Path, spec: RunSpec) -> Callable[[str], Session]:
    """with_panel(render): a session beside a panel "mine" whose `render` has this body."""

    def make(render: str) -> Session:
        path = plugins.panel(tmp_path, "mine", render)
        sources = PluginSources(files=(str(path),), entry_points=False)
        return Session.open(spec, load(sources))

    return make


# ---------------------------------------------------------------- the built-ins


def test_the_histogram_counts_the_weights_or_the_gradients(session: Session) -> None:
    before = drawn(session, "histogram", of="gradients")
    assert "All of them are 0." in before.lines
    session.advance()
    weights, gradients = drawn(session, "histogram"), drawn(session, "histogram", of="gradients")
    count = f"{session.info.parameter_count:,}"
    assert weights.lines[0].startswith(f"{count} weights")
    assert gradients.lines[0].startswith(f"{count} gradients")
    assert len(weights.lines) == 12
    assert "█" in weights.lines[-2] and weights.lines[-1].split()[1] == "0"


def test_the_gradient_flow_has_a_line_for_every_matrix(session: Session) -> None:
    session.advance()
    lines = drawn(session, "gradient-flow", 70, 20).lines
    names = [matrix.name for matrix in session.info.matrices]
    assert [line.split()[0] for line in lines[1:]] == names
    wte = session.training.engine.read("gradients")[: 8 * session.info.vocab_size]
    assert f"{sum(value * value for value in wte) ** 0.5:.3g}" in lines[1]


def test_the_gradient_flow_says_what_has_no_room(session: Session) -> None:
    lines = drawn(session, "gradient-flow", 30, 6).lines
    assert len(lines) == 6
    assert lines[-1].startswith(f"... and {len(session.info.matrices) - 4} more")


BUILT_IN = ["histogram", "gradient-flow", "attention", "logit-lens", "bigrams"]


@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.parametrize(("width", "height"), [(1, 1), (2, 3), (10, 2), (200, 60)])
def test_no_size_of_a_panel_is_too_small_or_too_large(
    session: Session, name: str, width: int, height: int
) -> None:
    panel = drawn(session, name, width, height)
    assert panel.trouble is None
    assert len(panel.lines) >= 1


# ---------------------------------------------------------------- what a panel is given


def test_a_panel_sees_the_run_and_can_change_nothing_of_it(
    with_panel: Callable[[str], Session], session: Session
) -> None:
    spoils = (
        "w = facts.read('weights'); w[0] = 99.0; facts.losses.append(7.0); facts.shapes.clear();"
        " return [f'{facts.step}/{facts.steps}', ' '.join(facts.document), str(len(w))]"
    )
    spoilt = with_panel(spoils)
    for _ in range(3):
        assert session.advance() and spoilt.advance()
        lines = drawn(spoilt, "mine").lines
        assert lines[0] == f"{spoilt.step}/400"
    assert lines[1].split() and lines[2] == str(session.info.parameter_count)
    assert spoilt.frame().metrics == session.frame().metrics
    assert spoilt.training.engine.read("weights") == session.training.engine.read("weights")


def test_a_panel_gets_a_text_as_the_model_computes_it(
    with_panel: Callable[[str], Session], session: Session
) -> None:
    reads = (
        "a = facts.anatomy('emma'); now = facts.anatomy(None)\n"
        "        a.anatomy.layers[0].heads.clear(); a.anatomy.weights.clear()\n"
        "        return [' '.join(a.tokens), ' '.join(a.targets), str(a.anatomy.losses),"
        " ' '.join(now.targets), str(now.anatomy.losses)]"
    )
    looked = with_panel(reads)
    before = drawn(looked, "mine", 300)
    assert before.trouble is None, "also before the first step, of the document to come"
    assert session.advance() and looked.advance()
    assert " ".join(looked.frame(FrameRequest(document=True)).document.tokens) == before.lines[3]  # type: ignore[union-attr]
    lines = drawn(looked, "mine", 300).lines
    assert lines[:2] == ("· e m m a", "e m m a ·")
    encoder, config = looked._prepared.encoder, looked._prepared.config
    ids = [encoder.bos_id, *encoder.encode("emma"), encoder.bos_id]
    weights = session.training.engine.read("weights")
    assert lines[2] == str(dissect(config, weights, ids).losses)
    assert looked.training.engine.read("weights") == weights, "nothing of it can be changed"


def test_a_text_outside_the_vocabulary_is_the_panels_fault(
    with_panel: Callable[[str], Session],
) -> None:
    session = with_panel("facts.anatomy('Zoë'); return []")
    trouble = drawn(session, "mine").trouble
    assert trouble is not None and "'Z' at character 0" in trouble.message
    assert "mine" in trouble.message and session.advance()


def test_facts_can_still_be_made_without_a_model() -> None:
    facts = PanelFacts(1, 1, [], (), (), (), {}, read=lambda _: array("d"))
    with pytest.raises(LookupError, match="without a model"):
        facts.anatomy("emma")


# ---------------------------------------------------------------- what a panel may do wrong


@pytest.mark.parametrize(
    ("render", "said"),
    [
        ("raise ValueError('no ink')", "ValueError: no ink"),
        ("raise SystemExit(3)", "tried to end the program"),
        ("return 'one long text'", "a list of lines is expected, not text"),
        ("return None", "a list of lines is expected, not NoneType"),
        ("return ['fine', 7]", "each line must be text; there is a int"),
        ("return (1 / 0 for _ in range(3))", "ZeroDivisionError"),
    ],
)
def test_a_panel_that_fails_is_explained_and_the_run_goes_on(
    with_panel: Callable[[str], Session], render: str, said: str
) -> None:
    session = with_panel(render)
    assert session.advance()
    panel = drawn(session, "mine")
    assert panel.trouble is not None and panel.lines == ()
    assert said in panel.trouble.message and "mine" in panel.trouble.message
    assert session.advance() and session.trouble is None
    assert session.step == 2


def test_a_panel_that_recovers_is_drawn_again(with_panel: Callable[[str], Session]) -> None:
    session = with_panel("return [f'{facts.losses[0]:.2f}']")
    assert "IndexError" in str(drawn(session, "mine").trouble)
    session.advance()
    assert drawn(session, "mine").lines == (f"{session.frame().metrics.losses[0]:.2f}",)


def test_lines_are_plain_text_cut_to_what_could_fit(with_panel: Callable[[str], Session]) -> None:
    session = with_panel(
        "class Sly(str):\n"
        "            def __getitem__(self, at): return self\n"
        "            def __str__(self): return self\n"
        "        return [Sly('x' * 10_000_000)] * 10_000"
    )
    panel = drawn(session, "mine", 20, 5)
    assert len(panel.lines) == 5
    assert {type(line) for line in panel.lines} == {str}, "or the screen imports the plugin"
    assert all(len(line) <= 80 for line in panel.lines)


def test_an_unknown_panel_and_an_impossible_knob_are_said(session: Session) -> None:
    assert "no such panel" in str(drawn(session, "histgram").trouble)
    assert "weights" in str(drawn(session, "histogram", of="fish").trouble)


# ---------------------------------------------------------------- how often


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def times_drawn(registry: Registry, session: Session, costs: float, frames: int) -> int:
    """How often a panel that costs so many seconds is drawn in so many frames, at 12 a second."""
    clock, count = Clock(), 0
    panels = Panels(registry, Activity(), clock)
    view = PanelView("histogram", {}, 10, 3)

    def facts():
        nonlocal count
        count += 1
        clock.now += costs
        return session.frames.panel_facts(session.info)()

    for step in range(frames):
        panels.draw(view, step, 0, facts)
        clock.now += 1 / 12
    return count


def test_a_quick_panel_is_in_every_frame_and_a_slow_one_in_few(
    registry: Registry, session: Session
) -> None:
    assert times_drawn(registry, session, 0.015, 120) == 120
    assert 5 <= times_drawn(registry, session, 0.2, 120) <= 25


def test_no_panel_is_drawn_twice_for_the_same_step_and_size(
    registry: Registry, session: Session
) -> None:
    panels, drawings = Panels(registry, Activity()), []

    def facts():
        drawings.append(1)
        return session.frames.panel_facts(session.info)()

    narrow, wide = PanelView("histogram", {}, 10, 3), PanelView("histogram", {}, 20, 3)
    for view in (narrow, narrow, wide, wide, narrow):
        panels.draw(view, 0, 0, facts)
    assert len(drawings) == 3


def test_a_panel_that_was_saved_anew_is_drawn_anew(tmp_path: Path, session: Session) -> None:
    def loaded(words: str) -> Registry:
        path = plugins.panel(tmp_path, "mine", f"return [{words!r}]")
        return load(PluginSources(files=(str(path),), entry_points=False))

    registry, mended = loaded("as it was"), loaded("mended, and longer")
    panels, view = Panels(registry, Activity()), PanelView("mine", {}, 20, 3)
    assert panels.draw(view, 0, 0, session.frames.panel_facts(session.info)).lines == ("as it was",)
    items = [item for item in mended.items if item.entry.plugin == "mine"]
    registry.exchange("mine", items, ())
    assert panels.draw(view, 0, 0, session.frames.panel_facts(session.info)).lines == (
        "mended, and longer",
    )
    registry.exchange("mine", (), ())
    assert "no such panel" in str(
        panels.draw(view, 0, 0, session.frames.panel_facts(session.info)).trouble
    )


# ---------------------------------------------------------------- what takes the worker with it


async def test_a_panel_that_hangs_is_named_and_switched_off_and_the_run_goes_on(
    labs: MakeLab, spec: RunSpec, tmp_path: Path
) -> None:
    path = plugins.panel(tmp_path, "stuck", "\n        while True: pass")
    watched = await opened(labs, spec, path)
    lab = watched.lab
    await lab.run(50)
    await watched.reaches(5)
    request = FrameRequest(panel=PanelView("stuck", {}, 20, 5))
    with pytest.raises(Exception, match="stuck"):
        await within(10, lab.frame(request))
    lost = await watched.event(WorkerLost)
    assert "panel 'stuck'" in lost.failure.title
    back = await watched.event(WorkerBack)
    assert back.running, "it had no part in the training"
    assert "'stuck' is switched off" in back.note
    await watched.reaches(back.step + 5)
    frame = await lab.frame(request)
    assert frame.panel is not None and frame.panel.trouble is not None
    assert "switched off" in frame.panel.trouble.title

    lab.follow_plugins()
    plugins.panel(tmp_path, "stuck", "return ['mended']")
    assert not (await watched.event(PluginSaved)).saved.problems
    frame = await lab.frame(request)
    assert frame.panel is not None and frame.panel.lines == ("mended",), "it has another chance"


async def test_a_panel_that_crashes_the_process_is_switched_off_too(
    labs: MakeLab, spec: RunSpec, tmp_path: Path
) -> None:
    path = plugins.panel(tmp_path, "fatal", "import os; os._exit(9)")
    watched = await opened(labs, spec, path)
    lab = watched.lab
    await lab.advance(3)
    request = FrameRequest(panel=PanelView("fatal", {}, 20, 5))
    with pytest.raises(Exception, match="process"):
        await within(10, lab.frame(request))
    back = await watched.event(WorkerBack)
    assert "'fatal' is switched off" in back.note
    assert (await lab.frame(request)).panel.trouble is not None  # type: ignore[union-attr]
