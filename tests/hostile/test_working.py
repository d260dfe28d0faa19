"""Plugins that fail at work: each is named, and the run goes on from its last good step."""

from __future__ import annotations

from pathlib import Path

import pytest

from playground.catalog import Kind
from playground.hooks.manager import load
from playground.hooks.registry import Registry
from playground.hooks.sources import PluginSources
from playground.lab.protocol.failures import LabError
from playground.lab.protocol.frames import FrameRequest, PanelView
from playground.lab.protocol.observation import Observation
from playground.lab.protocol.sampling import Link, Measuring, MetricChoice, Sampling
from playground.lab.session import Session
from playground.lab.spec import RunSpec
from playground.testing import contribution_checks
from tests.hostile.conftest import PLUGINS
from tests.lab.conftest import MakeLab, labs, text_run, within, words

__all__ = ["labs", "words"]  # fixtures

STRATEGIES = {
    "raises": "out of transform",
    "leaves": "it tried to end the program (out of transform)",
    "short": "10 logits for 11 tokens",
    "long-list": "more than 11 logits",
    "endless-list": "more than 11 logits",
    "nan": "NaN",
    "infinite": "+inf",
    "all-masked": "every token",
    "gives-none": "NoneType",
    "gives-text": "'much', not a number",
    "mutates": "TypeError",
    "picks-outside": "16",
    "picks-nothing": "None",
    "broken-words": "its message cannot be shown: __str__ raised SystemExit",
    "panics": "Panic: out of transform",
}
MAKING = {"factory-leaves": "tried to end the program", "factory-imports": "no_such_library"}
TOKENIZERS = {
    "deep-encode": "RecursionError",
    "ids-outside": "out of range|outside|vocab",
    "ids-negative": "-1",
    "ids-words": "whole number|'",
    "shrinks": "vocab_size|size|id",
    "no-size": "vocab_size",
    "train-leaves": "tried to end the program",
}
DATA = {
    "yields-bytes": "bytes|b'anna'",
    "yields-none": "None",
    "empty-set": "empty|no documents|no text",
    "no-iterator": "7|int",
    "data-raises": "the disk is gone",
}
SCHEDULES = {"schedule-raises": "out of it", "schedule-nan": "nan", "schedule-words": "'much'"}
METRICS = {"metric-raises": "out of it", "metric-nan": "nan", "metric-words": "much"}
PANELS = {"panel-raises": "out of it", "panel-none": "NoneType"}
EXPORTERS = {
    "exporter-raises": "out of it",
    "exporter-leaves": "tried to end the program",
    "exporter-writes-nothing": "wrote nothing|no file|nothing",
}


HANGING = {"hangs": "strategy", "encode-hangs": "tokenizer", "schedule-hangs": "schedule"}


@pytest.fixture(scope="module")
def working() -> Registry:
    """The built-ins and every plugin that fails at work."""
    return load(PluginSources(folder=str(PLUGINS / "working"), entry_points=False))


@pytest.fixture
def spec(tmp_path: Path) -> RunSpec:
    path = tmp_path / "words.txt"
    path.write_text("anna\nbob\ncleo\nfred\nanna\nbob\ncleo\nfred\n", encoding="utf-8")
    return text_run(path)


def test_plugins_that_fail_at_work_load_without_a_word(working: Registry) -> None:
    assert working.problems == ()
    assert len(working.plugins) == 1 + len(list((PLUGINS / "working").glob("*.py")))


def says(error: LabError, name: str, said: str) -> bool:
    """True if the error names the plugin and contains one of the words that `said` parts with |."""
    failure = error.failure
    text = f"{failure.title} {failure.message}"
    plugin = name.replace("-", "_")
    return (plugin in text or name in text) and any(
        part.lower() in text.lower() for part in said.split("|")
    )


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_strategy_that_fails_costs_its_samples_and_no_step(
    working: Registry, spec: RunSpec, name: str
) -> None:
    session, alone = Session.open(spec, working), Session.open(spec, working)
    session.observe(Sampling(chain=(Link(name),), every=5))
    with pytest.raises(LabError) as caught:
        session.sample()
    assert says(caught.value, name, STRATEGIES[name]), caught.value.failure
    while session.advance():
        if session.step == 12:
            break
    trouble = session.trouble
    assert trouble is not None and trouble.kind == "plugin", "the automatic batch at step 5"
    assert session.step == 5
    session.observe(Sampling())  # without the strategy that fails
    for run in (session, alone):
        while run.step < 12:
            assert run.advance()
    assert session.frame().metrics.losses == alone.frame().metrics.losses


@pytest.mark.parametrize("name", MAKING)
def test_a_strategy_that_cannot_be_made_is_refused(
    working: Registry, spec: RunSpec, name: str
) -> None:
    session = Session.open(spec, working)
    with pytest.raises(LabError) as caught:
        session.observe(Sampling(chain=(Link(name),)))
    assert says(caught.value, name, MAKING[name]), caught.value.failure
    assert session.advance() and session.sample().texts


@pytest.mark.parametrize("name", TOKENIZERS)
def test_a_tokenizer_that_fails_is_named_before_the_run(
    working: Registry, spec: RunSpec, name: str
) -> None:
    with pytest.raises(LabError) as caught:
        Session.open(spec.replace({"tokenizer.name": name}), working)
    assert says(caught.value, name, TOKENIZERS[name]), caught.value.failure


@pytest.mark.parametrize("name", DATA)
def test_a_data_set_that_fails_is_named_before_the_run(
    working: Registry, spec: RunSpec, name: str
) -> None:
    choice = {"name": name, "options": {}}
    with pytest.raises(LabError) as caught:
        Session.open(spec.replace({"dataset": choice}), working)
    assert says(caught.value, name, DATA[name]), caught.value.failure


@pytest.mark.parametrize("name", ["count-lies", "blank-set"])
def test_a_data_set_that_miscounts_or_has_blank_documents_is_trained_on(
    working: Registry, spec: RunSpec, name: str
) -> None:
    session = Session.open(spec.replace({"dataset": {"name": name}}), working)
    assert session.advance()


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_that_fails_stops_at_the_last_good_step(
    working: Registry, spec: RunSpec, name: str
) -> None:
    session = Session.open(spec.replace({"schedule.name": name}), working)
    assert not session.advance()
    assert session.step == 0 and session.trouble is not None
    assert says(LabError(session.trouble), name, SCHEDULES[name]), session.trouble


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_that_fails_is_switched_off_and_the_run_goes_on(
    working: Registry, spec: RunSpec, name: str
) -> None:
    session = Session.open(spec, working)
    session.observe(Measuring((MetricChoice(name),), every=1))
    assert session.advance() and session.advance() and session.trouble is None
    assert METRICS[name] in str(session.frame(FrameRequest()))


@pytest.mark.parametrize("name", [*PANELS, "panel-endless", "panel-markup"])
def test_a_panel_that_fails_is_a_notice_in_its_place(
    working: Registry, spec: RunSpec, name: str
) -> None:
    session = Session.open(spec, working)
    panel = session.frame(FrameRequest(panel=PanelView(name, {}, 30, 5))).panel
    assert panel is not None
    if name in PANELS:
        assert panel.trouble is not None
        assert says(LabError(panel.trouble), name, PANELS[name]), panel.trouble
    else:
        assert panel.trouble is None and len(panel.lines) == 5
        assert sum(map(len, panel.lines)) < 10_000
    assert session.advance()


@pytest.mark.parametrize("name", EXPORTERS)
def test_an_exporter_that_fails_leaves_no_file(
    working: Registry, spec: RunSpec, name: str, tmp_path: Path
) -> None:
    session = Session.open(spec, working)
    target = tmp_path / "out" / "run.txt"
    target.parent.mkdir()
    with pytest.raises(LabError) as caught:
        session.export(str(target), name, {})
    assert says(caught.value, name, EXPORTERS[name]), caught.value.failure
    assert list(target.parent.iterdir()) == []
    assert session.advance()


def test_a_strategy_that_prints_or_draws_from_the_global_random_changes_no_loss(
    working: Registry, spec: RunSpec
) -> None:
    alone = Session.open(spec, working)
    for name in ("prints", "global-random"):
        session = Session.open(spec, working)
        session.observe(Sampling(chain=(Link(name),), every=3))
        for run in (session, alone):
            while run.step < 8:
                assert run.advance()
        assert session.frame().metrics.losses == alone.frame().metrics.losses


@pytest.mark.parametrize("name", HANGING)
async def test_a_plugin_that_never_returns_is_named_and_the_lab_works_on(
    labs: MakeLab, words: Path, name: str
) -> None:
    file = PLUGINS / "working" / f"{name.replace('-', '_')}.py"
    lab, run, kind = labs(file).lab, text_run(words), HANGING[name]
    with pytest.raises(LabError) as caught:
        if kind == "strategy":
            await lab.open(run.to_json(), observation=Observation(Sampling((Link(name),))))
            await lab.sample()
        else:
            await lab.open(run.replace({f"{kind}.name": name}).to_json())
            await lab.advance()
    assert caught.value.failure.kind == "hung"
    assert f"'{name}'" in caught.value.failure.message
    await within(10, lab.open(run.to_json()))
    await within(10, lab.advance(3))
    assert (await lab.frame()).step == 3


@pytest.mark.parametrize(
    ("kind", "name", "promise"),
    [
        ("strategy", "global-random", "global-random-state"),
        ("strategy", "mutates", "arguments-stay"),
        ("writer", "writer-sends", "sends-nothing-unsaid"),
        ("writer", "writer-raises", "continues-or-refuses"),
    ],
)
def test_the_contract_finds_faults_that_only_show_at_work(
    working: Registry, kind: Kind, name: str, promise: str
) -> None:
    broken = []
    for check in contribution_checks(kind, working.contribution(kind, name)):
        try:
            check()
        except Exception:
            broken.append(check.name)
    assert any(promise in name for name in broken), broken
