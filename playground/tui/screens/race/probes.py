"""What both sides of a race answered to their probes, as lines of words, without widgets.

One page shows A's answers beside B's, another each side's newest answers beside its first.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Literal

from textual.content import Content

from playground.lab.probe_answers import ProbeChange, compare, summary
from playground.lab.protocol.probes import ProbeAnswers
from playground.lab.race.state import AnswerPair, RaceProbes
from playground.tui.screens.pick.lists import name_column
from playground.tui.screens.probes.answers import change_lines, prompt_words
from playground.tui.screens.race.view import LETTERS, SIGNS, STYLES
from playground.tui.styles import CAUTION, MUTED
from playground.tui.widgets.difference import SAME, side_by_side
from playground.tui.widgets.text import fit, visible

Page = Literal["samples", "both", "own"]
"""What the panel shows: texts; A's answers beside B's; each side's newest answers beside its
first."""
PAGES: tuple[Page, ...] = ("samples", "both", "own")
TITLES = {"samples": "Samples", "both": "Probes: A and B", "own": "Probes: first and newest"}
TURNS = {"samples": "probes", "both": "learnt", "own": "texts"}
"""What the key that turns the page is called on each page: the name of the next one."""
NO_PROBES = "There are no probes"
HOW_TO_GET_SOME = (
    "Probes are prompts that both sides are asked again and again. Leave the race, write some "
    "with y, and race again; or begin with --probes FILE."
)
MOST_LINES = 300
"""Lines of a page; nobody would read more, and every new answer draws all of them."""
_PROMPT = 16
"""Cells for a prompt beside its answers."""
_ROOMY = 64
"""Cells from which on a page has room for the prompts."""


def differing(pair: AnswerPair, prompts: Sequence[str]) -> tuple[int, int]:
    """How many prompts the sides answer differently, and how many prompts both were asked."""
    changes = compare(pair.left, pair.right, prompts)
    return sum(one.changed for one in changes), sum(one.comparable for one in changes)


def verdict(probes: RaceProbes, width: int = 1_000) -> str:
    """How far the answers agree: "12 of 20 prompts are answered differently at step 300"; shortened
    if that does not fit into one line of `width` cells."""
    pair, prompts = probes.newest, probes.asked.prompts
    if pair is None:
        every = f"{probes.asked.every:,} steps" if probes.asked.every > 1 else "step"
        return (
            "They were not asked at the same step yet. They are asked every "
            f"{every} as they train, and at once with g."
        )
    count, asked = differing(pair, prompts)
    at = f"at step {pair.step:,}"
    if not asked:
        return f"There is no prompt that both could be asked {at}."
    if asked == 1:
        said = f"The prompt is answered {'differently' if count else 'alike'} {at}"
    elif not count:
        said = f"All {asked} prompts are answered alike {at}"
    else:
        said = f"{count} of {asked} prompts are answered differently {at}"
    if probes.before is not None and asked > 1:
        longer = f"{said}, {differing(probes.before, prompts)[0]} at step {probes.before.step:,}."
        if len(longer) <= width:
            return longer
    return f"{said}." if len(said) < width else said.replace("prompts are ", "")


# ---------------------------------------------------------------- both


def both_page(probes: RaceProbes, width: int) -> Content:
    """A's answer to each prompt beside B's, with the differences marked."""
    pair, prompts = probes.newest, probes.asked.prompts
    said = Content.styled(verdict(probes, width), "bold" if pair is not None else MUTED)
    lines = [*_troubles(probes, width), *said.wrap(width)]
    if pair is None:
        return Content("\n").join(lines)
    words = {number: prompt_words(prompt) for number, prompt in enumerate(prompts, 1)}
    column = name_column([*words.values()], _PROMPT) if width >= _ROOMY else 0
    digits = len(str(len(prompts)))
    indent = digits + 1 + (column + 2 if column else 0)
    room = max(7, width - indent)
    half = (room - 3) // 2
    lines.append(
        Content.assemble(" " * indent, (fit("A", half), STYLES[0]), "   ", ("B", STYLES[1]))
    )
    for change in compare(pair.left, pair.right, prompts):
        prompt = f"{fit(words[change.number], column)}  " if column else ""
        head = Content.styled(f"{change.number:>{digits}} {prompt}", MUTED)
        for line in _beside(change, probes, room):
            lines.append(Content.assemble(head, line))
            head = Content(" " * indent)
        if len(lines) > MOST_LINES:
            left = len(prompts) - change.number
            lines.append(Content.styled(f"and {left} more prompts", MUTED))
            break
    return Content("\n").join(lines)


def _beside(change: ProbeChange, probes: RaceProbes, room: int) -> list[Content]:
    """One prompt's answers in two columns."""
    if change.comparable:
        return side_by_side(change.before, change.after, room)
    half = (room - 3) // 2
    columns = [
        [visible(text) for text in texts] or [_unasked(probes, place, change.number)]
        for place, texts in enumerate((change.before, change.after))
    ]
    return [
        Content.styled(f"{fit(left, half)} {SAME} {fit(right, room - 3 - half)}", MUTED)
        for left, right in zip_longest(*columns, fillvalue="")
    ]


def _unasked(probes: RaceProbes, place: int, number: int) -> str:
    """Why the side `place` was not asked the prompt of that number."""
    why = next((one.reason for one in probes.skipped[place] if one.number == number), "")
    return f"not asked: {visible(why)}" if why else "not asked"


# ---------------------------------------------------------------- own


def own_page(probes: RaceProbes, width: int) -> Content:
    """How each side's own answers changed between its first and its newest."""
    lines = _troubles(probes, width)
    for place in (0, 1):
        own, prompts = probes.own[place], probes.asked.prompts
        sign = Content.styled(f"{LETTERS[place]} {SIGNS[place]}  ", STYLES[place])
        changes = compare(*own, prompts) if own is not None else ()
        said = Content.styled(_own_words(own, changes), "bold")
        lines += Content.assemble(sign, said).wrap(width)
        if own is not None and own[0].step != own[1].step:
            reasons = {one.number: one.reason for one in probes.skipped[place]}
            shown = change_lines(changes, width, reasons)
            lines += shown[: MOST_LINES // 2]
            if len(shown) > MOST_LINES // 2:
                lines.append(Content.styled("and more", MUTED))
        if place == 0:
            lines.append(Content(""))
    return Content("\n").join(lines)


def _own_words(
    own: tuple[ProbeAnswers, ProbeAnswers] | None, changes: Sequence[ProbeChange]
) -> str:
    """A summary of one side's changes. own: its first and its newest answers."""
    if own is None:
        return "was not asked yet"
    first, last = own
    if first.step == last.step:
        return f"was asked once, at step {first.step:,}"
    return f"{summary(changes)} from step {first.step:,} to step {last.step:,}"


def _troubles(probes: RaceProbes, width: int) -> list[Content]:
    """A line for each side that could not be asked lately, with the reason."""
    lines: list[Content] = []
    for letter, failure in zip(LETTERS, probes.troubles, strict=True):
        if failure is not None:
            words = visible(f"{letter}: {failure.title}. {failure.message}")
            said = Content.assemble(("! ", f"bold {CAUTION}"), (words, CAUTION))
            lines += said.wrap(width)
    return lines


# ---------------------------------------------------------------- drawn once


class Pages:
    """Draws pages, and keeps the last one until its answers, its kind or its width change."""

    def __init__(self) -> None:
        self._drawn: tuple[RaceProbes, Page, int, Content] | None = None

    def page(self, page: Page, probes: RaceProbes, width: int) -> Content:
        """The page, `width` cells wide."""
        known = self._drawn
        if known is None or known[:3] != (probes, page, width):
            draw = own_page if page == "own" else both_page
            self._drawn = known = probes, page, width, draw(probes, width)
        return known[3]
