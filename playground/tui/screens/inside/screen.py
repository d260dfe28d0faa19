"""The microscope: one text inside the model, in eight views, live while the run trains.

INSIDE_BINDINGS declares every key; the line of keys and the help are made from INSIDE_BINDINGS.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Input

from microgpt.config import PARTS
from microgpt.surgery import Component
from playground.lab.protocol.commands import Influence
from playground.lab.protocol.inside import VIEWS, Inside, Look, View
from playground.lab.protocol.step import StepReading
from playground.tui.bindings import LOOK, KeyMaker, action_name, run_keys
from playground.tui.control.controller import Controller
from playground.tui.control.run_actions import RunActions
from playground.tui.key_order import Turn, forget_keys, hear_on
from playground.tui.panels.guide import Guide, reckons
from playground.tui.panels.keybar import KeyBar
from playground.tui.panels.too_small import TooSmall, too_small
from playground.tui.resizing import Held, passed
from playground.tui.screens.answer import AnswersOnce
from playground.tui.screens.inside.attention import AttentionView
from playground.tui.screens.inside.credit import CreditView
from playground.tui.screens.inside.depth import DepthView
from playground.tui.screens.inside.flow import FlowView
from playground.tui.screens.inside.lines import LinesView
from playground.tui.screens.inside.neurons import NeuronsView
from playground.tui.screens.inside.number import NumberView
from playground.tui.screens.inside.page import Page, ViewPage
from playground.tui.screens.inside.state import InsideState, Place, within
from playground.tui.screens.inside.step import StepView
from playground.tui.screens.inside.top import draw_top
from playground.tui.screens.inside.words import EMPTY, HELP, SGD, TITLES, WAITING, left_out, seen
from playground.tui.screens.surgery.opening import open_cut, open_patch, open_rank
from playground.tui.screens.surgery.parts import existing
from playground.tui.widgets.literal_input import LiteralInput
from playground.tui.widgets.sheet import Sheet
from playground.tui.widgets.text import visible

MOVE = Binding.Group("Moving in the microscope")
TEXT = Binding.Group("The text")
SURGERY = Binding.Group("Surgery")
FEWEST_WORDS, FEWEST_LINES = 2, 4
"""Lines that the words below a view have beside a lesson, and from how many lines of the view on
they have more."""


_key = KeyMaker("inside", types="type")
INSIDE_BINDINGS = [
    _key("left", "position(-1)", "position",
         "The position before or after, in every view", MOVE, "←→"),
    _key("right", "position(1)", "next position", "The position after, in every view", MOVE, "→",
         show=False),
    _key("up", "move(-1)", "line", "Up: in Attention what the head reads, in the other views a "
         "line", MOVE, "↑↓"),
    _key("down", "move(1)", "line down", "Down", MOVE, "↓", show=False),
    _key("enter", "enter", "open", "Open what is chosen: a view, a matrix, a number", MOVE),
    _key("n", "turn", "other",
         "Another way to see it: α, size or push; against the mean or another "
         "token; the next line", MOVE),
    _key("N", "token_on", "next token", "In Lines: run the next token", MOVE),
    _key("u", "users", "users", "In Number: up to a number that is made from the chosen one", MOVE),
    _key("comma", "head(-1)", "head",
         "The head before, or the next one; in Flow the number of a stage", MOVE, ",."),
    _key("full_stop", "head(1)", "next head", "The next head; in Flow the next number", MOVE, ".",
         show=False),
    _key("left_square_bracket", "layer(-1)", "layer",
         "The layer before, or the next one", MOVE, "[]"),
    _key("right_square_bracket", "layer(1)", "next layer", "The next layer", MOVE, "]", show=False),
    _key("t", "token(1)", "token", "Explain and follow another token; T goes the other way", MOVE),
    _key("T", "token(-1)", "token before", "The other way", MOVE, show=False),
    _key("o", "number", "number", "Open the chosen number in view 7", MOVE),
    _key("c,C", "cut", "cut", "Cut, set or hold the chosen part of the model", SURGERY, "c"),
    _key("r,R", "rank", "rank", "All heads, neurons, matrices and positions, by what it costs to "
         "take them out", SURGERY, "r"),
    _key("p,P", "patch", "patch", "Another text: which activation carries the difference", SURGERY,
         "p"),
    _key("w", "past", "without it",
         "In Step: the run without this step; in Depth and Credit: which documents taught the "
         "model what is chosen", LOOK),
    _key("z", "zoom", "zoom", "Give the chosen head the room of all, and back", MOVE),
    _key("pageup", "move(-8)", "up 8", "Eight lines up", MOVE, show=False),
    _key("pagedown", "move(8)", "down 8", "Eight lines down", MOVE, show=False),
    _key("home", "ends(0)", "first position", "The first position", MOVE, show=False),
    _key("end", "ends(-1)", "last position", "The last position", MOVE, show=False),
    _key("backspace", "back_to", "back to", "Back to what Enter led away from", MOVE,
         "backspace", show=False),
    *(
        _key(str(number), f"view({number - 1})", TITLES[view], f"View {number}: {TITLES[view]}",
             LOOK, show=False)
        for number, view in enumerate(VIEWS, 1)
    ),
    _key("tab", "turn_view(1)", "view", "The next view; shift+tab for the one before", LOOK),
    _key("shift+tab", "turn_view(-1)", "view before", "The view before", LOOK, show=False),
    _key("slash", "type", "text", "Type a text to look into", TEXT, "/"),
    _key("g", "sample", "sample", "Look into a text of the last samples; again for the next", TEXT),
    _key("d", "document", "document", "Back to the document of the last step", TEXT),
    _key("l", "again", "look again", "Look again at once", TEXT, show=False),
    *(
        replace(key, tooltip=f"{key.tooltip}; in Lines back a line") if key.action == "back"
        else key
        for key in run_keys("inside")
    ),
    _key("question_mark,f1", "help", "help", "How to read this view, and every key", LOOK, "?"),
    _key("escape", "escape", "leave", "Leave the field, the typed text, the zoom, the microscope",
         LOOK, "esc"),
    _key("q,i", "leave", "leave", "Leave the microscope; it opens again as it is", LOOK, "q"),
]  # fmt: skip

RANKS = {
    action_name(action): place
    for place, action in enumerate(
        ("help", "leave", "position(-1)", "move(-1)", "enter", "turn", "users", "head(-1)",
         "back", "step", "escape", "cut", "past", "type", "layer(-1)", "number", "run",
         "token_on", "token(1)", "zoom", "rank", "turn_view(1)", "sample", "patch", "speed(1)",
         "document")
    )
}  # fmt: skip
"""Which keys are shown where not all have room."""
ROOM = 11
"""Lines for a view and the words about it, below which a lesson leaves the view alone."""
ROOMY = 100
"""Columns from which on the line of keys says what each arrow does."""
NEEDS_READING = {
    "position", "move", "enter", "turn", "token_on", "users", "head", "layer", "token", "number",
    "zoom", "ends", "cut", "past",
}  # fmt: skip


NEEDS_EXACT = {"enter", "users", "number", "cut", "past"}
"""Of those, the keys that open what the chosen thing is by now."""
PAST: Mapping[View, str] = {
    "step": "without it", "depth": "who taught it", "credit": "who taught it",
}  # fmt: skip
"""What `w` asks of the run's past, by view."""
ACTIONS = {
    key: one.action.partition("(")[0] for one in INSIDE_BINDINGS for key in one.key.split(",")
}


class InsideScreen(RunActions, AnswersOnce[Place | None], Screen[Place | None]):
    """The text above, one view below, a line of words and a line of keys.

    Dismissed with a place in the matrices that the Parameters panel is to show, or None.
    """

    BINDINGS: ClassVar[list[BindingType]] = list(INSIDE_BINDINGS)
    AUTO_FOCUS = ""
    DEFAULT_CSS = """
    InsideScreen {
        layout: vertical;
        #inside-top { height: 6; padding: 0 1; }
        #inside-text { display: none; height: 1; margin: 0 1; background: $foreground 8%; }
        #inside-text:ansi { text-style: underline; }
        #inside-text.-shown { display: block; }
        #inside-view { height: 1fr; padding: 0 1; }
        #inside-words { height: auto; max-height: 6; padding: 0 1; }
        #inside-keys { height: 1; background: $panel; padding: 0 1; }
        #inside-too-small { display: none; width: 100%; height: 100%; text-align: center;
                            content-align: center middle; }
        &.-too-small {
            #inside-too-small { display: block; }
            #inside-top, #inside-text, #inside-view, #inside-words, #inside-keys { display: none; }
        }
    }
    """

    def __init__(self, controller: Controller, state: InsideState) -> None:
        super().__init__()
        self._held = Held(self)
        self.state = state
        self._controller = controller
        self._looking = controller.looking
        self._model = controller.model
        self._text = ""
        """The text that was read last."""
        self._drawn: tuple[object, ...] = ()
        """What the last drawing showed."""

    def compose(self) -> ComposeResult:
        yield TooSmall(id="inside-too-small")
        yield Sheet(id="inside-top")
        yield LiteralInput(id="inside-text", compact=True, placeholder=EMPTY)
        yield Sheet(id="inside-view")
        yield Sheet(id="inside-words")
        if self._controller.tour is not None:
            yield Guide(self._controller.tour, self._controller.tasks, "inside")
        yield KeyBar(id="inside-keys")

    def on_mount(self) -> None:
        self._looking.open(lambda: self.state.look)
        for guide in self.query(Guide):
            self.add_class("-guided")
            self.set_focus(guide)
        self.draw()

    def on_unmount(self) -> None:
        self._looking.close()

    def on_resize(self, event: events.Resize) -> None:
        if passed(self, event):
            return
        width, height = event.size
        self.set_class(too_small(width, height), "-too-small")
        self.query_one(TooSmall).show(width, height, what="run", out="q leaves")
        self._held.until(self.draw, event.size)

    def on_screen_resume(self) -> None:
        self.draw()

    # ------------------------------------------------------------ what is looked at

    @property
    def view(self) -> ViewPage:
        return VIEW_PAGES[self.state.look.view]

    @property
    def inside(self) -> Inside | None:
        """What came, if it is of the chosen view and can be drawn."""
        inside = self._looking.inside
        if inside is None or inside.reading is None or not inside.positions:
            return None
        chosen, came = self.state.look, inside.look
        return inside if (came.view, came.text) == (chosen.view, chosen.text) else None

    def _changed(self) -> None:
        """Draw what is chosen now, soon, and ask for it."""
        self._controller.context.changed()
        self._looking.ask()

    # ------------------------------------------------------------ drawing

    def draw(self) -> None:
        """Draw what came last, as the person looks at it now."""
        if not self.query(KeyBar) or not self.is_attached:
            return  # the screen is not composed yet, or is being taken down
        for guide in self.query(Guide):
            guide.draw()
        self._looking.moved()
        self._take()
        if self._drawn != self._to_draw():
            self._draw_all()
            self._drawn = self._to_draw()  # drawing scrolls to what is chosen
        self._held.drawn()
        hear_on(self)

    def _to_draw(self) -> tuple[object, ...]:
        """All that a drawing depends on. Frames of a run come more often than numbers."""
        state, model, came = self.state, self._model, self._looking.inside
        frame = model.frame
        return (
            id(came), came, self._looking.trouble, self._looking.answers,
            state.look, state.origin, state.sample, state.zoomed,
            dict(state.cursors), dict(state.scrolled),
            model.running, model.going, model.waiting, frame and (frame.steps, frame.state),
            model.step if came is None else None,
            self.app.size, self.app.current_theme, self.query_one("#inside-top", Sheet).monochrome,
            self._guided,
            self.query_one("#inside-text").has_class("-shown"),
        )  # fmt: skip

    def _draw_all(self) -> None:
        width = max(20, self.app.size.width - 2)
        came = self._looking.inside
        if came is not None and came.look.text != self.state.look.text:
            came = None
        top = self._page("#inside-top", width, 6)
        draw_top(top, came, self.state, self._model)
        self._show("#inside-top", top)
        typing = self.query_one("#inside-text").has_class("-shown")
        room = self.app.size.height - 7 - typing - self._guided
        words = self._page("#inside-words", width, 6)
        self._draw_words(words, came, room)
        if self._guided:  # a lesson has the last word
            del words.lines[max(FEWEST_WORDS, room - FEWEST_LINES) :]
        self._show("#inside-words", words)
        page = self._page("#inside-view", width, max(1, room - len(words.lines)))
        inside = self.inside
        if inside is not None and came is not None:
            self.view.draw(page, inside, self.state)
        elif self._looking.trouble is None and not (came and came.trouble):
            page.say(WAITING)
        self._show("#inside-view", page)
        self._draw_keys()

    @property
    def _guided(self) -> int:
        """The lines that a lesson takes of the screen."""
        return sum(guide.outer_size.height for guide in self.query(Guide))

    def on_guide_grown(self) -> None:
        self._controller.context.changed()

    def _page(self, selector: str, width: int, height: int) -> Page:
        return Page(width, height, self.query_one(selector, Sheet).monochrome)

    def _show(self, selector: str, page: Page) -> None:
        self.query_one(selector, Sheet).show(page.lines, page.hits)

    def _take(self) -> None:
        """Notice that another text is read: its graph is another."""
        came = self._looking.inside
        if came is not None and came.text != self._text:
            if self._text and came.look.text == self.state.look.text and not self.state.look.name:
                self.state.forget_nodes()
            self._text = came.text

    def _draw_words(self, page: Page, came: Inside | None, room: int) -> None:
        """room: the lines that the words and the view have together. Beside a lesson that leaves
        few of them the view has them all: the lesson says what is seen."""
        failure = self._looking.trouble
        if failure is not None:
            page.say(f"✗ {visible(failure.title)}. {visible(failure.message)}", "bad", most=3)
        elif came is not None and came.trouble:
            page.say(f"✗ {visible(came.trouble)}", "bad", most=3)
        for notice in came.notices if came is not None else ():
            page.say(f"! {visible(notice)}", "caution", most=2)
        parts = came.shape.parts if came is not None else PARTS
        if self._guided and room < ROOM:
            return
        page.say(seen(self.state.look.view, parts), "muted", most=2)

    def _draw_keys(self) -> None:
        own = {
            "enter": (self._opened and self.view.leads) or self.view.enters,
            "turn": self.view.turns,
            "move(-1)": self.view.moves,
            "head(-1)": self.view.beside,
            "layer(-1)": "layer" if self.view.layered and self._layers > 1 else "",
            "users": "users" if self.view.rises else "",
            "token_on": "next token" if self.view.name == "lines" else "",
            "back": self.view.backs or "back",
            "zoom": "zoom" if self.view.zooms else "",
            "token(1)": "token" if self.view.name in ("attention", "depth", "credit") else "",
            "number": TITLES["number"] if self._number else "",
            "cut": "cut" if self._parts else "",
            "past": PAST.get(self.view.name, ""),
            "escape": self._escape_words,
            "document": "document" if self.state.look.text is not None else "",
        }
        shown = [
            replace(one, description=own.get(one.action, one.description))
            for one in INSIDE_BINDINGS
            if one.show and own.get(one.action, one.description)
        ]
        if self.app.size.width < ROOMY:
            shown = [
                replace(one, key_display="←→↑↓", description="move")
                if one.action == "position(-1)"
                else one
                for one in shown
                if one.action != "move(-1)"
            ]
        self.query_one(KeyBar).show_bindings(shown, self._model.running, RANKS)

    @property
    def _layers(self) -> int:
        inside = self._looking.inside
        return inside.shape.n_layer if inside is not None else 1

    @property
    def _number(self) -> str | None:
        """The name of the chosen number."""
        inside = self.inside
        return self.view.number(inside, self.state) if inside is not None else None

    @property
    def _parts(self) -> tuple[Component, ...]:
        """The parts of the model that can be cut at what is chosen, the nearest first."""
        inside, info = self.inside, self._model.info
        if inside is None or info is None:
            return ()
        return existing(self.view.parts(inside, self.state), info.matrices)

    @property
    def _weight(self) -> tuple[str, int, int] | None:
        """The weight that is chosen in Number."""
        inside = self.inside
        if inside is None or not isinstance(self.view, NumberView):
            return None
        return self.view.weight(inside, self.state)

    @property
    def _opened(self) -> bool:
        """True if a neuron or a weight is opened here."""
        look = self.state.look
        return (self.view.name == "neurons" and look.neuron is not None) or (
            self.view.name == "step" and look.weight is not None
        )

    @property
    def _escape_words(self) -> str:
        if self._opened:
            return "close"
        if self.state.zoomed and self.view.zooms:
            return "zoom out"
        return "" if self.state.look.text is None else "document"

    # ------------------------------------------------------------ keys: looking

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """In the field, and in a sum for the guide, a slash is text. What moves in a view needs the
        view."""
        if action == "type" and (isinstance(self.focused, Input) or reckons(self.focused)):
            return False
        if action in NEEDS_READING and self.inside is None:
            return False
        if action == "cut" and not self._parts:
            return False
        if action == "past" and self.view.name not in PAST:
            return False
        return super().check_action(action, parameters)

    def turn_of(self, key: str) -> Turn:
        """What moves in a view waits for the view's numbers, and what opens a number, for the
        numbers of just what is chosen. The keys that move the run pass by."""
        action = ACTIONS.get(key, "")
        if isinstance(self.focused, Input):
            return "now"
        if action in ("view", "turn_view", "leave"):
            return "leaves"
        if action == "back" and self.view.backs:
            action = "move"
        if action in ("run", "step", "speed", "back"):
            return "passes"
        if action not in NEEDS_READING or self._came:
            return "now"
        exact = action in NEEDS_EXACT or self.view.name == "number"
        return "waits" if exact or self.inside is None else "now"

    @property
    def _came(self) -> bool:
        """True if nothing else is to come for what is chosen."""
        looking = self._looking
        if looking.trouble is not None and looking.idle:
            return True
        return looking.answers is not None and _asks(looking.answers) == _asks(self.state.look)

    def action_view(self, number: int) -> None:
        self.show_view(VIEWS[number])

    def action_turn_view(self, by: int) -> None:
        at = VIEWS.index(self.state.look.view)
        self.show_view(VIEWS[(at + by) % len(VIEWS)])

    def show_view(self, view: View) -> None:
        weight = self._weight
        if view == "step" and weight is not None:
            self.state.change(weight=weight)
        self.state.change(view=view)
        self._changed()

    def action_position(self, by: int) -> None:
        if (inside := self.inside) is not None:
            self._go_to(self.state.position(inside) + by)

    def action_ends(self, at: int) -> None:
        if (inside := self.inside) is not None:
            self._go_to(within(at, len(inside.positions)))

    def _go_to(self, position: int) -> None:
        came = self._looking.inside
        if came is not None and came.positions:
            self.state.choose(position, came)
            self._changed()

    def action_move(self, by: int) -> None:
        inside = self.inside
        if inside is not None:
            before = self.state.look
            self.view.move(inside, self.state, by)
            if self.state.look == before:
                self._controller.context.changed()
            else:
                self._changed()

    def action_head(self, by: int) -> None:
        if (inside := self.inside) is not None:
            self.view.sideways(inside, self.state, by)
            self._changed()

    def action_layer(self, by: int) -> None:
        if (inside := self.inside) is not None:
            self.state.next_layer(by, inside)
            self._changed()

    def action_token(self, by: int) -> None:
        """Explain another token of the vocabulary."""
        if (inside := self.inside) is not None:
            self.state.next_token(by, inside)
            self._changed()

    def action_turn(self) -> None:
        inside = self.inside
        if inside is not None:
            self.view.turn(inside, self.state)
            self._changed()

    def action_token_on(self) -> None:
        """Run the next token, from its first line on."""
        if self.view.name == "lines":
            self.state.cursors["lines"] = 0
            self.action_position(1)

    def action_users(self) -> None:
        inside = self.inside
        if inside is not None:
            self.view.up(inside, self.state)
            self._changed()

    def action_zoom(self) -> None:
        if self.view.zooms:
            self.state.zoomed = not self.state.zoomed
            self.draw()

    def action_enter(self) -> None:
        inside = self.inside
        if inside is None:
            return
        place = self.view.enter(inside, self.state)
        if place is not None:
            self.dismiss(place)
        else:
            self._changed()

    def action_number(self) -> None:
        name = self._number
        if name:
            self.state.open_number(name)
            self._changed()

    def action_back_to(self) -> None:
        if self.state.back():
            self._changed()

    @on(Sheet.Pressed)
    def _pressed(self, event: Sheet.Pressed) -> None:
        event.stop()
        name, first, _ = event.what
        if name == "view":
            forget_keys(self)
            self.action_view(first)
        elif name == "position":
            self._go_to(first)
        elif (inside := self.inside) is not None:
            again = self.view.press(inside, self.state, event.what)
            self.action_enter() if again else self._changed()

    @on(KeyBar.Pressed)
    async def _key_clicked(self, event: KeyBar.Pressed) -> None:
        await self.run_action(event.action)

    # ------------------------------------------------------------ keys: surgery

    def action_cut(self) -> None:
        parts, inside = self._parts, self.inside
        if parts and inside is not None:
            value = self.view.value_of(parts[0], inside, self.state)
            open_cut(self.app, self._controller, parts, self.state.look.text, value)

    def action_rank(self) -> None:
        open_rank(self.app, self._controller, self.state.look.text)

    def action_patch(self) -> None:
        came = self._looking.inside
        open_patch(self.app, self._controller, came.text if came is not None else "")

    # ------------------------------------------------------------ keys: the past

    def action_past(self) -> None:
        """Ask what the run would be without this step, or which steps taught a prediction."""
        from playground.tui.screens.inside.influence import InfluenceScreen, WithoutScreen

        inside = self.inside
        if inside is None:
            return
        self.app.clear_notifications()  # toasts would lie over what the dialog says
        if isinstance(inside.reading, StepReading):
            self.app.push_screen(WithoutScreen(self._controller, inside.reading.step))
            return
        place = self.state.position(inside)
        token = self.state.look.token
        if token is None:
            token = inside.positions[place].target_id
        asked = Influence(self.state.look.text, place, token)
        self.app.push_screen(InfluenceScreen(self._controller, asked), self._go_to_step)

    def _go_to_step(self, step: int | None) -> None:
        """Take this step apart."""
        if step is not None:
            self.state.read(None, "document")
            self._controller.tasks.do(self._controller.training.seek(step))
            self.show_view("step")

    # ------------------------------------------------------------ keys: the text

    def action_type(self) -> None:
        field = self.query_one("#inside-text", Input)
        field.value = self.state.look.text or ""
        field.add_class("-shown")
        self.set_focus(field)
        self.draw()

    @on(Input.Submitted, "#inside-text")
    def _typed(self, event: Input.Submitted) -> None:
        event.stop()
        self._hide_field()
        self.state.read(event.value, "typed")
        self._changed()

    def _hide_field(self) -> None:
        self.query_one("#inside-text").remove_class("-shown")
        self.set_focus(None)
        self.draw()

    def action_sample(self) -> None:
        """Look into the next text of the newest samples."""
        batch = next((one for one in self._model.texts if one.texts), None)
        if batch is None:
            self.notify("Leave with q, and press g: the model then writes some.",
                        title="No samples yet", markup=False)  # fmt: skip
            return
        number = self.state.sample + 1 if self.state.origin == "sample" else 0
        self.state.sample = number % len(batch.texts)
        self.state.read(batch.texts[self.state.sample].text, "sample")
        self._changed()

    def action_document(self) -> None:
        self.state.read(None, "document")
        self._changed()

    def action_again(self) -> None:
        self._looking.ask()

    # ------------------------------------------------------------ keys: the run

    def action_back(self) -> None:
        """Go back: a line in Lines, a training step in the other views."""
        if self.view.backs:
            self.action_move(-1)
        else:
            super().action_back()

    # ------------------------------------------------------------ keys: help, leaving

    def action_help(self) -> None:
        from playground.tui.screens.help import HelpScreen

        view = self.state.look.view
        number = VIEWS.index(view) + 1
        came = self._looking.inside
        words = HELP[view] + (left_out(came.shape.parts) if came is not None else "")
        reading = came.reading if came is not None else None
        if isinstance(reading, StepReading) and reading.optimizer == "sgd":
            words += SGD
        about = (f"{number} {TITLES[view]}", words)
        self.app.push_screen(HelpScreen(INSIDE_BINDINGS, about=about))

    def action_escape(self) -> None:
        """Leave the innermost thing there is to leave."""
        if self.query_one("#inside-text").has_class("-shown"):
            self._hide_field()
        elif self._opened:
            self.state.change(
                **({"weight": None} if self.view.name == "step" else {"neuron": None})
            )
            self._changed()
        elif self.state.zoomed and self.view.zooms:
            self.action_zoom()
        elif self.state.look.text is not None:
            self.action_document()
        else:
            self.dismiss(None)

    def action_leave(self) -> None:
        self.dismiss(None)


def _asks(look: Look) -> tuple[object, ...]:
    """What of a look the answer depends on."""
    if look.view == "number":
        return (look.view, look.text, look.node, look.unfolded, look.name)
    return (look,)


def _pages(pages: Sequence[ViewPage]) -> dict[View, ViewPage]:
    return {page.name: page for page in pages}


VIEW_PAGES = _pages(
    [
        FlowView(),
        AttentionView(),
        DepthView(),
        CreditView(),
        NeuronsView(),
        LinesView(),
        NumberView(),
        StepView(),
    ]
)
