"""TensorBoard itself reads back the event files."""

from __future__ import annotations

import math
import subprocess
import sys
from array import array
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import microgpt_play_tensorboard
from microgpt_play_tensorboard import TensorBoard, TensorBoardKnobs
from playground.api import RunExport
from playground.hooks.manager import load
from playground.hooks.sources import PluginSources
from playground.lab.session import Session
from playground.lab.spec import RunSpec

RUN = RunExport(
    spec={},
    step=3,
    losses=array("d", [3.25, 3.0, 2.5]),
    learning_rates=array("d", [0.01, 0.005, 0.0025]),
    first_step=1,
    evaluations=((0, 3.5), (2, 2.75)),
    series={"distinct:n=2": ((2, 0.5), (3, 0.75))},
    samples=((2, "kamon"), (2, "<b>ann</b>"), (3, "`karai`\n# jaire")),
    matrices={"wte": (2, 2), "lm_head": (2, 2)},
    weights=array("d", [0.0, 0.1, 0.2, 0.3, -1.0, -1.0, 1.0, 1.0]),
)


def silent(what: str, done: int, total: int) -> None:
    """Ignores the progress."""


def read(folder: Path) -> EventAccumulator:
    """All events that TensorBoard reads from a log directory."""
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0, "scalars": 0})
    return events.Reload()


def exported(run: RunExport, folder: Path, **knobs: bool) -> EventAccumulator:
    path = folder / "run"
    TensorBoard(TensorBoardKnobs(**knobs)).export(run, path, silent)
    return read(path)


def scalars(events: EventAccumulator, tag: str) -> list[tuple[int, float]]:
    return [(event.step, value_of(event.tensor_proto)) for event in events.Tensors(tag)]


def value_of(tensor) -> float:
    from tensorboard.util.tensor_util import make_ndarray

    return float(make_ndarray(tensor))


def test_losses_rates_evaluations_and_metrics_are_scalars_by_step(tmp_path: Path) -> None:
    events = exported(RUN, tmp_path)
    assert scalars(events, "loss") == [(1, 3.25), (2, 3.0), (3, 2.5)]
    rates = scalars(events, "learning_rate")
    assert [rate for _, rate in rates] == pytest.approx([0.01, 0.005, 0.0025])
    assert scalars(events, "held_out") == [(0, 3.5), (2, 2.75)]
    assert scalars(events, "metrics/distinct:n=2") == [(2, 0.5), (3, 0.75)]
    assert events.SummaryMetadata("loss").plugin_data.plugin_name == "scalars"


def test_the_weights_of_each_matrix_are_a_histogram(tmp_path: Path) -> None:
    from tensorboard.util.tensor_util import make_ndarray

    events = exported(RUN, tmp_path)
    (event,) = events.Tensors("weights/lm_head")
    buckets = make_ndarray(event.tensor_proto)  # rows of left end, right end, count
    assert event.step == 3
    assert buckets[:, 2].sum() == 4
    assert (buckets[0, 0], buckets[-1, 1]) == (-1.0, 1.0)
    assert (buckets[0, 2], buckets[-1, 2]) == (2, 2), "two at each end"
    assert events.SummaryMetadata("weights/wte").plugin_data.plugin_name == "histograms"


def test_samples_are_texts_shown_as_they_are(tmp_path: Path) -> None:
    from tensorboard.util.tensor_util import make_ndarray

    events = exported(RUN, tmp_path)
    batches = {
        event.step: [text.decode() for text in make_ndarray(event.tensor_proto)]
        for event in events.Tensors("samples")
    }
    assert batches == {
        2: ["    kamon", "    <b>ann</b>"],
        3: ["    `karai`\n    # jaire"],
    }, "each a block of code: neither Markdown nor HTML"


def test_what_is_switched_off_is_left_out(tmp_path: Path) -> None:
    events = exported(RUN, tmp_path, histograms=False, samples=False)
    assert set(events.Tags()["tensors"]) == {
        "loss",
        "learning_rate",
        "held_out",
        "metrics/distinct:n=2",
    }


def test_numbers_that_are_none_do_not_stop_it(tmp_path: Path) -> None:
    broken = replace(
        RUN, losses=array("d", [3.0, math.nan, math.inf]), weights=array("d", [math.nan] * 8)
    )
    events = exported(broken, tmp_path)
    assert [step for step, _ in scalars(events, "loss")] == [1, 2, 3]
    assert "weights/wte" not in events.Tags()["tensors"]


def test_a_run_of_the_playground_comes_back_from_its_log_directory(tmp_path: Path) -> None:
    session = Session.open(RunSpec.parse({"steps": 20, "eval_every": 10}), load(PluginSources()))
    while session.advance():
        pass
    batch = session.sample()
    session.export(str(tmp_path / "names"), "tensorboard", {})
    events = read(tmp_path / "names")
    metrics = session.frame().metrics
    losses = [loss for _, loss in scalars(events, "loss")]
    assert losses == pytest.approx(list(metrics.losses))  # TensorBoard holds them as float32
    assert [step for step, _ in scalars(events, "held_out")] == [0, 10, 20]
    assert [event.step for event in events.Tensors("samples")] == [20]
    assert batch.texts
    (file,) = (tmp_path / "names").iterdir()
    assert file.name.startswith("events.out.tfevents."), "the name that TensorBoard looks for"


def test_the_playground_finds_it_as_an_installed_plugin() -> None:
    (entry,) = (e for e in entry_points(group="microgpt_play") if e.name == "tensorboard")
    assert entry.load() is microgpt_play_tensorboard


def test_neither_tensorflow_nor_torch_is_needed_and_tensorboard_only_to_export() -> None:
    code = (
        "import sys, microgpt_play_tensorboard as plugin\n"
        "list(plugin.microgpt_exporters())\n"
        "assert 'tensorboard' not in sys.modules\n"
        "import microgpt_play_tensorboard.events\n"
        "sys.exit(any(name in sys.modules for name in ('tensorflow', 'torch')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
