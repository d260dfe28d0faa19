"""The list of lessons: what each is about, how far the learner is, and ways to begin."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, Literal

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets.option_list import Option

from playground.catalog import Catalog, Entry
from playground.lab.store.journal import Journal
from playground.tui.control.opening import first_problem
from playground.tui.screens.dialog import MUTED, Dialog, Line
from playground.tui.screens.pick.lists import PickList, entry_name, name_column
from playground.tui.widgets.gate import plain
from playground.tui.widgets.text import fit, visible

How = Literal["on", "begin", "test"]
"""Go on where it was left; begin anew; try to skip it by its hardest question."""


class LessonsScreen(Dialog[tuple[str, How] | None]):
    """Chooses a lesson; dismissed with (its qualified name, how), or None."""

    HEADING = "The tour"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "accept", "take it", id="lessons.take",
                tooltip="Begin the lesson, or go on where you left it"),
        Binding("n", "take('begin')", "from the beginning", id="lessons.begin",
                tooltip="Begin the lesson anew"),
        Binding("x", "take('test')", "skip by its hardest question", id="lessons.test",
                tooltip="Answer the hardest question at the first try, and the lesson is skipped"),
        Binding("escape", "cancel", "leave", key_display="esc", id="lessons.leave"),
    ]  # fmt: skip
    DEFAULT_CSS = """
    LessonsScreen {
        #lessons-list { max-height: 70vh; border: none; padding: 0; }
        #lessons-note { color: $text-muted; margin: 1 0 0 0; }
        #lessons-problem { color: $text-warning; margin: 1 0 0 0; max-height: 3; }
        &.-low.-problem #lessons-list { max-height: 50vh; }
    }
    """

    def __init__(self, catalog: Catalog, journal: Journal) -> None:
        super().__init__()
        self._entries = catalog.of("lesson")
        self._problems = catalog.problems
        self.set_class(bool(self._problems), "-problem")
        self._journal = journal

    def body(self) -> Iterable[Widget]:
        names = [entry_name(entry, self._entries) for entry in self._entries]
        column = name_column(names)
        yield PickList(
            *(
                Option(self._line(number, entry, name, column))
                for number, (entry, name) in enumerate(zip(self._entries, names, strict=True), 1)
            ),
            id="lessons-list",
        )
        if self._problems:  # a lesson that somebody looks for may be in that plugin
            title, words = first_problem(self._problems)
            yield Line(plain(f"! {title}: {words}"), id="lessons-problem")
        yield Line(
            "Each lesson has a run of its own: your runs stay as they are. Your place and your "
            "answers are kept on this machine.",
            id="lessons-note",
        )

    def _line(self, number: int, entry: Entry, name: str, column: int) -> Content:
        record = self._journal.of(entry.qualified)
        sign, words = " ", ""
        if record.place is not None and (record.place.index or record.run is not None):
            sign, words = "▸", f"  at step {record.place.index + 1} of {record.steps}"
        elif record.finished:
            sign = "✓"
        elif record.skipped:
            sign, words = "✓", "  skipped"
        return Content.assemble(
            (f"{sign} ", "$text-primary"),
            (f"{number:>2}  ", MUTED),
            fit(visible(name), column),
            (f"  {visible(entry.summary)}", MUTED),
            (words, "$text-primary"),
        )

    def on_mount(self) -> None:
        super().on_mount()
        chosen = self.query_one(PickList)
        names = [entry.qualified for entry in self._entries]
        chosen.highlighted = self._next(names) if names else None
        self.set_focus(chosen)

    def _next(self, names: Sequence[str]) -> int:
        """The lesson that was left, or the first that is neither finished nor skipped."""
        last = self._journal.last
        if last in names and self._journal.of(last).place is not None:
            return names.index(last)
        done = [self._journal.of(name) for name in names]
        return next((at for at, one in enumerate(done) if not (one.finished or one.skipped)), 0)

    def on_pick_list_chosen(self, event: PickList.Chosen) -> None:
        event.stop()
        self.action_take("on")

    def accept(self) -> None:
        self.action_take("on")

    def action_take(self, how: How) -> None:
        at = self.query_one(PickList).highlighted
        if at is not None:
            self.dismiss((self._entries[at].qualified, how))
