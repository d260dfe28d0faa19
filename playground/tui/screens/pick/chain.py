"""The dialog of the sampling chain: which strategies, in what order, with what knobs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, OptionList, Static
from typing_extensions import override

from playground.catalog import Entry, KnobValue
from playground.lab.protocol.sampling import Link
from playground.tui.model import PlaygroundModel
from playground.tui.screens.dialog import MUTED, Line, warning
from playground.tui.screens.pick.knobform import KnobForm
from playground.tui.screens.pick.list_and_knobs import ListAndKnobs
from playground.tui.screens.pick.lists import PickList, details, entry_line, entry_name, name_column
from playground.tui.widgets.text import fit, visible


class Strategies(PickList):
    """The strategies that can be added to the chain."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "add", id="chain.choose", tooltip="Add it to the chain"),
    ]


class ChainScreen(ListAndKnobs[tuple[Link, ...] | None]):
    """Edits the chain; dismissed with the links in their order, or with None."""

    HEADING = "Sampling chain"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "accept", "apply", id="chain.apply", tooltip="Sample with this chain"),
        Binding("space", "switch", "on/off", id="chain.toggle",
                tooltip="Leave a link out, or take it in again"),
        Binding("shift+up,K", "move(-1)", "move up", id="chain.up", show=False),
        Binding("shift+down,J", "move(1)", "move", key_display="shift+↑↓", id="chain.down",
                tooltip="Earlier or later in the chain"),
        Binding("delete,backspace", "remove", "remove", key_display="del", id="chain.remove",
                tooltip="Take the link out of the chain"),
        Binding("a", "add", "add", id="chain.add", tooltip="Add a strategy below this link"),
    ]  # fmt: skip
    DEFAULT_CSS = """
    ChainScreen {
        &.-low #dialog-foot { margin: 0; }
        #dialog { max-width: 108; height: 100%; max-height: 34; }
        #dialog-body { height: 1fr; }
        .chain-title { color: $text-muted; height: 1; }
        #picker-list { max-height: 50%; }
        #chain-more-title { margin: 1 0 0 0; }
        #chain-strategies { max-height: 1fr; }
        #chain-note { color: $text-muted; }
    }
    """

    def __init__(self, model: PlaygroundModel) -> None:
        super().__init__()
        self._model = model
        self._links: list[Link] = list(model.sampling.chain)
        self._entries = model.catalog.of("strategy") if model.catalog else ()
        self._shown: Link | Entry | None = None

    # ------------------------------------------------------------ what there is

    def body(self) -> Iterable[Widget]:
        names = [entry_name(entry, self._entries) for entry in self._entries]
        width = name_column(names)
        lines = [
            entry_line(entry, name, width, "+")
            for entry, name in zip(self._entries, names, strict=True)
        ]
        left = (
            Static("In order, from logits to token", classes="chain-title", markup=False),
            PickList(id="picker-list", compact=True),
            Line(id="chain-empty"),
            Static("To add below the link chosen above", classes="chain-title",
                   id="chain-more-title", markup=False),
            Strategies(*lines, id="chain-strategies", compact=True),
        )  # fmt: skip
        yield self.columns(left)

    def buttons(self) -> Iterable[Widget]:
        yield Button("Apply", compact=True, id="chain-apply")

    def on_mount(self) -> None:
        self._list(0)
        self.set_focus(self.picks)

    @property
    def place(self) -> int | None:
        """The place of the highlighted link in the chain; None if the chain is empty."""
        at = self.picks.highlighted
        return at if at is not None and at < len(self._links) else None

    def _list(self, highlight: int) -> None:
        """Draw the chain anew."""
        width = name_column([link.name for link in self._links], 22)
        lines = [self._line(number, link, width) for number, link in enumerate(self._links, 1)]
        self.redraw(lines, highlight)
        empty = "" if self._links else "Empty: tokens are drawn as the model gives them."
        self.query_one("#chain-empty", Line).say(empty)
        self.call_later(self.look)

    def _line(self, number: int, link: Link, width: int) -> Content:
        entry = self._model.entry(link)
        tone = "" if link.enabled else MUTED
        if entry is None:
            tail = Content.styled("  ! not installed", "$text-warning")
        else:
            tail = Content.styled(f"  {_values(entry, link)}", MUTED)
        return Content.assemble(
            (f"{number:>2} ", MUTED),
            ("● ", "$text-primary") if link.enabled else ("○ ", MUTED),
            (fit(visible(link.name), width), tone),
            tail,
        )

    # ------------------------------------------------------------ the right side

    @override
    async def look(self) -> None:
        place = self.place
        if place is None:
            self._shown = None
            await self.show("", (), {})
            return
        link = self._links[place]
        if link is self._shown:
            return
        self._shown = link
        entry = self._model.entry(link)
        self.query_one(KnobForm).disabled = False
        if entry is None:
            words = warning(
                f"{visible(link.name)} is not installed: no plugin that was loaded offers it. "
                "Sampling cannot use it; space leaves it out, del takes it away."
            )
            await self.show(words, (), {})
            return
        await self.show(details(entry), entry.controls, link.options)

    @on(OptionList.OptionHighlighted, "#chain-strategies")
    async def _strategy_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        if event.option_list.has_focus:
            await self._show_strategy()

    async def _show_strategy(self) -> None:
        at = self.query_one("#chain-strategies", PickList).highlighted
        if at is None or self._entries[at] is self._shown:
            return
        entry = self._entries[at]
        self._shown = entry
        await self.show(details(entry), entry.controls, {})
        self.query_one(KnobForm).disabled = True  # a strategy has values once it is in the chain

    async def on_descendant_focus(self) -> None:
        focused = self.focused
        if focused is not None and focused.id == "chain-strategies":
            await self._show_strategy()
        elif self.in_list:
            await self.look()

    @override
    def turned(self, form: KnobForm) -> None:
        place = self.place
        if place is None or self._links[place] is not self._shown:
            return
        options: dict[str, KnobValue] = {**self._links[place].options, **form.options}
        link = replace(self._links[place], options=options)
        self._links[place] = self._shown = link
        self._list(place)

    # ------------------------------------------------------------ keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The keys for a link work, and are shown, while the chain has the focus."""
        if action in ("switch", "move", "remove"):
            return self.in_list
        if action == "add":  # enter adds in the list of strategies
            return not isinstance(self.focused, Strategies)
        return super().check_action(action, parameters)

    def action_switch(self) -> None:
        place = self.place
        if place is not None:
            link = self._links[place]
            self._links[place] = replace(link, enabled=not link.enabled)
            self._list(place)

    def action_move(self, by: int) -> None:
        place = self.place
        if place is not None and 0 <= place + by < len(self._links):
            self._links.insert(place + by, self._links.pop(place))
            self._list(place + by)

    def action_remove(self) -> None:
        place = self.place
        if place is not None:
            del self._links[place]
            self._list(place)

    def action_add(self) -> None:
        """Go to the list of strategies."""
        strategies = self.query_one(Strategies)
        self.set_focus(strategies)
        if strategies.highlighted is None and self._entries:
            strategies.highlighted = 0

    def _add(self, index: int) -> None:
        entry = self._entries[index]
        options = {control.name: control.default for control in entry.controls}
        link = Link(entry_name(entry, self._entries), options)
        place = len(self._links) if self.place is None else self.place + 1
        self._links.insert(place, link)
        self._list(place)
        self.set_focus(self.picks)

    @on(PickList.Chosen, "#chain-strategies")
    def _strategy_chosen(self, event: PickList.Chosen) -> None:
        event.stop()
        self._add(event.index)

    @override
    def accept(self) -> None:
        self.dismiss(tuple(self._links))


def _values(entry: Entry, link: Link) -> str:
    """The values of a link's knobs: "0.5", "off", "1.2, 20"."""
    shown = []
    for control in entry.controls:
        value = link.options.get(control.name, control.default)
        if value == control.neutral and control.neutral is not None:
            shown.append("off")
        elif isinstance(value, float):
            shown.append(f"{value:.4g}")
        else:
            shown.append(visible(str(value)))
    return ", ".join(shown)
