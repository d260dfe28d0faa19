"""The command palette: every key of the main screen, and everything there is to choose from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any, ClassVar

from textual import events, on
from textual.app import ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.command import CommandList, CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.widgets import Button, Input, OptionList
from typing_extensions import override

from playground.tui.bindings import MAIN_BINDINGS, action_name
from playground.tui.model import KIND_NAMES, SPEEDS
from playground.tui.panels.status import speed_text
from playground.tui.screens.answer import AnswersOnce
from playground.tui.screens.main import MainScreen
from playground.tui.styles import MUTED
from playground.tui.widgets.gate import markup
from playground.tui.widgets.paging import turn_page

SYNONYMS = {
    "step": "next, once, advance, iteration",
    "back": "previous, rewind, time travel",
    "run": "train, start, play, pause, stop, continue",
    "speed.1": "faster, flat out",
    "speed.-1": "slower, slow motion",
    "reset": "restart, begin again, rewind",
    "travel.0": "beginning, rewind, time travel",
    "travel.1": "latest, newest, time travel",
    "fork": "race, branch, compare, what if, a/b test",
    "runs": "history, experiments, compare, race, delete, rename, note, import, export",
    "vary": "sweep, grid search, seeds, hyperparameter search, many runs, error bars",
    "sweeps": "grid search, parallel coordinates, importance, many runs, vary",
    "datasets": "open a file, text, corpus, load, own text, documents",
    "tokenizers": "characters, bytes, words, vocabulary",
    "engines": "backend, faster",
    "settings": "hyperparameters, learning rate, heads, layers, width, context, seed, optimizer, "
    "adam",
    "sample": "generate, write, texts, inference",
    "chain": "temperature, top-k, top-p, nucleus, min-p, repetition penalty, decoding",
    "metrics": "plot, graph, gradient norm, perplexity",
    "prompt": "begin with, input, complete",
    "windows": "split, cut, chunks, long text",
    "inside": "attention, heads, logit lens, residual stream, neurons, activations, gradients, "
    "autograd",
    "cut": "ablate, ablation, freeze, hold, transplant, surgery, set a weight, zero, prune, "
    "lesion, knock out",
    "rank": "ablation, which head matters, importance, what matters, surgery",
    "patch": "activation patching, causal tracing, two texts, surgery",
    "score": "evaluate, evaluation, how good, bits per character, perplexity, calibration, "
    "recites, memorized, compression, worst tokens",
    "probes": "questions, ask again, answers over time, watch",
    "undo": "revert, previous run",
    "save": "store, checkpoint, safetensors, download, keep, weights",
    "export": "csv, json, download, share, losses",
    "picture": "screenshot, image, svg, png, save the chart",
    "resume": "continue, last run, reopen",
    "plugins": "extensions, add-ons, problems",
    "wrong": "error, traceback, broken, failing",
    "zoom": "full screen, maximize, enlarge",
    "plugin-panel": "attention, logit lens, histogram, gradient flow",
    "sentence": "explain, interpret, hint, meaning",
    "log-axis": "logarithmic, scale, linear",
    "window": "last steps, range",
    "kind": "gradients, update, moments, adam",
    "help": "keys, shortcuts, manual, explain, glossary",
    "tour": "lessons, learn, course, tutorial, teach, guide, quiz",
    "leave": "exit, close, stop, bye",
}
"""Other words for what a key does, by the name of its action."""


class Commands(Provider):
    """The commands, found by their titles, and less surely by other words for them."""

    def _commands(self) -> list[SystemCommand]:
        return list(self.app.get_system_commands(self.screen))

    async def discover(self) -> Hits:
        for title, words, callback, discover in sorted(self._commands(), key=lambda one: one.title):
            if discover:
                yield DiscoveryHit(title, callback, help=words)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for title, words, callback, _ in self._commands():
            score, synonym = matcher.match(title), self._synonym(query, title)
            if score > 0 and not (synonym and matcher.match(synonym) > score):
                yield Hit(score, matcher.highlight(title), callback, help=words)
            elif synonym:
                # The synonym stands beside the title, so that the person sees why it was found.
                beside = Content.assemble(Content.from_markup(title), (f"  {synonym}", MUTED))
                yield Hit(matcher.match(synonym), beside, callback, help=words)

    @staticmethod
    def _synonym(query: str, title: str) -> str:
        """The synonym of a command that begins with the query, or with one of its words; "" if
        none does."""
        wanted = query.casefold().strip()
        for synonym in _SYNONYMS.get(title, ()):
            if wanted and f" {synonym}".find(f" {wanted}") >= 0:
                return synonym
        return ""


class SteadyCommands(CommandList):
    """The commands found, which change under the mouse while a person types."""

    def on_click(self, event: events.Click) -> None:
        if event.style.meta.get("option", -1) >= self.option_count:
            event.stop()
            event.prevent_default()  # the command that was clicked has gone meanwhile


class Palette(AnswersOnce[None], CommandPalette):
    """Textual's palette, which chooses one command, however fast enter is pressed again."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("pageup", "page(-1)", "Page up", show=False, id="palette.page-up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="palette.page-down"),
    ]

    @override
    def compose(self) -> ComposeResult:
        for widget in super().compose():
            yield SteadyCommands() if type(widget) is CommandList else widget

    def on_mount(self) -> None:
        self.query_one("#--input").border_title = "Find"
        self.query_one(CommandList).border_subtitle = "↑↓ choose   enter do it   esc close"

    @on(Input.Changed)
    @on(Input.Submitted)
    @on(Button.Pressed)
    @on(OptionList.OptionSelected)
    def _late(
        self, event: Input.Changed | Input.Submitted | Button.Pressed | OptionList.OptionSelected
    ) -> None:
        """Choose nothing more, and look for nothing more, once a command is chosen or the
        playground is left. Textual calls this before its own handlers."""
        if self.resting:
            event.stop()
            event.prevent_default()

    def action_page(self, by: int) -> None:
        turn_page(self.query_one(CommandList), by)


def _title(binding: Binding) -> str:
    return f"{binding.description.capitalize()} ({binding.key_display or binding.key})"


FILM = "Film strip: from gibberish to names"
"""The title of the command that shows the film."""
_SYNONYMS = {
    markup(_title(binding)): SYNONYMS.get(action_name(binding.action), "").split(", ")
    for binding in MAIN_BINDINGS
}
_SYNONYMS[markup(FILM)] = ["samples over time", "movie", "progress", "how it learns", "same dice"]


def commands(main: MainScreen) -> Iterable[SystemCommand]:
    """What the palette offers on the main screen, in the markup that Textual's palette reads."""
    for command in _all(main):
        yield command._replace(title=markup(command.title), help=markup(command.help))


def _all(main: MainScreen) -> Iterable[SystemCommand]:
    for binding in MAIN_BINDINGS:
        if binding.action not in ("escape", "app.command_palette"):
            yield SystemCommand(
                _title(binding),
                binding.tooltip,
                _later(main, partial(main.run_action, binding.action)),
            )
    yield from _speeds(main)
    yield from _views(main)
    yield from _entries(main)
    yield SystemCommand("Theme", "Change the colours", main.app.search_themes)


def _later(main: MainScreen, work: Callable[[], Awaitable[Any] | None]) -> Callable[[], None]:
    """A command that does the work once the palette has closed."""

    def run() -> None:
        main.app.call_later(work)

    return run


def _speeds(main: MainScreen) -> Iterable[SystemCommand]:
    for place, speed in enumerate(SPEEDS):
        yield SystemCommand(
            f"Speed: {speed_text(speed)}",
            "How many steps a second training takes",
            _later(main, partial(main.set_speed, place)),
        )


def _views(main: MainScreen) -> Iterable[SystemCommand]:
    for kind, name in KIND_NAMES.items():
        yield SystemCommand(
            f"Parameters: show {name}",
            "Another view of the matrix on screen",
            _later(main, partial(main.show_matrix, kind=kind)),
        )
    yield SystemCommand(
        FILM,
        "What the model wrote every so many steps, with the same dice",
        _later(main, main.show_film),
    )
    info = main.model.info
    for place, matrix in enumerate(info.matrices if info else ()):
        yield SystemCommand(
            f"Matrix: {matrix.name}",
            f"{matrix.rows} rows of {matrix.columns}",
            _later(main, partial(main.show_matrix, place=place)),
        )


def _entries(main: MainScreen) -> Iterable[SystemCommand]:
    """What the catalog offers. A data set or a tokenizer begins a new run, which `u` undoes; an
    engine goes on with the run."""
    catalog = main.model.catalog
    if catalog is None:
        return

    def start(field: str, name: str) -> Callable[[], None]:
        return _later(main, partial(main.start, {field: {"name": name, "options": {}}}))

    for entry in catalog.of("dataset"):
        if all(control.kind != "text" for control in entry.controls):  # a path needs its dialog
            yield SystemCommand(
                f"Data set: {entry.name}",
                entry.summary,
                start("dataset", catalog.shortest(entry)),
            )
    for entry in catalog.of("tokenizer"):
        yield SystemCommand(
            f"Tokenizer: {entry.name}",
            entry.summary,
            start("tokenizer", catalog.shortest(entry)),
        )
    for entry in catalog.of("panel"):
        yield SystemCommand(
            f"Panel: {entry.name}",
            entry.summary,
            _later(main, partial(main.show_panel, catalog.shortest(entry))),
        )
    for entry in catalog.of("lesson"):
        yield SystemCommand(
            f"Lesson: {entry.name}",
            entry.summary,
            _later(main, partial(main.run_action, f"app.tour({entry.qualified!r})")),
        )
    for entry in (entry for entry in catalog.of("engine") if not entry.missing):
        yield SystemCommand(
            f"Engine: {entry.name}",
            entry.summary,
            _later(main, partial(main.use_engine, catalog.shortest(entry))),
        )
