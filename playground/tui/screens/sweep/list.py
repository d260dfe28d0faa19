"""The list of sweeps, newest first."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from textual import on
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget

from playground.lab.protocol.failures import LabError
from playground.lab.sweep.reading import ListedSweep, listed
from playground.tui.control.sweeps import Sweeps
from playground.tui.key_order import Turn, hear_on
from playground.tui.screens.dialog import MUTED, Dialog, Line
from playground.tui.widgets.columns import Column
from playground.tui.widgets.table import Cell, RowList, Tone
from playground.words import age, many, number

if TYPE_CHECKING:
    from playground.lab.client.async_store import AsyncStore

EVERY = 1.0
"""Seconds between two readings of the list."""
NOTHING = (
    "There is no sweep yet. n varies the run that is open: every combination of some settings, "
    "each with several seeds."
)
COLUMNS = (
    Column("id", "no", 3, priority=10, align="right", sortable=False),
    Column("names", "varied", 16, weight=1, priority=9, sortable=False),
    Column("settings", "settings", 8, priority=3, align="right", sortable=False),
    Column("runs", "runs", 11, priority=8, align="right", sortable=False),
    Column("best", "best", 7, priority=7, align="right", sortable=False),
    Column("age", "age", 6, priority=2, align="right", sortable=False),
    Column("state", "state", 21, priority=8, sortable=False),
)


@dataclass(frozen=True, slots=True)
class SweepChoice:
    """What the person wants: a sweep of the list, or a new one."""

    kind: Literal["open", "vary"]
    sweep: int = 0
    """The number of the sweep to open."""


class SweepList(RowList[int]):
    """Sweeps, by their numbers."""


class SweepsScreen(Dialog[SweepChoice | None]):
    """The sweeps of the store; dismissed with a choice, or with None."""

    HEADING = "Sweeps"
    AUTO_FOCUS = "#sweeps-list"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "open", id="sweeps.open",
                tooltip="Show the sweep: its settings, losses and runs"),
        Binding("n,V", "vary", "new", key_display="n", id="sweeps.new",
                tooltip="Vary the run that is open"),
        Binding("question_mark,f1", "help", "help", key_display="?", id="sweeps.help",
                tooltip="Every key of the list, and what you are looking at"),
        Binding("escape", "cancel", "back", key_display="esc", id="sweeps.back",
                tooltip="Back to the run that is open"),
    ]  # fmt: skip
    DEFAULT_CSS = """
    SweepsScreen {
        #dialog { max-width: 110; height: 100%; max-height: 36; padding: 0 1; }
        &.-high #dialog { padding: 0 1; }
        #dialog-body { height: 1fr; }
        #dialog-foot, &.-low #dialog-foot { margin: 0; }
        #sweeps-list { height: 1fr; }
    }
    """

    def __init__(self, store: AsyncStore, sweeps: Sweeps) -> None:
        super().__init__()
        self._store, self._sweeps = store, sweeps
        self._rows: dict[int, ListedSweep] = {}
        self._reading = self._read = False

    def body(self) -> Iterable[Widget]:
        yield SweepList(empty="reading ...", id="sweeps-list")
        yield Line(id="sweeps-total", classes="muted")

    def on_mount(self) -> None:
        self._look()
        self.set_interval(EVERY, self._look)

    def _look(self) -> None:
        if not self._reading:
            self._reading = True
            self.run_worker(self._load, group="sweeps")  # type: ignore[arg-type]

    async def _load(self) -> None:
        known = self._rows
        rows = self.query_one(SweepList)
        try:
            found = await self._store.ask(lambda store: listed(store, known))
        except LabError as problem:
            self._rows = {}
            rows.set_empty(f"{problem.title}. {problem.message}")
            rows.set_rows((), COLUMNS, self._cell)
            return
        finally:
            self._reading = False
        self._rows = {one.row.id: one for one in found}
        rows.set_empty(NOTHING)
        rows.set_rows(tuple(self._rows), COLUMNS, self._cell)
        self.query_one("#sweeps-total", Line).say(
            Content.styled(many(len(found), "sweep"), MUTED) if found else ""
        )
        if not self._read:
            self._read = True
            hear_on(self)

    def turn_of(self, key: str) -> Turn:
        """Enter waits until there is a list."""
        if key == "escape":
            return "leaves"
        return "waits" if key == "enter" and not self._read else "now"

    def _cell(self, key: int, column: Column) -> Cell:
        one = self._rows[key]
        match column.name:
            case "id":
                return Cell(str(key), "quiet")
            case "names":
                return Cell(" × ".join(one.names), "strong")
            case "settings":
                return Cell(f"{one.settings:,}", "quiet")
            case "runs":
                return Cell(f"{one.row.recorded:,}/{one.total:,}")
            case "best":
                return Cell(number(one.best, 4), "strong")
            case "age":
                return Cell(age(time.time() - one.row.created), "quiet")
        words, tone = self._standing(one)
        return Cell(words, tone)

    def _standing(self, one: ListedSweep) -> tuple[str, Tone]:
        if one.row.recorded >= one.total:
            return "✓ done", "plain"
        if self._sweeps.works_on(one.row.id):
            return "▶ at work here", "good"
        if one.row.at_work:
            return "▶ at work elsewhere", "good"
        return "‖ stopped", "warn"

    @on(RowList.Chosen)
    def _chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        self.action_open()

    def action_open(self) -> None:
        key = self.query_one(SweepList).cursor_key
        if key is None:
            self.app.bell()
        else:
            self.dismiss(SweepChoice("open", key))

    def action_vary(self) -> None:
        self.dismiss(SweepChoice("vary"))

    def action_help(self) -> None:
        from playground.tui.screens.help import HelpScreen

        keys = [one for one in (*self.BINDINGS, *RowList.BINDINGS) if isinstance(one, Binding)]
        self.app.push_screen(HelpScreen(keys, about=ABOUT))


ABOUT = (
    "Sweeps",
    "A sweep trains every combination of some settings, each with several seeds, and says whether "
    "the difference between the best two is more than luck. best is the lowest mean of the final "
    "losses over the seeds. A sweep that was stopped goes on from its screen, or by "
    "microgpt-play sweep --resume with its number.",
)
"""The title and the text of the help."""
