"""What a person does to the weights of a run, and tries on them first.

What is done is an edit of the run: recorded, made again in every replay, and taken back by `undo`.
What is tried changes nothing; where it takes long it is a `Work`, between the pieces of which the
run may train on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from microgpt.surgery import Component, HeadWrite, Operation, components, transplant, weights_of
from playground.lab.edits import operations_in
from playground.lab.inside.patch import patching
from playground.lab.inside.replay import Replays
from playground.lab.inside.surgery import Trials, Work, averaged
from playground.lab.inside.texts import typed
from playground.lab.inside.trial import trial
from playground.lab.protocol.commands import Patch
from playground.lab.protocol.failures import Failure, LabError
from playground.lab.protocol.surgery import Difference, Held, Patching, Ranked, Trial, Tried
from playground.lab.run.guard import plugin_failures
from playground.lab.run.setup import PreparedRun
from playground.lab.run.training import Training

AVERAGED = 32
"""Texts over which the mean of what a head writes is taken."""

NOTHING_HELD_OUT = Failure(
    "Nothing is held out",
    "A part is ranked by the loss on texts that the run does not train on, and this run has none: "
    "--holdout, as in --holdout 0.1, holds some out where a run begins.",
)


class Surgeon:
    """Operates on one run. Every method raises LabError."""

    def __init__(self, prepared: PreparedRun, training: Training, replays: Replays) -> None:
        self._prepared = prepared
        self._training = training
        self._replays = replays
        self._config = prepared.config

    # ------------------------------------------------------------ done

    def operate(self, operations: Sequence[Operation]) -> None:
        """Do this to the weights before the next step."""
        with _explained():
            self._training.operate(operations)

    def hold(self, operations: Sequence[Operation]) -> None:
        """Hold these weights, and no others, at their values from here on."""
        with _explained():
            self._training.hold(operations)

    @property
    def held(self) -> Held:
        """What is held where the run stands."""
        training = self._training
        return Held(operations_in(training.timeline.edits.held_at(training.step)))

    def undo(self) -> str:
        """Take back what was done last to the weights at this step; returns what that was, in
        words."""
        with _explained():
            undone = self._training.undo()
        if not undone:
            raise LabError(
                Failure(
                    "There is nothing to take back here",
                    "Nothing was done to the weights at this step. Go back to the step after which "
                    "it was done, and take it back there.",
                )
            )
        return undone

    def part_at(self, component: Component, step: int) -> Work[Operation]:
        """The operation that puts in a component as it is after `step` steps of the run."""
        with _explained():
            weights_of(component, self._config)
            weights = yield from self._replays.weights_at(step)
            return transplant(component, self._config, weights)

    # ------------------------------------------------------------ tried

    def trials(self) -> Trials | None:
        """Tries operations on the model as it is now; None without held-out texts."""
        documents = self._training.measured_on
        if not documents:
            return None
        with _explained():
            return Trials(self._training.current, self._config, documents)

    def trying(self, operations: Sequence[Trial], text: str | None = None) -> Work[Tried]:
        """What operations would do to the model as it stands, on a text and on the held-out texts.
        text: None for the present document."""
        training, encoder, config = self._training, self._prepared.encoder, self._config
        documents = self._prepared.documents
        with _explained():
            if text is None:
                ids = documents[training.document][: config.block_size + 1]
            else:
                ids = typed(encoder, text, config.block_size)
            weights = training.engine.read("weights")
            moment, trials = (training.step, training.epoch), self.trials()
            return (
                yield from trial(
                    config, encoder, weights, ids, operations, trials, *moment, self._texts
                )
            )

    def averaged(self, heads: Sequence[tuple[int, int]]) -> Work[list[HeadWrite]]:
        """Each of these heads, as (layer, head), with what it writes on average."""
        weights = self._training.engine.read("weights")
        return averaged(self._config, weights, self._texts, heads)

    @property
    def _texts(self) -> list[list[int]]:
        """The texts over which the mean of what a head writes is taken."""
        documents = self._prepared.documents
        return [documents[place] for place in range(min(AVERAGED, len(documents)))]

    def ranking(
        self,
        cuts: Sequence[Component] = (),
        told: Callable[[Component, Difference], None] = lambda *_: None,
    ) -> Work[Ranked]:
        """What the model as it stands would lose without each of these components; without any,
        without each that it has. told: called with each component once it is done."""
        moment = self._training.step, self._training.epoch
        with _explained():
            for cut in cuts:
                weights_of(cut, self._config)
            trials = self.trials()
            if trials is None:
                raise LabError(NOTHING_HELD_OUT)
            found = yield from trials.ranking(cuts or [*components(self._config)], told)
        return Ranked(*moment, tuple(found))

    def patching(self, patch: Patch) -> Work[Patching]:
        """Which activation carries the difference between two texts."""
        training, prepared = self._training, self._prepared
        with _explained():
            weights = training.engine.read("weights")
            moment = training.step, training.epoch
            return (yield from patching(self._config, prepared.encoder, weights, patch, *moment))


@contextmanager
def _explained() -> Iterator[None]:
    """Turn what cannot be done into LabErrors."""
    try:
        with plugin_failures():
            yield
    except (ValueError, IndexError) as error:
        raise LabError(Failure("This cannot be done to the weights", f"{error}.")) from error
