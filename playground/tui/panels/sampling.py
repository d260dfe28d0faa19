"""Panel 4: the chain of strategies, the next token's chances, and what the model writes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from playground.catalog import Catalog, KnobValue
from playground.lab.protocol.sampling import SampleBatch
from playground.tui.knobs import align, knob_line, knob_value
from playground.tui.model import PlaygroundModel
from playground.tui.panels.chances import heading, show_bars, trouble_words
from playground.tui.panels.panel import Panel
from playground.tui.panels.zoomed.film import FilmStrip
from playground.tui.panels.zoomed.sampling import Confidence
from playground.tui.styles import CAUTION, GOOD, MUTED
from playground.tui.widgets.bars import Bars
from playground.tui.widgets.control import Choice, Control, Toggle
from playground.tui.widgets.gate import plain
from playground.tui.widgets.literal_input import LiteralInput
from playground.tui.widgets.slider import Slider
from playground.tui.widgets.static_text import Words
from playground.tui.widgets.text import fit, visible

SHOWN_LINES = 120
"""Lines of samples that are shown; older samples are left out."""


class SamplingPanel(Panel):
    """The controls of the chain, the prompt, bars with the next token's chances, samples."""

    NUMBER = 4
    TITLE = "Sampling"

    class KnobMoved(Message):
        """A control was moved: place and name of its link in the chain, its knob, its value."""

        def __init__(self, place: int, link: str, knob: str, value: KnobValue) -> None:
            super().__init__()
            self.place, self.link, self.knob, self.value = place, link, knob, value

    class PromptChanged(Message):
        """The person changed the prompt."""

        def __init__(self, prompt: str) -> None:
            super().__init__()
            self.prompt = prompt

    class SampleWanted(Message):
        """The person pressed enter in the prompt."""

    def compose(self) -> ComposeResult:
        yield VerticalScroll(id="sampling-chain", can_focus=False)
        with Horizontal(id="sampling-prompt-line"):
            yield Static("prompt", id="sampling-prompt-label")
            yield LiteralInput(id="sampling-prompt", compact=True, placeholder="/ to type")
        yield Words(id="sampling-next")
        with VerticalScroll(id="sampling-candidates", can_focus=False):
            yield Bars(id="sampling-bars")
        with VerticalScroll(id="sampling-scroll", can_focus=True):
            yield Words(id="sampling-texts")
        yield Confidence(id="sampling-confidence")
        yield FilmStrip(id="sampling-film")

    _model: PlaygroundModel | None = None

    def set_zoomed(self, zoomed: bool) -> None:
        super().set_zoomed(zoomed)
        film = zoomed and self._model is not None and self._model.film_shown
        self.query_one("#sampling-candidates").can_focus = zoomed
        self.query_one("#sampling-scroll").display = not zoomed
        self.query_one(Confidence).display = zoomed and not film
        self.query_one(FilmStrip).display = film
        for name in ("chain", "prompt-line", "next", "candidates"):
            self.query_one(f"#sampling-{name}").display = not film

    _adopted = 0
    """`PlaygroundModel.adopted` when the prompt was set last."""
    _shape: tuple[tuple[tuple[str, bool], ...], Catalog | None] = ((), None)
    """What the controls were made from: (name, enabled) of each link, and the catalog."""
    _lines: Sequence[Widget] = ()
    """The controls of the present chain; those of an earlier one may still be on the screen."""

    def show(self, model: PlaygroundModel) -> None:
        self._model = model
        if self.query_one(FilmStrip).display:
            self.query_one(FilmStrip).show(model)
            return
        self._show_chain(model)
        if self._adopted != model.adopted:
            self._adopted = model.adopted
            field = self.query_one("#sampling-prompt", Input)
            with field.prevent(Input.Changed):
                field.value = model.sampling.prompt
        self._show_chances(model)
        texts = model.texts
        self.set_class(not texts, "-unsampled")  # without samples, the bars have their room
        if self.has_class("-zoomed"):
            self.query_one(Confidence).show(model)
            return
        self._show_texts(texts)

    # ------------------------------------------------------------ the chain

    def _show_chain(self, model: PlaygroundModel) -> None:
        if model.catalog is None:
            return
        shape = (tuple((link.name, link.enabled) for link in model.sampling.chain), model.catalog)
        if self._shape == shape:
            self._move_controls(model)
            return
        self._shape, self._lines = shape, list(self._controls(model))
        chain = self.query_one("#sampling-chain", VerticalScroll)
        chain.remove_children()  # the removal takes a while
        chain.mount_all(self._lines)
        self._say_how_many(chain.show_vertical_scrollbar)
        self.call_after_refresh(self._line_up)

    def on_mount(self) -> None:
        chain = self.query_one("#sampling-chain")
        self.watch(chain, "show_vertical_scrollbar", self._say_how_many, init=False)

    def _say_how_many(self, scrolls: bool) -> None:
        """Say in the edge how many controls there are, where some are out of sight."""
        self.subtitle(f"{len(self._lines)} controls, ↑↓ for the others" if scrolls else "")

    def on_resize(self) -> None:
        self.call_after_refresh(self._line_up)

    def _line_up(self) -> None:
        """Let the prompt begin in the column where the tracks of the controls begin."""
        control = next((line for line in self._lines if isinstance(line, Control)), None)
        if control is not None:
            width = self.query_one("#sampling-chain").scrollable_content_region.width
            self.query_one("#sampling-prompt-label").styles.width = control.label_cells(width)

    def _controls(self, model: PlaygroundModel) -> Iterable[Widget]:
        """A line for each knob that has an effect, and for each strategy without knobs."""
        lines: list[Widget] = []
        for place, link in enumerate(model.sampling.chain):
            entry = model.entry(link)
            if not link.enabled:
                continue
            if entry is not None and entry.stale:
                badge = Content.styled(f"! {visible(link.name)} is stale; ! tells why", CAUTION)
                lines.append(Static(badge, classes="chain-plain chain-stale"))
            knobs = entry.controls if entry is not None else ()
            for control in knobs:
                value = link.options.get(control.name, control.default)
                if control is not knobs[0] and value == control.neutral:
                    continue  # a knob without effect is found in the chain editor only
                spoken = control.name.replace("_", " ")
                short = link.name if control.label == spoken else control.label
                if control is not knobs[0]:
                    short = f"· {control.label}"
                line = knob_line(
                    control,
                    value,
                    label_width=self.LABEL_WIDTH,
                    name=f"{place}:{control.name}",
                    label=short,
                )
                if line is not None:
                    lines.append(line)
            if not knobs:
                known = "" if entry is not None else " (not installed)"
                lines.append(Static(plain(f"{link.name}{known}"), classes="chain-plain"))
        align(lines)
        return lines

    LABEL_WIDTH = 12
    """Cells of a control's name."""

    def _move_controls(self, model: PlaygroundModel) -> None:
        """Set the controls to the model's values; a slider that is being typed into stays."""
        for line in self._lines:
            if not line.name:
                continue
            place, _, knob = line.name.partition(":")
            value = model.sampling.chain[int(place)].options.get(knob)
            if value is None:
                continue
            if isinstance(line, Slider) and not line.editing and isinstance(value, (int, float)):
                line.set_value(float(value))
            elif isinstance(line, Choice):
                line.set_value(str(value))
            elif isinstance(line, Toggle):
                line.set_value(bool(value))

    @on(Slider.Changed)
    @on(Choice.Changed)
    @on(Toggle.Changed)
    def _moved(self, event: Message) -> None:
        event.stop()
        moved = knob_value(event)
        if moved is not None and event.control in self._lines:
            place, _, knob = moved[0].partition(":")
            link, _ = self._shape[0][int(place)]
            self.post_message(self.KnobMoved(int(place), link, knob, moved[1]))

    @on(Slider.Rejected)
    def _rejected(self, event: Slider.Rejected) -> None:
        event.stop()
        self.notify(event.reason, severity="warning", markup=False)

    # ------------------------------------------------------------ the prompt

    @on(Input.Changed, "#sampling-prompt")
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.PromptChanged(event.value))

    @on(Input.Submitted, "#sampling-prompt")
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.SampleWanted())

    def focus_prompt(self) -> None:
        self.screen.set_focus(self.query_one("#sampling-prompt", Input))

    # ------------------------------------------------------------ the next token

    def _show_chances(self, model: PlaygroundModel) -> None:
        head = self.query_one("#sampling-next", Words)
        bars = self.query_one(Bars)
        trouble = model.preview_trouble
        head.set_class(trouble is not None, "-trouble")
        self.query_one("#sampling-candidates").display = trouble is None
        if trouble is not None:
            head.say(trouble_words(trouble))
            bars.set_rows([])
        elif model.preview is not None:
            head.say(heading(model.preview, self.size.width))
            show_bars(bars, model.preview)

    # ------------------------------------------------------------ texts

    def _show_texts(self, batches: list[SampleBatch]) -> None:
        numbers = tuple(batch.number for batch in batches)
        key = (numbers, self.size.width)
        if getattr(self, "_texts_key", None) == key:
            return
        self._texts_key = key
        width = max(16, self.size.width - 1)  # one column is for the scroll bar
        lines: list[Content] = []
        for batch in batches:
            if len(lines) >= SHOWN_LINES:
                break
            lines.append(Content.styled(f"step {batch.step:,}", MUTED))
            if batch.note:
                lines.append(Content.styled(f" {visible(batch.note)}", CAUTION))
            for text in batch.texts:
                shown = visible(text.text) + ("" if text.complete else "…")
                shown = fit(shown or "(empty)", width - 10)
                lines.append(
                    Content.assemble(
                        f" {shown} ",
                        (text.mark, GOOD if text.mark == "new" else MUTED),
                    )
                )
        empty = Content.styled("g samples now; every 100 steps too", MUTED)
        self.query_one("#sampling-texts", Words).say(Content("\n").join(lines) if lines else empty)
