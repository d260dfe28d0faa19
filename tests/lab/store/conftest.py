"""A store, and runs and batches to put into the store."""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from playground.lab.protocol.film import FilmRow, FilmText, has_row
from playground.lab.protocol.probes import ProbeAnswers
from playground.lab.protocol.sampling import SampleBatch, SampleText
from playground.lab.spec import RunSpec
from playground.lab.store.keyframes import frame_bytes
from playground.lab.store.records import (
    Batch,
    Edit,
    NewRun,
    PluginUse,
    StoredKeyframe,
    StoredSamples,
)
from playground.lab.store.store import Store
from playground.lab.timeline import Keyframe

WEIGHTS = 10
"""The parameters of the model in these tests; the store takes any number."""


def new_run(name: str = "", dataset: str = "names", **changes: Any) -> NewRun:
    """A new run with the default spec, or with these changes to the spec."""
    spec = RunSpec.parse({"holdout_by": "text", **changes}).to_json()
    plugins = (PluginUse("dataset", "builtin:names", "builtin", "1.0"),)
    state = json.dumps({"characters": "abc"})
    return NewRun(spec, dataset, WEIGHTS, state, "0" * 64, plugins, '{"a": 1}', name)


def loss_of(step: int) -> float:
    """A loss that no two steps share."""
    return 2 + 1 / (step + 1) + math.sin(step) / 100


def state(step: int) -> StoredKeyframe:
    """The keyframe of the model after `step` steps."""
    values = array("d", (loss_of(step) * place for place in range(WEIGHTS)))
    return frame_bytes(Keyframe(step, 7 * step, values, values[::-1], values))


def steps(first: int, count: int, **more: Any) -> Batch:
    """A batch of `count` steps after `first`, with seven tokens and a millisecond a step."""
    end = first + count
    given: dict[str, Any] = {
        "at": end,
        "status": "running",
        "first": first,
        "losses": array("d", map(loss_of, range(first + 1, end + 1))),
        "learning_rates": array("d", (0.01 / step for step in range(first + 1, end + 1))),
        "tokens_seen": 7 * end,
        "seconds": end / 1000,
    }
    return Batch(**{**given, **more})


def samples(step: int, *texts: str, occasion: str = "automatic") -> StoredSamples:
    """A batch of texts that were sampled after `step` steps."""
    found = tuple(SampleText(text, False, True) for text in texts)
    return StoredSamples(occasion, SampleBatch(1, step, "", found))


def film_row(step: int) -> FilmRow:
    """The row of the film after `step` steps."""
    return FilmRow(step, (FilmText(f"an\n{step}", True), FilmText("", False)))


def everything(first: int, count: int) -> Batch:
    """A batch of `count` steps with records of each kind in its middle and at its end."""
    middle, end = first + count // 2, first + count
    return steps(
        first,
        count,
        loss=loss_of(end),
        evaluations=((middle, 2.5), (end, 2.25)),
        measured={"weight norm": array("d", [middle, 1.5, end, 1.75])},
        samples=(samples(middle, "anna"), samples(end, "bob", "cleo")),
        probes=(
            ProbeAnswers(middle, (("a", "ab"), ("b",))),
            ProbeAnswers(end, (("ac",), ()), "which"),
        ),
        film=tuple(film_row(step) for step in (middle, end) if has_row(step)),
        edits=(Edit(middle, "learning_rate", 0.5), Edit(end, "engine", "scalar")),
        keyframes=(state(middle),),
        tip=state(end),
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path of the store, which need not exist yet."""
    return tmp_path / "data" / "runs.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with Store.open(path) as opened:
        yield opened
        assert opened.check() == [], "whatever a test did, the file is sound"
