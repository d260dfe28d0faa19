"""From this step on: change one thing, and see what follows from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from rich.cells import cell_len
from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Input, Static

from playground.catalog import Entry, Kind
from playground.tui.screens.dialog import MUTED, Dialog, Line, error, warning
from playground.tui.screens.fork.fields import (
    GROUPS,
    RATE,
    Contributed,
    ForkField,
    ForkSource,
    Suggestion,
    change_words,
    suggestions,
)
from playground.tui.screens.pick.lists import entry_name
from playground.tui.screens.settings import form as form
from playground.tui.screens.settings.screen import LABEL, EngineChoice, Fields, NumberInput
from playground.tui.widgets.control import Choice
from playground.tui.widgets.text import visible

STEP = "fork step"
KINDS: tuple[tuple[Kind, str], ...] = (
    ("schedule", "schedule"),
    ("tokenizer", "tokenizer"),
    ("dataset", "data set"),
)


@dataclass(frozen=True, slots=True)
class ForkChoice:
    """What is to be done."""

    changes: Mapping[str, Any]
    """By dotted field of the RunSpec; may be empty."""
    race: bool
    """Beside the run as it is, in a process each."""
    step: int
    """The fork begins here."""


class Suggestions(Horizontal):
    """A row of buttons; left and right go through them."""

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
        """What there is no room for is left out, never cut."""
        room = self.size.width
        for button in self.query(Button):
            room -= cell_len(str(button.label)) + 3
            button.display = room >= -1


class ForkScreen(Dialog[ForkChoice | None]):
    """Dismissed with what was chosen; None for escape."""

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
        &.-low #dialog-foot { margin: 0; }
        #dialog { max-width: 92; height: 100%; max-height: 48; }
        #dialog-body, #fork-scroll { height: 1fr; }
        #fork-step-line { height: 1; margin: 0 0 1 0; }
        &.-low #fork-step-line { margin: 0; }
        #fork-step-label { width: 23; }
        #fork-step { width: 12; }
        #fork-step-range { width: 1fr; margin: 0 0 0 2; color: $text-muted; }
        #fork-step-range, #fork-help { text-wrap: nowrap; text-overflow: ellipsis; }
        .settings-group { margin: 1 0 0 0; text-style: bold; }
        #fork-help { height: 1; color: $text-muted; margin: 1 0 0 0; }
        &.-low #fork-help { margin: 0; }
        #fork-changes, #fork-effect { height: auto; }
    }
    """

    def __init__(self, source: ForkSource) -> None:
        super().__init__()
        self._source = source
        self._step: int | None = source.step
        """None while what is typed is none."""
        self._present: dict[str, Any] = {}
        self._problems: dict[str, str] = {}
        self._suggested: list[Suggestion] = []

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
        self._suggested = suggestions(self._present, source.catalog)
        with Horizontal(id="fork-step-line"):
            yield Static(f"  {'from step':{LABEL}}", id="fork-step-label", markup=False)
            yield NumberInput(str(source.step), id="fork-step", name=STEP, compact=True)
            reach = f"{source.earliest:,} to {source.latest:,}"
            yield Static(f"{reach}, where it stands", id="fork-step-range", markup=False)
        with Suggestions():
            for place, one in enumerate(self._suggested):
                yield Button(one.words, compact=True, id=f"suggest-{place}")
        known, lines = form.settings(), list[Widget]()
        for group, names in GROUPS:
            lines.append(Static(group, classes="settings-group", markup=False))
            lines += [ForkField(known[name], self._present[name]) for name in names]
            if group == "Training":
                lines.append(self._contributed("schedule", "schedule"))
            if group == "Run":
                engine = str(self._present[form.ENGINE])
                lines.append(
                    EngineChoice(
                        form.ENGINE, self._names("engine", engine), engine,
                        label_width=LABEL, name=form.ENGINE,
                    )
                )  # fmt: skip
        lines.append(Static("Data", classes="settings-group", markup=False))
        lines += [self._contributed(kind, label) for kind, label in KINDS if kind != "schedule"]
        yield VerticalScroll(Fields(*lines), id="fork-scroll", can_focus=False)
        yield Static(id="fork-help", markup=False)
        yield Line(id="fork-changes")
        yield Line(id="fork-effect")

    def _contributed(self, kind: Kind, label: str) -> Contributed:
        present = self._present[kind]
        return Contributed(
            kind,
            label,
            self._names(kind, str(present["name"])),
            present,
            lambda name: self._entry(kind, name),
        )

    def _names(self, kind: Kind, present: str) -> list[str]:
        catalog = self._source.catalog
        entries = tuple(e for e in catalog.of(kind) if not e.missing) if catalog else ()
        names = [entry_name(entry, entries) for entry in entries]
        return names if present in names else [present, *names]

    def _entry(self, kind: Kind, name: str) -> Entry | None:
        return self._source.catalog.find(kind, name) if self._source.catalog else None

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
        event.stop()
        if event.input.name == STEP:
            self._move(event.value)
        self._check()

    def on_choice_changed(self, event: Choice.Changed) -> None:
        event.stop()
        self._check()

    def on_contributed_changed(self, event: Contributed.Changed) -> None:
        event.stop()
        self._check()

    def on_number_input_nudged(self, event: NumberInput.Nudged) -> None:
        event.stop()
        source = self._source
        if event.field.name == STEP:
            here = source.step if self._step is None else self._step
            event.field.value = str(
                min(max(here + event.direction, source.earliest), source.latest)
            )
        else:
            setting = form.settings()[str(event.field.name)]
            typed = self._typed()
            value = form.nudged(setting, typed[setting.dotted], event.direction, typed)
            event.field.value = form.written(value)
        event.field.cursor_position = len(event.field.value)

    def _move(self, typed: str) -> None:
        """The fork begins at another step: other values hold there, and other locks."""
        plain = typed.strip().replace(",", "").replace("_", "")
        step = int(plain) if plain.isdecimal() else -1
        if not self._source.earliest <= step <= self._source.latest:
            self._step = None
            return
        if step == self._step:  # also what the field says of itself when it comes up
            return
        self._step = step
        self._present = self._source.present(step)
        for field in self.query(ForkField):
            field.now(self._present[str(field.name)])

    def _hold_back(self) -> None:
        from playground.lab.fork import why_only_from_start

        step = self._source.step if self._step is None else self._step
        for field in self.query(ForkField):
            field.hold(why_only_from_start(str(field.name), step))
        for row in self.query(Contributed):
            row.hold(why_only_from_start(str(row.name), step))

    def _typed(self) -> dict[str, Any]:
        typed: dict[str, Any] = {str(one.name): one.value for one in self.query(ForkField)}
        typed |= {str(row.name): row.value for row in self.query(Contributed)}
        engine = self.query_one(EngineChoice).value
        typed[form.ENGINE] = engine or self._present[form.ENGINE]
        return typed

    @property
    def _changes(self) -> dict[str, Any]:
        return {
            name: value for name, value in self._typed().items() if value != self._present[name]
        }

    def _check(self) -> None:
        from playground.lab.spec import RunSpec, SpecError

        self._hold_back()
        self._problems = {}
        try:
            RunSpec.parse(self._source.spec).replace(self._typed())
        except SpecError as problem:
            self._problems = problem.problems
        source = self._source
        if self._step is None:
            reach = f"{source.earliest:,} to {source.latest:,}"
            self._problems[STEP] = f"the run can be forked at the steps {reach}"
        elif not self._problems and self._typed()["steps"] < self._step:
            self._problems["steps"] = f"must be {self._step:,} or more: so many are done already"
        for field in self.query(ForkField):
            words = self._problems.get(str(field.name), "")
            field.show("type a number" if words and not field.input.value.strip() else words)
        self._explain()
        self._say()

    def on_descendant_focus(self) -> None:
        self._explain()

    def _explain(self) -> None:
        """What has the focus, in words."""
        focused, words = self.focused, ""
        name = (focused.name or focused.id or "") if focused is not None else ""
        setting = form.settings().get(name)
        if setting is not None:
            words = f"{setting.help[:1].upper()}{setting.help[1:]}."
        elif name == STEP:
            words = "The fork begins here; at step 0 everything may change."
        elif name.startswith("suggest-"):
            one = self._suggested[int(name.removeprefix("suggest-"))]
            start = " From step 0." if one.from_start and self._source.step else ""
            words = f"{one.why}{start}"
        elif isinstance(focused, Choice):
            entry = self._entry_of(focused)
            words = f"{visible(entry.name)}: {visible(entry.summary)}" if entry else ""
        self.query_one("#fork-help", Static).update(words)

    def _entry_of(self, choice: Choice) -> Entry | None:
        kind = next((k for k in ("engine", *dict(KINDS)) if k == choice.name), None)
        return self._entry(kind, choice.value or "") if kind is not None else None

    def _say(self) -> None:
        """What changes, and what that means."""
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
        asked = self._changes
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
        event.prevent_default()  # the dialog's own handler accepts, whichever button it was
        name = event.button.id or ""
        if name.startswith("suggest-"):
            await self._take(self._suggested[int(name.removeprefix("suggest-"))])
        else:
            self._answer(name == "fork-race")

    async def _take(self, one: Suggestion) -> None:
        """This change, and no other."""
        if one.from_start:
            self.query_one("#fork-step", NumberInput).value = "0"
            self._move("0")
        self._hold_back()
        for field in self.query(ForkField):
            field.put(one.value if field.name == one.field else self._present[str(field.name)])
        for row in self.query(Contributed):
            chosen = one.value if row.name == one.field else self._present[str(row.name)]
            await row.put(str(chosen["name"]))
        self.query_one(EngineChoice).set_value(str(self._present[form.ENGINE]))
        self._check()

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
            bad = [field for field in self.query(ForkField) if field.problem.display]
            self.set_focus(bad[0].input if bad else self.query_one("#fork-step", NumberInput))
            self.app.bell()
            return
        self.dismiss(ForkChoice(self._changes, race, self._step))


def consequence(changes: Mapping[str, Any], step: int) -> str:
    """What a fork with these changes is like, in a sentence or two."""
    from playground.lab.fork import REPLAYED

    if not changes:
        return "Nothing is changed yet: a fork goes on as this run does, bit for bit."
    if step == 0:
        return "A run of its own, from step 0."
    words = f"A run of its own, from step {step:,} on"
    if set(changes) <= REPLAYED:
        return f"{words}; b still leads to the steps before that."
    words += "; the steps before that cannot be gone back to."
    if "seed" in changes:
        words += " Another seed holds out other documents: some were trained on already."
    return words
