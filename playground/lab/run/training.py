"""A run's way through its steps: forward, back, and forward again to the same bits.

All that training depends on is here: the engine at work, the order of the documents, the edits.
Going to another step means a keyframe and a replay. state.py saves the whole state as a checkpoint;
setup.py restores it.

What is done by hand to the weights after step s is no part of step s. A keyframe of s is the state
as the step left it, wherever it is kept: in memory, in the record, in a checkpoint beside the
weights that go on. The edits made at s are done to it each time that the run takes up its way
there, so that an edit is taken back by its removal and the keyframe. What is held belongs to the
steps: it is put back at the end of each step that begins while it is held. The held-out loss after
s is that of the state as the step left it. Adam's moments are left as they are by all of this.
"""

from __future__ import annotations

import contextlib
import math
import time
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress

from microgpt.collector import collector_paused
from microgpt.engine import STATE_KINDS, Engine, StateKind, takes_many
from microgpt.surgery import Operation, operations_of
from microgpt.trainer import DivergedError, StepResult, Stretch, Trainer, joined
from playground.hooks.errors import PluginError, UnknownNameError, traceback_text
from playground.hooks.isolation import by_keyboard
from playground.lab.edits import WEIGHTS, Edit, Edits, text_of
from playground.lab.protocol.failures import Failure, LabError, Progress
from playground.lab.protocol.run import FALLBACK_ENGINE, Checkpoint, Scored
from playground.lab.run.divergence import diverged, unexpected
from playground.lab.run.engines import CurrentEngine, ReadyEngine, move
from playground.lab.run.evaluation import Evaluator
from playground.lab.run.guard import failure_of
from playground.lab.run.schedule import schedule_failed
from playground.lab.run.scored import scored
from playground.lab.run.setup import PreparedRun, past_of, start_of
from playground.lab.run.speed import Speedometer
from playground.lab.run.surgery import Surgery
from playground.lab.timeline import LARGE, SPACING, Clock, Keyframe, Series, keyframe_size

SEEN = 30
"""The last steps whose documents and losses are kept, to be looked at."""
AT_A_TIME = 0.005
"""Seconds of steps that a fast engine makes in one call, and so the longest wait of a command."""
_BETWEEN_KEYFRAMES = 0.02
"""Seconds between two keyframes of an engine that makes more than SPACING steps in them."""
_BETWEEN_SLOW = 0.25
"""The most seconds between two keyframes of a slower engine, but one step at least."""
_UNDONE = 100
"""Changes by hand that can be taken back one by one."""
_RECENTLY = 3.0
"""Seconds after a look at the last update during which the weights before it are kept; a few steps
where these take longer."""
_KEEPING = 0.2
"""The share of the time that taking keyframes of a large model may cost."""


class Training:
    """Trains one run. After a failed step the run stands at the last good one, `trouble` says what
    happened, and everything works from there. Not thread-safe."""

    def __init__(self, prepared: PreparedRun) -> None:
        self.spec = prepared.spec
        self.trouble: Failure | None = None
        """Why the last step failed; None if it did not."""
        self.epoch = 0
        """Goes up when recorded steps become void, because other steps follow."""
        self.tokens_seen = 0
        self.last: StepResult | None = None
        """The result of the last step; None at the start, and after a jump."""
        self.recent: deque[StepResult] = deque(maxlen=SEEN)
        """The results of the last steps that lead to this one, as far as they are known."""
        self.work = Speedometer()
        """The engine's speed, in the time of its steps alone."""
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
        self._evaluator = Evaluator(self.current, prepared.heldout)
        self._scored: tuple[int, Scored | None] = (0, None)
        """How many documents the evaluator measured when `scored` was asked last, and the answer;
        the first documents are always the same ones."""
        past = start_of(prepared)
        self.timeline, self.series = past.timeline, past.series
        self._pace = AT_A_TIME
        """Seconds a step, in the last call."""
        self._before: array[float] | None = None
        """The weights before the last step; None if they were not kept."""
        self.before_edit: Callable[[], None] = lambda: None
        """Called before an edit, after which the recorded later steps are another run's."""
        self._update_wanted = 0.0
        self.keyframe_size = keyframe_size(len(prepared.initial))
        """Bytes of a keyframe."""
        self._keeping = 0.0
        """Seconds that the quickest large keyframe took; others had to wait for the machine."""
        self.spread = 1
        """How many times as far apart keyframes lie as in a run that one goes back in."""
        self.surgery = Surgery(prepared.config)
        """Does to the weights what the edits say."""
        self._by_hand_here = deque[tuple[tuple[str, str], int, tuple[str, str]]](maxlen=_UNDONE)
        """What was done here and held before and after each change by hand, and the step."""
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
        """The engine at work."""
        return self._made.engine

    @property
    def engine_name(self) -> str:
        """The name of the engine of the next step."""
        return self.timeline.engine_at(self.step)

    @property
    def pace(self) -> float:
        """Seconds a step, in the last call."""
        return self._pace

    def documents_to_come(self) -> list[int]:
        """The places of the next step's documents."""
        return self.document_indices(self.step + 1)

    def document_indices(self, step: int) -> list[int]:
        """The places of the documents of a step, counted from 1."""
        return self._trainer.document_indices(step - 1)

    @property
    def document(self) -> int:
        """The place of the document of the last step; before the first one, of the next."""
        indices = self.last.document_indices if self.last is not None else self.documents_to_come()
        return indices[0]

    @property
    def next_rate(self) -> float:
        """The learning rate of the next step, its schedule included."""
        return self.timeline.rate_at(self.step) * self._trainer.factor(
            self.step, self._trainer.steps
        )

    # ------------------------------------------------------------ forward

    def forward(self, most: int) -> bool:
        """Make up to `most` steps in one call, which ends at the next edit, evaluation or keyframe,
        or after AT_A_TIME. False if a step failed: `trouble` then says why."""
        at = self.step
        try:
            self._take_turns(at)
            self.take_up()
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
            if self.step > at:
                self.surgery.left = None
            seconds = time.perf_counter() - began
        except (PluginError, UnknownNameError) as error:
            failure = failure_of(error)
            if failure.contribution.startswith("engine:"):  # its state may be half a step further
                self._put_back(failure, at)
            self.trouble = failure
            return False
        except BaseException as error:
            if by_keyboard(type(error)):
                raise
            failure = unexpected(self._made.guard, error, traceback_text(error))
            self._put_back(failure, at)
            return False
        self.trouble = None
        if self.step > at:
            self._pace = seconds / (self.step - at)
            self.work.add(seconds, stretch.tokens, self.step - at)
        head = self.series.head
        self.series.record(at, stretch.losses, stretch.learning_rates)
        self.tokens_seen += stretch.tokens
        if self.step > head:
            self.series.clock.spend(self.step, self.tokens_seen, seconds)
        if stretch.last is not None:
            self.last = stretch.last
            self.recent.append(stretch.last)
        if stretch.diverged is not None:
            self._diverged(stretch.diverged)
            return False
        try:
            if self.step >= self.timeline.next_wanted(at):
                self._keep_keyframe()
            self.evaluate()
        except PluginError as error:
            self.trouble = failure_of(error)
        return True

    def _keep_keyframe(self) -> None:
        """Keep the present state in memory. Raises PluginError."""
        began = time.perf_counter()
        self.timeline.make_room(self.step, self.keyframe_size)
        self.timeline.keep(self.keyframe())
        if self.keyframe_size > LARGE:
            taken = time.perf_counter() - began
            self._keeping = min(taken, self._keeping or taken)

    def _take_turns(self, at: int) -> None:
        """Change to the engine that the edits set for step `at`, if another is at work."""
        name = self.timeline.engine_at(at)
        entry = self._engines.entry(name)
        if entry != self._made.entry:
            made = self._engines.get(name, _unheard)
            with made.guard.at("write", kind="engine"):
                move(self.engine, made.engine)
            self._work_with(made)

    def _stretch(self, at: int, most: int) -> int:
        """How many steps to make in one call; sets the spacing of the keyframes."""
        timeline, pace = self.timeline, max(self._pace, 1e-9)
        if not takes_many(self.engine):
            timeline.spacing = self.spread * max(1, min(SPACING, int(_BETWEEN_SLOW / pace)))
            timeline.spacing = max(timeline.spacing, self._spacing_of_large(pace))
            return min(most, 1)
        quickly = int(AT_A_TIME / self._pace) if self._pace > 0 else most
        timeline.spacing = max(1, min(SPACING, int(_BETWEEN_SLOW / pace)))
        timeline.spacing = self.spread * max(timeline.spacing, int(_BETWEEN_KEYFRAMES / pace))
        timeline.spacing = max(timeline.spacing, self._spacing_of_large(pace))
        stop = min(at + max(1, quickly), timeline.next_wanted(at), timeline.edits.next_after(at))
        if every := self.spec.eval_every:
            stop = min(stop, at - at % every + every)
        return int(min(most, self.spec.steps - at, stop - at))

    def _spacing_of_large(self, pace: float) -> int:
        """The steps between two keyframes that cost no more than _KEEPING of the time; 0 for a
        model that is not large."""
        return int(self._keeping / (_KEEPING * pace))

    @property
    def _update_shown(self) -> bool:
        """True if somebody looked at the last update a moment ago."""
        return time.monotonic() - self._update_wanted < max(_RECENTLY, 3 * self._pace)

    def _train(self, count: int) -> Stretch:
        """Make `count` steps; keep the weights before the last one if its update is on screen."""
        if not (self._update_wanted and self._update_shown):
            self._before = None
            return self._train_held(count)
        first = self._train_held(count - 1)
        if first.diverged is not None:
            return first
        before = self.engine.read("weights")
        last = self._train_held(1)
        self._before = before if last.last is not None else None
        return joined([first, last])

    def _train_held(self, count: int) -> Stretch:
        """Make `count` steps; one call for each step if weights are held, which then keep their
        values."""
        held = self.timeline.edits.held_at(self.step)
        if not held:
            return self._train_uncollected(count)
        parts = [self._trainer.train(0)]
        for _ in range(count):
            parts.append(self._train_uncollected(1))
            if parts[-1].diverged is not None:
                break
            self.surgery.hold(self._made, held)
        return joined(parts)

    def _train_uncollected(self, count: int) -> Stretch:
        """Make `count` steps without garbage collection, which would look through a large graph of
        the scalar engine again and again, for as long as the step itself takes."""
        with collector_paused():
            return self._trainer.train(count)

    def _diverged(self, error: DivergedError) -> None:
        rate = self._trainer.learning_rate
        self._put_back(diverged(self.engine, error, rate), max(0, error.step - 2))

    def evaluate(self, told: Callable[[int, int], None] = lambda *_: None) -> None:
        """Measure the hold-out loss if it is due here and not known yet. told: as Evaluator.loss
        has it. Raises PluginError."""
        every, series = self.spec.eval_every, self.series
        due = every and (self.step % every == 0 or self.finished)
        if due and self._evaluator and self.step not in series.evaluations:
            series.evaluate(self.step, self._evaluator.loss(told))

    @property
    def measured_on(self) -> list[list[int]]:
        """The held-out documents that the engine at work looks at, as tokens."""
        return self._evaluator.documents

    @property
    def evaluated(self) -> int:
        """How many held-out documents the engine at work looks at; 0 if none are held out."""
        return self._evaluator.count

    @property
    def scored(self) -> Scored | None:
        """What the held-out loss is measured on with the engine at work; None without held-out
        documents, or if the tokenizer fails."""
        with suppress(PluginError):
            documents = self._evaluator.documents
            if len(documents) != self._scored[0]:
                self._scored = len(documents), scored(documents, self._prepared.encoder)
            return self._scored[1]
        return None

    def broke(self, failure: Failure) -> None:
        """Note that the engine failed between two steps, and do the way to this step again: what
        the engine holds is not known."""
        self._put_back(failure, self.step)

    def _put_back(self, failure: Failure, good: int) -> None:
        """Go back to step `good`, and say why in `trouble`."""
        try:
            self.go_to(good)
        except Exception:  # the replay fails too, so stay at the keyframe before
            with contextlib.suppress(PluginError):  # the engine takes no state any more
                self.stand_at(self.timeline.before(good))
                self.take_up()
        self.trouble = failure

    # ------------------------------------------------------------ to and fro

    def go_to(self, step: int, alive: Callable[[], None] = lambda: None) -> None:
        """Go to the state after `step` steps, bit for bit. alive: called now and then. Raises
        LabError."""
        self.seek(step)
        while self.step < step and self.forward(step - self.step):
            alive()
        if self.trouble is not None:
            raise LabError(self.trouble)
        self.take_up()

    def seek(self, step: int) -> None:
        """The first half of `go_to`: go to the nearest known state from which `forward` reaches
        `step`. Raises LabError for a step that cannot be reached."""
        self.check_reaches(step)
        keyframe = self.timeline.before(step)
        recorded = step <= self.series.head
        if step <= self.step or (recorded and keyframe.step > self.step):
            self.stand_at(keyframe)
        self.trouble = None
        self.take_up()

    def check_reaches(self, step: int) -> None:
        """Raise LabError for a step that cannot be reached."""
        earliest, latest = self.timeline.earliest, self.spec.steps
        if not earliest <= step <= latest:
            raise LabError(
                Failure(
                    f"Step {step:,} cannot be reached",
                    f"This run goes from step {earliest:,} to step {latest:,}.",
                    problems={"step": f"must be between {earliest} and {latest}"},
                )
            )

    def begin(self, keyframe: Keyframe, edits: Edits) -> None:
        """Stand at a state of another training of the same run, with its edits, and know of nothing
        before. Raises PluginError."""
        self.trouble = None
        self.stand_at(keyframe)
        self.timeline.begin_at(keyframe)
        self.timeline.edits = edits
        self.series = Series(keyframe.step)

    def skip(self) -> None:
        """Pass over the next step: its documents do not train. Weights and moments stay as they
        are, and each later step has the documents, the learning rate and the number in Adam's bias
        correction that it has without this. The training is another run's from here on, for which
        there is no way back. Raises PluginError, UnknownNameError."""
        self._take_turns(self.step)
        self.take_up()
        self._trainer.step += 1
        self.surgery.left = None
        self.timeline.begin_at(self.keyframe())
        self.series = Series(self.step)
        self.last = self._before = None

    def take_up(self) -> None:
        """Do to the weights what the edits made at this step say, if that is not done yet. Raises
        PluginError."""
        self.surgery.take_up(self._made, self.timeline.edits, self.step)

    def stand_at(self, keyframe: Keyframe) -> None:
        """Go to the state of a keyframe, as its step left it."""
        self.surgery.left = None
        write = self.engine.write
        write("weights", keyframe.weights)
        write("first_moment", keyframe.first_moment)
        write("second_moment", keyframe.second_moment)
        write("gradients", array("d", bytes(8 * len(keyframe.weights))))
        self._trainer.step = keyframe.step
        self.tokens_seen = keyframe.tokens_seen
        self.last = self._before = None
        self.recent = deque((one for one in self.recent if one.step <= keyframe.step), SEEN)
        if keyframe.step < self.series.first:  # the steps between them were never recorded
            self.epoch += 1
            self.series = Series(keyframe.step)
            self.series.clock = Clock([(keyframe.step, keyframe.tokens_seen, 0.0)])
            self.timeline.forget_frames_after(keyframe.step)

    def keyframe(self) -> Keyframe:
        """The present state as a keyframe: as the step left it."""
        read = self.engine.read
        return Keyframe(
            self.step,
            self.tokens_seen,
            self.surgery.left or read("weights"),
            read("first_moment"),
            read("second_moment"),
        )

    def restore(
        self,
        checkpoint: Checkpoint,
        told: Callable[[int, int], None] = lambda *_: None,
    ) -> None:
        """Go to the state of a checkpoint of this run. told: as `evaluate` has it. Raises LabError,
        PluginError."""
        past = past_of(checkpoint, self._prepared)
        self.timeline, self.series, self.trouble = past.timeline, past.series, None
        self.epoch += 1
        self.stand_at(past.keyframe)
        if past.gradients is not None:
            self.engine.write("gradients", past.gradients)
        self.evaluate(told)
        self.take_up()

    def recall(
        self,
        keyframes: Iterable[Keyframe],
        at: int,
        alive: Callable[[], None],
        edits: Edits,
    ) -> str:
        """Go to step `at` of a recorded run, with all its keyframes. alive: called now and then.
        edits: all recorded ones.

        If the steps up to `at` cannot be repeated with these data and engines, the run stands at
        the last known state before, with an engine that works here. Returns a sentence about the
        difference, "" if there is none. Raises LabError, PluginError.
        """
        prepared, frames = self._prepared, tuple(keyframes)
        if prepared.same_data and not prepared.fell_back:
            for frame in frames:
                self.timeline.keep(frame)
            self.seek(at)
            while self.step < at and self.forward(at - self.step):
                alive()
            if self.step == at:
                self.take_up()
                return ""
        self._stand_at_last([frame for frame in frames if frame.step <= at], edits)
        missing = self._without_engine()
        self.take_up()
        told = f"step {at:,} cannot be done again here; it goes on from {self.step:,}"
        return missing or ("" if self.step == at else told)

    def _stand_at_last(self, frames: list[Keyframe], edits: Edits) -> None:
        """Go to the last of these states without a replay; no earlier step can be gone back to."""
        timeline = self.timeline
        if frames:
            self.stand_at(frames[-1])
            timeline.begin_at(frames[-1])
        self._another_future()
        timeline.edits = edits.until(self.step)

    def _without_engine(self) -> str:
        """Set the fallback engine here if the engine of the next step cannot work; returns a
        sentence about it, else ""."""
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

    def another_schedule(self) -> tuple[float, float] | None:
        """(learning rate of the last step, learning rate of the next) if this run's schedule would
        have given the last step another one, because the run goes on with another schedule or to
        another end; None otherwise."""
        at, series, factor = self.step, self.series, self.schedule.shown
        place = at - 1 - series.first
        if self.finished or not 0 <= place < len(series.learning_rates):
            return None
        was = series.learning_rates[place]
        planned = self.timeline.rate_at(at - 1) * factor(at - 1)
        if math.isnan(planned) or math.isclose(was, planned, rel_tol=1e-9):
            return None
        return was, self.timeline.rate_at(at) * factor(at)

    # ------------------------------------------------------------ edits

    def set_rate(self, learning_rate: float) -> None:
        """Set the base learning rate from the next step on."""
        self.before_edit()
        self.timeline.edit(Edit(self.step, "learning_rate", learning_rate))
        self._another_future()

    def operate(self, operations: Sequence[Operation]) -> None:
        """Do this to the weights before the next step, after what was done here already. Raises
        ValueError for what cannot be done to this model, with nothing changed; PluginError."""
        here = operations_of(self._here[0])
        self._by_hand((text_of([*here, *operations]), self._here[1]))

    def hold(self, operations: Sequence[Operation]) -> None:
        """Hold these weights, and no others, at their values from here on; the others go on from
        where they are. Raises as `operate` does."""
        self._by_hand((self._here[0], text_of(operations)))

    def undo(self) -> str:
        """Take back what was done last to the weights at this step, or all that was done here if
        its order is not known any more. The weights are then what they were before, to the bit.
        Returns what is taken back, in words; "" if there is nothing. Raises PluginError."""
        now, before = self._here, ("", self.timeline.edits.held_at(self.step - 1))
        if now == before:
            return ""
        told = self.timeline.edits
        if self._by_hand_here and self._by_hand_here[-1][1:] == (self.step, now):
            before = self._by_hand_here.pop()[0]
        else:
            self._by_hand_here.clear()
        self._set_by_hand(before)
        return told.taken_back(self.timeline.edits, self.step)

    @property
    def _here(self) -> tuple[str, str]:
        """What is done to the weights at this step, and what is held from here on."""
        edits = self.timeline.edits
        return edits.surgery_at(self.step), edits.held_at(self.step)

    def _by_hand(self, now: tuple[str, str]) -> None:
        """Let this be done to the weights here, and held from here on."""
        before = self._here
        if now != before:
            self._set_by_hand(now)
            self._by_hand_here.append((before, self.step, now))

    def _set_by_hand(self, now: tuple[str, str]) -> None:
        made = [
            Edit(self.step, field, text)
            for field, text, before in zip(WEIGHTS, now, self._here, strict=True)
            if text != before
        ]
        self.surgery.check(self.timeline.edits.until(self.step).having(*made))
        self.before_edit()
        self.surgery.put_down(self._made)
        for edit in made:
            self.timeline.edit(edit)
        if self.series.head <= self.step:
            self.epoch += 1  # what is shown of the weights is not that of this step any more
        self._another_future()
        self.take_up()

    def use(self, name: str, made: ReadyEngine) -> None:
        """Use another engine from the next step on, in the same state. Raises PluginError if the
        engine does not take the state; the one before then stays at work."""
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
        self.take_up()

    def _state(self) -> dict[StateKind, array[float]]:
        """The whole state of the engine at work; empty if that engine is broken."""
        try:
            return {kind: self.engine.read(kind) for kind in STATE_KINDS}
        except Exception:
            return {}

    def _work_with(self, made: ReadyEngine) -> None:
        """Make an engine that holds the run's state the one at work."""
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

    def leads_from(self, step: int) -> bool:
        """True if the state after `step` steps can be gone to, and is a part of what is known of
        this run."""
        timeline = self.timeline
        if not timeline.earliest <= step <= self.step:
            return False
        return timeline.before(step).step >= self.series.first

    @contextlib.contextmanager
    def looking_back(self) -> Iterator[None]:
        """Go to and fro inside, and stand where it stood afterwards, with what was known. Raises
        LabError, PluginError."""
        at, trouble, epoch, recent = self.step, self.trouble, self.epoch, self.recent.copy()
        last, before = self.last, self._before
        try:
            yield
        finally:
            if self.step != at:
                self.go_to(at)
            self.take_up()
            self.trouble, self.epoch, self.recent = trouble, epoch, recent
            self.last, self._before = last, before

    def weights_before(self) -> array[float] | None:
        """The weights before the last step, which is made again if they were not kept; None if no
        step leads here that can be made again. Raises LabError."""
        self._update_wanted = time.monotonic()
        step, trouble, epoch = self.step, self.trouble, self.epoch
        if self._before is None and step > self.timeline.earliest:
            self._update_wanted = math.inf  # the replay may take long; its last step counts
            try:
                self.go_to(step)
            finally:
                self._update_wanted = time.monotonic()
            self.trouble, self.epoch = trouble, epoch
        return self._before


def _unheard(progress: Progress) -> None:
    """Show no progress: an engine that was at work before is soon made again."""
