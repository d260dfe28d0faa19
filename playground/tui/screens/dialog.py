"""What the modal screens share: a frame with a title, a body, and a line of keys.

The key line is made from the bindings that work at this moment, so it cannot be wrong, and
each key in it can be clicked. A dialog takes the whole of a small terminal and scrolls inside.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Generic, TypeVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.geometry import Size
from textual.keys import format_key
from textual.screen import ModalScreen
from textual.style import Style
from textual.widget import Widget
from textual.widgets import Static
from typing_extensions import override

from playground.tui.widgets.text import visible

Result = TypeVar("Result")

_WORDS = {"enter": "enter", "backspace": "backspace", "delete": "delete"}


def key_name(binding: Binding) -> str:
    """How the first key of a binding is written: "enter", "shift+↑", "[", "ctrl+s"."""
    if binding.key_display:
        return binding.key_display
    *modifiers, key = binding.key.split(",")[0].strip().split("+")
    return "+".join([*modifiers, _WORDS.get(key) or format_key(key)])


class KeyLine(Widget):
    """The keys that work now, as `enter apply  esc cancel`; as many lines as it takes."""

    DEFAULT_CSS = """
    KeyLine {
        width: 1fr;
        height: auto;
        color: $text-muted;
        link-color: $text-muted;
        link-style: none;
        link-background: transparent;
        link-color-hover: $text-primary;
        link-background-hover: transparent;
        link-style-hover: underline;
    }
    """
    GAP = 3

    def __init__(self) -> None:
        super().__init__()
        self._keys: list[tuple[str, str, str]] = []

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self._collect())
        self._collect()

    def _collect(self) -> None:
        if not self.is_attached or not self.screen.is_attached:
            return
        # The dialog's own keys, even where the focused widget passes them on (enter in an input
        # is its "submit"); then those of the widgets that have the focus.
        own = [item for kind in type(self.screen).__mro__ for item in _declared(kind)]
        active = [item.binding for item in self.screen.active_bindings.values() if item.enabled]
        shown: dict[str, Binding] = {}
        for binding in [*own, *active]:
            if binding.show and binding.description:
                shown.setdefault(binding.action, binding)
        # The way out stands last, where one looks for it.
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
        return len(self._rows(width))

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


class Dialog(ModalScreen[Result], Generic[Result]):
    """A framed modal. Subclasses write `body`, and `buttons` where there are any."""

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
        &.-high #dialog { padding: 1 2; max-height: 92%; }

        #dialog-body { height: auto; }
        #dialog-foot { height: auto; margin: 1 0 0 0; }
        &.-low #dialog-foot { margin: 0; }

        .muted { color: $text-muted; }
        .heading { color: $foreground; text-style: bold; height: auto; }
        .knob-label { color: $text-muted; height: 1; margin: 0 0 0 2; }

        Input { background: $foreground 8%; }
        Input:focus { background: $foreground 14%; }
        Input:ansi { text-style: underline; }

        Button { min-width: 0; width: auto; padding: 0 2; margin: 0 0 0 2; }
        Button:focus { text-style: bold reverse; }

        VerticalScroll { scrollbar-size-vertical: 1; }
    }
    """

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog"):
            with Vertical(id="dialog-body"):
                yield from self.body()
            with Horizontal(id="dialog-foot"):
                yield KeyLine()
                yield from self.buttons()

    def body(self) -> Iterable[Widget]:
        """The widgets between title and keys."""
        raise NotImplementedError

    def buttons(self) -> Iterable[Widget]:
        """Compact buttons to the right of the keys."""
        return ()

    def on_mount(self) -> None:
        self.set_heading(self.HEADING)

    def set_heading(self, title: str, subtitle: str = "") -> None:
        """Plain text in the frame."""
        frame = self.query_one("#dialog")
        frame.border_title = Content(visible(title)).markup
        frame.border_subtitle = Content(visible(subtitle)).markup

    def action_cancel(self) -> None:
        self.dismiss(None)

    def action_press(self, key: str) -> None:
        """A key was clicked in the key line."""
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
        """What it says, as plain text."""
        shown = self.content
        return shown.plain if isinstance(shown, Content) else str(shown)


def _content(text: str | Content) -> Content:
    return text if isinstance(text, Content) else Content(text)


def warning(text: str) -> Content:
    """A sentence to mind, marked by a sign as well as a colour."""
    return Content.assemble(("! ", "bold $text-warning"), (text, "$text-warning"))


def error(text: str) -> Content:
    """A sentence that stands in the way."""
    return Content.assemble(("✗ ", "bold $text-error"), (text, "$text-error"))
