"""The screen of all recorded runs: to search, sort and look at them, to open, fork and race them;
manage.py names, deletes, exports and imports them."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from textual import events, on
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from playground.lab.protocol.failures import LabError
from playground.lab.store import grouping
from playground.lab.store.query import Query, QueryError
from playground.tui.key_order import Turn, hear_on
from playground.tui.screens.dialog import MUTED, Dialog, Line, error
from playground.tui.screens.runs.ask import GroupBy
from playground.tui.screens.runs.detail import RunDetail
from playground.tui.screens.runs.manage import Managing
from playground.tui.screens.runs.overlay import View, next_axis, next_measure
from playground.tui.screens.runs.table import (
    COLUMNS,
    FAMILIES,
    SMALL_FIRST,
    Head,
    RunList,
    Table,
)
from playground.tui.widgets.literal_input import LiteralInput
from playground.tui.widgets.table import RowList, Sort
from playground.tui.widgets.text import visible
from playground.words import many, size

if TYPE_CHECKING:
    from playground.lab.client.async_store import AsyncStore
    from playground.lab.store.overlay import Overlay
    from playground.lab.store.records import RunRow
    from playground.lab.store.summaries import Pair

AGAIN = 2.0
"""Seconds at least between two readings of the list, which the worker and others write to."""
AT_FIRST = 200
"""Runs that are read and shown before all the others."""
_SHARE = 20
"""The rest after a reading lasts at least this many times as long as the reading."""
NEED_NO_RUN = frozenset({"slash", "s", "S", "W", "t", "i", "u", "ctrl+p", "question_mark", "f1"})
"""Keys of the list that are heard before the runs that they are about are on screen."""
NOTHING = (
    "Nothing was recorded yet. Whatever is trained is kept here by itself: go back with esc, and "
    "press s for a step or space to let it run."
)
NONE_FITS = "No run fits. Press / and change what is searched for."


Asked = tuple[Query, bool, str | None]


class Search(LiteralInput):
    """The line for words and conditions; enter, down and escape lead back to the list."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,enter", "screen.list", "to the list", id="runs.to-list",
                tooltip="To the runs that were found"),
        Binding("escape", "screen.list", "to the list", key_display="esc", show=False,
                id="runs.leave-search", tooltip="To the runs that were found"),
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class RunChoice:
    """What the person wants done with a run."""

    kind: Literal["open", "fork", "race", "vary", "sweeps"]
    """"sweeps" leads to the list of sweeps, and is about no run."""
    run: int = 0
    at: int | None = None
    """The step to stand at; None for the step at which the run stood last."""
    other: int | None = None
    """The run to race against."""


class RunsScreen(Dialog[RunChoice | None]):
    """The list, and beside it the details of one run or of several; dismissed with a choice, or
    with None."""

    HEADING = "Runs"
    AUTO_FOCUS = "#runs-list"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-roomy"), (160, "-wide")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "open", id="runs.open",
                tooltip="Open the run where it stood"),
        Binding("f", "fork", "fork", id="runs.fork",
                tooltip="Open the run, and go on from a step of it with something changed"),
        Binding("R", "race", "race", id="runs.race",
                tooltip="Race the two marked runs, or this one and the one that is open"),
        Binding("V", "vary", "vary", id="runs.vary",
                tooltip="Vary this run: a sweep over some of its settings"),
        Binding("W", "sweeps", "sweeps", id="runs.sweeps",
                tooltip="All sweeps: many runs at once, compared"),
        # "/" has priority: the letters typed after it are searched for, however busy the screen is.
        Binding("slash", "search", "search", key_display="/", id="runs.search", priority=True,
                tooltip="Search: words, and conditions as lr>=0.01 dataset=names touched<2d"),
        Binding("s", "sort", "sort", id="runs.sort", tooltip="Sort by the next column"),
        Binding("S", "reverse", "reverse", id="runs.reverse",
                tooltip="Turn the order round"),
        Binding("g", "group", "group", id="runs.group",
                tooltip="Group the runs by a setting: best, mean and spread of each group"),
        Binding("t", "tree", "tree", id="runs.tree",
                tooltip="Forks below what they were forked from, or a plain list"),
        Binding("v", "measure", "other loss", id="runs.measure",
                tooltip="Of several marked runs: the average, the held-out loss, bits a character"),
        Binding("j", "axis", "other x", id="runs.axis",
                tooltip="Of several marked runs: the losses over steps, tokens or seconds"),
        Binding("d", "detail", "details", id="runs.detail",
                tooltip="Show or hide what is known of the run"),
        # n and m have priority: the letters typed after them go to the dialog that they open,
        # however busy the screen is.
        Binding("n", "manage('name')", "name", id="runs.name", priority=True,
                tooltip="Give the run a name"),
        Binding("m", "manage('note')", "note", id="runs.note", priority=True,
                tooltip="Write something to the run"),
        Binding("delete,backspace", "manage('delete')", "delete", key_display="del",
                id="runs.delete", tooltip="Put the marked runs away, or this one"),
        Binding("u", "manage('undo')", "undo", id="runs.undo",
                tooltip="Bring back what was deleted last"),
        Binding("x", "manage('export')", "export", id="runs.export",
                tooltip="Write the run, its figures or its model to a file"),
        Binding("i", "manage('take_in')", "import", id="runs.import",
                tooltip="Take in a run from a file"),
        Binding("question_mark,f1", "help", "help", key_display="?", id="runs.help",
                tooltip="Every key of the list, and what you are looking at"),
        Binding("escape", "cancel", "back", key_display="esc", id="runs.back",
                tooltip="Back to the run that is open"),
    ]  # fmt: skip
    DEFAULT_CSS = """
    RunsScreen {
        #dialog { max-width: 100%; height: 100%; padding: 0 1; }
        &.-high #dialog { padding: 0 1; }
        #dialog-body { height: 1fr; }
        #dialog-foot, &.-low #dialog-foot { margin: 0; }

        #runs-search-line { height: 1; }
        #runs-search-line Static { width: 2; color: $text-primary; }
        #runs-search { width: 1fr; }
        #runs-split { height: 1fr; layout: vertical; }
        #runs-left { height: 1fr; width: 1fr; }
        #runs-list { height: 1fr; }
        #runs-detail { display: none; height: 1fr; border-top: solid $foreground 20%; }
        &.-high #runs-detail { display: block; }
        &.-wide #runs-split { layout: horizontal; }
        &.-wide #runs-left { width: 1fr; height: 100%; }
        &.-wide #runs-detail {
            display: block;
            width: 34%;
            height: 100%;
            border-top: none;
            border-left: solid $foreground 20%;
            padding: 0 0 0 1;
        }
        &.-hide-detail #runs-detail { display: none; }
        &.-show-detail #runs-detail { display: block; border-top: none; }
        &.-show-detail #runs-left { display: none; }
        #runs-said { min-height: 1; }
    }
    """

    def __init__(
        self, store: AsyncStore, current: int | None, now: Callable[[], int | None] | None = None
    ) -> None:
        """current: the number of the open run, None if that is not recorded. now: tells the number
        later, when the open run may have been recorded."""
        super().__init__()
        self._store, self.current, self._now = store, current, now
        self.table = Table()
        """The runs of the list."""
        self._managing = Managing(self, store)
        self.go_to: int | None = current
        """The run that the cursor goes to, as soon as the run is in the list."""
        self._shown: tuple[RunRow, ...] = ()
        """The runs whose details are on screen, as they were when the details were read."""
        self._query = Query(sort="touched")
        self._tree = True
        self._group: str | None = None
        """The field that the runs are grouped by; None for no groups."""
        self._folded: set[Head] = set()
        """The headings of the groups that are folded away."""
        self._stale = self._loading = False
        """True if the list must be read anew; true while it is being read."""
        self._shown_for: Asked | None = None
        """What the runs on screen were read for; None before there are any."""
        self._complete = False
        """True once the first AT_FIRST runs are on screen: from then on all runs are read."""
        self._took = self._looked = 0.0
        """Seconds that the last reading took; the clock's time, in seconds, at its end."""
        self._wanted: tuple[RunRow, ...] = ()
        """The runs whose details are to be read next."""
        self._telling = False
        """True while details are being read."""
        self._overlay: tuple[Overlay, Pair | None] | None = None
        """The marked runs, over each other, as last read; None if one run is shown."""
        self._view = View()
        """How they are looked at."""

    # ------------------------------------------------------------ what there is

    def body(self) -> Iterable[Widget]:
        yield Horizontal(
            Static("/", markup=False),
            Search(
                placeholder="lr>=0.01 dataset=names touched<2d words", compact=True,
                select_on_focus=False, id="runs-search",
            ),
            id="runs-search-line",
        )  # fmt: skip
        yield Line(id="runs-problem")
        yield Container(
            Vertical(RunList(empty="reading ...", id="runs-list"), id="runs-left"),
            RunDetail(id="runs-detail"),
            id="runs-split",
        )
        yield Line(id="runs-said")
        yield Line(id="runs-total", classes="muted")

    @property
    def _detail(self) -> RunDetail:
        return self.query_one("#runs-detail", RunDetail)

    def on_mount(self) -> None:
        self.reload()
        self.set_interval(0.5, self._look_again)

    def on_resize(self, event: events.Resize) -> None:
        super().on_resize(event)
        self.call_after_refresh(self._resized)

    def _resized(self) -> None:
        """Show list and details as the new size has room for them, and focus what can be seen."""
        if self._roomy and self.has_class("-show-detail"):
            self.action_detail()
        focused = self.focused
        inside = focused is None or self._detail in focused.ancestors
        if inside and not self._detail.display:
            self.set_focus(self.run_list)
        self._tell()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """In the search line, keys with priority are letters like others."""
        if isinstance(self.focused, Search) and (
            action == "search" or parameters in (("name",), ("note",))
        ):
            return False
        if action == "fold":
            return bool(self.table.groups)
        if action in ("measure", "axis"):
            return self._overlay is not None and self._detail.display
        return super().check_action(action, parameters)

    # ------------------------------------------------------------ the list

    def _look_again(self) -> None:
        rest = max(AGAIN, _SHARE * self._took)
        if not self._loading and time.monotonic() - self._looked > rest:
            self.reload()

    def reload(self) -> None:
        """Read the list anew; if it is being read, read it once more afterwards."""
        self._stale = True
        if not self._loading:
            self._loading = True
            self.work(self._load, "runs-list")

    def work(self, work: Callable[[], Coroutine[Any, Any, None]], group: str) -> None:
        """Carry out work in the background.

        work: a function, since nobody would await its coroutine if the screen goes at once.
        """
        self.run_worker(work, group=group)  # type: ignore[arg-type]  # two kinds fit

    async def _load(self) -> None:
        try:
            while self._stale:
                self._stale = False
                began = time.monotonic()
                if self.current is None and self._now is not None:
                    self.current = self._now()
                asked = self._asked
                query, group = self._query, self._group
                tree = self._tree and query.sort in FAMILIES
                if not self._complete:
                    query = replace(query, limit=AT_FIRST)
                try:
                    overview = await self._store.overview(
                        query, self.current, tree=tree, group=group
                    )
                except LabError as problem:
                    self._fail(problem)
                    self._came(asked)
                    continue
                finally:
                    self._looked = time.monotonic()
                    self._took = self._looked - began
                self._show(Table(overview, self._folded))
                self._came(asked)
                if self._complete and not self._stale:
                    self.go_to = None
                elif not self._complete and len(overview.rows) == AT_FIRST:
                    self._stale = True
                self._complete = True
        finally:
            self._loading = False

    @property
    def _asked(self) -> Asked:
        """What the list is to be read for: the search, the order and the layout."""
        return self._query, self._tree, self._group

    def _came(self, asked: Asked) -> None:
        """Hear the keys that waited for these runs."""
        self._shown_for = asked
        hear_on(self)

    def turn_of(self, key: str) -> Turn:
        """A key that is about a run waits until the list shows the runs that are searched for."""
        if isinstance(self.focused, Input) or key in NEED_NO_RUN:
            return "now"
        if key == "escape":
            return "leaves"
        return "now" if self._shown_for == self._asked else "waits"

    def _fail(self, problem: LabError) -> None:
        self.table = Table()
        self.run_list.set_empty(f"{problem.title}. {problem.message}")
        self.run_list.set_rows((), COLUMNS, self.table.cell)
        self._detail.clear()
        self.query_one("#runs-total", Line).say("")

    def _show(self, table: Table) -> None:
        if bool(table.groups) != bool(self.table.groups):
            self.call_after_refresh(self.refresh_bindings)
        self.table, overview, query = table, table.overview, self._query
        self.run_list.set_empty(NONE_FITS if overview.count else NOTHING)
        sort = Sort("id" if query.sort == "created" else query.sort, query.descending)
        self._unfold_for(self.go_to)
        table = self.table
        self.run_list.set_rows(
            table.keys, table.columns, table.cell, sort=sort, heading=table.heading
        )
        if self.go_to is not None and self.run_list.move_to(self.go_to):
            self.go_to = None
        found, all_ = len(table.rows), many(overview.count)
        asked = query.filters or query.words
        counted = f"{found:,} of {all_}" if asked and found < overview.count else all_
        by = next(one.title for one in COLUMNS if one.name == sort.column)
        parts = [counted, size(overview.size), f"by {by} {'▼' if sort.descending else '▲'}"]
        if self.run_list.marked:
            parts.insert(1, f"{len(self.run_list.marked):,} marked")
        if table.groups:
            parts.append(f"grouped by {grouping.name_of(overview.groups[0].field)}")
            if any(one.spread is not None for one in overview.groups):
                parts.append("± standard deviation between its runs")
        self.query_one("#runs-total", Line).say(Content.styled("  ·  ".join(parts), MUTED))
        self._tell()

    @on(Input.Changed, "#runs-search")
    def _searched(self, event: Input.Changed) -> None:
        event.stop()
        line = self.query_one("#runs-problem", Line)
        try:
            asked = Query.parse(event.value)
        except QueryError as problem:
            line.say(error(visible(str(problem))))
            return
        line.say("")
        self._query = replace(self._query, filters=asked.filters, words=asked.words)
        self.reload()

    def action_search(self) -> None:
        self.set_focus(self.query_one("#runs-search", Search))

    def action_list(self) -> None:
        self.set_focus(self.run_list)

    def _sort_by(self, column: str, descending: bool) -> None:
        self._query = replace(self._query, sort=column, descending=descending)
        self.reload()

    def action_sort(self) -> None:
        names = [one.name for one in COLUMNS]
        name = names[(names.index(self._query.sort) + 1) % len(names)]
        self._sort_by(name, name not in SMALL_FIRST)

    def action_reverse(self) -> None:
        self._sort_by(self._query.sort, not self._query.descending)

    @on(RowList.SortWanted)
    def _title_clicked(self, event: RowList.SortWanted) -> None:
        event.stop()
        same = event.column == self._query.sort
        descending = not self._query.descending if same else event.column not in SMALL_FIRST
        self._sort_by(event.column, descending)

    def action_tree(self) -> None:
        self._tree = not (self._tree and self._query.sort in FAMILIES)
        if self._tree and self._query.sort not in FAMILIES:
            self._query = replace(self._query, sort="touched", descending=True)
        self.say("Forks stand below their parents." if self._tree else "A plain list.")
        self.reload()

    # ------------------------------------------------------------ groups

    def action_group(self) -> None:
        screen = GroupBy(grouping.differing(self.table.overview.rows), self._group)
        self.app.push_screen(screen, self._grouped)

    def _grouped(self, field: str | None) -> None:
        if field is not None:
            self._group = field or None
            self._folded.clear()
            self.reload()

    def action_fold(self, away: bool) -> None:
        """Fold the group under the cursor away, or list its runs again."""
        key = self.run_list.cursor_key
        head = self.table.head_of(key) if isinstance(key, int) else key
        if head is not None:
            self._fold(head, away)

    def _fold(self, head: Head, away: bool) -> None:
        if away:
            self._folded.add(head)
        else:
            self._folded.discard(head)
        self._show(Table(self.table.overview, self._folded))
        self.run_list.move_to(head)

    def _unfold_for(self, run: int | None) -> None:
        """List the group of the run that the cursor is to go to."""
        head = None if run is None else self.table.head_of(run)
        if head in self._folded:
            self._folded.remove(head)
            self.table = Table(self.table.overview, self._folded)

    # ------------------------------------------------------------ details

    @property
    def _roomy(self) -> bool:
        """True if there is room for the list and the details."""
        return self.has_class("-wide") or self.has_class("-high")

    def action_cancel(self) -> None:
        """End an import that is under way; leave the details for the list if they are in its
        place; leave the screen otherwise."""
        if self._managing.give_up():
            return
        if self.has_class("-show-detail"):
            self.action_detail()
        else:
            super().action_cancel()

    def action_detail(self) -> None:
        """Show or hide the details; without room for both, the details take the list's place."""
        shown, room = self._detail.display, self._roomy
        self.set_class(shown and room and not self.has_class("-show-detail"), "-hide-detail")
        self.set_class(not shown and not room, "-show-detail")
        self.call_after_refresh(self._tell)
        self.set_focus(self.run_list if shown or room else self.query_one("#run-scroll"))

    @on(RowList.Highlighted)
    def _highlighted(self, event: RowList.Highlighted) -> None:
        event.stop()
        self._tell()

    @property
    def _subjects(self) -> tuple[RunRow, ...]:
        """The marked runs in the order of the list; if there are not two of them, the run under
        the cursor, or the runs of the group."""
        marked = self.marked_rows
        key = self.run_list.cursor_key
        if len(marked) > 1 or key is None:
            return marked if len(marked) > 1 else ()
        if isinstance(key, int):
            return (self.table.rows[key],) if key in self.table.rows else ()
        return self.table.groups[key].rows

    @property
    def marked_rows(self) -> tuple[RunRow, ...]:
        """The marked runs, in the order of the list."""
        marked = self.run_list.marked
        return tuple(row for key, row in self.table.rows.items() if key in marked)

    def _tell(self) -> None:
        """Show the details of the present subjects, unless they are on screen."""
        if not self.is_attached or not self._detail.display:
            return
        rows = self._subjects
        if not rows:
            self._wanted = self._shown = ()
            self._lay_over(None)
            self._detail.clear()
        elif rows != self._shown:
            self._wanted = rows
            if not self._telling:
                self._telling = True
                self.work(self._look_up, "runs-detail")

    async def _look_up(self) -> None:
        """Read the details that are wanted. Of several runs that the cursor passes over during one
        reading, only the last one is read."""
        try:
            while rows := self._wanted:
                self._wanted, self._shown = (), rows
                try:
                    await self._look_at(*rows)
                except LabError as problem:
                    self._detail.clear(f"{problem.title}. {problem.message}")
        finally:
            self._telling = False

    async def _look_at(self, row: RunRow, *others: RunRow) -> None:
        if others:
            runs = [one.id for one in (row, *others)]
            overlay = await self._store.overlay(runs)
            pair = None if len(runs) > 2 else await self._store.pair(*runs)
            if not self._wanted:
                self._lay_over((overlay, pair))
            return
        outline = await self._store.outline(row.id)
        if not self._wanted:
            self._lay_over(None)
            self._detail.show_curve(outline)
            about = await self._store.about(row.id)
            if not self._wanted:
                self._detail.show(about, self.table.told(row.id))

    def _lay_over(self, laid: tuple[Overlay, Pair | None] | None) -> None:
        """Show several runs over each other; None: the details are of one run."""
        changed = (laid is None) != (self._overlay is None)
        self._overlay = laid
        if laid is not None:
            overlay, pair = laid
            marked = len(overlay.runs) + overlay.left_out
            self._detail.show_several(overlay, self._view, marked, pair)
        if changed:
            self.refresh_bindings()

    def action_measure(self) -> None:
        if self._overlay is not None:
            measure = next_measure(self._view.measure, self._overlay[0])
            self._look(replace(self._view, measure=measure))

    def action_axis(self) -> None:
        self._look(replace(self._view, axis=next_axis(self._view.axis)))

    def _look(self, view: View) -> None:
        self._view = view
        self._lay_over(self._overlay)

    # ------------------------------------------------------------ choosing

    @on(RowList.Chosen)
    def _chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        if isinstance(event.key, int):
            self.action_open()
        else:
            self._fold(event.key, event.key not in self._folded)

    def action_open(self) -> None:
        self._choose("open")

    def action_fork(self) -> None:
        self._choose("fork")

    def _choose(self, kind: Literal["open", "fork"]) -> None:
        row = self.row
        if row is None:
            self.app.bell()
        elif kind == "open" and self.table.overview.places.get(row.id) == "elsewhere":
            self.refuse(
                f"Run {row.id} is open in {row.owner}. Close it there first; f makes a fork of "
                "it, R races a copy."
            )
        else:
            self.dismiss(RunChoice(kind, row.id))

    def action_race(self) -> None:
        marked = [row.id for row in self.marked_rows]
        row = self.row
        if len(marked) == 2:
            self.dismiss(RunChoice("race", marked[0], other=marked[1]))
        elif marked:
            self.refuse(f"{len(marked):,} runs are marked; mark two to race them, or none.")
        elif row is None or self.current is None:
            self.refuse("Mark two runs with space to race them.")
        elif row.id == self.current:
            self.refuse("This is the run that is open. Mark two runs with space to race them.")
        else:
            self.dismiss(RunChoice("race", self.current, other=row.id))

    def action_vary(self) -> None:
        row = self.row
        if row is None:
            self.app.bell()
        else:
            self.dismiss(RunChoice("vary", row.id))

    def action_sweeps(self) -> None:
        self.dismiss(RunChoice("sweeps"))

    def action_help(self) -> None:
        from playground.tui.screens.help import HelpScreen
        from playground.tui.screens.runs.words import ABOUT

        keys = [one for one in (*self.BINDINGS, *RunList.BINDINGS) if isinstance(one, Binding)]
        self.app.push_screen(HelpScreen(keys, about=ABOUT))

    @on(RowList.MarksChanged)
    def _marked(self, event: RowList.MarksChanged) -> None:
        event.stop()
        self._show(self.table)

    # ------------------------------------------------------------ managing: manage.py

    def action_manage(self, what: str) -> None:
        """Do what the method of that name of `Managing` does."""
        getattr(self._managing, what)()

    @property
    def run_list(self) -> RunList:
        return self.query_one("#runs-list", RunList)

    @property
    def row(self) -> RunRow | None:
        """The run under the cursor."""
        key = self.run_list.cursor_key
        return self.table.rows.get(key) if isinstance(key, int) else None

    def forget_details(self) -> None:
        """Read the details on screen anew: what they tell has changed."""
        self._shown = ()

    def say(self, text: str | Content) -> None:
        """Tell the person this, in the line below the list."""
        line = self.query_one("#runs-said", Line)
        line.say(visible(text) if isinstance(text, str) else text)

    def refuse(self, text: str) -> None:
        """Tell the person why nothing is done."""
        self.app.bell()
        self.say(error(visible(text)))
