"""How a run's answers to its probes changed from one step to another, as lines and as widgets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget
from typing_extensions import override

from playground.lab.probe_answers import ProbeChange, compare, summary
from playground.lab.protocol.probes import ProbeAnswers
from playground.tui.screens.dialog import MUTED, Line
from playground.tui.screens.pick.lists import name_column
from playground.tui.widgets.control import Choice, Toggle
from playground.tui.widgets.difference import DIFFERENT, difference_content
from playground.tui.widgets.text import fit, visible

CHANGED, SAME, UNASKED = DIFFERENT, "=", "–"
_PROMPT = 20
"""Cells for a prompt beside its answers, at most."""
_NARROWEST = 10
"""Cells for an answer, at least."""


def prompt_words(prompt: str) -> str:
    """A prompt in visible characters; the empty prompt is "·"."""
    return visible(prompt, spaces=True) if prompt.strip() != prompt else visible(prompt) or "·"


def change_lines(
    changes: Sequence[ProbeChange], width: int, reasons: Mapping[int, str] | None = None
) -> list[Content]:
    """A line for each prompt: a sign, the prompt's number, the prompt, how its answers changed. A
    line longer than `width` cells is wrapped.

    reasons: why a prompt was not asked, by its number.
    """
    if not changes:
        return []
    shown = {change.number: prompt_words(change.prompt) for change in changes}
    column = min(name_column(list(shown.values()), _PROMPT), max(1, width // 3))
    digits = len(str(max(shown)))
    indent = " " * (2 + digits + 1 + column + 2)
    room = max(_NARROWEST, width - len(indent))
    lines: list[Content] = []
    for change in changes:
        sign, style = _sign(change)
        head = Content.assemble(
            (f"{sign} ", style),
            (f"{change.number:>{digits}} {fit(shown[change.number], column)}  ", MUTED),
        )
        for before, after in change.pairs or (("", ""),):
            for part in _answer(change, before, after, reasons).wrap(room):
                lines.append(Content.assemble(head, part))
                head = Content(indent)
    return lines


def _sign(change: ProbeChange) -> tuple[str, str]:
    if not change.comparable:
        return UNASKED, MUTED
    return (CHANGED, "bold $text-primary") if change.changed else (SAME, MUTED)


def _answer(
    change: ProbeChange, before: str, after: str, reasons: Mapping[int, str] | None
) -> Content:
    if change.comparable and not before and not after:
        return Content.styled("(nothing: the text ended at once)", MUTED)
    if change.comparable:
        return difference_content(before, after)
    if change.pairs:
        when = "before" if change.before else "after"
        return Content.assemble(visible(before or after), (f"  (asked only {when})", MUTED))
    why = (reasons or {}).get(change.number, "")
    return Content.styled(f"not asked: {visible(why)}" if why else "not asked", MUTED)


class ChangeList(Widget):
    """The prompts and how the answers to them changed, as high as all its lines."""

    DEFAULT_CSS = "ChangeList { height: auto; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._changes: tuple[ProbeChange, ...] = ()
        self._reasons: Mapping[int, str] = {}
        self._laid_out: tuple[int, list[Content]] | None = None
        """A width in cells, and the lines at that width."""

    def show(self, changes: Sequence[ProbeChange], reasons: Mapping[int, str]) -> None:
        """Draw these changes. reasons: as in `change_lines`."""
        self._changes, self._reasons, self._laid_out = tuple(changes), reasons, None
        self.refresh(layout=True)

    def lines(self, width: int) -> list[Content]:
        """The lines at a width in cells."""
        if self._laid_out is None or self._laid_out[0] != width:
            self._laid_out = width, change_lines(self._changes, width, self._reasons)
        return self._laid_out[1]

    @override
    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self.lines(width))

    @override
    def render(self) -> Content:
        return Content("\n").join(self.lines(self.content_size.width))


class ProbeAnswersView(Vertical):
    """Lets the person choose two steps, and shows how the answers changed between them."""

    DEFAULT_CSS = """
    ProbeAnswersView {
        height: 1fr;
        #answers-choices { height: auto; }
        #answers-summary { margin: 1 0 0 0; text-style: bold; }
        #answers-scroll { height: 1fr; min-height: 3; }
        #answers-scroll:focus { background: $foreground 5%; }
    }
    """

    def __init__(
        self,
        prompts: Sequence[str],
        answers: Sequence[ProbeAnswers],
        reasons: Mapping[int, str] | None = None,
        *,
        id: str | None = None,
    ) -> None:
        """answers: by step, in order. reasons: as in `change_lines`."""
        super().__init__(id=id)
        self._prompts = tuple(prompts)
        self._reasons = dict(reasons or {})
        self._by_name = {f"step {one.step:,}": one for one in answers}

    @property
    def first_choice(self) -> Choice:
        """The widget that takes the focus first."""
        return self.query_one("#answers-before", Choice)

    def compose(self) -> ComposeResult:
        names = list(self._by_name)
        if not names:
            yield Line(
                "There are no answers yet. They come with the training: at its start, every so "
                "many steps as it is set beside, and at its end.",
                id="answers-none",
            )
            return
        with Vertical(id="answers-choices"):
            yield Choice("from", names, names[0], label_width=4, id="answers-before")
            yield Choice("to", names, names[-1], label_width=4, id="answers-after")
            yield Toggle("only what changed", id="answers-changed")
        yield Line(id="answers-summary")
        with VerticalScroll(id="answers-scroll"):
            yield ChangeList(id="answers-lines")

    def on_mount(self) -> None:
        if self._by_name:
            self._show()

    @on(Choice.Changed)
    @on(Toggle.Changed)
    def _chosen(self, event: Choice.Changed | Toggle.Changed) -> None:
        event.stop()
        self._show()

    def _show(self) -> None:
        before, after = (
            self.query_one(f"#answers-{side}", Choice).value or "" for side in ("before", "after")
        )
        changes = compare(self._by_name[before], self._by_name[after], self._prompts)
        self.query_one("#answers-summary", Line).say(self._summary(before, after, changes))
        if self.query_one("#answers-changed", Toggle).value:
            changes = tuple(change for change in changes if change.changed)
        self.query_one(ChangeList).show(changes, self._reasons)
        self.query_one("#answers-scroll", VerticalScroll).scroll_home(animate=False)

    def _summary(self, before: str, after: str, changes: Sequence[ProbeChange]) -> str:
        if before == after:
            return f"The answers of {before}. Choose another step to see what changes."
        said = summary(changes)
        return f"{said[:1].upper()}{said[1:]} from {before} to {after}"
