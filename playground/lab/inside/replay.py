"""A run made again on an engine of its own: up to another step, or without one of its steps, which
is then done and not estimated.

"Without step k" is the run of the same data in which step k is passed over. The documents of the
step do not train: neither the weights nor Adam's moments hear of them. Every other step stays what
it is in the run, with its number, its documents, its learning rate and what was done by hand after
it: so the step is the only thing that differs. The number t of Adam's bias correction is that of
the step as well, and not a count of the updates made.

All that takes long is a `Work`, between two pieces of which the run may train on. Nothing here
touches the state of the run: a second training begins at one of the run's keyframes.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from microgpt.autopsy import norm
from microgpt.parameters import parameter_layout
from playground.hooks.registry import Registry
from playground.lab.edits import Edits
from playground.lab.inside.surgery import Work, difference, pieces
from playground.lab.protocol.failures import Failure, LabError, Progress
from playground.lab.protocol.influence import Distance, LeftOut
from playground.lab.protocol.sampling import Sampling
from playground.lab.run.guard import Activity, plugin_failures
from playground.lab.run.sampling import Sampler
from playground.lab.run.setup import PreparedRun
from playground.lab.run.training import Training
from playground.lab.timeline import Keyframe

LONGEST_TEXT = 200
"""Characters of a document that are sent."""
SAMPLES = 5
"""Texts that are sampled of either run."""
_SPREAD = 10
"""How many times as far apart the keyframes of a replay lie, where only a step that fails goes
back to one."""
_MEASURED = 0.03
"""Seconds of steps, one step at least, by which the pace of a replay is measured."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the run stood when something was asked of its past."""

    at: int
    epoch: int
    weights: array[float]
    edits: Edits


class Replays:
    """Makes parts of one run again. Every method raises LabError."""

    def __init__(
        self,
        prepared: PreparedRun,
        training: Training,
        registry: Registry,
        activity: Activity,
        sampling: Callable[[], Sampling],
    ) -> None:
        """sampling: how the run samples by now."""
        self._prepared = prepared
        self._training = training
        self._registry = registry
        self._activity = activity
        self._sampling = sampling
        self._free: list[Training] = []
        """Second trainings that no work uses now."""

    # ------------------------------------------------------------ another step

    def weights_at(self, step: int) -> Work[array[float]]:
        """The weights as the run has them after `step` steps, with what is done to them there by
        hand. Counts the steps from the last known state before."""
        training = self._training
        with plugin_failures():
            if step == training.step:
                return training.engine.read("weights")
            training.check_reaches(step)
            start, twin = training.timeline.before(step), self.twin()
            twin.begin(start, training.timeline.edits)
            while twin.step < step:
                yield twin.step - start.step, step - start.step
                if not twin.forward(step - twin.step):
                    assert twin.trouble is not None
                    raise LabError(twin.trouble)
            twin.take_up()
            weights = twin.engine.read("weights")
            self.give_back(twin)
            return weights

    # ------------------------------------------------------------ what is left out

    def without(self, step: int, to: int | None = None) -> Work[LeftOut]:
        """The run without the step, counted from 1, beside the run with it: both after `to` steps,
        which are known, or else where the run stands."""
        with plugin_failures():
            self.check(step, self._training.step)
            end = self.end(to)
            before, last = map(self._training.timeline.before, (step, end))
            twin, here = self.twin(), self.standing()
            if end != here.at:
                twin.begin(last, here.edits)
                yield from self._forward(twin, end, step, 0, 0)
                here = replace(here, at=end, weights=twin.engine.read("weights"))
            indices = twin.document_indices(step)
            began = time.perf_counter()
            yield from self.replaying(twin, before, step, here, 0, here.at - before.step)
            seconds = time.perf_counter() - began
            found = yield from self._compared(twin, step, here, indices)
            self.give_back(twin)
            return replace(found, seconds=seconds, replayed=here.at - before.step - 1)

    def standing(self) -> Standing:
        """Where the run stands now."""
        training = self._training
        return Standing(
            training.step,
            training.epoch,
            training.engine.read("weights"),
            training.timeline.edits,
        )

    def check(self, step: int, at: int) -> None:
        """Raise LabError for a step that cannot be left out of the run up to `at`."""
        if not 1 <= step <= at:
            raise LabError(
                Failure(
                    f"There is no step {step:,} to leave out",
                    f"The run stands at step {at:,}: the steps that led there are 1 to {at:,}."
                    if at
                    else "No step was made yet: the weights are the random ones of step 0.",
                )
            )
        if not self._training.leads_from(step - 1):
            raise LabError(
                Failure(
                    f"Step {step:,} cannot be left out",
                    f"The states of this run that are kept begin at step "
                    f"{self._training.timeline.earliest:,}: the run can be made again from there.",
                )
            )

    def twin(self) -> Training:
        """A second training of the same run, with engines of its own, which measures nothing."""
        if self._free:
            return self._free.pop()
        prepared = self._prepared
        engines = prepared.engines.apart()
        made = engines.get(self._training.engine_name, _unheard)
        spec = prepared.spec.replace({"eval_every": 0})
        twin = Training(replace(prepared, spec=spec, engines=engines, made=made))
        twin.spread = _SPREAD
        return twin

    def give_back(self, twin: Training) -> None:
        """Let another work have this second training, which nothing else uses."""
        self._free = [twin]

    def replaying(
        self, twin: Training, start: Keyframe, step: int, here: Standing, done: int, total: int
    ) -> Work[None]:
        """Take the second training from `start`, which is before the step, past it to where the run
        stood. done, total: steps made before, and those of the whole work."""
        twin.begin(start, here.edits)
        yield from self._forward(twin, step - 1, step, done, total)
        twin.skip()
        done += twin.step - start.step
        yield done, total
        yield from self._forward(twin, here.at, step, done, total)

    @staticmethod
    def _forward(twin: Training, end: int, step: int, done: int, total: int) -> Work[None]:
        """Take the second training to a later step."""
        first = twin.step
        while twin.step < end:
            if not twin.forward(end - twin.step):
                raise _stopped(twin, step)
            yield done + twin.step - first, total
        twin.take_up()

    def end(self, to: int | None) -> int:
        """The step up to which the run is compared. `to`: None for where the run stands. Raises
        LabError for a step that is not known, or lies before."""
        training = self._training
        head = max(training.step, training.series.head)
        if to is None or to == training.step:
            return training.step
        if not training.step <= to <= head:
            raise LabError(
                Failure(
                    f"The run is not known up to step {to:,}",
                    f"It stands at step {training.step:,}, and is known up to step {head:,}.",
                )
            )
        return to

    def _compared(
        self, twin: Training, step: int, here: Standing, indices: Sequence[int]
    ) -> Work[LeftOut]:
        """What differs between the run and the second training, which is where the run stood; both
        are read by the same engine."""
        prepared, config = self._prepared, self._prepared.config
        documents = [prepared.documents[index] for index in indices]
        heldout = twin.measured_on
        sampler = Sampler(
            self._registry,
            twin.current,
            prepared.encoder,
            config,
            prepared.spec.model.model_dump(),
            self._activity,
            prepared.known,
        )
        sampler.take(replace(self._sampling(), count=SAMPLES))
        theirs = twin.engine.read("weights")
        own, held, samples = [], [], []
        total = 2 * (2 + len(pieces(twin.engine, heldout)))
        done = 0
        for weights in (here.weights, theirs):
            with twin.current.made.guard.at("write", kind="engine"):
                twin.engine.write("weights", weights)
            own.append(twin.current.losses(documents))
            losses = list[list[float]]()
            for piece in pieces(twin.engine, heldout):
                losses += twin.current.losses(piece)
                done += 1
                yield done, total
            held.append(losses)
            samples.append(sampler.batch(0, here.at, "without"))
            done += 1
            yield done, total
        apart = [b - a for a, b in zip(here.weights, theirs, strict=True)]
        return LeftOut(
            step,
            here.at,
            here.epoch,
            tuple(indices),
            tuple(map(self.text, indices)),
            difference(*own),
            difference(*held) if heldout else None,
            samples[0],
            samples[1],
            norm(here.weights),
            norm(apart),
            tuple(
                Distance(spec.name, norm(here.weights[spec.slice]), norm(apart[spec.slice]))
                for spec in parameter_layout(config)
            ),
            0.0,
            0,
        )

    def text(self, index: int) -> str:
        """A training document as its tokens' displays in a row, cut to LONGEST_TEXT characters."""
        prepared = self._prepared
        tokens = prepared.documents.shown(index)[1 : LONGEST_TEXT + 1]
        if tokens and tokens[-1] == prepared.encoder.bos_id:
            tokens = tokens[:-1]
        return "".join(map(prepared.encoder.display, tokens))[:LONGEST_TEXT]

    # ------------------------------------------------------------ what it costs

    def pace(self) -> float:
        """Seconds that a step of a replay takes: as the run's last step where steps are slow, else
        measured on some steps that lead to where the run stands; nan if none can be made again."""
        training = self._training
        if training.pace > _MEASURED:
            return training.pace
        if not training.leads_from(training.step - 1):
            return float("nan")
        with plugin_failures():
            here, twin = self.standing(), self.twin()
            twin.begin(training.timeline.before(here.at), here.edits)
            first, began = twin.step, time.perf_counter()
            while twin.step < here.at and time.perf_counter() - began < _MEASURED:
                if not twin.forward(here.at - twin.step):
                    return float("nan")
            seconds = time.perf_counter() - began
            steps = twin.step - first
            self.give_back(twin)
            return seconds / steps


def _unheard(progress: Progress) -> None:
    """Show no progress: what the engine at work had to prepare is soon prepared again."""


def _stopped(twin: Training, step: int) -> LabError:
    """Why the replay went no further."""
    why = twin.trouble
    return LabError(
        Failure(
            f"Without step {step:,} the run cannot be made again",
            f"It stops before step {twin.step + 1:,}"
            + (f": {why.title}. {why.message}" if why is not None else "."),
            detail=why.detail if why is not None else "",
        )
    )
