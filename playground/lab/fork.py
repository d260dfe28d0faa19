"""Forks: runs that go on from a step of another run, with some settings changed.

The run that is forked stays as it is. Before the first step every setting may change; later a
setting may change only if the weights, and the record so far, keep their meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from playground.lab.edits import Edit
from playground.lab.protocol.failures import Failure, LabError
from playground.lab.protocol.run import Checkpoint
from playground.lab.spec import RunSpec, SpecError

RATE = "optimizer.learning_rate"
ENGINE = "engine"
STEPS = "steps"

_LATER = ("optimizer", "schedule", STEPS, "batch_size", "eval_every", ENGINE, "seed")
"""The sections and settings that may also change after the first step."""
REPLAYED = frozenset({RATE, ENGINE, "eval_every"})
"""The settings that leave the steps before the fork as they were: a replay makes edits again, and
measuring the hold-out loss changes nothing."""

_WHY_ONLY_FROM_START: Mapping[str, str] = {
    "model": "the weights are those of a model of another shape",
    "tokenizer": "the weights know the tokens by their numbers",
    "dataset": "the record up to here is of these documents",
    "holdout": "what was trained on can no longer be held out",
    "holdout_by": "what was trained on can no longer be held out",
}


def why_only_from_start(field: str, step: int) -> str:
    """Why this dotted setting may not change after `step` steps; "" if it may."""
    part = field.partition(".")[0]
    if step == 0 or part in _LATER:
        return ""
    reason = _WHY_ONLY_FROM_START.get(part)
    return f"only from step 0: {reason}" if reason else "only from step 0"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting in which two runs differ."""

    field: str
    """The dotted name, as in RunSpec, also of a plugin's option: "dataset.options.path"."""
    left: Any
    """The value of the first run; None if that run has no such setting. `right` likewise."""
    right: Any


def in_force(spec: str, checkpoint: Checkpoint | None) -> dict[str, Any]:
    """A run's settings by section, in force at the checkpoint: the RunSpec with the learning rate
    and the engine that were set by hand. Raises SpecError."""
    values = RunSpec.parse(spec).model_dump()
    if checkpoint is None:
        return values
    engine = checkpoint.edits.engine_at(checkpoint.step, str(values["engine"]))
    return with_edits(values, checkpoint.base_learning_rate, engine)


def with_edits(
    values: Mapping[str, Any], learning_rate: float | None, engine: str
) -> dict[str, Any]:
    """A run's settings by section, with the learning rate and the engine in force instead of those
    at the run's start."""
    optimizer = {**(values.get("optimizer") or {}), "learning_rate": learning_rate}
    # A spec that was stored before there was a choice holds out by row.
    by = values.get("holdout_by", "row")
    return {**values, "optimizer": optimizer, "holdout_by": by, "engine": engine}


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Settings by dotted field, the options of plugins included."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            found.update(flat(value, f"{prefix}{key}."))
        else:
            found[f"{prefix}{key}"] = value
    return found


def differences(left: Mapping[str, Any], right: Mapping[str, Any]) -> tuple[Setting, ...]:
    """The settings in which two runs differ, in the order of the RunSpec."""
    one, other = flat(left), flat(right)
    sections = list(dict.fromkeys((*left, *right)))
    fields = sorted(
        dict.fromkeys((*one, *other)), key=lambda field: sections.index(field.partition(".")[0])
    )
    return tuple(
        Setting(field, one.get(field), other.get(field))
        for field in fields
        if (one.get(field), field in one) != (other.get(field), field in other)
    )


def forked(checkpoint: Checkpoint, changes: Mapping[str, Any]) -> tuple[str, Checkpoint | None]:
    """(RunSpec as JSON, checkpoint to open) of the run that goes on from this state with `changes`,
    by dotted field. The checkpoint is None for a fork at step 0, which begins anew.

    A new learning rate or engine is an edit at the step, so that the earlier steps can still be
    replayed. Any other change that steers the training rules this replay out: the earliest step is
    then the fork's own. Raises LabError with `problems` for settings that may not change, and for
    values that cannot be.
    """
    step = checkpoint.step
    problems = {field: why for field in changes if (why := why_only_from_start(field, step))}
    if problems:
        raise _refused(problems)
    present = in_force(checkpoint.spec, checkpoint)
    try:
        asked = RunSpec.parse(present).replace(changes)
    except SpecError as error:
        raise _refused(error.problems) from error
    if asked.steps < step:
        raise _refused({STEPS: f"must be {step:,} or more: so many are done already"})
    if step == 0:
        return asked.to_json(), None
    now, then = flat(present), flat(asked.model_dump())
    changed = {field for field in (*now, *then) if now.get(field) != then.get(field)}
    # The spec keeps the learning rate and the engine of the run's start; the edits have the later
    # ones.
    began = RunSpec.parse(checkpoint.spec)
    spec = asked.replace({RATE: began.optimizer.learning_rate, ENGINE: began.engine}).to_json()
    edits = checkpoint.edits.until(step)
    if RATE in changed:
        edits = edits.having(Edit(step, "learning_rate", asked.optimizer.learning_rate))
    if ENGINE in changed:
        edits = edits.having(Edit(step, "engine", asked.engine))
    return spec, replace(
        checkpoint,
        spec=spec,
        edits=edits,
        base_learning_rate=asked.optimizer.learning_rate,
        repeatable=checkpoint.repeatable and changed <= REPLAYED,
    )


def _refused(problems: Mapping[str, str]) -> LabError:
    text = "; ".join(f"{field}: {problem}" for field, problem in problems.items())
    return LabError(Failure("This cannot be changed here", text, problems=dict(problems)))
