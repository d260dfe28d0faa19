"""The settings of a run by the names that microgpt has for them: n_embd, learning_rate, steps."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from pydantic import BaseModel

from microgpt.config import ModelPart, OptimizerName
from playground.hooks.errors import KnobError, UnknownNameError
from playground.hooks.registry import Registry
from playground.lab.protocol.failures import Failure, LabError
from playground.lab.run.choices import KINDS, choice
from playground.lab.spec import (
    OPTIMIZER_FIELD,
    HoldoutBy,
    ModelSpec,
    OptimizerSpec,
    RunSpec,
    SpecError,
)

Chosen = str | Mapping[str, Any]
"""A contribution as the command line names it, "word:lower=true"; or its name and options, as
`settings` has them."""


class Settings(TypedDict, total=False):
    """The settings of a run, for editors and type checkers. FIELDS has the same names."""

    dataset: Chosen
    tokenizer: Chosen
    n_embd: int
    n_head: int
    n_layer: int
    block_size: int
    parts: Sequence[ModelPart]
    optimizer: OptimizerName
    learning_rate: float
    beta1: float
    beta2: float
    eps: float
    schedule: Chosen
    steps: int
    batch_size: int
    seed: int
    holdout: float
    holdout_by: HoldoutBy
    eval_every: int
    engine: str


_SECTIONS: Mapping[str, type[BaseModel]] = {"model": ModelSpec, "optimizer": OptimizerSpec}


def _fields() -> dict[str, str]:
    found: dict[str, str] = {}
    for name in RunSpec.model_fields:
        if name not in _SECTIONS:
            found[name] = name
            continue
        for one in _SECTIONS[name].model_fields:
            field = f"{name}.{one}"
            found["optimizer" if field == OPTIMIZER_FIELD else one] = field
    return found


FIELDS: Mapping[str, str] = _fields()
"""The dotted field of each setting, by its name."""
_NAMES = {field: name for name, field in FIELDS.items()}


def by_field(registry: Registry, said: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by dotted field. said: settings by name; data sets, tokenizers, schedules and
    engines as the command line names them ("word:lower=true"). Raises LabError whose `problems`
    name what cannot be."""
    found: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name, value in said.items():
        if name not in FIELDS:
            problems[name] = _unknown(name)
            continue
        field = FIELDS[name]
        if field in KINDS and isinstance(value, str):
            try:
                value = choice(registry, field, value)
            except (KnobError, UnknownNameError) as error:
                problems[name] = f"cannot be: {error}"
        found[field] = value
    if problems:
        raise refused(problems)
    return found


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name.lower().replace("-", "_"), FIELDS, n=2, cutoff=0.5)
    if near:
        return f"is no setting; did you mean {' or '.join(near)}?"
    return f"is no setting; there are: {', '.join(FIELDS)}"


def refused(problems: Mapping[str, str]) -> LabError:
    """The error for settings that cannot be. problems: what is wrong, by name or by dotted
    field."""
    by_name = {_NAMES.get(field, field): text for field, text in problems.items()}
    told = "; ".join(f"{name} {text}" for name, text in by_name.items())
    return LabError(Failure("These settings cannot be", told, problems=by_name))


def begun(said: Mapping[str, Any]) -> RunSpec:
    """The spec of a new run. said: settings by dotted field. Raises LabError."""
    try:
        return RunSpec.begun(said)
    except SpecError as error:
        raise refused(error.problems) from error


def by_name(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by name. values: by section, as RunSpec has them. A contribution without options is
    its name alone."""
    found: dict[str, Any] = {}
    for name, field in FIELDS.items():
        value: Any = values
        for part in field.split("."):
            value = value[part]
        if isinstance(value, Mapping):
            value = dict(value) if value["options"] else value["name"]
        found[name] = value
    return found
