"""What the modal screens are asked, and what is done with their answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.binding import Binding
from textual.screen import Screen

from playground.lab.paths import last_run, plugin_folder
from playground.tui.control.controller import Remark

if TYPE_CHECKING:
    from playground.lab.race import Race
    from playground.tui.app import PlaygroundApp


class Dialogs:
    """Opens a screen, and carries out what it was dismissed with.

    The screens are imported when they are first opened: the first paint does not wait for them.
    """

    def __init__(self, app: PlaygroundApp) -> None:
        self._app = app
        self._model = app.model

    def start(self, changes: Mapping[str, Any]) -> None:
        """A new run, the open one with some fields changed."""
        from playground.lab.spec import RunSpec, SpecError

        controller = self._app.controller
        if self._model.frame is not None:  # it may have been changed while running
            changes = {"engine": self._model.engine, **changes}
        try:
            spec = RunSpec.parse(self._model.spec).replace(changes)
        except SpecError as error:
            controller.say(Remark("These settings cannot be", str(error), "error"))
            return
        controller.do(controller.open(spec.to_json()))

    def _push(self, screen: Screen[Any], done: Callable[[Any], None] | None = None) -> None:
        self._app.clear_notifications()  # what they say would lie over what the dialog says
        self._app.push_screen(screen, done)

    @property
    def _on_main(self) -> bool:
        """Is no other screen open? What a key asked for a moment ago does not come over it."""
        return self._app.screen is self._app.main

    def _ready(self) -> bool:
        if self._model.info is None or self._model.catalog is None:
            self._app.controller.say(Remark("One moment", "The run is still being opened."))
            return False
        return True

    def datasets(self) -> None:
        from playground.tui.screens.pick.datasets import DatasetScreen

        if self._ready():
            self._push(DatasetScreen(self._model), self._dataset_chosen)

    def _dataset_chosen(self, choice: dict[str, Any] | None) -> None:
        if choice is not None:
            self.start({"dataset": choice})

    def tokenizers(self) -> None:
        from playground.tui.screens.pick.tokenizers import TokenizerScreen

        if self._ready():
            self._push(TokenizerScreen(self._model), self._tokenizer_chosen)

    def _tokenizer_chosen(self, choice: dict[str, Any] | None) -> None:
        if choice is not None:
            self.start({"tokenizer": choice})

    def engines(self) -> None:
        from playground.tui.screens.pick.engines import EngineScreen

        if self._ready():
            self._push(EngineScreen(self._model), self._engine_chosen)

    def _engine_chosen(self, choice: dict[str, Any] | None) -> None:
        if choice is not None:
            self.use_engine(choice["name"])

    def use_engine(self, name: str) -> None:
        """Go on with another engine; with the one at work, if another is getting ready."""
        if name != self._model.engine or self._model.making is not None:
            self._app.controller.do(self._app.controller.use_engine(name))

    def settings(self) -> None:
        from playground.tui.screens.settings.screen import SettingsScreen

        if self._ready():
            self._push(SettingsScreen(self._model), self._settings_chosen)

    def _settings_chosen(self, changes: dict[str, Any] | None) -> None:
        from playground.lab.spec import LIVE_FIELDS

        if not changes:
            return
        controller = self._app.controller
        if not set(changes) <= LIVE_FIELDS:
            self.start(changes)
            return
        engine = changes.pop("engine", None)
        if changes:
            controller.do(controller.edit(changes))
        if engine is not None:
            self.use_engine(engine)

    def windows(self) -> None:
        """Split the text that is open into windows."""
        if not self._ready():
            return
        dataset = self._model.spec["dataset"]
        if "split" not in dataset["options"] and dataset["name"] != "text-file":
            self._app.controller.say(
                Remark(
                    "Nothing to split",
                    f"“{dataset['name']}” comes as documents; windows are for text files.",
                )
            )
            return
        split = "lines" if dataset["options"].get("split") == "windows" else "windows"
        self.start({"dataset": {**dataset, "options": {**dataset["options"], "split": split}}})

    def chain(self) -> None:
        from playground.tui.screens.pick.chain import ChainScreen

        if self._ready():
            self._push(ChainScreen(self._model), self._chain_chosen)

    def _chain_chosen(self, chain: Any) -> None:
        if chain is not None:
            self._app.controller.set_sampling(self._model.with_chain(chain))

    def panels(self) -> None:
        from playground.tui.screens.pick.panels import PanelScreen

        if self._ready():
            self._push(PanelScreen(self._model), self._panel_chosen)

    def _panel_chosen(self, choice: dict[str, Any] | None) -> None:
        if choice is not None:
            self._app.main.show_panel(choice["name"], choice["options"])

    def metrics(self) -> None:
        from playground.tui.screens.pick.metrics import MetricsScreen

        if self._ready():
            self._push(MetricsScreen(self._model), self._metrics_chosen)

    def _metrics_chosen(self, measuring: Any) -> None:
        if measuring is not None:
            self._app.controller.do(self._app.controller.set_metrics(measuring))

    def wrong(self) -> None:
        """What is wrong with a plugin, and a way on."""
        from playground.tui.screens.plugin_trouble import WITHOUT, failing_strategy, wrong_screen

        screen, strategy = wrong_screen(self._model), failing_strategy(self._model)
        if screen is None:
            self._app.controller.say(Remark("Nothing is wrong", "Every plugin does its work."))
            return

        def done(choice: str | None) -> None:
            if choice == WITHOUT:
                self._app.controller.do(self._app.controller.go_on_without(strategy))

        self._push(screen, done)

    def plugins(self) -> None:
        from playground.tui.screens.plugins import PluginsScreen

        if self._ready() and self._model.catalog is not None:
            self._push(PluginsScreen(self._model.catalog, str(plugin_folder()), _switch_plugin))

    def help(self, bindings: list[Binding], panel: int) -> None:
        from playground.tui.screens.help import HelpScreen

        self._push(HelpScreen(bindings, panel))

    def save(self) -> None:
        from playground.tui.screens.files.paths import here
        from playground.tui.screens.files.save import SaveScreen

        if not self._ready() or self._model.info is None:
            return
        title = Path(self._model.info.dataset_title).stem or "model"
        name = f"{title}-step{self._model.step}.safetensors"
        self._push(SaveScreen(str(here() / name)), self._save_chosen)

    def _save_chosen(self, path: str | None) -> None:
        if path is not None:
            self._app.controller.do(self._app.controller.save(path))

    def export(self) -> None:
        from playground.tui.screens.files.export import ExportScreen

        if self._ready():
            self._push(ExportScreen(self._model), self._export_chosen)

    def _export_chosen(self, choice: dict[str, Any] | None) -> None:
        if choice is not None:
            controller = self._app.controller
            controller.do(controller.export(choice["path"], choice["name"], choice["options"]))

    def probes(self) -> None:
        """What the run is asked again and again, and how its answers change."""
        if self._ready():
            self._app.controller.do(self._probes())

    async def _probes(self) -> None:
        from playground.tui.screens.probes.screen import ProbesScreen

        state = await self._app.controller.lab.probes()
        if not self._on_main:
            return
        trouble = state.trouble.message if state.trouble is not None else ""
        screen = ProbesScreen(state.probes, state.answers, state.skipped, trouble)
        self._push(screen, self._probes_chosen)

    def _probes_chosen(self, probes: Any) -> None:
        if probes is not None:
            self._app.controller.do(self._app.controller.set_probes(probes))

    def fork(self) -> None:
        """From a step on, change one thing: as a fork, or in a race."""
        if not self._ready():
            return
        if self._app.controller.busy:  # with a step, say: it is forked from where that leads
            self._app.controller.do(self._fork_then())
        else:
            self._fork()

    async def _fork_then(self) -> None:
        await self._app.controller.settle()
        if self._on_main:
            self._fork()

    def _fork(self) -> None:
        from playground.tui.screens.fork.fields import ForkSource
        from playground.tui.screens.fork.screen import ForkScreen

        self._push(ForkScreen(ForkSource.of(self._model)), self._fork_chosen)

    def _fork_chosen(self, choice: Any) -> None:
        if choice is None:
            return
        controller = self._app.controller
        if choice.race:
            controller.do(self._race(choice.step, choice.changes))
        else:
            controller.do(controller.fork(choice.step, choice.changes))

    def runs(self) -> None:
        """All runs that were recorded."""
        from playground.tui.screens.runs.screen import RunsScreen

        controller = self._app.controller
        if controller.runs.desk is None:
            controller.say(Remark("Runs are not recorded", "Start without --no-record for that."))
            return
        screen = RunsScreen(controller.runs.desk, self._model.run, lambda: self._model.run)
        self._push(screen, self._run_chosen)

    def _run_chosen(self, choice: Any) -> None:
        controller = self._app.controller
        controller.do(controller.runs.look_again())
        if choice is not None:
            controller.do(self._with_run(choice))

    async def _with_run(self, choice: Any) -> None:
        controller = self._app.controller
        if choice.kind == "race":
            self._begin_race(await controller.runs.recorded_race(choice.run, choice.other))
            return
        if choice.run == self._model.run:
            if choice.at is not None:
                await controller.seek(choice.at)
        elif not await controller.open_recorded(
            choice.run, choice.at, looking=choice.kind == "fork"
        ):
            return
        await controller.look()
        if choice.kind == "fork":
            self.fork()

    async def _race(self, step: int, changes: Mapping[str, Any]) -> None:
        self._begin_race(await self._app.controller.runs.race(step, changes))

    def _begin_race(self, race: Race) -> None:
        from playground.tui.screens.race.screen import RaceScreen

        self._push(RaceScreen(race), self._race_over)

    def _race_over(self, kept: Any) -> None:
        controller = self._app.controller
        controller.do(controller.runs.look_again())
        if kept is not None:
            controller.do(controller.runs.go_on_with(kept))

    def resume(self) -> None:
        """The run that was at work last: of the store, or kept in a file where that failed."""
        self._app.controller.do(self._resume(last_run()))

    async def _resume(self, path: Path) -> None:
        from playground.lab.checkpoint import CheckpointError, read_checkpoint

        controller = self._app.controller
        self._app.clear_notifications()  # the offer, which this takes up
        if await controller.runs.resume(path):
            return
        if not path.exists():
            controller.say(Remark("No earlier run", "What you train is kept for `o`."))
            return
        try:
            checkpoint = read_checkpoint(path)
        except CheckpointError as error:
            controller.say(Remark("The last run cannot be opened", str(error), "error"))
            return
        if await controller.open(
            checkpoint.spec, checkpoint=checkpoint, sampling=checkpoint.sampling
        ):
            spec = json.loads(checkpoint.spec)
            name = spec["dataset"]["name"]
            controller.say(Remark("Welcome back", f"{name}, step {checkpoint.step:,}."))


def _switch_plugin(name: str, on: bool) -> str:
    """Switch a plugin on or off from the next run on; why that could not be, "" if it could."""
    from playground.hooks.quarantine import Quarantine
    from playground.hooks.switched_off import SettingsError, set_enabled
    from playground.lab.paths import config_file, loading_folder

    try:
        set_enabled(config_file(), name, on)
    except SettingsError as error:
        return str(error)
    if on:
        Quarantine(loading_folder()).pardon_named(name)
    return ""
