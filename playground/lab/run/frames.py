"""Makes frames: immutable pictures of a session, for the screen."""

from __future__ import annotations

import math
import time
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from operator import sub

from microgpt.anatomy import dissect
from microgpt.engine import Engine
from microgpt.parameters import MatrixSpec, parameter_layout
from microgpt.trainer import StepResult
from playground.api import PanelFacts, TextAnatomy
from playground.hooks.errors import PluginError
from playground.lab.estimate import estimate_step_ms
from playground.lab.protocol.frames import (
    WHOLE,
    DocumentFrame,
    Frame,
    FrameRequest,
    MatrixFrame,
    MatrixView,
    Metrics,
    SeenDocument,
    SmallMatrix,
    SmallViews,
    Window,
)
from playground.lab.protocol.run import MatrixKind, RecordState, RunInfo, SessionState
from playground.lab.protocol.sampling import SampleBatch
from playground.lab.run.data import BEYOND
from playground.lab.run.metrics import Measurer
from playground.lab.run.panels import LOSSES, Panels
from playground.lab.run.setup import PreparedRun
from playground.lab.run.speed import Speedometer
from playground.lab.run.training import SEEN, Training
from playground.lab.timeline import HELD_OUT_ERROR
from playground.packed import Rows

_SHOWN = 200
"""How many characters of a neighbouring document are shown."""


def document_frame(
    prepared: PreparedRun, last: StepResult | None, coming: int, history: int
) -> DocumentFrame | None:
    """The document that the step `last` trained on, else the one at place `coming`, and up to
    `history` documents on either side."""
    texts, encoder = prepared.train, prepared.encoder
    index = last.document_indices[0] if last else coming
    losses = last.token_losses[0] if last else ()
    try:
        ids = prepared.documents.shown(index)[1:]
        reach = min(prepared.config.block_size, len(ids))
        shown = tuple(map(encoder.display, ids[:reach]))
        beyond = tuple(map(encoder.display, ids[reach:-1][:BEYOND]))
    except PluginError:  # training reports the same error
        shown, beyond, losses = (), (), ()
    count = len(texts)
    reachable = min(history, (count - 1) // 2)
    done = min(reachable, index) if last is None or last.step <= count else reachable
    return DocumentFrame(
        position=index,
        tokens=shown,
        losses=tuple(losses),
        beyond=beyond,
        before=_cut(texts, [(index - i) % count for i in range(done, 0, -1)]),
        after=_cut(texts, [(index + i) % count for i in range(1, reachable + 1)]),
    )


def seen_documents(
    prepared: PreparedRun, results: Iterable[StepResult], since: int
) -> tuple[SeenDocument, ...]:
    """The last documents that the steps of `results` after `since` learnt from."""
    encoder, found = prepared.encoder, list[SeenDocument]()
    try:
        for result in results:
            if result.step <= since:
                continue
            for index, losses in zip(result.document_indices, result.token_losses, strict=True):
                ids = prepared.documents.shown(index)[1:]
                tokens = tuple(map(encoder.display, ids[: len(losses)]))
                found.append(SeenDocument(result.step, tokens, losses, len(ids) > len(losses)))
    except PluginError:  # training reports the same error
        return ()
    return tuple(found[-SEEN:])


def _cut(texts: Rows, places: Iterable[int]) -> tuple[str, ...]:
    return tuple(texts.beginning(place, _SHOWN) for place in places)


def matrix_frames(
    engine: Engine,
    views: Sequence[MatrixView],
    before: array[float] | None,
    left: array[float] | None = None,
) -> tuple[MatrixFrame, ...]:
    """The matrices on screen; unknown names are left out. before, left: as `_numbers` has them."""
    return tuple(
        MatrixFrame(one.name, kind, one.rows, one.columns, values, largest=_largest(values))
        for one, kind, values in _numbers(engine, views, before, left)
    )


def _numbers(
    engine: Engine,
    views: Sequence[MatrixView],
    before: array[float] | None,
    left: array[float] | None,
    apart: int = 1,
) -> Iterator[tuple[MatrixSpec, MatrixKind, array[float]]]:
    """Each view's matrix, kind and numbers; unknown names are left out.

    before: the weights before the last step; if they are None, an update is all zeros. left: the
    weights after it, if the engine has others since. apart: every so manieth number alone.
    """
    layout = {matrix.name: matrix for matrix in parameter_layout(engine.config)}
    read, state = "", array("d")  # one kind at a time: each may be large
    for view in views:
        matrix = layout.get(view.name)
        if matrix is None:
            continue
        kind = "weights" if view.kind == "update" else view.kind
        if kind != read:
            state = array("d")
            read, state = kind, engine.read(kind)
        part = slice(matrix.offset, matrix.offset + matrix.size, apart)
        values = state[part]
        if view.kind == "update":
            values = left[part] if left is not None else values
            old = before[part] if before is not None else values
            values = array("d", map(sub, values, old))
        yield matrix, view.kind, values


def _largest(values: array[float]) -> float:
    """The greatest distance from 0."""
    return max(max(values, default=0.0), -min(values, default=0.0))


def windowed(frame: MatrixFrame, around: tuple[int, int]) -> MatrixFrame:
    """The frame with the numbers around a cell, if the matrix is too large to be sent whole."""
    if frame.rows * frame.columns <= WHOLE:
        return frame
    window = Window.around(around, frame.rows, frame.columns)
    values = array("d")
    for row in range(window.top, window.top + window.rows):
        begin = row * frame.columns + window.left
        values += frame.values[begin : begin + window.columns]
    return replace(frame, values=values, window=window)


LARGE_MODEL = 1_000_000
"""Parameters of a model above which what is shown of its weights is read once a step, and while it
trains no more often than a tenth of the time affords."""


class LargeMatrices:
    """The matrices on screen of a large model."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, MatrixKind], tuple[tuple[int, int], MatrixFrame]] = {}
        """(step and epoch, the whole matrix), by name and kind."""
        self._due = 0.0

    def of(
        self,
        views: Sequence[MatrixView],
        moment: tuple[int, int],
        running: bool,
        make: Callable[[Sequence[MatrixView]], tuple[MatrixFrame, ...]],
    ) -> tuple[MatrixFrame, ...]:
        """The frames of these views. moment: step and epoch. make: reads the whole matrices."""
        began = time.monotonic()
        late = running and began < self._due
        known = {
            key: self._known[key]
            for key in ((view.name, view.kind) for view in views)
            if key in self._known and (late or self._known[key][0] == moment)
        }
        if wanted := [view for view in views if (view.name, view.kind) not in known]:
            for frame in make(wanted):
                known[frame.name, frame.kind] = moment, frame
            now = time.monotonic()
            self._due = now + (now - began) / Pulls.SHARE
        self._known = known
        found = []
        for view in views:
            if (view.name, view.kind) in known:
                (step, _), frame = known[view.name, view.kind]
                frame = windowed(frame, view.around)
                found.append(frame if step == moment[0] else replace(frame, step=step))
        return tuple(found)


def _small(
    engine: Engine, view: SmallViews, before: array[float] | None, left: array[float] | None
) -> tuple[SmallMatrix, ...]:
    """All matrices in blocks; of a large model, every so manieth column of them. before, left: the
    weights before and after the last step, for an update."""
    layout = parameter_layout(engine.config)
    apart = _apart(engine.config.n_embd, layout[-1].offset + layout[-1].size)
    wanted = [MatrixView(one.name, view.kind) for one in layout]
    found = []
    for one, kind, values in _numbers(engine, wanted, before, left, apart):
        high, wide = one.rows, one.columns // apart
        down, across = -(-high // view.rows), -(-wide // view.columns)
        rows, columns = -(-high // down), -(-wide // across)
        if (down, across) != (1, 1):
            lines = [values[at * wide : (at + 1) * wide] for at in range(high)]
            values = array(
                "d",
                (
                    _farthest([part[left : left + across] for part in block])
                    for block in (lines[top : top + down] for top in range(0, high, down))
                    for left in range(0, wide, across)
                ),
            )
        found.append(SmallMatrix(one.name, kind, rows, columns, values, _largest(values), apart))
    return tuple(found)


MOST_LOOKED_AT = 4_000_000
"""Numbers that are looked at for all matrices at once, in a few tenths of a second."""


def _apart(n_embd: int, parameters: int) -> int:
    """Every so manieth column is looked at: a divisor of all matrices' columns."""
    least = -(-parameters // MOST_LOOKED_AT)
    return next((apart for apart in range(least, n_embd) if n_embd % apart == 0), n_embd)


def _farthest(parts: Sequence[array[float]]) -> float:
    """The number farthest from 0; NaN is farthest of all."""
    low, high = min(map(min, parts)), max(map(max, parts))
    if not math.isfinite(sum(map(sum, parts))):  # only then there may be a NaN
        numbers = [*chain.from_iterable(parts)]
        low, high = min(numbers, key=_order), max(numbers, key=_order)
    return low if -low > high else high


def _order(value: float) -> float:
    """The value; infinity for NaN."""
    return value if value == value else math.inf


class Pulls:
    """How strongly the last step pulled at each matrix, computed anew at most as often as a tenth
    of the time affords."""

    SHARE = 0.1
    SAMPLED = 65_536

    def __init__(self) -> None:
        self._known: dict[str, float] = {}
        self._key: object = None
        self._not_before = 0.0

    def of(self, engine: Engine, moment: object) -> Mapping[str, float]:
        """The root mean square of the gradients of each matrix, by name; of a matrix of more than
        SAMPLED numbers, of so many of them. moment: changes whenever the gradients may have
        changed."""
        began = time.monotonic()
        if moment != self._key and began >= self._not_before:
            gradients = engine.read("gradients")
            self._known = {
                matrix.name: _root_mean_square(_some(gradients, matrix))
                for matrix in parameter_layout(engine.config)
            }
            self._key = moment
            now = time.monotonic()
            self._not_before = now + (now - began) / self.SHARE
        return self._known


def _some(values: array[float], matrix: MatrixSpec) -> array[float]:
    """The numbers of a matrix, or every so manieth of them, in all rows and columns alike."""
    apart = matrix.size // Pulls.SAMPLED
    while apart > 1 and math.gcd(apart, matrix.columns) > 1:
        apart -= 1
    return values[matrix.offset : matrix.offset + matrix.size : max(1, apart)]


def _root_mean_square(values: array[float]) -> float:
    return math.sqrt(sum(g * g for g in values) / len(values))


_ENOUGH = 0.2
"""Seconds of work after which the speed of an engine is known well enough to show."""


class FrameMaker:
    """Makes the frames of one run."""

    def __init__(
        self, prepared: PreparedRun, training: Training, measurer: Measurer, panels: Panels
    ) -> None:
        self._prepared = prepared
        self._training = training
        self._measurer = measurer
        self._panels = panels
        self._pulls = Pulls()
        self._large = LargeMatrices()
        self._scalar_estimate: float | None = None
        self._small: tuple[SmallMatrix, ...] = ()
        self._small_key: tuple[SmallViews | None, int, int] = (None, -1, -1)
        self._small_due = 0.0

    def frame(
        self,
        request: FrameRequest,
        state: SessionState,
        info: RunInfo,
        speed: float | None,
        speedometer: Speedometer,
        batches: Sequence[SampleBatch],
        record: RecordState | None,
    ) -> Frame:
        """The run as it stands, with what is new since the frame that the requester has."""
        training = self._training
        step, timeline = training.step, training.timeline
        series, most = training.series, request.most_steps
        to = step if most is None else min(step, max(request.since_step, series.first) + most)
        first, losses, rates, evaluations = series.between(request.since_step, to)
        measured = series.shown_between(request.since_step, to)
        errors = measured.pop(HELD_OUT_ERROR, ())
        clock = [*series.clock.between(request.since_step or -1, to - 1)]
        if (now := series.clock.at(to)) is not None:
            clock.append((to, *now))
        base, work = timeline.rate_at(step), training.work
        rate = work.steps_per_second if work.seconds >= _ENOUGH else 0.0
        document = None
        if request.document:
            coming = training.documents_to_come()[0]
            document = document_frame(self._prepared, training.last, coming, request.history)
        matrices = self._matrices(request.matrices, state == "running")
        panel = None
        if request.panel:
            facts = self.panel_facts(info)
            panel = self._panels.draw(request.panel, step, training.epoch, facts)
        return Frame(
            state=state,
            step=step,
            steps=training.spec.steps,
            epoch=training.epoch,
            scored=training.scored,
            metrics=Metrics(
                first, losses, rates, evaluations, measured, errors, tuple(clock), step - to
            ),
            learning_rate=base * training.schedule.shown(step),
            base_learning_rate=base,
            engine=training.engine_name,
            tokens_seen=training.tokens_seen,
            steps_per_second=speedometer.steps_per_second,
            tokens_per_second=speedometer.tokens_per_second,
            speed=speed,
            document=document,
            seen=(
                ()
                if request.seen_since is None
                else seen_documents(self._prepared, training.recent, request.seen_since)
            ),
            small=self._small_views(request.small) if request.small else (),
            matrices=matrices,
            batches=tuple(b for b in batches if b.number > request.since_batch),
            trouble=training.trouble,
            earliest=timeline.earliest,
            step_ms=1000 / rate if rate else 0.0,
            scalar_ratio=rate * self._scalar_ms() / 1000 if rate else 0.0,
            meters=self._measurer.meters,
            panel=panel,
            head=max(step, training.series.head),
            edits=timeline.edits.told(),
            by_hand=timeline.edits.told_at(step),
            held=timeline.edits.held_words(step),
            operated=timeline.edits.operated(step),
            record=record,
            evaluated=training.evaluated,
            pulls=(
                self._pulls.of(training.engine, (step, training.epoch)) if request.pulls else {}
            ),
        )

    def _matrices(self, views: Sequence[MatrixView], running: bool) -> tuple[MatrixFrame, ...]:
        """The matrices on screen."""
        training = self._training

        def make(views: Sequence[MatrixView]) -> tuple[MatrixFrame, ...]:
            shows_update = any(view.kind == "update" for view in views)
            before = training.weights_before() if shows_update else None
            return matrix_frames(training.engine, views, before, training.surgery.left)

        if len(self._prepared.initial) > LARGE_MODEL:
            return self._large.of(views, (training.step, training.epoch), running, make)
        around = {(view.name, view.kind): view.around for view in views}
        return tuple(windowed(one, around[one.name, one.kind]) for one in make(views))

    def _small_views(self, view: SmallViews) -> tuple[SmallMatrix, ...]:
        """All matrices, computed anew at most as often as a tenth of the time affords."""
        training, began = self._training, time.monotonic()
        key = (view, training.step, training.epoch)
        if key != self._small_key and (began >= self._small_due or view != self._small_key[0]):
            before = training.weights_before() if view.kind == "update" else None
            self._small = _small(training.engine, view, before, training.surgery.left)
            self._small_key, now = key, time.monotonic()
            self._small_due = now + (now - began) / Pulls.SHARE
        return self._small

    def panel_facts(self, info: RunInfo) -> Callable[[], PanelFacts]:
        """A function that gives the run at the moment of its call, as copies that a panel may
        change."""
        training = self._training

        def facts() -> PanelFacts:
            last, step = training.last, training.step
            shown = document_frame(self._prepared, last, 0, 0) if last is not None else None
            return PanelFacts(
                step=step,
                steps=training.spec.steps,
                losses=training.series.between(max(0, step - LOSSES), step)[1],
                vocabulary=info.vocabulary,
                document=shown.tokens if shown else (),
                token_losses=shown.losses if shown else (),
                shapes={matrix.name: (matrix.rows, matrix.columns) for matrix in info.matrices},
                read=lambda kind: training.engine.read(kind),
                anatomy=self.text_anatomy,
                documents=self._prepared.texts,
                encode=self._prepared.encoder.as_read,
            )

        return facts

    def text_anatomy(self, text: str | None) -> TextAnatomy:
        """The text inside the model as it is now, or the present document for None. A new object at
        each call. Raises UnknownTextError, PluginError."""
        training, prepared = self._training, self._prepared
        encoder = prepared.encoder
        if text is None:
            last = training.last
            index = last.document_indices[0] if last else training.documents_to_come()[0]
            ids = prepared.documents.shown(index)
        else:
            bos = encoder.bos_id
            ids = [bos, *(encoder.prompt(text) if text else ()), bos]
        anatomy = dissect(prepared.config, training.engine.read("weights"), ids)
        return TextAnatomy(
            anatomy,
            tuple(map(encoder.display, anatomy.tokens)),
            tuple(map(encoder.display, anatomy.targets)),
        )

    def _scalar_ms(self) -> float:
        """Estimated milliseconds of a step with the scalar engine."""
        prepared = self._prepared
        if self._scalar_estimate is None:
            self._scalar_estimate = estimate_step_ms(
                prepared.config, prepared.tokens_per_document, "scalar",
                prepared.spec.batch_size, prepared.spec.optimizer.name,
            )  # fmt: skip
        return self._scalar_estimate
