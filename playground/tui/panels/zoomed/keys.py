"""What the key for another view leads to, in a zoomed panel that has several."""

from __future__ import annotations

from playground.tui.model import AXES, PlaygroundModel


def other_view(model: PlaygroundModel) -> str:
    """The next view of the zoomed panel, for the line of keys; "" if there is but one."""
    if model.zoomed == 2:
        return f"over {AXES[(AXES.index(model.axis) + 1) % len(AXES)]}"
    if model.zoomed == 3:
        return "one matrix" if model.all_matrices else "all matrices"
    if model.zoomed == 4:
        return "chances" if model.film_shown else "film"
    return ""
