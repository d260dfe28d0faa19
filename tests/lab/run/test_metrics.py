"""Metrics beside the training are kept, go back with the run, and are switched off if they fail."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from microgpt.trainer import gradient_norm
from playground.hooks.manager import load
from playground.hooks.registry import Registry
from playground.hooks.sources import PluginSources
from playground.lab.checkpoint import CheckpointError, from_bytes, pairs_of, to_bytes
from playground.lab.client.events import WorkerBack
from playground.lab.protocol.failures import LabError
from playground.lab.protocol.frames import FrameRequest
from playground.lab.protocol.observation import Observation
from playground.lab.protocol.sampling import Measuring, MetricChoice, Sampling
from playground.lab.run.speed import Ration
from playground.lab.session import Session
from playground.lab.spec import RunSpec
from tests.lab.conftest import MakeLab, Watched, text_run

_PLUGIN = """
import time
from playground.api import Contribution, Knob, Knobs, hookimpl

class WorstKnobs(Knobs):
    rank: int = Knob(1, ge=1, le=5, help="the worst, the second worst ...")

class Worst:
    calls = 0
    def __init__(self, knobs):
        self.rank = knobs.rank
    def of_step(self, step):
        Worst.calls += 1
        {vice}
        surprises = sorted(x for losses in step.token_losses for x in losses)
        return surprises[-self.rank] if len(surprises) >= self.rank else None

@hookimpl
def microgpt_metrics():
    yield Contribution(name="worst", summary="most surprising", factory=Worst, knobs=WorstKnobs)
"""

Make = Callable[..., Path]


@pytest.fixture
def plugin(tmp_path: Path) -> Make:
    """Writes the plugin with the metric "worst", which runs the statement `vice` first."""

    def write(vice: str = "pass") -> Path:
        path = tmp_path / "marks.py"
        path.write_text(_PLUGIN.format(vice=vice), encoding="utf-8")
        return path

    return write


def with_plugin(path: Path) -> Registry:
    return load(PluginSources(files=(str(path),), entry_points=False))


def on(*names: str, every: int = 10) -> Measuring:
    return Measuring(tuple(MetricChoice(name) for name in names), every)


def walk(session: Session, steps: int) -> None:
    for _ in range(steps):
        assert session.advance()


def measured(session: Session, name: str, since: int = 0) -> dict[int, float]:
    """The values of a metric, by step, as the screen is told."""
    frame = session.frame(FrameRequest(since_step=since))
    return dict(frame.metrics.measured.get(name, ()))


def test_no_metric_is_measured_unless_it_is_asked_for(session: Session) -> None:
    walk(session, 20)
    frame = session.frame()
    assert not frame.metrics.measured and frame.meters == ()


def test_the_gradient_is_measured_at_the_first_step_and_every_few(session: Session) -> None:
    session.observe(on("gradient-norm"))
    walk(session, 20)
    seen = measured(session, "gradient-norm")
    assert list(seen) == [1, 10, 20]
    assert seen[20] == pytest.approx(gradient_norm(session.training.engine))
    assert list(measured(session, "gradient-norm", since=15)) == [20]


def test_perplexity_is_the_exponential_of_the_loss(session: Session) -> None:
    session.observe(on("perplexity", every=1))
    walk(session, 5)
    losses = session.frame().metrics.losses
    expected = {step: math.exp(loss) for step, loss in enumerate(losses, 1)}
    assert measured(session, "perplexity") == pytest.approx(expected)


def test_new_texts_are_counted_when_there_are_samples(session: Session) -> None:
    session.observe(on("new-share"))
    session.observe(Sampling(every=4, count=10))
    walk(session, 8)
    assert list(measured(session, "new-share")) == [4, 8]
    walk(session, 1)
    assert list(measured(session, "new-share", since=9)) == []
    batch = session.sample()
    share = sum(not text.in_data for text in batch.texts) / 10
    assert measured(session, "new-share", since=9) == {9: share}, "told though step 9 was seen"


def test_measuring_changes_nothing_that_is_learnt(spec: RunSpec, registry: Registry) -> None:
    plain, watched = (Session.open(spec, registry) for _ in range(2))
    watched.observe(on("gradient-norm", "perplexity", every=1))
    for one in (plain, watched):
        walk(one, 30)
    assert plain.frame().metrics.losses == watched.frame().metrics.losses
    assert plain.training.engine.read("weights") == watched.training.engine.read("weights")


def test_a_metric_goes_back_with_the_run_and_only_another_future_forgets_it(
    session: Session,
) -> None:
    session.observe(on("perplexity"))
    walk(session, 40)
    before = measured(session, "perplexity")
    session.go_to(15)
    assert measured(session, "perplexity") == {step: before[step] for step in (1, 10)}
    walk(session, 25)
    assert measured(session, "perplexity") == before
    session.go_to(15)
    session.edit({"optimizer.learning_rate": 0.02})
    walk(session, 25)
    after = measured(session, "perplexity")
    assert list(after) == list(before)
    assert after[10] == before[10] and after[40] != before[40]


def test_a_step_that_was_measured_is_not_measured_again(plugin: Make, spec: RunSpec) -> None:
    registry = with_plugin(plugin())
    session = Session.open(spec, registry)
    session.observe(on("worst"))
    walk(session, 30)
    factory = registry.contribution("metric", "worst").factory
    calls = factory.calls  # type: ignore[attr-defined]
    assert calls == 4
    session.go_to(0)
    walk(session, 30)
    assert factory.calls == calls  # type: ignore[attr-defined]


def test_other_knobs_make_another_series(plugin: Make, spec: RunSpec) -> None:
    session = Session.open(spec, with_plugin(plugin()))
    both = (MetricChoice("worst"), MetricChoice("worst", {"rank": 2}))
    session.observe(Measuring(both, every=1))
    walk(session, 5)
    worst, second = (measured(session, name) for name in ("worst", "worst:rank=2"))
    assert list(worst) == list(second) == [1, 2, 3, 4, 5]
    assert all(worst[step] >= second[step] for step in worst)
    assert worst != second


def test_series_are_saved_and_opened_again(spec: RunSpec, registry: Registry) -> None:
    session = Session.open(spec, registry)
    session.observe(on("gradient-norm", "perplexity"))
    walk(session, 25)
    checkpoint = from_bytes(to_bytes(session.checkpoint()))
    again = Session.open(spec, registry, checkpoint=checkpoint)
    for name in ("gradient-norm", "perplexity"):
        assert measured(again, name) == measured(session, name) != {}


def test_a_damaged_series_is_said() -> None:
    with pytest.raises(CheckpointError, match="has no steps"):
        pairs_of(b"\0" * 24)


@pytest.mark.parametrize(
    ("vice", "said"),
    [
        ("raise ValueError('odd')", "ValueError: odd"),
        ("raise SystemExit", "tried to end the program"),
        ("return float('nan')", "nan"),
        ("return float('inf')", "inf"),
        ("return 'much'", "'much'"),
        ("return True", "True"),
        ("return [1, 2]", "TypeError"),
        ("step.read('colours')", "colours"),
    ],
)
def test_a_metric_that_fails_is_switched_off_and_the_run_goes_on(
    plugin: Make, spec: RunSpec, vice: str, said: str
) -> None:
    session = Session.open(spec, with_plugin(plugin(vice)))
    session.observe(on("worst", "perplexity"))
    walk(session, 20)
    assert session.state == "paused" and session.trouble is None
    assert measured(session, "worst") == {}
    assert list(measured(session, "perplexity")) == [1, 10, 20]
    trouble = session.frame().meters[0].trouble
    assert trouble is not None and "'worst' is switched off" in trouble.title
    assert said in trouble.message
    session.observe(on("worst"))
    assert session.frame().meters[0].trouble is None, "it gets another try"


def test_the_weights_a_metric_gets_are_its_own(plugin: Make, spec: RunSpec) -> None:
    spoilt = Session.open(spec, with_plugin(plugin("step.read('weights')[0] = 1e9")))
    plain = Session.open(spec, with_plugin(plugin()))
    spoilt.observe(on("worst", every=1))
    for one in (spoilt, plain):
        walk(one, 5)
    assert spoilt.training.engine.read("weights") == plain.training.engine.read("weights")


@pytest.mark.parametrize(
    ("measuring", "field"),
    [
        (on("perplexty"), "perplexty"),
        (on("perplexity", every=0), "every"),
        (Measuring((MetricChoice("perplexity", {"base": 2}),)), "perplexity.base"),
    ],
)
def test_metrics_that_cannot_be_are_refused_and_change_nothing(
    session: Session, measuring: Measuring, field: str
) -> None:
    session.observe(on("gradient-norm"))
    with pytest.raises(LabError) as caught:
        session.observe(measuring)
    assert field in caught.value.failure.problems
    assert session.measurer.measuring == on("gradient-norm")


def test_a_run_opens_without_the_metrics_that_are_gone(spec: RunSpec, registry: Registry) -> None:
    session = Session.open(
        spec, registry, observation=Observation(measuring=on("gone", "perplexity"))
    )
    assert [meter.label for meter in session.frame().meters] == ["perplexity"]
    assert any("gone" in notice.text for notice in session.info.notices)


def test_a_slow_metric_gets_a_share_of_the_time_and_no_more(
    plugin: Make, spec: RunSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Ration, "BEGINNING", 0.02)
    registry = with_plugin(plugin("time.sleep(0.3)"))
    session = Session.open(spec, registry)
    session.observe(on("worst", every=1))
    walk(session, 20)
    # One more value is paid for by 2.8 seconds of training, and 20 steps take far less.
    assert list(measured(session, "worst")) == [1]


def test_stretches_of_a_fast_engine_end_where_a_metric_is_due(
    tmp_path: Path, words: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("playground.lab.run.metrics._BETWEEN", 0.0)
    from tests.lab import plugins

    registry = with_plugin(plugins.engine(tmp_path, "quick"))
    session = Session.open(text_run(words, engine="quick", eval_every=0), registry)
    session.observe(Sampling(every=0))
    session.observe(on("perplexity"))
    while session.step < 40:
        session.advance(40 - session.step)
    assert list(measured(session, "perplexity")) == [1, 10, 20, 30, 40]


async def test_a_metric_that_hangs_is_switched_off_and_the_run_trains_on(
    plugin: Make, spec: RunSpec, labs: MakeLab
) -> None:
    watched: Watched = labs(plugin("while step.step >= 20: pass"))
    lab = watched.lab
    await lab.open(spec.to_json(), observation=Observation(measuring=on("worst", "perplexity")))
    await lab.run(None)
    back = await watched.event(WorkerBack)
    assert back.running and "'worst' hung" in back.note
    await watched.reaches(60)
    frame = await lab.frame()
    assert [meter.label for meter in frame.meters] == ["perplexity"]
    assert 60 in dict(frame.metrics.measured["perplexity"])
