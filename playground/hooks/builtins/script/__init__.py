"""The exporters `script` and `notebook`: a run as Python that needs nothing of the playground.

plan.py reads out of the run what the script must do, template.txt is the script with all that it
may have to do, and template.py keeps those of its lines that this run needs. notebook.py cuts a
script into cells.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from microgpt.engine import Progress
from playground.api import Contribution, Exporter, Knob, Knobs, RunExport, hookimpl
from playground.hooks.builtins.script.notebook import Notebook
from playground.hooks.builtins.script.plan import plan_of
from playground.hooks.builtins.script.template import filled


class ScriptKnobs(Knobs):
    with_weights: bool = Knob(
        False,
        label="with the weights",
        help="put the weights into the file, so that it samples at once, without training",
    )


class Script:
    """The run as a Python file of the standard library alone, which trains it again."""

    def __init__(self, knobs: ScriptKnobs) -> None:
        self.with_weights = knobs.with_weights

    def export(self, run: RunExport, path: Path, progress: Progress) -> None:
        progress("reading the data", 0, 0)
        plan = plan_of(run, with_weights=self.with_weights)
        progress("writing the script", 0, 0)
        path.write_text(filled(plan.facts, plan.values), encoding="utf-8", newline="\n")


@hookimpl
def microgpt_exporters() -> Iterator[Contribution[Exporter]]:
    yield Contribution(
        name="script",
        summary="one Python file of the standard library that trains the run again",
        factory=Script,
        knobs=ScriptKnobs,
    )
    yield Contribution(
        name="notebook",
        summary="the same as a Jupyter notebook, which draws the loss",
        factory=Notebook,
    )
