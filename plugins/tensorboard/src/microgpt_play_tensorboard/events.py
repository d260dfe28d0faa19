"""A run as events: TensorBoard's own messages, one after the other in one file.

TensorBoard's `scalar_pb`, `histogram_pb` and `text_pb` make the messages and its `RecordWriter`
frames them, so TensorBoard reads the file. The file is written in one go, without a thread, and its
name does not hold the name of the machine.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.plugins.histogram.summary import histogram_pb
from tensorboard.plugins.scalar.summary import scalar_pb
from tensorboard.plugins.text.summary import text_pb
from tensorboard.summary.writer.record_writer import RecordWriter

from playground.api import Progress, RunExport

VERSION = "brain.Event:2"
"""The version that TensorBoard looks for in the first event of a file."""
_NAME = "events.out.tfevents.{seconds:010d}.microgpt-play"
_EVERY = 500
"""Events between two calls of progress."""
_BUCKETS = 30


def write(
    run: RunExport, path: Path, progress: Progress, *, histograms: bool, samples: bool
) -> None:
    """Make the folder `path` and the event file in it; an earlier one of this exporter is replaced.

    Raises OSError; an exception of `progress` passes through.
    """
    if path.is_file():
        path.unlink()
    path.mkdir(exist_ok=True)
    for earlier in path.glob(_NAME.replace("{seconds:010d}", "*")):
        earlier.unlink()
    now = time.time()
    summaries = list(_summaries(run, histograms, samples))
    with (path / _NAME.format(seconds=int(now))).open("wb") as file:
        records = RecordWriter(file)
        records.write(Event(wall_time=now, file_version=VERSION).SerializeToString())
        for place, (step, summary) in enumerate(summaries):
            if place % _EVERY == 0:
                progress("writing events", place, len(summaries))
            # The time of each step is not recorded, so all events bear the time of the export.
            event = Event(wall_time=now, step=step, summary=summary)
            records.write(event.SerializeToString())


def _summaries(run: RunExport, histograms: bool, samples: bool) -> Iterator[tuple[int, Any]]:
    """(step, summary) pairs. Each series in the order of its steps."""
    steps = range(run.first_step, run.first_step + len(run.losses))
    for step, loss, rate in zip(steps, run.losses, run.learning_rates, strict=True):
        yield step, scalar_pb("loss", loss)
        yield step, scalar_pb("learning_rate", rate)
    for step, loss in sorted(run.evaluations):
        yield step, scalar_pb("held_out", loss)
    for name, pairs in run.series.items():
        for step, value in pairs:
            yield step, scalar_pb(f"metrics/{name}", value)
    if samples:
        batches: dict[int, list[str]] = {}
        for step, text in run.samples:
            batches.setdefault(step, []).append(_as_written(text))
        for step, texts in sorted(batches.items()):
            yield step, text_pb("samples", texts)
    if histograms:
        at = 0
        for name, (rows, columns) in run.matrices.items():
            values = run.weights[at : at + rows * columns]
            at += rows * columns
            if all(value - value == 0 for value in values):  # a histogram holds no NaN or inf
                yield run.step, histogram_pb(f"weights/{name}", values, _BUCKETS)


def _as_written(text: str) -> str:
    """The text as a block of code, since TensorBoard renders Markdown."""
    clean = text.encode("utf-8", "replace").decode("utf-8")  # protobuf takes no lone surrogates
    return "    " + clean.replace("\n", "\n    ")
