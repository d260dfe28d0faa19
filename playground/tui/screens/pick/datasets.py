"""The dialog that chooses what the model learns from: a data set, or a person's own text file."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
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
from playground.fence import shows
from playground.lab.protocol.failures import Failure
from playground.lab.protocol.run import Checkpoint
from playground.tui.model import PlaygroundModel
from playground.tui.screens.dialog import MUTED, Line, error, warning
from playground.tui.screens.files.filetree import FileTree
from playground.tui.screens.files.paths import OUTSIDE, PathInput, absolute, here, is_folder
from playground.tui.screens.files.preview import TextPreview, preview_text
from playground.tui.screens.files.recipes import MOST, Recipe, recipes
from playground.tui.screens.pick.knobform import KnobForm
from playground.tui.screens.pick.lists import entry_name
from playground.tui.screens.pick.picker import ContributionPicker
from playground.tui.screens.settings.cost import step_words, text_cost
from playground.tui.widgets.control import Choice
from playground.tui.widgets.slider import Slider
from playground.tui.widgets.text import fit, visible
from playground.widths import cell_len

ITS_FILES = "The files that may be opened here stand on the left."
AS_SET = "as set"
"""The recipe that is none: what the person set by hand."""
FEWEST = 5
"""Documents that are shown in a small terminal."""
ABOVE = 18
"""Lines of the right column above the documents."""
BEYOND = "$foreground 38%"
"""The style of what lies beyond the context."""


@dataclass(frozen=True, slots=True)
class Typed:
    """What a person set in the dialog."""

    path: str
    options: dict[str, dict[str, KnobValue]]
    """The values of the knobs, by the entry's qualified name."""
    entry: Entry | None
    """The entry that was highlighted."""
    block_size: int


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
        &.-high #dialog { max-width: 160; max-height: 100%; }
        &.-low #dialog-foot { margin: 0; }
        #dataset-path-line { height: 1; margin: 0 0 1 0; }
        #dataset-path-label { width: auto; margin: 0 2 0 0; }
        #dataset-path { width: 1fr; }
        #dataset-files { height: 1fr; margin: 1 0 0 0; }
        #dataset-preview { height: auto; margin: 1 0 0 0; }
        &.-low #dataset-preview { margin: 0; }
        #dataset-refused { margin: 0 0 1 0; }
        #dataset-recipe, #dataset-context { margin: 1 0 0 0; }
        &.-low #dataset-recipe, &.-low #dataset-context { margin: 0; }
        &.-low #dataset-first { margin: 0; }
        #dataset-first {
            height: auto;
            margin: 1 0 0 0;
            padding: 0 1;
            border-left: outer $foreground 20%;
            text-wrap: nowrap;
            text-overflow: ellipsis;
        }
    }
    """

    def __init__(
        self, model: PlaygroundModel, before: Typed | None = None, refused: Failure | None = None
    ) -> None:
        """before: what was typed when the dialog was open before. refused: why that could not be
        opened."""
        super().__init__(model)
        self._before, self._refused = before, refused
        self.typed: Typed | None = None
        """What the person has chosen, to be shown again if it cannot be opened."""
        if before is not None:
            self._options |= before.options
        self._path = ""
        self._judged = ("", "")
        """The path that was looked at last, and what stands against it; "" if nothing does."""
        self._wanted = False
        """True if the path is to be opened as soon as it has been looked at."""
        self._saved: Checkpoint | None = None
        """The saved model that the path names."""
        self._recipes: dict[str, Recipe] = {}

    def head(self) -> Iterable[Widget]:
        present = self._options.get("builtin:text-file", {}).get("path")
        self._path = present if isinstance(present, str) else ""
        if self._before is not None:
            self._path = self._before.path
        yield Horizontal(
            Static("path of a text file", id="dataset-path-label", markup=False),
            PathInput(self._path, placeholder="~/my.txt   Tab completes", id="dataset-path"),
            id="dataset-path-line",
        )
        why = self._refused
        said = "" if why is None else error(visible(f"{why.title}. {why.message}"))
        yield Line(said, id="dataset-refused")

    def below(self) -> Iterable[Widget]:
        folder = absolute(self._path).parent if self._path else here()
        yield FileTree(folder if is_folder(folder) else here(), id="dataset-files")

    def more(self) -> Iterable[Widget]:
        yield Line(id="dataset-preview")
        yield Line(id="dataset-offers")
        recipe = Choice("recipe", (), label_width=14, id="dataset-recipe")
        recipe.display = False
        yield recipe
        present = self.model.info.block_size if self.model.info else 16
        if self._before is not None:
            present = self._before.block_size
        context = Slider(
            "context length", present, minimum=1, maximum=max(MOST, present), integer=True,
            label_width=14, id="dataset-context",
        )  # fmt: skip
        context.tooltip = "The most tokens the model looks at; documents are cut to it"
        yield context
        yield Line(id="dataset-first")

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
        self._path, self._wanted = path, False
        self.query_one("#dataset-refused", Line).say("")
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
        if self._before is None:
            field.select_all()
            return
        if self._before.entry in self.entries:
            self.picks.highlighted = self.entries.index(self._before.entry)
        field.cursor_position = len(field.value)

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
        self._offer_nothing()
        info = self.model.info
        present = entry == self._find(self.present.get("name", ""))
        self.query_one("#dataset-first", Line).say(self._in_the_run() if present else "")
        self.query_one("#dataset-preview", Line).say(
            Content.assemble(
                (f"In the open run: {info.documents:,} documents\n", MUTED),
                f"{visible(info.source)}\n{visible(info.licence)}",
            )
            if info is not None and present
            else ""
        )

    @property
    def _room(self) -> int:
        """How many documents there is room for."""
        return max(FEWEST, self.query_one("#picker-right").size.height - ABOVE)

    def _in_the_run(self) -> Content | str:
        """The documents that the open run learns from now, each with its place; "" if there is
        room for few of them: they stand behind the dialog, too."""
        document = self.model.frame.document if self.model.frame else None
        if document is None or self._room <= FEWEST:
            return ""
        present = "".join(document.tokens if document.beyond else document.tokens[:-1])
        texts = [present.replace("␠", " ").replace("◌", ""), *document.after][: self._room]
        return Content("\n").join(
            Content.assemble((f"{document.position + 1 + place:>7,} ", MUTED), visible(text[:400]))
            for place, text in enumerate(texts)
        )

    async def _look(self, typed: str, options: dict[str, KnobValue]) -> None:
        words, documents = (
            self.query_one("#dataset-preview", Line),
            self.query_one("#dataset-first", Line),
        )
        if not typed.strip():
            words.say(Content.styled("Type a path above, or choose a file on the left.", MUTED))
            documents.say("")
            return
        split = str(options.get("split", "lines"))
        block_size = self.block_size
        window = options.get("window")
        size = window if isinstance(window, int) and window > 0 else block_size
        path = absolute(typed)
        if not shows(path):
            self._offer_nothing()
            words.say(Content.assemble(error(OUTSIDE), "\n", (ITS_FILES, MUTED)))
            documents.say("")
            self._judge(typed, OUTSIDE)
            return
        if saved_as(path):
            await self._look_at_saved(path)
            return
        try:
            preview = await asyncio.to_thread(preview_text, path, split, size, block_size)
        except DocumentsError as problem:
            self._offer_nothing()
            words.say(
                Content.assemble(error(problem.title), "\n", (_shown(problem.message), MUTED))
            )
            documents.say("")
            self._judge(typed, problem.title)
            return
        width = max(20, self.query_one("#picker-right").size.width - 2)
        words.say(_describe(path, preview, split, block_size, width))
        seen = block_size if self._by_character else 400
        documents.say(
            Content("\n").join(
                Content.assemble(visible(text[:seen]), (visible(text[seen:400]), BEYOND))
                for text in preview.documents[: self._room]
            )
        )
        self._offer(preview)
        self._judge(typed, "")

    def _judge(self, typed: str, problem: str) -> None:
        """Keep what stands against a path, and open it if that was wanted before it was known."""
        self._judged = (typed, problem)
        wanted, self._wanted = self._wanted, False
        if wanted and typed == self._path:
            self.accept()

    @property
    def block_size(self) -> int:
        """The context length that is set here."""
        return round(self.query_one("#dataset-context", Slider).value)

    @property
    def _by_character(self) -> bool:
        """True if a token of the open run is a character, so that the preview can be cut as the
        model will cut it."""
        name = str(self.model.spec.get("tokenizer", {}).get("name", "char"))
        return name in ("char", "builtin:char")

    def _offer(self, preview: TextPreview) -> None:
        """Offer ways to train on such a text, each with what a step will cost."""
        found = recipes(preview.shape) if self._by_character else []
        self._recipes, costs = {}, []
        for one in found:
            cost = text_cost(self.model, one.block_size, one.tokens)
            about = "" if cost is None else f", {step_words(cost)} ms"
            costs.append(f"{one.words}{about}")
            self._recipes[one.words] = one
        row = self.query_one("#dataset-recipe", Choice)
        options = self._options.get("builtin:text-file", {})
        now = Recipe(str(options.get("split", "lines")), self.block_size, 0).words
        chosen = next((words for words, one in self._recipes.items() if one.words == now), None)
        own = [] if chosen else [AS_SET]
        row.set_options([*own, *self._recipes], chosen or AS_SET)
        row.tooltip = "How to split the text, the context length, and what a step costs"
        row.display = bool(self._recipes)
        self.query_one("#dataset-offers", Line).say(
            Content.styled(
                f"It looks like {preview.shape.kind}. Recipes, with the time of a step: "
                + "; ".join(costs),
                MUTED,
            )
            if self._recipes
            else ""
        )

    def _offer_nothing(self) -> None:
        self.query_one("#dataset-recipe", Choice).display = False
        self.query_one("#dataset-offers", Line).say("")

    @on(Choice.Changed, "#dataset-recipe")
    async def _recipe_chosen(self, event: Choice.Changed) -> None:
        event.stop()
        one, entry = self._recipes.get(event.value), self.text_file
        if one is None or entry is None:
            return
        kept = self._options.setdefault(entry.qualified, {})
        kept |= {"split": one.split, "window": 0}
        self.query_one("#dataset-context", Slider).set_value(one.block_size)
        await self.query_one(KnobForm).show(self.knobs(entry), kept)
        self.describe(entry)

    @on(Slider.Changed, "#dataset-context")
    def _context_set(self, event: Slider.Changed) -> None:
        event.stop()
        if self.entry is not None:
            self.describe(self.entry)

    async def _look_at_saved(self, path: Path) -> None:
        """Say what a saved model or run is, or why it cannot be opened."""
        typed, words = self._path, self.query_one("#dataset-preview", Line)
        self.query_one("#dataset-first", Line).say("")
        self._offer_nothing()
        self._saved = None
        if not await asyncio.to_thread(path.is_file):
            words.say(error(f"There is no file {visible(str(path))}"))
            self._judge(typed, "no file")
            return
        if saved_as(path) == "run":
            words.say(f"{visible(path.name)} is a recorded run; enter takes it in and opens it.")
        else:
            from playground.lab.checkpoint import CheckpointError, read_checkpoint

            try:
                self._saved = await asyncio.to_thread(read_checkpoint, path)
            except CheckpointError as problem:
                words.say(error(visible(str(problem))))
                self._judge(typed, "no model")
                return
            words.say(
                f"{visible(path.name)} is a saved model at step {self._saved.step:,}; enter goes "
                "on with it."
            )
        self._judge(typed, "")

    # ------------------------------------------------------------ answers

    def choose(self, entry: Entry, options: dict[str, Any]) -> None:
        self.typed = Typed(self._path, self._options, entry, self.block_size)
        if entry == self.text_file:
            if not self._path.strip():
                self.set_focus(self.query_one(PathInput))
                self.query_one("#dataset-preview", Line).say(
                    error("Type a path first, or choose a file.")
                )
                return
            if self._judged[0] != self._path:  # enter came before the file was looked at
                self._wanted = True
                self.describe(entry)
                return
            if self._judged[1]:  # #dataset-preview says what stands against it
                self.set_focus(self.query_one(PathInput))
                self.app.bell()
                return
            path = absolute(self._path)
            if saved_as(path):
                self.dismiss({"checkpoint": self._saved} if self._saved else {"file": str(path)})
                return
            options = {**options, "path": str(path)}
        answer: dict[str, Any] = {"name": entry_name(entry, self.entries), "options": options}
        if self.model.info is not None and self.block_size != self.model.info.block_size:
            answer["block_size"] = self.block_size
        self.dismiss(answer)


def saved_as(path: Path) -> str:
    """What a file is by its ending: "model", a saved one; "run", a recorded one; "" for others."""
    return {".safetensors": "model", ".microgpt-run": "run"}.get(path.suffix, "")


def _shown(message: str) -> str:
    return "\n".join(visible(line) for line in message.split("\n"))


def _describe(path: Path, preview: TextPreview, split: str, block_size: int, width: int) -> Content:
    """The size of a file, the number of documents, and a warning if there is one. width: cells of
    a line; what is counted stands below a name that leaves no room beside it."""
    what = split if preview.estimate != 1 else split[:-1]
    about = "" if preview.whole else "about "
    counted = f"{_bytes(preview.size)}, {about}{preview.estimate:,} {what}"
    name = fit(visible(path.name), width).rstrip()
    gap = "   " if cell_len(name) + 3 + len(counted) <= width else "\n"
    parts: list[Content | tuple[str, str] | str] = [(name, "bold"), gap, (counted, MUTED)]
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
