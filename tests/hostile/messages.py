"""Messages of the protocol with attacks in each of their texts, and which texts were attacked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from types import ModuleType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from tests.hostile.texts import evil

STRUCTURE = {
    ("RunInfo", "spec"), ("RunInfo", "data"), ("Scored", "sha256"), ("Scored", "tokens_sha256"),
    ("Notice", "action"), ("RecordState", "uid"),
}  # fmt: skip
"""Fields of text that are not shown: JSON, digests, the name of an action, 32 digits."""
OURS = {
    ("Shape", "parts"), ("FlowStage", "name"), ("FlowStage", "shape"), ("FlowStage", "matrix"),
    ("DepthReading", "stages"), ("Made", "shape"), ("Made", "opens"), ("RunLine", "context"),
    ("NumberNode", "operation"), ("NumberNode", "matrix"), ("MatrixUpdate", "name"),
    ("WeightUpdate", "matrix"), ("Distance", "name"),
}  # fmt: skip
"""Fields of text that the core names: parts of the model, stages, matrices, shapes, loops."""
ASKED = {
    "NamedChoices", "Open", "UseEngine", "Save", "Export", "PanelView", "FrameRequest", "Recording",
    "Checkpoint", "Edit", "MatrixView", "Observation", "Pong", "Hello", "Reload", "SavedPlugin",
    "Try", "Patch", "Influence", "GetScore", "Look", "GetCard", "Write", "WriterChoice",
}  # fmt: skip
"""What the screen sends, or reads without showing it."""
_reached: set[tuple[str, str]] = set()
"""(class, field) of each text that was made hostile."""


def _texts(hint: Any) -> bool:
    """True if a value of this type has text in it that is not one of a few words."""
    if hint is str:
        return True
    return get_origin(hint) is not Literal and any(_texts(one) for one in get_args(hint))


def hostile(value: Any) -> Any:
    """The value with attacks in each of its texts."""
    if isinstance(value, str):
        return evil(value)
    if isinstance(value, (tuple, list)):
        return type(value)(map(hostile, value))
    if isinstance(value, Mapping):
        return {hostile(key): hostile(one) for key, one in value.items()}
    if not is_dataclass(value) or isinstance(value, type):
        return value
    kind = type(value)
    hints = get_type_hints(kind, localns={"array": list})
    changed = {}
    for field in fields(kind):
        given = getattr(value, field.name)
        words = isinstance(given, str) and not _texts(hints[field.name])
        if words or (kind.__name__, field.name) in STRUCTURE | OURS:
            continue
        changed[field.name] = hostile(given)
        if _texts(hints[field.name]) and given:
            _reached.add((kind.__name__, field.name))
    return replace(value, **{name: one for name, one in changed.items() if name in _init(kind)})


def _init(kind: type) -> set[str]:
    return {field.name for field in fields(kind) if field.init}


def forgotten(modules: Sequence[ModuleType]) -> list[str]:
    """Texts of these modules of the protocol that were not attacked. A new class is to be made
    hostile by a test, or to be named in ASKED."""
    kinds = {
        kind
        for module in modules
        for kind in vars(module).values()
        if isinstance(kind, type) and is_dataclass(kind) and kind.__module__ == module.__name__
    }
    return [
        f"{kind.__name__}.{name}"
        for kind in kinds
        for name, hint in get_type_hints(kind, localns={"array": list}).items()
        if kind.__name__ not in ASKED
        and (kind.__name__, name) not in STRUCTURE | OURS | _reached
        and _texts(hint)
    ]
