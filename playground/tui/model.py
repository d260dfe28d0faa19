"""What the screen knows, as plain values without widgets.

The parts of the controller fill a PlaygroundModel from frames, and the panels draw it. A panel
keeps no state of its own that a person would miss.
"""

from __future__ import annotations

import json
import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal

from microgpt.config import PARTS, ModelConfig, ModelPart
from playground.catalog import BUILTIN, Catalog, Entry, KnobValue
from playground.lab.estimate import MeasuredSteps, Shape
from playground.lab.protocol.failures import Failure, Progress
from playground.lab.protocol.film import FilmRow
from playground.lab.protocol.frames import (
    Frame,
    FrameRequest,
    MatrixFrame,
    MatrixView,
    PanelView,
    SeenDocument,
    SmallViews,
)
from playground.lab.protocol.run import MatrixKind, RunInfo
from playground.lab.protocol.sampling import Link, Measuring, Preview, SampleBatch, Sampling
from playground.lab.smoothing import smoothed
from playground.lab.timeline import Clock
from playground.tui.widgets.curve import Curve
from playground.tui.widgets.text import visible
from playground.words import plus_minus

Axis = Literal["steps", "tokens", "seconds"]
AXES: tuple[Axis, ...] = ("steps", "tokens", "seconds")
"""What the zoomed loss can be drawn over."""
SPEEDS: tuple[float | None, ...] = (1, 2, 5, 10, 50, None)
"""Steps a second; None is flat out."""

MATRIX_KINDS: tuple[MatrixKind, ...] = (
    "weights",
    "gradients",
    "update",
    "first_moment",
    "second_moment",
)
KIND_LABELS: dict[MatrixKind, str] = {
    "weights": "weights",
    "gradients": "grads",
    "update": "Δ",
    "first_moment": "m",
    "second_moment": "v",
}
KIND_NAMES: dict[MatrixKind, str] = {
    "weights": "weight",
    "gradients": "gradient",
    "update": "update",
    "first_moment": "Adam m",
    "second_moment": "Adam v",
}

KEPT_BATCHES = 100
"""Batches of samples that the screen keeps."""
KEPT_SEEN = 30
"""Documents that the zoomed data set shows."""
STEPS_AT_ONCE = 100_000
"""Steps whose series come with one frame: adding them takes some 40 ms, and a key waits no longer.
The curves of a run of millions of steps grow frame by frame while it opens."""
NEIGHBOURS = 60
"""Documents that are asked for before and after the present one: more than any panel has room for,
so that a larger one has them when it is drawn first."""
FEW_CANDIDATES, ALL_CANDIDATES = 64, 2000
"""Candidates of the next token that are asked for, and as many for a zoomed panel."""


@lru_cache(maxsize=2)
def _parsed(spec: str) -> Mapping[str, Any]:
    """JSON values that several lines of the screen read at each drawing."""
    return MappingProxyType(json.loads(spec))


def engine_key(entry: Entry) -> str:
    """An engine's name as `MeasuredSteps` takes it."""
    return entry.name if entry.plugin == BUILTIN else entry.qualified


@dataclass(frozen=True, slots=True)
class EngineSpeed:
    """How fast an engine went with the open run's model."""

    step_ms: float
    """Milliseconds a step."""
    scalar_ratio: float
    """How many times as fast as the scalar engine, estimated."""


@dataclass(frozen=True, slots=True)
class Telling:
    """The word of the screen that a person has explained to them, one after another."""

    part: int
    """The part of the screen that the word stands in, as words.TOP."""
    name: str
    """The word as it is explained everywhere."""
    shown: str
    """The word or sign as it stands on the screen now."""
    whole: str
    """What the word means, with all that is worth knowing."""
    brief: str
    """The same in one sentence, for less room."""
    place: str
    """Which word of how many: "4/14"."""


@dataclass
class PlaygroundModel:
    """The state of the whole screen."""

    info: RunInfo | None = None
    frame: Frame | None = None
    catalog: Catalog | None = None
    preview: Preview | None = None
    sampling: Sampling = field(default_factory=Sampling)
    loss: Curve = field(default_factory=Curve)
    ema: Curve = field(default_factory=Curve)
    evaluations: Curve = field(default_factory=Curve)
    evaluation_errors: Curve = field(default_factory=Curve)
    """The standard errors of the evaluations, where they are known."""
    metrics: dict[str, Curve] = field(default_factory=dict)
    """The values of each metric by its label, also of metrics that are off now."""
    measuring: Measuring = field(default_factory=Measuring)
    """Which metrics are on; a metric that fails is taken out."""
    batches: list[SampleBatch] = field(default_factory=list)
    """Samples, the newest batch first."""
    matrix: int = 0
    """The matrix on screen, by its place in `info.matrices`."""
    kind: MatrixKind = "weights"
    """The view of the matrix on screen."""
    cell: tuple[int, int] = (0, 0)
    """Row and column of the cursor in the matrix."""
    panel: PanelView = field(default_factory=lambda: PanelView("histogram"))
    """The contributed panel that was chosen, with its knobs."""
    panel_shown: bool = False
    """True if the contributed panel is on screen, in the place of the parameters."""
    all_matrices: bool = False
    """True if the zoomed parameters show all matrices at once."""
    small_room: tuple[int, int] = (0, 0)
    """Rows and columns of blocks that there is room for in each of them."""
    map_shown: bool = False
    """True if the map of the architecture is on screen, beside the zoomed parameters."""
    clock: Clock = field(default_factory=lambda: Clock(()))
    """Tokens seen and seconds of training after the steps of the frames so far."""
    axis: Axis = "steps"
    """What the zoomed loss is drawn over."""
    zoomed: int = 0
    """The number of the panel that has the whole screen; 0 if all of them share it."""
    seen: list[SeenDocument] = field(default_factory=list)
    """The last documents that steps learnt from, oldest first; followed while panel 1 is zoomed."""
    film_shown: bool = False
    """True if the zoomed sampling shows the film strip."""
    film: dict[int, FilmRow] = field(default_factory=dict)
    """The rows of the film by step; followed while they are shown."""
    film_waiting: int = 0
    """Rows that the worker still has to write."""
    film_trouble: Failure | None = None
    """Why the worker writes no more rows."""
    panel_size: tuple[int, int] = (0, 0)
    """Columns and lines that the contributed panel has."""
    speed: int = SPEEDS.index(50)
    """The chosen speed, by its place in SPEEDS."""
    opening: Progress | None = None
    """The progress of opening a run; None if none is being opened."""
    making: Progress | None = None
    """The progress of making an engine or an exported file; None if none is being made."""
    engine_troubles: dict[str, str] = field(default_factory=dict)
    """Why an engine could not be made the last time, by the engine's qualified name."""
    engine_speeds: dict[str, EngineSpeed] = field(default_factory=dict)
    """How fast the engines went that were at work on the open run, by qualified name."""
    step_times: MeasuredSteps = field(default_factory=MeasuredSteps)
    """What steps took in this session, of all runs that were open."""
    newest_problem: tuple[str, str] = ("", "")
    """The plugin whose file was saved last with a problem, and the problem's message."""
    trouble: Failure | None = None
    """What is wrong with the worker or the run; None if all is well."""
    preview_trouble: Failure | None = None
    """Why there is no preview: a prompt outside the vocabulary, say, or a knob out of range."""
    interpreting: bool = True
    """True if a sentence under the losses says what they mean."""
    telling: Telling | None = None
    """The word that is explained in the place of the sentence, if one is."""
    guided: bool = False
    """True in the tour, whose guide says which key is next."""
    welcome: bool = False
    """True until a person who has never been here knows what to press, or does not want to."""
    offer: tuple[str, ...] = ()
    """What there is to go on with, in words, the longest form first; gone with the first key."""
    adopted: int = 0
    """How often the worker, and not the person, has changed the sampling."""
    seeking: bool = False
    """True while the run has not come to the step that was asked for on the timeline."""
    going: int | None = None
    """The recorded step that the run is on its way to; None if the run stands or trains."""
    forks: tuple[int, ...] = ()
    """The steps after which other runs were forked off the open one."""
    name: str = ""
    """What the person called the open run."""
    waiting: float = 0.0
    """Seconds since the worker last answered; 0 while it answers at once."""
    _epoch: int = -1
    _last_step: int = 0
    _average: float = math.nan
    _filmed: int = 0
    """How many rows of the film the worker had written when it sent the last ones."""

    # ------------------------------------------------------------ what to ask for

    def request(self) -> FrameRequest:
        """The request for the frame that brings what the screen shows and has not got yet."""
        batch = self.batches[0].number if self.batches else 0
        return FrameRequest(
            self._last_step,
            batch,
            self._views(),
            history=NEIGHBOURS,
            panel=self._panel(),
            pulls=self.map_shown and not self.panel_shown,
            small=(
                SmallViews(self.kind, *self.small_room)
                if self.all_matrices and self.zoomed == 3 and 0 not in self.small_room
                else None
            ),
            film_since=self._filmed if self.filming else None,
            seen_since=(self.seen[-1].step if self.seen else 0) if self.zoomed == 1 else None,
            most_steps=STEPS_AT_ONCE,
        )

    @property
    def rest(self) -> int:
        """Steps done whose losses have not come yet: of millions, a part comes with each frame."""
        return self.frame.metrics.rest if self.frame is not None else 0

    @property
    def filming(self) -> bool:
        """True if the film strip is on screen."""
        return self.zoomed == 4 and self.film_shown

    @property
    def candidates(self) -> int:
        """How many candidates of the next token to ask for."""
        return ALL_CANDIDATES if self.zoomed == 4 else FEW_CANDIDATES

    def _panel(self) -> PanelView | None:
        if not self.panel_shown or 0 in self.panel_size:
            return None
        width, height = self.panel_size
        return replace(self.panel, width=width, height=height)

    def _views(self) -> tuple[MatrixView, ...]:
        if self.info is None or self.panel_shown:
            return ()
        name = self.matrix_name
        # Beside the chosen view, the cursor reads out the weight and the gradient.
        kinds = dict.fromkeys((self.kind, "weights", "gradients"))
        return tuple(MatrixView(name, kind, self.cell) for kind in kinds)

    # ------------------------------------------------------------ what came

    def opened(self, info: RunInfo) -> None:
        """Forget the run before: another run is open, or the same one in a fresh worker."""
        self.info, self.frame, self.preview = info, None, None
        self.opening, self.making, self.trouble = None, None, None
        self.engine_speeds.clear()
        self.batches.clear()
        self.matrix = min(self.matrix, len(info.matrices) - 1)
        if self.kind not in self.kinds:
            self.kind = "weights"
        self._rewind(-1)

    def went_down(self, failure: Failure) -> None:
        """Note that the run's worker was given up, and that only a key brings a fresh one."""
        self.trouble, self.waiting = failure, 0.0
        if self.frame is not None:
            self.frame = replace(self.frame, state="failed", trouble=failure)

    def take(self, frame: Frame) -> bool:
        """Take in a frame.

        Returns False if the frame belongs to another past than the series so far: the series are
        then emptied, and must be asked for from their beginning. So must they if another frame,
        which was under way at the same time, has emptied them.
        """
        if frame.epoch != self._epoch:
            stale = self._last_step > 0
            self._rewind(frame.epoch)
            if stale:
                return False
        if frame.metrics.first_step > self._last_step + 1:
            return False  # asked for before the series were emptied: what comes first is missing
        if frame.step < self._last_step:
            self._go_back_to(frame.step)
        metrics = frame.metrics
        known = max(0, self._last_step + 1 - metrics.first_step)
        self._add_losses(metrics.first_step + known, metrics.losses[known:])
        latest = self.evaluations.xs[-1] if len(self.evaluations) else -1
        for step, value in metrics.evaluations:
            if step > latest:
                self.evaluations.append(step, value)
        for step, error in metrics.evaluation_errors:
            if step > latest:
                self.evaluation_errors.append(step, error)
        self._add_measured(frame)
        self._last_step = frame.step - metrics.rest
        for point in metrics.clock:
            self.clock.note(*point)
        latest = self.seen[-1].step if self.seen else 0
        self.seen += [one for one in frame.seen if one.step > latest]
        del self.seen[:-KEPT_SEEN]
        film = frame.film
        if film is not None and film.since <= self._filmed:
            self.film.update((row.step, row) for row in film.rows)
            self._filmed = max(self._filmed, film.count)
            self.film_waiting, self.film_trouble = film.waiting, film.trouble
        for batch in frame.batches:  # two frames that were under way may bring the same batch
            if not self.batches or batch.number > self.batches[0].number:
                self.batches.insert(0, batch)
        del self.batches[KEPT_BATCHES:]
        self.frame = frame
        self.trouble = frame.trouble
        entry = self.catalog.find("engine", frame.engine) if self.catalog else None
        if entry is not None and frame.step_ms:
            self.engine_speeds[entry.qualified] = EngineSpeed(frame.step_ms, frame.scalar_ratio)
            self._note_step(entry, frame)
        return True

    def _note_step(self, entry: Entry, frame: Frame) -> None:
        """Note what a step took, for estimates of other settings."""
        if self.info is None or not self.spec or not (frame.step and frame.tokens_seen):
            return
        batch = int(self.spec["batch_size"])
        config = ModelConfig(self.info.vocab_size, **self.spec["model"])
        shape = Shape(config, frame.tokens_seen / frame.step / batch, batch, self.optimizer)
        self.step_times.note(engine_key(entry), shape, frame.step_ms)

    def _add_measured(self, frame: Frame) -> None:
        """Add the metrics' new values, and take out the metrics that failed."""
        for label, pairs in frame.metrics.measured.items():
            curve = self.metrics.setdefault(label, Curve())
            latest = curve.xs[-1] if len(curve) else -1
            new = [pair for pair in pairs if pair[0] > latest]
            curve.extend((step for step, _ in new), (value for _, value in new))
        failed = [meter.choice for meter in frame.meters if meter.trouble is not None]
        if any(choice in failed for choice in self.measuring.metrics):
            rest = tuple(one for one in self.measuring.metrics if one not in failed)
            self.measuring = replace(self.measuring, metrics=rest)

    @property
    def measured(self) -> list[tuple[str, Curve]]:
        """Label and values so far of each metric that is on."""
        meters = self.frame.meters if self.frame else ()
        return [
            (meter.label, self.metrics.setdefault(meter.label, Curve()))
            for meter in meters
            if meter.trouble is None
        ]

    def evaluation_error(self, step: float) -> float | None:
        """The standard error of the last hold-out loss at or before `step`; None if it is not
        known."""
        count = self.evaluations.index_range(0, step)[1]
        if not count:
            return None
        at = self.evaluations.xs[count - 1]
        start, stop = self.evaluation_errors.index_range(at, at)
        return self.evaluation_errors.ys[start] if stop > start else None

    def held_out_error(self, step: float) -> str:
        """That error in words, as " ± 0.012"; "" if it is not known."""
        return plus_minus(self.evaluation_error(step))

    def _add_losses(self, first: int, losses: array[float]) -> None:
        """Add losses and their moving average; a fast engine gives thousands at once."""
        if not losses:
            return
        averages = smoothed(losses, self._average)
        self._average = averages[-1]
        steps = range(first, first + len(losses))
        self.loss.extend(steps, losses)
        self.ema.extend(steps, averages)

    def _go_back_to(self, step: int) -> None:
        """Cut the curves off after this step. The same steps may come again."""
        self._last_step = step
        self.seen = [one for one in self.seen if one.step <= step]
        held_out = self.evaluations, self.evaluation_errors
        for curve in (self.loss, self.ema, *held_out, *self.metrics.values()):
            curve.truncate_after(step)
        self._average = self.ema.ys[-1] if len(self.ema) else math.nan

    def _rewind(self, epoch: int) -> None:
        self._epoch = epoch
        self._last_step = 0
        self._average = math.nan
        for curve in (self.loss, self.ema, self.evaluations, self.evaluation_errors):
            curve.clear()
        self.metrics.clear()
        self.batches.clear()
        self.film.clear()
        self._filmed = self.film_waiting = 0
        self.film_trouble = None
        self.seen.clear()
        self.clock = Clock(())

    # ------------------------------------------------------------ what is on screen

    @property
    def spec(self) -> Mapping[str, Any]:
        """The open run's RunSpec as JSON values; empty if none is open."""
        return _parsed(self.info.spec) if self.info else {}

    @property
    def engine(self) -> str:
        """The shortest name that means the engine at work."""
        full = self.frame.engine if self.frame else str(self.spec.get("engine", ""))
        entry = self.catalog.find("engine", full) if self.catalog else None
        return full if self.catalog is None or entry is None else self.catalog.shortest(entry)

    @property
    def matrix_name(self) -> str:
        """The name of the matrix on screen; "" if no run is open."""
        return self.info.matrices[self.matrix].name if self.info else ""

    def matrix_frame(self, kind: MatrixKind) -> MatrixFrame | None:
        """The numbers of the matrix on screen in one view; None if no frame has brought them."""
        for matrix in self.frame.matrices if self.frame else ():
            if matrix.name == self.matrix_name and matrix.kind == kind:
                return matrix
        return None

    @property
    def kinds(self) -> tuple[MatrixKind, ...]:
        """The views of a matrix in the open run: SGD has no moments."""
        return MATRIX_KINDS[:3] if self.optimizer == "sgd" else MATRIX_KINDS

    @property
    def optimizer(self) -> str:
        """The optimizer of the open run: "adam" or "sgd"."""
        return str(self.spec["optimizer"].get("name", "adam")) if self.spec else "adam"

    @property
    def left_out(self) -> tuple[ModelPart, ...]:
        """The parts that were left out of the open run's model."""
        there = self.spec["model"].get("parts", PARTS) if self.spec else PARTS
        return tuple(part for part in PARTS if part not in there)

    @property
    def beside(self) -> MatrixKind:
        """The view beside the chosen one, where there is room for two."""
        return "weights" if self.kind == "gradients" else "gradients"

    @property
    def running(self) -> bool:
        return self.frame is not None and self.frame.state == "running"

    @property
    def step(self) -> int:
        return self.frame.step if self.frame else 0

    @property
    def head(self) -> int:
        """The last step of the run's record."""
        return max(self.frame.head, self.frame.step) if self.frame else 0

    @property
    def run(self) -> int | None:
        """The open run's number in the store; None if the run is not recorded."""
        return self.frame.record.run if self.frame and self.frame.record else None

    @property
    def unrecorded(self) -> bool:
        """True if the run is to be recorded, but the store cannot be written just now."""
        record = self.frame.record if self.frame else None
        return record is not None and record.trouble is not None

    @property
    def texts(self) -> list[SampleBatch]:
        """The batches sampled up to the step on screen, the newest first."""
        return [batch for batch in self.batches if batch.step <= self.step]

    @property
    def seconds_left(self) -> float | None:
        """Seconds until all steps are done at the present speed; None while the run stands."""
        frame = self.frame
        if frame is None or not self.running or frame.steps_per_second <= 0:
            return None
        return (frame.steps - frame.step) / frame.steps_per_second

    # ------------------------------------------------------------ sampling

    def entry(self, link: Link) -> Entry | None:
        """The catalog's entry of a strategy in the chain; None if it is not installed."""
        return self.catalog.find("strategy", link.name) if self.catalog else None

    def of_file(self, path: str) -> tuple[Entry, ...]:
        """The entries that the plugin file at this path contributes."""
        entries = self.catalog.entries if self.catalog else ()
        return tuple(entry for entry in entries if entry.origin == path)

    def without_strategy(self, qualified: str) -> Sampling:
        """The sampling with one strategy switched off, given by its qualified name."""
        links = [
            replace(link, enabled=False)
            if (entry := self.entry(link)) is not None and entry.qualified == qualified
            else link
            for link in self.sampling.chain
        ]
        return replace(self.sampling, chain=tuple(links))

    def with_knob(self, place: int, name: str, knob: str, value: KnobValue) -> Sampling:
        """The sampling with one knob of the link `name` at `place` changed; the sampling as it is
        if another link stands there by now."""
        links = list(self.sampling.chain)
        if not any(link.name == name for link in links[place : place + 1]):
            return self.sampling
        links[place] = replace(links[place], options={**links[place].options, knob: value})
        return replace(self.sampling, chain=tuple(links))

    def adopt(self, sampling: Sampling) -> None:
        """Take over the worker's sampling, which differs from the one that was set."""
        self.sampling = sampling
        self.adopted += 1

    def with_chain(self, chain: Sequence[Link]) -> Sampling:
        """The sampling with another chain of strategies."""
        return replace(self.sampling, chain=tuple(chain))


def describe_row_and_column(info: RunInfo, name: str, row: int, column: int) -> tuple[str, str]:
    """What a row and a column of the matrix `name` stand for: a token, a head, a neuron."""

    def channel(index: int) -> str:
        return f"channel {index}"

    def head(index: int) -> str:
        head_dim = max(1, info.matrices[0].columns // info.n_head)
        return f"head {index // head_dim}.{index % head_dim}"

    def token(index: int) -> str:
        if index == info.bos_id:
            return "token BOS (begin, end)"
        shown = info.vocabulary[index] if index < len(info.vocabulary) else f"#{index}"
        return f"token {shown}"

    part = name.rsplit(".", 1)[-1]
    meanings = {
        "wte": (token(row), channel(column)),
        "lm_head": (token(row), channel(column)),
        "wpe": (f"position {row}", channel(column)),
        "attn_wq": (f"query of {head(row)}", channel(column)),
        "attn_wk": (f"key of {head(row)}", channel(column)),
        "attn_wv": (f"value of {head(row)}", channel(column)),
        "attn_wo": (channel(row), f"from {head(column)}"),
        "mlp_fc1": (f"neuron {row}", channel(column)),
        "mlp_fc2": (channel(row), f"from neuron {column}"),
    }
    return meanings.get(part, (f"row {row}", f"column {column}"))


def row_labels(info: RunInfo, name: str) -> tuple[str, ...]:
    """What stands beside each row of the matrix `name`: a token or a position; () for others."""
    if name in ("wte", "lm_head"):
        more = range(len(info.vocabulary), info.vocab_size)
        return (*(visible(token, spaces=True) for token in info.vocabulary), *map(str, more))
    if name == "wpe":
        return tuple(map(str, range(info.block_size)))
    return ()
