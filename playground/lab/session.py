"""One run and all its parts, synchronous.

The worker is a loop around a Session; tests and `microgpt-play train` use a Session directly.
Training depends on the RunSpec and the edits alone: looking, sampling and going back change
nothing. `open_session` opens a new run, a run from a checkpoint, or a run of the store.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from microgpt.surgery import Component, Operation
from playground.catalog import KnobValue
from playground.hooks.errors import PluginError
from playground.hooks.registry import Registry
from playground.lab.checkpoint import write_checkpoint
from playground.lab.edits import Edits
from playground.lab.fork import forked
from playground.lab.probe_answers import Answers
from playground.lab.protocol.commands import Open, ProbesState
from playground.lab.protocol.failures import Failure, LabError, Progress
from playground.lab.protocol.film import FilmRow
from playground.lab.protocol.frames import Frame, FrameRequest
from playground.lab.protocol.inside import Inside, Look
from playground.lab.protocol.observation import Observation, Part
from playground.lab.protocol.probes import ProbeAnswers, ProbeSet
from playground.lab.protocol.run import (
    LAST,
    SCHEDULE,
    Checkpoint,
    Notice,
    Recording,
    RunInfo,
    SessionState,
)
from playground.lab.protocol.sampling import Links, Measuring, Preview, SampleBatch
from playground.lab.protocol.score import Scored
from playground.lab.protocol.surgery import Difference, Ranked, Trial, Tried
from playground.lab.record.batches import UNWRITTEN
from playground.lab.record.load import (
    Recalled,
    film_before,
    look_up,
    recall,
    recall_of_worker,
    text_of_parent,
)
from playground.lab.record.origin import origin_of_open_run
from playground.lab.record.provenance import changed_since, new_run, plugins_of
from playground.lab.record.recorder import Recorder
from playground.lab.run.choices import looked_up
from playground.lab.run.engines import ReadyEngine
from playground.lab.run.export import export, run_export
from playground.lab.run.film import Camera
from playground.lab.run.frames import FrameMaker
from playground.lab.run.guard import Activity, failure_of, plugin_failures
from playground.lab.run.metrics import Measurer
from playground.lab.run.origin import data_of, precision
from playground.lab.run.panels import Panels
from playground.lab.run.probes import Prober
from playground.lab.run.sampling import Sampler, Texts
from playground.lab.run.saved_model import ReadModel
from playground.lab.run.setup import PreparedRun, check_states, prepare_run
from playground.lab.run.speed import Speedometer
from playground.lab.run.state import state_of, state_size
from playground.lab.run.training import Training
from playground.lab.spec import LIVE_FIELDS, RunSpec, SpecError
from playground.lab.store.errors import StoreError
from playground.lab.store.store import Store

if TYPE_CHECKING:
    from playground.lab.inside.influence import Influence
    from playground.lab.inside.look import Microscope
    from playground.lab.inside.replay import Replays
    from playground.lab.inside.surgeon import Surgeon
    from playground.lab.inside.surgery import Work
    from playground.lab.lessons.facts import FactMaker
    from playground.lab.lessons.teacher import Teacher
    from playground.lab.protocol.step import StepReading
    from playground.lab.score.work import Work as ScoreWork


SAMPLED_EVERY = 100
"""Steps between batches of samples, for the metrics that measure samples."""
MEASURED = 100
"""Texts of such a batch at most: training waits for all of them."""


def open_session(
    command: Open,
    registry: Registry,
    progress: Callable[[Progress], None],
    activity: Activity,
    wake: Callable[[], None] = lambda: None,
) -> Session:
    """The run that the command asks for, recorded if the command says so. wake: called in another
    thread when there is room to record more. Raises LabError, SpecError."""
    command = looked_up(command, registry)
    recording, recalled = command.recording, None
    spec, checkpoint = command.spec, command.checkpoint
    observation = command.observation
    if recording is not None and recording.worker is not None:
        recording, recalled = recall_of_worker(recording, spec, checkpoint)
        if recalled is not None:
            spec, checkpoint = recalled.spec, recalled.checkpoint
    if recording is not None and recording.run is not None and not (checkpoint or recalled):
        progress(Progress("reading the record", 0, 0))
        recalled = recall(recording)
        spec, checkpoint = recalled.spec, recalled.checkpoint
        observation = observation.having_recorded(recalled.settings)
    text, told = (recalled.text, "") if recalled is not None else (None, "")
    if recording is not None and recalled is None:
        parent = text_of_parent(recording, spec)
        spec, text, told = parent.spec, parent.data, parent.notice
    try:
        session = Session.open(
            RunSpec.parse(spec),
            registry,
            checkpoint=checkpoint,
            observation=observation,
            progress=progress,
            activity=activity,
            text=text,
        )
        session.notice(told)
        if recalled is not None:
            session.recall(recalled, progress)
        elif recording is not None:
            session.camera.recall(film_before(recording, session.step))
        if recording is not None and recording.looking and recalled is not None:
            # The record of the run stays as it is; training further makes a fork.
            end = min(recalled.record.row.step, session.training.series.head)
            fork = replace(recording, run=None, parent=recording.run, fork_step=end)
            session.record(fork, wake=wake)
        elif recording is not None:
            session.record(recording, recalled=recalled, wake=wake)
            if recalled is None:
                session.flush()  # the edits that a fork, or the run of a lost worker, begins with
        session.tell_of_another_schedule()
    except BaseException:
        if recalled is not None and recalled.lock is not None:
            recalled.lock.release()
        raise
    return session


def with_changes(
    command: Open,
    changes: Mapping[str, Any],
    registry: Registry,
    progress: Callable[[Progress], None],
    activity: Activity,
    operations: Sequence[Operation] = (),
    held: Sequence[Operation] | None = None,
    at: int = LAST,
) -> Open:
    """The command that opens a fork of the run that `command` goes on with: with these settings, by
    dotted field, from its checkpoint or from step `at` of its record on. operations, held: what is
    done to the weights there, and held from there on, as `forked` has it. The same command if that
    is the end of the record, and nothing is changed.

    Raises LabError, with `problems` for settings that cannot be; SpecError.
    """
    recording, checkpoint = command.recording, command.checkpoint
    observation = command.observation
    last = checkpoint.step if checkpoint is not None else 0
    if checkpoint is None and recording is not None and recording.run is not None:
        end = replace(recording, at=at, looking=True)
        session = open_session(replace(command, recording=end), registry, progress, activity)
        try:
            checkpoint, observation = session.checkpoint(), session.observation
            last = session.training.series.head
        finally:
            session.close()
        step = checkpoint.step
        recording = Recording(recording.store, parent=recording.run, fork_step=step)
    if checkpoint is None:
        return command
    spec, start = forked(checkpoint, changes, operations, held)
    if checkpoint.step == last and (spec, start) == forked(checkpoint, {}):
        return command
    return replace(
        command, spec=spec, checkpoint=start, recording=recording, observation=observation
    )


def _ignore(progress: Progress) -> None:
    """Show no progress."""


def session_at(
    store: Store,
    run: int,
    step: int | None,
    registry: Registry,
    progress: Callable[[Progress], None] = _ignore,
    activity: Activity | None = None,
) -> Session:
    """A session of a recorded run after `step` steps, trained there from the last state before that
    was kept; the session itself is not recorded. step: None for where the run stood last. Raises
    LabError."""
    recalled = look_up(store, run, step)
    if step is not None and recalled.at != step:
        row = recalled.record.row
        if step > row.step:
            raise StoreError(
                "There is no such step",
                f"Run {run} was recorded up to step {row.step:,}, and step {step:,} was asked for.",
            )
        raise StoreError(
            "This step cannot be gone back to",
            f"The states of run {run} begin at step {recalled.at:,}.",
        )
    session = Session.open(
        RunSpec.parse(recalled.spec),
        registry,
        checkpoint=recalled.checkpoint,
        progress=progress,
        text=recalled.text,
        activity=activity,
    )
    session.recall(recalled, progress)
    if session.step != recalled.at:
        reason = session.info.notices[-1].text if session.info.notices else ""
        raise StoreError(
            "This step cannot be done again here", f"{reason[:1].upper()}{reason[1:]}."
        )
    return session


class Session:
    """A run, made by `Session.open`. Not thread-safe.

    After a failed step the session stands at the last good one, `trouble` says what happened,
    and everything works from there.
    """

    def __init__(self, prepared: PreparedRun, registry: Registry, activity: Activity) -> None:
        self.spec = prepared.spec
        self.info: RunInfo = prepared.info
        self.training = Training(prepared)
        self.engines = prepared.engines
        self.running = False
        """Shown in frames; whoever drives the session sets it."""
        self.speed: float | None = None
        """Steps a second that a person asked for, shown in frames; None for flat out."""
        self.speedometer = Speedometer()
        self._prepared = prepared
        follows = prepared.spec.model.model_dump()
        sampler = Sampler(
            registry,
            self.training.current,
            prepared.encoder,
            prepared.config,
            follows,
            activity,
            prepared.known,
        )
        self.texts = Texts(sampler, self._sampled)
        watching = Sampler(
            registry,
            self.training.current,
            prepared.encoder,
            prepared.config,
            follows,
            activity,
        )
        self.camera = Camera(
            watching,
            self.training.current,
            prepared.info.parameter_count,
            prepared.spec.seed,
            self._filmed,
            lambda: self.training.surgery.left,
        )
        self.measurer = Measurer(
            registry, self.training.current, prepared.config, follows, activity
        )
        self.prober = Prober(sampler)
        self.frames = FrameMaker(prepared, self.training, self.measurer, Panels(registry, activity))
        self._registry, self._activity = registry, activity
        self._filmed_before: deque[FilmRow] = deque(maxlen=UNWRITTEN)
        """Rows of the film that were written before the run was recorded."""
        self._sampling_trouble: Failure | None = None
        self._microscope: Microscope | None = None
        self._facts: FactMaker | None = None
        """Makes the facts of lessons; None as long as nobody takes one."""
        self._teacher: Teacher | None = None
        self._surgeon: Surgeon | None = None
        self._replays: Replays | None = None
        self.training.before_edit = self._before_edit
        self.recorder: Recorder | None = None
        """Records the run; None if it is not recorded."""

    @classmethod
    def open(
        cls,
        spec: RunSpec,
        registry: Registry,
        *,
        checkpoint: Checkpoint | None = None,
        observation: Observation | None = None,
        progress: Callable[[Progress], None] = _ignore,
        activity: Activity | None = None,
        text: bytes | None = None,
    ) -> Session:
        """Read, tokenize, measure, make the engine; go on from a checkpoint if there is one.

        observation: how the run is looked at, as far as that fits; notices tell what does not.
        text: what the run learnt from, which stands for the text in its file.
        progress: called now and then. Raises LabError, and what `progress` raises.
        """
        activity = activity or Activity()
        prepared = prepare_run(spec, registry, checkpoint, progress, activity, text)

        def told(done: int, total: int) -> None:
            progress(Progress("measuring the held-out loss", done, total))

        told(0, 0)
        session = cls(prepared, registry, activity)
        session._take(observation or Observation())
        with plugin_failures():
            if checkpoint is not None:
                session.training.restore(checkpoint, told)
            else:
                session.training.evaluate(told)
        return session

    def _take(self, wanted: Observation) -> None:
        """Look at the run like this, as far as that fits; notices tell what does not."""
        self.notice(
            *self.texts.sampler.take(wanted.sampling),
            *self.measurer.take(wanted.measuring),
            *self.prober.take(wanted.probes),
        )
        self.info = replace(self.info, observation=self.observation)

    def recall(self, recalled: Recalled, progress: Callable[[Progress], None] = _ignore) -> None:
        """Go to the step at which a recorded run stood, after opening its checkpoint. Raises
        LabError."""
        asked = self.prober.probes.questions
        self.prober.answers = Answers(one for one in recalled.probes if one.questions == asked)
        self.texts.recall(recalled.batches)
        at = recalled.at
        check_states(recalled.keyframes, self._prepared.config)

        def alive() -> None:
            progress(Progress(f"going to step {at:,}", self.step, at))

        with plugin_failures():
            edits = Edits.of(recalled.record.edits)
            told = self.training.recall(recalled.keyframes, at, alive, edits)
            head = self.training.series.head
            self.camera.recall(row for row in recalled.film if row.step <= head)
            if recalled.lock is not None:  # the rows of a run that is looked at may still wait
                self._fill_gaps(alive)
        now = plugins_of(self._prepared, self._registry)
        self.notice(*changed_since(recalled.plugins, now))
        self.notice(told, recalled.notice)
        self.info = replace(self.info, resumed_at=self.step)

    def _fill_gaps(self, alive: Callable[[], None]) -> None:
        """Write the rows of the film that a kill has lost. alive: called now and then. Raises
        LabError."""
        training, at = self.training, self.step
        gaps = [step for step in self.camera.gaps(at) if step >= training.timeline.earliest]
        for to in (*gaps, at) if gaps else ():
            training.go_to(to, alive)
            self._film()

    def record(
        self,
        recording: Recording,
        *,
        recalled: Recalled | None = None,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        """Record the run from now on. recalled, wake: as Recorder has them."""
        self.recorder = recorder = Recorder(
            recording,
            self.training,
            lambda: new_run(
                self._prepared, self.training, self._registry, self.observation.to_json()
            ),
            lambda: self.observation.to_json(),
            text=self._prepared.text,
            recalled=recalled,
            wake=wake,
        )
        recorder.film.extend(self._filmed_before)
        if recording.run is not None:
            exact = self._prepared.same_data and not self._prepared.fell_back
            recorder.check_future(self.step, exact)

    def _before_edit(self) -> None:
        """Leave the steps after this one to the record so far; drop their samples and answers, and
        their rows of the film."""
        self._develop_all()
        if self.recorder is not None:
            self.recorder.branch(self.step, self.state)
        self.prober.answers.forget_after(self.step)
        self.texts.forget_after(self.step)
        self.camera.forget_after(self.step)

    def tell_of_another_schedule(self) -> None:
        """Add a notice if the next step's learning rate does not follow from the last step's."""
        rates = self.training.another_schedule()
        if rates is not None:
            was, now = rates
            name, end = self.spec.schedule.name, self.spec.steps
            self.notice(
                f"the learning rate goes on at {now:.3g}, after {was:.3g} at step {self.step:,}: "
                f"the {name} schedule now runs to step {end:,}",
                action=SCHEDULE,
            )

    def notice(self, *texts: str, action: str = "") -> None:
        """Add notices for a person to those of the run; an empty text is none."""
        notices = (*self.info.notices, *(Notice(text, action) for text in texts if text))
        self.info = replace(self.info, notices=notices)

    # ------------------------------------------------------------ where it stands

    @property
    def step(self) -> int:
        """Steps done."""
        return self.training.step

    @property
    def finished(self) -> bool:
        return self.training.finished

    @property
    def trouble(self) -> Failure | None:
        """Why the last step, or the sampling after it, failed; None if nothing failed."""
        return self.training.trouble

    @property
    def state(self) -> SessionState:
        if self.trouble is not None:
            return "failed"
        if self.finished:
            return "finished"
        if self.running:
            return "running"
        return "paused" if self.step else "ready"

    # ------------------------------------------------------------ forward

    def advance(self, most: int = 1) -> bool:
        """Make up to `most` steps in one call of the engine, and what is due after them: samples,
        metrics, probes, the film, the record. False if no step was left or something failed:
        `trouble` then says what."""
        self._probe()
        self._film()
        began = time.perf_counter()
        most = self.texts.until(self.step, most)
        most = min(most, self.measurer.until(self.step, self.training.pace))
        most = min(most, self.prober.until(self.step))
        most = self.camera.until(self.step, most)
        if self.finished or not self.training.forward(most):
            return False
        seconds = time.perf_counter() - began
        self.texts.earn(seconds)
        self.measurer.earn(seconds)
        self.prober.earn(seconds)
        self.camera.earn(seconds)
        if (last := self.training.last) is not None:
            self.measurer.after_step(last, self.finished, self.training.series)
        try:
            self.texts.after(self.step)
        except PluginError as error:
            self.training.trouble = self._sampling_trouble = failure_of(error)
        self._probe()
        self._film()
        if self.recorder is not None:
            self.recorder.seconds += seconds
            self.recorder.note(self.state)
        self._take_up()
        return self.trouble is None

    def _take_up(self) -> None:
        """Do to the weights what a known future does to them here, after all that looks at the
        state as the step left it."""
        try:
            self.training.take_up()
        except PluginError as error:
            self.training.trouble = failure_of(error)

    def _probe(self) -> None:
        """Ask the probes if this step is due."""
        if self.trouble is None:
            self._answered(self.prober.after(self.step, self.finished))

    def _answered(self, answers: ProbeAnswers | None) -> None:
        if answers is not None and self.recorder is not None:
            self.recorder.probes.append(answers)

    def _film(self) -> None:
        """Take the row of the film if this step has one."""
        if self.trouble is None:
            try:
                self.camera.pass_by(self.step)
            except PluginError as error:
                self.training.broke(failure_of(error))

    def _filmed(self, row: FilmRow) -> None:
        rows = self._filmed_before if self.recorder is None else self.recorder.film
        rows.append(row)

    @property
    def undeveloped(self) -> bool:
        """True if a row of the film is still to be written: that of this step, or one that
        waits."""
        return self.camera.waiting > 0 or (self.trouble is None and self.camera.due(self.step))

    def develop(self) -> None:
        """Write a row of the film, while the run stands or waits for its next step."""
        self._film()
        try:
            self.camera.develop()
        except PluginError as error:
            self.training.broke(failure_of(error))
        if not self.undeveloped:
            self.flush()

    def _develop_all(self) -> None:
        """Write all rows of the film that wait; a row that fails is left out."""
        with suppress(PluginError):
            self.camera.finish()

    # ------------------------------------------------------------ to and fro

    def go_to(self, step: int) -> None:
        """Go to the state after `step` steps, bit for bit. Raises LabError."""
        self.training.go_to(step)

    def replay(self, most: int = 1) -> bool:
        """As `advance`, without samples, metrics and probes."""
        head = self.training.series.head
        self._film()
        done = self.training.forward(self.camera.until(self.step, most))
        self._film()
        if self.recorder is not None and self.training.series.head > head:
            self.recorder.note(self.state)  # the run was never here before
        self._take_up()
        return done

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
            self.training.set_rate(edited.optimizer.learning_rate)
        if "engine" in changes:
            self.use_engine(edited.engine)

    def fork(self, changes: Mapping[str, Any]) -> Session:
        """A session of the run that goes on from here with other settings, by dotted field, looked
        at in the same way and not recorded. This session stays as it is. Raises LabError."""
        spec, start = forked(self.checkpoint(), changes)
        other_data = any(field.partition(".")[0] == "dataset" for field in changes)
        fork = Session.open(
            RunSpec.parse(spec),
            self._registry,
            checkpoint=start,
            observation=self.observation,
            activity=self._activity,
            text=None if other_data else self._prepared.text,
        )
        fork.tell_of_another_schedule()
        return fork

    def use_engine(self, name: str, made: ReadyEngine | None = None) -> None:
        """Use another engine from the next step on, in the same state. made: the engine of that
        name, from `engines.make`. Raises LabError; the engine before then stays at work."""
        with plugin_failures():
            made = made or self.engines.get(name, _ignore)
            self.training.use(self.engines.full_name(name), made)

    @property
    def surgeon(self) -> Surgeon:
        """What is done to the weights by hand, and tried on them."""
        from playground.lab.inside.surgeon import Surgeon

        if self._surgeon is None:
            self._surgeon = Surgeon(self._prepared, self.training, self.replays)
        return self._surgeon

    @property
    def replays(self) -> Replays:
        """The run made again without one of its steps."""
        from playground.lab.inside.replay import Replays

        if self._replays is None:
            self._replays = Replays(
                self._prepared,
                self.training,
                self._registry,
                self._activity,
                lambda: self.texts.sampler.sampling,
            )
        return self._replays

    @property
    def teacher(self) -> Teacher:
        """What shows and judges the lessons."""
        from playground.lab.lessons.facts import FactMaker
        from playground.lab.lessons.teacher import Teacher

        if self._teacher is None:
            self._facts = FactMaker(
                self._prepared,
                self.training,
                self.frames.text_anatomy,
                lambda: self.texts.batches,
                lambda: self.texts.sampler.sampling,
            )
            self._teacher = Teacher(self._registry, self._activity, self._facts)
        return self._teacher

    def trying(self, operations: Sequence[Trial], text: str | None) -> Work[Tried]:
        """Try operations, as `Surgeon.trying` does."""
        tried = yield from self.surgeon.trying(operations, text)
        if self._facts is not None:
            self._facts.witness.tried(operations, tried)
        return tried

    def ranking(
        self, cuts: Sequence[Component], told: Callable[[Component, Difference], None]
    ) -> Work[Ranked]:
        """Rank components, as `Surgeon.ranking` does."""
        ranked = yield from self.surgeon.ranking(cuts, told)
        if self._facts is not None:
            self._facts.witness.ranking(ranked)
        return ranked

    def scoring(self, samples: int, seed: int, rule: str | None = None) -> ScoreWork[Scored]:
        """How good the model is as it stands, as `score` computes it; the run may train on
        meanwhile. samples, seed: how many texts are sampled, with which dice. rule: what a valid
        text matches, instead of the run's own rule. Raises LabError, PluginError."""
        from playground.lab.run.saved_model import SavedModel
        from playground.lab.score.score import scoring
        from playground.lab.score.subject import check_texts, subject_of

        check_texts(self._prepared)
        rule = self.measurer.measuring.rule if rule is None else rule
        with plugin_failures():
            checkpoint = self.checkpoint(series=False)
            model = SavedModel.of(checkpoint, self._registry, self._activity)
            work = subject_of(model, self._prepared, samples=samples, seed=seed, rule=rule)
            values = yield from scoring((yield from work))
        return Scored(checkpoint.step, {"seed": seed, "rule": rule, **values})

    @property
    def influence(self) -> Influence:
        """What a prediction comes from."""
        from playground.lab.inside.influence import Influence

        return Influence(self._prepared, self.training, self.replays)

    # ------------------------------------------------------------ looking

    def frame(self, request: FrameRequest | None = None) -> Frame:
        """A picture of the session."""
        request = request or FrameRequest()
        if self._facts is not None:
            self._facts.witness.framed(request)
        frame = self.frames.frame(
            request,
            self.state,
            self.info,
            self.speed,
            self.speedometer,
            self.texts.batches,
            self.recorder.state if self.recorder else None,
        )
        since = request.film_since
        return frame if since is None else replace(frame, film=self.camera.frame(since))

    def look_inside(self, look: Look) -> Inside:
        """What the microscope shows of the model as it stands. Raises LabError."""
        from playground.lab.inside.look import Microscope, Moment  # no run waits for that to begin

        if self._microscope is None:
            prepared = self._prepared
            self._microscope = Microscope(prepared.config, prepared.encoder, prepared.train)
        if self._facts is not None:
            self._facts.witness.looked(look)
        training = self.training
        weights = training.engine.read("weights")
        document = self._prepared.train[training.document] if look.text is None else ""
        moment = Moment(weights, self.step, training.epoch, document)
        try:
            return self._microscope.look(look, moment, self._last_step)
        except PluginError as error:
            raise LabError(failure_of(error)) from error

    def _last_step(self, look: Look) -> StepReading:
        """Take the last step apart: it is done again, and the session stands where it stood. Raises
        LabError, PluginError."""
        from playground.lab.inside.step import Autopsy

        training = self.training
        at = training.step
        if look.text is not None:
            raise LabError(
                Failure(
                    "A step is taken apart on the document that it learnt from",
                    "Press d to return to that document.",
                )
            )
        if at == 0:
            raise LabError(Failure("No step was made yet", "Press s to make the first one."))
        self._check_autopsy(at)
        first = Autopsy.first_needed(at, look.weight is not None)
        if not training.leads_from(first):  # then less is told apart of what is remembered
            first = at - 1
        if not training.leads_from(first):
            raise LabError(
                Failure(
                    f"Step {at:,} cannot be done again",
                    "The states of this run that are kept begin after it. A step that is made "
                    "from here on can be taken apart: press s.",
                )
            )
        with training.looking_back():
            training.go_to(first)
            return self.autopsy(at, look.weight)

    def read_model(self) -> ReadModel:
        """The model as it stands. Raises LabError."""
        prepared = self._prepared
        with plugin_failures():
            weights = self.training.engine.read("weights")
        return ReadModel(self.spec, self.step, prepared.config, weights, prepared.encoder)

    def display(self, token: int) -> str:
        """A short name for one token. Raises PluginError."""
        return self._prepared.encoder.display(token)

    def autopsy(self, step: int, weight: tuple[str, int, int] | None = None) -> StepReading:
        """Take apart a step that the session stands before, as `Autopsy.read` does. Raises
        LabError, IndexError."""
        from playground.lab.inside.step import Autopsy

        documents = self._prepared.documents
        self._check_autopsy(step)
        try:
            with plugin_failures():
                return Autopsy(self.training, documents.__getitem__, self.display).read(
                    step, weight
                )
        except ValueError as error:
            raise LabError(Failure("The step cannot be taken apart", f"{error}.")) from error

    def _check_autopsy(self, step: int) -> None:
        """Raise LabError if this step is too large to be taken apart."""
        from playground.lab.inside.step import Autopsy

        prepared = self._prepared
        with plugin_failures():
            indices = self.training.document_indices(step)
            documents = [prepared.documents[index] for index in indices]
        try:
            Autopsy.check(len(prepared.initial), documents, prepared.config.block_size)
        except ValueError as error:
            raise LabError(Failure("The step cannot be taken apart", f"{error}.")) from error

    @property
    def observation(self) -> Observation:
        """How the run is looked at."""
        return Observation(self.texts.sampler.sampling, self.measurer.measuring, self.prober.probes)

    def observe(self, part: Part) -> None:
        """Change one part of the observation. Raises LabError whose `problems` name what cannot be;
        then nothing has changed. A prompt that cannot be asked is left out of the probes, and
        `probes` tells of it."""
        if isinstance(part, Measuring):
            self.measurer.set(part)
        elif isinstance(part, ProbeSet):
            self.prober.set(part)
        else:
            self.texts.sampler.set(part)
            if self.trouble is not None and self.trouble is self._sampling_trouble:
                self.training.trouble = None  # the trouble was the chain before

    def probes(self, since: int = -1, now: bool = False) -> ProbesState:
        """The probes, and the answers after step `since`, up to the present step. now: ask here
        first, unless this step has answers."""
        prober = self.prober
        if now and prober.asking and self.step not in prober.answers:
            self._answered(prober.probe(self.step))
        answers = prober.answers.between(since + 1, self.step)
        return ProbesState(prober.probes, answers, prober.skipped, prober.trouble)

    def sample(self) -> SampleBatch:
        """A new batch at each call, of other texts. Raises LabError."""
        with plugin_failures():
            batch = self.texts.sample(self.step)
        if not self.running:  # a running session records the batch with the next steps
            self.flush()
        return batch

    def preview(self, limit: int = 64, chain: Links | None = None) -> Preview:
        """The `limit` likeliest tokens after the prompt, by the chain that is tried, or by the
        run's own. Raises LabError."""
        with plugin_failures():
            return self.texts.sampler.preview(self.step, limit, chain)

    def _sampled(self, occasion: str, batch: SampleBatch) -> None:
        self.measurer.after_samples(batch, self.training.series)
        if self.recorder is not None:
            self.recorder.sampled(occasion, batch)

    def measure(self, measuring: Measuring) -> None:
        """Measure these metrics from now on, at every step that is due; sample too, if one of them
        measures samples. Raises LabError as `observe` does."""
        if measuring.metrics:
            self.observe(measuring)
            if self.measurer.of_samples:
                sampling = self.observation.sampling
                count = min(sampling.count, MEASURED)
                self.observe(replace(sampling, every=SAMPLED_EVERY, count=count))
        self.measure_all()

    def measure_all(self) -> None:
        """Measure every step and batch that is due from now on, however long that takes: what is
        measured then depends on the run alone, and not on the machine."""
        self.measurer.ration.endless = True
        self.texts.ration.endless = self.measurer.of_samples

    @property
    def values(self) -> dict[str, float]:
        """What the metrics that were asked for say of the last step, by label, in their order."""
        return self.measurer.values(self.step, self.finished, self.training.series)

    # ------------------------------------------------------------ state

    def checkpoint(
        self,
        series: bool = True,
        since_step: int = 0,
        epoch: int | None = None,
        most: int | None = None,
    ) -> Checkpoint:
        """The whole state. series: with the series after `since_step`, or with all of them if the
        session's epoch is not `epoch` any more. most: as GetCheckpoint has it. Raises LabError."""
        training = self.training
        since = since_step if epoch is None or epoch == training.epoch else 0
        with plugin_failures():
            with self._prepared.encoder.guard.at("state_dict"):
                tokenizer = json.dumps(self._prepared.encoder.tokenizer.state_dict())
            return state_of(
                training,
                tokenizer,
                self._prepared.fingerprint,
                self.texts.sampler.sampling,
                since if series else None,
                most is None or state_size(self.info.parameter_count) <= most,
            )

    def flush(self) -> None:
        """Record what is new, when the run pauses and when there is room to record again."""
        if self.recorder is not None:
            self.recorder.flush(self.state)

    @property
    def closing_seconds(self) -> float:
        """How long `close` may take to record what is left."""
        return self.recorder.patience if self.recorder is not None else 0.0

    def close(self) -> None:
        """Record what is left, and release the run."""
        if self.recorder is not None:
            self._develop_all()
            self.recorder.close(self.state)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go to the state of a checkpoint of this run. Raises LabError."""
        with plugin_failures():
            self.training.restore(checkpoint)

    def save(self, path: str) -> None:
        """Write a .safetensors file. Raises LabError."""
        write_checkpoint(path, self.checkpoint())

    def export(
        self,
        path: str,
        name: str,
        options: Mapping[str, KnobValue],
        progress: Callable[[Progress], None] = _ignore,
    ) -> None:
        """Write the run with an exporter. Raises LabError."""
        checkpoint = self.checkpoint()
        origin = replace(
            origin_of_open_run(
                checkpoint,
                self.recorder.store if self.recorder is not None else None,
                self.recorder.state if self.recorder is not None else None,
                self._prepared.text,
                plugins_of(self._prepared, self._registry),
            ),
            precision=precision(checkpoint, self._registry),
            data=data_of(self._prepared, checkpoint),
        )
        run = run_export(checkpoint, self.texts.batches, origin)
        export(self._registry, name, options, run, path, progress, self._activity)
