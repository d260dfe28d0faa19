"""The dialog of probes: the prompts that a run is asked as it learns, and its answers so far."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Button, TabbedContent, TabPane, TextArea

from playground.lab.probe_answers import read_lines, write_lines
from playground.lab.protocol.probes import ProbeAnswers, ProbeError, ProbeSet, SkippedPrompt
from playground.tui.screens.dialog import Dialog, Line, error, warning
from playground.tui.screens.probes.answers import ProbeAnswersView
from playground.tui.widgets.slider import Slider
from playground.tui.widgets.slider_track import Scale
from playground.tui.widgets.text import visible

ASKED, ANSWERED = "probes-asked", "probes-answered"
_SELDOM, _TEXTS, _SEED = 1_000, 20, 999
"""The sliders' largest values for steps, texts and seed, unless the set has a larger one."""
_NAMED = 3
"""How many of the prompts that cannot be asked are named."""


class ProbesScreen(Dialog[ProbeSet | None]):
    """Edits a set of probes; dismissed with the set to ask from now on, or None."""

    HEADING = "Probes"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "accept", "apply", id="probes.apply", tooltip="Ask these from now on"),
        Binding("f2", "turn", "prompts/answers", id="probes.turn",
                tooltip="To the answers, and back to the prompts"),
        Binding("f3", "beside", "another model", id="probes.beside",
                tooltip="What another model makes of the prompts that are asked now"),
    ]  # fmt: skip
    DEFAULT_CSS = """
    ProbesScreen {
        &.-low #dialog-foot { margin: 0; }
        #dialog { max-width: 100; height: 100%; max-height: 34; }
        #dialog-body { height: 1fr; }
        TabbedContent { height: 1fr; }
        ContentSwitcher { height: 1fr; }
        TabPane { height: 1fr; padding: 0; }
        #probes-help { color: $text-muted; }
        #probes-prompts {
            height: 1fr;
            min-height: 3;
            padding: 0;
            border: none;
            background: $foreground 8%;
        }
        #probes-prompts:focus { background: $foreground 14%; }
        #probes-state { margin: 1 0 0 0; }
        &.-low #probes-state { margin: 0; }
    }
    """

    def __init__(
        self,
        probes: ProbeSet,
        answers: Sequence[ProbeAnswers] = (),
        skipped: Sequence[SkippedPrompt] = (),
        trouble: str = "",
        beside: Callable[[], Screen[None]] | None = None,
    ) -> None:
        """probes: the set that is asked now. answers: its answers so far, in the order of their
        steps. skipped: prompts that the model cannot be asked. trouble: why there were no answers
        lately, "" if there were. beside: makes the screen with another model beside the run's
        own."""
        super().__init__()
        self._asked = self._probes = probes
        self._answers, self._skipped, self._trouble = tuple(answers), tuple(skipped), trouble
        self._beside = beside
        self._problem = ""
        self._text = write_lines(probes.prompts)
        """The prompts as they were read last; a text area reports changes that are none."""

    # ------------------------------------------------------------ what there is

    def body(self) -> Iterable[Widget]:
        probes = self._probes
        reasons = {skipped.number: skipped.reason for skipped in self._skipped}
        yield Line(id="probes-trouble")
        with TabbedContent(initial=ANSWERED if self._answers else ASKED):
            with TabPane("Prompts", id=ASKED):
                yield Line(
                    'One prompt a line; "" is the empty one. Whenever they are asked, the dice '
                    "are the same: what changes is the model.",
                    id="probes-help",
                )
                yield TextArea(
                    self._text, show_line_numbers=True, compact=True, id="probes-prompts",
                    placeholder='for example\nan\nma\n""',
                )  # fmt: skip
                yield Line(id="probes-state")
                sliders = (
                    self._slider("every", probes.every, 1, _SELDOM, "log", " steps"),
                    self._slider("texts a prompt", probes.count, 1, _TEXTS),
                    self._slider("seed", probes.seed, 0, _SEED),
                )
                widest = max(slider.natural_value_width() for slider in sliders)
                for slider in sliders:
                    slider.value_width = widest
                    yield slider
            with TabPane("Answers", id=ANSWERED):
                yield ProbeAnswersView(probes.prompts, self._answers, reasons)

    def _slider(
        self, label: str, value: int, low: int, high: int, scale: Scale = "linear", unit: str = ""
    ) -> Slider:
        return Slider(
            label, value, minimum=min(low, value), maximum=max(high, value), scale=scale,
            unit=unit, integer=True, label_width=14, name=label, classes="probes-knob",
        )  # fmt: skip

    def buttons(self) -> Iterable[Widget]:
        yield Button("Apply", compact=True, id="probes-apply")

    def on_mount(self) -> None:
        trouble = warning(visible(self._trouble)) if self._trouble else ""
        self.query_one("#probes-trouble", Line).say(trouble)
        self._say()
        self._focus()  # now, not later: what is typed from here on is a prompt

    @property
    def remark(self) -> str:
        return "asked as the run learns; training never waits long"

    # ------------------------------------------------------------ pages

    @property
    def _page(self) -> str:
        return self.query_one(TabbedContent).active

    def _focus(self) -> None:
        """Give the focus to what the page is about."""
        if self._page == ASKED:
            self.set_focus(self.query_one("#probes-prompts", TextArea))
        elif self._answers:
            self.set_focus(self.query_one(ProbeAnswersView).first_choice)

    def action_turn(self) -> None:
        self.set_focus(None)
        self.query_one(TabbedContent).active = ANSWERED if self._page == ASKED else ASKED
        self.call_after_refresh(self._focus)

    def action_beside(self) -> None:
        """Show another model beside the run's own; what is typed here stays."""
        if self._beside is not None:
            self.app.push_screen(self._beside())

    # ------------------------------------------------------------ changes

    @on(TextArea.Changed, "#probes-prompts")
    def _typed(self, event: TextArea.Changed) -> None:
        event.stop()
        if event.text_area.text != self._text:
            self._text = event.text_area.text
            prompts = tuple(prompt for _, prompt in read_lines(self._text))
            self._take(replace(self._probes, prompts=prompts))

    @on(Slider.Changed, ".probes-knob")
    def _moved(self, event: Slider.Changed) -> None:
        event.stop()
        value, name = round(event.value), event.slider.name
        if name == "every":
            self._take(replace(self._probes, every=value))
        elif name == "seed":
            self._take(replace(self._probes, seed=value))
        else:
            self._take(replace(self._probes, count=value))

    def _take(self, probes: ProbeSet) -> None:
        self._probes = probes
        self._say()

    def _say(self) -> None:
        """Say what is wrong with the set, or what comes of it."""
        state, probes = self.query_one("#probes-state", Line), self._probes
        self._problem = ""
        try:
            probes.check()
        except ProbeError as wrong:
            self._problem = str(wrong)
            state.say(error(visible(f"{self._problem[:1].upper()}{self._problem[1:]}")))
            return
        skipped = [str(one) for one in self._skipped if one.prompt in probes.prompts]
        count = len(probes.prompts)
        if not count:
            state.say("No prompts: nothing is asked.")
        elif skipped:
            more = len(skipped) - _NAMED
            named = "; ".join(skipped[:_NAMED]) + (f"; and {more} more" if more > 0 else "")
            state.say(warning(visible(f"Not asked: {named}. The others are.")))
        elif self._answers and not probes.same_questions(self._asked):
            state.say(warning("These are other questions: the answers begin anew."))
        else:
            texts = f", {probes.count} texts each" if probes.count > 1 else ""
            state.say(f"{count} prompt{'' if count == 1 else 's'}{texts}.")

    def accept(self) -> None:
        if self._problem:
            self.query_one(TabbedContent).active = ASKED
            self.notify(visible(self._problem), severity="error", markup=False)
            return
        self.dismiss(self._probes)
