"""The fork dialog: go on from a step with one thing changed, as a new run or in a race."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Static
from typing_extensions import override

from playground.catalog import Catalog, Kind
from playground.tui.screens.dialog import MUTED, Line, error, warning
from playground.tui.screens.fork.fields import (
    GROUPS,
    RATE,
    ForkSource,
    Suggestion,
    change_words,
    suggestions,
)
from playground.tui.screens.settings import form as form
from playground.tui.screens.settings.form import Setting
from playground.tui.screens.settings.rows import Chip, ChipsRow, NumberRow, Title
from playground.tui.screens.settings.run_form import LEFT_OUT, THERE, RunForm
from playground.tui.widgets.text import visible
from playground.words import read_number

STEP = "fork step"
DATA: tuple[tuple[Kind, str], ...] = (("tokenizer", "tokenizer"), ("dataset", "data set"))
"""The kinds of the group "Data", with their labels."""


@dataclass(frozen=True, slots=True)
class ForkChoice:
    """The fork that the person wants."""

    changes: Mapping[str, Any]
    """The new values by dotted field of the RunSpec; may be empty."""
    race: bool
    """True for a race of the fork against the run as it is, in a process each."""
    step: int
    """The step at which the fork begins."""


class ForkScreen(RunForm[ForkChoice | None]):
    """Asks what a fork changes; dismissed with a ForkChoice, or with None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "accept", "fork", id="fork.fork",
                tooltip="Go on as a new run with the changes"),
        Binding("ctrl+r", "race", "race", id="fork.race",
                tooltip="Let it race against the run as it is"),
        Binding("ctrl+n", "from_start", "from step 0", id="fork.from-start",
                tooltip="Fork at step 0, where everything may change; again: where the run "
                "stands"),
    ]  # fmt: skip
    DEFAULT_CSS = """
    ForkScreen {
        #dialog { height: 100%; max-height: 48; }
        #dialog-body, #fork-scroll { height: 1fr; }
        #form-help { height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
        &.-low #form-help { height: 2; }
        #fork-changes, #fork-effect { height: auto; }
    }
    """

    def __init__(self, source: ForkSource) -> None:
        super().__init__()
        self._source = source
        self._step: int | None = source.step
        """The step that is typed; None if it is none that can be forked at."""
        self._suggested: list[Suggestion] = []

    @property
    @override
    def catalog(self) -> Catalog | None:
        return self._source.catalog

    @property
    @override
    def spec(self) -> str:
        return self._source.spec

    @property
    def heading(self) -> str:
        name = f" {self._source.name}" if self._source.name else ""
        return f"Fork{name} from step {self._source.step:,}: change one thing"

    @property
    def remark(self) -> str:
        return "the run itself stays as it is"

    # ------------------------------------------------------------ what there is

    def body(self) -> Iterable[Widget]:
        source = self._source
        self._present = source.present(source.step)
        self._suggested = suggestions(self._present, source.catalog, source.step)
        reach = (float(source.earliest), float(source.latest))
        self._groups = [
            NumberRow(
                Setting(
                    STEP, "from step", "The fork begins here; at step 0 everything may change.",
                    True, *reach, reach, source.step,
                ),
                source.step,
            ),
            ChipsRow("try", [self._chip(one) for one in self._suggested], self._suggest),
        ]  # fmt: skip
        for group, names in GROUPS:
            numbers = [self._number(name) for name in names]
            first = [self._optimizer_row()] if group == "Optimizer" else []
            self._groups += [Title(group), *first, *numbers]
            if group == "Model":
                self._groups.append(self._part_rows())
            if group == "Training":
                self._groups.append(self._contributed("schedule", "schedule"))
            if group == "Run":
                self._groups.append(self._engine_row())
        self._groups.append(Title("Data"))
        self._groups += [self._contributed(kind, label) for kind, label in DATA]
        yield self.scroll("fork-scroll")
        yield Static(id="form-help", markup=False)
        yield Line(id="fork-changes")
        yield Line(id="fork-effect")

    def _chip(self, one: Suggestion) -> Chip:
        start = " From step 0." if one.from_start and self._source.step else ""
        return Chip(one.words, f"{one.why}{start}")

    def buttons(self) -> Iterable[Widget]:
        yield Button("Fork", compact=True, id="fork-fork")
        yield Button("Race", compact=True, id="fork-race")

    def on_mount(self) -> None:
        self.sheet.put_cursor(RATE)
        self._check()

    @property
    def step_row(self) -> NumberRow:
        """The row of the step at which the fork begins."""
        row = self.sheet.row(STEP)
        assert isinstance(row, NumberRow)
        return row

    # ------------------------------------------------------------ checking

    def _move(self, typed: str) -> None:
        """Let the fork begin at the typed step, where other values are in force."""
        try:
            step = read_number(typed, whole=True)
        except ValueError:
            step = -1
        if not isinstance(step, int) or not self._source.earliest <= step <= self._source.latest:
            self._step = None
            return
        if step == self._step:
            return
        self._step = step
        self._present = self._source.present(step)
        for name, row in self.numbers.items():
            row.now(self._present[name])

    def _hold_back(self) -> None:
        """Lock every row that cannot change at the step where the fork begins."""
        from playground.lab.fork import why_only_from_start

        step = self._source.step if self._step is None else self._step
        for name, row in self.numbers.items():
            row.hold(why_only_from_start(name, step))
        for kind, rows in self.contributed.items():
            rows.hold(why_only_from_start(kind, step))
        for part in self.parts.values():
            part.hold(why_only_from_start(form.MODEL_PARTS, step))
        if self.optimizer is not None:
            self.optimizer.hold(why_only_from_start(form.OPTIMIZER, step))

    def _changes(self, typed: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in typed.items() if value != self._present[name]}

    @override
    def _check(self) -> None:
        self._move(self.step_row.text)
        self._hold_back()
        super()._check()

    @override
    def _wrong(self, typed: Mapping[str, Any]) -> dict[str, str]:
        problems, source = super()._wrong(typed), self._source
        if self._step is None:
            reach = f"{source.earliest:,} to {source.latest:,}"
            problems[STEP] = f"the run can be forked at the steps {reach}"
        elif not problems and typed["steps"] < self._step:
            problems["steps"] = f"must be {self._step:,} or more: so many are done already"
        return problems

    @override
    def _choice_words(self, kind: Kind, chosen: str) -> str:
        entry = self._entry(kind, chosen)
        return f"{visible(entry.name)}: {visible(entry.summary)}" if entry else ""

    @override
    def _say(self, typed: Mapping[str, Any]) -> None:
        """Say what changes, and what that means."""
        changes, effect = (
            self.query_one("#fork-changes", Line),
            self.query_one("#fork-effect", Line),
        )
        if self._problems:
            others = [
                text
                for name, text in self._problems.items()
                if name not in self.numbers and name != STEP
            ]
            changes.say(error("; ".join(others) or "Mend what is marked ✗ to go on."))
            effect.say("")
            return
        asked = self._changes(typed)
        words = [change_words(name, self._present[name], asked[name]) for name in asked]
        if len(words) > 1:
            changes.say(
                warning(f"{len(words)} changes, so {len(words)} causes: " + ", ".join(words))
            )
        else:
            changes.say(Content.styled("".join(words), "bold"))
        effect.say(Content.styled(consequence(asked, self._step or 0), MUTED))

    # ------------------------------------------------------------ answers

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        event.prevent_default()  # Dialog's own handler takes every button for the one that accepts
        self._answer(event.button.id == "fork-race")

    def _suggest(self, place: int) -> None:
        """Set every row to its present value, but for the suggested change."""
        one = self._suggested[place]
        if one.from_start:
            self.step_row.put(0)
            self._move("0")
        self._hold_back()
        if self.optimizer is not None:  # first, for it proposes a learning rate
            self.optimizer.pick(str(self._present[form.OPTIMIZER]))
        for name, row in self.numbers.items():
            row.put(one.value if name == one.field else self._present[name])
        for kind, rows in self.contributed.items():
            chosen = one.value if kind == one.field else self._present[kind]
            rows.choice.pick(str(chosen["name"]))
        if self.engine is not None:
            self.engine.pick(str(self._present[form.ENGINE]))
        there = one.value if one.field == form.MODEL_PARTS else self._present[form.MODEL_PARTS]
        for part, part_row in self.parts.items():
            part_row.pick(THERE if part in there else LEFT_OUT)

    @override
    def accept(self) -> None:
        self._answer(race=False)

    def action_race(self) -> None:
        self.sheet.commit()
        self._answer(race=True)

    def action_from_start(self) -> None:
        step = self._source.step if self._step == self._source.earliest else self._source.earliest
        self.step_row.put(step)
        self._check()

    def _answer(self, race: bool) -> None:
        self._check()
        if self._problems or self._step is None:
            self._refuse(STEP)
            return
        self.dismiss(ForkChoice(self._changes(self._typed()), race, self._step))


def consequence(changes: Mapping[str, Any], step: int) -> str:
    """A sentence or two on what a fork with these changes is like."""
    from playground.lab.fork import REPLAYED

    if not changes:
        return "Nothing is changed yet: a fork goes on as this run does, bit for bit."
    if step == 0:
        return "A run of its own, from step 0."
    words = f"A run of its own, from step {step:,} on"
    if set(changes) <= REPLAYED:
        return f"{words}; b still leads to the steps before that."
    words += "; the steps before that cannot be gone back to."
    if "steps" in changes:
        words += f" The schedule now runs to step {changes['steps']:,}: the learning rate jumps."
    if "seed" in changes:
        words += " Another seed holds out other documents: some were trained on already."
    return words
