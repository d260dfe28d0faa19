"""One run being trained: plain, synchronous, and all there is to it.

The worker is a loop around a Session; tests and `microgpt-play train` use it directly. Training
depends on the RunSpec and the edits alone: looking, sampling and going back change nothing.
"""

from __future__ import annotations

import dataclasses
import json
import time
from array import array
from collections.abc import Callable, Mapping

from microgpt.config import linear_decay
from microgpt.trainer import DivergedError, StepResult, Trainer
from playground.catalog import KnobValue
from playground.hooks.errors import PluginError, traceback_text
from playground.hooks.registry import Registry
from playground.lab.activity import Activity
from playground.lab.checkpoint import CheckpointError, as_bytes, write_checkpoint
from playground.lab.evaluation import Evaluator
from playground.lab.events import LabError
from playground.lab.guard import failure_of, plugin_failures
from playground.lab.looking import looking
from playground.lab.opening import Opened, open_run
from playground.lab.picture import document_frame, matrix_frames
from playground.lab.protocol import (
    DEFAULT_CHAIN,
    Checkpoint,
    Failure,
    Frame,
    FrameRequest,
    Metrics,
    Notice,
    Preview,
    Progress,
    RunInfo,
    SampleBatch,
    Sampling,
    SessionState,
)
from playground.lab.resume import past_of, start_of
from playground.lab.sampler import Sampler
from playground.lab.spec import LIVE_FIELDS, RunSpec, SpecError
from playground.lab.speed import Speedometer
from playground.lab.timeline import Keyframe, Series
from playground.lab.trouble import diverged, unexpected

KEPT_BATCHES = 200
_RECENTLY = 3.0
"""Seconds after a look at the last update during which each step keeps what it needs."""


def _ignore(progress: Progress) -> None:
    """Nobody wants to know."""


class Session:
    """A run. Made by `Session.open`. Not thread-safe.

    After a failed step the session stands at the last good one, `trouble` says what happened,
    and everything works from there.
    """

    def __init__(self, opened: Opened, registry: Registry, activity: Activity) -> None:
        self.spec = opened.spec
        self.info: RunInfo = opened.info
        self.engine = opened.engine
        self.trouble: Failure | None = None
        """Why the last step failed; None if it did not."""
        self.running = False
        """For the frame: set by whoever drives the session."""
        self.speed: float | None = None
        """For the frame: steps a second that were asked for."""
        self.speedometer = Speedometer()
        self.epoch = 0
        self.tokens_seen = 0
        self._opened = opened
        self._activity = activity
        self._trainer = Trainer(
            opened.engine,
            opened.documents,
            opened.spec.optimizer.config(),
            opened.spec.steps,
            opened.spec.batch_size,
        )
        engine = looking(opened.engine)
        self._evaluator = Evaluator(engine, opened.encoder, opened.heldout)
        self._sampler = Sampler(
            registry, engine, opened.encoder, opened.config, activity, opened.known
        )
        self._stepping = opened.engine_guard.doing("a step", "engine")
        past = start_of(opened)
        self._timeline, self._series = past.timeline, past.series
        self._last: StepResult | None = None
        self._batches: list[SampleBatch] = []
        self._batch_number = 0
        self._sampling_trouble: Failure | None = None
        self._on_demand: tuple[int, int] = (0, 0)
        self._before: tuple[int, array[float]] | None = None
        """(step, the weights before it)."""
        self._update_wanted = 0.0

    @classmethod
    def open(
        cls,
        spec: RunSpec,
        registry: Registry,
        *,
        checkpoint: Checkpoint | None = None,
        sampling: Sampling | None = None,
        progress: Callable[[Progress], None] = _ignore,
        activity: Activity | None = None,
    ) -> Session:
        """Read, tokenize, measure, make the engine; go on from a checkpoint if there is one.

        progress: called now and then; what it raises goes through. Raises LabError.
        """
        activity = activity or Activity()
        opened = open_run(spec, registry, checkpoint, progress, activity)
        progress(Progress("measuring the held-out loss", 0, 0))
        session = cls(opened, registry, activity)
        if sampling is not None:
            session._take_sampling(sampling)
        if checkpoint is not None:
            session.restore(checkpoint)
        else:
            with plugin_failures():
                session._evaluate()
        return session

    # ------------------------------------------------------------ where it stands

    @property
    def step(self) -> int:
        """Steps done."""
        return self._trainer.step

    @property
    def finished(self) -> bool:
        return self.step >= self.spec.steps

    @property
    def state(self) -> SessionState:
        if self.trouble is not None:
            return "failed"
        if self.finished:
            return "finished"
        if self.running:
            return "running"
        return "paused" if self.step else "ready"

    @property
    def last(self) -> StepResult | None:
        """What the last step did; None before the first."""
        return self._last

    @property
    def sampling(self) -> Sampling:
        return self._sampler.sampling

    # ------------------------------------------------------------ forward

    def advance(self) -> bool:
        """One step, and what is due after it. False if there was none to do, or it failed:
        `trouble` then says why."""
        if self.finished or not self._step():
            return False
        every = self.sampling.every
        if every and self.step % every == 0:
            self._sample_by_itself()
        return self.trouble is None

    def _step(self) -> bool:
        """Train one step, with the edits made here before; all but the sampling."""
        trainer = self._trainer
        at = trainer.step
        trainer.learning_rate = self._timeline.rate_at(at)
        before = None
        if self._update_wanted and time.monotonic() - self._update_wanted < _RECENTLY:
            before = self.engine.read("weights")
        try:
            with self._stepping:
                result = trainer.advance()
        except DivergedError as error:
            self._put_back(diverged(self.engine, error, trainer.learning_rate), max(0, at - 1))
            return False
        except PluginError as error:
            self.trouble = failure_of(error)
            return False
        except (Exception, SystemExit) as error:
            failure = unexpected(self._opened.engine_guard, error, traceback_text(error))
            self._put_back(failure, at)
            return False
        self.trouble = None
        self._last = result
        self._before = (result.step, before) if before is not None else None
        self.tokens_seen += result.tokens
        self._series.record(result.step, result.loss, result.learning_rate)
        if self._timeline.wants(result.step):
            self._timeline.keep(self._keyframe())
        try:
            self._evaluate()
        except PluginError as error:
            self.trouble = failure_of(error)
        return True

    def _evaluate(self) -> None:
        """Hold-out loss here, unless it is known from an earlier visit."""
        every, known = self.spec.eval_every, self._series.evaluations
        due = every and (self.step % every == 0 or self.finished)
        if due and self._evaluator and self.step not in known:
            known[self.step] = self._evaluator.loss()

    def _put_back(self, failure: Failure, good: int) -> None:
        """Return to the last good step, and say why."""
        try:
            self.go_to(good)
        except Exception:  # the replay fails as well: then from a keyframe, unreplayed
            self._stand_at(self._timeline.before(good))
        self.trouble = failure

    # ------------------------------------------------------------ to and fro

    def go_to(self, step: int) -> None:
        """Stand where the run is after `step` steps, bit for bit. Raises LabError."""
        self.seek(step)
        while self.step < step and self.replay():
            pass
        if self.trouble is not None:
            raise LabError(self.trouble)

    def seek(self, step: int) -> None:
        """The first half of `go_to`: stand at the nearest known state from where `replay`
        leads to `step`. Raises LabError for a step that cannot be reached."""
        earliest, latest = self._timeline.earliest, self.spec.steps
        if not earliest <= step <= latest:
            raise LabError(
                Failure(
                    f"Step {step:,} cannot be reached",
                    f"This run goes from step {earliest:,} to step {latest:,}.",
                    problems={"step": f"must be between {earliest} and {latest}"},
                )
            )
        keyframe = self._timeline.before(step)
        recorded = step <= self._series.head
        if step <= self.step or (recorded and keyframe.step > self.step):
            if step < self.step:
                self.epoch += 1
            self._stand_at(keyframe)
        self.trouble = None

    def replay(self) -> bool:
        """One step without the sampling that goes with training. False if it failed."""
        return self._step()

    def _stand_at(self, keyframe: Keyframe) -> None:
        write = self.engine.write
        write("weights", keyframe.weights)
        write("first_moment", keyframe.first_moment)
        write("second_moment", keyframe.second_moment)
        write("gradients", array("d", bytes(8 * len(keyframe.weights))))
        self._trainer.step = keyframe.step
        self.tokens_seen = keyframe.tokens_seen
        self._last = self._before = None
        if keyframe.step < self._series.first:  # what lies between was never recorded
            self._series = Series(keyframe.step)
            self._timeline.forget_frames_after(keyframe.step)

    def _keyframe(self) -> Keyframe:
        read = self.engine.read
        return Keyframe(
            self.step,
            self.tokens_seen,
            read("weights"),
            read("first_moment"),
            read("second_moment"),
        )

    def edit(self, changes: Mapping[str, KnobValue]) -> None:
        """Change live settings from the next step on. Raises LabError with `problems`."""
        problems = {
            field: "can only be changed by starting a new run"
            for field in changes
            if field not in LIVE_FIELDS
        }
        try:
            edited = self.spec.replace(changes) if not problems else self.spec
        except SpecError as error:
            problems = error.problems
        if problems:
            text = "; ".join(f"{field} {problem}" for field, problem in problems.items())
            raise LabError(Failure("These settings cannot be", text, problems=problems))
        if "optimizer.learning_rate" in changes:
            self._timeline.edit(self.step, edited.optimizer.learning_rate)
            self._series.forget_after(self.step)
            self.trouble = None

    # ------------------------------------------------------------ looking

    def frame(self, request: FrameRequest | None = None) -> Frame:
        """A picture of the session."""
        request = request or FrameRequest()
        step = self.step
        first, losses, rates, evaluations = self._series.between(request.since_step, step)
        base = self._timeline.rate_at(step)
        if any(view.kind == "update" for view in request.matrices):
            self._know_update()
        return Frame(
            state=self.state,
            step=step,
            steps=self.spec.steps,
            epoch=self.epoch,
            metrics=Metrics(first, losses, rates, evaluations),
            learning_rate=linear_decay(base, step, self.spec.steps),
            base_learning_rate=base,
            tokens_seen=self.tokens_seen,
            steps_per_second=self.speedometer.steps_per_second,
            tokens_per_second=self.speedometer.tokens_per_second,
            speed=self.speed,
            document=(
                document_frame(
                    self._opened,
                    self._last,
                    self._trainer.document_indices(step)[0],
                    request.history,
                )
                if request.document
                else None
            ),
            matrices=matrix_frames(
                self.engine, request.matrices, self._before[1] if self._before else None
            ),
            batches=tuple(b for b in self._batches if b.number > request.since_batch),
            trouble=self.trouble,
            earliest=self._timeline.earliest,
        )

    def _know_update(self) -> None:
        """Have the weights before the last step, by doing that step again if need be."""
        self._update_wanted = time.monotonic()
        step, trouble, epoch = self.step, self.trouble, self.epoch
        if self._before is None and step > self._timeline.earliest:
            self.go_to(step)
            self.trouble, self.epoch = trouble, epoch

    # ------------------------------------------------------------ sampling

    def set_sampling(self, sampling: Sampling) -> None:
        """Sample like this from now on. Raises LabError naming what cannot be."""
        self._sampler.set(sampling)
        if self.trouble is not None and self.trouble is self._sampling_trouble:
            self.trouble = None  # it was about the chain before

    def _take_sampling(self, wanted: Sampling) -> None:
        """As much of it as fits these data; what does not is no reason not to open them."""
        refused: list[str] = []
        chain = dataclasses.replace(wanted, prompt="")
        for sampling in (wanted, chain, dataclasses.replace(chain, chain=DEFAULT_CHAIN)):
            try:
                self.set_sampling(sampling)
                break
            except LabError as error:
                refused.append(error.failure.message)
        notices = tuple(Notice(f"sampling was changed: {text}") for text in refused[:1])
        self.info = dataclasses.replace(
            self.info, notices=(*self.info.notices, *notices), sampling=self.sampling
        )

    def sample(self) -> SampleBatch:
        """A batch of texts; another one each time. Raises LabError."""
        at, count = self._on_demand
        self._on_demand = (self.step, count + 1 if at == self.step else 1)
        with plugin_failures():
            return self._batch(f"on demand {self._on_demand[1]}")

    def preview(self, limit: int = 64) -> Preview:
        """What may follow the prompt. Raises LabError."""
        with plugin_failures():
            return self._sampler.preview(self.step, limit)

    def _sample_by_itself(self) -> None:
        try:
            self._batch("automatic")
        except PluginError as error:
            self.trouble = self._sampling_trouble = failure_of(error)

    def _batch(self, occasion: str) -> SampleBatch:
        self._batch_number += 1
        batch = self._sampler.batch(self._batch_number, self.step, occasion)
        self._batches = [*self._batches[-KEPT_BATCHES + 1 :], batch]
        return batch

    # ------------------------------------------------------------ state

    def checkpoint(
        self, series: bool = True, since_step: int = 0, epoch: int | None = None
    ) -> Checkpoint:
        """The whole state. series: with the losses after `since_step`, or with all of them if
        the metrics were rewound since `epoch`."""
        since = since_step if epoch is None or epoch == self.epoch else 0
        first, losses, rates, evaluations = self._series.between(since, self.step)
        if not series:
            losses, rates, evaluations = array("d"), array("d"), ()
        read = self.engine.read
        with plugin_failures(), self._opened.encoder.guard.at("state_dict"):
            tokenizer = json.dumps(self._opened.encoder.tokenizer.state_dict())
        return Checkpoint(
            spec=self.spec.to_json(),
            step=self.step,
            weights=as_bytes(read("weights")),
            first_moment=as_bytes(read("first_moment")),
            second_moment=as_bytes(read("second_moment")),
            gradients=as_bytes(read("gradients")),
            tokenizer=tokenizer,
            base_learning_rate=self._timeline.rate_at(self.step),
            tokens_seen=self.tokens_seen,
            losses=as_bytes(losses),
            learning_rates=as_bytes(rates),
            evaluations=evaluations,
            edits=tuple(sorted(self._timeline.edits.items())),
            data=self._opened.fingerprint,
            since_step=first - 1,
            epoch=self.epoch,
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Take on the state of a checkpoint of this very run. Raises LabError."""
        past = past_of(checkpoint, self._opened)
        self._timeline, self._series, self.trouble = past.timeline, past.series, None
        self.epoch += 1
        self._stand_at(past.keyframe)
        if past.gradients is not None:
            self.engine.write("gradients", past.gradients)
        with plugin_failures():
            self._evaluate()

    def save(self, path: str) -> None:
        """Write a .safetensors file. Raises LabError."""
        try:
            write_checkpoint(path, self.checkpoint())
        except CheckpointError as error:
            raise LabError(Failure(error.title, error.message)) from error
