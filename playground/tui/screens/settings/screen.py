"""Every hyperparameter, its range, and what changing it costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from rich.cells import cell_len
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Button, Input, Static

from playground.catalog import Entry, Kind, KnobValue
from playground.tui.model import PlaygroundModel
from playground.tui.screens.dialog import MUTED, Dialog, Line, error
from playground.tui.screens.pick.knobform import KnobForm
from playground.tui.screens.pick.lists import entry_name
from playground.tui.screens.settings import form as form
from playground.tui.screens.settings.form import ENGINE, SCHEDULE, Setting
from playground.tui.widgets.control import Choice
from playground.tui.widgets.ordered_input import OrderedInput
from playground.tui.widgets.text import fit, visible

LABEL = 19
ALLOWED = 15
NARROW = 68
"""Cells below which there is no room for the usual range beside the allowed one."""


class NumberInput(OrderedInput):
    """One number. Shifted arrows change it, plain ones move to the fields above and below."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("shift+up,ctrl+up", "nudge(1)", "nudge", key_display="shift+↑↓",
                id="settings.more", tooltip="The next sensible value"),
        Binding("shift+down,ctrl+down", "nudge(-1)", "less", id="settings.less", show=False,
                tooltip="The next value down"),
    ]  # fmt: skip

    class Nudged(Message):
        """One step up or down is asked for."""

        def __init__(self, field: NumberInput, direction: int) -> None:
            super().__init__()
            self.field, self.direction = field, direction

    def action_nudge(self, direction: int) -> None:
        self.post_message(self.Nudged(self, direction))


class RowChoice(Choice):
    """One of several; enter applies, as in every other field."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "screen.accept", "apply", show=False, id="settings.engine-apply"),
    ]


class EngineChoice(RowChoice):
    """Which engine computes."""


class ScheduleChoice(RowChoice):
    """How the learning rate changes over the run."""


class Field(Vertical):
    """A setting on one line, and what is wrong with it on the next."""

    DEFAULT_CSS = """
    Field {
        height: auto;
        .field-line { height: 1; }
        .field-label { width: 23; }
        .field-range { width: 1fr; margin: 0 0 0 2; color: $text-muted; text-wrap: nowrap;
                       text-overflow: ellipsis; }
        NumberInput { width: 10; }
        .field-problem { height: auto; margin: 0 0 0 23; }
        &:focus-within .field-label { text-style: bold; }
    }
    """

    def __init__(self, setting: Setting, present: object) -> None:
        super().__init__(name=setting.dotted)
        self.setting, self._present = setting, present
        self.input = NumberInput(form.written(present), name=setting.dotted, compact=True)
        self._label = Static(classes="field-label", markup=False)
        self._range = Static(classes="field-range", markup=False)
        self._sentence = ""
        self.problem = Line(classes="field-problem")

    def compose(self) -> Iterable[Widget]:
        with Horizontal(classes="field-line"):
            yield self._label
            yield self.input
            yield self._range
        yield self.problem

    def on_mount(self) -> None:
        self._point()
        self.show("")

    def on_descendant_focus(self) -> None:
        self._point()

    def on_descendant_blur(self) -> None:
        self._point()

    def _point(self) -> None:
        pointer = "›" if self.input.has_focus else " "
        self._label.update(f"{pointer} {fit(self.setting.label, LABEL)}")

    @property
    def value(self) -> object:
        """What is typed, as a number where it is one."""
        return form.parsed(self.setting, self.input.value)

    def on_resize(self) -> None:
        self.show(self._sentence)

    def show(self, problem: str) -> None:
        """The range, what it was before, and the sentence of a problem."""
        self._sentence = problem
        setting, value = self.setting, self.value
        is_changed = value != self._present
        first = f"was {form.written(self._present)}" if is_changed else setting.allowed_text
        usual = (f"  {setting.usual_text}", "")
        if not problem and setting.usual_text and setting.unusual(value):
            usual = (f"! {setting.usual_text}", "$text-warning")
        if 0 < self.size.width < NARROW:  # one of the two has to do
            first, usual = ("", usual) if usual[1] else (first, ("", ""))
        self._range.update(
            Content.assemble(
                (
                    fit(first, max(ALLOWED if first else 0, cell_len(first))),
                    "$text-primary" if is_changed else "",
                ),
                usual,
            )
        )
        self.problem.say(error(problem) if problem else "")


class Fields(Vertical):
    """All the fields; the arrow keys go through them."""

    DEFAULT_CSS = "Fields { height: auto; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "app.focus_previous", "field above", show=False, id="settings.up"),
        Binding("down", "app.focus_next", "field below", show=False, id="settings.down"),
    ]


class SettingsScreen(Dialog[dict[str, KnobValue] | None]):
    """Dismissed with what was changed, by dotted RunSpec field; None if nothing was."""

    HEADING = "Settings"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "accept", "apply", id="settings.apply", tooltip="Apply the changes"),
        Binding("ctrl+r", "defaults", "defaults", id="settings.defaults",
                tooltip="Every setting as microgpt has it"),
    ]  # fmt: skip
    DEFAULT_CSS = """
    SettingsScreen {
        &.-low #dialog-foot { margin: 0; }
        #dialog { max-width: 92; }
        &.-low #dialog { height: 100%; }
        &.-low #dialog-body { height: 1fr; }
        #settings-scroll { height: auto; max-height: 60vh; }
        &.-low #settings-scroll { height: 1fr; max-height: 100%; }
        .settings-group { margin: 1 0 0 0; text-style: bold; }
        .-first { margin: 0; }
        #settings-help { height: 2; color: $text-muted; margin: 1 0 0 0; }
        &.-low #settings-help { margin: 0; border-top: solid $foreground 15%; height: 3; }
        #settings-cost, #settings-effect { height: auto; }
    }
    """

    def __init__(self, model: PlaygroundModel) -> None:
        super().__init__()
        self._model = model
        self._present: dict[str, Any] = {}
        self._typed: dict[str, Any] = {}
        self._problems: Mapping[str, str] = {}

    # ------------------------------------------------------------ what there is

    def body(self) -> Iterable[Widget]:
        self._read_present()
        known = form.settings()
        lines: list[Widget] = []
        for group, names in form.GROUPS:
            lines.append(
                Static(group, classes="settings-group" + ("" if lines else " -first"), markup=False)
            )
            lines += [Field(known[name], self._present[name]) for name in names]
            if group == form.SCHEDULED:
                lines += self._schedule_rows()
        lines.append(
            EngineChoice(
                ENGINE, self._names("engine", str(self._present[ENGINE])),
                str(self._present[ENGINE]), label_width=LABEL, name=ENGINE,
            )
        )  # fmt: skip
        yield VerticalScroll(Fields(*lines), id="settings-scroll", can_focus=False)
        yield Static(id="settings-help", markup=False)
        yield Static(id="settings-cost", markup=False)
        yield Static(id="settings-effect", markup=False)

    def _schedule_rows(self) -> Iterable[Widget]:
        present = str(self._present[SCHEDULE]["name"])
        yield ScheduleChoice(
            SCHEDULE, self._names("schedule", present), present, label_width=LABEL, name=SCHEDULE
        )
        knobs = KnobForm(notes=False, id="settings-schedule-knobs")
        knobs.display = False
        yield knobs

    def _read_present(self) -> None:
        from playground.lab.spec import RunSpec

        values = RunSpec.parse(self._model.spec).model_dump()
        names = [name for _, group in form.GROUPS for name in group]
        self._present = {name: form.value_at(values, name) for name in [*names, SCHEDULE, ENGINE]}
        self._spec = dict(self._present)
        frame = self._model.frame
        if frame is not None:  # it may have been changed while running
            self._present["optimizer.learning_rate"] = frame.base_learning_rate
            self._present[ENGINE] = self._model.engine
        self._typed = dict(self._present)

    def _names(self, kind: Kind, present: str) -> list[str]:
        """What may be chosen, with what is there now."""
        catalog = self._model.catalog
        entries = tuple(e for e in catalog.of(kind) if not e.missing) if catalog else ()
        names = [entry_name(entry, entries) for entry in entries]
        return names if present in names else [present, *names]

    def buttons(self) -> Iterable[Widget]:
        yield Button("Apply", compact=True, id="settings-apply")

    def on_mount(self) -> None:
        self.set_focus(self.query(NumberInput).first())
        entry = self._entry("schedule", self._present[SCHEDULE]["name"])
        if entry is not None and entry.controls:
            self.call_later(self._show_schedule)
        self._check()

    # ------------------------------------------------------------ checking

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._check()

    async def on_choice_changed(self, event: Choice.Changed) -> None:
        event.stop()
        if event.choice.name == SCHEDULE:
            await self._show_schedule()
        self._check()

    def on_knob_form_changed(self, event: KnobForm.Changed) -> None:
        event.stop()
        self._check()

    async def _show_schedule(self) -> None:
        """The knobs of the schedule that is chosen."""
        entry = self._entry("schedule", self.query_one(ScheduleChoice).value)
        present = self._present[SCHEDULE]
        is_present = self.query_one(ScheduleChoice).value == present["name"]
        options = present["options"] if is_present else {}
        knobs, controls = self.query_one(KnobForm), entry.controls if entry else ()
        if controls or knobs.options:  # else there is nothing to draw, and nothing to take away
            await knobs.show(controls, options)
            self._check()

    def _schedule(self) -> Any:
        """The schedule as RunSpec holds it; the very same as now if nothing was turned."""
        knobs, present = self.query_one(KnobForm), self._present[SCHEDULE]
        name = self.query_one(ScheduleChoice).value or present["name"]
        if name == present["name"]:
            turned = {
                key
                for key, value in knobs.options.items()
                if value != present["options"].get(key, value) or key in knobs.changed()
            }
            if all(knobs.options[key] == present["options"].get(key) for key in turned):
                return present
        return {"name": name, "options": knobs.changed()}

    def _entry(self, kind: Kind, name: object) -> Entry | None:
        catalog = self._model.catalog
        return catalog.find(kind, str(name)) if catalog else None

    def on_number_input_nudged(self, event: NumberInput.Nudged) -> None:
        event.stop()
        setting = form.settings()[str(event.field.name)]
        value = self._typed[setting.dotted]
        event.field.value = form.written(form.nudged(setting, value, event.direction, self._typed))
        event.field.cursor_position = len(event.field.value)

    def _check(self) -> None:
        from playground.lab.spec import RunSpec, SpecError

        fields = {str(field.name): field for field in self.query(Field)}
        self._typed = {name: field.value for name, field in fields.items()}
        self._typed[SCHEDULE] = self._schedule()
        self._typed[ENGINE] = self.query_one(EngineChoice).value or self._present[ENGINE]
        self._problems = {}
        try:
            RunSpec.parse(self._model.spec).replace(self._typed)
        except SpecError as problem:
            self._problems = problem.problems
        for name, field in fields.items():
            words = self._problems.get(name, "")
            field.show("type a number" if words and not field.input.value.strip() else words)
        self._explain()
        self._say_cost()

    def on_descendant_focus(self) -> None:
        self._explain()

    def _explain(self) -> None:
        """What the field with the focus is, in words."""
        name = self.focused.name if self.focused is not None else None
        words = self.query_one("#settings-help", Static)
        setting = form.settings().get(name or "")
        if setting is not None:
            usual = f", {setting.usual_text}" if setting.usual_text else ""
            sentence = setting.help[:1].upper() + setting.help[1:]
            words.update(f"{sentence}. Allowed: {setting.allowed_text}{usual}.")
        elif name == ENGINE:
            words.update(self._entry_words("engine", self._typed.get(ENGINE, "")))
        elif name == SCHEDULE:
            chosen = self.query_one(ScheduleChoice).value
            words.update(self._entry_words("schedule", chosen))
        else:
            words.update("")

    def _entry_words(self, kind: Kind, chosen: object) -> str:
        entry = self._entry(kind, chosen)
        if entry is None:
            return f"{visible(str(chosen))} is not installed"
        return f"{visible(entry.name)}: {visible(entry.summary)} ({visible(entry.origin)})"

    def _changes(self) -> dict[str, Any]:
        return form.changed(self._typed, self._present, self._spec)

    def _say_cost(self) -> None:
        cost = self.query_one("#settings-cost", Static)
        effect = self.query_one("#settings-effect", Static)
        if self._problems:
            count = len(self._problems)
            words = "1 setting cannot be" if count == 1 else f"{count} settings cannot be"
            elsewhere = [text for name, text in self._problems.items() if name not in self._typed]
            cost.update(error(f"{words} as typed" + "".join(f"; {text}" for text in elsewhere)))
            effect.update("Mend what is marked ✗ to apply.")
            return
        from playground.tui.screens.settings.cost import Cost, cost_words

        now = Cost.of(self._model, self._present)
        then = Cost.of(self._model, self._typed)
        cost.update(cost_words(now, then))
        labels = {name: setting.label for name, setting in form.settings().items()}
        words = form.consequence(self._changes(), labels, self._model.step)
        effect.update(Content.styled(words, "" if self._changes() else MUTED))

    # ------------------------------------------------------------ answers

    def accept(self) -> None:
        self._check()
        if self._problems:
            bad = [field for field in self.query(Field) if field.problem.display]
            if bad:
                self.set_focus(bad[0].input)
            self.app.bell()
            return
        self.dismiss(self._changes() or None)

    def action_defaults(self) -> None:
        for field in self.query(Field):
            field.input.value = form.written(field.setting.default)
        engine = self.query_one(EngineChoice)
        engine.set_value("vector")
        self.query_one(ScheduleChoice).set_value("linear")
        self._check()
