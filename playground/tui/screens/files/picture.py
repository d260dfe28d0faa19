"""The dialog that saves a picture of a panel, or of the whole screen: as SVG or PNG, and where."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region
from textual.widget import Widget
from textual.widgets import Button
from textual.widgets.option_list import Option

from playground.hooks.png import lacking
from playground.tui.control.pictures import is_png
from playground.tui.screens.dialog import MUTED, Dialog, Line, error
from playground.tui.screens.files.paths import here, is_folder
from playground.tui.screens.files.target import Target
from playground.tui.screens.pick.lists import PickList, name_column
from playground.tui.widgets.control import Choice
from playground.tui.widgets.text import fit, visible

_ENDINGS = {"SVG, sharp at any size": ".svg", "PNG, in pixels": ".png"}
_NAMES = {ending: name for name, ending in _ENDINGS.items()}


@dataclass(frozen=True, slots=True)
class Part:
    """Something on the screen that a picture can be taken of."""

    title: str
    """Plain words: "Loss", "the whole screen"."""
    name: str
    """Of the file: "loss"."""
    region: Region
    """Its cells."""


@dataclass(frozen=True, slots=True)
class WantedPicture:
    """What to take a picture of, and the file to write."""

    part: Part
    path: Path


class PictureScreen(Dialog[WantedPicture | None]):
    """Asks of what to save a picture, and where; dismissed with the answer, or with None."""

    HEADING = "Save a picture of ..."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "accept", "save", id="picture.save", tooltip="Write the picture"),
    ]
    DEFAULT_CSS = """
    PictureScreen {
        #dialog { max-width: 90; }
        #picture-kind { margin: 1 0 0 0; }
        &.-lacking #picture-state { visibility: hidden; }
    }
    """

    def __init__(self, parts: Sequence[Part], chosen: int, name: str) -> None:
        """parts: at least one. chosen: the place of the one that is chosen first. name: begins the
        suggested name of the file."""
        super().__init__()
        self._parts, self._chosen, self._name = tuple(parts), chosen, name

    def body(self) -> Iterable[Widget]:
        width = name_column([part.title for part in self._parts])
        lines = [
            Option(
                Content.assemble(
                    fit(visible(part.title), width),
                    (f"  {part.region.width} × {part.region.height} cells", MUTED),
                )
            )
            for part in self._parts
        ]
        yield PickList(*lines, id="picture-parts", compact=True)
        yield Choice("as", list(_ENDINGS), label_width=6, id="picture-kind")
        yield Target("picture", "saving", complete=self._complete)
        yield Line(id="picture-lack")

    def buttons(self) -> Iterable[Widget]:
        yield Button("Save", compact=True, id="picture-button")

    def on_mount(self) -> None:
        picks = self.query_one(PickList)
        picks.highlighted = self._chosen
        self.set_focus(picks)
        self._suggest()
        self.watch(self.query_one(Target).field, "value", self._typed)

    @property
    def _part(self) -> Part:
        return self._parts[self.query_one(PickList).highlighted or 0]

    @property
    def _ending(self) -> str:
        return _ENDINGS[self.query_one(Choice).value or next(iter(_ENDINGS))]

    def _suggest(self) -> None:
        """Suggest a file for the part and the kind, unless the person has typed a name."""
        name = f"{self._name}-{self._part.name}{self._ending}"
        self.query_one(Target).suggest(str(here() / name))

    def _complete(self, path: Path, typed: str) -> Path:
        """The path with the ending of the chosen kind, unless it has the ending of one."""
        if typed.endswith("/") or path.suffix.lower() in _NAMES or is_folder(path):
            return path
        return path.with_name(path.name + self._ending)

    def _typed(self, value: str) -> None:
        """The ending that is typed decides, and the line above shows it."""
        kind = _NAMES.get(Path(value.strip()).suffix.lower())
        choice = self.query_one(Choice)
        if kind is not None and kind != choice.value:
            choice.set_value(kind)
        self._say_lack()

    @on(PickList.OptionHighlighted, "#picture-parts")
    def _other_part(self, event: PickList.OptionHighlighted) -> None:
        event.stop()
        self._suggest()

    @on(Choice.Changed)
    def _other_kind(self, event: Choice.Changed) -> None:
        event.stop()
        target = self.query_one(Target)
        path = Path(target.field.value)
        if path.suffix.lower() in _NAMES and path.suffix.lower() != self._ending:
            self._suggest()
            if target.field.value == str(path):  # it was typed, and is kept but for its ending
                target.field.value = str(path.with_suffix(self._ending))
        target.show()
        self._say_lack()

    def _say_lack(self) -> bool:
        """Say why no PNG can be written, if one is wanted and none can; True then."""
        path = self.query_one(Target).path
        why = lacking() if path is not None and is_png(path) else ""
        self.set_class(bool(why), "-lacking")  # then nothing will be written
        self.query_one("#picture-lack", Line).say(error(f"A PNG {why}.") if why else "")
        return bool(why)

    def on_pick_list_chosen(self, event: PickList.Chosen) -> None:
        event.stop()
        self.accept()

    def accept(self) -> None:
        if self._say_lack():
            return
        path = self.query_one(Target).settled()
        if path is not None:
            self.dismiss(WantedPicture(self._part, path))
