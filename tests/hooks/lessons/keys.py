"""The tasks of the lessons as keys, for a real terminal: by lesson and step.

A number among the keys waits until so many training steps are done.
"""

from __future__ import annotations

from collections.abc import Mapping

KEYS: dict[str, Mapping[int, list[str | int]]] = {}
