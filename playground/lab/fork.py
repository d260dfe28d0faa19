"""Forks: runs that go on from a step of another run, with some settings changed.

The run that is forked stays as it is. Before the first step every setting may change; later a
setting may change only if the weights, and the record so far, keep their meaning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

from microgpt.config import PARTS, without
from microgpt.surgery import Operation
from playground.lab.edits import WEIGHTS, Edit, Edits, operations_in, text_of
from playground.lab.protocol.failures import Failure, LabError
from playground.lab.protocol.run import Checkpoint
from playground.lab.spec import OPTIMIZER_FIELD, PARTS_FIELD, RATE_FIELD, RunSpec, SpecError

RATE = RATE_FIELD
ENGINE = "engine"
STEPS = "steps"

_LATER = ("optimizer", "schedule", STEPS, "batch_size", "eval_every", ENGINE, "seed")
"""The sections and settings that may also change after the first step."""
REPLAYED = frozenset({RATE, ENGINE, "eval_every"})
"""The settings that leave the steps before the fork as they were: a replay makes edits again, and
measuring the hold-out loss changes nothing."""

_WHY_ONLY_FROM_START: Mapping[str, str] = {
    PARTS_FIELD: "a part is there from the first step on, or never",
    OPTIMIZER_FIELD: "its moments are its own",
    "model": "the weights are those of a model of another shape",
    "tokenizer": "the weights know the tokens by their numbers",
    "dataset": "the record up to here is of these documents",
    "holdout": "what was trained on can no longer be held out",
    "holdout_by": "what was trained on can no longer be held out",
}


def why_only_from_start(field: str, step: int) -> str:
    """Why this dotted setting may not change after `step` steps; "" if it may."""
    part = field.partition(".")[0]
    if step == 0 or (part in _LATER and field not in _WHY_ONLY_FROM_START):
        return ""
    reason = _WHY_ONLY_FROM_START.get(field) or _WHY_ONLY_FROM_START.get(part)
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
    values: Mapping[str, Any],
    learning_rate: float | None,
    engine: str,
    held: str = "",
    operated: str = "",
) -> dict[str, Any]:
    """A run's settings by section, with the learning rate and the engine in force instead of those
    at the run's start. held, operated: what is held of the weights and was done to them, in words,
    to be told among the settings in which runs differ."""
    optimizer = {
        "name": "adam", **(values.get("optimizer") or {}), "learning_rate": learning_rate,
    }  # fmt: skip
    # A spec that was stored before there was a choice holds out by row, and leaves nothing out.
    model = values.get("model") or {}
    model = {**model, "parts": tuple(model.get("parts", PARTS))}
    by = values.get("holdout_by", "row")
    told = {"held": held, "operated": operated}
    by_hand = {name: words for name, words in told.items() if words}
    return {
        **values, "model": model, "optimizer": optimizer, "holdout_by": by, "engine": engine,
        **by_hand,
    }  # fmt: skip


def value_words(setting: str, value: object) -> str:
    """A value of a dotted setting, in words: "without attention" for parts of the model, and "–"
    where a run has no such setting."""
    if setting == PARTS_FIELD and isinstance(value, Sequence):
        return without([part for part in PARTS if part not in value]) or "the whole model"
    return "–" if value is None else str(value)


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


def forked(
    checkpoint: Checkpoint,
    changes: Mapping[str, Any],
    operations: Sequence[Operation] = (),
    held: Sequence[Operation] | None = None,
) -> tuple[str, Checkpoint | None]:
    """(RunSpec as JSON, checkpoint to open) of the run that goes on from this state with `changes`,
    by dotted field. The checkpoint is None for a fork at step 0, which begins anew, unless its
    weights are operated on.

    operations: what is done to the weights first. held: what keeps its values from there on; None
    for what this run holds.

    A new learning rate or engine is an edit at the step, so that the earlier steps can still be
    replayed. Any other change that steers the training rules this replay out: the earliest step is
    then the fork's own. Raises LabError with `problems` for settings that may not change, and for
    values that cannot be; LabError for operations that are too long to write down. Whether they fit
    the model shows when the fork is opened.
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
    now, then = flat(present), flat(asked.model_dump())
    changed = {field for field in (*now, *then) if now.get(field) != then.get(field)}
    by_hand = _by_hand(checkpoint, operations, held)
    if step == 0:
        return asked.to_json(), _operated_start(checkpoint, asked, by_hand, changed)
    # The spec keeps the learning rate and the engine of the run's start; the edits have the later
    # ones.
    began = RunSpec.parse(checkpoint.spec)
    spec = asked.replace({RATE: began.optimizer.learning_rate, ENGINE: began.engine}).to_json()
    edits = checkpoint.edits.until(step).having(*by_hand)
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


def _by_hand(
    checkpoint: Checkpoint, operations: Sequence[Operation], held: Sequence[Operation] | None
) -> list[Edit]:
    """The edits that do this at the checkpoint's step, after what was done there."""
    step, edits = checkpoint.step, checkpoint.edits
    try:
        made = []
        if operations:
            done = operations_in(edits.surgery_at(step))
            made.append(Edit(step, "surgery", text_of([*done, *operations])))
        if held is not None and text_of(held) != edits.held_at(step):
            made.append(Edit(step, "hold", text_of(held)))
    except ValueError as error:
        raise LabError(Failure("This cannot be done to the weights", f"{error}.")) from error
    return made


def _operated_start(
    checkpoint: Checkpoint, asked: RunSpec, by_hand: Sequence[Edit], changed: Set[str]
) -> Checkpoint | None:
    """The state before the first step of a fork at step 0, if anything is done to its weights."""
    edits = checkpoint.edits.until(0).having(*by_hand)
    edits = Edits.of(one for one in edits if one.field in WEIGHTS)
    if not edits.surgical:
        return None
    others = [one for one in changed if one.partition(".")[0] in ("model", "tokenizer", "dataset")]
    if others:
        why = "what was done to the weights at step 0 belongs to the model as it is"
        raise _refused(dict.fromkeys(others, why))
    return Checkpoint(
        spec=asked.to_json(),
        step=0,
        weights=b"",
        first_moment=b"",
        second_moment=b"",
        tokenizer=checkpoint.tokenizer,
        base_learning_rate=asked.optimizer.learning_rate,
        edits=edits,
        data=checkpoint.data,
        sampling=checkpoint.sampling,
    )


def _refused(problems: Mapping[str, str]) -> LabError:
    text = "; ".join(f"{field}: {problem}" for field, problem in problems.items())
    return LabError(Failure("This cannot be changed here", text, problems=dict(problems)))
