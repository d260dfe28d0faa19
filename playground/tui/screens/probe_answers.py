"""What a run answered to its probes, on two occasions side by side: which two, and what changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content

from playground.lab.probing import ProbeChange, compare, summary
from playground.lab.store.records import ProbeAnswers
from playground.tui.screens.dialog import MUTED, Line
from playground.tui.screens.lists import name_column
from playground.tui.widgets.control import Choice, Toggle
from playground.tui.widgets.difference import DIFFERENT, difference_content
from playground.tui.widgets.text import fit, visible

CHANGED, SAME, UNASKED = DIFFERENT, "=", "–"
_PROMPT = 20
"""Cells for a prompt beside its answers."""


def prompt_words(prompt: str) -> str:
    """A prompt as it is shown: the empty one needs a sign of its own."""
    return visible(prompt, spaces=True) if prompt.strip() != prompt else visible(prompt) or "·"


def changes_content(
    changes: Sequence[ProbeChange], reasons: Mapping[int, str] | None = None
) -> Content:
    """One line a text: a sign, the prompt's number, the prompt, and how the answer changed.

    reasons: why a prompt was not asked, by its number.
    """
    if not changes:
        return Content("")
    shown = {change.number: prompt_words(change.prompt) for change in changes}
    width = name_column(list(shown.values()), _PROMPT)
    digits = len(str(max(shown)))
    lines: list[Content] = []
    for change in changes:
        sign, style = _sign(change)
        head = f"{change.number:>{digits}} {fit(shown[change.number], width)}  "
        for before, after in change.pairs or (("", ""),):
            lines.append(
                Content.assemble(
                    (f"{sign} ", style), (head, MUTED), _answer(change, before, after, reasons)
                )
            )
            sign, head = " ", " " * len(head) if head.isascii() else fit("", digits + 3 + width)
    return Content("\n").join(lines)


def _sign(change: ProbeChange) -> tuple[str, str]:
    if not change.comparable:
        return UNASKED, MUTED
    return (CHANGED, "bold $text-primary") if change.changed else (SAME, MUTED)


def _answer(
    change: ProbeChange, before: str, after: str, reasons: Mapping[int, str] | None
) -> Content:
    if change.comparable:
        return difference_content(before, after)
    if change.pairs:
        when = "before" if change.before else "after"
        return Content.assemble(visible(before or after), (f"  (asked only {when})", MUTED))
    why = (reasons or {}).get(change.number, "")
    return Content.styled(f"not asked: {visible(why)}" if why else "not asked", MUTED)


class ProbeAnswersView(Vertical):
    """Two steps to choose, and each prompt with how its answer changed from one to the other."""

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
        """answers: in the order of their steps; reasons: as in `changes_content`."""
        super().__init__(id=id)
        self._prompts = tuple(prompts)
        self._reasons = dict(reasons or {})
        self._by_name = {f"step {one.step:,}": one for one in answers}

    @property
    def first_choice(self) -> Choice:
        """Where the focus belongs."""
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
            yield Line(id="answers-lines")

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
        self.query_one("#answers-lines", Line).say(changes_content(changes, self._reasons))
        self.query_one("#answers-scroll", VerticalScroll).scroll_home(animate=False)

    def _summary(self, before: str, after: str, changes: Sequence[ProbeChange]) -> str:
        if before == after:
            return f"The answers of {before}. Choose another step to see what changes."
        said = summary(changes)
        return f"{said[:1].upper()}{said[1:]} from {before} to {after}"
