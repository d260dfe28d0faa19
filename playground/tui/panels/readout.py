"""Step and losses in large digits, for a room that reads them from a projector."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Digits, Static

from playground.tui.model import PlaygroundModel

READ = ("step", "loss", "ema", "held out")


class Readout(Horizontal):
    """The figures that a teacher points at."""

    DEFAULT_CSS = """
    Readout {
        height: 4; padding: 0 1;
        Vertical { width: auto; min-width: 9; height: 4; margin: 0 4 0 0; }
        Static { height: 1; color: $foreground 60%; }
        Digits { width: auto; height: 3; text-style: bold; }
    }
    """

    def compose(self) -> ComposeResult:
        for name in READ:
            with Vertical():
                yield Static(name, markup=False)
                yield Digits("")

    def show(self, model: PlaygroundModel) -> None:
        """Draw the model."""
        known = (model.loss, model.ema, model.evaluations)
        figures = (
            f"{model.step}",
            *(_figure(one.ys[-1] if len(one) and not model.rest else None) for one in known),
        )
        for digits, figure in zip(self.query(Digits), figures, strict=True):
            if digits.value != figure:
                digits.update(figure)


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
