"""The dialog that varies a run: which settings, with which values, how many seeds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, cast

from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Input, Static

from playground.catalog import Kind
from playground.hooks.sources import PluginSources
from playground.lab.fork import flat
from playground.lab.spec import RATE_FIELD, RunSpec, SpecError
from playground.lab.sweep.plan import Plan
from playground.lab.sweep.vary import (
    FIELDS,
    MOST_SEEDS,
    Unplanned,
    count_of,
    planned,
    typed_value,
    values_of,
)
from playground.tui.control.sweeps import processors
from playground.tui.model import PlaygroundModel
from playground.tui.screens.dialog import MUTED, Dialog, Line, error
from playground.tui.screens.settings.cost import Cost
from playground.tui.widgets.literal_input import LiteralInput
from playground.tui.widgets.text import visible
from playground.words import about_seconds, many, read_number

LABEL, NOW = 15, 20
"""Cells of a row before and after its field."""
CHECKED = 2_000
"""Combinations up to which every change is checked at once; beyond that, when the sweep begins."""
RATE, SEEDS, JOBS = "learning_rate", "seeds", "jobs"
MOST_JOBS = 64


@dataclass(frozen=True, slots=True)
class VarySource:
    """The run whose settings are varied."""

    spec: RunSpec
    """As they are in force."""
    name: str
    """What the run is called in the heading; untrusted."""


@dataclass(frozen=True, slots=True)
class VaryChoice:
    """The sweep that the person wants."""

    plan: Plan
    jobs: int


class VaryScreen(Dialog[VaryChoice | None]):
    """Asks what a sweep varies; dismissed with a VaryChoice, or with None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "accept", "begin", id="vary.begin", tooltip="Begin the sweep"),
        Binding("down", "field(1)", "field", key_display="↑↓", id="vary.next",
                tooltip="To the next field"),
        Binding("up", "field(-1)", "field before", show=False, id="vary.before",
                tooltip="To the field before"),
    ]  # fmt: skip
    DEFAULT_CSS = """
    VaryScreen {
        #dialog { max-width: 84; }
        &.-high #dialog { padding: 1 2; }
        #dialog-foot, &.-low #dialog-foot { margin: 0; }
        #vary-rows { height: auto; max-height: 1fr; margin: 1 0 0 0; }
        &.-low #vary-rows { margin: 0; }
        .vary-row { height: 1; }
        .vary-row .label { width: 15; }
        .vary-row .now { width: 20; margin: 0 0 0 2; color: $text-muted; text-wrap: nowrap;
                         text-overflow: ellipsis; }
        .vary-row LiteralInput { width: 1fr; }
        #vary-hint { color: $text-muted; }
        #vary-says { height: auto; min-height: 2; margin: 1 0 0 0; }
        &.-low #vary-says { margin: 0; border-top: solid $foreground 15%; }
    }
    """

    def __init__(self, model: PlaygroundModel, source: VarySource, sources: PluginSources) -> None:
        """model: knows what there is to choose from, and what steps cost."""
        super().__init__()
        self._model, self._source, self._sources = model, source, sources
        self._present = flat(source.spec.model_dump())

    @property
    def heading(self) -> str:
        return f"Vary {self._source.name}"

    @property
    def remark(self) -> str:
        return "the run itself stays as it is"

    def body(self) -> Iterable[Widget]:
        yield Line(
            "Each combination is a new run from step 0. Give a setting several values, with commas "
            "between, or one for all runs; what is empty stays as it is.",
            id="vary-hint",
        )
        rows = [
            self._row(name, self._rates() if name == RATE else "", f"now {self._now(name)}")
            for name in FIELDS
        ]
        rows.append(self._row(SEEDS, "3", f"from {self._source.spec.seed} on"))
        rows.append(self._row(JOBS, str(processors()), "at the same time"))
        yield VerticalScroll(*rows, id="vary-rows", can_focus=False)
        yield Line(id="vary-says")

    def _rates(self) -> str:
        """Three learning rates around the run's own."""
        rate = self._source.spec.optimizer.learning_rate
        return ", ".join(f"{rate * factor:.2g}" for factor in (0.3, 1, 3))

    def _row(self, name: str, value: str, now: str) -> Horizontal:
        field = LiteralInput(
            value, "", compact=True, select_on_focus=False, id=f"vary-{name.replace('_', '-')}"
        )
        return Horizontal(
            Static(name, markup=False, classes="label"),
            field,
            Static(visible(now), markup=False, classes="now"),
            classes="vary-row",
        )

    def _now(self, name: str) -> str:
        field = FIELDS[name][0]
        value = self._present.get(field, self._present.get(f"{field}.name", ""))
        return f"{value:g}" if isinstance(value, float) else str(value)

    def buttons(self) -> Iterable[Widget]:
        yield Button("Begin", compact=True, id="vary-button")

    def on_mount(self) -> None:
        field = self._fields[0]
        self.set_focus(field)
        field.cursor_position = len(field.value)
        self._say()

    # ------------------------------------------------------------ what was typed

    @property
    def _fields(self) -> list[LiteralInput]:
        return list(self.query(LiteralInput))

    def _typed(self, name: str) -> str:
        return self.query_one(f"#vary-{name.replace('_', '-')}", LiteralInput).value.strip()

    def _count(self, name: str, most: int) -> int:
        """A whole number from 1 to `most`. Raises Unplanned."""
        try:
            value = read_number(self._typed(name), whole=True)
        except ValueError:
            value = 0
        if not (isinstance(value, int) and 1 <= value <= most):
            raise Unplanned(f"{name} must be a whole number from 1 to {most}")
        return value

    def _asked(self) -> tuple[RunSpec, dict[str, list[str]], int, int]:
        """(the settings of all runs, the values by the name of their setting, seeds, jobs). Raises
        Unplanned."""
        vary: dict[str, list[str]] = {}
        changes: dict[str, Any] = {}
        for name, (field, kind) in FIELDS.items():
            if not (text := self._typed(name)):
                continue
            values = values_of(name, text)
            if kind is str:
                for value in values:
                    self._chosen(field, value)
            if len(values) > 1:
                vary[name] = values
            else:
                value = typed_value(name, values[0])
                changes[field] = self._chosen(field, value) if kind is str else value
        seeds, jobs = self._count(SEEDS, MOST_SEEDS), self._count(JOBS, MOST_JOBS)
        if not vary:
            raise Unplanned("Nothing is varied: give a setting two values or more")
        # One value may go with the varied ones alone, as 3 heads with widths of 24 and 48.
        held = {
            field: typed_value(name, values[0])
            for name, values in vary.items()
            if (field := FIELDS[name][0]).startswith("model.")
        }
        try:
            spec = self._source.spec.replace({**held, **changes})
        except SpecError as problem:
            raise Unplanned(next(iter(problem.problems.values()))) from None
        return spec, vary, seeds, jobs

    def _chosen(self, field: str, name: str) -> Any:
        """The value of a setting that is a name. Raises Unplanned."""
        catalog = self._model.catalog
        kind = field.partition(".")[0]
        if kind == "optimizer" or catalog is None:
            return name
        present = self._present.get(f"{kind}.name", self._present.get(kind))
        entry = catalog.find(cast(Kind, kind), name)
        if entry is None or entry.missing:
            if name == present:
                return self._source.spec.model_dump()[kind]
            there = ", ".join(
                catalog.shortest(one) for one in catalog.of(cast(Kind, kind)) if not one.missing
            )
            raise Unplanned(f"There is no {kind} {name!r}. There are: {there}")
        if kind == "engine":
            return catalog.shortest(entry)
        own = self._source.spec.model_dump()[kind]
        if name == present:
            return own
        return {"name": catalog.shortest(entry), "options": {}}

    def _plan(self) -> VaryChoice:
        """What was asked for. Raises Unplanned."""
        spec, vary, seeds, jobs = self._asked()
        return VaryChoice(planned(spec, vary, seeds, self._chosen, self._sources), jobs)

    # ------------------------------------------------------------ what comes of it

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._say()

    def _say(self) -> None:
        line = self.query_one("#vary-says", Line)
        try:
            spec, vary, seeds, jobs = self._asked()
            combinations = count_of(vary, 1)
            if combinations <= CHECKED:
                plan = planned(spec, vary, seeds, self._chosen, self._sources)
                time = self._time(plan, jobs)
            else:
                time = "the combinations are checked when it begins"
        except Unplanned as problem:
            line.say(error(visible(f"{problem}.")))
            return
        line.say(
            Content.assemble(
                (many(combinations * seeds), "bold"),
                f": {many(combinations, 'setting')} x {many(seeds, 'seed')}",
                (f"   {time}", MUTED),
            )
        )

    def _time(self, plan: Plan, jobs: int) -> str:
        """About how long the sweep takes, in words."""
        seconds, known = 0.0, dict[Any, float | None]()
        for setting in plan.settings:
            values = flat(RunSpec.parse(setting.spec).model_dump())
            if not self._same_data(values):
                return "how long that takes is not known beforehand"
            shape = tuple(
                values[field]
                for field in ("model.n_embd", "model.n_head", "model.n_layer", "model.block_size",
                              "batch_size", "optimizer.name", "engine", "steps")
            )  # fmt: skip
            if shape not in known:
                known[shape] = Cost.of(self._model, values).seconds
            one = known[shape]
            if one is None:
                return "how long that takes is not known beforehand"
            seconds += one
        together = min(jobs, processors(), len(plan.settings) * len(plan.seeds))
        return about_seconds(seconds * len(plan.seeds) / together)

    def _same_data(self, values: Mapping[str, Any]) -> bool:
        """True if a run of these settings has documents and tokens as the open run."""
        opened = flat(dict(self._model.spec))
        kinds = ("dataset.", "tokenizer.")
        return {key: one for key, one in opened.items() if key.startswith(kinds)} == {
            key: one for key, one in values.items() if key.startswith(kinds)
        }

    # ------------------------------------------------------------ keys

    def action_field(self, by: int) -> None:
        fields = self._fields
        at = fields.index(self.focused) if isinstance(self.focused, LiteralInput) else 0
        to = fields[(at + by) % len(fields)]
        self.set_focus(to)
        to.cursor_position = len(to.value)

    def accept(self) -> None:
        try:
            choice = self._plan()
        except Unplanned as problem:
            self.app.bell()
            self.query_one("#vary-says", Line).say(error(visible(f"{problem}.")))
            return
        self.dismiss(choice)


def rate_in_force(spec: RunSpec, rate: float, engine: str) -> RunSpec:
    """The settings with the learning rate and the engine in force at the end of a record. Raises
    SpecError."""
    return spec.replace({RATE_FIELD: rate, "engine": engine})
