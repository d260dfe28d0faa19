"""The base of every dialog: a frame with a title, a body, a line of keys, and buttons.

The line of keys is made from the bindings that work at this moment, so that it cannot be wrong;
each key in it can be clicked. A dialog takes the whole of a small terminal and scrolls inside.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from inspect import isawaitable
from time import monotonic
from typing import Any, ClassVar, Generic, Self, TypeVar

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment
from rich.style import Style as RichStyle
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.geometry import Region, Size
from textual.keys import format_key
from textual.renderables.background_screen import BackgroundScreen
from textual.screen import ModalScreen
from textual.style import Style
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Button, Input, Static
from typing_extensions import override

from playground.tui.resizing import passed
from playground.tui.screens.answer import AnswersOnce
from playground.tui.widgets.gate import shown
from playground.tui.widgets.slider import Slider
from playground.tui.widgets.text import visible
from playground.widths import cell_len


class Dimmed:
    """A renderable with all its letters dim."""

    def __init__(self, drawn: RenderableType) -> None:
        self._drawn = drawn

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for text, style, control in console.render(self._drawn, options):
            yield Segment(text, (style or RichStyle.null()) + DIM, control)


class Once:
    """A renderable that is rendered once, however often it is drawn."""

    def __init__(self, drawn: RenderableType) -> None:
        self._drawn = drawn
        self._segments: list[Segment] = []

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if not self._segments:
            self._segments = list(console.render(self._drawn, options))
        yield from self._segments


Result = TypeVar("Result")
SETTLED = 0.05
"""Seconds within which changes behind a dialog are painted together."""
OPENING = 0.5
"""Seconds in which a dialog that opens paints itself a few times, with what lies behind as it is
drawn first."""
DIM = RichStyle(dim=True, bold=False)

MUTED = "$foreground 60%"
"""The style of less important words inside a Content, where Textual's `$text-muted`, which is
relative to the background, comes out in full strength."""

_WORDS = {"enter": "enter", "backspace": "backspace", "delete": "delete"}


def key_name(binding: Binding) -> str:
    """The first key of a binding, as it is written: "enter", "shift+↑", "[", "ctrl+s"."""
    if binding.key_display:
        return binding.key_display
    *modifiers, key = binding.key.split(",")[0].strip().split("+")
    return "+".join([*modifiers, _WORDS.get(key) or format_key(key)])


class KeyLine(Widget):
    """The keys that work now, as `enter apply  esc cancel`, in as many lines as they take."""

    DEFAULT_CSS = """
    KeyLine {
        width: 1fr;
        height: auto;
        color: $text-muted;
        pointer: pointer;
    }
    """
    GAP = 3

    def __init__(self) -> None:
        super().__init__()
        self.auto_links = False  # the colours say what is a key and what is a word
        self._keys: list[tuple[str, str, str]] = []
        self._most: dict[int, int] = {}
        """The most lines that the keys have taken so far, by width in cells."""

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self._collect())
        self._collect()

    def _collect(self) -> None:
        if not self.is_attached or not self.screen.is_attached:
            return
        own = [item for kind in type(self.screen).__mro__ for item in _declared(kind)]
        active = {
            key: item.binding for key, item in self.screen.active_bindings.items() if item.enabled
        }
        shown: dict[str, Binding] = {}
        for binding in own:
            now = active.get(binding.key.split(",")[0])
            if now is not None and now.show and now.description:
                binding = now  # the widget with the focus has another use for the key
            elif now is None or (now != binding and binding.key != "enter"):
                continue  # the focus has taken the key; not enter, which an Input submits on
            if self.screen.check_action(binding.action, ()) is False:
                continue
            if binding.show and binding.description:
                shown.setdefault(binding.action, binding)
        for binding in active.values():
            if binding.show and binding.description:
                shown.setdefault(binding.action, binding)
        # The key that closes the dialog stands last, where one looks for it.
        ordered = sorted(shown.values(), key=lambda binding: binding.action == "cancel")
        keys = [(key_name(item), item.description, item.key.split(",")[0]) for item in ordered]
        if keys != self._keys:
            self._keys = keys
            self.refresh(layout=True)

    def _rows(self, width: int) -> list[list[tuple[str, str, str]]]:
        rows: list[list[tuple[str, str, str]]] = [[]]
        used = 0
        for item in self._keys:
            length = cell_len(f"{item[0]} {item[1]}")
            if rows[-1] and used + self.GAP + length > width:
                rows.append([])
                used = 0
            used += length + (self.GAP if rows[-1] else 0)
            rows[-1].append(item)
        return rows

    @override
    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        # The line never shrinks: a pressed button takes the focus, and with it some keys, from
        # another widget, and must not move away under the mouse for that.
        self._most[width] = max(self._most.get(width, 1), len(self._rows(width)))
        return self._most[width]

    @override
    def render(self) -> Content:
        lines = []
        for row in self._rows(self.content_size.width):
            parts: list[Content] = []
            for key, words, code in row:
                press = Style.from_meta({"@click": f"screen.press({code!r})"})
                parts.append(
                    Content.assemble((key, "bold $text-primary"), (f" {words}", "")).stylize(press)
                )
            lines.append(Content(" " * self.GAP).join(parts))
        return Content("\n").join(lines)


def _declared(kind: type) -> list[Binding]:
    bindings = kind.__dict__.get("BINDINGS", []) if issubclass(kind, Dialog) else []
    return [binding for binding in bindings if isinstance(binding, Binding)]


class Dialog(AnswersOnce[Result], ModalScreen[Result], Generic[Result]):
    """A modal screen in a frame. A subclass writes `body`, and `buttons` if it has any."""

    HEADING: ClassVar[str] = ""
    # Textual declares these two as optional ClassVars, which mypy takes for instance variables.
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-roomy")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-low"), (34, "-high")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "cancel", key_display="esc", id="dialog.cancel",
                tooltip="Close this, and change nothing"),
    ]  # fmt: skip
    DEFAULT_CSS = """
    Dialog {
        align: center middle;

        #dialog {
            width: 100%;
            max-width: 100;
            height: auto;
            max-height: 100%;
            background: $surface;
            border: round $primary;
            border-title-color: $text-primary;
            border-title-style: bold;
            border-subtitle-color: $text-muted;
            padding: 0 1;
        }
        &.-high #dialog { padding: 1 2; }

        #dialog-body { height: auto; }
        #dialog-foot { height: auto; margin: 1 0 0 0; }

        .muted { color: $text-muted; }
        .heading { color: $foreground; text-style: bold; height: auto; }
        .knob-label { color: $text-muted; height: 1; margin: 0 0 0 2; }

        Input { background: $foreground 8%; }
        Input:focus { background: $foreground 14%; }
        Input:ansi { text-style: underline; }

        /* The colour follows the focus, so that one button at most stands out. */
        #dialog-foot Button {
            min-width: 0;
            width: auto;
            padding: 0 2;
            margin: 0 0 0 2;
            color: $foreground;
            background: $foreground 12%;
            text-style: none;
        }
        #dialog-foot Button:hover { background: $foreground 20%; }
        #dialog-foot Button:focus { background: $primary 45%; text-style: bold underline; }
        #dialog-foot Button:ansi { background: ansi_default; color: ansi_default; }
        #dialog-foot Button:ansi:focus { text-style: reverse; }

        VerticalScroll > * { padding: 0 1 0 0; } /* between the words and the scrollbar */
        VerticalScroll, PickList, FileTree {
            scrollbar-size: 1 1;
            scrollbar-background: $surface;
            scrollbar-background-hover: $surface;
            scrollbar-background-active: $surface;
            scrollbar-color: $foreground 25%;
            scrollbar-color-hover: $foreground 40%;
            scrollbar-color-active: $primary;
        }
    }
    """

    @override
    def call_after_refresh(self, callback: Callable[..., Any], *args: Any, **kwargs: Any) -> bool:
        """As Textual's, but a dialog that has closed calls nothing: Textual leaves the call to
        whatever screen is in front by then."""

        async def call() -> None:
            if not self.answered and self.is_attached:
                called = callback(*args, **kwargs)
                if isawaitable(called):
                    await called

        return super().call_after_refresh(call)

    def on_resize(self, event: events.Resize) -> None:
        passed(self, event)

    _settling: Timer | None = None
    """Paints what lies behind once its changes have settled."""
    _opened = math.inf
    """When the dialog had its parts."""
    _laid_anew = False
    """True once Textual has laid out anew what lies behind, as it does for a dialog that opens."""

    @override
    def refresh(self, *regions: Region, **options: bool) -> Self:
        """As Textual's, but what lies behind is painted once for all that changes at about the same
        time. Textual names the regions of it that changed, and the whole of it is painted for
        each."""
        if not regions:
            return super().refresh(**options)
        if not self.is_running or self._opened == math.inf:
            return self
        if not self._laid_anew and regions[0].size == self.app.size:
            self._laid_anew = True  # laid out, as it was: there is nothing to paint
        elif self._settling is None:
            self._settling = self.set_timer(SETTLED, self._paint_behind)
        return self

    def _paint_behind(self) -> None:
        self._settling = self._behind = None
        super().refresh()

    _behind: tuple[Size, Once] | None = None
    """What lies behind as it was drawn while the dialog opens, and the terminal's size then."""

    @override
    def render(self) -> Any:
        """What lies behind, dim; where the colours are the terminal's own, by the letters.

        Textual paints a screen that opens three times, as its parts find their places. What lies
        behind is the same picture each time, and is drawn once.
        """
        opens = monotonic() <= self._opened + OPENING
        if opens and self._behind is not None and self._behind[0] == self.app.size:
            return self._behind[1]
        below = super().render()
        if not isinstance(below, BackgroundScreen):
            return below
        drawn = Dimmed(below) if self.app.native_ansi_color else below
        self._behind = (self.app.size, Once(drawn)) if opens else None
        return self._behind[1] if self._behind is not None else drawn

    def compose(self) -> ComposeResult:
        self._fit()
        with Vertical(id="dialog"):
            with Vertical(id="dialog-body"):
                yield from self.body()
            with Horizontal(id="dialog-foot"):
                yield KeyLine()
                yield from self.buttons()

    def _fit(self) -> None:
        """Take the classes of the terminal's size before there is anything to lay out. Textual sets
        them after the first layout, and all that was laid out is then laid out again."""
        for size, ends in (
            (self.app.size.width, self.HORIZONTAL_BREAKPOINTS),
            (self.app.size.height, self.VERTICAL_BREAKPOINTS),
        ):
            fitting = [name for least, name in sorted(ends or []) if size >= least]
            if fitting:
                self.add_class(fitting[-1])

    def body(self) -> Iterable[Widget]:
        """The widgets between title and keys."""
        raise NotImplementedError

    def buttons(self) -> Iterable[Widget]:
        """Compact buttons to the right of the line of keys."""
        return ()

    def on_mount(self) -> None:
        self._opened = monotonic()
        frame = self.query_one("#dialog")
        frame.border_title = Content(visible(self.heading)).markup
        frame.border_subtitle = Content(visible(self.remark)).markup

    @property
    def heading(self) -> str:
        """The title in the frame, plain text."""
        return self.HEADING

    @property
    def remark(self) -> str:
        """The words in the lower edge of the frame, plain text."""
        return ""

    def draw(self) -> None:
        """Draw anew what the dialog shows of the open run; most show nothing of it. The app calls
        this as often as it would draw the panels."""

    def accept(self) -> None:
        """Dismiss with what the person entered, if it can be used; does nothing in a dialog that
        only shows something. Enter in a field, the button and the dialog's own key lead here."""

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.accept()

    def on_slider_rejected(self, event: Slider.Rejected) -> None:
        """Say why a slider does not take the typed number."""
        event.stop()
        self.notify(event.reason, severity="warning", markup=False)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.accept()

    def action_accept(self) -> None:
        self.accept()

    def action_cancel(self) -> None:
        self.dismiss(None)

    def action_press(self, key: str) -> None:
        """Press a key that was clicked in the line of keys."""
        self.app.simulate_key(key)


class Line(Static):
    """Plain words that wrap; hidden while there are none."""

    DEFAULT_CSS = "Line { height: auto; }"

    def __init__(
        self, text: str | Content = "", *, id: str | None = None, classes: str = ""
    ) -> None:
        super().__init__(_content(text), id=id, classes=classes, markup=False)
        self.display = bool(_content(text).plain)

    def say(self, text: str | Content) -> None:
        content = _content(text)
        self.display = bool(content.plain)
        self.update(content)

    @property
    def words(self) -> str:
        """The plain text of the line."""
        shown = self.content
        return shown.plain if isinstance(shown, Content) else str(shown)


def _content(text: str | Content) -> Content:
    return shown(text if isinstance(text, Content) else Content(text))


def warning(text: str) -> Content:
    """A sentence that a person should mind, marked by a sign as well as a colour."""
    return Content.assemble(("! ", "bold $text-warning"), (text, "$text-warning"))


def error(text: str) -> Content:
    """A sentence about what keeps a person from going on, marked likewise."""
    return Content.assemble(("✗ ", "bold $text-error"), (text, "$text-error"))
