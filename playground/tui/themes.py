"""The two themes of the playground, and the choice of a theme."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textual.theme import Theme

DARK = Theme(
    name="microgpt-dark",
    primary="#e0a458",
    secondary="#7fa7c9",
    accent="#e0a458",
    foreground="#d8d8d2",
    background="#14161a",
    surface="#1a1d22",
    panel="#22262d",
    success="#8fb573",
    warning="#d9b15c",
    error="#d9705f",
    dark=True,
    variables={"border-blurred": "#3a404a", "border": "#e0a458"},
)
LIGHT = Theme(
    name="microgpt-light",
    primary="#9a5b00",
    secondary="#2f6690",
    accent="#9a5b00",
    foreground="#23262b",
    background="#faf9f6",
    surface="#f3f1ec",
    panel="#e8e5de",
    success="#3f7a2e",
    warning="#8a6100",
    error="#b3392b",
    dark=False,
    variables={"border-blurred": "#c9c4b8", "border": "#9a5b00"},
)


def choose_theme(wanted: str | None, last: str, available: Mapping[str, Any]) -> str:
    """The wanted theme, or the one of last time, or the dark one, whichever is available first."""
    return next((name for name in (wanted or "", last) if name in available), DARK.name)
