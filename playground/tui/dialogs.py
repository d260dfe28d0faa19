"""The dialogs: each shows a screen, waits for the person's answer, and has it carried out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from textual.app import App
from textual.binding import Binding
from textual.geometry import Region
from textual.screen import Screen

from microgpt.surgery import Component
from playground.lab.paths import plugin_folder
from playground.lab.protocol.failures import Failure, LabError
from playground.tui.control.context import Remark
from playground.tui.control.controller import Controller
from playground.tui.key_order import OrderedApp
from playground.tui.widgets.text import visible

if TYPE_CHECKING:
    from playground.lab.race import Race
    from playground.tui.screens.files.picture import Part
    from playground.tui.screens.inside.state import InsideState, Place
    from playground.tui.screens.pick.datasets import DatasetScreen, Typed
    from playground.tui.screens.runs.screen import RunChoice
    from playground.tui.screens.sweep.vary import VarySource
    from playground.tui.screens.sweep.view import SweepView

Answer = TypeVar("Answer")


class Dialogs:
    """One method a dialog; a binding names the method, and `open` calls it.

    A method imports its screen when the screen is first opened, so that the first paint does not
    wait for that.
    """

    def __init__(self, app: App[Any], controller: Controller) -> None:
        self._app = app
        self._controller = controller
        self._model = controller.model
        self._do = controller.tasks.do
        self._say = controller.context.say
        self._ready = controller.context.run_is_open
        self._opening: asyncio.Future[None] | None = None
        """Done when the dialog that was asked for last is on the screen."""
        self.inside_state: InsideState | None = None
        """Where the person looked in the microscope last; None before it is first opened."""
        self._views: dict[int, SweepView] = {}
        """The sweeps that were looked at, as they were left, by number."""

    def open(self, name: str, *given: str) -> None:
        """Open the dialog of that name; its answer is carried out in the background."""
        dialog: Callable[..., Coroutine[Any, Any, None]] = getattr(self, name)
        opening: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        task = self._controller.tasks.attend(self._opened(dialog(*given), opening))
        if task is not None and not opening.done() and isinstance(self._app, OrderedApp):
            self._app.key_order.wait_for(opening, task.cancel)

    async def _opened(
        self, dialog: Coroutine[Any, Any, Answer], opening: asyncio.Future[None]
    ) -> Answer:
        """Carry a dialog out; keys that are typed before it is on the screen wait for it."""
        self._opening = opening
        try:
            return await dialog
        finally:
            if not opening.done():
                opening.set_result(None)

    # ------------------------------------------------------------ screens

    def _push(
        self, screen: Screen[Answer], answered: Callable[[Answer | None], Any] | None = None
    ) -> None:
        self._app.clear_notifications()  # toasts would lie over what the dialog says
        self._app.push_screen(screen, answered)
        if self._opening is not None and not self._opening.done():
            self._opening.set_result(None)

    async def _shown(self, screen: Screen[Answer | None]) -> Answer | None:
        """Show a screen, and return what it is dismissed with.

        Textual's own `push_screen_wait` works in a Textual worker only, whose exceptions do not
        reach the controller's tasks.
        """
        future: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()

        def answered(answer: Answer | None) -> None:
            if not future.done():  # leaving the playground cancels the future
                future.set_result(answer)

        self._push(screen, answered)
        return await future

    async def _answer(self, screen: Screen[Answer | None]) -> Answer | None:
        """As `_shown`; None at once if another screen is open, which a dialog does not cover."""
        return await self._shown(screen) if len(self._app.screen_stack) == 1 else None

    # ------------------------------------------------------------ data and model

    async def datasets(self) -> None:
        """Begin a new run on another data set."""
        from playground.tui.screens.pick.datasets import DatasetScreen

        if self._ready():
            await self._choose_data(DatasetScreen(self._model))

    async def file(self, path: str) -> None:
        """Begin a new run on the file at this path, once the person has looked at it."""
        from playground.tui.screens.pick.datasets import DatasetScreen, Typed

        catalog, info = self._model.catalog, self._model.info
        if self._ready() and catalog is not None and info is not None:
            entry = catalog.find("dataset", "builtin:text-file")
            typed = Typed(path, {"builtin:text-file": {"path": path}}, entry, info.block_size)
            await self._choose_data(DatasetScreen(self._model, typed))

    async def _choose_data(self, screen: DatasetScreen) -> None:
        if choice := await self._answer(screen):
            self._do(self._open_chosen(choice, screen.typed))

    async def _open_chosen(self, choice: dict[str, Any], typed: Typed | None) -> None:
        """Open what was chosen; if that fails, show the dialog again as it was, and why."""
        from playground.tui.screens.pick.datasets import DatasetScreen

        refused: list[Failure] = []
        try:
            with self._controller.opening.telling(refused.append):
                await self._open(choice)
        except LabError as error:
            refused.append(error.failure)
        if refused and len(self._app.screen_stack) == 1:
            again = DatasetScreen(self._model, typed, refused[0])
            self._controller.tasks.attend(self._choose_data(again))
        elif refused:  # the person went elsewhere meanwhile
            self._controller.context.complain(refused[0])

    async def _open(self, choice: dict[str, Any]) -> None:
        """Open what was chosen. Raises LabError if a recorded run cannot be taken in."""
        opening, saved = self._controller.opening, choice.get("checkpoint")
        if saved is not None:
            await opening.open(saved.spec, checkpoint=saved, sampling=saved.sampling)
        elif "file" in choice:
            await self._controller.runs.take_in(Path(choice["file"]))
        else:
            changes: dict[str, Any] = {
                "dataset": {"name": choice["name"], "options": choice["options"]}
            }
            if "block_size" in choice:
                changes["model.block_size"] = choice["block_size"]
            await opening.start(changes)

    async def tokenizers(self) -> None:
        """Begin a new run with another tokenizer."""
        from playground.tui.screens.pick.tokenizers import TokenizerScreen

        if self._ready() and (choice := await self._answer(TokenizerScreen(self._model))):
            self._do(self._controller.opening.start({"tokenizer": choice}))

    async def engines(self) -> None:
        """Go on with another engine."""
        from playground.tui.screens.pick.engines import EngineScreen

        if self._ready() and (choice := await self._answer(EngineScreen(self._model))):
            self._do(self._controller.making.use_engine(choice["name"]))

    async def settings(self) -> None:
        """Change hyperparameters: of the open run where that is possible, of a new run else."""
        from playground.tui.screens.settings.screen import SettingsScreen

        if self._ready() and (changes := await self._answer(SettingsScreen(self._model))):
            self._change(changes)

    def _change(self, changes: dict[str, Any]) -> None:
        from playground.lab.spec import LIVE_FIELDS

        if not set(changes) <= LIVE_FIELDS:
            self._do(self._controller.opening.start(changes))
            return
        engine = changes.pop("engine", None)
        if changes:
            self._do(self._controller.training.edit(changes))
        if engine is not None:
            self._do(self._controller.making.use_engine(engine))

    # ------------------------------------------------------------ sampling and looking

    async def chain(self) -> None:
        """Change the chain of sampling strategies."""
        from playground.tui.screens.pick.chain import ChainScreen

        if not self._ready():
            return
        previews = self._controller.previews
        with previews.trying() as trial:
            chain = await self._answer(ChainScreen(self._model, trial))
        if chain is not None:  # an empty chain is an answer too
            previews.set_sampling(self._model.with_chain(chain))

    async def inside(self) -> Place | None:
        """Show the microscope; returns the number of a matrix that it was left for, if any."""
        from playground.tui.screens.inside.screen import InsideScreen
        from playground.tui.screens.inside.state import InsideState

        if not self._ready():
            return None
        if self.inside_state is None:
            self.inside_state = InsideState()
        return await self._answer(InsideScreen(self._controller, self.inside_state))

    async def cut(self) -> None:
        """Cut, set or hold the number under the cursor in Parameters, or what it belongs to."""
        from playground.tui.screens.surgery.parts import existing, head_dim, parts_at

        model, info = self._model, self._model.info
        if not self._ready() or info is None:
            return
        matrix = info.matrices[model.matrix]
        row, column = min(model.cell[0], matrix.rows - 1), min(model.cell[1], matrix.columns - 1)
        parts = existing(parts_at(matrix.name, row, column, head_dim(info)), info.matrices)
        frame = model.matrix_frame("weights")
        value = None if frame is None else frame.at(row, column)
        await self._cut(parts, value)

    async def _cut(self, parts: Sequence[Component], value: float | None = None) -> None:
        from playground.tui.screens.surgery.cut import CutSheet

        await self._answer(CutSheet(self._controller, parts, value=value))

    async def rank(self) -> None:
        """Rank the parts of the model, and open the sheet for one of them."""
        from playground.tui.screens.surgery.rank import RankScreen

        if self._ready() and (part := await self._answer(RankScreen(self._controller))):
            await self._cut([part])

    async def score(self) -> None:
        """Show how good the model is."""
        from playground.tui.screens.score.screen import ScoreScreen

        if self._ready():
            await self._answer(ScoreScreen(self._controller))

    async def beside(self) -> None:
        """Show another model beside the run's own."""
        from playground.tui.screens.beside.screen import BesideScreen

        if self._ready():
            await self._answer(BesideScreen(self._controller))

    async def patch(self) -> None:
        """Find which activation carries the difference between two texts."""
        from playground.tui.screens.surgery.patch import PatchScreen

        if self._ready():
            frame = self._model.frame
            tokens = frame.document.tokens if frame is not None and frame.document else ()
            await self._answer(PatchScreen(self._controller, "".join(tokens[:-1])))

    async def metrics(self) -> None:
        """Choose which metrics are measured."""
        from playground.tui.screens.pick.metrics import MetricsScreen

        if not self._ready():
            return
        measuring = await self._answer(MetricsScreen(self._model))
        if measuring is not None:
            self._do(self._controller.training.set_metrics(measuring))

    async def probes(self) -> None:
        """Change the probes, and look at the answers so far."""
        from playground.tui.screens.beside.screen import BesideScreen
        from playground.tui.screens.probes.screen import ProbesScreen

        if not self._ready():
            return
        state = await self._controller.lab.probes()
        trouble = state.trouble.message if state.trouble is not None else ""
        probes = await self._answer(
            ProbesScreen(
                state.probes,
                state.answers,
                state.skipped,
                trouble,
                lambda: BesideScreen(self._controller, "probes"),
            )
        )
        if probes is not None:
            self._do(self._controller.training.set_probes(probes))

    async def panels(self) -> dict[str, Any] | None:
        """Choose a contributed panel: its "name" and "options", None for none."""
        from playground.tui.screens.pick.panels import PanelScreen

        return await self._answer(PanelScreen(self._model)) if self._ready() else None

    # ------------------------------------------------------------ plugins and help

    async def plugins(self) -> None:
        """List what there is, and switch plugins on and off."""
        from playground.tui.screens.plugins import PluginsScreen

        if self._ready() and (catalog := self._model.catalog) is not None:
            await self._answer(PluginsScreen(catalog, str(plugin_folder()), _switch_plugin))

    async def lessons(self) -> None:
        """Choose a lesson of the tour; without one the tour is left."""
        from playground.tui.screens.pick.lessons import LessonsScreen

        tour = self._controller.tour
        if tour is None:
            return
        catalog = self._model.catalog
        if catalog is None or self._model.info is None:  # no run tells of plugins that are saved
            catalog = self._model.catalog = await self._controller.lab.get_catalog()
        chosen = await self._answer(LessonsScreen(catalog, tour.journal))
        if chosen is None:
            if tour.phase == "none":
                await self._app.run_action("app.leave")
            return
        name, how = chosen
        if how == "on":
            self._do(tour.go_on(name))
        else:
            self._do(tour.begin(name, testing=how == "test"))

    async def wrong(self) -> None:
        """Say what is wrong with a plugin, and offer a way on."""
        from playground.tui.screens.plugin_trouble import WITHOUT, failing_strategy, wrong_screen

        screen, strategy = wrong_screen(self._model), failing_strategy(self._model)
        if screen is None:
            self._say(Remark("Nothing is wrong", "Every plugin does its work."))
        elif await self._answer(screen) == WITHOUT:
            self._do(self._controller.training.go_on_without(strategy))

    def help(self, bindings: Sequence[Binding], panel: int) -> None:
        """Explain these keys, and the panel of that number."""
        from playground.tui.screens.help import HelpScreen

        self._push(HelpScreen(bindings, panel))

    # ------------------------------------------------------------ files

    async def save(self) -> None:
        """Save the model as a checkpoint."""
        from playground.tui.screens.files.paths import here
        from playground.tui.screens.files.save import SaveScreen

        if not self._ready() or self._model.info is None:
            return
        title = Path(self._model.info.dataset_title).stem or "model"
        name = f"{title}-step{self._model.step}.safetensors"
        path = await self._answer(SaveScreen(str(here() / name)))
        if path is not None:
            self._do(self._controller.making.save(path))

    async def export(self) -> None:
        """Write the run to a file with an exporter."""
        from playground.tui.screens.files.export import ExportScreen

        if self._ready() and (choice := await self._answer(ExportScreen(self._model))):
            path, name, options = choice["path"], choice["name"], choice["options"]
            self._do(self._controller.making.export(path, name, options))

    async def picture(self) -> None:
        """Save a picture of a panel, or of the whole screen, as it is now."""
        from playground.tui.control.pictures import write_picture
        from playground.tui.picture.cells import taken
        from playground.tui.picture.svg import FONTS, svg_of
        from playground.tui.screens.files.picture import PictureScreen

        screen = self._app.screen
        if not self._ready() or len(self._app.screen_stack) != 1:
            return
        await self._without_toasts(screen)
        shot, step, run = taken(screen), self._model.step, self._run_in_words()
        parts, chosen = _parts_of(screen)
        title = self._model.info.dataset_title if self._model.info is not None else ""
        name = f"{Path(title).stem or 'run'}-step{step}"
        wanted = await self._answer(PictureScreen(parts, chosen, name))
        if wanted is not None:
            about = f"{wanted.part.title} of microgpt-play at step {step:,} of {run}"
            size = f"{wanted.part.region.width} × {wanted.part.region.height} cells"
            svg = svg_of(shot.lines(wanted.part.region), about, f"A picture of {size}: {about}.")
            self._do(write_picture(self._controller.context, svg, FONTS, wanted.path))

    def _run_in_words(self) -> str:
        model, info = self._model, self._model.info
        title = visible(model.name or (info.dataset_title if info is not None else ""))
        return f"run {model.run}, {title}" if model.run is not None else f"a run, {title}"

    async def _without_toasts(self, screen: Screen[Any]) -> None:
        """Take toasts away, and wait until what lay below them is drawn."""
        if not screen.query("Toast"):
            return
        self._app.clear_notifications()
        for _ in range(3):  # taken from the list, then from the screen, then laid out anew
            drawn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            screen.call_after_refresh(drawn.set_result, None)
            await drawn

    # ------------------------------------------------------------ forks, races, recorded runs

    async def fork(self) -> None:
        """Change one thing from a step on: as a fork, or in a race."""
        from playground.tui.screens.fork.fields import ForkSource, fork_name
        from playground.tui.screens.fork.screen import ForkScreen

        if not self._ready():
            return
        if self._controller.tasks.busy:  # the fork begins at the step that this work leads to
            await self._controller.training.settle()
        choice = await self._answer(ForkScreen(ForkSource.of(self._model)))
        if choice is None:
            return
        runs, name = self._controller.runs, fork_name(choice.changes)
        if choice.race:
            self._do(self._begin(runs.race(choice.step, choice.changes, name)))
        else:
            self._do(runs.fork(choice.step, choice.changes, name))

    async def runs(self) -> None:
        """Open, fork or race a recorded run."""
        from playground.tui.screens.runs.screen import RunsScreen

        runs = self._controller.runs
        if runs.store is None:
            self._say(Remark("Runs are not recorded", "Start without --no-record for that."))
            return
        choice = await self._answer(
            RunsScreen(runs.store, self._model.run, lambda: self._model.run)
        )
        self._do(runs.look_again())
        if choice is not None:
            self._do(self._go_on_with(choice))

    async def _go_on_with(self, choice: RunChoice) -> None:
        controller = self._controller
        if choice.kind == "sweeps":
            self.open("sweeps")
            return
        if choice.kind == "vary":
            self._controller.tasks.attend(self._vary(await self._source_of(choice.run)))
            return
        if choice.kind == "race":
            assert choice.other is not None
            await self._begin(controller.runs.recorded_race(choice.run, choice.other))
            return
        if choice.run == self._model.run:
            if choice.at is not None:
                await controller.training.seek(choice.at)
        elif not await controller.opening.open_recorded(
            choice.run, choice.at, looking=choice.kind == "fork"
        ):
            return
        await controller.frames.look()
        if choice.kind == "fork":
            self.open("fork")

    async def _begin(self, preparing: Coroutine[Any, Any, Race]) -> None:
        """Show a race as soon as it is prepared. Raises LabError."""
        self._controller.tasks.attend(self._watched(await preparing))

    async def _watched(self, race: Race) -> bool:
        """Show a race until it is left, and go on with the side that was chosen; False if none
        was."""
        from playground.tui.screens.race.screen import RaceScreen

        kept = await self._shown(RaceScreen(race, self._model))
        self._do(self._controller.runs.look_again())
        if kept is not None:
            self._do(self._controller.runs.go_on_with(kept))
        return kept is not None

    # ------------------------------------------------------------ sweeps

    @property
    def _sweeping(self) -> bool:
        """True if sweeps can be recorded; says why not otherwise."""
        if self._controller.tour is not None:
            words = "Leave the tour first: a sweep is trained for your own runs."
            self._say(Remark("Sweeps are not for the tour", words))
        elif self._controller.sweeps.store is None:
            self._say(Remark("Runs are not recorded", "Start without --no-record for that."))
        else:
            return True
        return False

    async def vary(self) -> None:
        """Begin a sweep that varies the open run."""
        from playground.tui.screens.sweep.vary import VarySource, rate_in_force

        info, frame = self._model.info, self._model.frame
        if not self._sweeping or not self._ready() or info is None:
            return
        from playground.lab.spec import RunSpec

        spec = RunSpec.parse(info.spec)
        if frame is not None:
            spec = rate_in_force(spec, frame.base_learning_rate, self._model.engine)
        number = f"run {self._model.run}" if self._model.run is not None else "this run"
        name = self._model.name or info.dataset_title
        await self._vary(VarySource(spec, f"{number} ({name})"))

    async def _source_of(self, run: int) -> VarySource:
        """A recorded run, to be varied. Raises LabError."""
        from playground.lab.spec import RunSpec
        from playground.tui.screens.sweep.vary import VarySource, rate_in_force

        store = self._controller.sweeps.store
        assert store is not None
        record = await store.record(run)
        spec = RunSpec.recorded(record.spec)
        row = record.row
        spec = rate_in_force(spec, row.learning_rate, row.engine)
        return VarySource(spec, f"run {run} ({row.name or row.dataset})")

    async def _vary(self, source: VarySource) -> None:
        from playground.tui.screens.sweep.vary import VaryScreen

        sources = self._controller.lab.sources
        choice = await self._answer(VaryScreen(self._model, source, sources))
        if choice is not None:
            sweep = await self._controller.sweeps.begin(choice.plan, choice.jobs)
            await self._show_sweep(sweep)

    async def sweeps(self) -> None:
        """List the sweeps, and show one or begin one."""
        from playground.tui.screens.sweep.list import SweepsScreen

        sweeps = self._controller.sweeps
        if not self._sweeping or sweeps.store is None:
            return
        choice = await self._answer(SweepsScreen(sweeps.store, sweeps))
        if choice is not None and choice.kind == "vary":
            self.open("vary")
        elif choice is not None:
            await self._show_sweep(choice.sweep)

    async def _show_sweep(self, sweep: int) -> None:
        """Show a sweep until it is left; after a race of two of its runs, once more."""
        from playground.tui.screens.sweep.screen import SweepScreen
        from playground.tui.screens.sweep.view import SweepView

        sweeps, runs = self._controller.sweeps, self._controller.runs
        assert sweeps.store is not None
        view = self._views.setdefault(sweep, SweepView(sweep))
        while True:
            choice = await self._shown(SweepScreen(sweeps.store, sweeps, view, self._model))
            if choice is None:
                return
            if choice.kind != "race" or choice.other is None:
                self._do(self._go_on_with(choice))
                return
            if await self._watched(await runs.recorded_race(choice.run, choice.other)):
                return


def _parts_of(screen: Screen[Any]) -> tuple[list[Part], int]:
    """What on a screen a picture can be taken of, and the place of the part that has the focus."""
    from playground.tui.panels.panel import Panel
    from playground.tui.screens.files.picture import Part

    within = screen.focused.ancestors_with_self if screen.focused is not None else []
    panels = sorted(
        (panel for panel in screen.query(Panel) if panel.display and panel.region),
        key=lambda panel: panel.NUMBER,
    )
    parts = [Part(panel.title_in_words, panel.file_name, panel.region) for panel in panels]
    parts.append(Part("the whole screen", "screen", Region(0, 0, *screen.size)))
    chosen = next((place for place, panel in enumerate(panels) if panel in within), 0)
    return parts, chosen


def _switch_plugin(name: str, on: bool) -> str:
    """Switch a plugin on or off from the next run on; returns why that failed, or ""."""
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
