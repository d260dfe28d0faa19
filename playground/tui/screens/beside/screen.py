"""The screen on which another model stands beside the run's own: both columns, and the keys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Literal

from textual import on
from textual.binding import Binding, BindingType
from textual.widget import Widget
from typing_extensions import override

from playground.lab.protocol.failures import Failure, LabError
from playground.lab.protocol.writing import Leaving, WriterChoice
from playground.tui.control.controller import Controller
from playground.tui.screens.beside import drawing
from playground.tui.screens.beside.writer import SEND, WriterScreen, consent
from playground.tui.screens.inside.page import Page
from playground.tui.screens.probes.answers import prompt_words
from playground.tui.screens.sheet_dialog import TALL, ScrolledSheet, scroll_keys
from playground.tui.widgets.sheet import Ink, Line, Sheet
from playground.tui.widgets.text import fit, visible
from playground.words import many

View = Literal["prompt", "probes"]
VIEWS: tuple[View, ...] = ("prompt", "probes")
_DRAWN = 0.25
"""Seconds between two drawings while somebody waits."""
_NONE = (
    "No other model is chosen, and nothing leaves this machine. w lists the writers that plugins "
    "bring, and says how to add the gallery's, which ask an endpoint on the network."
)


class BesideScreen(ScrolledSheet[None]):
    """Shows what two models make of the same prompts."""

    HEADING = "Another model beside this one"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("g,enter", "ask", "ask both", key_display="g", id="beside.ask",
                tooltip="Let both models write; of the probes, those that are not continued yet"),
        Binding("G", "ask_anew", "ask all anew", id="beside.ask-anew",
                tooltip="Let the other model continue all probes once more"),
        Binding("slash", "prompt", "prompt", key_display="/", id="beside.prompt",
                tooltip="Type the prompt, which is also that of Sampling"),
        Binding("w", "writer", "writer", id="beside.writer",
                tooltip="Which other model, with its knobs"),
        Binding("x", "off", "off", id="beside.off",
                tooltip="Ask no other model, and forget what you agreed to"),
        Binding("1", "view('prompt')", "the prompt", id="beside.view-1", show=False),
        Binding("2", "view('probes')", "the probes", id="beside.view-2", show=False),
        Binding("right,left,tab,shift+tab", "turn", "view", key_display="1-2 ←→",
                id="beside.turn", tooltip="The prompt of Sampling, or the probes of the run"),
        *scroll_keys("beside"),
        Binding("question_mark,f1", "help", "help", key_display="?", id="beside.help"),
        Binding("escape", "cancel", "close", key_display="esc", id="beside.cancel",
                tooltip="Give up what is under way, or close"),
    ]  # fmt: skip
    DEFAULT_CSS = """
    BesideScreen { #dialog { max-width: 140; } }
    """

    def __init__(self, controller: Controller, view: View = "prompt") -> None:
        super().__init__()
        self._controller = controller
        self._beside = controller.beside
        self._view: View = view
        self._trouble: Failure | None = None
        """Why the writer could not be asked at all."""

    def body(self) -> Iterable[Widget]:
        yield Sheet(id="beside-sheet")

    def on_mount(self) -> None:
        self.set_interval(_DRAWN, self._tick)
        if self._view == "probes":
            self._beside.answer()
        self.draw()

    def on_unmount(self) -> None:
        self._beside.give_up()

    def _tick(self) -> None:
        if self._beside.other.busy:
            self.draw()

    # ------------------------------------------------------------ drawing

    @property
    def _prompt(self) -> str:
        return self._controller.model.sampling.prompt

    @property
    def _writer(self) -> str:
        choice = self._beside.choice
        return "" if choice is None else choice.name

    @property
    def remark(self) -> str:
        """What leaves the machine, in the edge."""
        beside = self._beside
        if beside.choice is None:
            return "off: nothing leaves this machine"
        if beside.agreed is None:
            return "nothing was sent: you are asked first"
        if not beside.agreed.address:
            return "nothing leaves this machine"
        return f"prompts go to {beside.agreed.address}"

    @override
    def draw_page(self, page: Page) -> None:
        frame = self.query_one("#dialog")
        frame.border_subtitle = fit(visible(self.remark), max(10, page.width - 4)).rstrip()
        self._tabs(page)
        if self._trouble is not None:
            drawing.say_trouble(page, self._trouble)
        if self._beside.choice is None:
            page.say(_NONE)
        for asking in (self._beside.own, self._beside.other):
            if asking.trouble is not None:
                drawing.say_trouble(page, asking.trouble)
        page.blank()
        full = page.part(page.width, TALL)
        self._heads(full)
        if self._view == "probes":
            self._draw_probes(full)
        else:
            left, right = drawing.columns(full)
            drawing.draw_ours(left, self._beside.ours, self._prompt)
            if self._beside.choice is not None:
                theirs = self._beside.texts.get(self._prompt)
                drawing.draw_theirs(right, theirs, self._prompt)
            drawing.level(left, right)
            full.beside([left, right], drawing.GAP)
        self.lay(page, full)

    def _draw_probes(self, full: Page) -> None:
        asked = self._beside.asked
        if asked is not None and not asked.probes.prompts:
            full.say("This run has no probes. y, on the screen of the run, asks for some.")
        else:
            drawing.draw_probes(full, asked, self._beside.texts)

    def _heads(self, full: Page) -> None:
        left, right = drawing.columns(full)
        left.add(("this model", "strong"))
        name = fit(visible(self._writer), right.width).rstrip()
        right.add((name, "strong") if name else ("no other model", "muted"))
        full.beside([left, right], drawing.GAP)

    def _tabs(self, page: Page) -> None:
        words = {"prompt": f"the prompt {prompt_words(self._prompt)}", "probes": "the probes"}
        line: Line = []
        start = 0
        room = page.width - 2 * 4 - len(words["probes"])
        for place, view in enumerate(VIEWS):
            here = view == self._view
            text = f"{'▸' if here else ' '}{place + 1} {fit(words[view], room).rstrip()}"
            ink: Ink = "pointed" if here else "muted"
            page.hit(start, start + len(text), ("view", place, 0))
            line += [(text, ink), ("  ", "text")]
            start += len(text) + 2
        page.add(*line)

    # ------------------------------------------------------------ asking

    def action_ask(self) -> None:
        """Ask both; of the probes, the other model is asked only for what is missing."""
        self._ask(anew=False)

    def action_ask_anew(self) -> None:
        self._ask(anew=True)

    def _ask(self, *, anew: bool) -> None:
        if self._view == "probes":
            self._beside.answer()
        else:
            self._beside.sample()
        if self._beside.choice is None:
            self.draw()
            return
        self._controller.tasks.attend(self._ask_other(anew))

    async def _ask_other(self, anew: bool) -> None:
        """Ask the other model, once it is agreed what leaves the machine."""
        beside, choice = self._beside, self._beside.choice
        self._trouble = None
        try:
            leaving = await beside.leaving()
        except LabError as error:
            self._trouble = error.failure
            self.draw()
            return
        if self.answered or beside.choice is not choice:
            return

        def agreed(answer: str | None) -> None:
            if answer == SEND:
                beside.agree(leaving)
                self._write(anew, leaving)
            self.draw()

        if beside.must_ask(leaving):
            self.app.push_screen(consent(leaving, visible(self._writer)), agreed)
        else:
            beside.agree(leaving)
            self._write(anew, leaving)

    def _write(self, anew: bool, leaving: Leaving) -> None:
        wanted = self._wanted(anew)
        if wanted:
            self._beside.ask(wanted, leaving)
        self.draw()

    def _wanted(self, anew: bool) -> Sequence[str]:
        """The prompts that the other model is asked for."""
        if self._view == "prompt":
            return (self._prompt,)
        asked, texts = self._beside.asked, self._beside.texts
        prompts = dict.fromkeys(asked.probes.prompts) if asked is not None else {}
        return [
            prompt
            for prompt in prompts
            if anew or prompt not in texts or texts[prompt].written is None
        ]

    # ------------------------------------------------------------ keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "ask_anew":
            return self._view == "probes" and self._beside.choice is not None
        if action == "prompt":
            return self._view == "prompt"
        if action == "ask" and self._view == "probes":
            return (
                not self._beside.own.busy
            )  # the answers of this model say which prompts there are
        if action == "off":
            return self._beside.choice is not None
        return super().check_action(action, parameters)

    def action_view(self, view: View) -> None:
        self._view, self._top = view, 0
        if view == "probes" and self._beside.asked is None:
            self._beside.answer()
        self.draw()

    def action_turn(self) -> None:
        self.action_view("probes" if self._view == "prompt" else "prompt")

    def action_writer(self) -> None:
        """Choose the writer."""

        def chosen(choice: dict[str, Any] | None) -> None:
            if choice is not None:
                self._trouble = None
                self._beside.choose(WriterChoice(choice["name"], choice["options"]))
            self.draw()

        self.app.push_screen(WriterScreen(self._controller.model, self._beside.choice), chosen)

    def action_off(self) -> None:
        """Ask no other model any more."""
        had = len([one for one in self._beside.texts.values() if one.written is not None])
        self._trouble = None
        self._beside.choose(None)
        gone = f" {many(had, 'text')} of it {'is' if had == 1 else 'are'} gone." if had else ""
        self.notify(f"No other model is asked from now on.{gone}", markup=False)
        self.draw()

    def action_prompt(self) -> None:
        """Type the prompt of Sampling."""
        from playground.tui.screens.runs.ask import AskLine

        def answered(prompt: str | None) -> None:
            if prompt is not None:
                self._controller.previews.set_prompt(prompt)
                self.draw()

        begin = "nothing: each begins by itself"
        ask = AskLine("The prompt for both models", self._prompt, begin, exactly=True)
        self.app.push_screen(ask, answered)

    def action_cancel(self) -> None:
        if self._beside.other.busy:
            self._beside.give_up()
            self.draw()
        else:
            super().action_cancel()

    @on(Sheet.Pressed)
    def _pressed(self, event: Sheet.Pressed) -> None:
        event.stop()
        self.action_view(VIEWS[event.what[1]])

    def action_help(self) -> None:
        from playground.tui.screens.beside.words import BESIDE
        from playground.tui.screens.help import HelpScreen

        keys = [one for one in self.BINDINGS if isinstance(one, Binding)]
        self.app.push_screen(HelpScreen(keys, about=(self.HEADING, BESIDE)))
