"""Values of plugins as exact built-in types.

A plugin may give a subclass of `str`, `int` or `float` whose methods raise, lie or never end. Such
a value is copied into the built-in type where it comes in, inside the guard around the call, by
methods of the built-in type alone. `isinstance` asks an object for its `__class__`, which runs the
object's own code; the functions here look at the type.
"""

from __future__ import annotations

from typing import Any

_name_of_type = type.__dict__["__name__"].__get__


def is_a(value: object, kind: type | tuple[type, ...]) -> bool:
    """As isinstance, without running code of the value's class."""
    return issubclass(type(value), kind)


def type_name(value: object) -> str:
    """The name of the value's class."""
    return str.__str__(_name_of_type(type(value)))


def text(value: Any) -> str:
    """An exact `str` with the same characters. Raises TypeError for what is no text."""
    return str.__str__(value)


def shown(value: object) -> str:
    """`str(value)` as an exact `str`. Raises whatever the value's `__str__` raises."""
    return str.__str__(str(value))


def scalar(value: Any) -> Any:
    """An exact bool, int, float, str or None; any other value unchanged."""
    kind = type(value)
    for exact, copy in _COPIES:
        if kind is exact:
            return value
        if issubclass(kind, exact):
            return copy(value)
    return value


_COPIES: tuple[tuple[type, Any], ...] = (
    (str, str.__str__),
    (bool, bool),
    (int, int.__int__),
    (float, float.__float__),
)
