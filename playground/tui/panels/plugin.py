"""Panel 5: what a contributed panel draws, inside a frame of the playground's own.

The worker draws the lines (playground/lab/run/panels.py), and the screen takes them for data: every
character that a terminal would obey is made visible, and a line that is too wide is cut. A panel
that fails is replaced by a notice.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

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
from playground.widths import cell_len, set_cell_size


class PluginPanel(Panel):
    """The chosen contributed panel, or why it cannot be seen, in the place of the parameters."""

    NUMBER = 5
    TITLE = "Panel"

    @property
    def title_in_words(self) -> str:
        return self._titled or self.TITLE

    def compose(self) -> ComposeResult:
        yield Words(id="plugin-notice")
        yield PanelLines(id="plugin-lines")

    def show(self, model: PlaygroundModel) -> None:
        lines, notice = self.query_one(PanelLines), self.query_one("#plugin-notice", Words)
        view, drawn = model.panel, model.frame.panel if model.frame else None
        name = visible(view.name)
        self._entitle(name, max(1, self.size.width - 8))
        if drawn is not None and drawn.name != view.name:
            drawn = None  # the panel that was chosen before drew it
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
        """Name the keys that lead on, and the step that was drawn if it is not the present one."""
        keys = "5 another  3 parameters"
        if drawn is not None and drawn.trouble is None and drawn.step != model.step:
            self.subtitle(f"step {drawn.step:,}  {keys}", f"step {drawn.step:,}")
        else:
            self.subtitle(keys)

    def _entitle(self, name: str, room: int) -> None:
        """Set the title to a panel's name, cut to `room` cells; before the layout there is no room
        yet, and the name is cut to 16."""
        shown = fit(name, room).rstrip() if room > 1 else name[:16]
        if shown != self._titled:
            self._titled = shown
            self.border_title = Content.assemble((f"{self.NUMBER} ", MUTED), shown).markup

    _titled = ""


def _notice(trouble: Failure, name: str) -> Content:
    """What happened to the panel of that name, why, and how to go on without the panel."""
    return Content.assemble(
        ("✗ ", BAD),
        (f"{visible(trouble.title)}\n", BAD),
        f"{visible(trouble.message)}\n",
        (f"The run goes on without it: 3 switches {name} off, 5 chooses another.", MUTED),
    )


class PanelLines(LineWidget, can_focus=True):
    """Lines of plain text, each cut to the width."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"panel--blocks"}
    DEFAULT_CSS = """
    PanelLines { height: 1fr; }
    PanelLines > .panel--blocks { color: $foreground 60%; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._texts: tuple[str, ...] = ()

    def set_lines(self, lines: Sequence[str]) -> None:
        """Show `lines`."""
        if tuple(lines) != self._texts:
            self._texts = tuple(lines)
            self.changed()

    def paint(self, width: int, height: int) -> Sequence[Strip]:
        ink, quiet = self.ink(), self.ink("panel--blocks")
        strips = []
        for text in self._texts[:height]:  # blocks, which are large, are drawn less bright
            pieces = _BLOCKS.split(cut(text, width))
            runs = [(one, quiet if place % 2 else ink) for place, one in enumerate(pieces) if one]
            strips.append(strip_of(runs, width, ink))
        return strips + [Strip.blank(width, ink)] * (height - len(strips))

    @property
    def text(self) -> str:
        """All lines, as plain text."""
        return "\n".join(visible(line) for line in self._texts)


_BLOCKS = re.compile("([\u2581-\u258f\u2594]+)")


def cut(line: str, width: int) -> str:
    """A line of untrusted text in at most `width` cells."""
    shown = visible(line)
    return shown if cell_len(shown) <= width else set_cell_size(shown, width)
