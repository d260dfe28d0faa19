"""The dialog that chooses one contribution of a kind, with its knobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button
from textual.widgets.option_list import Option
from typing_extensions import override

from playground.catalog import Entry, Kind, KnobValue
from playground.tui.model import PlaygroundModel
from playground.tui.screens.dialog import MUTED, Line, error, warning
from playground.tui.screens.pick.knobform import KnobForm
from playground.tui.screens.pick.list_and_knobs import ListAndKnobs
from playground.tui.screens.pick.lists import PickList, details, entry_line, entry_name, name_column
from playground.tui.widgets.text import fit, visible

MISSING = "○"
"""The sign of what is not installed."""


class ContributionPicker(ListAndKnobs[dict[str, Any] | None]):
    """Chooses a contribution of KIND.

    The dialog is dismissed with {"name": ..., "options": {...}} as RunSpec has it, or with None.
    """

    KIND: ClassVar[Kind]
    NOTES: ClassVar[bool] = True
    """As in KnobForm."""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "accept", "open", id="picker.open", tooltip="Open a run with this"),
    ]
    DEFAULT_CSS = """
    ContributionPicker {
        #dialog { max-width: 120; height: 100%; }
        &.-high #dialog { height: 80%; max-height: 46; }
        #dialog-body { height: 1fr; }
        #picker-left { width: 5fr; }
        #picker-right { width: 6fr; }
        #picker-list { max-height: 8; }
        &.-low #picker-list { max-height: 5; }
        #picker-more { margin: 1 0 0 0; }
    }
    """

    def __init__(self, model: PlaygroundModel) -> None:
        super().__init__()
        self.model = model
        self.entries: tuple[Entry, ...] = model.catalog.of(self.KIND) if model.catalog else ()
        self._options: dict[str, dict[str, KnobValue]] = {}
        """The values of the knobs, by the entry's qualified name."""
        self._shown: Entry | None = None
        present = self.present
        entry = self._find(present.get("name", ""))
        if entry is not None:
            self._options[entry.qualified] = dict(present.get("options", {}))

    # ------------------------------------------------------------ what there is

    @property
    def present(self) -> Mapping[str, Any]:
        """What the open run uses, as RunSpec holds it; empty if no run is open."""
        spec = self.model.spec
        choice: Mapping[str, Any] = spec.get(self.KIND, {})
        return choice

    def _find(self, name: str) -> Entry | None:
        return self.model.catalog.find(self.KIND, name) if self.model.catalog else None

    @property
    def entry(self) -> Entry | None:
        """The highlighted entry; None if there is nothing to choose."""
        at = self.picks.highlighted
        return self.entries[at] if at is not None and at < len(self.entries) else None

    def body(self) -> Iterable[Widget]:
        yield from self.head()
        picks = PickList(*self._lines(), id="picker-list", compact=True)
        left = (picks, *self.below())
        yield self.columns(left, below_knobs=self.more(), notes=self.NOTES)

    def head(self) -> Iterable[Widget]:
        """Widgets above the two columns."""
        return ()

    def below(self) -> Iterable[Widget]:
        """Widgets below the list."""
        return ()

    def more(self) -> Iterable[Widget]:
        """Widgets below the knobs."""
        return (Line(id="picker-more"),)

    @property
    def remark(self) -> str:
        return "● in the open run"

    def buttons(self) -> Iterable[Widget]:
        yield Button("Open", compact=True, id="picker-open")

    def _lines(self) -> list[Option]:
        names = [entry_name(entry, self.entries) for entry in self.entries]
        width = name_column(names)
        present = self._find(self.present.get("name", ""))
        return [
            Option(entry_line(entry, name, width, "●" if entry == present else " "))
            for entry, name in zip(self.entries, names, strict=True)
        ]

    def on_mount(self) -> None:
        present = self._find(self.present.get("name", ""))
        if self.entries:
            place = self.entries.index(present) if present in self.entries else 0
            self.picks.highlighted = place
        else:
            self.query_one("#picker-details", Line).say(warning("Nothing is installed."))
        if present is None and self.present:
            self.notify(f"{visible(self.present['name'])} is not installed any more.", markup=False)
        self.begin()

    def begin(self) -> None:
        """Set the focus."""
        self.set_focus(self.picks)

    # ------------------------------------------------------------ what is chosen

    @override
    async def look(self) -> None:
        entry = self.entry
        if entry is None or entry == self._shown:
            return
        self._shown = entry
        await self.show(details(entry), self.knobs(entry), self._options.get(entry.qualified, {}))
        self.describe(entry)

    def knobs(self, entry: Entry) -> tuple[Any, ...]:
        """The controls of an entry that are drawn."""
        return entry.controls

    def describe(self, entry: Entry) -> None:
        """Say more about an entry that was highlighted, or whose knobs have changed."""

    @override
    def turned(self, form: KnobForm) -> None:
        entry = self._shown
        if entry is not None:
            kept = self._options.setdefault(entry.qualified, {})
            kept.update(form.options)
            self.describe(entry)

    def options_of(self, entry: Entry) -> dict[str, KnobValue]:
        """The knobs of an entry that are not at their defaults."""
        defaults = {control.name: control.default for control in entry.controls}
        return {
            name: value
            for name, value in self._options.get(entry.qualified, {}).items()
            if name in defaults and value != defaults[name]
        }

    # ------------------------------------------------------------ answers

    @on(PickList.Chosen, "#picker-list")
    def _line_chosen(self, event: PickList.Chosen) -> None:
        event.stop()
        event.prevent_default()  # ListAndKnobs' own handler accepts what is highlighted
        entry = self.entries[event.index]  # the highlight may be elsewhere by now
        self.choose(entry, self.options_of(entry))

    @override
    def accept(self) -> None:
        entry = self.entry
        if entry is not None:
            self.choose(entry, self.options_of(entry))

    def choose(self, entry: Entry, options: dict[str, KnobValue]) -> None:
        """Dismiss with this entry."""
        self.dismiss({"name": entry_name(entry, self.entries), "options": options})


class OfferPicker(ContributionPicker):
    """Chooses a contribution of KIND; what the gallery would add is listed, too, and said to be
    not installed."""

    def __init__(self, model: PlaygroundModel) -> None:
        super().__init__(model)
        self.entries = model.catalog.listed(self.KIND) if model.catalog else ()

    @property
    def remark(self) -> str:
        signs = ["● chosen"] * (self._find(self.present.get("name", "")) is not None)
        signs += [f"{MISSING} not installed"] * any(entry.missing for entry in self.entries)
        return "   ".join(signs)

    def describe(self, entry: Entry) -> None:
        """Say of a contribution that is not installed how to get it."""
        if entry.missing:
            self.query_one("#picker-details", Line).say(warning(self._how(entry)))
        self.refresh_bindings()

    def _how(self, entry: Entry) -> str:
        return f"{visible(entry.name)}: {visible(entry.missing)}"

    @override
    def _lines(self) -> list[Option]:
        names = [entry_name(entry, self.entries) for entry in self.entries]
        width = name_column(names)
        present = self._find(self.present.get("name", ""))
        return [
            Option(
                entry_line(entry, name, width, "●" if entry == present else " ")
                if not entry.missing
                else Content.styled(f"{MISSING} {fit(visible(name), width)}  not installed", MUTED)
            )
            for entry, name in zip(self.entries, names, strict=True)
        ]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What is not installed is not offered."""
        if action == "accept" and self.is_mounted and self.entry is not None and self.entry.missing:
            return False
        return super().check_action(action, parameters)

    @override
    def choose(self, entry: Entry, options: dict[str, KnobValue]) -> None:
        if entry.missing:
            self.query_one("#picker-details", Line).say(error(self._how(entry)))
            self.app.bell()
        else:
            self.settle(entry, options)

    def settle(self, entry: Entry, options: dict[str, KnobValue]) -> None:
        """Dismiss with this entry, which is installed."""
        super().choose(entry, options)


def paragraph(title: str, text: str) -> Content:
    """A text below a muted title."""
    return Content.assemble((f"{title}\n", MUTED), text)
