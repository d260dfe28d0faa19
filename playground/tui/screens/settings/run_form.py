"""The form for the settings of a run, which the settings and the fork dialog share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Generic

from textual.containers import VerticalScroll
from textual.widgets import Static
from typing_extensions import override

from microgpt.config import OPTIMIZERS, PARTS, without
from playground.catalog import Catalog, Entry, Kind
from playground.tui.screens.dialog import Dialog, Result
from playground.tui.screens.pick.lists import entry_name
from playground.tui.screens.settings import form as form
from playground.tui.screens.settings.form import (
    ENGINE,
    MODEL_PARTS,
    MOMENTS,
    OPTIMIZER,
    RATE,
    Setting,
    number,
)
from playground.tui.screens.settings.row_sheet import RowSheet
from playground.tui.screens.settings.rows import (
    ChipsRow,
    ChoiceRow,
    Contributed,
    Fold,
    KnobRow,
    NumberRow,
    Row,
    WordRow,
)
from playground.tui.widgets.text import visible

THERE, LEFT_OUT = "there", "left out"
NO_USE = "SGD has no use for it"


class RunForm(Dialog[Result], Generic[Result]):
    """A dialog of rows for the settings of a run.

    Checks all rows at each change, says what is wrong under a row, and explains the row with the
    cursor in #form-help. A subclass sets `_present` before it makes rows, puts them into
    `_groups`, and says in `_say` what comes of the values.
    """

    DEFAULT_CSS = """
    RunForm {
        &.-low #dialog-foot { margin: 0; }
        #dialog { max-width: 92; }
        #form-help { color: $text-muted; margin: 1 0 0 0; }
        &.-low #form-help { margin: 0; border-top: solid $foreground 15%; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._present: dict[str, Any] = {}
        """The values in force, by dotted field."""
        self._problems: dict[str, str] = {}
        """A sentence for each row that is wrong, by dotted field."""
        self.numbers: dict[str, NumberRow] = {}
        """The rows of numbers, by dotted field."""
        self.contributed: dict[str, Contributed] = {}
        """The rows of contributions, by kind."""
        self.engine: ChoiceRow | None = None
        self.parts: dict[str, WordRow] = {}
        """The rows of the model's parts, by part."""
        self.optimizer: WordRow | None = None
        self._groups: list[Row | Contributed] = []
        self.sheet = RowSheet(self._rows, self._typed)

    @property
    def catalog(self) -> Catalog | None:
        """What there is to choose from; a plugin may be saved while the form is open."""
        raise NotImplementedError

    @property
    def spec(self) -> Mapping[str, Any] | str:
        """The RunSpec that the typed values are put into, as JSON values or text."""
        raise NotImplementedError

    # ------------------------------------------------------------ rows

    def scroll(self, id: str) -> VerticalScroll:
        """The rows, in a part of the dialog that scrolls."""
        return VerticalScroll(self.sheet, id=id, can_focus=False)

    def _rows(self) -> Iterable[Row]:
        for one in self._groups:
            yield from one.rows if isinstance(one, Contributed) else (one,)

    def _number(self, dotted: str) -> NumberRow:
        row = NumberRow(form.settings()[dotted], self._present[dotted])
        self.numbers[dotted] = row
        return row

    def _names(self, kind: Kind, present: str) -> list[str]:
        """The names of a kind that can be chosen, the present one in any case."""
        entries = tuple(e for e in self.catalog.of(kind) if not e.missing) if self.catalog else ()
        names = [entry_name(entry, entries) for entry in entries]
        return names if present in names else [present, *names]

    def _entry(self, kind: Kind, name: str) -> Entry | None:
        return self.catalog.find(kind, name) if self.catalog else None

    def _engine_row(self) -> ChoiceRow:
        present = str(self._present[ENGINE])
        self.engine = ChoiceRow(ENGINE, ENGINE, self._names("engine", present), present)
        return self.engine

    def _part_rows(self) -> Fold:
        """A row for each part of the model, folded up."""
        from playground.lab.spec import WITHOUT

        for part in PARTS:
            words = f"Without {part} {WITHOUT[part]}."
            there = THERE if part in self._present[MODEL_PARTS] else LEFT_OUT
            name = f"{MODEL_PARTS}.{part}"
            row = WordRow(name, part, (THERE, LEFT_OUT), there, lambda _, words=words: words)  # type: ignore[misc]
            self.parts[part] = row
        return Fold("Parts", tuple(self.parts.values()), self._told_of_parts)

    def _told_of_parts(self) -> str:
        left_out = [part for part in PARTS if self.parts[part].chosen == LEFT_OUT]
        return without(left_out) or "the whole model"

    def _optimizer_row(self) -> WordRow:
        from playground.lab.spec import OPTIMIZER_WORDS, RATES

        def told(name: str) -> str:
            usual = number(RATES[name])  # type: ignore[index]
            return f"{name}: {OPTIMIZER_WORDS[name]}; its usual learning rate is {usual}."  # type: ignore[index]

        present = str(self._present[OPTIMIZER])
        self.optimizer = WordRow(OPTIMIZER, "optimizer", OPTIMIZERS, present, told)
        self.optimizer.on_change = self._propose_rate
        return self.optimizer

    def _propose_rate(self) -> None:
        """Put the usual learning rate of the chosen optimizer in the place of another one's."""
        from playground.lab.spec import RATES

        assert self.optimizer is not None
        row, chosen = self.numbers[RATE], self.optimizer.chosen
        if row.value in [rate for name, rate in RATES.items() if name != chosen]:
            row.put(RATES[chosen])  # type: ignore[index]

    def _fit_to_optimizer(self) -> None:
        """Give the learning rate its usual range, and lock what SGD has no use for."""
        if self.optimizer is None:
            return
        self.numbers[RATE].setting = form.rate_setting(self.optimizer.chosen)
        for name in MOMENTS:
            row = self.numbers[name]
            if row.locked in ("", NO_USE):
                row.hold(NO_USE if self.optimizer.chosen == "sgd" else "")

    def _contributed(self, kind: Kind, label: str) -> Contributed:
        present = self._present[kind]
        names = self._names(kind, str(present["name"]))
        rows = Contributed(kind, label, names, present, lambda name: self._entry(kind, name))
        self.contributed[kind] = rows
        return rows

    def _typed(self) -> dict[str, Any]:
        """The value of every row, by dotted field."""
        typed: dict[str, Any] = {dotted: row.value for dotted, row in self.numbers.items()}
        typed |= {kind: rows.value for kind, rows in self.contributed.items()}
        typed[ENGINE] = self.engine.chosen if self.engine is not None else self._present[ENGINE]
        if self.parts:
            there = tuple(part for part in PARTS if self.parts[part].chosen == THERE)
            typed[MODEL_PARTS] = there
        if self.optimizer is not None:
            typed[OPTIMIZER] = self.optimizer.chosen
        return typed

    def put(self, dotted: str, text: str) -> None:
        """Put a text into the row of that name, as a person who types it."""
        self.sheet.row(dotted).type(text)
        self.sheet.again()
        self._check()

    # ------------------------------------------------------------ checking

    def on_row_sheet_edited(self, event: RowSheet.Edited) -> None:
        event.stop()
        self._check()

    def on_row_sheet_moved(self, event: RowSheet.Moved) -> None:
        event.stop()
        self._explain()

    def _check(self) -> None:
        """Find what is wrong, and say it under each row."""
        self._fit_to_optimizer()
        typed = self._typed()
        self._problems = self._wrong(typed)
        for row in self.sheet.rows:
            if isinstance(row, KnobRow):
                if row.problem and not row.locked:
                    self._problems[row.name] = f"{row.label.strip()} {row.problem}"
            elif row.typed or row is self.engine:
                words = self._problems.get(row.name, "")
                empty = row.typed and not row.text.strip()
                row.problem = "type a number" if words and empty else words
        self.sheet.again()
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
        if not problems and (why := self._why_unable(typed)):
            problems[ENGINE] = why
        return problems

    def _why_unable(self, typed: Mapping[str, Any]) -> str:
        """Why the chosen engine cannot train the typed model; "" if it can."""
        entry = self._entry("engine", str(typed[ENGINE]))
        if entry is None or self.catalog is None or not self.parts:
            return ""
        lacking = [part for part in PARTS if part not in typed[MODEL_PARTS]]
        why = self.catalog.why_unable(entry, (*lacking, *self._unlike_adam(typed)))
        return why and f"{visible(entry.name)} {why}"

    def _unlike_adam(self, typed: Mapping[str, Any]) -> tuple[str, ...]:
        return () if typed.get(OPTIMIZER, "adam") == "adam" else (str(typed[OPTIMIZER]),)

    def _say(self, typed: Mapping[str, Any]) -> None:
        """Say what comes of the typed values, or that a problem stands in the way."""
        raise NotImplementedError

    def _refuse(self, otherwise: str = "") -> None:
        """Ring the bell, and go to the first row that is marked as wrong, or to `otherwise`."""
        marked = [row.name for row in self.sheet.rows if row.problem and not row.locked]
        target = marked[0] if marked else otherwise
        if target:
            self.sheet.put_cursor(target)
        self.app.bell()

    # ------------------------------------------------------------ explaining

    def _explain(self) -> None:
        """Explain the row with the cursor."""
        row, known = self.sheet.current, form.settings()
        words = ""
        if isinstance(row, ChipsRow):
            words = f"{row.chips[row.at].why} space takes it." if row.chips else ""
        elif isinstance(row, KnobRow):
            words = visible(row.control.help)
        elif isinstance(row, WordRow):
            words = row.told(row.chosen)
        elif isinstance(row, ChoiceRow):
            words = self._choice_words(row.name, row.chosen)  # type: ignore[arg-type]
        elif isinstance(row, Fold):
            words = "Space folds these rows up." if row.open else "Space opens these rows."
        elif isinstance(row, NumberRow) and row.name in known:
            words = self._setting_words(row.setting)
        elif isinstance(row, NumberRow):
            words = row.setting.help
        self.query_one("#form-help", Static).update(words)

    def _setting_words(self, setting: Setting) -> str:
        return f"{setting.help[:1].upper()}{setting.help[1:]}."

    def _choice_words(self, kind: Kind, chosen: str) -> str:
        """Explain the contribution that a row stands at."""
        raise NotImplementedError

    @override
    def action_accept(self) -> None:
        self.sheet.commit()
        self.accept()
