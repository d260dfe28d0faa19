"""The main screen: four panels, two lines above them, one below, and every key of the table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.content import Content
from textual.geometry import Region, Size
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input

from playground.catalog import KnobValue
from playground.lab.protocol.frames import PanelView
from playground.lab.protocol.run import MatrixKind
from playground.tui.bindings import MAIN_BINDINGS
from playground.tui.control.controller import Controller
from playground.tui.control.run_actions import RunActions
from playground.tui.dialogs import Dialogs
from playground.tui.explain.reading import word_at
from playground.tui.explain.words import KEYS, TOP
from playground.tui.model import AXES
from playground.tui.panels.dataset import DatasetPanel
from playground.tui.panels.focus_keys import keys_for
from playground.tui.panels.guide import CURVE, Guide, reckons
from playground.tui.panels.keybar import KeyBar
from playground.tui.panels.loss import LossPanel
from playground.tui.panels.panel import Panel
from playground.tui.panels.parameters import ParametersPanel
from playground.tui.panels.plugin import PluginPanel
from playground.tui.panels.pointer import Pointer
from playground.tui.panels.readout import Readout
from playground.tui.panels.sampling import SamplingPanel
from playground.tui.panels.status import Sentence, StatusLine, TitleLine
from playground.tui.panels.too_small import TooSmall, too_small
from playground.tui.panels.welcome import TEXTS, Callout, show_callouts
from playground.tui.panels.zoomed.keys import other_view
from playground.tui.resizing import Held, classify, passed
from playground.tui.styles import POINTED
from playground.tui.widgets.chart import Chart
from playground.tui.widgets.scrubber import Scrubber
from playground.tui.widgets.text import visible

LIT_PANELS = {"dataset": 1, "loss": 2, "timeline": 2, "parameters": 3, "sampling": 4, "panel": 5}
"""The panels by the names that lessons have for them."""
ROOM_FOR_FOUR = 36
"""Lines of a screen on which four panels have room beside the guide."""


class MainScreen(RunActions, Screen[None]):
    """The panels and the keys. The model holds the state, the controller does the work."""

    BINDINGS: ClassVar[list[BindingType]] = list(MAIN_BINDINGS)
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012
        (0, "-narrow"),
        (104, "-normal"),
        (160, "-wide"),
    ]
    VERTICAL_BREAKPOINTS = [  # noqa: RUF012 - Textual declares it so
        (0, "-tiny"),
        (22, "-low"),
        (32, "-medium"),
        (48, "-tall"),
    ]
    AUTO_FOCUS = "#loss-chart"

    def __init__(self, controller: Controller, dialogs: Dialogs) -> None:
        super().__init__()
        self.held = Held(self, starting=True)
        self.model = controller.model
        self._controller = controller
        self._dialogs = dialogs
        self._zoomed: Panel | None = None
        self._drawn_in: list[Size] = []
        """The sizes of the panels when they were drawn last."""
        self._chosen = 2
        """The number of the panel that was chosen last; the focus follows a moment later."""

    def compose(self) -> ComposeResult:
        classify(self, self.app.size)  # before there are widgets, whose styles follow the classes
        yield TooSmall(id="too-small")
        yield TitleLine(id="title")
        yield StatusLine(id="status")
        yield Sentence(id="sentence")
        if self._teaching:
            yield Readout(id="readout")
        with Container(id="panels"):
            yield DatasetPanel(id="panel-1")
            yield LossPanel(id="panel-2")
            yield SamplingPanel(id="panel-4")
            yield ParametersPanel(id="panel-3")
            yield PluginPanel(id="panel-5")
        if self._controller.tour is not None:
            yield Guide(self._controller.tour, self._controller.tasks, "main")
        yield KeyBar(id="keys")
        yield from (Callout(number) for number in range(len(TEXTS)))
        yield Pointer(id="pointer")

    def on_mount(self) -> None:
        self.bindings_updated_signal.subscribe(self, lambda _: self._draw_keys())
        for guide in self.query(Guide):
            self.add_class("-guided")
            self.set_focus(guide)
        self._arrange()
        self.draw()

    def on_paste(self, event: events.Paste) -> None:
        """A file that is dropped on the terminal is looked at as the next data set."""
        from playground.tui.screens.files.paths import dropped

        path = dropped(event.text)
        if path:
            event.stop()
            self._dialogs.open("file", path)

    def on_resize(self, event: events.Resize) -> None:
        if passed(self, event):
            return
        width, height = event.size
        self.set_class(too_small(width, height), "-too-small")
        self.set_class(self._controller.tour is not None, "-guided")
        self.query_one(TooSmall).show(width, height)
        self.held.until(self.draw, event.size)

    # ------------------------------------------------------------ drawing

    def draw(self) -> None:
        """Draw the model. The app calls this once a frame at most."""
        if not self.query(KeyBar):
            return  # the screen is not composed yet, or is being taken down
        wanted = self.model.request()
        self.query_one(TitleLine).show(self.model)
        self.query_one(StatusLine).show(self.model)
        chart = self.query_one(Chart)
        callouts = show_callouts(self, self.model, chart.region if chart.display else Region())
        self.query_one(Sentence).show(self.model, room_for_callouts=callouts)
        for panel in self.query(Panel):
            if panel.display:
                panel.show(self.model)
        self._drawn_in = self._rooms()
        self.query_one(Pointer).show(self.model)
        self._draw_keys()
        for guide in self.query(Guide):
            guide.draw()
        for readout in self.query(Readout):
            readout.show(self.model)
        more = self.model.request() != wanted
        if more:
            self._controller.frames.touch()  # there is room for more than the last frame brought
        self.held.drawn(more)

    # ------------------------------------------------------------ lessons

    @property
    def _teaching(self) -> bool:
        """True if a teacher shows a lesson to a room."""
        tour = self._controller.tour
        return tour is not None and tour.teaching

    @property
    def _drawn_in_guide(self) -> int:
        """Lines that the guide has more than usual, because a curve is drawn or a cell pointed at
        in it."""
        tour = self._controller.tour
        step = tour.step if tour is not None else None
        return CURVE if step is not None and step.kind in ("curve", "cell") else 0

    def light(self, at: str) -> None:
        """Light up what a lesson speaks of; on a low screen it gets all the room."""
        number = LIT_PANELS.get(at, 0)
        if number in (3, 5) and self.model.panel_shown != (number == 5):
            self.model.panel_shown = number == 5
            self._arrange()
        for panel in self.query(Panel):
            panel.set_class(number == panel.NUMBER, "-lit")
        for name in ("status", "keys", "sentence"):
            self.query_one(f"#{name}").set_class(at == name, "-lit")
        self._chosen = number or self._chosen
        if self.size.height < ROOM_FOR_FOUR + self._drawn_in_guide or self._teaching:
            self._zoom(self.panel(number) if number else None)

    def lit_target(self) -> Widget | None:
        """What takes the keys of the panel that a lesson speaks of."""
        return self.panel(self._chosen).target()

    def on_guide_grown(self) -> None:
        self._controller.context.changed()

    def on_panel_resized(self) -> None:
        """A panel may get its room after it was drawn last, and a standing run draws nothing."""
        if self._rooms() != self._drawn_in:
            self._controller.context.changed()

    def _rooms(self) -> list[Size]:
        """The size of each panel; that of one that is not shown is of no interest."""
        return [panel.size if panel.display else Size() for panel in self.query(Panel)]

    def _draw_keys(self) -> None:
        """Name the keys of what has the focus, and those of the screen."""
        if self.query(KeyBar):
            keys, ranks = keys_for(self.focused, self._zoomed is not None, other_view(self.model))
            self.query_one(KeyBar).show_bindings(keys, self.model.running, ranks)

    # ------------------------------------------------------------ panels

    def panel(self, number: int) -> Panel:
        return self.query_one(f"#panel-{number}", Panel)

    @property
    def focused_panel(self) -> Panel | None:
        """The panel that has the focus."""
        if self.focused is None:
            return None
        return next((node for node in self.focused.ancestors if isinstance(node, Panel)), None)

    def action_panel(self, number: int) -> None:
        panel = self.panel(number)
        if number in (3, 5) and self.model.panel_shown != (number == 5):
            self.model.panel_shown = number == 5
            if self._zoomed is None:
                self._arrange()
            self._controller.frames.touch()
        self._chosen = number
        if self._zoomed is not None and self._zoomed is not panel:
            self._zoom(panel)
        target = panel.target()
        if target is not None:
            self.set_focus(target)  # at once, because the next key is for this panel

    def action_plugin_panel(self) -> None:
        """Show the contributed panel; if the panel has the focus already, let the person choose
        another one."""
        focused = self.focused_panel
        if focused is not None and focused.NUMBER == 5:
            self._controller.tasks.attend(self._choose_panel())
        else:
            self.action_panel(5)

    async def _choose_panel(self) -> None:
        choice = await self._dialogs.panels()
        if choice is not None:
            self.show_panel(choice["name"], choice["options"])

    def show_panel(self, name: str, options: Mapping[str, KnobValue] | None = None) -> None:
        """Show a contributed panel, by its shortest unique name. A panel that was switched off
        because it hung is drawn again, since a person chose it."""
        self.model.panel = PanelView(name, dict(options or {}))
        self._controller.lab.panels.allow(name)
        self.action_panel(5)
        self._controller.frames.touch()

    def action_zoom(self) -> None:
        self._zoom(None if self._zoomed else self.panel(self._chosen))

    def on_descendant_focus(self) -> None:
        panel = self.focused_panel
        if panel is not None:
            self._chosen = panel.NUMBER

    def _zoom(self, zoomed: Panel | None) -> None:
        self._zoomed = zoomed
        self._arrange()

    def _arrange(self) -> None:
        """Show the zoomed panel alone, or four panels: the contributed panel and the parameters
        share a place."""
        zoomed, hidden = self._zoomed, 3 if self.model.panel_shown else 5
        for panel in self.query(Panel):
            panel.display = panel is zoomed if zoomed else hidden != panel.NUMBER
            panel.set_zoomed(panel is zoomed)
        self.model.zoomed = zoomed.NUMBER if zoomed else 0
        focused, within = self.focused, self.focused_panel
        if within is not None and focused is not None and not within.takes(focused):
            self.set_focus(within.target())
        self.query_one("#panels").set_class(zoomed is not None, "-zoomed")
        self.set_class(self.model.zoomed == 4, "-sampling-zoomed")
        self.set_class(self.model.filming, "-filming")
        self._controller.previews.want()
        self._controller.frames.touch()
        self.call_after_refresh(self.draw)

    def action_escape(self) -> None:
        """Leave the innermost thing there is to leave: an opening, a way to a step, a field, a
        cursor, a zoom, the contributed panel."""
        if self.model.welcome:
            self.model.welcome = False
            self._controller.context.changed()
        if self.model.opening is not None and self._controller.opening.cancel():
            return
        if self.model.going is not None:
            self._do(self._controller.training.stop_going())
        elif isinstance(self.focused, Input):
            panel = self.focused_panel
            target = panel.target() if panel else None
            self.set_focus(target or self.query_one("#loss-chart"))
        elif self.query_one(LossPanel).clear_cursor():
            return
        elif self._zoomed is not None:
            self._zoom(None)
        elif self.model.panel_shown:
            self.action_panel(3)

    # ------------------------------------------------------------ training

    def action_reset(self) -> None:
        self._do(self._controller.training.reset())

    def action_travel(self, end: int) -> None:
        """Go to the first step that the run can go back to (0), or to the last recorded one (1)."""
        frame = self.model.frame
        if frame is not None:
            to = self.model.head if end else frame.earliest
            self._do(self._controller.training.seek(to))

    def on_scrubber_moved(self, event: Scrubber.Moved) -> None:
        event.stop()
        self._do(self._controller.training.seek(event.to))

    def on_chart_picked(self, event: Chart.Picked) -> None:
        event.stop()
        event.chart.cursor = None
        self._do(self._controller.training.seek(self.query_one(LossPanel).step_at(event.x)))

    # ------------------------------------------------------------ runs

    def start(self, changes: Mapping[str, Any]) -> None:
        """Begin a new run: the open one with these settings changed, by their dotted names."""
        self._do(self._controller.opening.start(changes))

    def use_engine(self, name: str) -> None:
        """Go on with the engine of that name."""
        self._do(self._controller.making.use_engine(name))

    def action_windows(self) -> None:
        self._do(self._controller.opening.split_or_join())

    def action_undo(self) -> None:
        self._do(self._controller.training.undo())

    def action_resume(self) -> None:
        self.app.clear_notifications()  # this key takes up the offer of an interrupted run
        self._do(self._controller.runs.resume())

    # ------------------------------------------------------------ looking

    def action_log_axis(self) -> None:
        self.query_one(LossPanel).toggle_log()

    def action_other_view(self) -> None:
        """Show the zoomed panel in another way."""
        if self._zoomed is None:
            return
        if self._zoomed.NUMBER == 2:
            self.model.axis = AXES[(AXES.index(self.model.axis) + 1) % len(AXES)]
        elif self._zoomed.NUMBER == 3:
            self.model.all_matrices = not self.model.all_matrices
            self._zoom(self._zoomed)
        elif self._zoomed.NUMBER == 4:
            self.model.film_shown = not self.model.film_shown
            self._zoom(self._zoomed)
        self.draw()

    def show_film(self) -> None:
        """Give the whole screen to the film strip."""
        self.model.film_shown = True
        self._zoom(self.panel(4))
        self.action_panel(4)

    def action_window(self) -> None:
        self.query_one(LossPanel).next_window()

    def action_matrix(self, by: int) -> None:
        if self.model.info is not None:
            self.show_matrix((self.model.matrix + by) % len(self.model.info.matrices))

    def action_kind(self) -> None:
        kinds = self.model.kinds
        self.show_matrix(kind=kinds[(kinds.index(self.model.kind) + 1) % len(kinds)])

    def on_parameters_panel_matrix_chosen(self, event: ParametersPanel.MatrixChosen) -> None:
        self.show_matrix(event.place)

    def on_parameters_panel_kind_chosen(self, event: ParametersPanel.KindChosen) -> None:
        self.show_matrix(kind=event.kind)

    def show_matrix(self, place: int | None = None, kind: MatrixKind | None = None) -> None:
        """Show another matrix, by its place in the run's list, another view, or both."""
        if place is not None:
            self.model.matrix = place
        if kind is not None:
            self.model.kind = kind
        self._controller.frames.touch()

    # ------------------------------------------------------------ explaining

    def explanation(self) -> Content | None:
        """What the word or sign under the mouse means, for the tooltip."""
        labels = [label for label, _ in self.model.measured]
        found = word_at(self, self.app.mouse_position, labels)
        if found is None or found.word is None:
            return None
        return Content.assemble((visible(found.shown), POINTED), "\n", found.word.whole)

    tooltip = property(explanation)  # Textual asks for it when the mouse rests

    def action_explain(self) -> None:
        """Explain the words and signs of the chosen panel, one after another."""
        self.query_one(Pointer).begin(self.model, self._chosen)

    def on_pointer_moved(self) -> None:
        self.draw()

    def on_pointer_ended(self, event: Pointer.Ended) -> None:
        self.action_panel(event.part if TOP < event.part < KEYS else self._chosen)
        self.draw()

    def action_inside(self) -> None:
        """Open the microscope."""
        self._controller.tasks.attend(self._look_inside())

    async def _look_inside(self) -> None:
        place = await self._dialogs.inside()
        if place is not None and self.model.info is not None:
            names = [matrix.name for matrix in self.model.info.matrices]
            if place.matrix in names:
                self.model.cell = (place.row, place.column)
                self.show_matrix(names.index(place.matrix), "weights")
                self.action_panel(3)
        self.draw()

    # ------------------------------------------------------------ sampling

    def action_sample(self) -> None:
        self._do(self._controller.making.sample())

    def action_prompt(self) -> None:
        if self.model.filming:  # the field is not in sight
            self.action_other_view()
        self.query_one(SamplingPanel).focus_prompt()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """In a field, and in a sum for the guide, a slash does not lead to the prompt."""
        if action == "prompt" and (isinstance(self.focused, Input) or reckons(self.focused)):
            return False
        return super().check_action(action, parameters)

    def on_sampling_panel_knob_moved(self, event: SamplingPanel.KnobMoved) -> None:
        changed = self.model.with_knob(event.place, event.link, event.knob, event.value)
        self._controller.previews.set_sampling(changed)

    def on_sampling_panel_prompt_changed(self, event: SamplingPanel.PromptChanged) -> None:
        if event.prompt != self.model.sampling.prompt:
            self._controller.previews.set_prompt(event.prompt)

    def on_sampling_panel_sample_wanted(self) -> None:
        self.action_sample()

    # ------------------------------------------------------------ dialogs

    def action_dialog(self, name: str) -> None:
        """Open a dialog, by the name of its method of Dialogs."""
        self._dialogs.open(name)

    def action_help(self) -> None:
        own: list[Binding] = []
        if self.focused is not None:
            own = [
                binding
                for node, binding, _, _ in self.active_bindings.values()
                if node is self.focused
            ]
        panel = self.focused_panel
        self._dialogs.help([*own, *MAIN_BINDINGS], panel.NUMBER if panel else 2)

    @on(KeyBar.Pressed)
    async def _key_clicked(self, event: KeyBar.Pressed) -> None:
        await self.run_action(event.action)
