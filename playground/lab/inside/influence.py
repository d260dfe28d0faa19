"""Which documents taught a model one prediction: by formula for all steps, by replay for the first.

The formula is that of `microgpt.influence`, with the prediction's gradient at the present weights.
A gradient at the weights of each step would say how much the step lowered the loss when it was
made, and the first steps, which every document would have made alike, would lead every list. What
is asked here is what would be missing now, and that is what a replay measures. The formula knows
nothing of what later steps would have learnt instead, so the truth stands beside it.
"""

from __future__ import annotations

import math
import time
from array import array
from collections.abc import Sequence

from microgpt.autopsy import norm
from microgpt.influence import Influences as Formula
from microgpt.influence import prediction_gradient, spearman
from playground.lab.inside.look import likeliest
from playground.lab.inside.replay import Replays, Standing
from playground.lab.inside.surgery import Work
from playground.lab.inside.texts import typed
from playground.lab.protocol import commands
from playground.lab.protocol.failures import Failure, LabError
from playground.lab.protocol.influence import Cost, Influences, Influential
from playground.lab.run.guard import plugin_failures
from playground.lab.run.setup import PreparedRun
from playground.lab.run.training import Training
from playground.lab.timeline import Keyframe

REPLAYED = 10
"""Steps at the head of the list that are left out in a replay."""
LISTED = 100
"""Steps that are told, at most."""


class Influence:
    """Finds what a prediction of one run comes from. Every method raises LabError."""

    def __init__(self, prepared: PreparedRun, training: Training, replays: Replays) -> None:
        self._prepared = prepared
        self._training = training
        self._replays = replays

    def tracing(self, asked: commands.Influence) -> Work[Influences]:
        """The steps that pushed a prediction most, the largest by formula first."""
        with plugin_failures():
            return (yield from self._traced(asked))

    def _traced(self, asked: commands.Influence) -> Work[Influences]:
        prepared, replays = self._prepared, self._replays
        here = replays.standing()
        start = self._start(here.at)
        twin = replays.twin()
        twin.begin(Keyframe(here.at, 0, here.weights, start.first_moment, start.second_moment),
                   here.edits)  # fmt: skip
        read, target = self._prediction(asked, twin)
        loss = self._loss(twin, read, target)
        with twin.current.made.guard.at("loss_and_gradients", kind="engine"):
            pull = prediction_gradient(twin.engine, read, target)
        count = here.at - start.step
        replayed = min(REPLAYED, count)
        total = count * (1 + replayed)  # no replay is longer; the rest is passed over at the end
        began = time.perf_counter()
        figures = yield from self._by_formula(twin, start, here, pull, total)
        formula_took = time.perf_counter() - began
        order = sorted(range(count), key=lambda place: -abs(figures[place]))[:LISTED]
        steps = [start.step + 1 + place for place in order]
        # The run may go back and train another way meanwhile: what is needed of it is taken now.
        frames = {step: twin.timeline.before(step) for step in steps[:replayed]}
        began, truth, done = time.perf_counter(), dict[int, float](), count
        for number, step in enumerate(steps[:replayed], 1):
            yield from replays.replaying(twin, frames[step], step, here, done, total)
            truth[step] = self._loss(twin, read, target) - loss
            done = count * (1 + number)
            yield done, total
        replay_took = time.perf_counter() - began
        indices = {step: tuple(twin.document_indices(step)) for step in steps}
        replays.give_back(twin)
        display = prepared.encoder.display
        return Influences(
            here.at,
            here.epoch,
            tuple(map(display, read)),
            target,
            display(target),
            loss,
            start.step + 1,
            count,
            math.fsum(figures),
            tuple(
                Influential(
                    step,
                    indices[step],
                    tuple(map(replays.text, indices[step])),
                    figures[place],
                    truth.get(step),
                )
                for step, place in zip(steps, order, strict=True)
            ),
            spearman([figures[place] for place in order[:replayed]], [*truth.values()]),
            formula_took,
            replay_took,
        )

    def _start(self, at: int) -> Keyframe:
        """The first state from which the run can be made again up to `at`."""
        training = self._training
        if at < 1:
            raise LabError(
                Failure("No step was made yet", "The weights there are the random ones of step 0.")
            )
        self._replays.check(at, at)
        earliest = max(training.timeline.earliest, training.series.first)
        return training.timeline.before(earliest + 1)

    def _prediction(self, asked: commands.Influence, twin: Training) -> tuple[list[int], int]:
        """What is read, BOS first, and the token that is predicted then."""
        prepared, training = self._prepared, self._training
        size = prepared.config.block_size
        if asked.text is None:
            ids = prepared.documents[training.document][: size + 1]
        else:
            ids = typed(prepared.encoder, asked.text, size)
        last = min(len(ids) - 1, size) - 1
        position = last if asked.position is None else asked.position
        if not 0 <= position <= last:
            raise LabError(
                Failure(
                    f"There is no position {position:,}",
                    f"The model reads this text at the positions 0 to {last:,}.",
                )
            )
        read, target = ids[: position + 1], asked.token
        if target is None and position < last:
            target = ids[position + 1]
        if target is None:
            decoder = twin.current.decoder()
            logits: Sequence[float] = ()
            for token in read:
                logits = decoder.push(token)
            target = likeliest(logits)
        if not 0 <= target < prepared.config.vocab_size:
            raise LabError(
                Failure(
                    "There is no such token",
                    f"The tokens of this model are 0 to {prepared.config.vocab_size - 1:,}, and "
                    f"{target} was asked for.",
                )
            )
        return read, target

    @staticmethod
    def _loss(twin: Training, read: Sequence[int], target: int) -> float:
        """The prediction's loss with the weights of the second training, in nats."""
        return twin.current.losses([[*read, target]])[0][-1]

    def _by_formula(
        self, twin: Training, start: Keyframe, here: Standing, pull: array[float], total: int
    ) -> Work[list[float]]:
        """The formula's figure of each step after `start`, in order."""
        undone = twin.surgery.undone(here.edits, here.at)
        ends = {last: [place for place in undone if undone[place] == last] for last in
                set(undone.values())}  # fmt: skip
        masked = array("d", pull)
        for place in undone:
            masked[place] = 0.0
        formula = Formula(self._prepared.spec.optimizer.config(), len(pull))
        found: list[float] = []
        twin.begin(start, here.edits)
        while twin.step < here.at:
            at = twin.step
            for place in ends.get(at, ()):  # what moves this weight from here on counts
                masked[place] = pull[place]
            found += self._step(twin, formula, masked)
            yield twin.step - start.step, total
        return found + formula.rest()

    @staticmethod
    def _step(twin: Training, formula: Formula, pull: array[float]) -> list[float]:
        """Make a step, and take it into the formula; returns the figures known by that."""
        at = twin.step
        if not twin.forward(1):
            why = twin.trouble
            raise LabError(
                Failure(
                    f"Step {at + 1:,} cannot be made again",
                    f"{why.title}. {why.message}" if why is not None else "",
                )
            )
        with twin.current.made.guard.at("read", kind="engine"):
            gradient = twin.engine.read("gradients")
            second = twin.engine.read("second_moment")
        assert twin.last is not None
        return formula.add(at, twin.last.learning_rate, gradient, second, pull)

    # ------------------------------------------------------------ what it costs

    def cost(self, step: int | None, to: int | None = None) -> Cost:
        """What it would take to leave out this step, up to step `to`; with None, to trace a
        prediction. The pace is measured now."""
        training = self._training
        at = training.step
        if step is not None:
            self._replays.check(step, at)
            pace = self._replays.pace()
            steps = self._replays.end(to) - training.timeline.before(step).step
            return Cost(steps, steps * pace)
        start = self._start(at).step
        pace, steps = self._replays.pace(), at - start
        with plugin_failures():
            kinds = training.engine.read("weights"), training.engine.read("second_moment")
        formula = Formula(self._prepared.spec.optimizer.config(), len(kinds[0]))
        began = time.perf_counter()
        formula.add(at - 1, 1.0, *kinds, kinds[0])
        norm(kinds[0])  # about the rest of what one step costs there
        for_one = time.perf_counter() - began
        replayed = min(REPLAYED, steps) * (steps + 1) // 2  # half of the run each, on average
        return Cost(steps + replayed, steps * (pace + for_one) + replayed * pace)
