"""The model of a checkpoint with the documents of its run, ready to be scored."""

from __future__ import annotations

from collections.abc import Callable

from playground.hooks.registry import Registry
from playground.lab.protocol.failures import Failure, LabError, Progress
from playground.lab.protocol.run import Checkpoint
from playground.lab.protocol.sampling import Link, Sampling
from playground.lab.run.guard import Activity
from playground.lab.run.saved_model import SavedModel
from playground.lab.run.setup import prepare_run
from playground.lab.score.score import Sampled, Subject
from playground.lab.spec import RunSpec

CHAIN = (Link("temperature", {"temperature": 1.0}),)
"""The model's own probabilities."""
_BATCH = 10
"""Samples after which progress is told."""


def subject_of(
    checkpoint: Checkpoint,
    spec: RunSpec,
    registry: Registry,
    *,
    samples: int,
    seed: int,
    activity: Activity,
    tell: Callable[[Progress], None],
    text: bytes | None = None,
    rule: str | None = None,
) -> Subject:
    """spec: the checkpoint's, with the path at which its text lies now. samples: how many texts are
    sampled, 0 or more. text: what the run learnt from, if that is known, for the text in the file.
    rule: what a valid text matches; None without one.

    Raises LabError, also where the documents are not those that the model learnt from: nobody knows
    then which of them it has seen.
    """
    prepared = prepare_run(spec, registry, checkpoint, tell, activity, text)
    if not prepared.same_data:
        raise LabError(
            Failure(
                "The model cannot be scored on these texts",
                "They are not those that the run learnt from, so nobody knows which of them the "
                "model has seen. Put the text back as it was, or score the recorded run, which "
                "keeps a copy.",
            )
        )
    model = SavedModel.of(checkpoint, registry, activity)
    found: list[Sampled] = []
    while len(found) < samples:
        tell(Progress("sampling", len(found), samples))
        count = min(_BATCH, samples - len(found))
        batch = model.sample(Sampling(CHAIN, "", count, 0, seed))
        if batch.note:
            raise LabError(Failure("The model cannot be scored", f"{batch.note}."))
        found += [Sampled(one.text, one.complete) for one in batch.texts]
    return Subject(
        decoder=model.engine.decoder,
        encoder=prepared.encoder,
        parameters=prepared.info.parameter_count,
        train=prepared.train,
        heldout=prepared.heldout_texts,
        samples=found,
        rule=rule,
    )
