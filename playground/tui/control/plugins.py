"""Plugins that are saved while the playground runs: what the screen takes over, and says of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from playground.lab.client.events import PluginSaved, PluginsUnwatched
from playground.lab.protocol.failures import Failure
from playground.tui.control.sampling import Previews
from playground.tui.model import PlaygroundModel

Severity = Literal["information", "warning", "error"]
Say = Callable[[str, str, Severity], None]

_CURES = {
    "strategy": " Press ! to go on without it.",
    "tokenizer": " Mend it, or choose another with t; both begin a new run.",
    "dataset": " Mend it, or choose another with d; both begin a new run.",
    "engine": " Press e to go on with another engine.",
}


def cure(failure: Failure) -> str:
    """What can be done about a plugin that failed, as a sentence after the others."""
    return _CURES.get(failure.contribution.partition(":")[0], "")


class Reloads:
    """Takes in what the lab tells of saved plugins."""

    def __init__(self, model: PlaygroundModel, previews: Previews, say: Say) -> None:
        self._model = model
        self._previews = previews
        self._say = say
        self._told: dict[str, str] = {}
        """What was said last to be wrong with a file, by path: once is enough."""

    def heard(self, event: PluginSaved | PluginsUnwatched) -> None:
        """Draw by what there is now, and say what became of the file."""
        if isinstance(event, PluginsUnwatched):
            why = f"{event.reason}. Changed plugins are read at the next start."
            self._say("Plugin files are not watched", why, "warning")
            return
        saved, reloaded = event.saved, event.reloaded
        self._model.catalog = reloaded.catalog
        if reloaded.sampling is not None:
            self._previews.taken(None, reloaded.sampling)
        self._previews.want()
        name, remarks = Path(saved.path).name, " ".join(reloaded.remarks)
        if not saved.problems:
            self._told.pop(saved.path, None)
            self._say(f"{name} is in use as it was saved", remarks, "information")
            return
        problem = saved.problems[0]
        self._model.newest_problem = (problem.plugin, problem.message)
        if self._told.get(saved.path) == problem.message:
            return
        self._told[saved.path] = problem.message
        used = any(entry.stale for entry in self._model.of_file(saved.path))
        title = (
            f"{name} is gone; what was loaded stays in use"
            if saved.gone and used
            else f"{name} is stale: an earlier version stays in use"
            if used
            else f"{name} is gone"
            if saved.gone
            else f"{name} cannot be used"
        )
        more = "" if saved.gone else " Press ! for the whole of it."
        words = "" if saved.gone and not used else f"{problem.message}.{more} {remarks}".strip()
        self._say(title, words, "information" if saved.gone and not used else "warning")
