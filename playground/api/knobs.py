"""The parameters of a contribution: declared once; drawn, validated and saved by the playground."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

from playground.catalog import Control, ControlKind, KnobValue


class Knobs(BaseModel):
    """The parameters of a contribution: subclass it, one `Knob` a field.

    Frozen; unknown names are refused; values are validated against the declared range wherever
    they come from (a slider, the command line, a saved run).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def Knob(
    default: Any,
    *,
    ge: float | None = None,
    le: float | None = None,
    step: float | None = None,
    unit: str = "",
    neutral: KnobValue = None,
    label: str = "",
    log: bool = False,
    follows: str = "",
    help: str = "",
    below: str = "",
) -> Any:
    """Declare one parameter.

    default: the value when nothing is said.
    ge, le: the ends of its range, both allowed; numbers need both to be drawn as a slider.
    step: what one key press adds; a hundredth of the range if not given.
    neutral: the value at which the parameter has no effect, shown as "off".
    log: for values that span orders of magnitude: a key press multiplies.
    follows: "block_size", "n_embd", ...: a setting of the model that a neutral knob takes over.
    help: one sentence.
    below: what to choose instead of a value below `ge`; said where such a value is refused.
    """
    extra: dict[str, Any] = {
        "step": step,
        "unit": unit,
        "neutral": neutral,
        "label": label,
        "log": log,
        "follows": follows,
        "below": below,
    }
    return Field(default, ge=ge, le=le, description=help, json_schema_extra={"knob": extra})


def controls(knobs: type[Knobs] | None) -> tuple[Control, ...]:
    """What a screen draws for these knobs, in the order of declaration.

    bool becomes a switch, Literal[...] of strings a choice, a number with both ends a slider,
    anything else a line of text.
    """
    if knobs is None:
        return ()
    return tuple(_control(name, info) for name, info in knobs.model_fields.items())


def _control(name: str, info: FieldInfo) -> Control:
    schema_extra = info.json_schema_extra
    extra: dict[str, Any] = {}
    if isinstance(schema_extra, dict) and isinstance(schema_extra.get("knob"), dict):
        extra = dict(schema_extra["knob"])  # type: ignore[arg-type]
    bounds = {"ge": None, "gt": None, "le": None, "lt": None}
    for constraint in info.metadata:
        for key in bounds:
            value = getattr(constraint, key, None)
            if value is not None:
                bounds[key] = value
    minimum = bounds["ge"] if bounds["ge"] is not None else bounds["gt"]
    maximum = bounds["le"] if bounds["le"] is not None else bounds["lt"]
    choices: tuple[str, ...] = ()
    kind: ControlKind = "text"
    integer = info.annotation is int
    if info.annotation is bool:
        kind = "switch"
    elif get_origin(info.annotation) is Literal:
        kind, choices = "choice", tuple(str(choice) for choice in get_args(info.annotation))
    elif info.annotation in (int, float) and minimum is not None and maximum is not None:
        kind = "slider"
    step = extra.get("step")
    if kind == "slider" and step is None:
        step = 1 if integer else (maximum - minimum) / 100  # type: ignore[operator]
    return Control(
        name=name,
        label=extra.get("label") or name.replace("_", " "),
        kind=kind,
        default=info.get_default(),
        minimum=minimum,
        maximum=maximum,
        step=step,
        integer=integer,
        unit=extra.get("unit", ""),
        neutral=extra.get("neutral"),
        choices=choices,
        log=bool(extra.get("log")),
        follows=extra.get("follows", ""),
        help=info.description or "",
        below=extra.get("below", ""),
    )
