"""The worker's side of hot reload: takes a saved plugin into the registry and into the open run.

A strategy is exchanged in mid-run. The data set, the tokenizer and the engine at work stay as they
are, because the run was begun with them; the next run takes the new version.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from playground.catalog import Catalog, Entry, KnobValue, Problem
from playground.hooks.errors import KIND_WORDS, KnobError, UnknownNameError, one_line
from playground.hooks.registry import Registry
from playground.hooks.reload import exchange, load_aside, mark, name_of, undone_if_refused
from playground.lab.protocol.failures import LabError
from playground.lab.protocol.run import Reloaded, SavedPlugin
from playground.lab.protocol.sampling import Link, Sampling
from playground.lab.run.guard import Activity, origin
from playground.lab.session import Session


class PluginReloader:
    """Keeps the plugins of one worker at the version that was saved last."""

    def __init__(self, registry: Registry, activity: Activity) -> None:
        self._registry = registry
        self._activity = activity
        self._sources: dict[str, bytes] = {}
        """The version in use, by path, of the plugins that were exchanged."""

    def take(self, plugins: Sequence[SavedPlugin], session: Session | None) -> Reloaded:
        """Exchange the plugins that can be exchanged. session: the open run, if there is one."""
        remarks: list[str] = []
        refused: dict[str, Problem] = {}
        for saved in plugins:
            problem = self._take(saved, session, remarks)
            if problem is not None:
                refused[saved.path] = problem
        sampling = session.observation.sampling if session is not None else None
        return Reloaded(self._registry.catalog(), sampling, tuple(remarks), refused)

    def _take(
        self, saved: SavedPlugin, session: Session | None, remarks: list[str]
    ) -> Problem | None:
        """What is wrong with a version that passed its trial; None if it is in use now."""
        registry, path = self._registry, saved.path
        name = name_of(registry, path)
        refused: Problem | None = None
        package = saved.source is None and not saved.problems
        if package or (saved.source is not None and self._sources.get(path) != saved.source):
            refused = self._exchange(name, saved, session, remarks)
        problems = saved.problems or ((refused,) if refused is not None else ())
        if saved.gone and not any(item.entry.plugin == name for item in registry.items):
            registry.exchange(name, (), ())
        else:
            mark(registry, name, path, problems)
        return refused

    def _exchange(
        self, name: str, saved: SavedPlugin, session: Session | None, remarks: list[str]
    ) -> Problem | None:
        registry, path = self._registry, saved.path
        label = f"plugin {name!r} ({origin(one_line(path))})"
        with self._activity.doing("plugin", label, "its import"):
            fresh = load_aside(name, path, saved.source)
        if fresh.problems:  # the code passed its trial and fails now
            return fresh.problems[0]
        before = registry.catalog()
        try:
            with undone_if_refused(registry):
                exchange(registry, name, fresh)
                if session is not None:
                    sampling, said = refit(session.observation.sampling, before, registry)
                    session.observe(sampling)
                    remarks += [*said, *_later(session, before, name)]
        except LabError as error:
            failure = error.failure
            return Problem(name, one_line(path), "contribution", failure.message, failure.detail)
        if saved.source is not None:
            self._sources[path] = saved.source
        return None


def _later(session: Session, before: Catalog, name: str) -> list[str]:
    """A sentence for each contribution that the open run keeps until its end."""
    spec = session.spec
    chosen: list[Entry | None] = [
        before.find("dataset", spec.dataset.name),
        before.find("tokenizer", spec.tokenizer.name),
        before.find("engine", session.training.engine_name),
    ]
    return [
        f"The {KIND_WORDS[entry.kind]} {entry.name!r} changes at the next run; "
        "this one goes on with what it began with."
        for entry in chosen
        if entry is not None and entry.plugin == name
    ]


# ---------------------------------------------------------------- the chain


def refit(
    sampling: Sampling, before: Catalog, registry: Registry
) -> tuple[Sampling, tuple[str, ...]]:
    """The chain as the registry allows it now, and a sentence for each thing left out.

    A knob keeps its value if there is still such a knob and it still takes the value. before: the
    catalog that the chain was made by.
    """
    links: list[Link] = []
    remarks: list[str] = []
    for link in sampling.chain:
        old = before.find("strategy", link.name)
        new = registry.catalog().find("strategy", link.name)
        if old is not None and (new is None or new.qualified != old.qualified):
            # The bare name means another strategy now, or none; the full name is still clear.
            new = registry.catalog().find("strategy", old.qualified)
            link = dataclasses.replace(link, name=old.qualified if new is not None else link.name)
        if new is None:
            if link.enabled and old is not None:
                link = dataclasses.replace(link, enabled=False)
                remarks.append(f"The strategy {old.name!r} is no longer there; it is switched off.")
            links.append(link)
            continue
        options, said = _fitting(link, new, registry)
        remarks += said
        links.append(dataclasses.replace(link, options=options))
    return dataclasses.replace(sampling, chain=tuple(links)), tuple(remarks)


def _fitting(
    link: Link, entry: Entry, registry: Registry
) -> tuple[dict[str, KnobValue], list[str]]:
    """The knob values that a strategy still takes, and a sentence for each that it does not."""
    known = {control.name: control for control in entry.controls}
    options = {name: value for name, value in link.options.items() if name in known}
    remarks = [
        f"The knob {name!r} of {entry.name!r} is gone."
        for name in link.options
        if name not in known
    ]
    while options:
        try:
            registry.validate("strategy", entry.qualified, options)
            break
        except KnobError as error:
            wrong = error.field if error.field in options else next(iter(options))
            value = options.pop(wrong)
            remarks.append(
                f"The knob {wrong!r} of {entry.name!r} no longer takes {value!r}; "
                f"it is {known[wrong].default!r} now."
            )
        except UnknownNameError:
            break
    return options, remarks
