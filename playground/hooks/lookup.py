"""Names and options as people write them: "min-p", "my-plugin:min-p", "min-p:min_p=0.05".

Only the `Catalog` is needed, so that the screen and the command line look names up without plugin
code. Values get their types here; the knobs check the ranges.

    NAME                   a contribution; PLUGIN:NAME always means exactly one
    NAME:OPTIONS           with options; PLUGIN:NAME:OPTIONS likewise
    OPTIONS                knob=value,knob=value; a lone value where there is one knob only

So a colon stands between a plugin and a name, or between a name and its options. If there is a
contribution PLUGIN:NAME, it is meant; otherwise options follow the first colon.
"""

from __future__ import annotations

import difflib
import re

from playground.catalog import Catalog, Control, Entry, Kind, KnobValue
from playground.hooks.errors import KIND_WORDS, KnobError, MissingError, UnknownNameError
from playground.words import read_number

_DECIMAL_COMMA = re.compile(r"(?<=[0-9]),(?=[0-9]+\s*(,|$))")


def resolve(catalog: Catalog, kind: Kind, name: str) -> Entry:
    """The entry that a bare or qualified name means.

    A bare name that several plugins use means the built-in; if none of them is built in, it is an
    error. Raises UnknownNameError, and MissingError for a contribution that cannot be used here.
    """
    found = catalog.find(kind, name) or _offer(catalog, kind, name)
    if found is not None:
        if found.missing:
            message = f"{KIND_WORDS[kind]} {name!r}: {found.missing}"
            raise MissingError(kind, name, message, [entry.name for entry in catalog.of(kind)])
        return found
    owners = [entry for entry in catalog.of(kind) if entry.name == name]
    word = KIND_WORDS[kind]
    if owners:
        choices = [entry.qualified for entry in owners]
        origins = " and ".join(f"{entry.plugin!r} ({entry.origin})" for entry in owners)
        raise UnknownNameError(
            kind,
            name,
            f"{word} {name!r} is ambiguous: it comes from {origins}; say {' or '.join(choices)}",
            choices,
        )
    raise _unknown(catalog, kind, name)


def _offer(catalog: Catalog, kind: Kind, name: str) -> Entry | None:
    """The gallery's entry of this name, if no contribution has the name."""
    if any(entry.name == name for entry in catalog.of(kind)):
        return None
    for entry in catalog.offers:
        if entry.kind == kind and name in (entry.name, entry.qualified):
            return entry
    return None


def _unknown(catalog: Catalog, kind: Kind, name: str) -> UnknownNameError:
    entries = catalog.of(kind)
    bare = list(dict.fromkeys(entry.name for entry in entries))
    message = f"no {KIND_WORDS[kind]} {name!r}"
    near = _near(name, bare) or _near(name, [entry.qualified for entry in entries])
    if near:
        message += f"; did you mean {near!r}?"
    plugin = name.partition(":")[0]
    for problem in catalog.problems:
        if ":" in name and problem.plugin == plugin:
            message += f" (plugin {plugin!r} has a problem: {problem.message})"
            break
    there = ", ".join(bare) if bare else "none"
    joint = " " if message.endswith("?") else "; "
    return UnknownNameError(kind, name, f"{message}{joint}there are: {there}", bare)


def _near(name: str, known: list[str]) -> str:
    wanted = name.lower().replace("_", "-").replace(" ", "-")
    close = difflib.get_close_matches(wanted, known, n=1)
    return close[0] if close else ""


def parse_choice(catalog: Catalog, kind: Kind, text: str) -> tuple[Entry, dict[str, KnobValue]]:
    """The entry and the options in "min-p:min_p=0.05". Raises UnknownNameError, KnobError."""
    text = text.strip()
    parts = text.split(":", 2)
    if len(parts) > 1:
        qualified = ":".join(parts[:2])
        for entry in catalog.of(kind):
            if entry.qualified == qualified:
                return entry, parse_options(entry, parts[2] if len(parts) > 2 else "")
    first, colon, rest = text.partition(":")
    known = any(entry.name == first for entry in catalog.of(kind))
    if colon and not known and "=" not in parts[1]:
        raise _unknown(catalog, kind, ":".join(parts[:2]))
    entry = resolve(catalog, kind, first)
    return entry, parse_options(entry, rest)


def parse_options(entry: Entry, text: str) -> dict[str, KnobValue]:
    """Typed values from "min_p=0.05,keep=3": only of the knobs that are named.

    Knob names may be written with hyphens. A value with a comma goes into quotes: path="a, b.txt".
    Raises KnobError.
    """
    options: dict[str, KnobValue] = {}
    if not text.strip():
        return options
    by_name = {control.name: control for control in entry.controls}
    if not by_name:
        raise KnobError(entry.name, "", f"has no options, so {text.strip()!r} cannot be set")
    pieces = _split(entry, text)
    for piece in pieces:
        name, equals, value = piece.partition("=")
        name = name.strip()
        if not equals:
            if len(pieces) == 1 and len(by_name) == 1:
                name, value = next(iter(by_name)), piece
            else:
                pointed = _DECIMAL_COMMA.sub(".", text).strip()
                advice = "a value with a comma goes into quotes"
                if pointed != text.strip():
                    advice = f"a number has a point: {pointed}"
                raise KnobError(
                    entry.name,
                    "",
                    f"{piece.strip()!r} is not of the form knob=value"
                    f" (knobs: {', '.join(by_name)}; {advice})",
                )
        name = name if name in by_name else name.replace("-", "_")
        if name not in by_name:
            raise unknown_knob(entry.name, name, list(by_name))
        if name in options:
            raise KnobError(entry.name, name, "is set twice")
        options[name] = _typed(entry, by_name[name], _unquote(value.strip()))
    return options


def unknown_knob(owner: str, name: str, known: list[str]) -> KnobError:
    """The error for a knob that does not exist."""
    close = difflib.get_close_matches(name.lower().replace("-", "_"), known, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ";"
    there = f"there are: {', '.join(known)}" if known else "it has no knobs"
    return KnobError(owner, name, f"is no knob of it{hint} {there}", ", ".join(known))


def _split(entry: Entry, text: str) -> list[str]:
    """Cut at the commas outside quotes; quotes count only at the beginning of a value."""
    pieces, start, quote = [], 0, ""
    for at, ch in enumerate(text):
        if quote:
            quote = "" if ch == quote else quote
        elif ch in "\"'" and text[start:at].rstrip().endswith("="):
            quote = ch
        elif ch == ",":
            pieces.append(text[start:at])
            start = at + 1
    if quote:
        raise KnobError(entry.name, "", f"has a quote that never ends: {text[start:].strip()}")
    return [piece for piece in [*pieces, text[start:]] if piece.strip()]


def _unquote(value: str) -> str:
    if len(value) >= 2 and value[0] in "\"'" and value[-1] == value[0]:
        return value[1:-1]
    return value


_SWITCH = {"true": True, "yes": True, "on": True, "1": True}
_SWITCH |= {"false": False, "no": False, "off": False, "0": False}


def _typed(entry: Entry, control: Control, value: str) -> KnobValue:
    if value.lower() == "off" and control.kind == "slider" and control.neutral is not None:
        return control.neutral
    if control.kind == "switch":
        if value.lower() not in _SWITCH:
            raise KnobError(
                entry.name, control.name, f"must be true or false, not {value!r}", "true or false"
            )
        return _SWITCH[value.lower()]
    if control.kind == "choice":
        return value
    numeric = isinstance(control.default, (int, float)) and not isinstance(control.default, bool)
    if control.kind == "slider" or control.integer or numeric:
        try:
            number = read_number(value, whole=control.integer)
            if control.integer and not isinstance(number, int):
                raise ValueError
            return number
        except ValueError as error:
            wanted = "a whole number" if control.integer else "a number"
            message = f"must be {wanted}, not {value!r}{error}"
            raise KnobError(entry.name, control.name, message, range_of(control)) from None
    return value


def range_of(control: Control) -> str:
    """What a control allows, in words: "from 0 to 1", "one of lines, paragraphs"."""
    if control.kind == "switch":
        return "true or false"
    if control.choices:
        return "one of " + ", ".join(control.choices)
    low, high = control.minimum, control.maximum
    if low is not None and high is not None:
        return f"from {low:g} to {high:g}"
    if low is not None:
        return f"{low:g} or more"
    if high is not None:
        return f"{high:g} or less"
    return ""
