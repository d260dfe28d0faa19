"""The small dialogs of a sweep: which run to open, and a file for the table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button

from playground.catalog import Entry
from playground.lab.store.sweeps import SweptRun
from playground.tui.model import PlaygroundModel
from playground.tui.screens.dialog import MUTED, Dialog
from playground.tui.screens.files.export import ExportScreen
from playground.tui.screens.files.paths import here
from playground.tui.screens.files.target import Target
from playground.tui.screens.pick.lists import PickList
from playground.tui.screens.runs.ask import Wanted


class PickRun(Dialog[int | None]):
    """Asks which run of a setting to open; dismissed with its number, or with None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "accept", "open", id="sweep.open-run", tooltip="Open this run"),
    ]
    DEFAULT_CSS = """
    PickRun { #dialog { max-width: 64; } }
    """

    def __init__(
        self, words: str, runs: Sequence[SweptRun], losses: Sequence[float | None], at: int
    ) -> None:
        """words: the setting. runs: the best first; losses: theirs. at: the one that the cursor
        is on first."""
        super().__init__()
        self._words, self._runs, self._losses, self._at = words, runs, losses, at

    @property
    def heading(self) -> str:
        return f"Open a run of {self._words}"

    def body(self) -> Iterable[Widget]:
        width = max(len(str(run.seed)) for run in self._runs)
        lines = []
        for place, (run, loss) in enumerate(zip(self._runs, self._losses, strict=True)):
            ended = f"ended at step {run.step:,} of {run.steps:,}"
            told = ended if loss is None else f"{loss:.4f}"
            best = "  best" if place == 0 and loss is not None and len(self._runs) > 1 else ""
            lines.append(
                Content.assemble(
                    f"seed {run.seed:>{width}}  {told}", (f"  run {run.run}{best}", MUTED)
                )
            )
        yield PickList(*lines, id="sweep-runs", compact=True)

    def on_mount(self) -> None:
        picks = self.query_one(PickList)
        picks.highlighted = self._at
        self.set_focus(picks)

    def on_pick_list_chosen(self, event: PickList.Chosen) -> None:
        event.stop()
        self.accept()

    def accept(self) -> None:
        self.dismiss(self._runs[self.query_one(PickList).highlighted or 0].run)


class ExportRunAs(ExportScreen):
    """Asks for an exporter and a file for a run of the sweep; dismissed as ExportScreen is."""

    def __init__(self, model: PlaygroundModel, run: SweptRun, name: str) -> None:
        """model: knows the exporters. name: the suggested name of the file, without an ending."""
        super().__init__(model)
        self._run, self._name = run, name

    @property
    def heading(self) -> str:
        return f"Export run {self._run.run}, seed {self._run.seed}, as ..."

    def _name_for(self, entry: Entry) -> str:
        return f"{self._name}{self.suffix_for(entry)}"


class ExportTable(Dialog[Wanted | None]):
    """Asks for the file of the table; dismissed with the answer, or with None."""

    HEADING = "Export the sweep as a table, one row a run"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "accept", "export", id="sweep.export-file", tooltip="Write the file"),
    ]
    DEFAULT_CSS = """
    ExportTable { #dialog { max-width: 90; } }
    """

    def __init__(self, sweep: int) -> None:
        super().__init__()
        self._sweep = sweep

    def body(self) -> Iterable[Widget]:
        suggested = str(here() / f"sweep-{self._sweep}.csv")
        yield Target("export-sweep", "exporting", suggested)

    def buttons(self) -> Iterable[Widget]:
        yield Button("Export", compact=True, id="export-sweep-button")

    def on_mount(self) -> None:
        self.set_focus(self.query_one(Target).field)

    def accept(self) -> None:
        path: Path | None = self.query_one(Target).settled()
        if path is not None:
            self.dismiss(Wanted("csv", path))
