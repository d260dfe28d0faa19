"""Loads a saved version of a plugin while the playground runs.

The new version is loaded aside, under a module name that nothing else has, so that objects of the
version before stay whole. The registry exchanges the two only if the new one is sound. Before that,
the process of a trial (examine_child.py) looks at the new version with `tried`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import itertools
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from playground.catalog import Plugin, Problem
from playground.hooks.errors import KIND_WORDS, one_line
from playground.hooks.manager import load_one
from playground.hooks.registry import Registered, Registry
from playground.hooks.sources import PRIVATE_PREFIX, expanded, found_at, import_path, same_place

BUDGET = 1.0
"""Seconds after which no further promise of a contribution is tested."""

_versions = itertools.count(1)


class _TextLoader(SourceFileLoader):
    """Compiles the text that was read when the file was saved, whatever the file holds now."""

    def __init__(self, name: str, path: str, source: bytes) -> None:
        super().__init__(name, path)
        self._source = source

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 - it has one file
        code: CodeType = self.source_to_code(self._source, self.path)
        return code


def import_text(path: Path, source: bytes) -> ModuleType:
    """Run a version of a plugin's file as a module of its own; the module before it stays.

    Raises whatever the code raises, after the half-made module is removed.
    """
    digest = hashlib.sha256(same_place(path).encode("utf-8", "surrogateescape")).hexdigest()[:12]
    stem = re.sub(r"[^A-Za-z0-9]", "_", path.stem)
    name = f"{PRIVATE_PREFIX}{digest}_{stem}_v{next(_versions)}"
    spec = importlib.util.spec_from_file_location(
        name, path, loader=_TextLoader(name, str(path), source)
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # before the code runs: dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def _import_package(path: Path) -> ModuleType:
    """Import a package from disk; if that fails, the modules of the version before stay."""
    before = {name: module for name, module in sys.modules.items() if name.startswith("_micro")}
    try:
        return import_path(path)
    except BaseException:
        sys.modules.update(before)
        raise


def load_aside(name: str, path: str, source: bytes | None) -> Registry:
    """A registry of a plugin's new version alone, with its problems; no other registry changes.

    path: as the sources spell it. source: the file's text; None for a package, read from disk.
    """
    place = expanded(path)

    def bring_in() -> ModuleType:
        return _import_package(place) if source is None else import_text(place, source)

    return load_one(name, one_line(path), bring_in)


# ---------------------------------------------------------------- the trial


def tried(path: str, source: bytes | None) -> tuple[Problem, ...]:
    """The problems of a version of a plugin: of its import, its hooks, and the short contract of
    each contribution. Plugin code runs, so the process must be one that may be ended."""
    found = found_at(expanded(path))
    registry = load_aside(found.name, path, source)
    problems = list(registry.problems)
    for item in registry.items if not problems else ():
        problem = smoke(item)
        if problem is not None:
            problems.append(problem)
    return tuple(problems)


def smoke(item: Registered) -> Problem | None:
    """The first promise that a contribution breaks, of those that are quick to test."""
    from playground.testing import run_checks, smoke_checks

    entry = item.entry
    if entry.missing or entry.kind == "engine":
        return None  # its entry says what it lacks; an engine may need a compiler's time
    for finding in run_checks(smoke_checks(entry.kind, item.contribution), BUDGET):
        if finding.outcome == "failed":
            message = one_line(f"{KIND_WORDS[entry.kind]} {entry.name!r}: {finding.message}")
            detail = f"{finding.message}\n\n{finding.traceback}"
            return Problem(entry.plugin, entry.origin, "contribution", message, detail)
    return None


# ---------------------------------------------------------------- in the registry


def name_of(registry: Registry, path: str) -> str:
    """The name of the plugin at this path: the one it was loaded under, or a free one."""
    origin = one_line(path)
    for plugin in registry.plugins:
        if plugin.origin == origin:
            return plugin.name
    wanted = found_at(expanded(path)).name
    taken = {plugin.name for plugin in registry.plugins}
    numbered = (f"{wanted}-{count}" for count in itertools.count(2))
    return next(name for name in itertools.chain([wanted], numbered) if name not in taken)


def exchange(registry: Registry, name: str, fresh: Registry) -> None:
    """Put the new version of a plugin in the place of the one before."""
    registry.exchange(name, fresh.items, (), *fresh.plugins)


def mark(registry: Registry, name: str, path: str, problems: tuple[Problem, ...]) -> None:
    """Mark a plugin as stale, for the problems of the version saved last, or as fresh if it has
    none."""
    origin = one_line(path)
    stale = problems[0].message if problems else ""
    items = [
        dataclasses.replace(item, entry=dataclasses.replace(item.entry, stale=stale))
        for item in registry.items
        if item.entry.plugin == name
    ]
    said = [dataclasses.replace(problem, plugin=name, origin=origin) for problem in problems]
    known = [plugin for plugin in registry.plugins if plugin.name == name]
    plugin = dataclasses.replace(
        known[0] if known else Plugin(name, origin, "failed"),
        state="loaded" if items or not problems else "failed",
        contributions=len(items),
    )
    registry.exchange(name, items, said, plugin)


@contextmanager
def undone_if_refused(registry: Registry) -> Iterator[None]:
    """Put the registry back as it was, if what is done inside raises."""
    before = registry.snapshot()
    try:
        yield
    except BaseException:
        registry.restore(before)
        raise
