"""The fork dialog: go on from a step with one thing changed, as a new run or in a race."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Input, Static
from typing_extensions import override

from playground.catalog import Catalog, Kind
from playground.tui.screens.dialog import MUTED, Line, error, warning
from playground.tui.screens.fork.fields import (
    GROUPS,
    RATE,
    ForkContributed,
    ForkField,
    ForkSource,
    Suggestion,
    change_words,
    suggestions,
)
from playground.tui.screens.settings import form as form
from playground.tui.screens.settings.run_form import (
    LABEL,
    EngineChoice,
    Fields,
    NumberInput,
    RunForm,
)
from playground.tui.widgets.gate import plain
from playground.tui.widgets.text import visible
from playground.widths import cell_len
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


class Suggestions(Horizontal):
    """A row of buttons; the keys left and right go through them."""

    DEFAULT_CSS = """
    Suggestions { height: 1; margin: 0 0 0 2; }
    Suggestions Button { width: auto; min-width: 0; margin: 0 1 0 0; padding: 0;
                         background: $foreground 12%; color: $foreground; text-style: none; }
    Suggestions Button:focus { background: $primary 45%; text-style: bold underline; }
    Suggestions Button:ansi { background: ansi_default; color: ansi_default; }
    Suggestions Button:ansi:focus { text-style: reverse; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "app.focus_previous", "previous", show=False, id="fork.previous"),
        Binding("right", "app.focus_next", "next", show=False, id="fork.next"),
    ]

    def on_resize(self) -> None:
        """Leave out the buttons that there is no room for; none is cut."""
        room = self.size.width
        for button in self.query(Button):
            room -= cell_len(str(button.label)) + 3
            button.display = room >= -1


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
        #fork-step-line { height: 1; margin: 0 0 1 0; }
        &.-low #fork-step-line { margin: 0; }
        #fork-step-label { width: 23; }
        #fork-step { width: 12; }
        #fork-step-range { width: 1fr; margin: 0 0 0 2; color: $text-muted; }
        #fork-step-range, #form-help { text-wrap: nowrap; text-overflow: ellipsis; }
        #form-help { height: 1; }
        #fork-changes, #fork-effect { height: auto; }
    }
    """

    def __init__(self, source: ForkSource) -> None:
        super().__init__()
        self._source = source
        self._step: int | None = source.step
        """The step that is typed; None if it is none that can be forked at."""
        self._suggested: list[Suggestion] = []
        self._explained[STEP] = "The fork begins here; at step 0 everything may change."

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
        name = f"{self._source.name}: " if self._source.name else ""
        return f"{name}from step {self._source.step:,}, change one thing"

    @property
    def remark(self) -> str:
        return "the run itself stays as it is"

    # ------------------------------------------------------------ what there is

    def body(self) -> Iterable[Widget]:
        source = self._source
        self._present = source.present(source.step)
        self._suggested = suggestions(self._present, source.catalog, source.step)
        with Horizontal(id="fork-step-line"):
            yield Static(f"  {'from step':{LABEL}}", id="fork-step-label", markup=False)
            yield NumberInput(str(source.step), id="fork-step", name=STEP, compact=True)
            reach = f"{source.earliest:,} to {source.latest:,}"
            yield Static(f"{reach}, where it stands", id="fork-step-range", markup=False)
        with Suggestions():
            for place, one in enumerate(self._suggested):
                start = " From step 0." if one.from_start and source.step else ""
                self._explained[f"suggest-{place}"] = f"{one.why}{start}"
                yield Button(plain(one.words), compact=True, id=f"suggest-{place}")
        known, lines = form.settings(), list[Widget]()
        for group, names in GROUPS:
            lines.append(Static(group, classes="settings-group", markup=False))
            lines += [ForkField(known[name], self._present[name]) for name in names]
            if group == "Training":
                lines.append(self._contributed_row("schedule", "schedule", ForkContributed))
            if group == "Run":
                lines.append(self._engine_row())
        lines.append(Static("Data", classes="settings-group", markup=False))
        lines += [self._contributed_row(kind, label, ForkContributed) for kind, label in DATA]
        yield VerticalScroll(Fields(*lines), id="fork-scroll", can_focus=False)
        yield Static(id="form-help", markup=False)
        yield Line(id="fork-changes")
        yield Line(id="fork-effect")

    def buttons(self) -> Iterable[Widget]:
        yield Button("Fork", compact=True, id="fork-fork")
        yield Button("Race", compact=True, id="fork-race")

    def on_mount(self) -> None:
        self.set_focus(self._field(RATE).input)
        self._check()

    def _field(self, dotted: str) -> ForkField:
        return next(one for one in self.query(ForkField) if one.name == dotted)

    # ------------------------------------------------------------ checking

    def on_input_changed(self, event: Input.Changed) -> None:
        """Follow the typed step. Textual calls RunForm's handler, which checks, after this one."""
        if event.input.name == STEP:
            self._move(event.value)

    @override
    def _nudged(self, name: str, direction: int) -> str:
        if name != STEP:
            return super()._nudged(name, direction)
        source = self._source
        here = source.step if self._step is None else self._step
        return str(min(max(here + direction, source.earliest), source.latest))

    def _move(self, typed: str) -> None:
        """Let the fork begin at the typed step, where other values are in force."""
        try:
            step = read_number(typed, whole=True)
        except ValueError:
            step = -1
        if not isinstance(step, int) or not self._source.earliest <= step <= self._source.latest:
            self._step = None
            return
        if step == self._step:  # an Input reports its first value as a change
            return
        self._step = step
        self._present = self._source.present(step)
        for field in self.query(ForkField):
            field.now(self._present[str(field.name)])

    def _hold_back(self) -> None:
        """Lock every row that cannot change at the step where the fork begins."""
        from playground.lab.fork import why_only_from_start

        step = self._source.step if self._step is None else self._step
        for field in self.query(ForkField):
            field.hold(why_only_from_start(str(field.name), step))
        for row in self.query(ForkContributed):
            row.hold(why_only_from_start(str(row.name), step))

    def _changes(self, typed: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in typed.items() if value != self._present[name]}

    @override
    def _check(self) -> None:
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
                if name not in {str(field.name) for field in self.query(ForkField)}
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
    async def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        event.prevent_default()  # Dialog's own handler takes every button for the one that accepts
        name = event.button.id or ""
        if name.startswith("suggest-"):
            await self._take(self._suggested[int(name.removeprefix("suggest-"))])
        else:
            self._answer(name == "fork-race")

    async def _take(self, one: Suggestion) -> None:
        """Set every row to its present value, but for the suggested change."""
        if one.from_start:
            self.query_one("#fork-step", NumberInput).value = "0"
            self._move("0")
        self._hold_back()
        for field in self.query(ForkField):
            field.put(one.value if field.name == one.field else self._present[str(field.name)])
        for row in self.query(ForkContributed):
            chosen = one.value if row.name == one.field else self._present[str(row.name)]
            await row.put(str(chosen["name"]))
        self.query_one(EngineChoice).set_value(str(self._present[form.ENGINE]))
        self._check()

    @override
    def accept(self) -> None:
        self._answer(race=False)

    def action_race(self) -> None:
        self._answer(race=True)

    def action_from_start(self) -> None:
        step = self._source.step if self._step == self._source.earliest else self._source.earliest
        self.query_one("#fork-step", NumberInput).value = str(step)

    def _answer(self, race: bool) -> None:
        self._check()
        if self._problems or self._step is None:
            self._refuse(self.query_one("#fork-step", NumberInput))
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
