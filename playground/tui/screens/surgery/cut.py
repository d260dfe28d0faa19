"""The sheet for one part of the model: what it would cost to take it out, set it, or put in another
one, and then to do so.

Nothing is changed before enter or `h`: the sheet tries what is chosen on the model as it stands.
"""

from __future__ import annotations

import math
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any, ClassVar, Literal

from textual import events, on
from textual.binding import Binding, BindingType
from textual.widget import Widget
from typing_extensions import override

from microgpt.surgery import Component, Operation, words_of
from playground.lab.protocol.surgery import MeanWrite, Trial
from playground.tui.control.controller import Controller
from playground.tui.control.surgery import moment
from playground.tui.screens.dialog import Dialog
from playground.tui.screens.inside.page import Page
from playground.tui.screens.surgery.drawing import draw_cut
from playground.tui.widgets.sheet import Sheet
from playground.words import read_number

Way = Literal["out", "mean", "set", "put in"]
"""What is done to a part."""
_TYPED = "0123456789.,-+e_"
"""The characters of a number that is typed."""
_LONGEST = 24


class CutSheet(Dialog[None]):
    """Tries what can be done to a part of the model, and does it."""

    HEADING = "Cut"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "accept", "do it", id="cut.do",
                tooltip="Do this to the weights, as an edit of the run"),
        Binding("enter", "fetch", "fetch", id="cut.fetch",
                tooltip="Fetch the part that is to be put in, and try it"),
        Binding("up", "way(-1)", "way", key_display="↑↓", id="cut.way-up",
                tooltip="Take it out, write its mean, set it, or put in another one"),
        Binding("down", "way(1)", "way down", id="cut.way", show=False),
        Binding("right", "part(1)", "what", key_display="←→", id="cut.part",
                tooltip="The number, the part that it belongs to, or the whole matrix"),
        Binding("left", "part(-1)", "what before", id="cut.part-before", show=False),
        Binding("tab", "field", "step or run", id="cut.field",
                tooltip="Type the step, or the run that the part is taken from"),
        Binding("h", "hold", "hold", id="cut.hold",
                tooltip="Do this, and again after every step from here on"),
        Binding("x", "release", "release", id="cut.release",
                tooltip="Hold this part no longer, or else what is held last"),
        Binding("u", "undo", "take back", id="cut.undo",
                tooltip="Take back what was done last to the weights at this step"),
        Binding("r", "rank", "rank", id="cut.rank",
                tooltip="All parts of the model by what it costs to take them out"),
        Binding("question_mark,f1", "help", "help", key_display="?", id="cut.help"),
        Binding("escape", "cancel", "close", key_display="esc", id="cut.cancel",
                tooltip="Close the sheet, and leave the weights as they are"),
    ]  # fmt: skip
    DEFAULT_CSS = """
    CutSheet {
        align: right middle;
        &.-narrow { align: center bottom; }

        #dialog { width: 58; height: 100%; padding: 0 1; }
        &.-roomy.-high #dialog { margin: 3 0 0 0; padding: 0 1; }
        &.-narrow #dialog { width: 100%; height: 22; max-height: 100%; }
        &.-narrow.-high #dialog { height: 26; }
        &.-low #dialog-foot { margin: 0; }
        #dialog-body { height: 1fr; }
        #cut-sheet { height: 1fr; }
    }
    """

    def __init__(
        self,
        controller: Controller,
        parts: Sequence[Component],
        text: str | None = None,
        value: float | None = None,
    ) -> None:
        """parts: what the sheet is about, at least one; the person chooses. text: read before and
        after; None for the present document. value: the number that the first part, a weight, has
        now; None if that is not known."""
        super().__init__()
        self._controller = controller
        self._surgery = controller.surgery
        self._model = controller.model
        self.parts = tuple(parts)
        self.place = 0
        """Which of the parts is chosen."""
        self.way_at = 0
        """Which of `ways` is chosen."""
        self.number = "0" if value is None else f"{value:.6g}"
        self.step, self.run = str(self._model.step), ""
        self.in_run = False
        """True while the run is typed, and not the step."""
        self._fresh = True
        """True until something was typed: the first character takes the place of all."""
        self.cutting = self._surgery.cutting(text)
        self.problem = ""
        """What is wrong with what was typed."""

    def body(self) -> Iterable[Widget]:
        yield Sheet(id="cut-sheet")

    def on_mount(self) -> None:
        self._controller.tasks.do(self._surgery.look())
        self._try()
        self.draw()

    def on_unmount(self) -> None:
        self.cutting.close()

    def on_resize(self, _: events.Resize) -> None:
        self.call_after_refresh(self.draw)

    # ------------------------------------------------------------ what is chosen

    @property
    def part(self) -> Component:
        return self.parts[self.place]

    @property
    def ways(self) -> tuple[Way, ...]:
        """What can be tried on the part. A weight is set, and 0 is one of its numbers."""
        if self.part.kind == "weight":
            return ("set", "put in")
        return ("out", "mean", "put in") if self.part.kind == "head" else ("out", "put in")

    @property
    def way(self) -> Way:
        return self.ways[min(self.way_at, len(self.ways) - 1)]

    @property
    def operation(self) -> Operation | None:
        """What enter does; None if nothing can be done yet."""
        if self.way == "out":
            return Operation(self.part)
        if self.way == "set":
            value = self._typed_number()
            return None if value is None else Operation(self.part, (value,))
        fetched = self.cutting.fetched
        return fetched if self.way == "put in" and self._is_fetched else None

    @property
    def _is_fetched(self) -> bool:
        """True if the part of the typed step and run was fetched."""
        return self.cutting.fetched is not None and self._source == self._fetched_from

    _fetched_from: tuple[object, ...] | None = None
    """The part, step and run that were fetched last."""

    @property
    def _source(self) -> tuple[object, ...]:
        return (self.part, self.step, self.run)

    def _typed_number(self) -> float | None:
        """The number that is typed; None, with a word about it, if it is none."""
        try:
            value = float(read_number(self.number))
            if not math.isfinite(value):
                raise ValueError
        except ValueError as error:
            self.problem = f"{self.number or 'nothing'} is no number{error}"
            return None
        return value

    def _try(self) -> None:
        """Try what is chosen, at once."""
        self.problem = ""
        trials: tuple[Trial, ...] = ()
        if self.way == "mean":
            trials = (MeanWrite(self.part.layer, self.part.index),)
        elif (operation := self.operation) is not None:
            trials = (operation,)
        self.cutting.put(trials)
        self.refresh_bindings()
        self.draw()

    @override
    def draw(self) -> None:
        if not self.query("#cut-sheet") or not self.is_attached:
            return  # the sheet is not composed yet, or is being taken down
        self.cutting.follow()
        if self._surgery.held_is_stale:
            self._controller.tasks.do(self._surgery.look())
        sheet = self.query_one("#cut-sheet", Sheet)
        width, height = sheet.size
        page = Page(width or 54, height or 16, sheet.monochrome)
        draw_cut(page, self, self._model, self._surgery)
        sheet.show(page.lines[: page.height], page.hits)
        if (seen := self._seen()) != self._last_seen:
            self._last_seen = seen
            self.refresh_bindings()

    _last_seen: tuple[object, ...] = ()

    def _seen(self) -> tuple[object, ...]:
        """All that the line of keys depends on."""
        frame = self._model.frame
        here = frame.by_hand if frame is not None else ()
        return (here, self._surgery.held, self.operation, self._model.running)

    # ------------------------------------------------------------ keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what can be done is offered."""
        fetches = self.way == "put in" and not self._is_fetched
        if action == "accept":
            return self.way != "mean" and not fetches
        if action == "fetch":
            return fetches
        if action == "hold":
            return self.operation is not None
        if action == "part":
            return len(self.parts) > 1
        if action == "field":
            return self.way == "put in"
        if action == "release":
            return bool(self._surgery.held)
        if action == "undo":
            return bool(self._model.frame and self._model.frame.by_hand) and not self._model.running
        return super().check_action(action, parameters)

    def action_way(self, by: int) -> None:
        self.way_at = (min(self.way_at, len(self.ways) - 1) + by) % len(self.ways)
        self._fresh = True
        self._try()

    def action_part(self, by: int) -> None:
        self.place = (self.place + by) % len(self.parts)
        self.way_at, self._fresh = 0, True
        self._try()

    def take(self, part: Component | None) -> None:
        """Be about another part, which was chosen in the list of all."""
        if part is not None:
            self.parts, self.place, self.way_at = (part,), 0, 0
            self._try()

    def action_field(self) -> None:
        self.in_run, self._fresh = not self.in_run, True
        self.draw()

    def on_key(self, event: events.Key) -> None:
        """Take the characters of a number, where one is typed."""
        if event.key == "backspace":
            if self._type("", back=True):
                event.stop()
        elif event.character and event.character in _TYPED and self._type(event.character):
            event.stop()

    def on_paste(self, event: events.Paste) -> None:
        event.stop()
        self._type("".join(one for one in event.text if one in _TYPED))

    def _type(self, text: str, back: bool = False) -> bool:
        """Add to the number that is typed, or take away its end; False if none is typed."""
        if self.way not in ("set", "put in"):
            return False
        name = "number" if self.way == "set" else "run" if self.in_run else "step"
        before = str(getattr(self, name))
        kept = before[:-1] if back else "" if self._fresh else before
        after = (kept + text)[:_LONGEST]
        self._fresh = False
        setattr(self, name, after)
        self._try()
        return True

    @on(Sheet.Pressed)
    def _pressed(self, event: Sheet.Pressed) -> None:
        event.stop()
        if event.what[0] == "way":
            self.way_at = event.what[1]
            self._try()

    # ------------------------------------------------------------ done

    @override
    def accept(self) -> None:
        if (operation := self.operation) is not None:
            self._done(self._surgery.operate([operation]))
        else:
            self.draw()

    def action_hold(self) -> None:
        if (operation := self.operation) is not None:
            self._done(self._surgery.hold(operation))

    def _done(self, work: Coroutine[Any, Any, None]) -> None:
        self._controller.tasks.do(work)
        self.dismiss(None)

    def action_fetch(self) -> None:
        """Fetch the part from the step and the run that are typed."""
        self.problem = ""
        try:
            step = int(read_number(self.step, whole=True))
            run = int(read_number(self.run, whole=True)) if self.run else None
            if step < 0 or (run is not None and run < 1):
                raise ValueError
        except ValueError as error:
            self.problem = f"a step is a number from 0 on, a run one from 1 on{error}"
        else:
            if run is None and step > self._model.head:
                self.problem = f"this run has been trained for {self._model.head:,} steps so far"
            else:
                self._fetched_from = self._source
                here = run is None or run == self._model.run
                self.cutting.fetch(self.part, step, None if here else run)
        self.draw()

    def action_release(self) -> None:
        held = self._surgery.held
        mine = [one.component for one in held if one.component == self.part]
        if held:
            self._controller.tasks.do(self._surgery.release((mine or [held[-1].component])[0]))

    def action_undo(self) -> None:
        self._controller.tasks.do(self._controller.training.undo())

    def action_rank(self) -> None:
        from playground.tui.screens.surgery.rank import RankScreen

        self.app.push_screen(RankScreen(self._controller), self.take)

    def action_help(self) -> None:
        from playground.tui.screens.help import HelpScreen
        from playground.tui.screens.surgery.words import CUT

        keys = [one for one in self.BINDINGS if isinstance(one, Binding)]
        self.app.push_screen(HelpScreen(keys, about=(words_of(self.part), CUT)))

    @property
    def stale(self) -> bool:
        """True if what is shown was tried on other weights than those of now."""
        return self.cutting.asking.began_at != moment(self._model)
