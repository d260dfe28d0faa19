"""Colour scales blended from a theme's colours. Pure functions."""

from __future__ import annotations

from textual.color import Color, Lab, lab_to_rgb, rgb_to_lab

from playground.tui.widgets.matrix import STEPS

BLUE, ORANGE = Color(0x1F, 0x77, 0xC8), Color(0xF2, 0x8E, 0x2B)
"""The ends of the scale for a theme whose own colours are too much alike."""
BLUISH, YELLOWISH = -15.0, 25.0
"""The places on Lab's blue-yellow axis from which an end counts as blue or as orange. Every common
kind of colour blindness leaves that axis."""


def diverging(negative: Color, zero: Color, positive: Color) -> list[Color]:
    """2 * `STEPS` + 1 colours from `negative` over `zero` to `positive`.

    The ends are brought to one lightness, well apart from that of `zero`, so that neither sign
    looks greater than the other, on a light ground and on a dark one. An end that is not bluish
    (`negative`) or yellowish (`positive`) enough gives way to blue or orange.
    """
    if rgb_to_lab(negative).b > BLUISH:
        negative = BLUE
    if rgb_to_lab(positive).b < YELLOWISH:
        positive = ORANGE
    lightness = 70.0 if rgb_to_lab(zero).L < 50 else 46.0
    ends = [_at_lightness(end, lightness) for end in (negative, positive)]
    below = [zero.blend(ends[0], _ease(step / STEPS)) for step in range(STEPS, 0, -1)]
    above = [zero.blend(ends[1], _ease(step / STEPS)) for step in range(1, STEPS + 1)]
    return [*below, zero, *above]


def _at_lightness(colour: Color, lightness: float) -> Color:
    lab = rgb_to_lab(colour)
    return lab_to_rgb(Lab(lightness, lab.a, lab.b)).clamped


def _ease(fraction: float) -> float:
    """`fraction` raised a little, so that small values are clearer than in a straight blend."""
    return float(fraction**0.8)
