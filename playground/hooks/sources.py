"""Where plugins come from, and how their code is imported.

Load order: the built-ins; installed packages, by the name of their entry point; the modules and
packages of the user's plugin folder, by name; the files of --plugin, as given. sys.path is left
alone: a plugin named random.py is a plugin, and `import random` stays what it was.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from playground.files import TooLargeError, read_file
from playground.hooks.errors import one_line

BUILT_IN = "built in"
"""The origin of the built-ins, in words."""
MAX_BYTES = 4 << 20
"""Bytes of the largest plugin file."""
PRIVATE_PREFIX = "_microgpt_plugin_"


@dataclass(frozen=True, slots=True)
class PluginSources:
    """What to load, as plain data that travels to the worker. The built-ins are always loaded."""

    files: tuple[str, ...] = ()
    """The paths of --plugin, each a .py file or a package's folder."""
    folder: str | None = None
    """The user's plugin folder; one that does not exist is an empty one."""
    entry_points: bool = True
    """Look for installed packages."""
    disabled: tuple[str, ...] = ()
    """Names of plugins that are not even imported: a distribution, an entry point, a file's
    stem or its path."""
    only: tuple[str, ...] = ()
    """Names of the only plugins to import; empty for all."""
    config: str | None = None
    """The configuration file, which may switch plugins off; see playground.hooks.switched_off."""
    loading: str | None = None
    """The folder that remembers what was being loaded when a process ended; see
    playground.hooks.quarantine."""


@dataclass(frozen=True, slots=True)
class Found:
    """A place with plugin code, not yet imported."""

    name: str
    origin: str
    path: Path


def folder_plugins(folder: Path) -> Iterator[Found]:
    """The modules and packages of a plugin folder, sorted; names that begin with _ or . are left
    out. Raises OSError."""
    if not folder.exists():
        return
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        if path.name.startswith(("_", ".")):
            continue
        if path.suffix == ".py" or (path / "__init__.py").is_file():
            yield found_at(path)


def found_at(path: Path) -> Found:
    """A plugin file or package by its path, named after it."""
    stem = path.stem if path.suffix == ".py" else path.name
    return Found(plugin_name(stem), one_line(str(path)), path)


def plugin_name(text: str) -> str:
    """A plugin's name, made of its file's name so that it can stand before a colon."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.")
    return name[:60] or "plugin"


def expanded(path: str | os.PathLike[str]) -> Path:
    """The path with ~ replaced by the home folder. Where there is no such home the path stays as
    written, and opening it fails; Path.expanduser raises RuntimeError instead."""
    return Path(os.path.expanduser(path))  # noqa: PTH111


def same_place(path: Path) -> str:
    """One key for one file, however its path is written."""
    try:
        return os.path.realpath(path)  # a third of the time of Path.resolve
    except (OSError, ValueError):
        return str(path)


class _FreshLoader(SourceFileLoader):
    """Always compiles, so that a file saved twice within a second has no stale bytecode, and the
    user's folder gets no __pycache__."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        try:
            source = read_file(Path(path), MAX_BYTES)
        except TooLargeError:
            most = f"{MAX_BYTES >> 20} MiB"
            raise ImportError(f"{path} has more than {most}, which no plugin needs") from None
        code: CodeType = self.source_to_code(source, path)
        return code


def import_path(path: Path) -> ModuleType:
    """Run a plugin's file, or a package's __init__.py, under a private module name.

    Raises whatever the code raises, after the half-made module is removed.
    """
    if path.is_dir():
        source, search = path / "__init__.py", [str(path)]
        if not source.is_file():
            raise ImportError(f"{path} is a folder without __init__.py, so not a package")
    else:
        source, search = path, None
    if not source.exists():
        raise FileNotFoundError(f"there is no file {path}")
    if not source.is_file():  # nobody may ever write into a pipe
        raise ImportError(f"{path} is a pipe, a socket or a device. Name a file")
    digest = hashlib.sha256(same_place(path).encode("utf-8", "surrogateescape")).hexdigest()[:12]
    name = f"{PRIVATE_PREFIX}{digest}_{re.sub(r'[^A-Za-z0-9]', '_', path.stem)}"
    _forget(name)
    spec = importlib.util.spec_from_file_location(
        name, source, loader=_FreshLoader(name, str(source)), submodule_search_locations=search
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"{source} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # before the code runs: dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except BaseException:
        _forget(name)
        raise
    return module


def _forget(name: str) -> None:
    for loaded in [key for key in sys.modules if key == name or key.startswith(name + ".")]:
        del sys.modules[loaded]


def plugin_words(chosen: PluginSources) -> str:
    """The options that choose these plugins again, each after a space, as a shell takes them."""
    from microgpt.shell import shell_word  # brings all of microgpt, which `--help` does without

    if chosen.folder is None and not chosen.entry_points:
        return " --no-plugins"
    given = [("--plugin", file) for file in chosen.files]
    given += [("--without", name) for name in chosen.disabled]
    return "".join(f" {name} {shell_word(value)}" for name, value in given)
