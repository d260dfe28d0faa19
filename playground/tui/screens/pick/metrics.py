"""The dialog of metrics: which are on, with what knobs, and how often steps are measured."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button
from typing_extensions import override

from playground.catalog import Entry, KnobValue
from playground.lab.protocol.sampling import Measuring, MetricChoice
from playground.tui.model import PlaygroundModel
from playground.tui.screens.dialog import MUTED, Line, warning
from playground.tui.screens.pick.knobform import KnobForm
from playground.tui.screens.pick.list_and_knobs import ListAndKnobs
from playground.tui.screens.pick.lists import PickList, details, entry_name, name_column
from playground.tui.styles import BAD
from playground.tui.widgets.slider import Slider
from playground.tui.widgets.text import fit, visible

ON, OFF, FAILED = "●", "○", "✗"
EVERY = "every"
_SELDOM = 1000
"""The most steps between two measurements on the slider, unless more are set already."""


class MetricsScreen(ListAndKnobs[Measuring | None]):
    """Chooses metrics; dismissed with the metrics that are to be on, or with None."""

    HEADING = "Metrics"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "accept", "apply", id="metrics.apply", tooltip="Measure these"),
        Binding("space", "switch", "on/off", id="metrics.toggle",
                tooltip="Turn the metric on, or off"),
    ]  # fmt: skip
    DEFAULT_CSS = """
    MetricsScreen {
        &.-low #dialog-foot { margin: 0; }
        #dialog { max-width: 100; }
        #picker-columns { height: auto; layout: vertical; }
        &.-roomy #picker-columns { layout: horizontal; }
        #picker-left { height: auto; margin: 0; }
        &.-roomy #picker-left { margin: 0 2 0 0; }
        #picker-list { max-height: 12; }
        &.-low #picker-list { max-height: 6; }
        #picker-right { height: auto; max-height: 14; margin: 1 0 0 0; }
        &.-roomy #picker-right { margin: 0; }
        &.-low #picker-right { max-height: 6; }
        #metrics-every { margin: 1 0 0 0; }
        #metrics-note { color: $text-muted; }
    }
    """

    def __init__(self, model: PlaygroundModel) -> None:
        super().__init__()
        self._entries: tuple[Entry, ...] = model.catalog.of("metric") if model.catalog else ()
        self._names = [entry_name(entry, self._entries) for entry in self._entries]
        self._every = model.measuring.every
        self._options: dict[str, dict[str, KnobValue]] = {name: {} for name in self._names}
        self._on: set[str] = set()
        self._more: list[tuple[str, MetricChoice]] = []
        """Metrics that are on a second time with other knobs. They cannot be changed here, and stay
        on with the first."""
        for choice in model.measuring.metrics:
            name = self._name_of(model, choice)
            if name is None:
                continue  # the metric's plugin is gone
            if name in self._on:
                self._more.append((name, choice))
            else:
                self._on.add(name)
                self._options[name] = dict(choice.options)
        self._failed: dict[str, str] = {}
        for meter in model.frame.meters if model.frame else ():
            name = self._name_of(model, meter.choice)
            if meter.trouble is not None and name is not None:
                self._failed[name] = meter.trouble.message
                self._options[name] = dict(meter.choice.options)
        self._shown: str | None = None

    def _name_of(self, model: PlaygroundModel, choice: MetricChoice) -> str | None:
        entry = model.catalog.find("metric", choice.name) if model.catalog else None
        return None if entry is None else self._names[self._entries.index(entry)]

    # ------------------------------------------------------------ what there is

    def body(self) -> Iterable[Widget]:
        picks = PickList(id="picker-list", compact=True)
        yield self.columns([picks], above_knobs=[Line(id="metrics-trouble")])
        yield Slider(
            "measure every", self._every, minimum=1, maximum=max(_SELDOM, self._every),
            scale="log", unit=" steps", integer=True, name=EVERY, id="metrics-every",
        )  # fmt: skip
        yield Line(
            "Drawn below the loss, each at a scale of its own. Measuring takes a tenth of the time "
            "at most; samples are measured as they come (every 100 steps, and with g).",
            id="metrics-note",
        )

    def buttons(self) -> Iterable[Widget]:
        yield Button("Apply", compact=True, id="metrics-apply")

    def on_mount(self) -> None:
        self._list(0)
        self.set_focus(self.picks)
        self.call_later(self.look)

    @property
    def remark(self) -> str:
        return f"{ON} on   {OFF} off" + (f"   {FAILED} failed" if self._failed else "")

    @property
    def chosen(self) -> str | None:
        """The name of the highlighted metric; None if there is no metric."""
        at = self.picks.highlighted
        return self._names[at] if at is not None and at < len(self._names) else None

    def _list(self, highlight: int) -> None:
        width = name_column(self._names, 24)
        named = zip(self._entries, self._names, strict=True)
        self.redraw([self._line(entry, name, width) for entry, name in named], highlight)

    def _line(self, entry: Entry, name: str, width: int) -> Content:
        is_on = name in self._on
        if name in self._failed and not is_on:
            sign = (f"{FAILED} ", BAD)
        else:
            sign = (f"{ON} ", "$text-primary") if is_on else (f"{OFF} ", MUTED)
        return Content.assemble(
            sign,
            (fit(visible(name), width), "" if is_on else MUTED),
            (f"  {visible(entry.summary)}", MUTED),
        )

    @override
    async def look(self) -> None:
        name = self.chosen
        if name is None or name == self._shown:
            return
        self._shown = name
        entry = self._entries[self._names.index(name)]
        trouble = self._failed.get(name, "")
        self.query_one("#metrics-trouble", Line).say(warning(visible(trouble)) if trouble else "")
        await self.show(details(entry), entry.controls, self._options[name])

    @override
    def turned(self, form: KnobForm) -> None:
        if self._shown is not None:
            self._options[self._shown] = form.changed()

    @on(Slider.Changed, "#metrics-every")
    def _paced(self, event: Slider.Changed) -> None:
        event.stop()
        self._every = round(event.value)

    # ------------------------------------------------------------ keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Space turns a metric on or off while the list has the focus; knobs use it otherwise."""
        if action == "switch":
            return self.in_list
        return super().check_action(action, parameters)

    def action_switch(self) -> None:
        name = self.chosen
        if name is not None:
            self._on ^= {name}
            self._list(self._names.index(name))

    @override
    def accept(self) -> None:
        chosen = [
            MetricChoice(name, self._options[name]) for name in self._names if name in self._on
        ]
        more = [choice for name, choice in self._more if name in self._on]
        self.dismiss(Measuring((*chosen, *more), self._every))
