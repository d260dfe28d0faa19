"""The dialog that chooses a tokenizer: how text becomes tokens."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.content import Content
from textual.widget import Widget

from playground.catalog import Entry, Kind
from playground.tui.screens.dialog import MUTED, Line
from playground.tui.screens.pick.picker import ContributionPicker

EXAMPLE = "naïve cats"
MEANS: dict[str, tuple[str, str]] = {
    "char": (
        "n a ï v e ␠ c a t s",
        "10 tokens. A small vocabulary, as large as the alphabet of the data. Quick to learn, but "
        "the context length is used up letter by letter.",
    ),
    "byte": (
        "n a \\xc3 \\xaf v e ␠ c a t s",
        "11 tokens, always out of the same 256. No text is ever unknown; letters beyond English "
        "take two or more tokens.",
    ),
    "word": (
        "naïve ␠ cats",
        "3 tokens. The context reaches further, but every word of the data needs its own row of "
        "weights, and rare words are hardly ever practised.",
    ),
}


class TokenizerScreen(ContributionPicker):
    """Chooses a tokenizer; dismissed with {"name": ..., "options": {...}}, or with None."""

    HEADING = "Tokenizer"
    KIND: ClassVar[Kind] = "tokenizer"
    DEFAULT_CSS = """
    TokenizerScreen {
        #dialog { max-width: 100; height: auto; }
        &.-high #dialog { height: auto; }
        #dialog-body { height: auto; }
        #picker-columns { height: auto; }
        #picker-left { height: auto; width: 1fr; }
        #picker-right { height: auto; max-height: 68vh; width: 1fr; }
        #picker-list { max-height: 14; }
        #tokenizer-note { color: $text-muted; margin: 1 0 0 0; }
    }
    """

    def more(self) -> Iterable[Widget]:
        yield Line(id="picker-more")
        yield Line(id="tokenizer-note")

    def describe(self, entry: Entry) -> None:
        means = MEANS.get(entry.name) if entry.plugin == "builtin" else None
        more = self.query_one("#picker-more", Line)
        if means is None:
            more.say("")
        else:
            more.say(
                Content.assemble(
                    (f"“{EXAMPLE}” becomes\n", MUTED), (means[0], "bold"), "\n", means[1]
                )
            )
        self.query_one("#tokenizer-note", Line).say(self._cost(entry))

    def _cost(self, entry: Entry) -> str:
        """The parameters that the vocabulary of a tokenizer takes; "" if no run is open."""
        info = self.model.info
        if info is None:
            return ""
        width = self.model.spec.get("model", {}).get("n_embd", 16)
        if entry == self._find(self.present.get("name", "")):
            here = f"Now {info.vocab_size:,} tokens, {info.parameter_count:,} parameters. "
        elif entry.plugin == "builtin" and entry.name == "byte":
            count = info.parameter_count + (257 - info.vocab_size) * 2 * width
            here = f"257 tokens instead of {info.vocab_size:,}: {count:,} parameters. "
        else:
            here = ""
        return f"{here}Each token of the vocabulary takes {2 * width:,} parameters."
