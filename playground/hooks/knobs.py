"""Turns options as JSON values into a validated `Knobs` object and back; errors in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from playground.api import Knobs, KnobValue
from playground.catalog import Entry
from playground.hooks import plain
from playground.hooks.errors import KnobError, excerpt, one_line, plugin_call
from playground.hooks.lookup import range_of, unknown_knob
from playground.hooks.refusals import LIMITS, NUMBERS, limit
from playground.words import read_number

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
    with plugin_call(entry, "checking its knobs", passing=(KnobError,)):
        return _make_knobs(entry, model, options, follows)


def _make_knobs(
    entry: Entry,
    model: type[Knobs],
    options: Mapping[str, Any],
    follows: Mapping[str, KnobValue] | None,
) -> Knobs:
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


def canonical(entry: Entry, knobs: Knobs | None) -> dict[str, JsonValue]:
    """Every knob with its value, as JSON: what a saved run keeps. Raises PluginError."""
    if knobs is None:
        return {}
    with plugin_call(entry, "reading its knobs"):
        dumped = knobs.model_dump(mode="json")
        return {plain.text(name): plain.scalar(value) for name, value in dumped.items()}


def _validate(entry: Entry, model: type[Knobs], options: dict[str, Any]) -> Knobs:
    refused: ErrorDetails | None = None
    with plugin_call(entry, "checking its knobs", options, passing=(ValidationError,)):
        try:
            made = model.model_validate(options)
        except ValidationError as error:
            refused = error.errors(include_url=False)[0]
    if refused is not None:
        raise _knob_error(entry, refused)
    _check_reading(entry, made, options)
    return made


def _check_reading(entry: Entry, made: Knobs, options: Mapping[str, Any]) -> None:
    """Raise KnobError for a text of which pydantic makes another number than a person may mean,
    as 1 of "1.000"."""
    for name, given in options.items():
        value = plain.scalar(getattr(made, name))
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if isinstance(given, str) and number:
            try:
                read_number(given, whole=isinstance(value, int))
            except ValueError as error:
                message = f"cannot be {excerpt(given)}{error}"
                raise KnobError(entry.name, name, message) from None


_WANTED = NUMBERS | {
    "int_parsing_size": "must be a whole number",
    "finite_number": "must be a finite number",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "string_type": "must be text",
}


def _advice(given: object, kind: str) -> str:
    """What to write instead of a text that pydantic takes for no number; "" if that is unknown."""
    if isinstance(given, str):
        try:
            read_number(given, whole=kind.startswith("int"))
        except ValueError as error:
            return str(error)
    return ""


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
        advice = _advice(details["input"], kind) if kind in NUMBERS else ""
        return KnobError(entry.name, field, f"{wanted}, not {given}{advice}", allowed)
    if kind in LIMITS:
        inclusive = kind in ("greater_than_equal", "less_than_equal")
        bounds = allowed if allowed and inclusive else limit(details)
        advice = f"; {control.below}" if control and control.below and "greater" in kind else ""
        return KnobError(entry.name, field, f"must be {bounds}, not {given}{advice}", allowed)
    if kind == "literal_error":
        return KnobError(entry.name, field, f"must be {allowed}, not {given}", allowed)
    message = (
        one_line(details["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    )
    if kind in ("value_error", "assertion_error"):
        return KnobError(entry.name, field, message or "is refused", allowed)
    return KnobError(entry.name, field, f"cannot be {given}: {message}", allowed)
