"""What a person sees of a sweep, and what they chose, without widgets."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from textual.content import Content

from playground.lab.store.sweeps import Glance, SweptRun
from playground.lab.sweep.importance import Importances
from playground.lab.sweep.plan import Plan, Setting, on_log_scale
from playground.lab.sweep.reading import LossCurve, Recorded, mean_curve, time_left
from playground.lab.sweep.table import Line, final_loss, held_out, measure, verdict
from playground.tui.screens.sweep.axes import axis_of, loss_axis, placed
from playground.tui.styles import CAUTION, GOOD, MUTED, POINTED
from playground.tui.widgets.columns import GAP, Column
from playground.tui.widgets.curve import Curve
from playground.tui.widgets.curves import Family, FamilyState
from playground.tui.widgets.multiples import Grid, Multiple, MultiplesState
from playground.tui.widgets.parallel import Axis, Lines, ParallelState
from playground.tui.widgets.table import Cell, Sort
from playground.tui.widgets.text import fit, visible
from playground.widths import cell_len
from playground.words import about_seconds, many

PageName = Literal["curves", "axes", "grid", "importance"]
PAGES: tuple[PageName, ...] = ("curves", "axes", "grid", "importance")
TITLES: Mapping[PageName, str] = {
    "curves": "Losses",
    "axes": "Parallel",
    "grid": "Grid",
    "importance": "Importance",
}
SEEDS = "seed"
"""Stands among the settings of the grid for the seeds."""
MORE_SEEDS = "vary it again with more seeds"
State = Literal["here", "stopping", "elsewhere", "stopped", "done"]
WORDS: Mapping[State, tuple[str, str]] = {
    "here": ("▶ at work here", GOOD),
    "stopping": ("◌ stopping ...", CAUTION),
    "elsewhere": ("▶ at work in another process", GOOD),
    "stopped": ("‖ stopped", CAUTION),
    "done": ("✓ done", GOOD),
}
"""How a sweep stands: a sign with words, and a style."""


@dataclass(eq=False)
class SweepView:
    """One sweep as a person looks at it. It outlives the screen, so that one comes back to it."""

    sweep: int
    plan: Plan | None = None
    recorded: Recorded = field(default_factory=lambda: Recorded((), (), None))
    glance: Glance = field(default_factory=lambda: Glance(0, False))
    curves: dict[int, LossCurve] = field(default_factory=dict)
    """By the number of the run, of those that were read."""
    drawn: dict[int, Curve] = field(default_factory=dict)
    """The same, as the charts draw them."""
    losses: dict[int, float | None] = field(default_factory=dict)
    """The loss that is compared, by the number of the run; None for a run that ended early."""
    without_curve: set[int] = field(default_factory=set)
    """The runs that have no step, and so no curve."""
    importances: Importances | None = None
    weighed: int = -1
    """The runs of which the importances are known; -1 for none yet."""
    page: PageName = "curves"
    parallel: ParallelState = field(default_factory=ParallelState)
    multiples: MultiplesState = field(default_factory=MultiplesState)
    cursor: FamilyState = field(default_factory=FamilyState)
    pair: tuple[str, str] = ("", "")
    """The settings of the grid's rows and columns."""
    setting: int | None = None
    """The chosen setting."""
    seed: int = 0
    """The chosen run among those of the setting, the best first."""
    _best: int | None = None
    """The best setting when the runs were read last."""
    _by_setting: dict[int, list[SweptRun]] = field(default_factory=dict)

    # ------------------------------------------------------------ taking in

    def take_plan(self, plan: Plan) -> None:
        """Show this plan, which may be a search that has grown."""
        first, self.plan = self.plan is None, plan
        if first and plan.names:
            self.pair = (plan.names[1] if len(plan.names) > 1 else SEEDS, plan.names[0])

    def take(self, recorded: Recorded, glance: Glance) -> None:
        """Show what is recorded by now. While the best setting is chosen, the best one stays so."""
        first = not self.recorded.lines
        self.recorded, self.glance = recorded, glance
        heldout = held_out(recorded.runs)
        self.losses = {run.run: final_loss(run, heldout) for run in recorded.runs}
        self._by_setting = {}
        for run in recorded.runs:
            self._by_setting.setdefault(run.setting, []).append(run)
        for runs in self._by_setting.values():
            runs.sort(key=self._rank)
        best = recorded.lines[0].setting if recorded.lines else None
        if first or self.setting in (None, self._best):
            self.setting, self.seed = best, 0
        self._best = best

    def take_curves(self, curves: Sequence[LossCurve]) -> None:
        """Show these curves, too."""
        for curve in curves:
            self.curves[curve.run] = curve
            self.drawn[curve.run] = Curve(curve.steps, curve.losses)

    @property
    def unread(self) -> list[int]:
        """The runs whose curves are not read yet."""
        return [run.run for run in self.recorded.runs
                if run.run not in self.curves and run.run not in self.without_curve]  # fmt: skip

    # ------------------------------------------------------------ what there is

    @property
    def names(self) -> tuple[str, ...]:
        """The varied settings."""
        return self.plan.names if self.plan is not None else ()

    @property
    def total(self) -> int:
        """The runs of the whole sweep; 0 before the plan is known."""
        return 0 if self.plan is None else self.plan.count * len(self.plan.seeds)

    @property
    def complete(self) -> bool:
        """True if every run is recorded."""
        return self.plan is not None and len(self.recorded.runs) >= self.total

    def setting_of(self, number: int) -> Setting:
        """A setting of the plan. Its words are of others, and must be made visible."""
        assert self.plan is not None
        return self.plan.settings[number]

    def line_of(self, setting: int) -> Line | None:
        """What is known of a setting."""
        return next((line for line in self.recorded.lines if line.setting == setting), None)

    def runs_of(self, setting: int) -> list[SweptRun]:
        """The runs of a setting, the lowest loss first and those that ended early last."""
        return self._by_setting.get(setting, [])

    def _rank(self, run: SweptRun) -> tuple[float, int]:
        loss = self.losses[run.run]
        return (math.inf if loss is None else loss, run.seed)

    @property
    def run(self) -> SweptRun | None:
        """The chosen run: of the chosen setting, by the chosen seed."""
        runs = [] if self.setting is None else self.runs_of(self.setting)
        return runs[self.seed % len(runs)] if runs else None

    # ------------------------------------------------------------ the parallel coordinates

    @property
    def lines(self) -> Lines:
        """A line for each run: its values, and last its loss."""
        if self.plan is None:
            return Lines((), ())
        runs = self.recorded.runs
        columns: list[tuple[Axis, list[float]]] = []
        by_setting = [dict(setting.values) for setting in self.plan.settings]
        for name in self.names:
            texts = [values.get(name, "") for values in by_setting]
            axis, places = axis_of(name, texts, on_log_scale)
            columns.append((axis, [placed(places, texts[run.setting]) for run in runs]))
        columns.append(loss_axis([self.losses[run.run] for run in runs]))
        axes = tuple(axis for axis, _ in columns)
        return Lines(axes, tuple(zip(*(values for _, values in columns), strict=True)))

    def brushed(self, selected: Sequence[bool]) -> set[int] | None:
        """The settings of the selected runs; None without brushes. selected: one for each run."""
        if not self.parallel.brushes:
            return None
        return {run.setting for run, yes in zip(self.recorded.runs, selected, strict=True) if yes}

    # ------------------------------------------------------------ the curves

    def family(self, selected: Sequence[bool]) -> Family:
        """The curves that are read, the chosen run bright. selected: one for each run."""
        runs = [
            (run, yes)
            for run, yes in zip(self.recorded.runs, selected, strict=True)
            if run.run in self.drawn
        ]
        chosen = self.run
        group = tuple(place for place, (run, _) in enumerate(runs) if run.setting == self.setting)
        words = "" if self.setting is None else self.setting_of(self.setting).words
        return Family(
            tuple(self.drawn[run.run] for run, _ in runs),
            tuple(yes for _, yes in runs) if self.parallel.brushes else None,
            next((place for place, (run, _) in enumerate(runs) if run is chosen), None),
            group,
            visible(f"{many(len(group), 'seed')} of {words}"),
            "" if chosen is None else f"seed {chosen.seed}, run {chosen.run}",
        )

    # ------------------------------------------------------------ the grid

    def values_of(self, name: str) -> tuple[str, ...]:
        """The values of a setting in the plan's order, or the seeds."""
        if self.plan is None:
            return ()
        if name == SEEDS:
            return tuple(str(seed) for seed in self.plan.seeds)
        found = (dict(setting.values).get(name, "") for setting in self.plan.settings)
        return tuple(dict.fromkeys(found))

    def _value(self, run: SweptRun, name: str) -> str:
        if name == SEEDS:
            return str(run.seed)
        return dict(self.setting_of(run.setting).values).get(name, "")

    @property
    def grid(self) -> Grid:
        """The mean curve of the runs that share a value of two settings, for each such pair."""
        row, column = self.pair
        rows, columns = self.values_of(row), self.values_of(column)
        cells: dict[tuple[str, str], list[SweptRun]] = {}
        for run in self.recorded.runs:
            cells.setdefault((self._value(run, row), self._value(run, column)), []).append(run)
        return Grid(
            row,
            column,
            tuple(map(visible, rows)),
            tuple(map(visible, columns)),
            tuple(tuple(self._multiple(cells.get((one, two), [])) for two in columns)
                  for one in rows),
        )  # fmt: skip

    def _multiple(self, runs: Sequence[SweptRun]) -> Multiple | None:
        curves = [self.curves[run.run] for run in runs if run.run in self.curves]
        if not curves:
            return None
        steps, means = mean_curve(curves)
        losses = [loss for run in runs if (loss := self.losses[run.run]) is not None]
        value = sum(losses) / len(losses) if losses else math.nan
        return Multiple(Curve(steps, means), value, len(runs))

    def turn_pair(self, place: int) -> None:
        """Choose the next setting for the rows (0) or the columns (1) of the grid."""
        all_ = [*self.names, SEEDS]
        now, other = self.pair[place], self.pair[1 - place]
        following = all_[(all_.index(now) + 1) % len(all_)]
        if following == other:
            following = all_[(all_.index(following) + 1) % len(all_)]
        self.pair = (following, other) if place == 0 else (other, following)

    def setting_at(self, row: int, column: int) -> int | None:
        """The best setting in a cell of the grid; None if none is recorded there."""
        rows, columns = (self.values_of(name) for name in self.pair)
        if row >= len(rows) or column >= len(columns):
            return None
        here = {
            run.setting
            for run in self.recorded.runs
            if self._value(run, self.pair[0]) == rows[row]
            and self._value(run, self.pair[1]) == columns[column]
        }
        return next((line.setting for line in self.recorded.lines if line.setting in here), None)

    def show_in_grid(self) -> None:
        """Put the cursor of the grid on the cell of the chosen run."""
        run = self.run
        if run is not None:
            row, column = (self.values_of(name).index(self._value(run, name)) for name in self.pair)
            self.multiples.row, self.multiples.column = row, column

    # ------------------------------------------------------------ words

    def state(self, *, here: bool, stopping: bool) -> State:
        """How the sweep stands. here: a process of this playground trains it. stopping: that was
        asked to stop."""
        if stopping:
            return "stopping"
        if self.complete:
            return "done"
        if here:
            return "here"
        return "elsewhere" if self.glance.at_work else "stopped"

    def title(self, state: State, width: int) -> Content:
        """The first line: which sweep, how far it is, how it stands."""
        if self.plan is None:
            return Content(f"Sweep {self.sweep}")
        sign, style = WORDS[state]
        words = f"{len(self.recorded.runs):,} of {many(self.total)}"
        left = time_left(self.total, len(self.recorded.runs), self.recorded.pace)
        if state in ("here", "elsewhere") and left is not None:
            words += f", {about_seconds(left)} left"
        elif state == "here" and not self.recorded.runs:
            words += ", the first are being trained"
        head = f"Sweep {self.sweep}"
        tail = f"  ·  {words}  ·  "
        room = width - cell_len(head) - cell_len(tail) - cell_len(sign) - 2
        what = visible(" × ".join(self.names))
        shown = f"  {fit(what, max(0, min(cell_len(what), room)))}" if room > 3 else ""
        return Content.assemble((head, "bold"), (shown, POINTED), (tail, MUTED), (sign, style))

    @property
    def verdict(self) -> str:
        """What the table says of the best setting and the next."""
        if not self.recorded.lines:
            return "No run is recorded yet."
        return verdict(self.recorded.lines, MORE_SEEDS)

    @property
    def measure(self) -> str:
        """Which loss is compared."""
        return measure(self.recorded.runs) if self.recorded.runs else ""


# ---------------------------------------------------------------- the table

SORT = Sort("loss")


class SettingTable:
    """The cells of the table of settings, best first."""

    def __init__(self, view: SweepView, only: set[int] | None) -> None:
        """only: the settings that are listed; None for all, also those without a run yet."""
        self._lines = {line.setting: line for line in view.recorded.lines}
        self._settings = view.plan.settings if view.plan is not None else ()
        keys = [*self._lines]
        if only is None:
            keys += [one for one in range(len(self._settings)) if one not in self._lines]
        else:
            keys = [one for one in keys if one in only]
        self.keys: tuple[int, ...] = tuple(keys)
        self._seeds = len(view.plan.seeds) if view.plan is not None else 0
        failed = any(line.failed for line in self._lines.values())
        names = view.names
        self._places = {f"value {place}": name for place, name in enumerate(names)}
        widths = [
            max(cell_len(visible(text)) for text in (name, *view.values_of(name))) for name in names
        ]
        self.columns = (
            *(
                Column(f"value {place}", visible(name), min(20, width), priority=9 - min(4, place),
                       align="right", sortable=False)
                for place, (name, width) in enumerate(zip(names, widths, strict=True))
            ),
            Column("loss", "loss", 7, priority=10, align="right", sortable=False),
            Column("sd", "sd", 6, priority=4, align="right", sortable=False),
            Column("seeds", "seeds", 5, priority=3, align="right", sortable=False),
            *([Column("failed", "failed", 6, priority=3, align="right", sortable=False)]
              if failed else []),
        )  # fmt: skip

    @property
    def width(self) -> int:
        """Cells of all columns with the gaps between them."""
        return sum(column.width + GAP for column in self.columns)

    def cell(self, key: int, column: Column) -> Cell:
        """The cell of a setting."""
        line = self._lines.get(key)
        if column.name in self._places:
            values = dict(self._settings[key].values)
            text = values.get(self._places[column.name], "")
            return Cell(text, "plain" if line is not None else "quiet")
        if line is None:
            return Cell("–" if column.name == "loss" else "", "quiet")
        match column.name:
            case "loss":
                return Cell(f"{line.mean:.4f}" if line.losses else "–", "strong")
            case "sd":
                return Cell(f"{line.spread:.4f}" if line.spread is not None else "–", "quiet")
            case "seeds":
                done = len(line.losses) + line.failed
                return Cell(str(done) if done == self._seeds else f"{done}/{self._seeds}", "quiet")
        return Cell(str(line.failed) if line.failed else "", "bad")


# ---------------------------------------------------------------- importance

BAR = "█"
PARTS = " ▏▎▍▌▋▊▉█"


def importance_lines(view: SweepView, width: int) -> Content:
    """A bar for each setting, by how much it matters."""
    if view.weighed < 0:
        return Content.styled("computing ...", MUTED)
    found = view.importances
    if found is None:
        return Content.styled(
            "The runs do not tell yet: it takes two settings with a loss each, and two runs of "
            "one of them.",
            MUTED,
        )
    names = {name: visible(name) for name, _ in found.shares}
    shares = [*((names[name], share) for name, share in found.shares)]
    if found.rest is not None:
        shares.append(("together, and luck", found.rest))
    column = min(max(8, width // 3), max(cell_len(name) for name, _ in shares))
    room = max(4, width - column - 8)
    parts: list[Content] = []
    for place, (name, share) in enumerate(shares):
        rest = found.rest is not None and place == len(shares) - 1
        parts.append(
            Content.assemble(
                (fit(name, column), MUTED if rest else ""),
                "  ",
                (fit(bar(share, room), room), MUTED if rest else "$text-primary"),
                (f" {100 * share:4.0f} %", MUTED if rest else "bold"),
            )
        )
    parts += [Content(""), Content.styled(visible(f"Importance, by {found.by}."), MUTED)]
    return Content("\n").join(parts)


def bar(share: float, room: int) -> str:
    """A bar of a share of the room, in eighths of a cell."""
    eighths = round(8 * room * min(1.0, max(0.0, share)))
    whole, part = divmod(eighths, 8)
    return BAR * whole + (PARTS[part] if part else "")
