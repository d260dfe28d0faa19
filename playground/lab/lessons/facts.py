"""The facts of a lesson: its run as it stands, and what the learner did since a step began."""

from __future__ import annotations

import json
from array import array
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from microgpt.vector_engine import VectorEngine
from playground.api import LessonFacts, LookFact, TextAnatomy, TrialFact
from playground.lab.protocol.frames import FrameRequest
from playground.lab.protocol.inside import Look
from playground.lab.protocol.lessons import LessonPlace
from playground.lab.protocol.sampling import SampleBatch, Sampling
from playground.lab.protocol.surgery import Ranked, Trial, Tried
from playground.lab.run.frames import document_frame
from playground.lab.run.metrics import sample_facts
from playground.lab.run.setup import PreparedRun
from playground.lab.run.training import Training

REMEMBERED = 200
"""Looks and trials that are remembered at most."""
Price = tuple[float, float | None]
"""What the held-out loss gains, in nats a token, and its standard error, if that is known."""


class Witness:
    """What a learner looked at and tried since the present step of a lesson began, and what is
    known of the weights as they stand, whenever the learner found it."""

    def __init__(self) -> None:
        self._known: dict[str, Price] = {}
        self._known_at = (-1, -1)
        self.begin(0)

    def begin(self, batch: int) -> None:
        """Forget what was done. batch: the number of the last batch of samples so far."""
        self.batch = batch
        self.looks: deque[LookFact] = deque(maxlen=REMEMBERED)
        self.trials: deque[TrialFact] = deque(maxlen=REMEMBERED)
        self.ranked: tuple[tuple[str, float, float | None], ...] = ()
        self.panel = ""
        self.matrix = ("", "")

    def framed(self, request: FrameRequest) -> None:
        """Note what a frame was asked for."""
        self.panel = request.panel.name if request.panel else ""
        first = request.matrices[0] if request.matrices else None
        self.matrix = (first.name, first.kind) if first else ("", "")

    def looked(self, look: Look) -> None:
        """Note a look through the microscope; the same one again is none."""
        fact = LookFact(look.view, look.text, look.position, look.layer, look.head, look.name)
        if not self.looks or self.looks[-1] != fact:
            self.looks.append(fact)

    def tried(self, operations: Sequence[Trial], tried: Tried) -> None:
        """Note what was tried on the weights."""
        found = tried.heldout
        if found is not None and len(operations) == 1:
            price = (found.delta, found.error)
            self._learn((tried.step, tried.epoch), {str(operations[0]): price})
        self.trials.append(
            TrialFact(
                tuple(map(str, operations)),
                found.delta if found else None,
                found.error if found else None,
            )
        )

    def ranking(self, ranked: Ranked) -> None:
        """Note a ranking."""
        self.ranked = tuple((str(cut), one.delta, one.error) for cut, one in ranked.cuts)
        self._learn(
            (ranked.step, ranked.epoch),
            {cut: (delta, error) for cut, delta, error in self.ranked},
        )

    def known(self, moment: tuple[int, int]) -> Mapping[str, Price]:
        """What was found of each part on the weights of a moment, which is (step, epoch)."""
        return dict(self._known) if moment == self._known_at else {}

    def _learn(self, moment: tuple[int, int], prices: Mapping[str, Price]) -> None:
        self._known = {**self.known(moment), **prices}
        self._known_at = moment


class FactMaker:
    """Makes the facts of one run's lessons."""

    def __init__(
        self,
        prepared: PreparedRun,
        training: Training,
        anatomy: Callable[[str | None], TextAnatomy],
        sampled: Callable[[], Sequence[SampleBatch]],
        sampling: Callable[[], Sampling],
    ) -> None:
        self._prepared = prepared
        self._training = training
        self._anatomy = anatomy
        self._sampled = sampled
        self._sampling = sampling
        self.witness = Witness()

    def begin(self) -> None:
        """Forget what the learner did: another step of a lesson begins."""
        self.witness.begin(max((batch.number for batch in self._sampled()), default=0))

    def facts(self, place: LessonPlace) -> LessonFacts:
        """The facts at this moment, as copies that a lesson may change. Raises PluginError of
        another plugin's."""
        prepared, training, witness = self._prepared, self._training, self.witness
        info, step = prepared.info, training.step
        _, losses, rates, evaluations = training.series.between(0, step)
        shown = document_frame(prepared, training.last, training.documents_to_come()[0], 0)
        sampling, edits = self._sampling(), training.timeline.edits
        batches = [batch for batch in self._sampled() if batch.number > witness.batch]
        return LessonFacts(
            step=step,
            steps=training.spec.steps,
            furthest=max(step, training.series.head),
            began=step if place.began is None else place.began,
            losses=losses,
            learning_rates=rates,
            heldout=evaluations,
            baselines=self._baselines(),
            vocabulary=info.vocabulary,
            bos=info.bos_id,
            config=prepared.config,
            shapes={matrix.name: (matrix.rows, matrix.columns) for matrix in info.matrices},
            spec=json.loads(info.spec),
            documents=prepared.texts,
            document=shown.tokens if shown else (),
            token_losses=shown.losses if shown else (),
            samples=tuple(sample_facts(batch) for batch in sorted(batches, key=_number)),
            prompt=sampling.prompt,
            chain={link.name: dict(link.options) for link in sampling.chain if link.enabled},
            edits=edits.told(),
            held=edits.held_words(step),
            operated=edits.operated(step),
            looks=tuple(witness.looks),
            trials=tuple(witness.trials),
            ranked=witness.ranked,
            known=witness.known((step, training.epoch)),
            panel=witness.panel,
            matrix=witness.matrix,
            remembered=MappingProxyType(dict(place.remembered)),
            encode=prepared.encoder.as_read,
            read=lambda kind: training.engine.read(kind),
            gradient=self._gradient,
            anatomy=self._anatomy,
        )

    def _baselines(self) -> Mapping[str, float]:
        found = self._prepared.info.baselines_on(self._training.evaluated)
        return {one.name: one.nats for one in found}

    def _gradient(self, text: str | None) -> array[float]:
        prepared, training = self._prepared, self._training
        if text is None:
            ids = prepared.documents.shown(training.document)[: prepared.config.block_size + 1]
        else:
            ids = prepared.encoder.as_read(text)
        weights = training.engine.read("weights")
        engine = VectorEngine(prepared.config, prepared.spec.optimizer.config(), weights)
        engine.loss_and_gradients([ids])
        return engine.read("gradients")


def _number(batch: SampleBatch) -> int:
    return batch.number
