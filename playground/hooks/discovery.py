"""Finds all plugins, in the order in which they are loaded, and imports none.

The manager loads what is found here, `plugins list` shows it, and `plugins doctor` examines it, so
that the three agree on the names of plugins and on which are switched off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playground.catalog import BUILTIN, Problem
from playground.hooks import api_version, quarantine, switched_off
from playground.hooks.errors import describe, excerpt, one_line, traceback_text
from playground.hooks.sources import (
    BUILT_IN,
    Found,
    PluginSources,
    expanded,
    folder_plugins,
    found_at,
    import_path,
    plugin_name,
    same_place,
)

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "microgpt_play"
"""The entry-point group of installed plugins. It is playground.api.PROJECT_NAME, written again
because importing playground.api loads pydantic and pluggy."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A plugin that was found, not yet imported."""

    name: str
    """Unique among all that were found, except that the entry points of a package share one."""
    origin: str
    """Where the plugin comes from, in words."""
    aliases: frozenset[str]
    """Every name by which the plugin can be switched off."""
    bring_in: Callable[[], object] = field(compare=False, repr=False)
    """Imports the plugin; raises whatever the plugin's code raises."""
    disabled: bool = False
    path: Path | None = None
    """The path of a single file, or of a package in a folder."""
    point: EntryPoint | None = field(default=None, compare=False, repr=False)
    """The entry point of an installed package."""

    @property
    def key(self) -> str:
        """The name by which the quarantine remembers the plugin from one start to the next."""
        if self.path is not None:
            return same_place(self.path)
        return f"entry point {self.name} {self.point.name if self.point else ''}"

    def stamp(self) -> str:
        """A text that changes when the plugin's code does."""
        if self.path is not None:
            return quarantine.stamp_of(self.path)
        return f"{self.origin} {_module_stamp(self.point)}"

    def versions(self) -> api_version.Range | None:
        """The versions of the plugin interface that the plugin declares; None if it declares none.
        Raises VersionError."""
        if self.path is not None:
            return api_version.of_path(self.path)
        for text in _declared_versions(self.point):
            return api_version.of_text(text)
        return None


class Finder:
    """Looks for plugins, and collects in `problems` what is wrong with what it finds."""

    def __init__(self, sources: PluginSources) -> None:
        self._sources = sources
        self._owners: dict[str, str] = {BUILTIN: BUILT_IN}
        self.problems: list[Problem] = []
        self._named: list[tuple[str, str, str]] = [
            (name, "--without", "") for name in sources.disabled
        ]
        """(name of a plugin to switch off, who says so, in which file)."""
        if sources.config:
            try:
                names = switched_off.read_disabled(expanded(sources.config))
            except switched_off.SettingsError as error:
                self._say("configuration", sources.config, "disabled", str(error))
            else:
                self._named += [(name, "configuration", sources.config) for name in names]
        self._disabled = {name for name, _, _ in self._named}
        self._meant: set[str] = set()

    def find(self) -> list[Candidate]:
        """Every plugin but the built-ins, in the order they are loaded. Call `find` once."""
        found = list(self._entry_points()) if self._sources.entry_points else []
        seen: set[str] = set()
        for item in self._found():
            place = same_place(item.path)
            if place not in seen:
                seen.add(place)
                aliases = {item.name, str(item.path), place}
                load = partial(import_path, item.path)
                found.append(self._candidate(item.name, item.origin, aliases, load, item.path))
        self._say_unknown(found)
        only = set(self._sources.only)
        return [item for item in found if not only or item.aliases & only]

    # ------------------------------------------------------------ where they are

    def _entry_points(self) -> Iterator[Candidate]:
        import importlib.metadata  # 10 ms, unless pydantic has imported it

        try:
            points = list(importlib.metadata.entry_points(group=GROUP))
        except Exception as error:
            self._say(GROUP, "installed packages", "import", error)
            return
        for point in sorted(points, key=lambda point: (point.name, point.value)):
            plugin, origin = plugin_name(point.name), f"entry point {point.value}"
            try:
                if point.dist is not None:
                    plugin = plugin_name(point.dist.name)
                    origin = one_line(f"package {point.dist.name} {point.dist.version}")
            except Exception as error:  # a damaged dist-info: the code may be sound
                self._say(plugin, origin, "import", error)
            aliases = {plugin, point.name, f"{plugin}:{point.name}"}
            yield self._candidate(plugin, origin, aliases, point.load, point=point)

    def _found(self) -> Iterator[Found]:
        if self._sources.folder:
            folder = expanded(self._sources.folder)
            try:
                yield from folder_plugins(folder)
            except OSError as error:
                of_a_file = isinstance(error, NotADirectoryError)
                cure = "Put a folder there." if of_a_file else "Make it readable."
                reason = f"{folder} cannot be read ({error.strerror}). {cure}"
                self._say(folder.name, str(folder), "import", reason)
        for file in self._sources.files:
            yield found_at(expanded(file))

    def _candidate(
        self,
        wanted: str,
        origin: str,
        aliases: set[str],
        bring_in: Callable[[], object],
        path: Path | None = None,
        point: EntryPoint | None = None,
    ) -> Candidate:
        """The candidate, under a name that no other plugin has; entry points of one package share
        theirs."""
        name, count = wanted, 1
        while self._owners.get(name, origin) != origin:
            count += 1
            name = f"{wanted}-{count}"
        self._owners[name] = origin
        aliases = aliases | {name}
        self._meant |= aliases & self._disabled
        disabled = bool(aliases & self._disabled)
        if count > 1 and not disabled:
            message = (
                f"there is already a plugin named {wanted!r} ({self._owners[wanted]});"
                f" this one is called {name!r}"
            )
            self._say(name, origin, "clash", message)
        return Candidate(name, origin, frozenset(aliases), bring_in, disabled, path, point)

    # ------------------------------------------------------------ what went wrong

    def _say_unknown(self, found: list[Candidate]) -> None:
        """Report the names that are to be switched off and belong to no plugin."""
        known = sorted({item.name for item in found})
        for name, who, where in dict.fromkeys(self._named):
            if name in self._meant:
                continue
            if name == BUILTIN:
                message = "the built-ins cannot be switched off"
            else:
                message = f"there is no plugin {excerpt(name)} to switch off{close_to(name, known)}"
            self._say(who, where or "command line", "disabled", message)

    def _say(self, plugin: str, origin: str, stage: Any, what: Exception | str) -> None:
        detail = "" if type(what) is str else traceback_text(what)  # type: ignore[arg-type]
        message = one_line(what) if type(what) is str else describe(what)  # type: ignore[arg-type]
        self.problems.append(Problem(plugin, one_line(origin), stage, message, detail))


def close_to(name: str, known: list[str]) -> str:
    """The end of a sentence about an unknown name: the name that was meant, or all known names."""
    import difflib

    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if close:
        return f"; did you mean {close[0]!r}?"
    return "; there are: " + ", ".join(known) if known else "; none is installed"


def _module_stamp(point: EntryPoint | None) -> str:
    """The stamp of an entry point's top-level module, which is looked for without an import."""
    import importlib.util

    try:
        spec = importlib.util.find_spec(point.value.split(":")[0].split(".")[0]) if point else None
    except Exception:  # a foreign finder may raise anything
        return ""
    if spec is None or not spec.origin:
        return ""
    origin = Path(spec.origin)
    return quarantine.stamp_of(origin.parent if spec.submodule_search_locations else origin)


def _declared_versions(point: EntryPoint | None) -> list[str]:
    try:
        mine = point.dist.entry_points if point is not None and point.dist is not None else ()
        return [other.value for other in mine if other.group == api_version.GROUP]
    except Exception:  # a damaged dist-info, which _entry_points reports
        return []
