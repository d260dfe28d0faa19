"""The compiled functions: made once, kept on disk, shared by all engines of a process."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numba
from platformdirs import user_cache_path

from microgpt.engine import Progress
from microgpt_play_numba.entries import ENTRIES, MEMORIES, PART_ENTRIES, Entry


class Compiled(NamedTuple):
    """The functions of `entries.ENTRIES`, to be called with Python numbers."""

    update: Callable[..., None]
    batch_pass: Callable[..., None]
    push: Callable[..., None]
    train: Callable[..., int]


class CompiledParts(NamedTuple):
    """The functions of `entries.PART_ENTRIES`."""

    part_pass: Callable[..., None]
    part_gradients: Callable[..., None]
    part_update: Callable[..., None]


_lock = threading.Lock()
_compiled: dict[str, Compiled] = {}
_compiled_parts: dict[str, CompiledParts] = {}
"""Both by precision."""


def cache_folder() -> Path | None:
    """Where compiled code is kept: NUMBA_CACHE_DIR, or a folder among the playground's caches.

    The folder is named after the source, so that a new version never runs old code. None if
    nothing can be written there; each process then compiles for itself.
    """
    own = os.environ.get("NUMBA_CACHE_DIR")
    base = Path(own) if own else user_cache_path("microgpt-play", appauthor=False) / "numba"
    digest = sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    folder = base / f"microgpt-play-{digest.hexdigest()[:12]}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        return None


def compiled(precision: str, progress: Progress) -> Compiled:
    """The compiled functions of one precision; the first call of a process makes them, or loads
    them from disk.

    progress is told of each function that has to be compiled, and may raise to cancel. Raises
    RuntimeError, with Numba's own message, if Numba cannot compile them.
    """
    with _lock:
        if precision not in _compiled:
            _compiled[precision] = Compiled(**_make(ENTRIES, precision, progress))
        return _compiled[precision]


def compiled_parts(precision: str, progress: Progress) -> CompiledParts:
    """As `compiled`, the functions for several threads."""
    with _lock:
        if precision not in _compiled_parts:
            made = CompiledParts(**_make(PART_ENTRIES, precision, progress))
            _compiled_parts[precision] = made
        return _compiled_parts[precision]


def _make(entries: Mapping[str, Entry], precision: str, progress: Progress) -> dict[str, Any]:
    folder = cache_folder()
    functions: dict[str, Any] = {}
    what = "loading compiled code"
    for i, (name, entry) in enumerate(entries.items()):
        if i:
            progress(what, i, len(entries))
        try:
            signature = entry.signature(MEMORIES[precision])
            functions[name], loaded = _one(entry.function, signature, folder)
        except numba.core.errors.NumbaError as error:
            raise RuntimeError(
                f"Numba {numba.__version__} cannot compile {name}: {error}"
            ) from error
        if not loaded:
            what = "compiling, once"
    progress(what, len(entries), len(entries))
    return functions


def _one(function: Any, signature: Any, folder: Path | None) -> tuple[Any, bool]:
    """A compiled function, and whether it came from the disk."""
    config: Any = numba.config  # typed Any, since config gets its names only on import
    before = config.CACHE_DIR
    try:
        if folder is not None:
            config.CACHE_DIR = str(folder)  # only the decorator reads it, while it runs
            try:
                made = numba.njit(signature, nogil=True, cache=True)(function)
            except OSError:  # a full disk, for one
                return _one(function, signature, None)
            hit = bool(sum(made.stats.cache_hits.values()))
        else:
            made, hit = numba.njit(signature, nogil=True)(function), False
    finally:
        config.CACHE_DIR = before
    (result,) = made.overloads.values()
    return result.entry_point, hit
