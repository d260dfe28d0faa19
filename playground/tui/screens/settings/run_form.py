"""The rows for the settings of a run, and the form that the settings and the fork dialog share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Generic

from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from playground.catalog import Catalog, Entry, Kind
from playground.tui.screens.dialog import Dialog, Line, Result, error
from playground.tui.screens.pick.knobform import KnobForm
from playground.tui.screens.pick.lists import entry_name
from playground.tui.screens.settings import form as form
from playground.tui.screens.settings.form import ENGINE, Setting
from playground.tui.widgets.control import Choice
from playground.tui.widgets.literal_input import LiteralInput
from playground.tui.widgets.text import fit
from playground.widths import cell_len

LABEL = 19
ALLOWED = 15
NARROW = 68
"""Cells below which there is no room for the usual range beside the allowed one."""


class NumberInput(LiteralInput):
    """A number. A shifted arrow changes it, a plain arrow moves to the field above or below."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("shift+up,ctrl+up", "nudge(1)", "nudge", key_display="shift+↑↓",
                id="settings.more", tooltip="The next sensible value"),
        Binding("shift+down,ctrl+down", "nudge(-1)", "less", id="settings.less", show=False,
                tooltip="The next value down"),
    ]  # fmt: skip

    class Nudged(Message):
        """The person asks for the next value up (direction 1) or down (-1)."""

        def __init__(self, field: NumberInput, direction: int) -> None:
            super().__init__()
            self.field, self.direction = field, direction

    def action_nudge(self, direction: int) -> None:
        self.post_message(self.Nudged(self, direction))


class Field(Vertical):
    """A setting on one line, and what is wrong with the typed value on the next."""

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
        """The typed number; the typed text if it is no number."""
        return form.parsed(self.setting, self.input.value)

    def on_resize(self) -> None:
        self.show(self._sentence)

    def show(self, problem: str) -> None:
        """Show the range, or what a changed value was before, and the sentence of a problem."""
        self._sentence = problem
        setting, value = self.setting, self.value
        is_changed = value != self._present
        first = f"was {form.written(self._present)}" if is_changed else setting.allowed_text
        usual = (f"  {setting.usual_text}", "")
        if not problem and setting.usual_text and setting.unusual(value):
            usual = (f"! {setting.usual_text}", "$text-warning")
        if 0 < self.size.width < NARROW:  # there is room for one of the two
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


class RowChoice(Choice):
    """Which contribution of a kind; enter accepts the dialog, as in every other row."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "screen.accept", "apply", show=False, id="settings.engine-apply"),
    ]

    def __init__(self, kind: Kind, label: str, names: list[str], present: str) -> None:
        super().__init__(label, names, present, label_width=LABEL, name=kind)
        self.kind: Kind = kind


class EngineChoice(RowChoice):
    """Which engine computes."""


class Contributed(Vertical):
    """Which contribution of a kind, and its knobs."""

    DEFAULT_CSS = "Contributed { height: auto; }"

    class Changed(Message):
        """The person chose another contribution, or turned a knob."""

    def __init__(
        self,
        kind: Kind,
        label: str,
        names: list[str],
        present: Mapping[str, Any],
        find: Callable[[str], Entry | None],
    ) -> None:
        """present: as RunSpec holds it, {"name": ..., "options": {...}}."""
        super().__init__(name=kind)
        self._present, self._find = dict(present), find
        self.choice = RowChoice(kind, label, names, str(present["name"]))
        self.knobs = KnobForm(notes=False)
        self.knobs.display = False

    def compose(self) -> Iterable[Widget]:
        yield self.choice
        yield self.knobs

    async def on_mount(self) -> None:
        await self._show()

    async def _show(self) -> None:
        """Draw the knobs of the chosen contribution."""
        entry = self._find(self.choice.value or "")
        is_present = self.choice.value == self._present["name"]
        controls = entry.controls if entry is not None else ()
        if controls or self.knobs.options:  # else there is nothing to draw or to take away
            await self.knobs.show(controls, self._present["options"] if is_present else {})

    @property
    def value(self) -> dict[str, Any]:
        """The choice as RunSpec holds it; `present` itself if it is the same with no knob turned,
        so that an option that has no knob is kept."""
        name, options = self.choice.value or str(self._present["name"]), self.knobs.changed()
        if name != self._present["name"]:
            return {"name": name, "options": options}
        before = self._present["options"]
        as_before = all(
            value == before[key] if key in before else key not in options
            for key, value in self.knobs.options.items()
        )
        return self._present if as_before else {"name": name, "options": self._turned(options)}

    def _turned(self, options: dict[str, Any]) -> dict[str, Any]:
        """The options once a knob of the present contribution was turned. options: the knobs that
        are not at their defaults."""
        return options

    async def on_choice_changed(self, event: Choice.Changed) -> None:
        if event.choice is self.choice:
            event.stop()
            await self._show()
            self.post_message(self.Changed())

    def on_knob_form_changed(self, event: KnobForm.Changed) -> None:
        event.stop()
        self.post_message(self.Changed())


class Fields(Vertical):
    """All the rows; the arrow keys go through them."""

    DEFAULT_CSS = "Fields { height: auto; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "app.focus_previous", "field above", show=False, id="settings.up"),
        Binding("down", "app.focus_next", "field below", show=False, id="settings.down"),
    ]


class RunForm(Dialog[Result], Generic[Result]):
    """A dialog of rows for the settings of a run.

    Checks all rows at each change, says what is wrong beside a field, and explains the row with the
    focus in #form-help. A subclass sets `_present` before it makes rows, and says in `_say` what
    comes of the values.
    """

    DEFAULT_CSS = """
    RunForm {
        &.-low #dialog-foot { margin: 0; }
        #dialog { max-width: 92; }
        .settings-group { margin: 1 0 0 0; text-style: bold; }
        #form-help { color: $text-muted; margin: 1 0 0 0; }
        &.-low #form-help { margin: 0; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._present: dict[str, Any] = {}
        """The values in force, by dotted field."""
        self._problems: dict[str, str] = {}
        """A sentence for each row that is wrong, by dotted field."""
        self._explained: dict[str, str] = {}
        """Words for what is no row, by the widget's name or id."""

    @property
    def catalog(self) -> Catalog | None:
        """What there is to choose from; a plugin may be saved while the form is open."""
        raise NotImplementedError

    @property
    def spec(self) -> Mapping[str, Any] | str:
        """The RunSpec that the typed values are put into, as JSON values or text."""
        raise NotImplementedError

    # ------------------------------------------------------------ rows

    def _names(self, kind: Kind, present: str) -> list[str]:
        """The names of a kind that can be chosen, the present one in any case."""
        entries = tuple(e for e in self.catalog.of(kind) if not e.missing) if self.catalog else ()
        names = [entry_name(entry, entries) for entry in entries]
        return names if present in names else [present, *names]

    def _entry(self, kind: Kind, name: str) -> Entry | None:
        return self.catalog.find(kind, name) if self.catalog else None

    def _engine_row(self) -> EngineChoice:
        present = str(self._present[ENGINE])
        return EngineChoice("engine", ENGINE, self._names("engine", present), present)

    def _contributed_row(
        self, kind: Kind, label: str, row: type[Contributed] = Contributed
    ) -> Contributed:
        present = self._present[kind]
        names = self._names(kind, str(present["name"]))
        return row(kind, label, names, present, lambda name: self._entry(kind, name))

    def _typed(self) -> dict[str, Any]:
        """The value of every row, by dotted field."""
        typed: dict[str, Any] = {str(field.name): field.value for field in self.query(Field)}
        typed |= {str(row.name): row.value for row in self.query(Contributed)}
        typed[ENGINE] = self.query_one(EngineChoice).value or self._present[ENGINE]
        return typed

    # ------------------------------------------------------------ checking

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._check()

    def on_choice_changed(self, event: Choice.Changed) -> None:
        event.stop()
        self._check()

    def on_contributed_changed(self, event: Contributed.Changed) -> None:
        event.stop()
        self._check()

    def on_number_input_nudged(self, event: NumberInput.Nudged) -> None:
        event.stop()
        event.field.value = self._nudged(str(event.field.name), event.direction)
        event.field.cursor_position = len(event.field.value)

    def _nudged(self, name: str, direction: int) -> str:
        """What the field of that name holds after a nudge up (1) or down (-1)."""
        typed = self._typed()
        return form.written(form.nudged(form.settings()[name], typed[name], direction, typed))

    def _check(self) -> None:
        """Find what is wrong, and say it beside each field."""
        typed = self._typed()
        self._problems = self._wrong(typed)
        for field in self.query(Field):
            words = self._problems.get(str(field.name), "")
            field.show("type a number" if words and not field.input.value.strip() else words)
        self._explain()
        self._say(typed)

    def _wrong(self, typed: Mapping[str, Any]) -> dict[str, str]:
        """A sentence for each typed value that cannot be, by dotted field: a text that is no
        number, or a value that RunSpec refuses."""
        from playground.lab.spec import RunSpec, SpecError

        problems: dict[str, str] = {}
        try:
            RunSpec.parse(self.spec).replace(typed)
        except SpecError as problem:
            problems |= problem.problems
        for name, setting in form.settings().items():
            if isinstance(text := typed.get(name), str):
                problems[name] = form.unread(setting, text)
        return problems

    def _say(self, typed: Mapping[str, Any]) -> None:
        """Say what comes of the typed values, or that a problem stands in the way."""
        raise NotImplementedError

    def _refuse(self, otherwise: Widget | None = None) -> None:
        """Ring the bell, and go to the first field that is marked as wrong, or to `otherwise`."""
        marked = [field.input for field in self.query(Field) if field.problem.display]
        target = marked[0] if marked else otherwise
        if target is not None:
            self.set_focus(target)
        self.app.bell()

    # ------------------------------------------------------------ explaining

    def on_descendant_focus(self) -> None:
        self._explain()

    def _explain(self) -> None:
        """Explain what has the focus."""
        focused, known = self.focused, form.settings()
        name = (focused.name or focused.id or "") if focused is not None else ""
        if name in known:
            words = self._setting_words(known[name])
        elif isinstance(focused, RowChoice):
            words = self._choice_words(focused.kind, focused.value or "")
        else:
            words = self._explained.get(name, "")
        self.query_one("#form-help", Static).update(words)

    def _setting_words(self, setting: Setting) -> str:
        return f"{setting.help[:1].upper()}{setting.help[1:]}."

    def _choice_words(self, kind: Kind, chosen: str) -> str:
        """Explain the contribution that a row stands at."""
        raise NotImplementedError
