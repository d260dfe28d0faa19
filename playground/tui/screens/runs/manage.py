"""What a person does with the runs in the list: name, note, delete, bring back, export, import."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, TypeVar

from textual.binding import Binding, BindingType
from textual.content import Content

from playground.lab.store.errors import StoreError
from playground.tui.screens.dialog import Dialog, Line, error
from playground.tui.screens.runs.ask import AskLine, ExportRun, ImportRun, Wanted
from playground.tui.screens.runs.table import RunList, Table
from playground.tui.widgets.text import visible
from playground.words import many

if TYPE_CHECKING:
    from playground.lab.client.async_store import AsyncStore
    from playground.lab.store.records import RunRow

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RunChoice:
    """What the person wants done."""

    kind: Literal["open", "fork", "race"]
    run: int
    at: int | None = None
    """Where to stand in it; where it stood last, if None."""
    other: int | None = None
    """The one to race against."""


class RunsManaging(Dialog[RunChoice | None]):
    """A screen with a list of runs; what it shows is `RunsScreen`'s."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # At once: what is typed after them is no key of this screen, however busy it is.
        Binding("n", "name", "name", id="runs.name", priority=True,
                tooltip="Give the run a name"),
        Binding("m", "note", "note", id="runs.note", priority=True,
                tooltip="Write something to the run"),
        Binding("delete,backspace", "delete", "delete", key_display="del", id="runs.delete",
                tooltip="Put the marked runs away, or this one"),
        Binding("u", "undo", "undo", id="runs.undo",
                tooltip="Bring back what was deleted last"),
        Binding("x", "export", "export", id="runs.export",
                tooltip="Write the run, its figures or its model to a file"),
        Binding("i", "import", "import", id="runs.import",
                tooltip="Take in a run from a file"),
    ]  # fmt: skip

    def __init__(
        self, desk: AsyncStore, current: int | None, now: Callable[[], int | None] | None = None
    ) -> None:
        """current: the run that is open in this playground, if it is recorded; now: tells of it
        later, for a run that is made in this moment."""
        super().__init__()
        self._desk, self._current, self._now = desk, current, now
        self._table = Table()
        self._go_to: int | None = current
        """The run that the cursor goes to when it is there."""
        self._shown: tuple[RunRow, ...] = ()
        """The rows that the details were read with."""

    def _reload(self) -> None:
        """Read the list anew."""
        raise NotImplementedError

    @property
    def _list(self) -> RunList:
        return self.query_one("#runs-list", RunList)

    @property
    def _row(self) -> RunRow | None:
        """The run under the cursor."""
        key = self._list.cursor_key
        return self._table.rows.get(key) if key is not None else None

    def _say(self, text: str | Content) -> None:
        line = self.query_one("#runs-said", Line)
        line.say(visible(text) if isinstance(text, str) else text)

    def _refuse(self, text: str) -> None:
        self.app.bell()
        self._say(error(visible(text)))

    def _do(self, work: Awaitable[T], then: Callable[[T], str]) -> None:
        """Do it at the desk, say what came of it, and read the list anew."""

        async def done() -> None:
            try:
                self._say(then(await work))
            except StoreError as problem:
                self._refuse(f"{problem.title}. {problem.message}")
            self._reload()

        self.run_worker(done(), group="runs-work")

    def action_name(self) -> None:
        if (row := self._row) is not None:
            screen = AskLine(f"Name of run {row.id}", row.name, "what to call it")
            self.app.push_screen(screen, lambda name: self._named(row.id, name))

    def _named(self, run: int, name: str | None) -> None:
        if name is not None:
            words = f"Run {run} is called “{name}”." if name else f"Run {run} has no name now."
            self._do(self._desk.rename(run, name), lambda _: words)

    def action_note(self) -> None:
        if (row := self._row) is not None:
            screen = AskLine(f"Note on run {row.id}", row.note, "what to remember of it")
            self.app.push_screen(screen, lambda note: self._noted(row.id, note))

    def _noted(self, run: int, note: str | None) -> None:
        if note is not None:
            self._shown = ()
            self._do(self._desk.annotate(run, note), lambda _: f"Noted on run {run}.")

    def action_delete(self) -> None:
        row = self._row
        if row is None:
            return
        runs = [key for key in self._table.keys if key in self._list.marked] or [row.id]
        if self._current in runs:
            self._refuse(f"Run {self._current} is open here and stays. Open another one first.")
            return
        places = self._table.overview.places
        busy = next((run for run in runs if places.get(run) == "elsewhere"), None)
        if busy is not None:
            owner = self._table.rows[busy].owner
            self._refuse(f"Run {busy} is open in {owner}, and would go on unrecorded.")
            return
        them = "it" if len(runs) == 1 else "them"
        said = f"Deleted {many(len(runs))}; u brings {them} back."
        self._list.clear_marks()
        self._do(self._desk.delete(runs), lambda _: said)

    def action_undo(self) -> None:
        def said(runs: tuple[int, ...]) -> str:
            if not runs:
                return "There is nothing deleted to bring back."
            self._go_to = runs[0]
            return f"Brought back {many(len(runs))}."

        self._do(self._desk.undelete(), said)

    def action_export(self) -> None:
        if (row := self._row) is not None:
            name = Path(row.dataset).stem or "run"
            name = "".join(ch if ch.isalnum() or ch in "-_." else "-" for ch in name)[:60]
            screen = ExportRun(f"Export run {row.id}", f"{name}-run-{row.id}")
            self.app.push_screen(screen, lambda wanted: self._export(row.id, wanted))

    def _export(self, run: int, wanted: Wanted | None) -> None:
        if wanted is None:
            return
        path, desk = wanted.path, self._desk
        self._say(f"Writing {path} ...")
        if wanted.kind == "run":
            work = desk.export_run(run, path)
        elif wanted.kind == "model":
            work = desk.export_model(run, path)
        else:
            work = desk.export_metrics(run, path, wanted.kind)
        self._do(work, lambda _: f"Exported run {run} to {path}.")

    def action_import(self) -> None:
        self.app.push_screen(ImportRun(), self._import)

    def _import(self, path: Path | None) -> None:
        if path is None:
            return

        def said(run: int) -> str:
            self._go_to = run
            return f"Imported as run {run}."

        self._say(f"Reading {path} ...")
        self._do(self._desk.import_run(path), said)
