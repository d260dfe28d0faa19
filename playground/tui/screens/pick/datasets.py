"""The dialog that chooses what the model learns from: a data set, or a person's own text file."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from microgpt.documents import DocumentsError
from playground.catalog import Control, Entry, Kind, KnobValue
from playground.tui.screens.dialog import MUTED, Line, error, warning
from playground.tui.screens.files.filetree import FileTree
from playground.tui.screens.files.paths import PathInput, absolute, here, is_folder
from playground.tui.screens.files.preview import TextPreview, preview_text
from playground.tui.screens.pick.picker import ContributionPicker
from playground.tui.widgets.text import visible


class DatasetScreen(ContributionPicker):
    """Chooses a data set; dismissed with {"name": ..., "options": {...}}, or with None."""

    HEADING = "Data set"
    KIND: ClassVar[Kind] = "dataset"
    NOTES = False  # the preview takes the room
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "look(-1)", "the one above", id="datasets.up", show=False,
                tooltip="Look at the data set above"),
        Binding("down", "look(1)", "the one below", id="datasets.down", show=False,
                tooltip="Look at the data set below"),
    ]  # fmt: skip
    DEFAULT_CSS = """
    DatasetScreen {
        &.-low #dialog-foot { margin: 0; }
        #dataset-path-line { height: 1; margin: 0 0 1 0; }
        #dataset-path-label { width: auto; margin: 0 2 0 0; }
        #dataset-path { width: 1fr; }
        #dataset-files { height: 1fr; margin: 1 0 0 0; }
        #dataset-preview { height: auto; margin: 1 0 0 0; }
        #dataset-documents {
            height: auto;
            margin: 1 0 0 0;
            padding: 0 1;
            border-left: outer $foreground 20%;
            text-wrap: nowrap;
            text-overflow: ellipsis;
        }
    }
    """

    def head(self) -> Iterable[Widget]:
        present = self._options.get("builtin:text-file", {}).get("path")
        self._path = present if isinstance(present, str) else ""
        yield Horizontal(
            Static("path of a text file", id="dataset-path-label", markup=False),
            PathInput(self._path, placeholder="~/my.txt   Tab completes", id="dataset-path"),
            id="dataset-path-line",
        )

    def below(self) -> Iterable[Widget]:
        folder = absolute(self._path).parent if self._path else here()
        yield FileTree(folder if is_folder(folder) else here(), id="dataset-files")

    def more(self) -> Iterable[Widget]:
        yield Line(id="dataset-preview")
        yield Line(id="dataset-documents")

    @property
    def text_file(self) -> Entry | None:
        """The built-in data set that reads a file."""
        return next(
            (entry for entry in self.entries if entry.qualified == "builtin:text-file"), None
        )

    def knobs(self, entry: Entry) -> tuple[Control, ...]:
        if entry == self.text_file:  # the path has a line of its own above the list
            return tuple(control for control in entry.controls if control.name != "path")
        return entry.controls

    # ------------------------------------------------------------ paths

    def _choose_text_file(self) -> None:
        if self.text_file is not None:
            self.picks.highlighted = self.entries.index(self.text_file)

    @on(Input.Changed, "#dataset-path")
    def _path_typed(self, event: Input.Changed) -> None:
        event.stop()
        if event.value == self._path:
            return
        self._set_path(event.value)

    def _set_path(self, path: str) -> None:
        self._path = path
        entry = self.text_file
        if entry is None:
            return
        self._options.setdefault(entry.qualified, {})["path"] = path
        if self.entry == entry:
            self.describe(entry)
        else:
            self._choose_text_file()

    @on(FileTree.FileSelected)
    def _file_selected(self, event: FileTree.FileSelected) -> None:
        """Preview a file that is selected for the first time, and open it the second time."""
        event.stop()
        path = str(event.path)
        if absolute(self._path) == absolute(path) and self._path and self.entry == self.text_file:
            self.accept()
            return
        self._set_path(path)
        field = self.query_one(PathInput)
        if path.isprintable():  # a name with a line break has no place in one line
            field.value = path
            field.cursor_position = len(path)

    def begin(self) -> None:
        """Give the focus to the path. A person who opens this dialog either types a path, or moves
        the highlight with up and down, for which the path has no use."""
        field = self.query_one(PathInput)
        self.set_focus(field)
        field.select_all()

    def action_look(self, by: int) -> None:
        """Move the highlight of the list, whatever has the focus."""
        if by < 0:
            self.picks.action_cursor_up()
        else:
            self.picks.action_cursor_down()

    # ------------------------------------------------------------ preview

    def describe(self, entry: Entry) -> None:
        if entry == self.text_file:
            path, options = self._path, self._options.get(entry.qualified, {})
            # A function, not its coroutine, which nobody would await if the dialog closes first.
            self.run_worker(
                partial(self._look, path, options),  # type: ignore[arg-type]  # two kinds fit
                group="preview",
                exclusive=True,
                exit_on_error=False,
            )
            return
        self.workers.cancel_group(self, "preview")
        self.query_one("#dataset-documents", Line).say("")
        info = self.model.info
        present = entry == self._find(self.present.get("name", ""))
        self.query_one("#dataset-preview", Line).say(
            Content.assemble(
                (f"In the open run: {info.documents:,} documents\n", MUTED),
                f"{visible(info.source)}\n{visible(info.licence)}",
            )
            if info is not None and present
            else ""
        )

    async def _look(self, typed: str, options: dict[str, KnobValue]) -> None:
        words, documents = (
            self.query_one("#dataset-preview", Line),
            self.query_one("#dataset-documents", Line),
        )
        if not typed.strip():
            words.say(Content.styled("Type a path above, or choose a file on the left.", MUTED))
            documents.say("")
            return
        split = str(options.get("split", "lines"))
        block_size = self.model.info.block_size if self.model.info else 16
        window = options.get("window")
        size = window if isinstance(window, int) and window > 0 else block_size
        path = absolute(typed)
        try:
            preview = await asyncio.to_thread(preview_text, path, split, size, block_size)
        except DocumentsError as problem:
            words.say(
                Content.assemble(error(problem.title), "\n", (_shown(problem.message), MUTED))
            )
            documents.say("")
            return
        words.say(_describe(path, preview, split, block_size))
        documents.say(
            Content("\n").join(Content(visible(text[:400])) for text in preview.documents)
        )

    # ------------------------------------------------------------ answers

    def choose(self, entry: Entry, options: dict[str, Any]) -> None:
        if entry == self.text_file:
            if not self._path.strip():
                self.set_focus(self.query_one(PathInput))
                self.query_one("#dataset-preview", Line).say(
                    error("Type a path first, or choose a file.")
                )
                return
            options = {**options, "path": str(absolute(self._path))}
        super().choose(entry, options)


def _shown(message: str) -> str:
    return "\n".join(visible(line) for line in message.split("\n"))


def _describe(path: Path, preview: TextPreview, split: str, block_size: int) -> Content:
    """The size of a file, the number of documents, and a warning if there is one."""
    what = split if preview.estimate != 1 else split[:-1]
    about = "" if preview.whole else "about "
    parts: list[Content | tuple[str, str] | str] = [
        (visible(path.name), "bold"),
        (f"   {_bytes(preview.size)}, {about}{preview.estimate:,} {what}", MUTED),
    ]
    if preview.endless:
        text = f"one {split[:-1]} fills all of the first 64 KB; split it into windows"
        parts += ["\n", warning(text)]
    elif preview.unseen > 0.005:
        text = (
            f"{preview.unseen:.0%} of the text lies beyond the first {block_size} characters of "
            f"its {split[:-1]} and would not be seen"
        )
        parts += ["\n", warning(text)]
    return Content.assemble(*parts)


def _bytes(size: int) -> str:
    for unit, scale in (("MB", 1_000_000), ("KB", 1_000)):
        if size >= scale:
            return f"{size / scale:,.1f} {unit}"
    return "1 byte" if size == 1 else f"{size:,} bytes"
