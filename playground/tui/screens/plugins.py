"""The dialog of plugins: what they contribute, where they come from, what could not be loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static
from textual.widgets.option_list import Option

from playground.catalog import BUILTIN, KINDS, STAGES, Catalog, Entry, Kind, Plugin, Problem
from playground.tui.screens.dialog import MUTED, Dialog
from playground.tui.screens.message import MessageScreen
from playground.tui.screens.pick.lists import PickList, name_column
from playground.tui.widgets.text import fit, visible

Switch = Callable[[str, bool], str]
"""Switches the plugin of that name on (True) or off; returns why that failed, or ""."""

TITLES: dict[Kind, str] = {
    "dataset": "Data sets",
    "tokenizer": "Tokenizers",
    "strategy": "Sampling strategies",
    "engine": "Engines",
    "schedule": "Learning-rate schedules",
    "metric": "Metrics",
    "panel": "Panels",
    "exporter": "Exporters",
    "lesson": "Lessons",
    "writer": "Writers",
}


class PluginsScreen(Dialog[None]):
    """Lists problems, plugins, and contributions by kind; enter shows one of them whole."""

    HEADING = "Plugins"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "look", "look closer", id="plugins.look",
                tooltip="The whole of it: knobs, origin, or the traceback of a problem"),
        Binding("space", "switch", "on/off", key_display="space", id="plugins.switch",
                tooltip="Switch the plugin off, or on again, from the next run on"),
        Binding("escape", "cancel", "close", key_display="esc", id="plugins.close"),
        Binding("q,p", "cancel", "close", show=False, id="plugins.close-too"),
    ]  # fmt: skip
    DEFAULT_CSS = """
    PluginsScreen {
        &.-low #dialog-foot { margin: 0; }
        #dialog { max-width: 120; }
        &.-low #dialog { height: 100%; }
        &.-low #dialog-body { height: 1fr; }
        #plugins-list { height: auto; max-height: 68vh; }
        &.-low #plugins-list { height: 1fr; max-height: 100%; }
        #plugins-how { height: auto; color: $text-muted; margin: 1 0 0 0; }
    }
    """

    def __init__(self, catalog: Catalog, folder: str = "", switch: Switch | None = None) -> None:
        """folder: where a person puts plugins. switch: None if nothing can be switched here."""
        super().__init__()
        self._catalog, self._folder, self._switch = catalog, folder, switch
        self._things: list[Entry | Problem | Plugin | None] = []
        """What each line of the list is about; None for a heading."""
        self._switched: dict[str, bool] = {}
        """Plugins that were switched here, by name: True for on, from the next run on."""

    def body(self) -> Iterable[Widget]:
        yield PickList(*self._lines(), id="plugins-list", compact=True)
        folder = visible(self._folder)
        yield Static(
            Content.assemble(
                "A plugin is one Python file with a hook in it. Put it into\n",
                (folder, "$foreground"),
                "\nand it is there at once. Plugins are code, and run with your rights.",
            )
            if folder
            else "",
            id="plugins-how",
            markup=False,
        )

    @property
    def remark(self) -> str:
        count, bad = len(self._catalog.entries), len(self._catalog.problems)
        found = f"{count} contributions"
        return found + (f", {bad} problem{'s' if bad > 1 else ''}" if bad else "")

    def on_mount(self) -> None:
        picks = self.query_one(PickList)
        self.set_focus(picks)
        first = next((at for at, thing in enumerate(self._things) if thing is not None), None)
        picks.highlighted = first
        picks.scroll_home(animate=False)

    def _lines(self) -> Iterable[Option]:
        options: list[Option] = []

        def heading(text: str) -> None:
            if options:
                options.append(Option("", disabled=True))
                self._things.append(None)
            options.append(Option(Content.styled(text, "bold $foreground"), disabled=True))
            self._things.append(None)

        problems = self._catalog.problems
        if problems:
            heading("Problems")
        for problem in problems:
            options.append(Option(_problem_line(problem)))
            self._things.append(problem)
        others = [plugin for plugin in self._catalog.plugins if plugin.name != BUILTIN]
        if others:
            heading("Plugins")
        names = name_column([plugin.name for plugin in others], 22)
        for plugin in others:
            options.append(Option(self._plugin_line(plugin, names)))
            self._things.append(plugin)
        width = name_column([entry.name for entry in self._catalog.entries], 22)
        origins = name_column([_source(entry) for entry in self._catalog.entries], 24)
        for kind in KINDS:
            entries = self._catalog.of(kind)
            if entries:
                heading(TITLES[kind])
            for entry in entries:
                options.append(Option(_entry_line(entry, width, origins)))
                self._things.append(entry)
        return options

    def _plugin_line(self, plugin: Plugin, width: int) -> Content:
        on = plugin.state not in ("disabled", "crashed")
        later = self._switched.get(plugin.name, on)
        sign = "●" if later else "○"
        soon = "" if later == on else f"{'on' if later else 'off'} from the next run  "
        made = f"{plugin.contributions} contribution{'' if plugin.contributions == 1 else 's'}"
        facts = {
            "loaded": f"{made}, {1000 * plugin.seconds:,.1f} ms",
            "disabled": "switched off",
            "failed": "failed",
            "crashed": "passed over",
        }[plugin.state]
        return Content.assemble(
            f"{sign} {fit(visible(plugin.name), width)}  ",
            (soon, "bold $text-warning"),
            f"{facts}  ",
            (visible(_short(plugin.origin)), MUTED),
        )

    def _highlighted(self) -> Entry | Problem | Plugin | None:
        at = self.query_one(PickList).highlighted
        return self._things[at] if at is not None else None

    def action_switch(self) -> None:
        """Switch the plugin that the highlighted line belongs to."""
        thing = self._highlighted()
        name = thing.plugin if isinstance(thing, (Entry, Problem)) else thing.name if thing else ""
        found = next((item for item in self._catalog.plugins if item.name == name), None)
        if found is None or self._switch is None:
            return
        if name == BUILTIN:
            self.notify("Built-ins are always there.", title="Nothing to switch", markup=False)
            return
        on = self._switched.get(name, found.state not in ("disabled", "crashed"))
        problem = self._switch(name, not on)
        if problem:
            self.notify(visible(problem), title="Not switched", severity="error", markup=False)
            return
        self._switched[name] = not on
        picks = self.query_one(PickList)
        at = self._things.index(found)
        names = [item.name for item in self._catalog.plugins if item.name != BUILTIN]
        line = self._plugin_line(found, name_column(names, 22))
        picks.replace_option_prompt_at_index(at, line)
        word = "on" if not on else "off"
        self.notify(
            f"{visible(name)} is {word} from the next run on.", title="Plugins", markup=False
        )

    def on_pick_list_chosen(self, event: PickList.Chosen) -> None:
        event.stop()
        self.action_look()

    def action_look(self) -> None:
        match self._highlighted():
            case Plugin() as plugin:
                title = plugin.name
                message = f"{plugin.state}, {1000 * plugin.seconds:,.1f} ms\n{plugin.origin}"
                detail = "\n".join(self._plugin_detail(plugin.name))
            case Problem() as problem:
                title = f"{problem.plugin} {STAGES[problem.stage]}"
                message, detail = f"{problem.message}\n{problem.origin}", problem.detail
            case Entry() as entry:
                title = entry.name
                message = f"{entry.summary}\n{entry.qualified}, {entry.origin}"
                detail = "\n".join(_knob_lines(entry))
            case None:
                return
        self.app.push_screen(MessageScreen(title, message, detail, [("ok", "Close")]))

    def _plugin_detail(self, name: str) -> Iterable[str]:
        """A line for each contribution and each problem of a plugin."""
        for entry in self._catalog.entries:
            if entry.plugin == name:
                yield f"{entry.kind} {entry.name}: {entry.summary}"
        for problem in self._catalog.problems:
            if problem.plugin == name:
                yield from ("", problem.message, problem.detail)


def _problem_line(problem: Problem) -> Content:
    return Content.assemble(
        ("✗ ", "bold $text-error"),
        (visible(problem.plugin), "bold"),
        (f" {STAGES[problem.stage]}: ", MUTED),
        visible(problem.message),
    )


def _entry_line(entry: Entry, width: int, origins: int) -> Content:
    return Content.assemble(
        f"  {fit(visible(entry.name), width)}  ",
        (f"{fit(_source(entry), origins)}  ", MUTED),
        visible(entry.summary),
    )


def _source(entry: Entry) -> str:
    return visible(_short(entry.origin))


def _short(origin: str) -> str:
    """An origin in few words; of a path only the name of the file."""
    return f"file {Path(origin).name}" if Path(origin).is_absolute() else origin


def _knob_lines(entry: Entry) -> Iterable[str]:
    """A line for each knob: label, range or choices, default, help."""
    for control in entry.controls:
        ends = (
            f"{control.minimum:g} to {control.maximum:g}, "
            if control.minimum is not None and control.maximum is not None
            else f"{', '.join(control.choices)}; "
            if control.choices
            else ""
        )
        about = f"  {control.help}" if control.help else ""
        yield f"{control.label}: {ends}{control.default!r} at first.{about}"
