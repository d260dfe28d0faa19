"""Plugins that are saved while the playground runs: what the screen takes over and says of them."""

from __future__ import annotations

from pathlib import Path

from playground.lab.client.events import PluginSaved, PluginsUnwatched
from playground.lab.protocol.failures import Failure
from playground.tui.control.context import Context, Remark
from playground.tui.control.sampling import Previews

_CURES = {
    "strategy": " Press ! to go on without it.",
    "tokenizer": " Mend it, or choose another with t; both begin a new run.",
    "dataset": " Mend it, or choose another with d; both begin a new run.",
    "engine": " Press e to go on with another engine.",
}


def cure(failure: Failure) -> str:
    """What a person can do about a plugin that failed, as a sentence to follow the failure's; ""
    if there is nothing to be done."""
    return _CURES.get(failure.contribution.partition(":")[0], "")


class Reloads:
    """Takes over what the lab reports of saved plugins, and tells the person."""

    def __init__(self, context: Context, previews: Previews) -> None:
        self._context = context
        self._previews = previews
        self._told: dict[str, str] = {}
        """The problem that the person was told of last, by the path of the file."""

    def heard(self, event: PluginSaved | PluginsUnwatched) -> None:
        """Take over the new catalog, and say what became of the file."""
        say, model = self._context.say, self._context.model
        if isinstance(event, PluginsUnwatched):
            why = f"{event.reason}. Changed plugins are read at the next start."
            say(Remark("Plugin files are not watched", why, "warning"))
            return
        saved, reloaded = event.saved, event.reloaded
        model.catalog = reloaded.catalog
        if event.sampling is not None:
            model.adopt(event.sampling)
        self._previews.want()
        name, remarks = Path(saved.path).name, " ".join(reloaded.remarks)
        if not saved.problems:
            self._told.pop(saved.path, None)
            say(Remark(f"{name} is in use as it was saved", remarks, about=name))
            return
        problem = saved.problems[0]
        model.newest_problem = (problem.plugin, problem.message)
        if self._told.get(saved.path) == problem.message:
            return
        self._told[saved.path] = problem.message
        used = any(entry.stale for entry in model.of_file(saved.path))
        if saved.gone and not used:
            say(Remark(f"{name} is gone", about=name))
            return
        if saved.gone:
            title = f"{name} is gone; what was loaded stays in use"
        elif used:
            title = f"{name} is stale: an earlier version stays in use"
        else:
            title = f"{name} cannot be used"
        more = "" if saved.gone else " Press ! for the whole of it."
        say(
            Remark(
                title, f"{problem.message.rstrip('.')}.{more} {remarks}".strip(), "warning", name
            )
        )
