"""The dialog that chooses an engine, with which the run goes on from the step where it stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button
from textual.widgets.option_list import Option

from playground.catalog import Entry, Kind, KnobValue
from playground.tui.model import PlaygroundModel
from playground.tui.panels.status import times
from playground.tui.screens.dialog import MUTED, Line
from playground.tui.screens.pick.lists import entry_line, entry_name, name_column
from playground.tui.screens.pick.picker import MISSING, ContributionPicker
from playground.tui.screens.settings.cost import milliseconds
from playground.tui.styles import BAD
from playground.tui.widgets.text import fit, visible

AT_WORK, THERE, BROKEN = "●", " ", "✗"


class EngineScreen(ContributionPicker):
    """Chooses an engine; dismissed with {"name": ..., "options": {}}, or with None."""

    HEADING = "Engine"
    KIND: ClassVar[Kind] = "engine"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "accept", "use", id="engine.use", tooltip="Go on with this engine"),
    ]
    DEFAULT_CSS = """
    EngineScreen {
        #dialog { max-width: 100; height: auto; }
        &.-high #dialog { height: auto; }
        #dialog-body { height: auto; }
        #picker-columns { height: auto; layout: vertical; }
        #picker-left { height: auto; width: 100%; margin: 0; }
        #picker-right { height: auto; max-height: 50vh; width: 100%; margin: 1 0 0 0; }
        #picker-list { max-height: 14; }
        #picker-knobs { display: none; }
        #engine-note { color: $text-muted; margin: 1 0 0 0; }
    }
    """

    def __init__(self, model: PlaygroundModel) -> None:
        super().__init__(model)
        self.entries = model.catalog.listed("engine") if model.catalog else ()

    @property
    def present(self) -> Mapping[str, Any]:
        return {"name": self.model.engine}

    @property
    def remark(self) -> str:
        unable = any(map(self._unable, self.entries))
        cannot = "not installed, or cannot" if unable else "not installed"
        return f"{AT_WORK} at work   {MISSING} {cannot}   {BROKEN} failed"

    def buttons(self) -> Iterable[Widget]:
        yield Button("Use", compact=True, id="picker-open")

    def more(self) -> Iterable[Widget]:
        yield Line(id="picker-more")
        digits = "to about 15 digits"
        if any(entry.precision == "float32" for entry in self.entries):
            digits += ", in float32 to 7 at first"
        yield Line(
            f"All compute the same losses, {digits}. The run keeps {self._kept}, and "
            "trains on while another engine gets ready.",
            id="engine-note",
        )

    def _lines(self) -> list[Option]:
        names = [entry_name(entry, self.entries) for entry in self.entries]
        width = name_column(names)
        at_work = self._find(self.present["name"])
        options = []
        for entry, name in zip(self.entries, names, strict=True):
            trouble = self._trouble(entry)
            if entry == at_work:
                line = entry_line(entry, name, width, AT_WORK)
            elif trouble:
                sign = MISSING if entry.missing or self._unable(entry) else BROKEN
                line = Content.assemble(
                    (f"{sign} ", MUTED if sign == MISSING else BAD),
                    (fit(visible(name), width), MUTED),
                    (f"  {visible(trouble)}", MUTED),
                )
            else:
                line = entry_line(entry, name, width, THERE)
            options.append(Option(line))
        return options

    def _trouble(self, entry: Entry) -> str:
        """Why an engine cannot be used; "" if nothing is known against it."""
        failed = self.model.engine_troubles.get(entry.qualified, "")
        return entry.missing or self._unable(entry) or failed

    def _unable(self, entry: Entry) -> str:
        """Why an engine cannot train the open run's model; "" if it can."""
        catalog, model = self.model.catalog, self.model
        needs = (*model.left_out, *((model.optimizer,) if model.optimizer != "adam" else ()))
        return catalog.why_unable(entry, needs) if catalog is not None else ""

    @property
    def _kept(self) -> str:
        adam = self.model.optimizer == "adam"
        return "its step, its weights and Adam's moments" if adam else "its step and its weights"

    def describe(self, entry: Entry) -> None:
        self.query_one("#picker-more", Line).say(self._words(entry))

    def _words(self, entry: Entry) -> Content | str:
        if entry.missing:
            words = visible(entry.missing[:1].upper() + entry.missing[1:])
            then = "\nThen start the playground again; o goes on with this run."
            return words + (then if "to add it" in words else "")
        if unable := self._unable(entry):
            return f"It {visible(unable)}."
        trouble = self._trouble(entry)
        if trouble:
            return Content.assemble((f"{BROKEN} ", BAD), f"It failed: {visible(trouble)}")
        seen = self.model.engine_speeds.get(entry.qualified)
        if seen is None:
            return Content.styled("Not yet measured on this model.", MUTED)
        ratio = f", about {times(seen.scalar_ratio)} times as fast as scalar"
        return Content.assemble(
            "On this model ",
            (milliseconds(seen.step_ms), "bold"),
            " ms a step",
            ratio if entry.name != "scalar" else "",
        )

    def choose(self, entry: Entry, options: dict[str, KnobValue]) -> None:
        if entry.missing or self._unable(entry):
            self.app.bell()  # the engine's line says why
            return
        super().choose(entry, options)
