"""The dialog about what is wrong with a plugin: the trouble, its traceback, a way on."""

from __future__ import annotations

from playground.catalog import Problem
from playground.lab.protocol.failures import Failure
from playground.tui.control.plugins import cure
from playground.tui.model import PlaygroundModel
from playground.tui.screens.message import MessageScreen

WITHOUT = "without"
"""The dialog's answer to go on without the strategy that failed."""


def failing(model: PlaygroundModel) -> Failure | None:
    """The failure of a plugin that holds up the run or the preview; None if there is none."""
    for trouble in (model.trouble, model.preview_trouble):
        if trouble is not None and trouble.kind == "plugin":
            return trouble
    return None


def failing_strategy(model: PlaygroundModel) -> str:
    """The qualified name of the strategy in the chain that fails; "" if no strategy does."""
    trouble = failing(model)
    kind, _, name = trouble.contribution.partition(":") if trouble is not None else ("", "", "")
    links = [model.entry(link) for link in model.sampling.chain if link.enabled]
    there = any(entry is not None and entry.qualified == name for entry in links)
    return name if kind == "strategy" and there else ""


def wrong_screen(model: PlaygroundModel) -> MessageScreen | None:
    """A dialog about the failure that holds up the run; without one, about a plugin that could not
    be loaded; None if all is well."""
    trouble = failing(model)
    if trouble is not None:
        name = failing_strategy(model).rpartition(":")[2]
        if name:
            message = f"{trouble.message}\nWithout {name}, the run goes on where it stands."
            choices = [(WITHOUT, f"Go on without {name}"), ("close", "Close")]
        else:
            message, choices = f"{trouble.message}{cure(trouble)}", [("close", "Close")]
        return MessageScreen(trouble.title, message, trouble.detail, choices)
    return _newest(model)


def _newest(model: PlaygroundModel) -> MessageScreen | None:
    """A dialog about the problem of the file that was saved last, or of another stale plugin."""
    catalog = model.catalog
    if catalog is None or not catalog.problems:
        return None
    stale = {entry.plugin for entry in catalog.entries if entry.stale}

    def weight(problem: Problem) -> tuple[bool, bool]:
        newest = (problem.plugin, problem.message) == model.newest_problem
        return newest, problem.plugin in stale

    problem = max(catalog.problems, key=weight)
    title = (
        f"{problem.plugin} is stale: an earlier version is in use"
        if problem.plugin in stale
        else f"{problem.plugin} has a problem"
    )
    count = len(catalog.problems) - 1
    more = (
        f"\nThere {'is one more' if count == 1 else f'are {count} more'}: press p." if count else ""
    )
    words = f"{problem.message}\n{problem.origin}{more}"
    return MessageScreen(title, words, problem.detail, [("close", "Close")])
