"""What is done to recorded runs on their screen: they are named, noted on, deleted and brought
back, written to a file, and taken in from one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from playground.lab.protocol.failures import Failure, LabError, Progress
from playground.tui.panels.status import progress_words
from playground.tui.screens.runs.ask import AskLine, ExportRun, ImportRun, Wanted
from playground.words import many

if TYPE_CHECKING:
    from playground.lab.client.async_store import AsyncStore
    from playground.tui.screens.runs.screen import RunsScreen

T = TypeVar("T")


class Managing:
    """Manages the runs of a RunsScreen. Each public method but `give_up` is what a key does."""

    def __init__(self, screen: RunsScreen, store: AsyncStore) -> None:
        self._screen, self._store = screen, store
        self._taking: asyncio.Future[int] | None = None
        """The import that is under way."""

    def give_up(self) -> bool:
        """End an import that is under way; False if there is none."""
        return self._taking is not None and self._taking.cancel()

    def _do(self, work: Coroutine[Any, Any, T], then: Callable[[T], str]) -> None:
        """Wait for the store's work, say what `then` makes of its result, read the list anew. The
        work goes on if the screen is left meanwhile."""
        task = asyncio.ensure_future(work)

        async def done() -> None:
            try:
                self._screen.say(then(await asyncio.shield(task)))
            except LabError as problem:
                self._screen.refuse(f"{problem.title}. {problem.message}")
            self._screen.reload()

        self._screen.work(done, "runs-work")

    def name(self) -> None:
        """Give the run under the cursor a name."""
        if (row := self._screen.row) is not None:
            screen = AskLine(f"Name of run {row.id}", row.name, "what to call it")
            self._screen.app.push_screen(screen, lambda name: self._named(row.id, name))

    def _named(self, run: int, name: str | None) -> None:
        if name is not None:
            words = f"Run {run} is called “{name}”." if name else f"Run {run} has no name now."
            self._do(self._store.rename(run, name), lambda _: words)

    def note(self) -> None:
        """Write something to the run under the cursor."""
        if (row := self._screen.row) is not None:
            screen = AskLine(f"Note on run {row.id}", row.note, "what to remember of it")
            self._screen.app.push_screen(screen, lambda note: self._noted(row.id, note))

    def _noted(self, run: int, note: str | None) -> None:
        if note is not None:
            self._screen.forget_details()
            self._do(self._store.annotate(run, note), lambda _: f"Noted on run {run}.")

    def delete(self) -> None:
        """Put the marked runs away, or the one under the cursor."""
        screen = self._screen
        row = screen.row
        runs = [one.id for one in screen.marked_rows] or ([] if row is None else [row.id])
        if not runs:
            if screen.table.rows:  # the cursor is on a heading
                screen.refuse("Mark the group with space to delete its runs.")
            return
        if screen.current in runs:
            screen.refuse(f"Run {screen.current} is open here and stays. Open another one first.")
            return
        places = screen.table.overview.places
        busy = next((run for run in runs if places.get(run) == "elsewhere"), None)
        if busy is not None:
            owner = screen.table.rows[busy].owner
            screen.refuse(f"Run {busy} is open in {owner}, and would go on unrecorded.")
            return
        them = "it" if len(runs) == 1 else "them"
        said = f"Deleted {many(len(runs))}; u brings {them} back."
        screen.run_list.clear_marks()
        self._do(self._store.delete(runs), lambda _: said)

    def undo(self) -> None:
        """Bring back what was deleted last."""

        def said(runs: tuple[int, ...]) -> str:
            if not runs:
                return "There is nothing deleted to bring back."
            self._screen.go_to = runs[0]
            return f"Brought back {many(len(runs))}."

        self._do(self._store.undelete(), said)

    def export(self) -> None:
        """Write the run under the cursor, its figures or its model, to a file."""
        if (row := self._screen.row) is not None:
            name = Path(row.dataset).stem or "run"
            name = "".join(ch if ch.isalnum() or ch in "-_." else "-" for ch in name)[:60]
            screen = ExportRun(f"Export run {row.id}", f"{name}-run-{row.id}")
            self._screen.app.push_screen(screen, lambda wanted: self._export(row.id, wanted))

    def _export(self, run: int, wanted: Wanted | None) -> None:
        if wanted is None:
            return
        path, store = wanted.path, self._store
        self._screen.say(f"Writing {path} ...")
        if wanted.kind == "run":
            work = store.export_run(run, path)
        elif wanted.kind == "model":
            work = store.export_model(run, path)
        else:
            work = store.export_metrics(run, path, wanted.kind)
        self._do(work, lambda _: f"Exported run {run} to {path}.")

    def take_in(self) -> None:
        """Take in a run from a file."""
        self._screen.app.push_screen(ImportRun(), self._import)

    def _import(self, path: Path | None) -> None:
        if path is None:
            return

        def said(run: int) -> str:
            self._screen.go_to = run
            return f"Imported as run {run}."

        self._screen.say(f"Reading {path} ...")
        self._do(self._take_in(path), said)

    async def _take_in(self, path: Path) -> int:
        """Import a run, until it is cancelled; returns its number. Raises LabError."""

        def tell(progress: Progress) -> None:
            if self._screen.is_attached and self._taking is not None:
                self._screen.say(progress_words(progress, self._screen.app.size.width))

        self._taking = asyncio.ensure_future(self._store.import_run(path, tell))
        try:
            return await self._taking
        except asyncio.CancelledError:
            raise LabError(Failure("Cancelled", "Nothing was taken in.", "cancelled")) from None
        finally:
            self._taking = None
