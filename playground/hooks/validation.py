"""Checks a contribution before anything is made of it."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from microgpt.config import ABILITIES
from playground.api import Contribution, Control, Knobs, Lesson, controls
from playground.catalog import PRECISIONS, Entry, Kind
from playground.hooks import plain
from playground.hooks.errors import describe, excerpt, one_line
from playground.hooks.gallery import lacking
from playground.hooks.knobs import make_knobs

NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
MAX_NAME = 40
MAX_SUMMARY = 200

METHODS: dict[Kind, tuple[str, ...]] = {
    "tokenizer": ("train", "encode", "decode", "display", "state_dict", "load_state_dict"),
    "dataset": ("prepare", "documents", "count"),
    "strategy": (),
    "engine": ("loss_and_gradients", "losses", "adam_step", "decoder", "read", "write"),
    "schedule": ("factor",),
    "metric": (),
    "panel": ("render",),
    "exporter": ("export",),
    "lesson": (),
    "writer": ("outlet", "write"),
}
"""The methods that an object must have, by the protocols of playground.api. Attributes are not
checked: a tokenizer may get its vocab_size only in `train`."""

_EITHER: dict[Kind, tuple[str, str, str]] = {
    "strategy": ("transform", "pick", "strategies"),
    "metric": ("of_step", "of_samples", "metrics"),
}
"""Kinds whose objects have one of two methods."""


class ContributionError(Exception):
    """Why a contribution is refused, in one line."""


def plain_contribution(given: object) -> Contribution[Any]:
    """The contribution as an exact Contribution with exact texts. Raises ContributionError, or
    whatever a subclass of the plugin's raises."""
    if not plain.is_a(given, Contribution):
        raise ContributionError(f"a Contribution is expected, not {excerpt(given)}")
    requires: Any = given.requires  # type: ignore[attr-defined]
    if not plain.is_a(requires, str):
        requires = tuple(map(plain.scalar, requires))
    knows: Any = given.knows  # type: ignore[attr-defined]
    if not plain.is_a(knows, str):
        knows = tuple(map(plain.scalar, knows))
    return Contribution(
        name=plain.scalar(given.name),  # type: ignore[attr-defined]
        summary=plain.scalar(given.summary),  # type: ignore[attr-defined]
        factory=given.factory,  # type: ignore[attr-defined]
        knobs=given.knobs,  # type: ignore[attr-defined]
        requires=plain.scalar(requires),
        knows=plain.scalar(knows),
        precision=plain.scalar(given.precision),  # type: ignore[attr-defined]
    )


def entry_of(kind: Kind, plugin: str, origin: str, given: Contribution[Any]) -> Entry:
    """The plain-data entry of a contribution from `plain_contribution`.

    Raises ContributionError, or whatever the plugin's own knobs raise.
    """
    name = given.name
    if not isinstance(name, str) or len(name) > MAX_NAME or not NAME.fullmatch(name):
        raise ContributionError(
            f"the name {excerpt(name)} cannot be: lower-case letters, digits and single hyphens "
            f'between them, {MAX_NAME} at most, as in "min-p"'
        )
    if not isinstance(given.summary, str):
        raise ContributionError(f"{name}: the summary is {excerpt(given.summary)}, not text")
    if not callable(given.factory):
        raise ContributionError(
            f"{name}: the factory, {excerpt(given.factory)}, cannot be called;"
            " give the class itself, or a function"
        )
    if given.knobs is not None and kind == "engine":
        raise ContributionError(f"{name}: engines take no knobs")
    return Entry(
        kind=kind,
        name=name,
        plugin=plugin,
        origin=origin,
        summary=one_line(given.summary, MAX_SUMMARY),
        controls=_checked_controls(kind, name, plugin, origin, given.knobs),
        missing=lacking(_checked_requires(name, given.requires)),
        knows=_checked_knows(kind, name, given.knows),
        precision=_checked_precision(kind, name, given.precision),
    )


def _checked_requires(name: str, requires: Any) -> tuple[str, ...]:
    modules = (requires,) if isinstance(requires, str) else tuple(requires)
    for module in modules:
        if not isinstance(module, str) or not all(
            part.isidentifier() for part in module.split(".")
        ):
            raise ContributionError(f"{name}: requires {excerpt(module)}, which names no module")
    return modules


def _checked_knows(kind: Kind, name: str, knows: Any) -> tuple[str, ...]:
    words = (knows,) if isinstance(knows, str) else tuple(knows)
    if words and kind != "engine":
        raise ContributionError(f"{name}: only engines know parts of a model and optimizers")
    for word in words:
        if word not in ABILITIES:
            raise ContributionError(
                f"{name}: knows {excerpt(word)}, which is none of {', '.join(ABILITIES)}"
            )
    return tuple(ability for ability in ABILITIES if ability in words)


def _checked_precision(kind: Kind, name: str, precision: Any) -> str:
    if precision not in PRECISIONS:
        raise ContributionError(
            f"{name}: the precision {excerpt(precision)} is none of {', '.join(PRECISIONS)}"
        )
    if precision != PRECISIONS[0] and kind != "engine":
        raise ContributionError(f"{name}: only engines have a precision")
    return str(precision)


def _checked_controls(
    kind: Kind, name: str, plugin: str, origin: str, knobs: Any
) -> tuple[Control, ...]:
    if knobs is None:
        return ()
    if not (isinstance(knobs, type) and issubclass(knobs, Knobs)):
        raise ContributionError(
            f"{name}: knobs must be a class derived from Knobs, not {excerpt(knobs)}"
        )
    for field, info in knobs.model_fields.items():
        if info.is_required():
            raise ContributionError(f"{name}: the knob {field!r} needs a default")
    made = tuple(_check_control(name, _plain_control(control)) for control in controls(knobs))
    draft = Entry(kind, name, plugin, origin, "", made)
    trials = [("the defaults", knobs.model_construct().model_dump())]
    trials += [
        (f"neutral of {control.name!r}", {control.name: control.neutral})
        for control in made
        if control.neutral is not None
    ]
    for what, options in trials:
        try:
            make_knobs(draft, knobs, options)
        except ValueError as error:
            raise ContributionError(f"{what} cannot be: {error}") from error
    return made


def _plain_control(control: Control) -> Control:
    """The control with exact built-in values, since the control travels to the screen's process."""
    values = {
        field.name: plain.scalar(getattr(control, field.name))
        for field in dataclasses.fields(control)
        if field.name != "choices"
    }
    return Control(**values, choices=tuple(map(plain.scalar, control.choices)))


def _check_control(name: str, control: Control) -> Control:
    """The control with each of its texts on one printable line. Raises ContributionError."""
    where = f"{name}: the knob {control.name!r}"
    for value in (control.default, control.neutral):
        if not isinstance(value, (bool, int, float, str, type(None))):
            raise ContributionError(
                f"{where} holds {excerpt(value)}; only true/false, numbers and text can be knobs"
            )
    texts = (control.label, control.unit, control.follows, control.help, control.below)
    for text in (*texts, *control.choices):
        if not isinstance(text, str):
            raise ContributionError(f"{where} has {excerpt(text)} where text belongs")
    if not all(choice.isprintable() for choice in control.choices):
        raise ContributionError(f"{where} has choices that cannot be shown")
    if control.follows and control.neutral is None and control.default is not None:
        raise ContributionError(
            f"{where} follows {one_line(control.follows)} while it is neutral, so it needs a"
            " neutral value"
        )
    low, high = control.minimum, control.maximum
    if low is not None and high is not None and low > high:
        raise ContributionError(f"{where} begins at {low:g} and ends below, at {high:g}")
    if control.step is not None and not control.step > 0:
        raise ContributionError(f"{where} needs a step above 0, not {control.step}")
    if control.log and not (low is not None and low > 0):
        raise ContributionError(f"{where} is logarithmic, so it must begin above 0")
    return dataclasses.replace(
        control,
        label=one_line(control.label, MAX_NAME),
        unit=one_line(control.unit, MAX_NAME),
        help=one_line(control.help, MAX_SUMMARY),
        below=one_line(control.below, MAX_SUMMARY),
    )


def check_made(kind: Kind, made: object) -> str:
    """What is missing from an object for its protocol; "" if nothing is."""
    if made is None:
        return "the factory gave nothing"
    what = f"what the factory gave ({plain.type_name(made)})"
    if kind == "lesson" and type(made) is not Lesson:
        return f"{what} is no Lesson"
    for method in METHODS[kind]:
        if not callable(getattr(made, method, None)):
            return f"{what} has no method {method!r}"
    if kind in _EITHER:
        first, second, plural = _EITHER[kind]
        both = [word for word in (first, second) if callable(getattr(made, word, None))]
        if not both:
            return f"{what} has neither {first!r} nor {second!r}"
        if len(both) == 2:
            return f"{what} has both {first!r} and {second!r}; make it two {plural}"
    return ""


def why(error: BaseException) -> str:
    """A Problem's message for whatever came out of `entry_of`."""
    return one_line(str(error)) if type(error) is ContributionError else describe(error)
