"""Panel 5: what a contributed panel draws, in a frame that is the host's.

The lines are made in the worker (see playground.lab.run.panels) and are data: every character that
a terminal would obey is made visible, and what is too wide is cut. A panel that fails becomes a
notice in its own place.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from textual.app import ComposeResult
from textual.content import Content
from textual.strip import Strip

from playground.lab.protocol.failures import Failure
from playground.lab.protocol.frames import PanelFrame
from playground.tui.model import PlaygroundModel
from playground.tui.panels.panel import Panel
from playground.tui.styles import BAD, MUTED
from playground.tui.widgets.line_widget import LineWidget, strip_of
from playground.tui.widgets.static_text import Words
from playground.tui.widgets.text import fit, visible


class PluginPanel(Panel):
    """The chosen panel, or why it cannot be seen. Takes the place of the parameters."""

    NUMBER = 5
    TITLE = "Panel"

    def compose(self) -> ComposeResult:
        yield Words(id="plugin-notice")
        yield PanelLines(id="plugin-lines")

    def show(self, model: PlaygroundModel) -> None:
        lines, notice = self.query_one(PanelLines), self.query_one("#plugin-notice", Words)
        view, drawn = model.panel, model.frame.panel if model.frame else None
        name = visible(view.name)
        self._entitle(name, max(1, self.size.width - 8))
        if drawn is not None and drawn.name != view.name:
            drawn = None  # of the one that was chosen before
        trouble = drawn.trouble if drawn is not None else None
        notice.display = trouble is not None
        if trouble is not None:
            notice.say(_notice(trouble, name))
            lines.set_lines(())
        else:
            lines.set_lines(drawn.lines if drawn is not None else ())
        model.panel_size = (self.content_size.width, self.content_size.height)
        self._say_step(model, drawn)

    def _say_step(self, model: PlaygroundModel, drawn: PanelFrame | None) -> None:
        """Which keys lead on, and which step is seen if it is not the present one."""
        keys = "5 another  3 parameters"
        if drawn is not None and drawn.trouble is None and drawn.step != model.step:
            self.subtitle(f"step {drawn.step:,}  {keys}", f"step {drawn.step:,}")
        else:
            self.subtitle(keys)

    def _entitle(self, name: str, room: int) -> None:
        """Its name, as far as there is room; more than nothing also before there is a size."""
        shown = fit(name, room).rstrip() if room > 1 else name[:16]
        if shown != self._titled:
            self._titled = shown
            self.border_title = Content.assemble((f"{self.NUMBER} ", MUTED), shown).markup

    _titled = ""


def _notice(trouble: Failure, name: str) -> Content:
    """What happened, why, and that one can do without it."""
    return Content.assemble(
        ("✗ ", BAD),
        (f"{visible(trouble.title)}\n", BAD),
        f"{visible(trouble.message)}\n",
        (f"The run goes on without it: 3 switches {name} off, 5 chooses another.", MUTED),
    )


class PanelLines(LineWidget, can_focus=True):
    """Plain lines as they are, each cut to the width."""

    DEFAULT_CSS = "PanelLines { height: 1fr; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._texts: tuple[str, ...] = ()

    def set_lines(self, lines: Sequence[str]) -> None:
        """Show these."""
        if tuple(lines) != self._texts:
            self._texts = tuple(lines)
            self.changed()

    def paint(self, width: int, height: int) -> Sequence[Strip]:
        ink = self.ink()
        shown = (cut(line, width) for line in self._texts[:height])
        strips = [strip_of([(line, ink)], width, ink) for line in shown]
        return strips + [Strip.blank(width, ink)] * (height - len(strips))

    @property
    def text(self) -> str:
        """What it says, as plain text."""
        return "\n".join(visible(line) for line in self._texts)


def cut(line: str, width: int) -> str:
    """A line of untrusted text in at most `width` cells."""
    shown = visible(line)
    return shown if cell_len(shown) <= width else set_cell_size(shown, width)
