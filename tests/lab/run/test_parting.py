"""A run tells at which step its losses part from those of microgpt.py, because of its hold-out."""

from __future__ import annotations

import contextlib
import io
import json
import math
import re
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microgpt.__main__ import main
from playground.hooks.manager import load
from playground.hooks.registry import Registry
from playground.hooks.sources import PluginSources
from playground.lab.protocol.run import RunInfo
from playground.lab.session import Session
from playground.lab.spec import RunSpec
from tests.lab.conftest import text_run

MODEL = {"n_embd": 2, "n_head": 1, "n_layer": 1, "block_size": 3}


def told(info: RunInfo) -> int | None:
    """The step that the notices name; None if none of them speaks of microgpt.py."""
    (found,) = [one.text for one in info.notices if "microgpt.py" in one.text] or [""]
    step = re.search(r"from step ([\d,]+) on", found)
    return int(step[1].replace(",", "")) if step else None


def alone(path: Path, spec: RunSpec) -> list[float]:
    """The losses that `python -m microgpt` prints."""
    options = {**MODEL, "seed": spec.seed, "steps": spec.steps, "batch-size": spec.batch_size}
    words = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert main([str(path), "--json", "--samples=0", *words]) == 0
    *lines, _samples = map(json.loads, out.getvalue().splitlines())
    return [line["loss"] for line in lines]


@settings(max_examples=15)
@given(
    lines=st.lists(st.text("abc ", min_size=1, max_size=5), min_size=2, max_size=24),
    holdout=st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.9]),
    seed=st.integers(0, 3),
    batch=st.integers(1, 3),
)
def test_the_step_that_is_told_is_the_first_whose_loss_is_another(
    lines: list[str], holdout: float, seed: int, batch: int
) -> None:
    if not any(line.strip() for line in lines):
        lines = [*lines, "a"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lines.txt"
        path.write_text("\n".join(lines), encoding="utf-8")
        spec = text_run(path, model=MODEL, holdout=holdout, seed=seed, batch_size=batch, steps=40,
                        eval_every=0)  # fmt: skip
        session = Session.open(spec, load(PluginSources(entry_points=False)))
        session.go_to(spec.steps)
        ours = list(session.training.series.losses)
        pairs = enumerate(zip(ours, alone(path, spec), strict=True), start=1)
    step = told(session.info)
    other = next((at for at, (a, b) in pairs if not math.isclose(a, b, rel_tol=1e-9)), None)
    if batch == 1 or step is None:
        assert step == other
    else:  # a batch of the same texts in another order has the same loss
        assert other is None or step <= other
    if holdout == 0:
        assert other is None


def test_nothing_is_said_of_a_run_that_ends_before_it_parts(
    words: Path, registry: Registry
) -> None:
    ends = {steps: told(Session.open(text_run(words, steps=steps), registry).info)
            for steps in (17, 18)}  # fmt: skip
    assert ends == {17: None, 18: 18}, "two of 19 words are held out"


@pytest.mark.parametrize(
    "changes",
    [
        {"tokenizer": {"name": "word"}},
        {"schedule": {"name": "constant"}},
        {"optimizer": {"beta1": 0.9}},
        {"dataset": {"name": "text-file", "options": {"path": "", "split": "windows"}}},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_nothing_is_said_of_settings_that_microgpt_does_not_have(
    words: Path, registry: Registry, changes: dict[str, Any]
) -> None:
    if "dataset" in changes:
        changes["dataset"]["options"]["path"] = str(words)
    assert told(Session.open(text_run(words, **changes), registry).info) is None


def test_a_run_that_goes_on_tells_it_again_unless_it_has_parted_by_hand(
    session: Session, registry: Registry
) -> None:
    session.go_to(5)
    again = Session.open(session.spec, registry, checkpoint=session.checkpoint())
    assert told(again.info) == told(session.info) == 18
    session.edit({"optimizer.learning_rate": 0.02})
    session.go_to(6)
    other = Session.open(session.spec, registry, checkpoint=session.checkpoint())
    assert told(other.info) is None
