"""The sampling chain as a sheet at the side: which strategies, in what order, with what knobs, and
what each of them does to the chances of the next token.

Nothing is changed before enter: the sheet tries its chain on the model as it stands, and the run
samples by its own chain until then.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import ClassVar

from textual import events, on
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import OptionList, Static
from typing_extensions import override

from playground.catalog import Entry, KnobValue
from playground.lab.protocol.sampling import Link, Spread
from playground.tui.control.sampling import Trial
from playground.tui.knobs import KnobLine
from playground.tui.model import PlaygroundModel
from playground.tui.panels.chances import heading, show_bars, trouble_words
from playground.tui.screens.dialog import MUTED, Line, warning
from playground.tui.screens.pick.chain_words import (
    CHOICES,
    TOKENS,
    effect,
    left,
    numbers,
    values,
)
from playground.tui.screens.pick.knobform import KnobForm
from playground.tui.screens.pick.list_and_knobs import ListAndKnobs
from playground.tui.screens.pick.lists import PickList, details, entry_line, entry_name, name_column
from playground.tui.widgets.bars import Bars
from playground.tui.widgets.control import Toggle
from playground.tui.widgets.text import fit, visible


class Links(PickList):
    """The links of the chain."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "screen.turn(-1)", "less", id="chain.less", show=False,
                tooltip="Turn the link's first knob down"),
        Binding("right", "screen.turn(1)", "change", key_display="←→", id="chain.more",
                tooltip="Turn the link's first knob up or down; tab goes to all its knobs"),
    ]  # fmt: skip


class Strategies(PickList):
    """The strategies that can be added to the chain."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "add", id="chain.choose", tooltip="Add it to the chain"),
        Binding("escape", "screen.cancel", "back", key_display="esc", id="chain.back",
                tooltip="Back to the chain"),
    ]  # fmt: skip


class ChainScreen(ListAndKnobs[tuple[Link, ...] | None]):
    """Edits the chain; dismissed with the links in their order, or with None."""

    HEADING = "Sampling chain"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "accept", "keep", id="chain.apply", tooltip="Sample with this chain"),
        Binding("space", "switch", "on/off", id="chain.toggle",
                tooltip="Leave a link out, or take it in again"),
        Binding("shift+up,K", "move(-1)", "move up", id="chain.up", show=False),
        Binding("shift+down,J", "move(1)", "move", key_display="shift+↑↓", id="chain.down",
                tooltip="Earlier or later in the chain"),
        Binding("delete,backspace", "remove", "remove", key_display="del", id="chain.remove",
                tooltip="Take the link out of the chain"),
        Binding("a", "add", "add", id="chain.add", tooltip="Add a strategy below this link"),
        Binding("escape", "cancel", "take back", key_display="esc", id="chain.cancel",
                tooltip="Sample as before"),
    ]  # fmt: skip
    DEFAULT_CSS = """
    ChainScreen {
        align: right middle;
        &.-narrow { align: center bottom; }

        #dialog { width: 56; height: 100%; padding: 0 1; }
        &.-roomy.-high #dialog { margin: 3 0 0 0; padding: 0 1; }
        &.-narrow #dialog { width: 100%; height: 15; }
        &.-narrow.-high #dialog { height: 60%; }
        &.-low #dialog-foot { margin: 0; }
        #dialog-body { height: 1fr; }
        #chain-columns { height: 1fr; }
        &.-narrow #chain-columns { layout: horizontal; }

        #picker-left { width: 1fr; height: auto; margin: 0; }
        &.-narrow #picker-left { width: 46; height: 100%; margin: 0 2 0 0; }
        .chain-title { color: $text-muted; height: 1; }
        #picker-list { max-height: 8; }
        #chain-more { display: none; height: auto; max-height: 11; margin: 1 0 0 0; }
        #chain-strategies { max-height: 9; }
        &.-low.-adding #chain-links { display: none; }
        &.-low.-adding #chain-more { margin: 0; }
        #chain-links { height: auto; }
        #picker-right { height: auto; max-height: 14; margin: 1 0 0 0; }
        &.-narrow #picker-right { height: 1fr; max-height: 100%; }
        &.-low #picker-right { margin: 0; }
        &.-low #picker-details { height: 1; text-wrap: nowrap; text-overflow: ellipsis; }
        &.-low #picker-knobs { margin: 0; }
        #chain-effect { color: $text-muted; margin: 1 0 0 0; }
        &.-low #chain-effect { margin: 0; }

        #chain-next { width: 1fr; height: 1fr; min-height: 3; margin: 1 0 0 0; }
        &.-low #chain-next { margin: 0; }
        #chain-bars { height: 1fr; }
    }
    """

    def __init__(self, model: PlaygroundModel, trial: Trial, heading: str = HEADING) -> None:
        """trial: tries the chain, which begins as the run's own."""
        super().__init__()
        self._heading = heading
        self._model = model
        self._trial = trial
        self._links: list[Link] = list(trial.chain)
        self._entries = model.catalog.of("strategy") if model.catalog else ()
        self._shown: Link | Entry | None = None
        self._lines: list[Content] = []

    @property
    @override
    def heading(self) -> str:
        return self._heading

    # ------------------------------------------------------------ what there is

    def body(self) -> Iterable[Widget]:
        names = [entry_name(entry, self._entries) for entry in self._entries]
        width = name_column(names)
        lines = [
            entry_line(entry, name, width, "+")
            for entry, name in zip(self._entries, names, strict=True)
        ]
        links = Vertical(
            Static(id="chain-head", markup=False),
            Links(id="picker-list", compact=True),
            Line(id="chain-empty"),
            id="chain-links",
        )
        more = Vertical(
            Line(id="chain-adding", classes="chain-title"),
            Strategies(*lines, id="chain-strategies", compact=True),
            id="chain-more",
        )
        right = VerticalScroll(
            Line(id="picker-details"),
            KnobForm(notes=False, id="picker-knobs"),
            Line(id="chain-effect"),
            id="picker-right",
            can_focus=False,
        )
        chances = Vertical(Line(id="chain-next-head"), Bars(id="chain-bars"), id="chain-next")
        yield Container(Vertical(links, more, right, id="picker-left"), chances, id="chain-columns")

    def on_mount(self) -> None:
        self._list(0)
        self.set_focus(self.picks)

    def on_resize(self, _: events.Resize) -> None:
        self.call_after_refresh(self.draw)

    @property
    def place(self) -> int | None:
        """The place of the highlighted link in the chain; None if the chain is empty."""
        at = self.picks.highlighted
        return at if at is not None and at < len(self._links) else None

    def _list(self, highlight: int) -> None:
        """Draw the chain anew, and try it."""
        self._trial.put(tuple(self._links))
        self._lines = self._described()
        self.redraw(self._lines, highlight)
        empty = "" if self._links else "Empty: tokens are drawn as the model gives them."
        self.query_one("#chain-empty", Line).say(empty)
        self.call_later(self.look)
        self.draw()

    # ------------------------------------------------------------ what each link does

    @override
    def draw(self) -> None:
        if not self.query(Bars) or not self.query("#picker-list"):
            return  # the sheet is not composed yet, or is being taken down
        lines = self._described()
        if len(lines) != len(self._lines):
            return  # the chain is not listed yet
        for place, line in enumerate(lines):
            if line != self._lines[place]:
                self.picks.replace_option_prompt_at_index(place, line)
        self._lines = lines
        self.query_one("#chain-head", Static).update(self._head())
        self._say_effect()
        self._draw_chances()

    def _draw_chances(self) -> None:
        preview, trouble = self._trial.preview, self._trial.trouble
        head, bars = self.query_one("#chain-next-head", Line), self.query_one(Bars)
        bars.display = trouble is None
        if trouble is not None:
            head.say(trouble_words(trouble))
        elif preview is not None:
            head.say(heading(preview, self.query_one("#chain-next").size.width))
            show_bars(bars, preview)

    @property
    def _spreads(self) -> tuple[Spread | None, ...] | None:
        """What each link leaves; None before that is known of these links in this order."""
        preview = self._trial.preview
        if preview is None or preview.chain is None or self._trial.trouble is not None:
            return None
        tried = [(link.name, link.enabled) for link in preview.chain]
        same = tried == [(link.name, link.enabled) for link in self._links]
        return preview.spreads if same else None

    @property
    def _room(self) -> int:
        """Columns of a line of the chain."""
        return self.picks.scrollable_content_region.width or 44

    def _head(self) -> Content:
        """The titles of the columns, and the model's own chances, which the chain begins with."""
        room = self._room - TOKENS - CHOICES
        preview = self._trial.preview
        alone = preview.alone if preview is not None else None
        return Content.assemble(
            (fit("In order, what is left:", room), MUTED),
            (f"{'tokens':>{TOKENS}}{'choices':>{CHOICES}}\n", MUTED),
            (fit("     the model alone", room), MUTED),
            numbers(alone, alone),
        )

    def _described(self) -> list[Content]:
        """A line for each link."""
        width = name_column([link.name for link in self._links], 18)
        spreads, preview = self._spreads, self._trial.preview
        before = preview.alone if preview is not None else None
        lines = []
        for place, link in enumerate(self._links):
            after = spreads[place] if spreads is not None else None
            known = spreads is not None
            lines.append(self._line(place + 1, link, width, left(link, before, after, known)))
            before = after or before
        return lines

    def _line(self, number: int, link: Link, width: int, leaves: Content) -> Content:
        entry = self._model.entry(link)
        tone = "" if link.enabled else MUTED
        room = max(0, self._room - 5 - width - 1 - TOKENS - CHOICES)
        if entry is None:
            tail = Content.styled(fit(" ! not installed", room + TOKENS + CHOICES), "$text-warning")
        else:
            tail = Content.styled(fit(f" {values(entry, link)}", room), MUTED) + leaves
        return Content.assemble(
            (f"{number:>2} ", MUTED),
            ("● ", "$text-primary") if link.enabled else ("○ ", MUTED),
            (fit(visible(link.name), width), tone),
            " ",
            tail,
        )

    def _say_effect(self) -> None:
        """Say in words what the highlighted link does to the distribution as it is now."""
        if not self.query("#picker-list"):
            return  # the sheet is being taken down, and chances or a highlight come late
        words, place, spreads = "", self.place, self._spreads
        if place is not None and self._shown is self._links[place]:
            alone = self._trial.preview.alone if self._trial.preview is not None else None
            words = effect(self._links[place], place, alone, spreads)
        self.query_one("#chain-effect", Line).say(words)

    # ------------------------------------------------------------ the highlighted link

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
        self._say_effect()
        if entry is None:
            words = warning(
                f"{visible(link.name)} is not installed: no plugin that was loaded offers it. "
                "Sampling cannot use it; space leaves it out, del takes it away."
            )
            await self.show(words, (), {})
            return
        await self.show(self._details(entry), entry.controls, link.options)

    def _details(self, entry: Entry) -> Content:
        """The entry in words, on one line where there is no room for more."""
        if self.has_class("-low") and not entry.stale:
            return Content.assemble((visible(entry.name), "bold"), f"  {visible(entry.summary)}")
        return details(entry)

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
        self._say_effect()
        await self.show(self._details(entry), entry.controls, {})
        self.query_one(KnobForm).disabled = True  # a strategy has values once it is in the chain

    async def on_descendant_focus(self) -> None:
        if not self.query("#picker-list"):
            return  # the sheet is being taken down, and the focus goes on to what is left
        if self._adding:
            await self._show_strategy()
            return
        self._show_strategies(False)
        if self.in_list:
            await self.look()

    @override
    def turned(self, form: KnobForm) -> None:
        place = self.place
        if place is None or self._links[place] is not self._shown:
            return
        options: dict[str, KnobValue] = {**self._links[place].options, **form.options}
        link = replace(self._links[place], options=options)
        self._links[place] = self._shown = link
        self._trial.put(tuple(self._links))
        self.draw()

    # ------------------------------------------------------------ keys

    @property
    def _adding(self) -> bool:
        """True while a strategy to add is being chosen."""
        return isinstance(self.focused, Strategies)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The keys for a link work, and are shown, while the chain has the focus."""
        if action in ("switch", "move", "remove"):
            return self.in_list
        if action == "add":  # enter adds in the list of strategies
            return not self._adding
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

    def action_turn(self, by: int) -> None:
        """Turn the first knob of the highlighted link."""
        place = self.place
        if place is None or self._links[place] is not self._shown:
            return
        form = self.query_one(KnobForm)
        knob = next((one for one in form.children if isinstance(one, KnobLine)), None)
        if isinstance(knob, Toggle):
            knob.action_turn(by > 0)
        elif knob is not None:
            knob.action_move(by)

    def action_remove(self) -> None:
        place = self.place
        if place is not None:
            del self._links[place]
            self._list(place)

    def action_add(self) -> None:
        """Show the strategies, and go to them."""
        self._show_strategies(True)
        strategies = self.query_one(Strategies)
        self.set_focus(strategies)
        if strategies.highlighted is None and self._entries:
            strategies.highlighted = 0

    def _show_strategies(self, shown: bool) -> None:
        place = self.place
        after = "" if place is None else f" below {visible(self._links[place].name)}"
        self.query_one("#chain-adding", Line).say(f"To add{after}:")
        # At once, and not by the class: what is not displayed yet loses the focus again.
        self.query_one("#chain-more").display = shown
        self.set_class(shown, "-adding")

    def _add(self, index: int) -> None:
        entry = self._entries[index]
        options = {control.name: control.default for control in entry.controls}
        link = Link(entry_name(entry, self._entries), options)
        place = len(self._links) if self.place is None else self.place + 1
        self._links.insert(place, link)
        self._list(place)
        self._leave_strategies()

    def _leave_strategies(self) -> None:
        """Go back to the chain."""
        self._show_strategies(False)
        self.set_focus(self.picks)

    @on(PickList.Chosen, "#chain-strategies")
    def _strategy_chosen(self, event: PickList.Chosen) -> None:
        event.stop()
        self._add(event.index)

    @override
    def accept(self) -> None:
        self.dismiss(tuple(self._links))

    @override
    def action_cancel(self) -> None:
        """Leave the strategies if one is being chosen, or else everything as it was."""
        if self._adding:
            self._leave_strategies()
        else:
            self.dismiss(None)
