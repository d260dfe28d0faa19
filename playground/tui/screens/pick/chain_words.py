"""What a link of the sampling chain does to the chances of the next token, in numbers and words."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from playground.catalog import Entry
from playground.lab.protocol.sampling import Link, Spread
from playground.tui.screens.dialog import MUTED
from playground.tui.widgets.text import visible

TOKENS, CHOICES = 8, 9
"""Cells of the columns with what a link leaves."""


def effect(
    link: Link, place: int, alone: Spread | None, spreads: Sequence[Spread | None] | None
) -> str:
    """A sentence about what a link at this place of the chain does; "" if that is not known.

    alone: the spread by the model alone. spreads: the spread after each link of the chain.
    """
    if not link.enabled:
        return "It is left out; space takes it in."
    if spreads is None or alone is None:
        return ""
    after = spreads[place]
    if after is None:
        return "It picks the token, from the chances below."
    before = next((one for one in reversed(spreads[:place]) if one), alone)
    if _same(before, after):
        return "Here it changes nothing."
    some = f"{after.tokens:,} of {before.tokens:,} tokens"
    if after.tokens == before.tokens:
        some = f"all {after.tokens:,} tokens"
    return (
        f"Leaves {some}, as hard to guess as {_choices(after)} equally likely ones, "
        f"before {_choices(before)}."
    )


def left(link: Link, before: Spread | None, after: Spread | None, known: bool) -> Content:
    """The columns with what a link leaves. known: True if that is known by now."""
    if not link.enabled:
        return Content.styled(f"{'off':>{TOKENS + CHOICES}}", MUTED)
    if after is None:
        return Content.styled(f"{'picks' if known else '':>{TOKENS + CHOICES}}", MUTED)
    return numbers(before, after)


def numbers(before: Spread | None, after: Spread | None) -> Content:
    """How many tokens and choices are left; muted if they are as before."""
    if after is None:
        return Content(" " * (TOKENS + CHOICES))
    text = f"{after.tokens:>{TOKENS},}{_choices(after):>{CHOICES}}"
    return Content.styled(text, MUTED if before is None or _same(before, after) else "")


def _choices(spread: Spread) -> str:
    return f"{spread.choices:,.1f}" if spread.choices < 1000 else f"{spread.choices:,.0f}"


def _same(one: Spread, other: Spread) -> bool:
    """True if a person sees no difference."""
    return one.tokens == other.tokens and _choices(one) == _choices(other)


def values(entry: Entry, link: Link) -> str:
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
    return "off" if shown and set(shown) == {"off"} else ", ".join(shown)
