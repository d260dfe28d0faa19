"""A run's way through its steps: forward, back, and forward again to the same bits.

All that training depends on is here: the engine at work, the documents' turn, the edits. Going
anywhere is a keyframe and a replay. `state_of` takes the whole state as a checkpoint; setup.py is
the way back.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Iterable
from itertools import chain

from microgpt.engine import STATE_KINDS, BulkEngine, Engine, StateKind
from microgpt.trainer import DivergedError, StepResult, Stretch, Trainer
from playground.hooks.errors import PluginError, UnknownNameError, traceback_text
from playground.lab.edits import Edit, Edits
from playground.lab.floats import as_bytes
from playground.lab.protocol.failures import Failure, LabError, Progress
from playground.lab.protocol.run import FALLBACK_ENGINE, Checkpoint
from playground.lab.protocol.sampling import Sampling
from playground.lab.run.divergence import diverged, unexpected
from playground.lab.run.engines import CurrentEngine, ReadyEngine, move
from playground.lab.run.evaluation import Evaluator
from playground.lab.run.guard import failure_of
from playground.lab.run.schedule import schedule_failed
from playground.lab.run.setup import PreparedRun, past_of, start_of
from playground.lab.run.speed import Speedometer
from playground.lab.timeline import SPACING, Keyframe, Series


def state_of(
    training: Training, tokenizer: str, data: str, sampling: Sampling, since: int | None
) -> Checkpoint:
    """The state where it stands. tokenizer: its state_dict as JSON; data: the documents'
    fingerprint; since: with the series after this step, or without any, if None."""
    step, timeline, read = training.step, training.timeline, training.engine.read
    first, losses, rates, evaluations = training.series.between(since or 0, step)
    measured = training.series.measured_between(since or 0, step)
    if since is None:
        losses, rates, evaluations, measured = array("d"), array("d"), (), {}
    return Checkpoint(
        spec=training.spec.to_json(),
        step=step,
        weights=as_bytes(read("weights")),
        first_moment=as_bytes(read("first_moment")),
        second_moment=as_bytes(read("second_moment")),
        gradients=as_bytes(read("gradients")),
        tokenizer=tokenizer,
        base_learning_rate=timeline.rate_at(step),
        tokens_seen=training.tokens_seen,
        losses=as_bytes(losses),
        learning_rates=as_bytes(rates),
        evaluations=evaluations,
        edits=timeline.edits,
        data=data,
        repeatable=timeline.earliest == 0,
        sampling=sampling,
        since_step=first - 1,
        epoch=training.epoch,
        measured=tuple(
            (label, as_bytes(array("d", chain.from_iterable(pairs))))
            for label, pairs in sorted(measured.items())
        ),
    )


AT_A_TIME = 0.005
"""Seconds of steps that a fast engine makes in one call: commands wait for no longer."""
_BETWEEN_KEYFRAMES = 0.02
"""Seconds of steps that it may take to be anywhere between two keyframes of a fast engine."""
_BETWEEN_SLOW = 0.25
"""The same of a slow engine, down to a keyframe after each step."""
_RECENTLY = 3.0
"""Seconds after a look at the last update during which each step keeps what it needs."""


class Training:
    """Not thread-safe. After a failed step it stands at the last good one, and `trouble` says
    what happened; everything works from there."""

    def __init__(self, prepared: PreparedRun) -> None:
        self.spec = prepared.spec
        self.trouble: Failure | None = None
        """Why the last step failed; None if it did not."""
        self.epoch = 0
        """Goes up when what was recorded is not any more: another future began."""
        self.tokens_seen = 0
        self.last: StepResult | None = None
        """What the last step did; None at the start, and after a jump."""
        self.work = Speedometer()
        """How fast the engine makes its steps, while it makes them."""
        self.current = CurrentEngine(prepared.made)
        self._prepared = prepared
        self._engines = prepared.engines
        self._made = prepared.made
        self._trainer = Trainer(
            prepared.made.engine,
            prepared.documents,
            prepared.spec.optimizer.config(),
            prepared.spec.steps,
            prepared.spec.batch_size,
            prepared.schedule.factor,
        )
        self.schedule = prepared.schedule
        self._evaluator = Evaluator(self.current, prepared.encoder, prepared.heldout)
        past = start_of(prepared)
        self.timeline, self.series = past.timeline, past.series
        self._pace = AT_A_TIME
        """Seconds a step, as it went lately."""
        self._before: array[float] | None = None
        """The weights before the last step, if they were kept."""
        self.before_edit: Callable[[], None] = lambda: None
        """Called before something is set by hand: what was recorded beyond here is about to
        become another run's."""
        self._update_wanted = 0.0
        self._work_with(prepared.made)

    @property
    def step(self) -> int:
        """Steps done."""
        return self._trainer.step

    @property
    def finished(self) -> bool:
        return self.step >= self.spec.steps

    @property
    def engine(self) -> Engine:
        """The one at work."""
        return self._made.engine

    @property
    def engine_name(self) -> str:
        """The engine of the step to come."""
        return self.timeline.engine_at(self.step)

    @property
    def pace(self) -> float:
        """Seconds a step, as it went lately."""
        return self._pace

    def documents_to_come(self) -> list[int]:
        """Places of the documents of the next step."""
        return self._trainer.document_indices(self.step)

    # ------------------------------------------------------------ forward

    def forward(self, most: int) -> bool:
        """Up to `most` steps, as many as make one stretch: to the next edit, evaluation or
        keyframe, and not for long. False if the last one failed: `trouble` then says why."""
        at = self.step
        try:
            self._take_turns(at)
            count = self._stretch(at, most)
            try:
                count = self.schedule.ready(at, count)
            except PluginError as error:
                self.trouble = schedule_failed(error)
                return False
            self._trainer.learning_rate = self.timeline.rate_at(at)
            began = time.perf_counter()
            with self._stepping:
                stretch = self._train(count)
            seconds = time.perf_counter() - began
        except (PluginError, UnknownNameError) as error:
            self.trouble = failure_of(error)
            return False
        except (Exception, SystemExit) as error:
            failure = unexpected(self._made.guard, error, traceback_text(error))
            self._put_back(failure, at)
            return False
        self.trouble = None
        if self.step > at:
            self._pace = seconds / (self.step - at)
            self.work.add(seconds, stretch.tokens, self.step - at)
        self.series.record(at, stretch.losses, stretch.learning_rates)
        self.tokens_seen += stretch.tokens
        if stretch.last is not None:
            self.last = stretch.last
        if stretch.diverged is not None:
            self._diverged(stretch.diverged)
            return False
        if self.step >= self.timeline.next_wanted(at):
            self.timeline.keep(self.keyframe())
        try:
            self.evaluate()
        except PluginError as error:
            self.trouble = failure_of(error)
        return True

    def _take_turns(self, at: int) -> None:
        """Let the engine work whose turn it is."""
        name = self.timeline.engine_at(at)
        entry = self._engines.entry(name)
        if entry != self._made.entry:
            made = self._engines.get(name, _unheard)
            with made.guard.at("write", kind="engine"):
                move(self.engine, made.engine)
            self._work_with(made)

    def _stretch(self, at: int, most: int) -> int:
        """How many steps to make in one call."""
        timeline, pace = self.timeline, max(self._pace, 1e-9)
        if not isinstance(self.engine, BulkEngine):
            timeline.spacing = max(1, min(SPACING, int(_BETWEEN_SLOW / pace)))
            return min(most, 1)
        quickly = int(AT_A_TIME / self._pace) if self._pace > 0 else most
        timeline.spacing = max(1, min(SPACING, int(_BETWEEN_SLOW / pace)))
        timeline.spacing = max(timeline.spacing, int(_BETWEEN_KEYFRAMES / pace))
        stop = min(at + max(1, quickly), timeline.next_wanted(at), timeline.edits.next_after(at))
        if every := self.spec.eval_every:
            stop = min(stop, at - at % every + every)
        return int(min(most, self.spec.steps - at, stop - at))

    def _train(self, count: int) -> Stretch:
        """So many steps; if somebody looks at the last update, with the weights before it."""
        trainer = self._trainer
        if not (self._update_wanted and time.monotonic() - self._update_wanted < _RECENTLY):
            self._before = None
            return trainer.train(count)
        first = trainer.train(count - 1)
        if first.diverged is not None:
            return first
        before = self.engine.read("weights")
        last = trainer.train(1)
        self._before = before if last.last is not None else None
        return Stretch(
            first.losses + last.losses,
            first.learning_rates + last.learning_rates,
            first.tokens + last.tokens,
            last.last,
            last.diverged,
        )

    def _diverged(self, error: DivergedError) -> None:
        rate = self._trainer.learning_rate
        self._put_back(diverged(self.engine, error, rate), max(0, error.step - 2))

    def evaluate(self) -> None:
        """Hold-out loss here, if it is due and not known from an earlier visit."""
        every, known = self.spec.eval_every, self.series.evaluations
        due = every and (self.step % every == 0 or self.finished)
        if due and self._evaluator and self.step not in known:
            known[self.step] = self._evaluator.loss()

    def _put_back(self, failure: Failure, good: int) -> None:
        """Return to the last good step, and say why."""
        try:
            self.go_to(good)
        except Exception:  # the replay fails as well: then from a keyframe, unreplayed
            self.stand_at(self.timeline.before(good))
        self.trouble = failure

    # ------------------------------------------------------------ to and fro

    def go_to(self, step: int) -> None:
        """Stand where the run is after `step` steps, bit for bit. Raises LabError."""
        self.seek(step)
        while self.step < step and self.forward(step - self.step):
            pass
        if self.trouble is not None:
            raise LabError(self.trouble)

    def seek(self, step: int) -> None:
        """The first half of `go_to`: stand at the nearest known state from where `forward`
        leads to `step`. Raises LabError for a step that cannot be reached."""
        earliest, latest = self.timeline.earliest, self.spec.steps
        if not earliest <= step <= latest:
            raise LabError(
                Failure(
                    f"Step {step:,} cannot be reached",
                    f"This run goes from step {earliest:,} to step {latest:,}.",
                    problems={"step": f"must be between {earliest} and {latest}"},
                )
            )
        keyframe = self.timeline.before(step)
        recorded = step <= self.series.head
        if step <= self.step or (recorded and keyframe.step > self.step):
            self.stand_at(keyframe)
        self.trouble = None

    def stand_at(self, keyframe: Keyframe) -> None:
        """Take on the state of a keyframe."""
        write = self.engine.write
        write("weights", keyframe.weights)
        write("first_moment", keyframe.first_moment)
        write("second_moment", keyframe.second_moment)
        write("gradients", array("d", bytes(8 * len(keyframe.weights))))
        self._trainer.step = keyframe.step
        self.tokens_seen = keyframe.tokens_seen
        self.last = self._before = None
        if keyframe.step < self.series.first:  # what lies between was never recorded
            self.epoch += 1
            self.series = Series(keyframe.step)
            self.timeline.forget_frames_after(keyframe.step)

    def keyframe(self) -> Keyframe:
        """The present state."""
        read = self.engine.read
        return Keyframe(
            self.step,
            self.tokens_seen,
            read("weights"),
            read("first_moment"),
            read("second_moment"),
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Take on the state of a checkpoint of this very run. Raises LabError, PluginError."""
        past = past_of(checkpoint, self._prepared)
        self.timeline, self.series, self.trouble = past.timeline, past.series, None
        self.epoch += 1
        self.stand_at(past.keyframe)
        if past.gradients is not None:
            self.engine.write("gradients", past.gradients)
        self.evaluate()

    def recall(
        self,
        keyframes: Iterable[Keyframe],
        at: int,
        alive: Callable[[], None],
        edits: Edits,
    ) -> str:
        """Stand where a recorded run stood, with all its keyframes; alive: called now and then.
        edits: all that were recorded.

        If what led there cannot be done again here, with these data and engines, it stands at
        the last known state before, with an engine that there is; what is to be said of that.
        Raises LabError, PluginError.
        """
        prepared, frames = self._prepared, tuple(keyframes)
        if prepared.same_data and not prepared.fell_back:
            for frame in frames:
                self.timeline.keep(frame)
            self.seek(at)
            while self.step < at and self.forward(at - self.step):
                alive()
            if self.step == at:
                return ""
        self._stand_at_last([frame for frame in frames if frame.step <= at], edits)
        missing = self._without_engine()
        told = f"step {at:,} cannot be done again here; it goes on from {self.step:,}"
        return missing or ("" if self.step == at else told)

    def _stand_at_last(self, frames: list[Keyframe], edits: Edits) -> None:
        """At the last of these states, without replaying anything; nothing before it can be."""
        timeline = self.timeline
        if frames:
            self.stand_at(frames[-1])
            timeline.begin_at(frames[-1])
        self._another_future()
        timeline.edits = edits.until(self.step)

    def _without_engine(self) -> str:
        """Let another engine go on here, if the one whose turn it is cannot; a sentence then."""
        name = self.engine_name
        try:
            self._engines.entry(name)
            fine = not self._prepared.fell_back
        except UnknownNameError:
            fine = False
        if fine:
            return ""
        fallback = Edit(self.step, "engine", FALLBACK_ENGINE)
        self.timeline.edits = self.timeline.edits.having(fallback)
        return f"the engine {name!r} cannot work here; {FALLBACK_ENGINE!r} goes on"

    # ------------------------------------------------------------ edits

    def set_rate(self, learning_rate: float) -> None:
        """The base learning rate from here on."""
        self.before_edit()
        self.timeline.edit(Edit(self.step, "learning_rate", learning_rate))
        self._another_future()

    def use(self, name: str, made: ReadyEngine) -> None:
        """Another engine from here on, in the same state. Raises PluginError if it does not
        take that on; the engine before then goes on."""
        if made.entry == self._engines.entry(self.engine_name):
            return
        with made.guard.at("write", kind="engine"):
            state = self._state()
            for kind, values in state.items():
                made.engine.write(kind, values)
        if not state:
            self._engines.forget(self._made)
        self._engines.keep(made)
        self._work_with(made)
        if not state:
            self.epoch += 1
            self.stand_at(self.timeline.before(self.step + 1))
        self.before_edit()
        self.timeline.edit(Edit(self.step, "engine", name))
        self._another_future()

    def _state(self) -> dict[StateKind, array[float]]:
        """All that the engine holds; nothing, if it is broken."""
        try:
            return {kind: self.engine.read(kind) for kind in STATE_KINDS}
        except Exception:
            return {}

    def _work_with(self, made: ReadyEngine) -> None:
        """The engine at work from now on; its state is that of the run."""
        self._made = self.current.made = made
        self._trainer.engine = made.engine
        self._stepping = made.guard.doing("a step", "engine")
        self._pace = AT_A_TIME
        self.work = Speedometer()
        self.timeline.spacing = SPACING

    def _another_future(self) -> None:
        if self.series.head > self.step:
            self.epoch += 1
        self.series.forget_after(self.step)
        self.trouble = None

    # ------------------------------------------------------------ looking

    def weights_before(self) -> array[float] | None:
        """The weights before the last step, by doing that step again if need be; None if no
        step leads here that can be done again."""
        self._update_wanted = time.monotonic()
        step, trouble, epoch = self.step, self.trouble, self.epoch
        if self._before is None and step > self.timeline.earliest:
            self.go_to(step)
            self.trouble, self.epoch = trouble, epoch
        return self._before


def _unheard(progress: Progress) -> None:
    """An engine that was at work before is soon made again."""
