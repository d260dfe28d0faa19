"""Finds plugins, calls their hooks, and keeps the failures of each from the others.

    registry = load(PluginSources(folder="~/plugins"))
    registry.catalog()                                  # plain data, for the screen
    registry.make("strategy", "min-p", {"min_p": 0.05})

Load order, and so the order of the catalog: built-ins, installed packages by the name of
their entry point, the plugin folder by file name, --plugin files as given. Plugins are
Python code with the rights of the person who starts the playground; the guards here are
against mistakes, not against malice.
"""

from __future__ import annotations

import dataclasses
import importlib
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from types import FunctionType, SimpleNamespace
from typing import Any

import pluggy

from playground.api import API_VERSION, PROJECT_NAME, Contribution
from playground.catalog import BUILTIN, Entry, Kind, Plugin, Problem, Stage
from playground.hooks import api_version, plain, specs
from playground.hooks.builtins import MODULES
from playground.hooks.discovery import Candidate, Finder
from playground.hooks.errors import KIND_WORDS, describe, excerpt, one_line, traceback_text
from playground.hooks.gallery import offers
from playground.hooks.isolation import Interrupted, put_back, undisturbed
from playground.hooks.quarantine import Quarantine, crashed
from playground.hooks.registry import Registered, Registry
from playground.hooks.sources import BUILT_IN, PluginSources, expanded
from playground.hooks.validation import ContributionError, entry_of, plain_contribution, why

MAX_CONTRIBUTIONS = 1000
"""The most contributions that one hook of one plugin gives: a generator may never end."""

_MARK = PROJECT_NAME + "_impl"
_HOOK_PREFIX = "microgpt_"


def load(
    sources: PluginSources | None = None,
    *,
    silent: bool = True,
    begins: Callable[[str, str], None] = lambda _name, _origin: None,
) -> Registry:
    """Import all plugins and call all hooks. Never raises because of a plugin: what went wrong is
    in `Registry.problems`.

    silent: what plugins print meanwhile goes nowhere. begins: called with the name and the origin
    of each third-party plugin before it, so that a watchdog counts the time of one plugin and not
    of all before it.
    """
    return _Loader(sources or PluginSources(), silent).load(begins)


def load_one(name: str, origin: str, bring_in: Callable[[], object]) -> Registry:
    """Load one plugin on its own, imported by `bring_in`. Never raises because of the plugin."""
    loader = _Loader(PluginSources(entry_points=False))
    loader._plugin(name, origin, bring_in)
    return Registry(loader.registered, loader.problems, loader.plugins)


class _Loader:
    def __init__(self, sources: PluginSources, silent: bool = True) -> None:
        self.sources = sources
        self.silent = silent
        self.registered: list[Registered] = []
        self.problems: list[Problem] = []
        self.plugins: list[Plugin] = []
        self.pluggy = pluggy.PluginManager(PROJECT_NAME)
        self.pluggy.add_hookspecs(specs)

    def load(self, begins: Callable[[str, str], None]) -> Registry:
        for module in MODULES:
            self._plugin(BUILTIN, BUILT_IN, partial(importlib.import_module, module))
        finder = Finder(self.sources)
        candidates = finder.find()
        self.problems += finder.problems
        folder = self.sources.loading
        kept = Quarantine(expanded(folder)) if folder and candidates else None
        if kept is not None:
            kept.look_back()
        for candidate in candidates:
            begins(candidate.name, candidate.origin)
            self._candidate(candidate, kept)
        if kept is not None:
            kept.close()
        self._say_clashes()
        entries = [item.entry for item in self.registered]
        more = offers(entries, self.plugins, self.problems) if self.sources.entry_points else ()
        return Registry(self.registered, self.problems, self.plugins, more)

    # ------------------------------------------------------------ one plugin

    def _candidate(self, found: Candidate, kept: Quarantine | None) -> None:
        """Load a plugin, unless it is switched off, for another version, or in quarantine."""
        if found.disabled:
            self._record(Plugin(found.name, found.origin, "disabled"))
            return
        try:
            api_version.check(found.versions(), API_VERSION)
        except api_version.VersionError as error:
            self._problem(found.name, found.origin, "version", str(error))
            self._record(Plugin(found.name, found.origin, "failed"))
            return
        if kept is None:
            self._plugin(found.name, found.origin, found.bring_in)
            return
        key, stamp = found.key, found.stamp()
        if kept.crashed(key, stamp):
            self._problem(found.name, found.origin, "crash", crashed(found.name))
            self._record(Plugin(found.name, found.origin, "crashed"))
            return
        try:
            with kept.loading(key, stamp, found.name):
                self._plugin(found.name, found.origin, found.bring_in)
        except BaseException:  # only the keyboard: the plugin is not to blame
            kept.close()
            raise

    def _plugin(self, name: str, origin: str, bring_in: Callable[[], object]) -> None:
        """Import a plugin, call its hooks, and put back what it changed in the process."""
        if name == BUILTIN:
            self._bring(name, origin, bring_in)
            return
        with undisturbed(silent=self.silent) as changed:
            self._bring(name, origin, bring_in)
        if changed:
            self._problem(name, origin, "conduct", put_back(changed))

    def _bring(self, name: str, origin: str, bring_in: Callable[[], object]) -> None:
        """Import a plugin and call its hooks, each in its own guard."""
        began = time.perf_counter()
        before = len(self.registered)
        try:
            module = bring_in()
        except Interrupted:
            raise
        except BaseException as error:
            self._problem(name, origin, "import", error)
            self._record(Plugin(name, origin, "failed", 0, time.perf_counter() - began))
            return
        self._hooks(name, origin, module)
        made = len(self.registered) - before
        self._record(Plugin(name, origin, "loaded", made, time.perf_counter() - began))

    def _record(self, plugin: Plugin) -> None:
        """Keep what is known of a plugin; several modules of one (the built-ins, the entry points
        of a package) add up."""
        for place, known in enumerate(self.plugins):
            if known.name == plugin.name:
                state = known.state if known.state != "disabled" else plugin.state
                self.plugins[place] = dataclasses.replace(
                    known,
                    state="failed" if plugin.state == "failed" else state,
                    contributions=known.contributions + plugin.contributions,
                    seconds=known.seconds + plugin.seconds,
                )
                return
        self.plugins.append(plugin)

    def _hooks(self, plugin: str, origin: str, module: object) -> None:
        found = False
        try:
            attributes = [plain.text(name) for name in dir(module)]
        except Interrupted:
            raise
        except BaseException as error:  # a module may have a __dir__ of its own
            self._problem(plugin, origin, "hook", error)
            return
        for attribute in attributes:
            try:
                function = getattr(module, attribute)
                marked = getattr(function, _MARK, None) is not None
                if not marked and not attribute.startswith(_HOOK_PREFIX):
                    continue  # nearly every attribute: asking pluggy costs a quarter of a load
                options = self.pluggy.parse_hookimpl_opts(module, attribute)
            except Interrupted:
                raise
            except BaseException as error:
                if attribute.startswith(_HOOK_PREFIX):
                    self._problem(plugin, origin, "hook", error)
                continue
            if options is not None:
                found = True
                named = options.get("specname") or attribute
                self._hook(plugin, origin, plain.scalar(named), function)
            elif _looks_like_hook(module, attribute, function):
                found = True
                self._problem(plugin, origin, "hook", self._unmarked(attribute))
        if not found:
            self._problem(
                plugin,
                origin,
                "hook",
                "it has no hook function, so it contributes nothing; the hooks are "
                + ", ".join(specs.HOOKS),
            )

    def _unmarked(self, attribute: str) -> str:
        if attribute in specs.HOOKS:
            return (
                f"{attribute} is a hook's name, but the function is not marked;"
                " put @hookimpl above it (from playground.api import hookimpl)"
            )
        return _unknown_hook(attribute)

    def _hook(self, plugin: str, origin: str, hook: str, function: Any) -> None:
        """Call one implementation and take its contributions, all within the guard."""
        kind = specs.HOOKS.get(hook)
        if kind is None:
            self._problem(plugin, origin, "hook", _unknown_hook(hook))
            return
        key = f"{plugin}|{origin}|{hook}|{len(self.registered)}|{len(self.problems)}"
        try:
            # Each implementation is a pluggy plugin of its own: pluggy checks its signature,
            # and a refusal costs only this one.
            alone = _Alone(**{hook: function})
            self.pluggy.register(alone, key)
            caller = getattr(self.pluggy.hook, hook)
            implementation = next(i for i in caller.get_hookimpls() if i.plugin_name == key)
            if implementation.hookwrapper or implementation.wrapper:
                raise TypeError(f"{hook} is a wrapper, but there is nothing to wrap")
            result = implementation.function()
            iterator = _checked_iterator(hook, result)
        except Interrupted:
            raise
        except pluggy.PluginValidationError as error:
            reason = one_line(str(error).rsplit("\n", 1)[-1])
            self._problem(plugin, origin, "hook", f"{hook} takes no arguments; {reason}")
            return
        except BaseException as error:
            self._problem(plugin, origin, "hook", error, hook)
            return
        self._consume(plugin, origin, hook, kind, iterator)

    def _consume(
        self, plugin: str, origin: str, hook: str, kind: Kind, iterator: Iterator[object]
    ) -> None:
        for count in range(MAX_CONTRIBUTIONS + 1):
            try:
                given = next(iterator)
            except StopIteration:
                return
            except Interrupted:
                raise
            except BaseException as error:  # what was yielded before stays
                self._problem(plugin, origin, "hook", error, hook)
                return
            if count < MAX_CONTRIBUTIONS:
                self._contribution(plugin, origin, kind, given)
        self._problem(
            plugin, origin, "hook", f"{hook} gave more than {MAX_CONTRIBUTIONS} contributions"
        )

    def _contribution(self, plugin: str, origin: str, kind: Kind, given: object) -> None:
        try:
            contribution = plain_contribution(given)
            entry = entry_of(kind, plugin, origin, contribution)
        except Interrupted:
            raise
        except BaseException as error:
            detail = "" if type(error) is ContributionError else traceback_text(error)
            self.problems.append(Problem(plugin, origin, "contribution", why(error), detail))
            return
        for other in self.registered:
            if other.entry.kind == kind and other.entry.qualified == entry.qualified:
                message = f"it contributes the {KIND_WORDS[kind]} {entry.name!r} twice"
                self._problem(plugin, origin, "contribution", message)
                return
        self.registered.append(Registered(entry, contribution))

    # ------------------------------------------------------------ what went wrong

    def _problem(
        self,
        plugin: str,
        origin: str,
        stage: Stage,
        what: BaseException | str,
        place: str = "",
    ) -> None:
        prefix = f"{place}: " if place else ""
        if not plain.is_a(what, BaseException):
            self.problems.append(Problem(plugin, origin, stage, one_line(prefix + str(what))))
        else:
            error: Any = what
            message = prefix + describe(error)
            self.problems.append(Problem(plugin, origin, stage, message, traceback_text(error)))

    def _say_clashes(self) -> None:
        for entry, owner in clashes(item.entry for item in self.registered):
            self._problem(entry.plugin, entry.origin, "clash", clash_message(entry, owner))


def clashes(entries: Iterable[Entry]) -> Iterator[tuple[Entry, Entry]]:
    """(a contribution, the first one of the same kind and name), for all that share a name."""
    first: dict[tuple[Kind, str], Entry] = {}
    for entry in entries:
        owner = first.setdefault((entry.kind, entry.name), entry)
        if owner is not entry:
            yield entry, owner


def clash_message(entry: Entry, owner: Entry) -> str:
    """Who else contributes an entry's name, and how each of the two is named."""
    says = (
        f"the bare name means the built-in one, {entry.qualified!r} this one"
        if owner.plugin == BUILTIN
        else f"say {owner.qualified!r} or {entry.qualified!r}"
    )
    return (
        f"the {KIND_WORDS[entry.kind]} {entry.name!r} also comes from plugin"
        f" {owner.plugin!r} ({owner.origin}); {says}"
    )


class _Alone(SimpleNamespace):
    """One implementation and nothing else for pluggy to see, which halves the time of a load."""

    def __dir__(self) -> list[str]:
        return list(self.__dict__)


def _checked_iterator(hook: str, result: Any) -> Iterator[object]:
    """An iterator over what a hook returned. Raises TypeError for the usual slips."""
    if result is None:
        raise TypeError(f"{hook} returned nothing; yield Contributions or return a list of them")
    if isinstance(result, Contribution):
        raise TypeError(f"{hook} returned one Contribution; yield it, or return it in a list")
    if hasattr(result, "__await__") or hasattr(result, "__aiter__"):
        if hasattr(result, "close"):
            result.close()  # else Python warns that it was never awaited
        raise TypeError(f"{hook} is async; hooks are plain functions")
    if isinstance(result, (str, bytes, dict)):
        raise TypeError(f"{hook} returned {excerpt(result)}; a list of Contributions is expected")
    try:
        return iter(result)
    except TypeError:
        raise TypeError(
            f"{hook} returned {excerpt(result)}; a list of Contributions is expected"
        ) from None


def _looks_like_hook(module: object, attribute: str, function: object) -> bool:
    """An unmarked function that its author meant as a hook."""
    if not plain.is_a(function, FunctionType) or not attribute.startswith(_HOOK_PREFIX):
        return False
    owner, name = (
        plain.scalar(getattr(one, attr, None))
        for one, attr in ((function, "__module__"), (module, "__name__"))
    )
    return bool(owner == name)


def _unknown_hook(name: str) -> str:
    import difflib

    close = difflib.get_close_matches(name, specs.HOOKS, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}?" if close else "there are: " + ", ".join(specs.HOOKS)
    return f"there is no hook {name!r}; {hint}"
