"""The walk over the words and signs of the screen: one is marked, and the line of the sentence
explains it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message

from playground.tui.explain.reading import Found, words_on
from playground.tui.explain.words import DATA, KEYS, TOP, Word, word_of
from playground.tui.model import PlaygroundModel, Telling
from playground.tui.widgets.static_text import Words
from playground.tui.widgets.text import visible
from playground.widths import set_cell_size

MARKED = 20
"""The most cells that are marked, so that a marked row of a matrix can still be read."""
PARTS = range(TOP, KEYS + 1)

WALK = Binding.Group("words", compact=True)


class Pointer(Words, can_focus=True):
    """Marks the word that is explained. The pointer has the focus while a person walks over the
    words; it goes away when the focus does."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,down,full_stop", "walk(1)", "word", key_display="←→", group=WALK,
                id="pointer.next", tooltip="Explain the next word or sign"),
        Binding("left,up", "walk(-1)", "word before", group=WALK, show=False,
                id="pointer.before", tooltip="Explain the word or sign before"),
        Binding("tab", "part(1)", "next panel", key_display="tab", group=WALK,
                id="pointer.part", tooltip="Go on with the words of the next panel"),
        Binding("shift+tab", "part(-1)", "panel before", group=WALK, show=False,
                id="pointer.part-before", tooltip="Go back to the words of the panel before"),
        *(
            Binding(str(number), f"go({number})", f"panel {number}", group=WALK, show=False,
                    id=f"pointer.go-{number}", tooltip="Explain the words of this panel")
            for number in range(DATA, KEYS)
        ),
        Binding("escape,enter", "end", "end", key_display="esc", group=WALK, id="pointer.end",
                tooltip="Explain no more words"),
    ]  # fmt: skip
    DEFAULT_CSS = """
    Pointer {
        layer: above;
        position: absolute;
        width: auto;
        height: 1;
        display: none;
        color: $text-primary;
        text-style: bold reverse;
    }
    """

    class Moved(Message):
        """Another word is explained."""

    class Ended(Message):
        """The person has read enough, of this part of the screen last."""

        def __init__(self, part: int) -> None:
            super().__init__()
            self.part = part

    def begin(self, model: PlaygroundModel, part: int) -> None:
        """Explain the first word of a part of the screen."""
        self._model = model
        if self._go_to(part, 0):
            self.display = True
            self.screen.set_focus(self)

    def show(self, model: PlaygroundModel) -> None:
        """Mark the word where it stands by now; what is marked moves as the run goes on."""
        telling = model.telling
        if telling is None:
            self.display = False
            return
        found = self._words(telling.part)
        at = next((i for i, one in enumerate(found) if _name(one) == telling.name), None)
        self.display = at is not None
        if at is not None:
            self._mark(found[at])

    def action_walk(self, by: int) -> None:
        telling = self._model.telling
        if telling is not None:
            found = self._words(telling.part)
            names = [_name(one) for one in found]
            at = names.index(telling.name) + by if telling.name in names else 0
            self._go_to(telling.part, at % max(1, len(found)))

    def action_part(self, by: int) -> None:
        telling = self._model.telling
        if telling is not None:
            part = telling.part
            for _ in PARTS:
                part = (part + by) % len(PARTS)
                if self._go_to(part, 0):
                    return

    def action_go(self, part: int) -> None:
        self._go_to(part, 0)

    def action_end(self) -> None:
        telling, self._model.telling = self._model.telling, None
        self.display = False
        self.post_message(self.Ended(telling.part if telling is not None else TOP))

    def on_blur(self) -> None:
        """The person went on with something else, unless only the terminal lost the focus."""
        if self.app.app_focus and self.display:
            self._model.telling = None
            self.display = False
            self.post_message(self.Moved())

    def _go_to(self, part: int, at: int) -> bool:
        """Explain one of the words of a part; False if the part has none on the screen."""
        found = self._words(part)
        if not found:
            return False
        word = found[at].word
        assert word is not None
        place = f"{at + 1}/{len(found)}"
        self._model.telling = Telling(
            part, word.name, found[at].shown, word.whole, word.brief, place
        )
        self._mark(found[at])
        self.post_message(self.Moved())
        return True

    def _words(self, part: int) -> list[Found]:
        """Each word of a part of the screen once, where it stands first."""
        labels = [label for label, _ in self._model.measured]
        found = words_on(self.screen, labels, part)
        if part == TOP:
            found = self._without_the_sentence(found)
        first: dict[Word, Found] = {}
        for one in found:
            if one.word is not None:
                first.setdefault(one.word, one)
        return list(first.values())

    def _without_the_sentence(self, found: Sequence[Found]) -> list[Found]:
        """The words of the top lines. The explanation stands where the sentence stood, of which
        one word is left for all."""
        row = self.screen.query_one("#sentence").region.y
        kept = [one for one in found if one.region.y != row]
        there = next((one for one in found if one.region.y == row), None)
        if there is not None:
            kept.append(there._replace(word=word_of("sentence")))
        return kept

    def _mark(self, found: Found) -> None:
        width = min(found.region.width, MARKED)
        text = found.text if found.text.strip() else "▐"
        self.say(Content(set_cell_size(visible(text), width)))
        offset = (found.region.x, found.region.y)
        if self.styles.offset.x.value != offset[0] or self.styles.offset.y.value != offset[1]:
            self.styles.offset = offset
        if self.styles.width is None or self.styles.width.value != width:
            self.styles.width = width


def _name(found: Found) -> str:
    return found.word.name if found.word is not None else ""
