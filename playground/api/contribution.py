"""What a hook yields, and the marks that make a function a hook."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import pluggy

from playground.api.knobs import Knobs

API_VERSION = 1
"""The version of the plugin interface. It grows when older plugins may have to change."""

PROJECT_NAME = "microgpt_play"
"""pluggy's project name, and the entry-point group of installed plugins."""

hookspec = pluggy.HookspecMarker(PROJECT_NAME)
hookimpl = pluggy.HookimplMarker(PROJECT_NAME)

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)
class Contribution(Generic[T_co]):
    """What a hook yields: a name, and how to make the object that has it."""

    name: str
    """Short, lower case, words joined by hyphens: "min-p". Unique within its plugin."""
    summary: str
    """One line for lists and pickers; plain text, never markup."""
    factory: Callable[..., T_co]
    """Called as factory(knobs) if `knobs` is declared, else as factory(). Engines: see
    EngineFactory."""
    knobs: type[Knobs] | None = None
    requires: tuple[str, ...] = ()
    """Modules that `factory` imports and that may be missing: ("numpy",). The playground looks for
    them without importing them, and lists a contribution together with what it lacks."""
    knows: tuple[str, ...] = ()
    """Engines alone: the parts of the model that the engine can leave out, as in ModelConfig.parts,
    and "sgd" if it knows that optimizer. An engine that declares nothing is given whole models and
    Adam, and nothing else."""
    precision: str = "float64"
    """Engines alone: what the engine keeps and computes its numbers in, "float64" or "float32". One
    in float32 gives back each number that is written as the nearest float32."""
