"""The settings dialog: every hyperparameter, its range, and what changing it costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Static
from typing_extensions import override

from playground.catalog import Catalog, Kind, KnobValue
from playground.tui.model import PlaygroundModel
from playground.tui.screens.dialog import MUTED, error
from playground.tui.screens.settings import form as form
from playground.tui.screens.settings.form import ENGINE, SCHEDULE, Setting
from playground.tui.screens.settings.rows import Fold, Row, Title
from playground.tui.screens.settings.run_form import THERE, RunForm
from playground.tui.widgets.text import visible


class SettingsScreen(RunForm[dict[str, KnobValue] | None]):
    """Edits the settings; dismissed with the changed values by dotted field, or with None."""

    HEADING = "Settings"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "accept", "apply", id="settings.apply", tooltip="Apply the changes"),
        Binding("ctrl+r", "defaults", "defaults", id="settings.defaults",
                tooltip="Every setting as microgpt has it"),
    ]  # fmt: skip
    DEFAULT_CSS = """
    SettingsScreen {
        &.-low #dialog { height: 100%; }
        &.-low #dialog-body { height: 1fr; }
        #settings-scroll { height: auto; max-height: 60vh; }
        &.-low #settings-scroll { height: 1fr; max-height: 100%; }
        #form-help { height: 2; }
        &.-low #form-help { height: 3; }
        #settings-cost, #settings-effect { height: auto; }
    }
    """

    def __init__(self, model: PlaygroundModel) -> None:
        super().__init__()
        self._model = model
        self._at_opening: dict[str, Any] = {}
        """The values that the run was opened with, by dotted field."""

    @property
    @override
    def catalog(self) -> Catalog | None:
        return self._model.catalog

    @property
    @override
    def spec(self) -> Mapping[str, Any]:
        return self._model.spec

    # ------------------------------------------------------------ what there is

    def body(self) -> Iterable[Widget]:
        self._read_present()
        for group, names in form.GROUPS:
            numbers: list[Row] = [self._number(name) for name in names]
            if group == form.FOLDED:
                self._groups.append(Fold(group, numbers, self._advanced))
                continue
            self._groups += [Title(group), *numbers]
            if group == form.SHAPE:
                self._groups.append(self._part_rows())
            if group == form.SCHEDULED:
                self._groups.append(self._optimizer_row())
                self._groups.append(self._contributed("schedule", SCHEDULE))
            if group == form.LAST:
                self._groups.append(self._engine_row())
        yield self.scroll("settings-scroll")
        yield Static(id="form-help", markup=False)
        yield Static(id="settings-cost", markup=False)
        yield Static(id="settings-effect", markup=False)

    def _advanced(self) -> str:
        """What the folded rows say: those that are not at their defaults."""
        names = dict(form.GROUPS)[form.FOLDED]
        rows = [self.numbers[name] for name in names]
        other = [row for row in rows if row.value != row.setting.default and not row.locked]
        if not other:
            return "at their defaults: " + ", ".join(row.label for row in rows)
        return ", ".join(f"{row.label} {row.text.strip()}" for row in other)

    def _read_present(self) -> None:
        from playground.lab.fork import with_edits
        from playground.lab.spec import RunSpec

        values = RunSpec.parse(self._model.spec).model_dump()
        names = [name for _, group in form.GROUPS for name in group]
        names += [SCHEDULE, ENGINE, form.MODEL_PARTS, form.OPTIMIZER]
        self._at_opening = {name: form.value_at(values, name) for name in names}
        frame = self._model.frame
        if frame is not None:  # these two may have been changed while running
            values = with_edits(values, frame.base_learning_rate, self._model.engine)
        self._present = {name: form.value_at(values, name) for name in names}

    def buttons(self) -> Iterable[Widget]:
        yield Button("Apply", compact=True, id="settings-apply")

    def on_mount(self) -> None:
        self.sheet.put_cursor(form.GROUPS[0][1][0])
        self._check()

    # ------------------------------------------------------------ words

    @override
    def _setting_words(self, setting: Setting) -> str:
        usual = f", {setting.usual_text}" if setting.usual_text else ""
        return f"{super()._setting_words(setting)} Allowed: {setting.allowed_text}{usual}."

    @override
    def _choice_words(self, kind: Kind, chosen: str) -> str:
        entry = self._entry(kind, chosen)
        if entry is None:
            return f"{visible(chosen)} is not installed"
        return f"{visible(entry.name)}: {visible(entry.summary)} ({visible(entry.origin)})"

    def _changes(self, typed: Mapping[str, Any]) -> dict[str, Any]:
        return form.changed(typed, self._present, self._at_opening)

    @override
    def _say(self, typed: Mapping[str, Any]) -> None:
        """Say what a step costs, and what applying the changes means."""
        cost = self.query_one("#settings-cost", Static)
        effect = self.query_one("#settings-effect", Static)
        if self._problems:
            count = len(self._problems)
            words = "1 setting cannot be" if count == 1 else f"{count} settings cannot be"
            elsewhere = [text for name, text in self._problems.items() if name not in typed]
            cost.update(error(f"{words} as typed" + "".join(f"; {text}" for text in elsewhere)))
            effect.update("Mend what is marked ✗ to apply.")
            return
        from playground.tui.screens.settings.cost import Cost, cost_words

        now = Cost.of(self._model, self._present)
        then = Cost.of(self._model, typed)
        cost.update(cost_words(now, then))
        labels = {name: setting.label for name, setting in form.settings().items()}
        changes = self._changes(typed)
        words = form.consequence(changes, labels, self._model.step)
        effect.update(Content.styled(words, "" if changes else MUTED))

    # ------------------------------------------------------------ answers

    @override
    def accept(self) -> None:
        self._check()
        if self._problems:
            self._refuse()
        else:
            self.dismiss(self._changes(self._typed()) or None)

    def action_defaults(self) -> None:
        for part in self.parts.values():
            part.pick(THERE)
        if self.optimizer is not None:
            self.optimizer.pick("adam")
            self._fit_to_optimizer()
        for row in self.numbers.values():
            row.put(row.setting.default)
        if self.engine is not None:
            self.engine.pick("vector")
        self.contributed["schedule"].choice.pick("linear")
        self._check()
