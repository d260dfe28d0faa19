"""Turns options as JSON values into a validated `Knobs` object and back; errors in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from playground.api import Knobs, KnobValue
from playground.catalog import Entry
from playground.hooks.errors import KnobError, excerpt, one_line, plugin_call
from playground.hooks.lookup import range_of, unknown_knob
from playground.hooks.refusals import LIMITS, NUMBERS, limit

JsonValue = None | bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"]


def make_knobs(
    entry: Entry,
    model: type[Knobs] | None,
    options: Mapping[str, Any],
    follows: Mapping[str, KnobValue] | None = None,
) -> Knobs | None:
    """The knobs of a contribution with these options; None if it declares none.

    follows: settings of the model, whose values the neutral knobs that follow them take over.
    Raises KnobError; PluginError if a validator of the plugin fails.
    """
    if model is None:
        if options:
            raise unknown_knob(entry.name, str(next(iter(options))), [])
        return None
    known = {control.name: control for control in entry.controls}
    for name in options:
        if name not in known:
            raise unknown_knob(entry.name, str(name), list(known))
    knobs = _validate(entry, model, dict(options))
    taken = {
        control.name: follows[control.follows]
        for control in entry.controls
        if follows
        and control.follows in follows
        and getattr(knobs, control.name) == control.neutral
    }
    if not taken:
        return knobs
    try:
        return _validate(entry, model, {**knobs.model_dump(), **taken})
    except KnobError as error:
        if error.field not in taken:
            raise
        setting = known[error.field].follows
        raise KnobError(
            entry.name,
            error.field,
            f"follows {setting}, but {error.message}; give it a value of its own",
            error.allowed,
        ) from None


def canonical(knobs: Knobs | None) -> dict[str, JsonValue]:
    """Every knob with its value, as JSON: what a saved run keeps."""
    return {} if knobs is None else knobs.model_dump(mode="json")


def _validate(entry: Entry, model: type[Knobs], options: dict[str, Any]) -> Knobs:
    with plugin_call(entry, "checking its knobs", options, passing=(ValidationError,)):
        try:
            return model.model_validate(options)
        except ValidationError as error:
            details = error.errors(include_url=False)[0]
    raise _knob_error(entry, details)


_WANTED = NUMBERS | {
    "int_parsing_size": "must be a whole number",
    "finite_number": "must be a finite number",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "string_type": "must be text",
}


def _knob_error(entry: Entry, details: ErrorDetails) -> KnobError:
    """pydantic's first error in plain words."""
    field = str(details["loc"][0]) if details["loc"] else ""
    control = next((control for control in entry.controls if control.name == field), None)
    allowed = range_of(control) if control else ""
    given = excerpt(details["input"])
    kind = details["type"]
    if kind in _WANTED:
        wanted = _WANTED[kind]
        if allowed and control and control.kind == "slider":
            wanted += f" {allowed}"
        return KnobError(entry.name, field, f"{wanted}, not {given}", allowed)
    if kind in LIMITS:
        inclusive = kind in ("greater_than_equal", "less_than_equal")
        bounds = allowed if allowed and inclusive else limit(details)
        return KnobError(entry.name, field, f"must be {bounds}, not {given}", allowed)
    if kind == "literal_error":
        return KnobError(entry.name, field, f"must be {allowed}, not {given}", allowed)
    message = (
        one_line(details["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    )
    if kind in ("value_error", "assertion_error"):
        return KnobError(entry.name, field, message or "is refused", allowed)
    return KnobError(entry.name, field, f"cannot be {given}: {message}", allowed)
