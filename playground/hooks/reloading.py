"""One plugin's file taken anew while the playground runs.

The new version is loaded aside, under a module name that nothing else has, so that objects of
the version before it stay whole; only when it is sound does the registry exchange one for the
other. `tried` is what the trial process (trial.py) does with it first.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import itertools
import random
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from playground.api import SampleContext
from playground.catalog import Plugin, Problem
from playground.hooks.chain import Chain
from playground.hooks.errors import KIND_WORDS, describe, one_line, traceback_text
from playground.hooks.manager import load_one
from playground.hooks.registry import Registered, Registry
from playground.hooks.sources import PRIVATE_PREFIX, expanded, found_at, import_path, same_place

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
    """Run a version of a plugin's file as a module of its own; the one before it stays.

    Whatever the code raises comes out, with the half-made module removed.
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
    sys.modules[name] = module  # before it runs: dataclasses and pydantic look themselves up
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def _import_package(path: Path) -> ModuleType:
    """A package from disk; if that fails, the modules of the version before it stay."""
    before = {name: module for name, module in sys.modules.items() if name.startswith("_micro")}
    try:
        return import_path(path)
    except BaseException:
        sys.modules.update(before)
        raise


def load_aside(name: str, path: str, source: bytes | None) -> Registry:
    """What a plugin's new version contributes, with its problems; nothing else changes.

    path: as the sources spell it. source: the file's text; None for a package, read from disk.
    """
    place = expanded(path)

    def bring_in() -> ModuleType:
        return _import_package(place) if source is None else import_text(place, source)

    return load_one(name, one_line(path), bring_in)


# ---------------------------------------------------------------- the trial


def tried(path: str, source: bytes | None) -> tuple[Problem, ...]:
    """What is wrong with a version of a plugin: its import, its hooks, and a short contract
    with each contribution. Runs plugin code, so only ever in a process that may be ended."""
    found = found_at(expanded(path))
    registry = load_aside(found.name, path, source)
    problems = list(registry.problems)
    for item in registry.items if not problems else ():
        problem = smoke(registry, item)
        if problem is not None:
            problems.append(problem)
    return tuple(problems)


def smoke(registry: Registry, item: Registered) -> Problem | None:
    """What a contribution does wrong at once, when it is made with its defaults and used."""
    entry = item.entry
    if entry.missing:
        return None  # it is listed with what it lacks
    try:
        _smoke(registry, item)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        word = f"{KIND_WORDS[entry.kind]} {entry.name!r}"
        reason = getattr(error, "reason", "") or describe(error)
        detail = getattr(error, "detail", "") or traceback_text(error)
        message = one_line(f"{word}: {reason}")
        return Problem(entry.plugin, entry.origin, "contribution", message, detail)
    return None


def _smoke(registry: Registry, item: Registered) -> None:
    entry = item.entry
    if entry.kind == "engine":
        return  # may take a compiler's time
    make: Callable[..., Any] = registry.make
    made = make(entry.kind, entry.qualified)
    if entry.kind == "strategy":
        chain = Chain([(entry.qualified, made)])
        logits = [0.5, -1.0, 2.0, 0.0, 1.0]
        chain.probabilities(logits, _context(len(logits)))
        chain.choose(logits, _context(len(logits)))
    elif entry.kind == "tokenizer":
        texts = ["ava", "eve", "via"]
        made.train(texts)
        for text in texts:
            if made.decode(made.encode(text)) != text:
                raise ValueError(f"{text!r} does not come back from encode and decode")


def _context(size: int) -> SampleContext:
    return SampleContext(
        tokens=(size - 1, 0, 2),
        prompt_length=1,
        bos_id=size - 1,
        vocab_size=size,
        block_size=8,
        step=1,
        rng=random.Random(0),
    )


# ---------------------------------------------------------------- in the registry


def name_of(registry: Registry, path: str) -> str:
    """What the plugin of this path is called: as it was loaded, or a name that is free."""
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
    """The version saved last is not the one in use, or (no problems) now it is."""
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
    """The registry is as it was before, if what is done inside raises."""
    before = registry.snapshot()
    try:
        yield
    except BaseException:
        registry.restore(before)
        raise
