"""The screen's side of hot reload: watches plugin files, and tries each saved version.

watchfiles follows the user's plugin folder and the files of --plugin; it waits in a thread and
costs nothing while nobody saves. After any event the files are compared with what they were, so a
save by rename, twenty saves in a row and a missed event make no difference. A version is tried in a
process of its own (playground.hooks.examine) before the worker of the open run takes it.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from playground.catalog import Catalog, Problem
from playground.files import read_file
from playground.hooks.errors import one_line
from playground.hooks.examine import Trial
from playground.hooks.sources import (
    MAX_BYTES,
    Found,
    PluginSources,
    expanded,
    folder_plugins,
    found_at,
    same_place,
)
from playground.lab.protocol.run import SavedPlugin

_HALF_WRITTEN = 0.25
"""Seconds of waiting at an empty file: some editors empty a file before they write it."""

Mark = tuple[Any, ...]
Places = tuple[tuple[str, int], ...]
"""Folders with their inodes."""


class _Stop:
    """The event that ends a watch, and that tells when the watch is at work: only then, in its own
    thread, does watchfiles ask `is_set` for the first time. Nothing else tells."""

    def __init__(self, begun: Callable[[], object]) -> None:
        self._begun: Callable[[], object] | None = begun
        self._stopped = False

    def is_set(self) -> bool:
        """True if the watch shall end."""
        if self._begun is not None:
            self._begun()
            self._begun = None
        return self._stopped

    def set(self) -> None:
        """End the watch."""
        self._stopped = True


class Reloader:
    """Follows the plugin files of one playground. A Reloader belongs to one event loop."""

    def __init__(self, sources: PluginSources, since: float) -> None:
        """since: a time.time() at which the worker had surely read no plugin file yet."""
        self.saved: dict[str, SavedPlugin] = {}
        """What became of each file that was saved, by path as the sources spell it."""
        self.trouble = ""
        """Why plugin files cannot be watched; "" while they can."""
        self._sources = sources
        self._since = since
        self._marks: dict[str, Mark] = {}
        self._good: dict[str, bytes] = {}
        """The newest version that passed its trial."""
        self._before: dict[str, bytes] = {}
        """The version before the newest one that passed."""
        self._trial: Trial | None = None
        self._stir = asyncio.Event()
        self._listening: asyncio.Task[None] | None = None

    @property
    def wanted(self) -> bool:
        """True if there is a folder or a file to watch, or may be one."""
        return bool(self._sources.folder or self._sources.files)

    def standing(self) -> tuple[SavedPlugin, ...]:
        """What a fresh worker has to be told before it opens a run."""
        return tuple(self.saved.values())

    def sources(self, sources: PluginSources) -> PluginSources:
        """The sources for a fresh worker, which must import no saved version that was not tried."""
        known = tuple(
            path
            for path, saved in self.saved.items()
            if (saved.source is not None or saved.problems) and not saved.gone
        )
        return replace(sources, disabled=(*sources.disabled, *known))

    def refuse(self, path: str, problem: Problem) -> SavedPlugin:
        """Go back to the version before: the worker could not use the one that passed its trial
        last."""
        self._good.pop(path, None)
        if path in self._before:
            self._good[path] = self._before[path]
        self.saved[path] = SavedPlugin(path, self._good.get(path), (problem,))
        return self.saved[path]

    # ------------------------------------------------------------ watching

    async def changes(self, catalog: Catalog) -> AsyncGenerator[SavedPlugin, None]:
        """Every saved version, after its trial; ends if there is `trouble`. catalog: what was
        loaded at first."""
        await asyncio.to_thread(self._begin, catalog)
        places: Places = ()
        try:
            while True:
                self._stir.clear()
                # Looks again after each new watch: a folder may have been made meanwhile.
                while not self.trouble and places != (now := await self._there()):
                    places = now
                    await self._listen(places)
                if self.trouble:
                    return
                for found in await asyncio.to_thread(self._changed):
                    saved = await self._try(found)
                    if saved is not None:
                        yield saved
                await self._stir.wait()
        finally:
            if self._trial is not None:
                self._trial.kill()
            if self._listening is not None:
                self._listening.cancel()

    async def _there(self) -> Places:
        return await asyncio.to_thread(self._places)

    async def _listen(self, places: Places) -> None:
        """Start a watch. Returns when the watch is at work, so that no later save is missed."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        loop, begun = asyncio.get_running_loop(), asyncio.Event()
        stop = _Stop(lambda: loop.call_soon_threadsafe(begun.set))
        self._listening = loop.create_task(self._hear([place for place, _ in places], stop))
        beginning = loop.create_task(begun.wait())
        try:
            await asyncio.wait({beginning, self._listening}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            beginning.cancel()

    async def _hear(self, places: list[str], stop: _Stop) -> None:
        watchfiles = await asyncio.to_thread(importlib.import_module, "watchfiles")
        try:
            async for _ in watchfiles.awatch(
                *places,
                watch_filter=None,
                debounce=200,
                step=50,
                recursive=False,
                stop_event=stop,
            ):
                self._stir.set()
        except FileNotFoundError:  # a folder went away meanwhile; _places finds another
            self._stir.set()
        except (OSError, RuntimeError, ExceptionGroup) as error:  # no watches left, for one
            self.trouble = one_line(str(error))
            self._stir.set()

    def _places(self) -> Places:
        """The folders to listen at, each with its inode, which a folder made anew changes."""
        folders: dict[Path, None] = {}
        if self._sources.folder:
            folder = expanded(self._sources.folder).absolute()
            while not folder.is_dir() and folder != folder.parent:
                folder = folder.parent  # a folder that is missing appears in the nearest one
            folders[folder] = None
            if folder == expanded(self._sources.folder).absolute():
                with contextlib.suppress(OSError):  # one of them may become a package
                    folders.update(dict.fromkeys(filter(_is_source_folder, folder.iterdir())))
        for file in self._sources.files:
            parent = expanded(file).absolute().parent
            if parent.is_dir():
                folders[parent] = None
        for found in self._found():
            if found.path.is_dir():
                folders.update(dict.fromkeys(_package_folders(found.path.absolute())))
        places = []
        for folder in folders:
            with contextlib.suppress(OSError):
                places.append((str(folder), folder.stat().st_ino))
        return tuple(places)

    def _found(self) -> list[Found]:
        found: dict[str, Found] = {}
        with contextlib.suppress(OSError):
            if self._sources.folder:
                for one in folder_plugins(expanded(self._sources.folder)):
                    found.setdefault(same_place(one.path), one)
        for file in self._sources.files:
            one = found_at(expanded(file))
            if one.path.exists():
                found.setdefault(same_place(one.path), one)
        off = set(self._sources.disabled)
        return [one for key, one in found.items() if not {one.name, str(one.path), key} & off]

    # ------------------------------------------------------------ what was saved

    def _begin(self, catalog: Catalog) -> None:
        """Note the state of all files, and the source of those that were loaded."""
        failed = {problem.origin for problem in catalog.problems}
        loaded = {p.origin for p in catalog.plugins if p.state == "loaded"} - failed
        there = self._found()
        for found in there:
            path = str(found.path)
            mark = _mark(found.path)
            if mark is None or _saved_at(mark) > self._since:
                continue  # the worker may have read it before that: as if saved now
            self._marks[path] = mark
            if found.origin in loaded and (source := _read(found.path)):
                self._good[path] = source
        ours = {str(expanded(file)) for file in self._sources.files}
        folder = str(expanded(self._sources.folder or "")) + os.sep
        gone = loaded - {found.origin for found in there}
        self._marks.update((p, ()) for p in gone if p in ours or p.startswith(folder))

    def _changed(self) -> list[Found]:
        """The plugins that are new, saved or gone since the last look."""
        there = {str(found.path): found for found in self._found()}
        changed = []
        for path, found in there.items():
            mark = _mark(found.path)
            if mark is not None and mark != self._marks.get(path):
                self._marks[path] = mark
                changed.append(found)
        for path in [path for path in self._marks if path not in there]:
            del self._marks[path]
            changed.append(found_at(Path(path)))
        return changed

    async def _try(self, found: Found) -> SavedPlugin | None:
        """What is to be told of a plugin that changed; None if there is nothing to tell."""
        path = str(found.path)
        package = found.path.is_dir()
        source = None if package else await asyncio.to_thread(_read, found.path)
        if source is not None and not source.strip():
            await asyncio.sleep(_HALF_WRITTEN)
            source = await asyncio.to_thread(_read, found.path)
        before = self.saved.get(path)
        good = self._good.get(path)
        if not found.path.exists():
            gone = Problem(found.name, found.origin, "import", "the file is gone")
            saved = SavedPlugin(path, good, (gone,), gone=True)
        elif source is None and not package:
            unread = f"{found.path} cannot be read, or is larger than {MAX_BYTES >> 20} MiB"
            saved = SavedPlugin(path, good, (Problem(found.name, found.origin, "import", unread),))
        elif source is not None and source == good:
            if before is None or not before.problems:
                return None  # saved without a change
            saved = SavedPlugin(path, good)
        else:
            problems = await self._tried(path, source)
            if not problems and source is not None:
                if good is not None:
                    self._before[path] = good
                self._good[path] = good = source
            saved = SavedPlugin(path, good, problems)
        if saved.gone and before is not None and before.gone:
            return None
        self.saved[path] = saved
        return saved

    async def _tried(self, path: str, source: bytes | None) -> tuple[Problem, ...]:
        self._trial = Trial(path, source)
        try:
            return await asyncio.to_thread(self._trial.run)
        except OSError as error:
            name = found_at(Path(path)).name
            message = f"no process could be started to try it: {error}"
            return (Problem(name, one_line(path), "import", one_line(message)),)
        finally:
            self._trial = None


def _package_folders(path: Path) -> list[Path]:
    return [path, *(inner for inner in path.rglob("*") if _is_source_folder(inner))]


def _is_source_folder(path: Path) -> bool:
    return path.is_dir() and path.name != "__pycache__" and not path.name.startswith(".")


def _mark(path: Path) -> Mark | None:
    """A value that tells versions apart without reading their files; None if they are not there."""
    try:
        files = [path] if not path.is_dir() else sorted(path.rglob("*.py"))
        states = [(str(file), file.stat()) for file in files]
    except OSError:
        return None
    return tuple((name, state.st_mtime_ns, state.st_size, state.st_ino) for name, state in states)


def _saved_at(mark: Mark) -> float:
    return max((nanoseconds / 1e9 for _, nanoseconds, _, _ in mark), default=0.0)


def _read(path: Path) -> bytes | None:
    """The text of a plugin's file; None if it cannot be read or is too large."""
    try:
        return read_file(path, MAX_BYTES)
    except OSError:
        return None
